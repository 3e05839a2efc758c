# Classifiers and fusion. Needs: features and probabilities of networks, labels of train and val. Makes: fitted grids,
# fusions with fixed or chosen weights, votes over systems and seeds, and what validation says of all their
# probabilities. Nothing here ever sees a test label.


rule fit_grid:
    input:
        program=program("fit_grid"),
        settings=IDENTITY.settings("fit_grid"),
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
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/{{model}}/seed{{seed}}/{{classifier}}/model.tsv"
    priority: 5
    threads: ONE
    resources:
        mem_mb=1200,
        runtime=60,
    params:
        settings=IDENTITY.params("fit_grid"),
    message:
        "{wildcards.dataset}: fitting {wildcards.classifier} on {wildcards.model}, seed {wildcards.seed}"
    shell:
        "python {input.program} --settings {input.settings} --features {input.features} --train {input.train} "
        "--val {input.val} --grid {output.grid} --best {output.best} --model {output.model} "
        "--out {output.probabilities} 9>&2 &> {log}"


rule fuse:
    input:
        program=program("fuse"),
        settings=IDENTITY.settings("fuse"),
        members=PLAN.fusion_files,
        val=PREPARED[1],
    output:
        fusion=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/{{fusion}}/fusion.json",
        fused=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/{{fusion}}/fused.h5",
    log:
        f"{LOGS}/{{dataset}}/{{model}}/seed{{seed}}/{{fusion}}/fused.log",
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/{{model}}/seed{{seed}}/{{fusion}}/fused.tsv"
    priority: 5
    threads: 1
    resources:
        mem_mb=300,
        runtime=10,
    params:
        settings=IDENTITY.params("fuse"),
    message:
        "{wildcards.dataset}: fusing {wildcards.fusion} of {wildcards.model}, seed {wildcards.seed}"
    shell:
        "python {input.program} --settings {input.settings} "
        "--members {input.members} --val {input.val} --fusion {output.fusion} --out {output.fused} 9>&2 &> {log}"


rule vote:
    input:
        program=program("vote"),
        settings=IDENTITY.settings("vote"),
        members=PLAN.vote_files,
    output:
        fused=f"{RESULTS}/{{dataset}}/votes/{{vote}}/fused.h5",
    log:
        f"{LOGS}/{{dataset}}/votes/{{vote}}/fused.log",
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/votes/{{vote}}/fused.tsv"
    priority: 5
    threads: 1
    resources:
        mem_mb=300,
        runtime=10,
    params:
        settings=IDENTITY.params("vote"),
    message:
        "{wildcards.dataset}: {wildcards.vote}, a vote of {input.members}"
    shell:
        "python {input.program} --settings {input.settings} --members {input.members} --out {output.fused} "
        "9>&2 &> {log}"


rule calibrate:
    input:
        program=program("calibrate"),
        settings=IDENTITY.settings("calibrate"),
        systems=PLAN.candidate_files,
        val=PREPARED[1],
    output:
        calibration=f"{RESULTS}/{{dataset}}/calibration.json",
    log:
        f"{LOGS}/{{dataset}}/calibration.log",
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/calibration.tsv"
    threads: ONE
    resources:
        mem_mb=300,
        runtime=10,
    params:
        settings=IDENTITY.params("calibrate"),
    message:
        "{wildcards.dataset}: choosing temperatures, prediction sets and thresholds on the validation split"
    shell:
        "python {input.program} --settings {input.settings} --systems {input.systems} --val {input.val} "
        "--out {output.calibration} 9>&2 &> {log}"
