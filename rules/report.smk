# The targets that people type, and the page. Needs: everything above. Makes: results/report.html.
rule report:
    default_target: True
    input:
        [file for dataset in DATASETS for file in metrics_files(dataset)],
