# Classifiers and fusion. Needs: features and probabilities of networks, labels of train and val. Makes: fitted grids,
# fusions with fixed or chosen weights, ensembles over systems and seeds, and what validation says of all their
# probabilities. Nothing here ever sees a test label.


use rule stage as fit_grid with:
    input:
        **stage("fit_grid"),
        features=PLAN.features,
        train=PREPARED[0],
        val=PREPARED[1],
        groups=PLAN.groups_of,
    output:
        grid=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/{{classifier}}/grid.csv",
        best=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/{{classifier}}/best.json",
        model=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/{{classifier}}/model.skops",
        probabilities=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/{{classifier}}/probabilities.h5",
    log:
        f"{LOGS}/{{dataset}}/{{model}}/seed{{seed}}/{{classifier}}/model.log",
    priority: 5
    resources:
        mem_mb=memory(1200),
        runtime=minutes(30),
    message:
        "{wildcards.dataset}: fitting {wildcards.classifier} on {wildcards.model}, seed {wildcards.seed}"


use rule stage as fuse with:
    input:
        **stage("fuse"),
        members=PLAN.fusion_files,
        val=PREPARED[1],
    output:
        fusion=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/{{fusion}}/fusion.json",
        fused=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/{{fusion}}/fused.h5",
    log:
        f"{LOGS}/{{dataset}}/{{model}}/seed{{seed}}/{{fusion}}/fused.log",
    priority: 5
    message:
        "{wildcards.dataset}: fusing {wildcards.fusion} of {wildcards.model}, seed {wildcards.seed}"


use rule stage as ensemble with:
    input:
        **stage("ensemble"),
        members=PLAN.ensemble_files,
        val=PREPARED[1],
    output:
        fused=f"{RESULTS}/{{dataset}}/ensembles/{{ensemble}}/fused.h5",
    log:
        f"{LOGS}/{{dataset}}/ensembles/{{ensemble}}/fused.log",
    priority: 5
    message:
        "{wildcards.dataset}: {wildcards.ensemble}, an ensemble of {input.members}"


use rule stage as calibrate with:
    input:
        **stage("calibrate"),
        systems=PLAN.candidate_files,
        val=PLAN.val_labels,
    output:
        calibration=f"{RESULTS}/{{dataset}}/calibration.json",
    log:
        f"{LOGS}/{{dataset}}/calibration.log",
    message:
        "{wildcards.dataset}: choosing temperatures, prediction sets and thresholds on the validation split"
