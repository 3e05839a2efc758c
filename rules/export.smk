# What is taken away. Needs: networks, classifiers and fusions, what validation says of them, their measures, the audit.
# Makes: the selected system of each data set as one folder to use elsewhere, with predict.py, and MedMNIST's own prediction
# files of every system. Neither reads a test label; measures are those of metrics.json and
# reliability.json.


# One rule a data set, because the number of networks, and so the files, are its own: an ensemble has several.
for dataset in PLAN.one_class:

    rule:
        name:
            f"export_package_{dataset}"
        input:
            program=program("export_package"),
            settings=settings_of("export_package"),
            networks=EXPORTS.files("networks"),
            classifiers=EXPORTS.files("classifiers"),
            fusions=EXPORTS.files("fusions"),
            probabilities=EXPORTS.files("probabilities"),
            metrics=EXPORTS.metrics,
            ranking=rules.rank_systems.output.ranking,
            val=PREPARED[1],
            calibration=rules.calibrate.output.calibration,
            reliability=rules.assess_reliability.output.reliability,
            audit=rules.audit_duplicates.output.summary,
        output:
            package=f"{RESULTS}/{{dataset}}/export/model_package.json",
            card=f"{RESULTS}/{{dataset}}/export/README.md",
            classifiers=f"{RESULTS}/{{dataset}}/export/classifiers.skops",
            networks=[
                f"{RESULTS}/{{dataset}}/export/{name}.{suffix}"
                for name in EXPORTS.networks(dataset)
                for suffix in ("keras", "onnx")
            ],
        log:
            f"{LOGS}/{{dataset}}/export.log",
        wildcard_constraints:
            dataset=dataset,
        threads: NETWORK
        resources:
            mem_mb=memory(2000),
            runtime=30,
            gpu=0,
        message:
            "{wildcards.dataset}: exporting the selected system"
        shell:
            "python {input.program:q} --settings {input.settings:q} --networks {input.networks:q} "
            "--classifiers {input.classifiers:q} --fusions {input.fusions:q} --probabilities {input.probabilities:q} "
            "--metrics {input.metrics:q} --ranking {input.ranking:q} --val {input.val:q} --calibration {input.calibration:q} "
            "--reliability {input.reliability:q} --audit {input.audit:q} "
            "--package {output.package:q} --card {output.card:q} --out-classifiers {output.classifiers:q} "
            "--out-networks {output.networks:q} 9>&2 &> {log:q}"


rule write_predictions:
    input:
        program=program("write_predictions"),
        settings=settings_of("write_predictions"),
        systems=PLAN.all_probabilities,
        metrics=lambda wildcards: PLAN.metrics(wildcards.dataset),
    output:
        archive=f"{RESULTS}/{{dataset}}/predictions.zip",
    log:
        f"{LOGS}/{{dataset}}/predictions.log",
    threads: ONE
    resources:
        mem_mb=memory(400),
        runtime=10,
    message:
        "{wildcards.dataset}: writing MedMNIST's prediction files"
    shell:
        "python {input.program:q} --settings {input.settings:q} --systems {input.systems:q} --metrics {input.metrics:q} "
        "--out {output.archive:q} 9>&2 &> {log:q}"
