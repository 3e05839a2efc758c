# Evaluation. Needs: probabilities of every system, the test labels. Makes: measures with intervals and confusion matrices
# per group of systems, and one tidy table. From here on, and only from here, test labels are seen.


def evaluated(dataset):
    """Every group of systems of a data set with the files of its systems: {group: {system: file}}."""
    entry = DATASETS[dataset]
    folder = f"{RESULTS}/{dataset}"
    groups = {
        f"{model}/seed{seed}": {
            system: system_file(dataset, model, seed, system) for system in configuration.systems(entry, model)
        }
        for model, seed in models(dataset)
    }
    groups["floors"] = {name: f"{folder}/floors/{name}.h5" for name in ("majority", "nearest_neighbour")}
    if entry["votes"]:
        groups["votes"] = {vote: f"{folder}/votes/{vote}/fused.h5" for vote in entry["votes"]}
    if curve := entry["learning_curve"]:
        for repeat in curve["repeats"]:
            group = f"learning_curve/repeat{repeat}"
            groups[group] = {str(size): f"{folder}/{group}/{size}.h5" for size in curve["sizes"]}
    return groups


EVALUATED = {dataset: evaluated(dataset) for dataset in DATASETS}


def metrics_files(dataset):
    """The metrics of all groups of a data set."""
    return [f"{RESULTS}/{dataset}/{group}/metrics.json" for group in EVALUATED[dataset]]


def evaluate_slice(wildcards):
    entry = DATASETS[wildcards.dataset]
    model, _, rest = wildcards.group.partition("/")
    return {
        "title": f"{wildcards.dataset}/{wildcards.group}",
        "dataset": wildcards.dataset,
        "model": model,
        "seed": int(rest.removeprefix("seed").removeprefix("repeat")) if rest else None,
        "systems": list(EVALUATED[wildcards.dataset][wildcards.group]),
        "positive": entry["positive"],
        "ece_bins": entry["ece_bins"],
        "replicates": config["evaluation"]["replicates"],
        "confidence": config["evaluation"]["confidence"],
        "bootstrap_seed": config["evaluation"]["seed"],
    }


SLICES["floors"] = lambda wildcards: {}
SLICES["evaluate"] = evaluate_slice
SLICES["collect_metrics"] = lambda wildcards: {}


rule floors:
    input:
        settings=settings("floors"),
        images=PREPARED,
    output:
        majority=f"{RESULTS}/{{dataset}}/floors/majority.h5",
        nearest_neighbour=f"{RESULTS}/{{dataset}}/floors/nearest_neighbour.h5",
    log:
        log_of("{dataset}/floors/floors"),
    benchmark:
        benchmark_of("{dataset}/floors/floors")
    threads: slots(1)
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        settings=identity("floors"),
    message:
        "{wildcards.dataset}: the majority class and the nearest neighbour"
    shell:
        "python {PROGRAMS}/floors.py --settings {input.settings} --images {input.images} "
        "--majority {output.majority} --nearest-neighbour {output.nearest_neighbour} 9>&2 &> {log}"


rule evaluate:
    input:
        settings=settings("evaluate"),
        systems=lambda wildcards: EVALUATED[wildcards.dataset][wildcards.group].values(),
        val=PREPARED[1],
        test_labels=rules.prepare.output.test_labels,
    output:
        metrics=f"{RESULTS}/{{dataset}}/{{group}}/metrics.json",
    log:
        log_of("{dataset}/{group}/metrics"),
    benchmark:
        benchmark_of("{dataset}/{group}/metrics")
    wildcard_constraints:
        group="|".join(sorted({group for groups in EVALUATED.values() for group in groups})),
    threads: slots(1)
    resources:
        mem_mb=700,
        runtime=20,
    params:
        settings=identity("evaluate"),
    message:
        "{wildcards.dataset}: measuring {wildcards.group} on the test split"
    shell:
        "python {PROGRAMS}/evaluate.py --settings {input.settings} --systems {input.systems} --val {input.val} "
        "--test-labels {input.test_labels} --out {output.metrics} 9>&2 &> {log}"


rule collect_metrics:
    input:
        settings=settings("collect_metrics"),
        metrics=[file for dataset in DATASETS for file in metrics_files(dataset)],
    output:
        table=f"{RESULTS}/metrics.csv",
    log:
        log_of("metrics"),
    benchmark:
        benchmark_of("metrics")
    threads: 1
    resources:
        mem_mb=300,
        runtime=5,
    params:
        settings=identity("collect_metrics"),
    message:
        "Collecting all measures"
    shell:
        "python {PROGRAMS}/collect_metrics.py --settings {input.settings} --metrics {input.metrics} "
        "--out {output.table} 9>&2 &> {log}"
