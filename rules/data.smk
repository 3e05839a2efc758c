# Data. Needs: MedMNIST's archive, a file in data/ or in the folder that MEDMNIST_DATA names, a path in config.yaml (of
# a file, or of a folder of pictures), or nothing at all (generated images). Makes: images per split, the test labels in a file of their own, the augmented set of
# augmented training images, and what `inspect` and `audit` tell about the data.


rule download:
    input:
        program=program("download"),
        settings=settings_of("download"),
    output:
        # The file itself is no output: Snakemake sets the times of outputs, and it may be one that a user put there.
        receipt=f"{RESULTS}/downloads/{{file}}.json",
    log:
        f"{LOGS}/download/{{file}}.log",
    localrule: True  # machines that compute often have no way out
    threads: 1
    resources:
        mem_mb=memory(300),
        runtime=60,
    params:
        npz=f"{config['data']}/{{file}}.npz",
    message:
        "Obtaining {params.npz}"
    shell:
        "python {input.program:q} --settings {input.settings:q} --receipt {output.receipt:q} --out {params.npz:q} "
        "9>&2 &> {log:q}"


rule generate:
    input:
        program=program("generate"),
        settings=settings_of("generate"),
    output:
        npz=f"{RESULTS}/{{dataset}}/generated.npz",
    log:
        f"{LOGS}/{{dataset}}/generated.log",
    threads: ONE
    resources:
        mem_mb=memory(500),
        runtime=10,
    message:
        "{wildcards.dataset}: drawing generated images"
    shell:
        "python {input.program:q} --settings {input.settings:q} --out {output.npz:q} 9>&2 &> {log:q}"


rule prepare:
    input:
        program=program("prepare"),
        settings=settings_of("prepare"),
        obtained=PLAN.obtained,
    output:
        images=PREPARED,
        test_labels=f"{RESULTS}/{{dataset}}/test_labels.h5",
    log:
        f"{LOGS}/{{dataset}}/images.log",
    wildcard_constraints:
        dataset="|".join(name for name in DATASETS if name not in PLAN.in_folders) or "none",
    threads: ONE
    resources:
        mem_mb=memory(500),
        runtime=10,
    params:
        # No input, although it is read: what became of a user's file is found by content, never by age.
        npz=PLAN.data_file,
    message:
        "{wildcards.dataset}: checking the data and taking its splits apart"
    shell:
        "python {input.program:q} --settings {input.settings:q} --npz {params.npz:q} --images {output.images:q} "
        "--test-labels {output.test_labels:q} 9>&2 &> {log:q}"


rule prepare_folder:
    input:
        program=program("prepare_folder"),
        settings=settings_of("prepare_folder"),
    output:
        images=rules.prepare.output.images,
        test_labels=rules.prepare.output.test_labels,
        pictures=f"{RESULTS}/{{dataset}}/pictures.csv",
    log:
        f"{LOGS}/{{dataset}}/images.log",
    wildcard_constraints:
        dataset="|".join(PLAN.in_folders) or "none",
    threads: ONE
    resources:
        mem_mb=memory(700),
        runtime=120,
    message:
        "{wildcards.dataset}: reading pictures and taking their splits apart"
    shell:
        "python {input.program:q} --settings {input.settings:q} --images {output.images:q} "
        "--test-labels {output.test_labels:q} --pictures {output.pictures:q} 9>&2 &> {log:q}"


rule inspect_images:
    input:
        program=program("inspect_images"),
        settings=settings_of("inspect_images"),
        images=PREPARED,
        test_labels=rules.prepare.output.test_labels,
    output:
        counts=f"{RESULTS}/{{dataset}}/inspect/counts.csv",
        pixels=f"{RESULTS}/{{dataset}}/inspect/pixels.csv",
        montage=report(
            f"{RESULTS}/{{dataset}}/inspect/montage.png",
            "../captions/montage.rst",
            category="{dataset}",
            subcategory="data",
        ),
        means=report(
            f"{RESULTS}/{{dataset}}/inspect/means.png",
            "../captions/means.rst",
            category="{dataset}",
            subcategory="data",
        ),
    log:
        f"{LOGS}/{{dataset}}/inspect.log",
    threads: ONE
    resources:
        mem_mb=memory(600),
        runtime=10,
    message:
        "{wildcards.dataset}: counting and drawing what is in the data"
    shell:
        "python {input.program:q} --settings {input.settings:q} --images {input.images:q} "
        "--test-labels {input.test_labels:q} --counts {output.counts:q} --pixels {output.pixels:q} "
        "--montage {output.montage:q} --means {output.means:q} 9>&2 &> {log:q}"


rule audit_duplicates:
    input:
        program=program("audit_duplicates"),
        settings=settings_of("audit_duplicates"),
        images=PREPARED,
        test_labels=rules.prepare.output.test_labels,
    output:
        pairs=f"{RESULTS}/{{dataset}}/audit/pairs.csv",
        summary=f"{RESULTS}/{{dataset}}/audit/summary.json",
        montage=report(
            f"{RESULTS}/{{dataset}}/audit/pairs.png",
            "../captions/near_duplicates.rst",
            category="{dataset}",
            subcategory="data",
        ),
    log:
        f"{LOGS}/{{dataset}}/audit.log",
    threads: ONE
    resources:
        mem_mb=memory(1000),
        runtime=20,
    message:
        "{wildcards.dataset}: looking for near-duplicates within and across splits"
    shell:
        "python {input.program:q} --settings {input.settings:q} --images {input.images:q} "
        "--test-labels {input.test_labels:q} --pairs {output.pairs:q} --summary {output.summary:q} "
        "--montage {output.montage:q} 9>&2 &> {log:q}"


rule augment:
    input:
        program=program("augment"),
        settings=settings_of("augment"),
        train=PREPARED[0],
    output:
        # augmented.h5 is the one that all networks draw from; an ablation has one of its own without a kind of change.
        augmented=f"{RESULTS}/{{dataset}}/{{augmented}}.h5",
    log:
        f"{LOGS}/{{dataset}}/{{augmented}}.log",
    threads: ONE
    resources:
        mem_mb=memory(500),
        runtime=10,
    message:
        "{wildcards.dataset}: augmenting the training images ({wildcards.augmented})"
    shell:
        "python {input.program:q} --settings {input.settings:q} --train {input.train:q} --out {output.augmented:q} "
        "9>&2 &> {log:q}"


rule draw_augmentation:
    input:
        program=program("draw_augmentation"),
        settings=settings_of("draw_augmentation"),
        train=PREPARED[0],
        augmented=f"{RESULTS}/{{dataset}}/augmented.h5",
    output:
        montage=report(
            f"{RESULTS}/{{dataset}}/augmentation.png",
            "../captions/augmentation.rst",
            category="{dataset}",
            subcategory="data",
        ),
    log:
        f"{LOGS}/{{dataset}}/augmentation.log",
    threads: ONE
    resources:
        mem_mb=memory(500),
        runtime=10,
    message:
        "{wildcards.dataset}: drawing augmented images"
    shell:
        "python {input.program:q} --settings {input.settings:q} --train {input.train:q} "
        "--augmented {input.augmented:q} --out {output.montage:q} 9>&2 &> {log:q}"
