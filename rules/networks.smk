# Networks. Needs: prepared images, the augmented set. Makes: trained networks with their curves, features of
# all splits, and the training-size study. No other stage but map_saliency imports TensorFlow.


rule train_cnn:
    input:
        program=program("train_cnn"),
        settings=settings_of("train_cnn"),
        train=PREPARED[0],
        val=PREPARED[1],
        augmented=PLAN.augmented,
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
        mem_mb=memory(1500),
        runtime=120,
        gpu=0,
    message:
        "{wildcards.dataset}: training {wildcards.model}, seed {wildcards.seed}"
    shell:
        "python {input.program:q} --settings {input.settings:q} --train {input.train:q} --val {input.val:q} "
        "--augmented {input.augmented:q} "
        "--model {output.model:q} --history {output.history:q} 9>&2 &> {log:q}"


rule extract_features:
    input:
        program=program("extract_features"),
        settings=settings_of("extract_features"),
        model=PLAN.trained_network,
        images=PREPARED,
    output:
        features=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/features.h5",
    log:
        f"{LOGS}/{{dataset}}/{{model}}/seed{{seed}}/features.log",
    priority: 5
    threads: NETWORK
    resources:
        mem_mb=memory(1500),
        runtime=30,
        gpu=0,
    message:
        "{wildcards.dataset}: extracting features of {wildcards.model}, seed {wildcards.seed}"
    shell:
        "python {input.program:q} --settings {input.settings:q} --model {input.model:q} "
        "--images {input.images:q} --out {output.features:q} 9>&2 &> {log:q}"


rule learning_curve:
    input:
        program=program("learning_curve"),
        settings=settings_of("learning_curve"),
        images=PREPARED,
        augmented=PLAN.curve_bank,
    output:
        probabilities=f"{RESULTS}/{{dataset}}/learning_curve/repeat{{repeat}}/{{size}}.h5",
    log:
        f"{LOGS}/{{dataset}}/learning_curve/repeat{{repeat}}/{{size}}.log",
    threads: NETWORK
    resources:
        mem_mb=memory(1500),
        runtime=120,
        gpu=0,
    message:
        "{wildcards.dataset}: training-size study, {wildcards.size} images, repeat {wildcards.repeat}"
    shell:
        "python {input.program:q} --settings {input.settings:q} --images {input.images:q} "
        "--augmented {input.augmented:q} "
        "--out {output.probabilities:q} 9>&2 &> {log:q}"
