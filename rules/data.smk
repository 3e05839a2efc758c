# Data. Needs: MedMNIST's archive, a file in data/ or in the folder that MEDMNIST_DATA names, a path in config.yaml, or
# nothing at all (generated images). Makes: images per split, the test labels in a file of their own, the bank of
# augmented training images, and what `inspect` and `audit` tell about the data.
from medfusion.datafiles import file_name


def data_file(wildcards):
    """The .npz file of a data set."""
    entry = DATASETS[wildcards.dataset]
    if entry["source"] == "file":
        return entry["path"]
    if entry["source"] == "generated":
        return f"{RESULTS}/{wildcards.dataset}/generated.npz"
    return f"{config['data']}/{file_name(entry['flag'], entry['size'], entry['source'])}"


# Data sets that share a file are one download.
DOWNLOADS = {
    Path(file_name(entry["flag"], entry["size"], entry["source"])).stem: {
        key: entry[key] for key in ("flag", "size", "source")
    }
    for entry in DATASETS.values()
    if entry["source"] in ("official", "surrogate")
}
PREPARED = [f"{RESULTS}/{{dataset}}/images/{split}.h5" for split in ("train", "val", "test")]

SLICES["download"] = lambda wildcards: DOWNLOADS[wildcards.file]
SLICES["generate"] = lambda wildcards: {
    **{key: DATASETS[wildcards.dataset][key] for key in ("flag", "size")},
    **DATASETS[wildcards.dataset]["generated"],
}
SLICES["prepare"] = lambda wildcards: {
    key: DATASETS[wildcards.dataset][key] for key in ("flag", "size", "source", "label", "sha256")
}
SLICES["inspect_images"] = lambda wildcards: {"style": config["report"]["style"], "seed": 0}
SLICES["audit_twins"] = lambda wildcards: {
    "threshold": DATASETS[wildcards.dataset]["twins"],
    "style": config["report"]["style"],
    "seed": 0,
}
SLICES["augment"] = lambda wildcards: {"augmentation": DATASETS[wildcards.dataset]["augmentation"]}
SLICES["draw_augmentation"] = lambda wildcards: {"style": config["report"]["style"]}


rule download:
    input:
        settings=settings("download"),
    output:
        # Not removed before the job: a file that a user put there stays.
        npz=update(config["data"] + "/{file}.npz"),
    log:
        log_of("download/{file}"),
    benchmark:
        benchmark_of("download/{file}")
    wildcard_constraints:
        file="|".join(DOWNLOADS) or "none",
    threads: 1
    resources:
        mem_mb=300,
        runtime=60,
    params:
        settings=identity("download"),
    message:
        "Obtaining {output.npz}"
    shell:
        "python {PROGRAMS}/download.py --settings {input.settings} --out {output.npz} 9>&2 &> {log}"


rule generate:
    input:
        settings=settings("generate"),
    output:
        npz=f"{RESULTS}/{{dataset}}/generated.npz",
    log:
        log_of("{dataset}/generated"),
    benchmark:
        benchmark_of("{dataset}/generated")
    threads: slots(1)
    resources:
        mem_mb=500,
        runtime=10,
    params:
        settings=identity("generate"),
    message:
        "{wildcards.dataset}: drawing generated images"
    shell:
        "python {PROGRAMS}/generate.py --settings {input.settings} --out {output.npz} 9>&2 &> {log}"


rule prepare:
    input:
        settings=settings("prepare"),
        npz=data_file,
    output:
        images=PREPARED,
        test_labels=f"{RESULTS}/{{dataset}}/test_labels.h5",
    log:
        log_of("{dataset}/images"),
    benchmark:
        benchmark_of("{dataset}/images")
    threads: slots(1)
    resources:
        mem_mb=500,
        runtime=10,
    params:
        settings=identity("prepare"),
    message:
        "{wildcards.dataset}: checking the data and taking its splits apart"
    shell:
        "python {PROGRAMS}/prepare.py --settings {input.settings} --npz {input.npz:q} --images {output.images} "
        "--test-labels {output.test_labels} 9>&2 &> {log}"


rule inspect_images:
    input:
        settings=settings("inspect_images"),
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
        log_of("{dataset}/inspect"),
    benchmark:
        benchmark_of("{dataset}/inspect")
    threads: slots(1)
    resources:
        mem_mb=600,
        runtime=10,
    params:
        settings=identity("inspect_images"),
    message:
        "{wildcards.dataset}: counting and drawing what is in the data"
    shell:
        "python {PROGRAMS}/inspect_images.py --settings {input.settings} --images {input.images} "
        "--test-labels {input.test_labels} --counts {output.counts} --pixels {output.pixels} "
        "--montage {output.montage} --means {output.means} 9>&2 &> {log}"


rule audit_twins:
    input:
        settings=settings("audit_twins"),
        images=PREPARED,
        test_labels=rules.prepare.output.test_labels,
    output:
        pairs=f"{RESULTS}/{{dataset}}/audit/pairs.csv",
        summary=f"{RESULTS}/{{dataset}}/audit/summary.json",
        montage=report(
            f"{RESULTS}/{{dataset}}/audit/pairs.png", "../captions/twins.rst", category="{dataset}", subcategory="data"
        ),
    log:
        log_of("{dataset}/audit"),
    benchmark:
        benchmark_of("{dataset}/audit")
    threads: slots(1)
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        settings=identity("audit_twins"),
    message:
        "{wildcards.dataset}: looking for near-twins within and across splits"
    shell:
        "python {PROGRAMS}/audit_twins.py --settings {input.settings} --images {input.images} "
        "--test-labels {input.test_labels} --pairs {output.pairs} --summary {output.summary} "
        "--montage {output.montage} 9>&2 &> {log}"


rule augment:
    input:
        settings=settings("augment"),
        train=PREPARED[0],
    output:
        bank=f"{RESULTS}/{{dataset}}/augmented.h5",
    log:
        log_of("{dataset}/augmented"),
    benchmark:
        benchmark_of("{dataset}/augmented")
    threads: slots(1)
    resources:
        mem_mb=500,
        runtime=10,
    params:
        settings=identity("augment"),
    message:
        "{wildcards.dataset}: augmenting the training images"
    shell:
        "python {PROGRAMS}/augment.py --settings {input.settings} --train {input.train} --out {output.bank} "
        "9>&2 &> {log}"


rule draw_augmentation:
    input:
        settings=settings("draw_augmentation"),
        train=PREPARED[0],
        bank=rules.augment.output.bank,
    output:
        montage=report(
            f"{RESULTS}/{{dataset}}/augmentation.png",
            "../captions/augmentation.rst",
            category="{dataset}",
            subcategory="data",
        ),
    log:
        log_of("{dataset}/augmentation"),
    benchmark:
        benchmark_of("{dataset}/augmentation")
    threads: slots(1)
    resources:
        mem_mb=500,
        runtime=10,
    params:
        settings=identity("draw_augmentation"),
    message:
        "{wildcards.dataset}: drawing augmented images"
    shell:
        "python {PROGRAMS}/draw_augmentation.py --settings {input.settings} --train {input.train} "
        "--augmented {input.bank} --out {output.montage} 9>&2 &> {log}"
