# The input check. Needs: networks and their features, prepared images; to be tried, the exported system and test images
# without labels. Makes: what tells whether an image is unlike the training images, fitted on training and validation images;
# and how many images of which kinds are found so. Of backbones none needs TensorFlow.


use rule stage as fit_input_check with:
    input:
        **stage("fit_input_check"),
        network=INPUT_CHECKS.network,
        features=INPUT_CHECKS.features,
        train=PREPARED[0],
        val=PREPARED[1],
        groups=PLAN.groups_of,
    output:
        input_check=f"{RESULTS}/{{dataset}}/{{model}}/input_check.h5",
    log:
        f"{LOGS}/{{dataset}}/{{model}}/input_check.log",
    threads: NETWORK
    resources:
        mem_mb=memory(lambda wildcards: 1800 + PLAN.backbone_memory(wildcards.dataset), "fit_input_check"),
        runtime=minutes(60),
    params:
        options=with_own("--backbone", INPUT_CHECKS.backbone),
    message:
        "{wildcards.dataset}: fitting the input check of {wildcards.model}"


use rule stage as apply_input_check with:
    input:
        **stage("apply_input_check"),
        package=f"{RESULTS}/{{dataset}}/export/model_package.json",
        classifiers=f"{RESULTS}/{{dataset}}/export/classifiers.skops",
        input_check=f"{RESULTS}/{{dataset}}/export/input_check.npz",
        networks=EXPORTS.packed,
        images=PREPARED[2],
        others=INPUT_CHECKS.other_images,
    output:
        tried=f"{RESULTS}/{{dataset}}/input_check.json",
    log:
        f"{LOGS}/{{dataset}}/input_check.log",
    threads: NETWORK
    resources:
        mem_mb=memory(lambda wildcards: 1200 + PLAN.backbone_memory(wildcards.dataset)),
        runtime=minutes(60),
    params:
        options=with_own("--backbones", EXPORTS.backbone_files),
    message:
        "{wildcards.dataset}: trying the input check of the exported system"
