# Classifiers and fusion. Needs: features and probabilities of networks, labels of train and val. Makes: fitted grids,
# fusions with fixed or chosen weights, ensembles over systems and seeds, and what validation says of all their
# probabilities. Nothing here ever sees a test label.


rule fit_grid:
    input:
        program=program("fit_grid"),
        settings=settings_of("fit_grid"),
        features=rules.extract_features.output.features,
        train=PREPARED[0],
        val=PREPARED[1],
    output:
        grid=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/{{classifier}}/grid.csv",
        best=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/{{classifier}}/best.json",
        model=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/{{classifier}}/model.skops",
        probabilities=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/{{classifier}}/probabilities.h5",
    log:
        f"{LOGS}/{{dataset}}/{{model}}/seed{{seed}}/{{classifier}}/model.log",
    priority: 5
    threads: ONE
    resources:
        mem_mb=memory(1200),
        runtime=60,
    message:
        "{wildcards.dataset}: fitting {wildcards.classifier} on {wildcards.model}, seed {wildcards.seed}"
    shell:
        "python {input.program:q} --settings {input.settings:q} --features {input.features:q} --train {input.train:q} "
        "--val {input.val:q} --grid {output.grid:q} --best {output.best:q} --model {output.model:q} "
        "--out {output.probabilities:q} 9>&2 &> {log:q}"


rule fuse:
    input:
        program=program("fuse"),
        settings=settings_of("fuse"),
        members=PLAN.fusion_files,
        val=PREPARED[1],
    output:
        fusion=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/{{fusion}}/fusion.json",
        fused=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/{{fusion}}/fused.h5",
    log:
        f"{LOGS}/{{dataset}}/{{model}}/seed{{seed}}/{{fusion}}/fused.log",
    priority: 5
    threads: 1
    resources:
        mem_mb=memory(300),
        runtime=10,
    message:
        "{wildcards.dataset}: fusing {wildcards.fusion} of {wildcards.model}, seed {wildcards.seed}"
    shell:
        "python {input.program:q} --settings {input.settings:q} "
        "--members {input.members:q} --val {input.val:q} --fusion {output.fusion:q} --out {output.fused:q} 9>&2 &> {log:q}"


rule ensemble:
    input:
        program=program("ensemble"),
        settings=settings_of("ensemble"),
        members=PLAN.ensemble_files,
        val=PREPARED[1],
    output:
        fused=f"{RESULTS}/{{dataset}}/ensembles/{{ensemble}}/fused.h5",
    log:
        f"{LOGS}/{{dataset}}/ensembles/{{ensemble}}/fused.log",
    priority: 5
    threads: 1
    resources:
        mem_mb=memory(300),
        runtime=10,
    message:
        "{wildcards.dataset}: {wildcards.ensemble}, an ensemble of {input.members}"
    shell:
        "python {input.program:q} --settings {input.settings:q} --members {input.members:q} --val {input.val:q} "
        "--out {output.fused:q} 9>&2 &> {log:q}"


rule calibrate:
    input:
        program=program("calibrate"),
        settings=settings_of("calibrate"),
        systems=PLAN.candidate_files,
        val=PREPARED[1],
    output:
        calibration=f"{RESULTS}/{{dataset}}/calibration.json",
    log:
        f"{LOGS}/{{dataset}}/calibration.log",
    threads: ONE
    resources:
        mem_mb=memory(300),
        runtime=10,
    message:
        "{wildcards.dataset}: choosing temperatures, prediction sets and thresholds on the validation split"
    shell:
        "python {input.program:q} --settings {input.settings:q} --systems {input.systems:q} --val {input.val:q} "
        "--out {output.calibration:q} 9>&2 &> {log:q}"
