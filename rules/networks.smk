# Networks. Needs: prepared images, the bank of augmented images. Makes: trained networks with their curves, features of
# all splits, and the training-size study. The only stages that import TensorFlow.


def network_of(wildcards):
    """The network's entry in the configuration, for a model."""
    return config["networks"][DATASETS[wildcards.dataset]["models"][wildcards.model]["network"]]


def bank_of(network):
    """The bank of augmented images as an input, if the network draws from it."""
    return [] if network["training"]["images"] == "original" else rules.augment.output.bank


SLICES["train_cnn"] = lambda wildcards: {
    "title": f"{wildcards.dataset}/{wildcards.model}, seed {wildcards.seed}",
    "network": {key: network_of(wildcards)[key] for key in ("architecture", "options", "training")},
    "train_images": DATASETS[wildcards.dataset]["models"][wildcards.model]["train_images"],
    "seed": int(wildcards.seed),
}
SLICES["extract_features"] = lambda wildcards: {
    "title": f"{wildcards.dataset}/{wildcards.model}, seed {wildcards.seed}",
    **network_of(wildcards)["features"],
}
SLICES["learning_curve"] = lambda wildcards: {
    "title": f"{wildcards.dataset}, training-size study, repeat {wildcards.repeat}",
    "network": config["networks"][DATASETS[wildcards.dataset]["learning_curve"]["network"]],
    "sizes": DATASETS[wildcards.dataset]["learning_curve"]["sizes"],
    "seed": int(wildcards.repeat),
}


rule train_cnn:
    input:
        settings=settings("train_cnn"),
        train=PREPARED[0],
        val=PREPARED[1],
        augmented=lambda wildcards: bank_of(network_of(wildcards)),
    output:
        model=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/model.keras",
        history=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/history.csv",
    log:
        log_of("{dataset}/{model}/seed{seed}/model"),
    benchmark:
        benchmark_of("{dataset}/{model}/seed{seed}/model")
    priority: 10  # the longest jobs first, so that both processors stay busy to the end
    threads: slots(config["compute"]["threads"])
    resources:
        mem_mb=1500,
        runtime=120,
        gpu=0,
    params:
        settings=identity("train_cnn"),
    message:
        "{wildcards.dataset}: training {wildcards.model}, seed {wildcards.seed}"
    shell:
        "python {PROGRAMS}/train_cnn.py --settings {input.settings} --train {input.train} --val {input.val} "
        "$([ -z '{input.augmented}' ] || echo --augmented {input.augmented}) "
        "--model {output.model} --history {output.history} 9>&2 &> {log}"


rule extract_features:
    input:
        settings=settings("extract_features"),
        model=rules.train_cnn.output.model,
        images=PREPARED,
    output:
        features=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/features.h5",
    log:
        log_of("{dataset}/{model}/seed{seed}/features"),
    benchmark:
        benchmark_of("{dataset}/{model}/seed{seed}/features")
    threads: slots(config["compute"]["threads"])
    resources:
        mem_mb=1500,
        runtime=30,
        gpu=0,
    params:
        settings=identity("extract_features"),
    message:
        "{wildcards.dataset}: extracting features of {wildcards.model}, seed {wildcards.seed}"
    shell:
        "python {PROGRAMS}/extract_features.py --settings {input.settings} --model {input.model} "
        "--images {input.images} --out {output.features} 9>&2 &> {log}"


for dataset, entry in DATASETS.items():
    if not entry["learning_curve"]:
        continue

    # One rule a data set, because the sizes are its own; one job a repeat, because TensorFlow takes seconds to start.
    rule:
        name:
            f"learning_curve_{dataset}"
        input:
            settings=settings("learning_curve"),
            images=PREPARED,
            augmented=bank_of(config["networks"][entry["learning_curve"]["network"]]),
        output:
            [
                f"{RESULTS}/{{dataset}}/learning_curve/repeat{{repeat}}/{size}.h5"
                for size in entry["learning_curve"]["sizes"]
            ],
        log:
            log_of("{dataset}/learning_curve/repeat{repeat}"),
        benchmark:
            benchmark_of("{dataset}/learning_curve/repeat{repeat}")
        wildcard_constraints:
            dataset=dataset,
        priority: 10
        threads: slots(config["compute"]["threads"])
        resources:
            mem_mb=1500,
            runtime=120,
            gpu=0,
        params:
            settings=identity("learning_curve"),
        message:
            "{wildcards.dataset}: training-size study, repeat {wildcards.repeat}"
        shell:
            "python {PROGRAMS}/learning_curve.py --settings {input.settings} --images {input.images} "
            "$([ -z '{input.augmented}' ] || echo --augmented {input.augmented}) "
            "--out {output} 9>&2 &> {log}"
