# Data. Needs: MedMNIST's archive, a file in data/ or in the folder that MEDMNIST_DATA names, a path in config.yaml (of
# a file, or of a folder of pictures), or nothing at all (generated images). Makes: images per split, the test labels in a file of their own, the bank of
# augmented training images, and what `inspect` and `audit` tell about the data.


rule download:
    input:
        program=program("download"),
        settings=IDENTITY.settings("download"),
    output:
        # Not removed before the job: a file that a user put there stays.
        npz=update(f"{config['data']}/{{file}}.npz"),
    log:
        f"{LOGS}/download/{{file}}.log",
    benchmark:
        f"{BENCHMARKS}/download/{{file}}.tsv"
    localrule: True  # machines that compute often have no way out
    threads: 1
    resources:
        mem_mb=300,
        runtime=60,
    params:
        settings=IDENTITY.params("download"),
    message:
        "Obtaining {output.npz}"
    shell:
        "python {input.program} --settings {input.settings} --out {output.npz} 9>&2 &> {log}"


rule generate:
    input:
        program=program("generate"),
        settings=IDENTITY.settings("generate"),
    output:
        npz=f"{RESULTS}/{{dataset}}/generated.npz",
    log:
        f"{LOGS}/{{dataset}}/generated.log",
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/generated.tsv"
    threads: ONE
    resources:
        mem_mb=500,
        runtime=10,
    params:
        settings=IDENTITY.params("generate"),
    message:
        "{wildcards.dataset}: drawing generated images"
    shell:
        "python {input.program} --settings {input.settings} --out {output.npz} 9>&2 &> {log}"


rule prepare:
    input:
        program=program("prepare"),
        settings=IDENTITY.settings("prepare"),
        npz=PLAN.data_file,
    output:
        images=PREPARED,
        test_labels=f"{RESULTS}/{{dataset}}/test_labels.h5",
    log:
        f"{LOGS}/{{dataset}}/images.log",
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/images.tsv"
    wildcard_constraints:
        dataset="|".join(name for name in DATASETS if name not in PLAN.in_folders) or "none",
    threads: ONE
    resources:
        mem_mb=500,
        runtime=10,
    params:
        settings=IDENTITY.params("prepare"),
    message:
        "{wildcards.dataset}: checking the data and taking its splits apart"
    shell:
        "python {input.program} --settings {input.settings} --npz {input.npz:q} --images {output.images} "
        "--test-labels {output.test_labels} 9>&2 &> {log}"


rule prepare_folder:
    input:
        program=program("prepare_folder"),
        settings=IDENTITY.settings("prepare_folder"),
    output:
        images=rules.prepare.output.images,
        test_labels=rules.prepare.output.test_labels,
        pictures=f"{RESULTS}/{{dataset}}/pictures.csv",
    log:
        f"{LOGS}/{{dataset}}/images.log",
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/images.tsv"
    wildcard_constraints:
        dataset="|".join(PLAN.in_folders) or "none",
    threads: ONE
    resources:
        mem_mb=700,
        runtime=120,
    params:
        settings=IDENTITY.params("prepare_folder"),
    message:
        "{wildcards.dataset}: reading pictures and taking their splits apart"
    shell:
        "python {input.program} --settings {input.settings} --images {output.images} "
        "--test-labels {output.test_labels} --pictures {output.pictures} 9>&2 &> {log}"


rule inspect_images:
    input:
        program=program("inspect_images"),
        settings=IDENTITY.settings("inspect_images"),
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
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/inspect.tsv"
    threads: ONE
    resources:
        mem_mb=600,
        runtime=10,
    params:
        settings=IDENTITY.params("inspect_images"),
    message:
        "{wildcards.dataset}: counting and drawing what is in the data"
    shell:
        "python {input.program} --settings {input.settings} --images {input.images} "
        "--test-labels {input.test_labels} --counts {output.counts} --pixels {output.pixels} "
        "--montage {output.montage} --means {output.means} 9>&2 &> {log}"


rule audit_twins:
    input:
        program=program("audit_twins"),
        settings=IDENTITY.settings("audit_twins"),
        images=PREPARED,
        test_labels=rules.prepare.output.test_labels,
    output:
        pairs=f"{RESULTS}/{{dataset}}/audit/pairs.csv",
        summary=f"{RESULTS}/{{dataset}}/audit/summary.json",
        montage=report(
            f"{RESULTS}/{{dataset}}/audit/pairs.png", "../captions/twins.rst", category="{dataset}", subcategory="data"
        ),
    log:
        f"{LOGS}/{{dataset}}/audit.log",
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/audit.tsv"
    threads: ONE
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        settings=IDENTITY.params("audit_twins"),
    message:
        "{wildcards.dataset}: looking for near-twins within and across splits"
    shell:
        "python {input.program} --settings {input.settings} --images {input.images} "
        "--test-labels {input.test_labels} --pairs {output.pairs} --summary {output.summary} "
        "--montage {output.montage} 9>&2 &> {log}"


rule augment:
    input:
        program=program("augment"),
        settings=IDENTITY.settings("augment"),
        train=PREPARED[0],
    output:
        # augmented.h5 is the one that all networks draw from; an ablation has one of its own without a kind of change.
        bank=f"{RESULTS}/{{dataset}}/{{bank}}.h5",
    log:
        f"{LOGS}/{{dataset}}/{{bank}}.log",
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/{{bank}}.tsv"
    threads: ONE
    resources:
        mem_mb=500,
        runtime=10,
    params:
        settings=IDENTITY.params("augment"),
    message:
        "{wildcards.dataset}: augmenting the training images ({wildcards.bank})"
    shell:
        "python {input.program} --settings {input.settings} --train {input.train} --out {output.bank} " "9>&2 &> {log}"


rule draw_augmentation:
    input:
        program=program("draw_augmentation"),
        settings=IDENTITY.settings("draw_augmentation"),
        train=PREPARED[0],
        bank=f"{RESULTS}/{{dataset}}/augmented.h5",
    output:
        montage=report(
            f"{RESULTS}/{{dataset}}/augmentation.png",
            "../captions/augmentation.rst",
            category="{dataset}",
            subcategory="data",
        ),
    log:
        f"{LOGS}/{{dataset}}/augmentation.log",
    benchmark:
        f"{BENCHMARKS}/{{dataset}}/augmentation.tsv"
    threads: ONE
    resources:
        mem_mb=500,
        runtime=10,
    params:
        settings=IDENTITY.params("draw_augmentation"),
    message:
        "{wildcards.dataset}: drawing augmented images"
    shell:
        "python {input.program} --settings {input.settings} --train {input.train} "
        "--augmented {input.bank} --out {output.montage} 9>&2 &> {log}"
