# Single test images. Needs: the ranking and probabilities of all candidates, the test labels, the studied network. Makes:
# galleries of errors and of disagreements, and saliency maps of the network. Nothing is fitted here.


use rule stage as select_examples with:
    input:
        **stage("select_examples"),
        ranking=rules.rank_systems.output.ranking,
        systems=REPRESENTATIVES.first_run_files,
        test_labels=rules.prepare.output.test_labels,
    output:
        examples=f"{RESULTS}/{{dataset}}/examples/examples.json",
    log:
        f"{LOGS}/{{dataset}}/examples/examples.log",
    message:
        "{wildcards.dataset}: choosing test images to show one by one"


use rule stage as map_saliency with:
    input:
        **stage("map_saliency"),
        examples=rules.select_examples.output.examples,
        images=PREPARED[2],
        model=REPRESENTATIVES.studied_network,
        features=REPRESENTATIVES.studied_features,
    output:
        maps=f"{RESULTS}/{{dataset}}/examples/maps.h5",
    log:
        f"{LOGS}/{{dataset}}/examples/maps.log",
    threads: NETWORK
    resources:
        mem_mb=memory(lambda wildcards: 1500 + PLAN.backbone_memory(wildcards.dataset), "map_saliency"),
        runtime=minutes(20),
    params:
        options=with_own("--backbone", REPRESENTATIVES.studied_backbone),
    message:
        "{wildcards.dataset}: saliency maps of the network"
