# What is taken away. Needs: networks, classifiers and fusions, what validation says of them, their measures, the audit.
# Makes: the best system of each data set as one folder to use elsewhere, with predict.py, and MedMNIST's own prediction
# files of every system. Neither reads a test label; measures are those of metrics.json and
# reliability.json.


# One rule a data set, because the number of networks, and so the files, are its own: a vote has several.
for dataset in PLAN.one_class:

    rule:
        name:
            f"export_bundle_{dataset}"
        input:
            program=program("export_bundle"),
            settings=IDENTITY.settings("export_bundle"),
            networks=EXPORTS.files("networks"),
            classifiers=EXPORTS.files("classifiers"),
            fusions=EXPORTS.files("fusions"),
            probabilities=EXPORTS.files("probabilities"),
            metrics=EXPORTS.metrics,
            val=PREPARED[1],
            calibration=rules.calibrate.output.calibration,
            reliability=rules.assess_reliability.output.reliability,
            audit=rules.audit_twins.output.summary,
        output:
            bundle=f"{RESULTS}/{{dataset}}/export/bundle.json",
            card=f"{RESULTS}/{{dataset}}/export/README.md",
            classifiers=f"{RESULTS}/{{dataset}}/export/classifiers.skops",
            networks=[
                f"{RESULTS}/{{dataset}}/export/{name}.{suffix}"
                for name in EXPORTS.networks(dataset)
                for suffix in ("keras", "onnx")
            ],
        log:
            f"{LOGS}/{{dataset}}/export.log",
        benchmark:
            f"{BENCHMARKS}/{{dataset}}/export.tsv"
        wildcard_constraints:
            dataset=dataset,
        threads: NETWORK
        resources:
            mem_mb=2000,
            runtime=30,
            gpu=0,
        params:
            settings=IDENTITY.params("export_bundle"),
        message:
            "{wildcards.dataset}: exporting the best system on validation"
        shell:
            "python {input.program} --settings {input.settings} --networks {input.networks} "
            "--classifiers {input.classifiers} --fusions {input.fusions} --probabilities {input.probabilities} "
            "--metrics {input.metrics} --val {input.val} --calibration {input.calibration} "
            "--reliability {input.reliability} --audit {input.audit} "
            "--bundle {output.bundle} --card {output.card} --out-classifiers {output.classifiers} "
            "--out-networks {output.networks} 9>&2 &> {log}"


rule write_predictions:
    input:
        program=program("write_predictions"),
        settings=IDENTITY.settings("write_predictions"),
        systems=PLAN.all_probabilities,
        metrics=lambda wildcards: PLAN.metrics(wildcards.dataset),
    output:
        archive=f"{RESULTS}/{{dataset}}/predictions.zip",
    log:
        f"{LOGS}/{{dataset}}/predictions.log",
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/predictions.tsv"
    threads: ONE
    resources:
        mem_mb=400,
        runtime=10,
    params:
        settings=IDENTITY.params("write_predictions"),
    message:
        "{wildcards.dataset}: writing MedMNIST's prediction files"
    shell:
        "python {input.program} --settings {input.settings} --systems {input.systems} --metrics {input.metrics} "
        "--out {output.archive} 9>&2 &> {log}"
