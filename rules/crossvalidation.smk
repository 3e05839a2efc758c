# Cross-validation and other splits. Needs: prepared images. Makes: groups of images that stay together, partitions of the
# images, each a data set of its own for the rules from training to evaluation, and what they say together.
PARTITIONS = "|".join(PLAN.partitions) or "none"


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
