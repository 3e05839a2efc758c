# Figures. Needs: what the stages wrote, and for results the measures. Makes: one SVG a kind. Nothing is fitted on test
# labels here: study_classifiers, which fits, never sees them; the drawing adds them as colours of points.


rule draw_curves:
    input:
        program=program("draw_curves"),
        settings=IDENTITY.settings("draw_curves"),
        histories=PLAN.histories,
        data=PREPARED[:2],
    output:
        report(f"{RESULTS}/{{dataset}}/{{model}}/curves.svg", "../captions/curves.rst", "{dataset}", "{model}"),
    log:
        f"{LOGS}/{{dataset}}/{{model}}/curves.log",
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/{{model}}/curves.tsv"
    threads: ONE
    resources:
        mem_mb=400,
        runtime=5,
    params:
        settings=IDENTITY.params("draw_curves"),
    message:
        "{wildcards.dataset}: drawing the curves of {wildcards.model}"
    shell:
        "python {input.program} --settings {input.settings} "
        "--history {input.histories} --data {input.data} "
        "--out {output} 9>&2 &> {log}"


rule draw_grids:
    input:
        program=program("draw_grids"),
        settings=IDENTITY.settings("draw_grids"),
        grids=PAGE.grid_files("grid.csv"),
        best=PAGE.grid_files("best.json"),
        data=PREPARED[:2],
    output:
        report(f"{RESULTS}/{{dataset}}/{{model}}/grids.svg", "../captions/grids.rst", "{dataset}", "{model}"),
    log:
        f"{LOGS}/{{dataset}}/{{model}}/grids.log",
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/{{model}}/grids.tsv"
    threads: ONE
    resources:
        mem_mb=400,
        runtime=5,
    params:
        settings=IDENTITY.params("draw_grids"),
    message:
        "{wildcards.dataset}: drawing the grids of {wildcards.model}"
    shell:
        "python {input.program} --settings {input.settings} "
        "--grid {input.grids} "
        "--best {input.best} "
        "--data {input.data} --out {output} 9>&2 &> {log}"


rule draw_fusions:
    input:
        program=program("draw_fusions"),
        settings=IDENTITY.settings("draw_fusions"),
        fusions=PAGE.chosen_fusion_files,
        data=PREPARED[1],
    output:
        report(f"{RESULTS}/{{dataset}}/{{model}}/fusions.svg", "../captions/fusions.rst", "{dataset}", "{model}"),
    log:
        f"{LOGS}/{{dataset}}/{{model}}/fusions.log",
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/{{model}}/fusions.tsv"
    threads: ONE
    resources:
        mem_mb=400,
        runtime=5,
    params:
        settings=IDENTITY.params("draw_fusions"),
    message:
        "{wildcards.dataset}: drawing the fusions of {wildcards.model}"
    shell:
        "python {input.program} --settings {input.settings} "
        "--fusion {input.fusions} --data {input.data} "
        "--out {output} 9>&2 &> {log}"


rule study_classifiers:
    input:
        program=program("study_classifiers"),
        settings=IDENTITY.settings("study_classifiers"),
        features=PAGE.studied_features,
        train=PREPARED[0],
        val=PREPARED[1],
        tree=PAGE.studied_tree,
    output:
        studies=f"{RESULTS}/{{dataset}}/studies/studies.h5",
    log:
        f"{LOGS}/{{dataset}}/studies/studies.log",
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/studies/studies.tsv"
    threads: ONE
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        settings=IDENTITY.params("study_classifiers"),
    message:
        "{wildcards.dataset}: learning curves of tree and forest, regions in the PCA plane"
    shell:
        "python {input.program} --settings {input.settings} --features {input.features} "
        "--train {input.train} --val {input.val} $([ -z '{input.tree}' ] || echo --tree-model {input.tree}) "
        "--out {output.studies} 9>&2 &> {log}"


rule draw_studies:
    input:
        program=program("draw_studies"),
        settings=IDENTITY.settings("draw_studies"),
        studies=rules.study_classifiers.output.studies,
        train=PREPARED[0],
        test_labels=rules.prepare.output.test_labels,
    output:
        learning=report(
            f"{RESULTS}/{{dataset}}/studies/learning.svg", "../captions/learning.rst", "{dataset}", "studies"
        ),
        tree=report(f"{RESULTS}/{{dataset}}/studies/tree.svg", "../captions/tree.rst", "{dataset}", "studies"),
        plane=report(f"{RESULTS}/{{dataset}}/studies/plane.svg", "../captions/plane.rst", "{dataset}", "studies"),
    log:
        f"{LOGS}/{{dataset}}/studies/drawing.log",
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/studies/drawing.tsv"
    threads: ONE
    resources:
        mem_mb=600,
        runtime=10,
    params:
        settings=IDENTITY.params("draw_studies"),
    message:
        "{wildcards.dataset}: drawing the studies"
    shell:
        "python {input.program} --settings {input.settings} --studies {input.studies} --train {input.train} "
        "--test-labels {input.test_labels} --learning {output.learning} --tree {output.tree} --plane {output.plane} 9>&2 &> {log}"


