"""Average a system over the folds of a repeat, calibrated on its out-of-fold probabilities of all their images."""

import numpy as np

from medfusion.errors import UserError
from medfusion.files import fold_ensembles, pools, probabilities
from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_input("--whole", nargs=3, metavar=("TRAIN", "VAL", "TEST"), help="prepared images of the three splits")
    result.add_input("--groups", help="which images stay together (.csv)")
    result.add_input("--out-of-fold", nargs="+", metavar="PATH", help="the system's probabilities in each fold (HDF5)")
    result.add_input("--given", nargs="+", metavar="PATH", help="those of the given test images, fold by fold (HDF5)")
    result.add_output("--folds", help="HDF5 file to write: {val,test}/probabilities, val the images out of fold")
    return result


def main(args, settings):
    from medfusion.data import partitioning
    from medfusion.learning.calibration import scale, temperature_of
    from medfusion.learning.fusion import fuse

    # With the threads, which stand in the settings of partition_images as in those of every job.
    divisions = [{**division, "threads": settings["threads"]} for division in settings["divisions"]]
    pool = pools.read(args.whole, None, args.groups, divisions[0]["pool"])
    out_of_fold = np.empty((len(pool.labels), len(pool.description.label_names)))
    fold = np.empty(len(pool.labels), np.int64)
    for number, (division, path) in enumerate(zip(divisions, args.out_of_fold, strict=True)):
        rows = partitioning.divide(pool.labels, pool.groups, pool.sizes, division, pool.description.label_names)["test"]
        values = probabilities.read(path, "test")
        if probabilities.describe(path) != pool.divided(division) or values.shape != out_of_fold[rows].shape:
            raise UserError(f"{path}: of other images than those of fold {number + 1}; delete it and run again")
        out_of_fold[rows], fold[rows] = values, number
    # Of each member, not of their mean: a mean of calibrated probabilities is less certain than these, never more.
    temperature = temperature_of(out_of_fold, pool.labels)
    given = np.stack([scale(fold_ensembles.read_given(path, settings["system"]), temperature) for path in args.given])
    mean = fuse(given, np.full(len(given), 1 / len(given)))
    found = fold_ensembles.FoldEnsemble(scale(out_of_fold, temperature), fold, pool.labels, given)
    fold_ensembles.write(args.folds, pool.description, found, mean, temperature)
    stage.progress(
        f"{settings['title']}: {len(given)} folds, temperature {temperature:.3f} on {len(fold)} images out of fold"
    )


if __name__ == "__main__":
    stage.run(main, parser())
