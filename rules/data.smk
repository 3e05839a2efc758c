# Data. Needs: MedMNIST's archive, a file in data/ or in the folder that MEDMNIST_DATA names, a path in config.yaml (of
# a file, or of a folder of pictures), or nothing at all (generated images). Makes: images per split, the test labels in a file of their own, the augmented set of
# augmented training images, and what `inspect` and `audit` tell about the data.


use rule stage as download with:
    input:
        **stage("download"),
    output:
        # The file itself is no output: Snakemake sets the times of outputs, and it may be one that a user put there.
        receipt=f"{RESULTS}/downloads/{{file}}.json",
    log:
        f"{LOGS}/download/{{file}}.log",
    localrule: True  # machines that compute often have no way out
    resources:
        mem_mb=memory(300),
        runtime=minutes(60),
    params:
        options=with_npz(lambda wildcards: f"{config['data']}/{wildcards.file}.npz"),
    message:
        "Obtaining {wildcards.file}.npz"


use rule stage as generate with:
    input:
        **stage("generate"),
    output:
        npz=f"{RESULTS}/{{dataset}}/generated.npz",
    log:
        f"{LOGS}/{{dataset}}/generated.log",
    message:
        "{wildcards.dataset}: drawing generated images"


use rule stage as prepare with:
    input:
        PLAN.data_file_inputs,  # waited for: the file itself is named below
        **stage("prepare"),
    output:
        images=PREPARED,
        test_labels=f"{RESULTS}/{{dataset}}/test_labels.h5",
    log:
        f"{LOGS}/{{dataset}}/images.log",
    wildcard_constraints:
        dataset="|".join(name for name in DATASETS if name not in PLAN.in_folders) or "none",
    params:
        # No input, although it is read: what became of a user's file is found by content, never by age.
        options=with_npz(PLAN.data_file),
    message:
        "{wildcards.dataset}: checking the data and taking its splits apart"


use rule stage as prepare_folder with:
    input:
        **stage("prepare_folder"),
    output:
        images=rules.prepare.output.images,
        test_labels=rules.prepare.output.test_labels,
        pictures=f"{RESULTS}/{{dataset}}/pictures.csv",
    log:
        f"{LOGS}/{{dataset}}/images.log",
    wildcard_constraints:
        dataset="|".join(PLAN.in_folders) or "none",
    resources:
        mem_mb=memory(700),
        runtime=minutes(120),
    message:
        "{wildcards.dataset}: reading pictures and taking their splits apart"


use rule stage as inspect_images with:
    input:
        **stage("inspect_images"),
        images=PREPARED,
        test_labels=rules.prepare.output.test_labels,
    output:
        counts=f"{RESULTS}/{{dataset}}/inspect/counts.csv",
        pixels=f"{RESULTS}/{{dataset}}/inspect/pixels.csv",
        samples=figure("inspect/samples.png"),
        montage=figure("inspect/montage.png"),
        means=figure("inspect/means.png"),
    log:
        f"{LOGS}/{{dataset}}/inspect.log",
    resources:
        mem_mb=memory(600),
        runtime=minutes(10),
    message:
        "{wildcards.dataset}: counting and drawing what is in the data"


use rule stage as audit_duplicates with:
    input:
        **stage("audit_duplicates"),
        images=PREPARED,
        test_labels=rules.prepare.output.test_labels,
    output:
        pairs=f"{RESULTS}/{{dataset}}/audit/pairs.csv",
        summary=f"{RESULTS}/{{dataset}}/audit/summary.json",
        montage=figure("audit/pairs.png"),
    log:
        f"{LOGS}/{{dataset}}/audit.log",
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20),
    message:
        "{wildcards.dataset}: looking for near-duplicates within and across splits"


use rule stage as augment with:
    input:
        **stage("augment"),
        train=PREPARED[0],
    output:
        # augmented.h5, which networks draw from, or that of a derived model whose augmentation is other.
        augmented=f"{RESULTS}/{{dataset}}/{{augmented}}.h5",
    log:
        f"{LOGS}/{{dataset}}/{{augmented}}.log",
    priority: 10  # trainings wait for it
    message:
        "{wildcards.dataset}: augmenting the training images ({wildcards.augmented})"
