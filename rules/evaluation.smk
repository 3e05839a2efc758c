# Evaluation. Needs: probabilities of every system, the test labels. Makes: measures with intervals and confusion matrices
# per group of systems, the ranking by which one is selected, paired comparisons of all systems with it, how far
# probabilities can be trusted, and one tidy table. From here on, and only from here, test labels are seen.


rule baselines:
    input:
        program=program("baselines"),
        settings=settings_of("baselines"),
        images=PREPARED,
    output:
        majority=f"{RESULTS}/{{dataset}}/baselines/majority.h5",
        nearest_neighbour=f"{RESULTS}/{{dataset}}/baselines/nearest_neighbour.h5",
    log:
        f"{LOGS}/{{dataset}}/baselines/baselines.log",
    threads: ONE
    resources:
        mem_mb=memory(1000),
        runtime=20,
    message:
        "{wildcards.dataset}: the majority class and the nearest neighbour"
    shell:
        "python {input.program:q} --settings {input.settings:q} --images {input.images:q} "
        "--majority {output.majority:q} --nearest-neighbour {output.nearest_neighbour:q} 9>&2 &> {log:q}"


rule evaluate:
    input:
        program=program("evaluate"),
        settings=settings_of("evaluate"),
        systems=PLAN.group_files,
        val=PREPARED[1],
        test_labels=rules.prepare.output.test_labels,
    output:
        metrics=f"{RESULTS}/{{dataset}}/{{group}}/metrics.json",
    log:
        f"{LOGS}/{{dataset}}/{{group}}/metrics.log",
    priority: 5
    threads: ONE
    resources:
        mem_mb=memory(700),
        runtime=20,
    message:
        "{wildcards.dataset}: measuring {wildcards.group} on the test split"
    shell:
        "python {input.program:q} --settings {input.settings:q} --systems {input.systems:q} --val {input.val:q} "
        "--test-labels {input.test_labels:q} --out {output.metrics:q} 9>&2 &> {log:q}"


rule rank_systems:
    input:
        program=program("rank_systems"),
        settings=settings_of("rank_systems"),
        metrics=PLAN.ranked_metrics,
        systems=PLAN.candidate_files,
        val=PREPARED[1],
    output:
        ranking=f"{RESULTS}/{{dataset}}/ranking.csv",
    log:
        f"{LOGS}/{{dataset}}/ranking.log",
    priority: 5
    threads: ONE
    resources:
        mem_mb=memory(500),
        runtime=10,
    message:
        "{wildcards.dataset}: ranking the systems by their validation images"
    shell:
        "python {input.program:q} --settings {input.settings:q} --metrics {input.metrics:q} --systems {input.systems:q} "
        "--val {input.val:q} --out {output.ranking:q} 9>&2 &> {log:q}"


rule compare_systems:
    input:
        program=program("compare_systems"),
        settings=settings_of("compare_systems"),
        ranking=rules.rank_systems.output.ranking,
        systems=lambda wildcards: list(PLAN.compared_runs(wildcards.dataset).values()),
        test_labels=rules.prepare.output.test_labels,
        near_duplicates=rules.audit_duplicates.output.summary,
    output:
        comparisons=f"{RESULTS}/{{dataset}}/comparisons.json",
    log:
        f"{LOGS}/{{dataset}}/comparisons.log",
    priority: 5
    threads: ONE
    resources:
        mem_mb=memory(700),
        runtime=30,
    message:
        "{wildcards.dataset}: comparing every system with the selected one"
    shell:
        "python {input.program:q} --settings {input.settings:q} --ranking {input.ranking:q} --systems {input.systems:q} "
        "--test-labels {input.test_labels:q} --near-duplicates {input.near_duplicates:q} "
        "--out {output.comparisons:q} 9>&2 &> {log:q}"


rule assess_reliability:
    input:
        program=program("assess_reliability"),
        settings=settings_of("assess_reliability"),
        systems=PLAN.candidate_files,
        calibration=rules.calibrate.output.calibration,
        ranking=rules.rank_systems.output.ranking,
        test_labels=rules.prepare.output.test_labels,
    output:
        reliability=f"{RESULTS}/{{dataset}}/reliability/reliability.json",
    log:
        f"{LOGS}/{{dataset}}/reliability/reliability.log",
    threads: ONE
    resources:
        mem_mb=memory(500),
        runtime=20,
    message:
        "{wildcards.dataset}: measuring on the test split how far the probabilities can be trusted"
    shell:
        "python {input.program:q} --settings {input.settings:q} --systems {input.systems:q} "
        "--calibration {input.calibration:q} --ranking {input.ranking:q} --test-labels {input.test_labels:q} "
        "--out {output.reliability:q} 9>&2 &> {log:q}"


rule collect_metrics:
    input:
        program=program("collect_metrics"),
        settings=settings_of("collect_metrics"),
        metrics=[file for dataset in DATASETS for file in PLAN.all_metrics(dataset)],
    output:
        table=f"{RESULTS}/metrics.csv",
    log:
        f"{LOGS}/metrics.log",
    threads: 1
    resources:
        mem_mb=memory(300),
        runtime=5,
    message:
        "Collecting all measures"
    shell:
        "python {input.program:q} --settings {input.settings:q} --metrics {input.metrics:q} "
        "--out {output.table:q} 9>&2 &> {log:q}"
