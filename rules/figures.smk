# Figures. Needs: what the stages wrote, and for results the measures. Makes: one SVG a kind. Nothing is fitted on test
# labels here: study_classifiers, which fits, never sees them; the drawing adds them as colours of points.


rule draw_curves:
    input:
        program=program("draw_curves"),
        settings=settings_of("draw_curves"),
        histories=PLAN.histories,
        data=PREPARED[:2],
    output:
        report(f"{RESULTS}/{{dataset}}/{{model}}/curves.svg", "../captions/curves.rst", "{dataset}", "{model}"),
    log:
        f"{LOGS}/{{dataset}}/{{model}}/curves.log",
    threads: ONE
    resources:
        mem_mb=memory(400),
        runtime=5,
    message:
        "{wildcards.dataset}: drawing the curves of {wildcards.model}"
    shell:
        "python {input.program:q} --settings {input.settings:q} "
        "--history {input.histories:q} --data {input.data:q} "
        "--out {output:q} 9>&2 &> {log:q}"


rule draw_grids:
    input:
        program=program("draw_grids"),
        settings=settings_of("draw_grids"),
        grids=PAGE.grid_files("grid.csv"),
        best=PAGE.grid_files("best.json"),
        data=PREPARED[:2],
    output:
        report(f"{RESULTS}/{{dataset}}/{{model}}/grids.svg", "../captions/grids.rst", "{dataset}", "{model}"),
    log:
        f"{LOGS}/{{dataset}}/{{model}}/grids.log",
    threads: ONE
    resources:
        mem_mb=memory(400),
        runtime=5,
    message:
        "{wildcards.dataset}: drawing the grids of {wildcards.model}"
    shell:
        "python {input.program:q} --settings {input.settings:q} "
        "--grid {input.grids:q} "
        "--best {input.best:q} "
        "--data {input.data:q} --out {output:q} 9>&2 &> {log:q}"


rule draw_fusions:
    input:
        program=program("draw_fusions"),
        settings=settings_of("draw_fusions"),
        fusions=PAGE.chosen_fusion_files,
        data=PREPARED[1],
    output:
        report(f"{RESULTS}/{{dataset}}/{{model}}/fusions.svg", "../captions/fusions.rst", "{dataset}", "{model}"),
    log:
        f"{LOGS}/{{dataset}}/{{model}}/fusions.log",
    threads: ONE
    resources:
        mem_mb=memory(400),
        runtime=5,
    message:
        "{wildcards.dataset}: drawing the fusions of {wildcards.model}"
    shell:
        "python {input.program:q} --settings {input.settings:q} "
        "--fusion {input.fusions:q} --data {input.data:q} "
        "--out {output:q} 9>&2 &> {log:q}"


rule study_classifiers:
    input:
        program=program("study_classifiers"),
        settings=settings_of("study_classifiers"),
        features=PAGE.studied_features,
        train=PREPARED[0],
        val=PREPARED[1],
        tree=PAGE.studied_tree,
    output:
        studies=f"{RESULTS}/{{dataset}}/studies/studies.h5",
    log:
        f"{LOGS}/{{dataset}}/studies/studies.log",
    threads: ONE
    resources:
        mem_mb=memory(1000),
        runtime=30,
    message:
        "{wildcards.dataset}: learning curves of tree and forest, regions in the PCA plane"
    shell:
        "python {input.program:q} --settings {input.settings:q} --features {input.features:q} "
        "--train {input.train:q} --val {input.val:q} --tree-model {input.tree:q} "
        "--out {output.studies:q} 9>&2 &> {log:q}"


rule draw_studies:
    input:
        program=program("draw_studies"),
        settings=settings_of("draw_studies"),
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
    threads: ONE
    resources:
        mem_mb=memory(600),
        runtime=10,
    message:
        "{wildcards.dataset}: drawing the studies"
    shell:
        "python {input.program:q} --settings {input.settings:q} --studies {input.studies:q} --train {input.train:q} "
        "--test-labels {input.test_labels:q} --learning {output.learning:q} --tree {output.tree:q} --plane {output.plane:q} 9>&2 &> {log:q}"


rule draw_results:
    input:
        program=program("draw_results"),
        settings=settings_of("draw_results"),
        metrics=lambda wildcards: PLAN.metrics(wildcards.dataset),
        ranking=rules.rank_systems.output.ranking,
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
    threads: ONE
    resources:
        mem_mb=memory(400),
        runtime=5,
    message:
        "{wildcards.dataset}: drawing the results"
    shell:
        "python {input.program:q} --settings {input.settings:q} --metrics {input.metrics:q} --ranking {input.ranking:q} "
        "--comparisons {input.comparisons:q} "
        "--confusion {output.confusion:q} --seeds {output.seeds:q} --differences {output.differences:q} 9>&2 &> {log:q}"


rule draw_labels:
    input:
        program=program("draw_labels"),
        settings=settings_of("draw_labels"),
        metrics=lambda wildcards: PLAN.metrics(wildcards.dataset),
        ranking=rules.rank_systems.output.ranking,
    output:
        areas=report(f"{RESULTS}/{{dataset}}/labels/areas.svg", "../captions/areas.rst", "{dataset}", "results"),
        seeds=report(
            f"{RESULTS}/{{dataset}}/labels/area_seeds.svg", "../captions/area_seeds.rst", "{dataset}", "results"
        ),
    log:
        f"{LOGS}/{{dataset}}/labels/drawing.log",
    threads: ONE
    resources:
        mem_mb=memory(400),
        runtime=5,
    message:
        "{wildcards.dataset}: drawing the results label by label"
    shell:
        "python {input.program:q} --settings {input.settings:q} --metrics {input.metrics:q} --ranking {input.ranking:q} "
        "--areas {output.areas:q} --seeds {output.seeds:q} 9>&2 &> {log:q}"


rule draw_reliability:
    input:
        program=program("draw_reliability"),
        settings=settings_of("draw_reliability"),
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
    threads: ONE
    resources:
        mem_mb=memory(400),
        runtime=5,
    message:
        "{wildcards.dataset}: drawing how far the probabilities can be trusted"
    shell:
        "python {input.program:q} --settings {input.settings:q} --reliability {input.reliability:q} "
        "--diagrams {output.reliability:q} --risk-coverage {output.risk_coverage:q} --conformal {output.conformal:q} "
        "9>&2 &> {log:q}"


rule draw_training_size:
    input:
        program=program("draw_training_size"),
        settings=settings_of("draw_training_size"),
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
    threads: ONE
    resources:
        mem_mb=memory(400),
        runtime=5,
    message:
        "{wildcards.dataset}: drawing the training-size study"
    shell:
        "python {input.program:q} --settings {input.settings:q} --metrics {input.metrics:q} "
        "--train {input.train:q} --out {output:q} 9>&2 &> {log:q}"


rule draw_ablations:
    input:
        program=program("draw_ablations"),
        settings=settings_of("draw_ablations"),
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
    threads: ONE
    resources:
        mem_mb=memory(400),
        runtime=5,
    message:
        "{wildcards.dataset}: drawing what each part contributes"
    shell:
        "python {input.program:q} --settings {input.settings:q} --metrics {input.metrics:q} --out {output:q} 9>&2 &> {log:q}"
