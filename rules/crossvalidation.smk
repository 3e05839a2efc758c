# Cross-validation and other splits. Needs: prepared images. Makes: groups of images that stay together, partitions of the
# images, each a data set of its own for the rules from training to evaluation, and what they say together; averages of
# systems over folds, which the rules of evaluation take for a data set too.
PARTITIONS = "|".join(PLAN.partitions) or "none"
FOLD_ENSEMBLES = "|".join(PLAN.fold_ensembles) or "none"


use rule stage as group_images with:
    input:
        **stage("group_images"),
        images=PREPARED,
        pictures=PLAN.pictures,
    output:
        groups=f"{RESULTS}/{{dataset}}/groups.csv",
    log:
        f"{LOGS}/{{dataset}}/groups.log",
    wildcard_constraints:
        dataset="|".join(DATASETS),
    resources:
        mem_mb=memory(1600),
        runtime=minutes(240),
    message:
        "{wildcards.dataset}: looking for images that must stay in one split"


use rule stage as partition_images with:
    input:
        **stage("partition_images"),
        whole=PLAN.whole,
        whole_test_labels=PLAN.whole_test_labels,
        groups=PLAN.image_groups,
    output:
        images=rules.prepare.output.images,
        test_labels=rules.prepare.output.test_labels,
    log:
        f"{LOGS}/{{dataset}}/images.log",
    wildcard_constraints:
        dataset=PARTITIONS,
    message:
        "{wildcards.dataset}: dividing the images anew"


use rule stage as summarise_partitions with:
    input:
        **stage("summarise_partitions"),
        metrics=PLAN.partition_metrics,
        groups=rules.group_images.output.groups,
    output:
        values=f"{RESULTS}/{{dataset}}/{{scheme}}/values.csv",
        measures=f"{RESULTS}/{{dataset}}/{{scheme}}/measures.csv",
        comparisons=f"{RESULTS}/{{dataset}}/{{scheme}}/comparisons.csv",
        summary=f"{RESULTS}/{{dataset}}/{{scheme}}/summary.md",
    log:
        f"{LOGS}/{{dataset}}/{{scheme}}/summary.log",
    wildcard_constraints:
        dataset="|".join(DATASETS),
    message:
        "{wildcards.dataset}: summing up {wildcards.scheme}"


use rule stage as apply_fold with:
    input:
        **stage("apply_fold"),
        model=PLAN.trained_network,
        images=PLAN.given_test,
        classifiers=CORRUPTIONS.classifiers,
        fusions=CORRUPTIONS.fusions,
    output:
        given=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/given_test.h5",
    log:
        f"{LOGS}/{{dataset}}/{{model}}/seed{{seed}}/given_test.log",
    wildcard_constraints:
        dataset=PARTITIONS,
    threads: NETWORK
    resources:
        mem_mb=memory(1500, "apply_fold"),
        runtime=minutes(30),
    message:
        "{wildcards.dataset}: the given test images, seen by {wildcards.model}"


use rule stage as ensemble_folds with:
    input:
        **stage("ensemble_folds"),
        whole=PLAN.whole,
        groups=PLAN.image_groups,
        out_of_fold=PLAN.of_folds,
        given=PLAN.of_folds_on_given,
    output:
        folds=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/{{system}}/folds.h5",
    log:
        f"{LOGS}/{{dataset}}/{{model}}/seed{{seed}}/{{system}}/folds.log",
    wildcard_constraints:
        dataset=FOLD_ENSEMBLES,
    message:
        "{wildcards.dataset}: averaging {wildcards.model}/{wildcards.system} over the folds of repeat {wildcards.seed}"


use rule stage as summarise_fold_ensembles with:
    input:
        **stage("summarise_fold_ensembles"),
        ranking=rules.rank_systems.output.ranking,
        reliability=rules.assess_reliability.output.reliability,
        systems=PLAN.candidate_files,
        groups=PLAN.image_groups,
        test_labels=PLAN.test_labels,
    output:
        summary=f"{RESULTS}/{{dataset}}/summary.md",
    log:
        f"{LOGS}/{{dataset}}/summary.log",
    wildcard_constraints:
        dataset=FOLD_ENSEMBLES,
    message:
        "{wildcards.dataset}: summing up the averages over folds"
