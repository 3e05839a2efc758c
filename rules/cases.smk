# Single test images. Needs: the ranking and probabilities of all candidates, the test labels, the studied network. Makes:
# galleries of mistakes and of disagreements, and maps of where the network looks. Nothing is fitted here.


rule select_cases:
    input:
        program=program("select_cases"),
        settings=settings_of("select_cases"),
        ranking=rules.rank_systems.output.ranking,
        systems=PAGE.first_run_files,
        test_labels=rules.prepare.output.test_labels,
    output:
        cases=f"{RESULTS}/{{dataset}}/cases/cases.json",
    log:
        f"{LOGS}/{{dataset}}/cases/cases.log",
    threads: ONE
    resources:
        mem_mb=memory(400),
        runtime=5,
    message:
        "{wildcards.dataset}: choosing test images to show one by one"
    shell:
        "python {input.program:q} --settings {input.settings:q} --ranking {input.ranking:q} --systems {input.systems:q} "
        "--test-labels {input.test_labels:q} --out {output.cases:q} 9>&2 &> {log:q}"


rule map_attention:
    input:
        program=program("map_attention"),
        settings=settings_of("map_attention"),
        cases=rules.select_cases.output.cases,
        images=PREPARED[2],
        model=PAGE.studied_network,
        features=PAGE.studied_features,
    output:
        maps=f"{RESULTS}/{{dataset}}/cases/maps.h5",
    log:
        f"{LOGS}/{{dataset}}/cases/maps.log",
    threads: NETWORK
    resources:
        mem_mb=memory(1500),
        runtime=20,
        gpu=0,
    message:
        "{wildcards.dataset}: mapping where the network looks"
    shell:
        "python {input.program:q} --settings {input.settings:q} --cases {input.cases:q} --images {input.images:q} "
        "--model {input.model:q} --features {input.features:q} --out {output.maps:q} 9>&2 &> {log:q}"


rule draw_cases:
    input:
        program=program("draw_cases"),
        settings=settings_of("draw_cases"),
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
    threads: ONE
    resources:
        mem_mb=memory(400),
        runtime=5,
    message:
        "{wildcards.dataset}: drawing single test images"
    shell:
        "python {input.program:q} --settings {input.settings:q} --cases {input.cases:q} --images {input.images:q} "
        "--maps {input.maps:q} --mistakes {output.mistakes:q} --confused {output.confused:q} "
        "--disagreements {output.disagreements:q} --attention {output.attention:q} 9>&2 &> {log:q}"
