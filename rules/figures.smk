# Figures. Needs: what the stages wrote. Makes: one job a kind; which files it reads is in planning/page_plan.py, what it
# draws in figures/drawn. Nothing is fitted on test labels here: study_classifiers, which fits, never sees them; the
# drawing adds them as colours of points.


use rule stage as study_classifiers with:
    input:
        **stage("study_classifiers"),
        features=REPRESENTATIVES.studied_features,
        train=PREPARED[0],
        val=PREPARED[1],
        tree=REPRESENTATIVES.studied_tree,
    output:
        studies=f"{RESULTS}/{{dataset}}/studies/studies.h5",
    log:
        f"{LOGS}/{{dataset}}/studies/studies.log",
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    message:
        "{wildcards.dataset}: learning curves of tree and forest, regions in the PCA plane"


for kind, drawing in PAGE.drawings.items():

    rule:
        name:
            f"draw_{kind}"
        input:
            **stage(f"draw_{kind}"),
            **drawing.inputs,
        output:
            **{name: figure(file) for name, file in PAGE.files(kind).items()},
        log:
            str(Path(LOGS, "{dataset}", drawing.folder, f"draw_{kind}.log")),
        threads: ONE
        resources:
            mem_mb=memory(500),
            runtime=minutes(5),
        params:
            options=lambda wildcards, input, output, kind=kind: f"{kind} {options(wildcards, input, output)}",
        message:
            f"{{wildcards.dataset}}: drawing {kind.replace('_', ' ')}"
            + " of {wildcards.model}" * ("{model}" in drawing.folder)
        shell:
            COMMAND
