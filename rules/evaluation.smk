# Evaluation. Needs: probabilities of every system, the test labels. Makes: measures with intervals and confusion matrices
# per group of systems, the ranking by which one is selected, paired comparisons of all systems with it, how well it
# discriminates classes, how far probabilities can be trusted, how it does in parts of the images that metadata tell
# apart, and one tidy table. From here on, and only from here, test labels are seen.


use rule stage as baselines with:
    input:
        **stage("baselines"),
        images=PREPARED,
    output:
        majority=f"{RESULTS}/{{dataset}}/baselines/majority.h5",
        nearest_neighbour=f"{RESULTS}/{{dataset}}/baselines/nearest_neighbour.h5",
    log:
        f"{LOGS}/{{dataset}}/baselines/baselines.log",
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    message:
        "{wildcards.dataset}: the majority class and the nearest neighbour"


use rule stage as evaluate with:
    input:
        **stage("evaluate"),
        systems=PLAN.group_files,
        val=PLAN.val_labels,
        test_labels=PLAN.test_labels,
    output:
        metrics=f"{RESULTS}/{{dataset}}/{{group}}/metrics.json",
    log:
        f"{LOGS}/{{dataset}}/{{group}}/metrics.log",
    priority: 5
    resources:
        mem_mb=memory(700),
        runtime=minutes(10),
    message:
        "{wildcards.dataset}: measuring {wildcards.group} on the test split"


use rule stage as rank_systems with:
    input:
        **stage("rank_systems"),
        metrics=PLAN.ranked_metrics,
        systems=PLAN.candidate_files,
        val=PLAN.val_labels,
    output:
        ranking=f"{RESULTS}/{{dataset}}/ranking.csv",
    log:
        f"{LOGS}/{{dataset}}/ranking.log",
    priority: 5
    message:
        "{wildcards.dataset}: ranking the systems by their validation images"


use rule stage as compare_systems with:
    input:
        **stage("compare_systems"),
        ranking=rules.rank_systems.output.ranking,
        systems=lambda wildcards: list(PLAN.compared_runs(wildcards.dataset).values()),
        test_labels=rules.prepare.output.test_labels,
        near_duplicates=rules.audit_duplicates.output.summary,
    output:
        comparisons=f"{RESULTS}/{{dataset}}/comparisons.json",
    log:
        f"{LOGS}/{{dataset}}/comparisons.log",
    priority: 5
    resources:
        mem_mb=memory(700),
        runtime=minutes(10),
    message:
        "{wildcards.dataset}: comparing every system with the selected one"


use rule stage as assess_reliability with:
    input:
        **stage("assess_reliability"),
        systems=PLAN.candidate_files,
        calibration=rules.calibrate.output.calibration,
        ranking=rules.rank_systems.output.ranking,
        test_labels=PLAN.test_labels,
    output:
        reliability=f"{RESULTS}/{{dataset}}/reliability/reliability.json",
    log:
        f"{LOGS}/{{dataset}}/reliability/reliability.log",
    message:
        "{wildcards.dataset}: measuring on the test split how far the probabilities can be trusted"


use rule stage as assess_discrimination with:
    input:
        **stage("assess_discrimination"),
        systems=PLAN.candidate_files,
        baseline=rules.baselines.output.nearest_neighbour,
        calibration=PLAN.calibration,
        ranking=rules.rank_systems.output.ranking,
        test_labels=rules.prepare.output.test_labels,
    output:
        discrimination=f"{RESULTS}/{{dataset}}/discrimination/discrimination.json",
    log:
        f"{LOGS}/{{dataset}}/discrimination/discrimination.log",
    resources:
        mem_mb=memory(700),
        runtime=minutes(10),
    message:
        "{wildcards.dataset}: measuring discrimination between the classes on the test split"


use rule stage as assess_slices with:
    input:
        **stage("assess_slices"),
        systems=PLAN.candidate_files,
        ranking=rules.rank_systems.output.ranking,
        images=PREPARED,
        pictures=PLAN.pictures,
        test_labels=rules.prepare.output.test_labels,
    output:
        slices=f"{RESULTS}/{{dataset}}/slices.json",
        table=f"{RESULTS}/{{dataset}}/slices.csv",
    log:
        f"{LOGS}/{{dataset}}/slices.log",
    wildcard_constraints:
        dataset="|".join(PLAN.with_metadata) or "none",
    resources:
        mem_mb=memory(700),
        runtime=minutes(10),
    params:
        # No input, although it is read: as of a data file, what became of it is found by content.
        options=with_own("--metadata", PLAN.metadata),
    message:
        "{wildcards.dataset}: measuring the selected system by what is known of the test images"


use rule stage as collect_metrics with:
    input:
        **stage("collect_metrics"),
        metrics=[file for dataset in DATASETS for file in PLAN.all_metrics(dataset)],
    output:
        table=f"{RESULTS}/metrics.csv",
    log:
        f"{LOGS}/metrics.log",
    message:
        "Collecting all measures"
