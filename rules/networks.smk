# Networks. Needs: prepared images, the bank of augmented images. Makes: trained networks with their curves, features of
# all splits, and the training-size study. No other stage but map_attention imports TensorFlow.


rule train_cnn:
    input:
        program=program("train_cnn"),
        settings=IDENTITY.settings("train_cnn"),
        train=PREPARED[0],
        val=PREPARED[1],
        augmented=PLAN.bank,
    output:
        model=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/model.keras",
        history=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/history.csv",
    log:
        f"{LOGS}/{{dataset}}/{{model}}/seed{{seed}}/model.log",
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/{{model}}/seed{{seed}}/model.tsv"
    # The longest jobs first, then what leads to comparing the systems (5), so that the comparison, one long job, is not
    # the last. Short jobs that nothing long waits for, such as the training-size study, fill the end of a run.
    priority: 10
    threads: NETWORK
    resources:
        mem_mb=1500,
        runtime=120,
        gpu=0,
    params:
        settings=IDENTITY.params("train_cnn"),
    message:
        "{wildcards.dataset}: training {wildcards.model}, seed {wildcards.seed}"
    shell:
        "python {input.program} --settings {input.settings} --train {input.train} --val {input.val} "
        "$([ -z '{input.augmented}' ] || echo --augmented {input.augmented}) "
        "--model {output.model} --history {output.history} 9>&2 &> {log}"


rule extract_features:
    input:
        program=program("extract_features"),
        settings=IDENTITY.settings("extract_features"),
        model=PLAN.trained_network,
        images=PREPARED,
    output:
        features=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/features.h5",
    log:
        f"{LOGS}/{{dataset}}/{{model}}/seed{{seed}}/features.log",
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/{{model}}/seed{{seed}}/features.tsv"
    priority: 5
    threads: NETWORK
    resources:
        mem_mb=1500,
        runtime=30,
        gpu=0,
    params:
        settings=IDENTITY.params("extract_features"),
    message:
        "{wildcards.dataset}: extracting features of {wildcards.model}, seed {wildcards.seed}"
    shell:
        "python {input.program} --settings {input.settings} --model {input.model} "
        "--images {input.images} --out {output.features} 9>&2 &> {log}"


rule learning_curve:
    input:
        program=program("learning_curve"),
        settings=IDENTITY.settings("learning_curve"),
        images=PREPARED,
        augmented=PLAN.curve_bank,
    output:
        probabilities=f"{RESULTS}/{{dataset}}/learning_curve/repeat{{repeat}}/{{size}}.h5",
    log:
        f"{LOGS}/{{dataset}}/learning_curve/repeat{{repeat}}/{{size}}.log",
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/learning_curve/repeat{{repeat}}/{{size}}.tsv"
    threads: NETWORK
    resources:
        mem_mb=1500,
        runtime=120,
        gpu=0,
    params:
        settings=IDENTITY.params("learning_curve"),
    message:
        "{wildcards.dataset}: training-size study, {wildcards.size} images, repeat {wildcards.repeat}"
    shell:
        "python {input.program} --settings {input.settings} --images {input.images} "
        "$([ -z '{input.augmented}' ] || echo --augmented {input.augmented}) "
        "--out {output.probabilities} 9>&2 &> {log}"
