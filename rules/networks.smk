# Networks. Needs: prepared images, the augmented set, files of backbones, and of pretrained networks files of weights or
# Keras' server. Makes: trained networks with their curves, features of all splits, and the training-size study. All but
# apply_backbone and fetch_weights import TensorFlow; of the others only corrupt_predict, fit_input_check, map_saliency and
# export_package.


use rule stage as fetch_weights with:
    input:
        **stage("fetch_weights"),
    output:
        # The file itself is no output, as that of a download.
        receipt=f"{RESULTS}/downloads/{{application}}.json",
    log:
        f"{LOGS}/download/{{application}}.log",
    wildcard_constraints:
        application="|".join(PLAN.applications) or "none",
    localrule: True
    resources:
        mem_mb=memory(300),
        runtime=60,
    params:
        options=with_own(
            "--weights", lambda wildcards: [f"{config['data']}/{APPLICATIONS[wildcards.application].file}"]
        ),
    message:
        "Obtaining ImageNet weights of {wildcards.application}"


use rule stage as train_cnn with:
    input:
        lambda wildcards: PLAN.weights_receipts(PLAN.network(wildcards)),  # waited for: the file is named below
        **stage("train_cnn"),
        train=PREPARED[0],
        val=PREPARED[1],
        augmented=PLAN.augmented,
        groups=PLAN.groups_of,
    output:
        model=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/model.keras",
        history=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/history.csv",
    log:
        f"{LOGS}/{{dataset}}/{{model}}/seed{{seed}}/model.log",
    # The longest jobs first, then what leads to comparing the systems (5), so that the comparison, one long job, is not
    # the last. Short jobs that nothing long waits for, such as the training-size study, fill the end of a run.
    priority: 10
    threads: NETWORK
    resources:
        mem_mb=memory(1500, "train_cnn"),
        runtime=minutes(120),
    params:
        options=with_own("--weights", lambda wildcards: PLAN.weights(PLAN.network(wildcards))),
    message:
        "{wildcards.dataset}: training {wildcards.model}, seed {wildcards.seed}"


use rule stage as extract_features with:
    input:
        **stage("extract_features"),
        model=PLAN.trained_network,
        images=PREPARED,
    output:
        features=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/features.h5",
    log:
        f"{LOGS}/{{dataset}}/{{model}}/seed{{seed}}/features.log",
    priority: 5
    threads: NETWORK
    resources:
        mem_mb=memory(1500, "extract_features"),
        runtime=minutes(30),
    message:
        "{wildcards.dataset}: extracting features of {wildcards.model}, seed {wildcards.seed}"


use rule stage as apply_backbone with:
    input:
        **stage("apply_backbone"),
        images=PREPARED,
    output:
        features=f"{RESULTS}/{{dataset}}/{{model}}/backbone.h5",
    log:
        f"{LOGS}/{{dataset}}/{{model}}/backbone.log",
    priority: 10
    threads: NETWORK
    resources:
        mem_mb=memory(lambda wildcards: 1500 + PLAN.backbone_memory(wildcards.dataset)),
        runtime=minutes(120),
    params:
        # No input, although it is read: what became of a user's file is found by content, never by age.
        options=with_own("--backbone", PLAN.backbone_file),
    message:
        "{wildcards.dataset}: applying the backbone of {wildcards.model}"


use rule stage as learning_curve with:
    input:
        lambda wildcards: PLAN.weights_receipts(PLAN.curve_network(wildcards.dataset)),
        **stage("learning_curve"),
        images=PREPARED,
        augmented=PLAN.curve_augmented,
    output:
        probabilities=f"{RESULTS}/{{dataset}}/learning_curve/repeat{{repeat}}/{{size}}.h5",
    log:
        f"{LOGS}/{{dataset}}/learning_curve/repeat{{repeat}}/{{size}}.log",
    threads: NETWORK
    resources:
        mem_mb=memory(1500, "learning_curve"),
        runtime=minutes(120),
    params:
        options=with_own("--weights", lambda wildcards: PLAN.weights(PLAN.curve_network(wildcards.dataset))),
    message:
        "{wildcards.dataset}: training-size study, {wildcards.size} images, repeat {wildcards.repeat}"
