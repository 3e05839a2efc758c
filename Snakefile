# MedMNIST Fusion: two medical image classification studies, from download to one page.
#
# What people type: report (the default), inspect, audit, predictions, export, crossvalidation, resplits, and the name of a data set of config.yaml (breast, blood).
from pathlib import Path

from snakemake.utils import min_version

min_version("9.16.3")

ROOT = Path(workflow.snakefile).resolve().parent


include: "rules/configuration.smk"


configfile: f"{ROOT}/config.yaml"


include: "rules/common.smk"
include: "rules/resources.smk"
include: "rules/rule_parts.smk"
include: "rules/stage.smk"
include: "rules/data.smk"
include: "rules/networks.smk"
include: "rules/classifiers.smk"
include: "rules/evaluation.smk"
include: "rules/crossvalidation.smk"
include: "rules/corruptions.smk"
include: "rules/figures.smk"
include: "rules/export.smk"
include: "rules/input_check.smk"
include: "rules/examples.smk"
include: "rules/label_audit.smk"
include: "rules/report.smk"
include: "rules/targets.smk"


rule all:
    default_target: True
    input:
        rules.report.output.page,
    localrule: True


rule inspect:
    input:
        expand(f"{RESULTS}/{{dataset}}/inspect/counts.csv", dataset=DATASETS),
    localrule: True


rule audit:
    input:
        expand(f"{RESULTS}/{{dataset}}/audit/summary.json", dataset=DATASETS),
    localrule: True


rule export:
    input:
        served("export", PLAN.one_class, f"{RESULTS}/{{dataset}}/export/model_package.json"),
        expand(f"{RESULTS}/{{dataset}}/try/{SYSTEM}", dataset=EXPORTS.tried),
    localrule: True


rule predictions:
    input:
        served("predictions", PLAN.in_medmnist, f"{RESULTS}/{{dataset}}/predictions.zip"),
    localrule: True


for scheme in SCHEMES:

    rule:
        name:
            scheme
        input:
            partitioned(scheme),
        localrule: True


for dataset in DATASETS:

    rule:
        name:
            dataset
        input:
            PAGE.of_dataset(dataset),
        localrule: True


include: "rules/reruns.smk"