rule draw_results:
    input:
        program=program("draw_results"),
        settings=IDENTITY.settings("draw_results"),
        metrics=lambda wildcards: PLAN.metrics(wildcards.dataset),
        comparisons=rules.compare_systems.output.comparisons,
    output:
        confusion=report(
            f"{RESULTS}/{{dataset}}/results/confusion.svg", "../captions/confusion.rst", "{dataset}", "results"
        ),
        seeds=report(f"{RESULTS}/{{dataset}}/results/seeds.svg", "../captions/seeds.rst", "{dataset}", "results"),
        differences=report(
            f"{RESULTS}/{{dataset}}/results/differences.svg", "../captions/differences.rst", "{dataset}", "results"
        ),
    log:
        f"{LOGS}/{{dataset}}/results/drawing.log",
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/results/drawing.tsv"
    threads: ONE
    resources:
        mem_mb=400,
        runtime=5,
    params:
        settings=IDENTITY.params("draw_results"),
    message:
        "{wildcards.dataset}: drawing the results"
    shell:
        "python {input.program} --settings {input.settings} --metrics {input.metrics} "
        "--comparisons {input.comparisons} "
        "--confusion {output.confusion} --seeds {output.seeds} --differences {output.differences} 9>&2 &> {log}"


rule draw_labels:
    input:
        program=program("draw_labels"),
        settings=IDENTITY.settings("draw_labels"),
        metrics=lambda wildcards: PLAN.metrics(wildcards.dataset),
    output:
        areas=report(f"{RESULTS}/{{dataset}}/labels/areas.svg", "../captions/areas.rst", "{dataset}", "results"),
        seeds=report(
            f"{RESULTS}/{{dataset}}/labels/area_seeds.svg", "../captions/area_seeds.rst", "{dataset}", "results"
        ),
    log:
        f"{LOGS}/{{dataset}}/labels/drawing.log",
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/labels/drawing.tsv"
    threads: ONE
    resources:
        mem_mb=400,
        runtime=5,
    params:
        settings=IDENTITY.params("draw_labels"),
    message:
        "{wildcards.dataset}: drawing the results label by label"
    shell:
        "python {input.program} --settings {input.settings} --metrics {input.metrics} "
        "--areas {output.areas} --seeds {output.seeds} 9>&2 &> {log}"


rule draw_reliability:
    input:
        program=program("draw_reliability"),
        settings=IDENTITY.settings("draw_reliability"),
        reliability=rules.assess_reliability.output.reliability,
    output:
        reliability=report(
            f"{RESULTS}/{{dataset}}/reliability/reliability.svg", "../captions/reliability.rst", "{dataset}", "results"
        ),
        risk_coverage=report(
            f"{RESULTS}/{{dataset}}/reliability/risk_coverage.svg",
            "../captions/risk_coverage.rst",
            "{dataset}",
            "results",
        ),
        conformal=report(
            f"{RESULTS}/{{dataset}}/reliability/conformal.svg", "../captions/conformal.rst", "{dataset}", "results"
        ),
    log:
        f"{LOGS}/{{dataset}}/reliability/drawing.log",
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/reliability/drawing.tsv"
    threads: ONE
    resources:
        mem_mb=400,
        runtime=5,
    params:
        settings=IDENTITY.params("draw_reliability"),
    message:
        "{wildcards.dataset}: drawing how far the probabilities can be trusted"
    shell:
        "python {input.program} --settings {input.settings} --reliability {input.reliability} "
        "--diagrams {output.reliability} --risk-coverage {output.risk_coverage} --conformal {output.conformal} "
        "9>&2 &> {log}"


rule draw_training_size:
    input:
        program=program("draw_training_size"),
        settings=IDENTITY.settings("draw_training_size"),
        metrics=PLAN.curve_metrics,
        train=PREPARED[0],
    output:
        report(
            f"{RESULTS}/{{dataset}}/learning_curve/training_size.svg",
            "../captions/training_size.rst",
            "{dataset}",
            "results",
        ),
    log:
        f"{LOGS}/{{dataset}}/learning_curve/training_size.log",
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/learning_curve/training_size.tsv"
    threads: ONE
    resources:
        mem_mb=400,
        runtime=5,
    params:
        settings=IDENTITY.params("draw_training_size"),
    message:
        "{wildcards.dataset}: drawing the training-size study"
    shell:
        "python {input.program} --settings {input.settings} --metrics {input.metrics} "
        "--train {input.train} --out {output} 9>&2 &> {log}"


rule draw_ablations:
    input:
        program=program("draw_ablations"),
        settings=IDENTITY.settings("draw_ablations"),
        metrics=PLAN.ablation_metrics,
    output:
        report(
            f"{RESULTS}/{{dataset}}/ablations/contributions.svg",
            "../captions/contributions.rst",
            "{dataset}",
            "results",
        ),
    log:
        f"{LOGS}/{{dataset}}/ablations/contributions.log",
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/ablations/contributions.tsv"
    threads: ONE
    resources:
        mem_mb=400,
        runtime=5,
    params:
        settings=IDENTITY.params("draw_ablations"),
    message:
        "{wildcards.dataset}: drawing what each part contributes"
    shell:
        "python {input.program} --settings {input.settings} --metrics {input.metrics} --out {output} 9>&2 &> {log}"
