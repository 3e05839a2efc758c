# Single test images. Needs: measures and probabilities of all candidates, the test labels, the studied network. Makes:
# galleries of mistakes and of disagreements, and maps of where the network looks. Nothing is fitted here.


rule select_cases:
    input:
        program=program("select_cases"),
        settings=IDENTITY.settings("select_cases"),
        metrics=PLAN.candidate_metrics,
        systems=PAGE.first_run_files,
        test_labels=rules.prepare.output.test_labels,
    output:
        cases=f"{RESULTS}/{{dataset}}/cases/cases.json",
    log:
        f"{LOGS}/{{dataset}}/cases/cases.log",
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/cases/cases.tsv"
    threads: ONE
    resources:
        mem_mb=400,
        runtime=5,
    params:
        settings=IDENTITY.params("select_cases"),
    message:
        "{wildcards.dataset}: choosing test images to show one by one"
    shell:
        "python {input.program} --settings {input.settings} --metrics {input.metrics} --systems {input.systems} "
        "--test-labels {input.test_labels} --out {output.cases} 9>&2 &> {log}"


rule map_attention:
    input:
        program=program("map_attention"),
        settings=IDENTITY.settings("map_attention"),
        cases=rules.select_cases.output.cases,
        images=PREPARED[2],
        model=PAGE.studied_network,
        features=PAGE.studied_features,
    output:
        maps=f"{RESULTS}/{{dataset}}/cases/maps.h5",
    log:
        f"{LOGS}/{{dataset}}/cases/maps.log",
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/cases/maps.tsv"
    threads: NETWORK
    resources:
        mem_mb=1500,
        runtime=20,
        gpu=0,
    params:
        settings=IDENTITY.params("map_attention"),
    message:
        "{wildcards.dataset}: mapping where the network looks"
    shell:
        "python {input.program} --settings {input.settings} --cases {input.cases} --images {input.images} "
        "--model {input.model} --features {input.features} --out {output.maps} 9>&2 &> {log}"


rule draw_cases:
    input:
        program=program("draw_cases"),
        settings=IDENTITY.settings("draw_cases"),
        cases=rules.select_cases.output.cases,
        images=PREPARED[2],
        maps=rules.map_attention.output.maps,
    output:
        mistakes=report(f"{RESULTS}/{{dataset}}/cases/mistakes.png", "../captions/mistakes.rst", "{dataset}", "cases"),
        confused=report(f"{RESULTS}/{{dataset}}/cases/confused.png", "../captions/confused.rst", "{dataset}", "cases"),
        disagreements=report(
            f"{RESULTS}/{{dataset}}/cases/disagreements.png", "../captions/disagreements.rst", "{dataset}", "cases"
        ),
        attention=report(
            f"{RESULTS}/{{dataset}}/cases/attention.png", "../captions/attention.rst", "{dataset}", "cases"
        ),
    log:
        f"{LOGS}/{{dataset}}/cases/drawing.log",
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/cases/drawing.tsv"
    threads: ONE
    resources:
        mem_mb=400,
        runtime=5,
    params:
        settings=IDENTITY.params("draw_cases"),
    message:
        "{wildcards.dataset}: drawing single test images"
    shell:
        "python {input.program} --settings {input.settings} --cases {input.cases} --images {input.images} "
        "--maps {input.maps} --mistakes {output.mistakes} --confused {output.confused} "
        "--disagreements {output.disagreements} --attention {output.attention} 9>&2 &> {log}"
