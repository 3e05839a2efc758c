# What is taken away. Needs: networks, classifiers and fusions, what validation says of them, their measures, the audit.
# Makes: the selected system of each data set as one folder to use elsewhere, with predict.py; a page on which it is tried in a
# browser; MedMNIST's own prediction files of every system. None reads a test label; measures are those of metrics.json
# and reliability.json.


# One rule a data set, because the number of networks, and so the files, are its own: an ensemble has several.
for dataset in PLAN.one_class:

    rule:
        name:
            f"export_package_{dataset}"
        input:
            **stage("export_package"),
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
            input_checks=INPUT_CHECKS.checks,
        output:
            package=f"{RESULTS}/{{dataset}}/export/model_package.json",
            card=f"{RESULTS}/{{dataset}}/export/README.md",
            exported_classifiers=f"{RESULTS}/{{dataset}}/export/classifiers.skops",
            exported_check=f"{RESULTS}/{{dataset}}/export/input_check.npz",
            exported_networks=[f"{RESULTS}/{{dataset}}/export/{name}" for name in EXPORTS.network_files(dataset)],
        log:
            f"{LOGS}/{{dataset}}/export.log",
        wildcard_constraints:
            dataset=dataset,
        threads: NETWORK
        resources:
            mem_mb=memory(2000 + PLAN.backbone_memory(dataset)),
            runtime=minutes(30),
        params:
            options=with_own("--backbones", EXPORTS.backbone_files),
        message:
            "{wildcards.dataset}: exporting the selected system"
        shell:
            COMMAND


use rule stage as write_try_page with:
    input:
        **stage("write_try_page"),
        package=f"{RESULTS}/{{dataset}}/export/model_package.json",
        classifiers=f"{RESULTS}/{{dataset}}/export/classifiers.skops",
        input_check=f"{RESULTS}/{{dataset}}/export/input_check.npz",
        networks=EXPORTS.onnx,
        val=PREPARED[1],
    output:
        system=f"{RESULTS}/{{dataset}}/try/{SYSTEM}",
        arrays=f"{RESULTS}/{{dataset}}/try/{ARRAYS}",
        page=[f"{RESULTS}/{{dataset}}/try/{name}" for name in TRY_PAGE],
    log:
        f"{LOGS}/{{dataset}}/try.log",
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20),
    message:
        "{wildcards.dataset}: writing the page on which the exported system is tried"


use rule stage as write_predictions with:
    input:
        **stage("write_predictions"),
        systems=PLAN.all_probabilities,
        metrics=lambda wildcards: PLAN.metrics(wildcards.dataset),
    output:
        archive=f"{RESULTS}/{{dataset}}/predictions.zip",
    log:
        f"{LOGS}/{{dataset}}/predictions.log",
    message:
        "{wildcards.dataset}: writing MedMNIST's prediction files"
