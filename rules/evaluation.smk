# Evaluation. Needs: probabilities of every system, the test labels. Makes: measures with intervals and confusion matrices
# per group of systems, paired comparisons of all systems with the best, how far probabilities can be trusted, and one tidy
# table. From here on, and only from here, test labels are seen.


rule floors:
    input:
        program=program("floors"),
        settings=IDENTITY.settings("floors"),
        images=PREPARED,
    output:
        majority=f"{RESULTS}/{{dataset}}/floors/majority.h5",
        nearest_neighbour=f"{RESULTS}/{{dataset}}/floors/nearest_neighbour.h5",
    log:
        f"{LOGS}/{{dataset}}/floors/floors.log",
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/floors/floors.tsv"
    threads: ONE
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        settings=IDENTITY.params("floors"),
    message:
        "{wildcards.dataset}: the majority class and the nearest neighbour"
    shell:
        "python {input.program} --settings {input.settings} --images {input.images} "
        "--majority {output.majority} --nearest-neighbour {output.nearest_neighbour} 9>&2 &> {log}"


rule evaluate:
    input:
        program=program("evaluate"),
        settings=IDENTITY.settings("evaluate"),
        systems=PLAN.group_files,
        val=PREPARED[1],
        test_labels=rules.prepare.output.test_labels,
    output:
        metrics=f"{RESULTS}/{{dataset}}/{{group}}/metrics.json",
    log:
        f"{LOGS}/{{dataset}}/{{group}}/metrics.log",
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/{{group}}/metrics.tsv"
    priority: 5
    threads: ONE
    resources:
        mem_mb=700,
        runtime=20,
    params:
        settings=IDENTITY.params("evaluate"),
    message:
        "{wildcards.dataset}: measuring {wildcards.group} on the test split"
    shell:
        "python {input.program} --settings {input.settings} --systems {input.systems} --val {input.val} "
        "--test-labels {input.test_labels} --out {output.metrics} 9>&2 &> {log}"


rule compare_systems:
    input:
        program=program("compare_systems"),
        settings=IDENTITY.settings("compare_systems"),
        metrics=lambda wildcards: PLAN.compared_metrics(wildcards.dataset),
        systems=lambda wildcards: list(PLAN.compared_runs(wildcards.dataset).values()),
        test_labels=rules.prepare.output.test_labels,
        twins=rules.audit_twins.output.summary,
    output:
        comparisons=f"{RESULTS}/{{dataset}}/comparisons.json",
    log:
        f"{LOGS}/{{dataset}}/comparisons.log",
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/comparisons.tsv"
    priority: 5
    threads: ONE
    resources:
        mem_mb=700,
        runtime=30,
    params:
        settings=IDENTITY.params("compare_systems"),
    message:
        "{wildcards.dataset}: comparing every system with the best"
    shell:
        "python {input.program} --settings {input.settings} --metrics {input.metrics} --systems {input.systems} "
        "--test-labels {input.test_labels} --twins {input.twins} --out {output.comparisons} 9>&2 &> {log}"


rule assess_reliability:
    input:
        program=program("assess_reliability"),
        settings=IDENTITY.settings("assess_reliability"),
        systems=PLAN.candidate_files,
        calibration=rules.calibrate.output.calibration,
        metrics=PLAN.candidate_metrics,
        test_labels=rules.prepare.output.test_labels,
    output:
        reliability=f"{RESULTS}/{{dataset}}/reliability/reliability.json",
    log:
        f"{LOGS}/{{dataset}}/reliability/reliability.log",
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/reliability/reliability.tsv"
    threads: ONE
    resources:
        mem_mb=500,
        runtime=20,
    params:
        settings=IDENTITY.params("assess_reliability"),
    message:
        "{wildcards.dataset}: measuring on the test split how far the probabilities can be trusted"
    shell:
        "python {input.program} --settings {input.settings} --systems {input.systems} "
        "--calibration {input.calibration} --metrics {input.metrics} --test-labels {input.test_labels} "
        "--out {output.reliability} 9>&2 &> {log}"


rule collect_metrics:
    input:
        program=program("collect_metrics"),
        settings=IDENTITY.settings("collect_metrics"),
        metrics=[file for dataset in DATASETS for file in PLAN.all_metrics(dataset)],
    output:
        table=f"{RESULTS}/metrics.csv",
    log:
        f"{LOGS}/metrics.log",
    benchmark:
        benchmark_of("collect_metrics", "metrics")
    threads: 1
    resources:
        mem_mb=300,
        runtime=5,
    params:
        settings=IDENTITY.params("collect_metrics"),
    message:
        "Collecting all measures"
    shell:
        "python {input.program} --settings {input.settings} --metrics {input.metrics} "
        "--out {output.table} 9>&2 &> {log}"
