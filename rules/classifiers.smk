# Classifiers and fusion. Needs: features and probabilities of networks, labels of train and val. Makes: fitted grids,
# fusions with fixed or chosen weights, votes over systems and seeds. Nothing here ever sees a test label.


def fusion_files(wildcards):
    """The probabilities of a fusion's members."""
    members = configuration.fusion_members(config["fusions"][wildcards.fusion])
    return [system_file(wildcards.dataset, wildcards.model, wildcards.seed, member) for member in members]


def vote_files(wildcards):
    """The probabilities of a vote's systems, for all their seeds."""
    members = [member.split("/") for member in DATASETS[wildcards.dataset]["votes"][wildcards.vote]]
    return [
        system_file(wildcards.dataset, model, seed, system)
        for model, system in members
        for seed in DATASETS[wildcards.dataset]["models"][model]["seeds"]
    ]


SLICES["fit_grid"] = lambda wildcards: {
    "title": f"{wildcards.dataset}/{wildcards.model}, seed {wildcards.seed}, {wildcards.classifier}",
    "classifier": config["classifiers"][wildcards.classifier],
    "seed": int(wildcards.seed),
}
SLICES["fuse"] = lambda wildcards: {
    "title": f"{wildcards.dataset}/{wildcards.model}, seed {wildcards.seed}, {wildcards.fusion}",
    "members": configuration.fusion_members(config["fusions"][wildcards.fusion]),
    **{key: config["fusions"][wildcards.fusion].get(key) for key in ("weights", "step", "criterion")},
}
SLICES["vote"] = lambda wildcards: {
    "title": f"{wildcards.dataset}, {wildcards.vote}",
    "systems": DATASETS[wildcards.dataset]["votes"][wildcards.vote],
}


rule fit_grid:
    input:
        settings=settings("fit_grid"),
        features=rules.extract_features.output.features,
        train=PREPARED[0],
        val=PREPARED[1],
    output:
        grid=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/{{classifier}}/grid.csv",
        best=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/{{classifier}}/best.json",
        model=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/{{classifier}}/model.skops",
        probabilities=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/{{classifier}}/probabilities.h5",
    log:
        log_of("{dataset}/{model}/seed{seed}/{classifier}/model"),
    benchmark:
        benchmark_of("{dataset}/{model}/seed{seed}/{classifier}/model")
    threads: slots(1)
    resources:
        mem_mb=1200,
        runtime=60,
    params:
        settings=identity("fit_grid"),
    message:
        "{wildcards.dataset}: fitting {wildcards.classifier} on {wildcards.model}, seed {wildcards.seed}"
    shell:
        "python {PROGRAMS}/fit_grid.py --settings {input.settings} --features {input.features} --train {input.train} "
        "--val {input.val} --grid {output.grid} --best {output.best} --model {output.model} "
        "--out {output.probabilities} 9>&2 &> {log}"


rule fuse:
    input:
        settings=settings("fuse"),
        members=fusion_files,
        val=PREPARED[1],
    output:
        fusion=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/{{fusion}}/fusion.json",
        fused=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/{{fusion}}/fused.h5",
    log:
        log_of("{dataset}/{model}/seed{seed}/{fusion}/fused"),
    benchmark:
        benchmark_of("{dataset}/{model}/seed{seed}/{fusion}/fused")
    threads: 1
    resources:
        mem_mb=300,
        runtime=10,
    params:
        settings=identity("fuse"),
    message:
        "{wildcards.dataset}: fusing {wildcards.fusion} of {wildcards.model}, seed {wildcards.seed}"
    shell:
        "python {PROGRAMS}/fuse.py --settings {input.settings} "
        "--members {input.members} --val {input.val} --fusion {output.fusion} --out {output.fused} 9>&2 &> {log}"


rule vote:
    input:
        settings=settings("vote"),
        members=vote_files,
    output:
        fused=f"{RESULTS}/{{dataset}}/votes/{{vote}}/fused.h5",
    log:
        log_of("{dataset}/votes/{vote}/fused"),
    benchmark:
        benchmark_of("{dataset}/votes/{vote}/fused")
    threads: 1
    resources:
        mem_mb=300,
        runtime=10,
    params:
        settings=identity("vote"),
    message:
        "{wildcards.dataset}: {wildcards.vote}, a vote of {input.members}"
    shell:
        "python {PROGRAMS}/vote.py --settings {input.settings} --members {input.members} --out {output.fused} "
        "9>&2 &> {log}"
