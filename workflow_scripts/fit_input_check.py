"""Fit the input check of a model's networks: whether an image is unlike the training images. Without test images."""

from dataclasses import replace

import numpy as np

from medfusion.errors import UserError
from medfusion.files import hdf5, images, input_checks
from medfusion.files.hdf5 import create_hdf5
from medfusion.jobs import stage

SEVERITY = 5  # of the corruptions that kinds of checks are compared on, the highest
PIECES = 4  # a side, into which an image is cut to be shuffled


def parser():
    result = stage.parser(__doc__)
    result.add_input(
        "--network", required=False, nargs="?", help="network of the first seed (.keras), if it was trained"
    )
    result.add_input("--backbone", required=False, help="ONNX file, if the network is a frozen backbone")
    result.add_input("--features", nargs="+", metavar="PATH", help="features of all splits (HDF5), in the seeds' order")
    result.add_input("--train", help="prepared training split (HDF5)")
    result.add_input("--val", help="prepared validation split (HDF5)")
    result.add_input("--groups", required=False, nargs="?", help="images that belong together (.csv)")
    result.add_output("--input-check", help="HDF5 file to write: a check for each seed")
    return result


def main(args, settings):
    from medfusion.learning import input_check, input_fitting

    statistics = {
        split: np.concatenate([input_check.statistics(block) for block in images.image_blocks(path)])
        for split, path in (("train", args.train), ("val", args.val))
    }
    found, kind = {}, None
    with create_hdf5(args.input_check, **images.describe(args.train).attributes()) as file:
        for seed, path in zip(settings["seeds"], args.features, strict=True):
            rows, labels = training(args, settings, seed)
            with hdf5.open_hdf5(path) as features:
                shapes = {split: features[f"{split}/features"].shape for split in statistics}
            if [len(values) for values in statistics.values()] != [shape[0] for shape in shapes.values()]:
                raise UserError(f"{path}: of other images than {args.train} and {args.val}; delete it and run again")
            pool = input_fitting.pool_of(shapes["train"][1])
            val = pooled_rows(path, "val", np.arange(shapes["val"][0]), pool), statistics["val"]
            data = pooled_rows(path, "train", rows, pool), labels, statistics["train"][rows], val
            kinds = [kind] if kind else input_check.KINDS
            checks = input_fitting.fit(kinds, *data, settings["flagged"], pool)
            if not kind:  # by the network of the first seed
                found = input_fitting.areas(checks, val[0], altered(args, settings, pool))
                kind, means = input_fitting.best(found)
                stage.progress(f"{settings['title']}: {kind}; mean AUROCs are {in_words(means)}")
            check = replace(checks[kind], auroc=means)
            scores = input_check.scored(check, *val)
            input_checks.write(file, seed, check, scores, found)
            above = np.sum(scores > input_check.LIMIT)
            stage.progress(f"{settings['title']}, seed {seed}: {above} of {len(scores)} validation images are flagged")


def training(args, settings, seed):
    """Rows of the training images that the check is fitted on, ascending, and their labels."""
    from medfusion.learning.subsets import at_most, training_rows

    labels, left_out = images.read_labels(args.train), None
    if args.groups:
        from medfusion.files import image_groups

        left_out = image_groups.duplicated(args.groups, len(labels), settings["drop_near_duplicates_of"])
    known = training_rows(labels, settings["train_images"], seed, left_out)
    rows = known[at_most(labels[known], settings["fit_images"], seed)]
    return rows, labels[rows]


def altered(args, settings, pool):
    """Pooled features of validation images by what was done to them, none of which is done to test images."""
    from medfusion.data import corruptions, medmnist_c, sampling
    from medfusion.learning.input_check import pooled

    network, seed = applied(args, settings), settings["seed"]
    with hdf5.open_hdf5(args.val) as file:
        number, *shape = file["images"].shape
    numbers = sampling.taken(number, settings["val_images"], seed)
    found = {}
    step = corruptions.block_images(shape)
    for start in range(0, len(numbers), step):
        own = numbers[start : start + step]
        block = hdf5.rows(args.val, "images", own)
        versions = {"shuffled": sampling.shuffled(block, PIECES, seed + start), "negative": 255 - block}
        large = corruptions.enlarged(block)
        for name, levels in medmnist_c.other_corruptions(settings["flag"]).items():
            versions[name] = corruptions.corrupted(large, shape, name, SEVERITY, levels[SEVERITY - 1], own)
        for name, given in versions.items():
            found.setdefault(name, []).append(pooled(network(given), pool))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def applied(args, settings):
    """What gives the features of images, uint8 (n, H, W, C), of the network of the first seed."""
    if args.backbone:
        from medfusion.learning import backbones
        from medfusion.learning.averages import averaged

        backbone = backbones.load(args.backbone, settings["backbone"], settings["threads"])
        return lambda given: averaged(backbone, given, settings["test_time_augmentation"])[0]
    from medfusion.learning import backend
    from medfusion.learning.features import apply, extractor, load_network

    backend.configure(settings["threads"], seed=0)
    model = extractor(load_network(args.network), settings["layers"])
    return lambda given: apply(model, given, settings["test_time_augmentation"])[0]


def pooled_rows(path, split, rows, pool):
    """The features of some images, pooled, float64 (n, d); read in blocks."""
    from medfusion.learning.input_check import pooled

    parts, start = [], 0
    for block in hdf5.blocks(path, f"{split}/features"):
        low, high = np.searchsorted(rows, (start, start + len(block)))
        parts.append(pooled(block[rows[low:high] - start], pool))
        start += len(block)
    return np.concatenate(parts)


def in_words(auroc):
    """The AUROC of each kind."""
    return ", ".join(f"{kind} {value:.3f}" for kind, value in auroc.items())


if __name__ == "__main__":
    stage.run(main, parser())
