# Single test images. Needs: the ranking and probabilities of all candidates, the test labels, the studied network. Makes:
# galleries of errors and of disagreements, and saliency maps of the network. Nothing is fitted here.


rule select_examples:
    input:
        program=program("select_examples"),
        settings=settings_of("select_examples"),
        ranking=rules.rank_systems.output.ranking,
        systems=PAGE.first_run_files,
        test_labels=rules.prepare.output.test_labels,
    output:
        examples=f"{RESULTS}/{{dataset}}/examples/examples.json",
    log:
        f"{LOGS}/{{dataset}}/examples/examples.log",
    threads: ONE
    resources:
        mem_mb=memory(400),
        runtime=5,
    message:
        "{wildcards.dataset}: choosing test images to show one by one"
    shell:
        "python {input.program:q} --settings {input.settings:q} --ranking {input.ranking:q} --systems {input.systems:q} "
        "--test-labels {input.test_labels:q} --out {output.examples:q} 9>&2 &> {log:q}"


rule map_saliency:
    input:
        program=program("map_saliency"),
        settings=settings_of("map_saliency"),
        examples=rules.select_examples.output.examples,
        images=PREPARED[2],
        model=PAGE.studied_network,
        features=PAGE.studied_features,
    output:
        maps=f"{RESULTS}/{{dataset}}/examples/maps.h5",
    log:
        f"{LOGS}/{{dataset}}/examples/maps.log",
    threads: NETWORK
    resources:
        mem_mb=memory(1500),
        runtime=20,
        gpu=0,
    message:
        "{wildcards.dataset}: saliency maps of the network"
    shell:
        "python {input.program:q} --settings {input.settings:q} --examples {input.examples:q} --images {input.images:q} "
        "--model {input.model:q} --features {input.features:q} --out {output.maps:q} 9>&2 &> {log:q}"


rule draw_examples:
    input:
        program=program("draw_examples"),
        settings=settings_of("draw_examples"),
        examples=rules.select_examples.output.examples,
        images=PREPARED[2],
        maps=rules.map_saliency.output.maps,
    output:
        errors=report(f"{RESULTS}/{{dataset}}/examples/errors.png", "../captions/errors.rst", "{dataset}", "examples"),
        confused=report(
            f"{RESULTS}/{{dataset}}/examples/confused.png", "../captions/confused.rst", "{dataset}", "examples"
        ),
        disagreements=report(
            f"{RESULTS}/{{dataset}}/examples/disagreements.png",
            "../captions/disagreements.rst",
            "{dataset}",
            "examples",
        ),
        saliency=report(
            f"{RESULTS}/{{dataset}}/examples/saliency.png", "../captions/saliency.rst", "{dataset}", "examples"
        ),
    log:
        f"{LOGS}/{{dataset}}/examples/drawing.log",
    threads: ONE
    resources:
        mem_mb=memory(400),
        runtime=5,
    message:
        "{wildcards.dataset}: drawing single test images"
    shell:
        "python {input.program:q} --settings {input.settings:q} --examples {input.examples:q} --images {input.images:q} "
        "--maps {input.maps:q} --errors {output.errors:q} --confused {output.confused:q} "
        "--disagreements {output.disagreements:q} --saliency {output.saliency:q} 9>&2 &> {log:q}"
