"""Divide the images of a data set anew among train, val and test: a fold of its cross-validation, or another split."""

import argparse
from typing import Any

from medfusion.jobs import stage


def parser() -> argparse.ArgumentParser:
    """The arguments of the stage."""
    result = stage.parser(__doc__)
    result.add_input("--whole", nargs=3, metavar=("TRAIN", "VAL", "TEST"), help="prepared images of the three splits")
    result.add_input("--whole-test-labels", nargs="?", required=False, help="their labels, if divided too")
    result.add_input("--groups", help="which images stay together (.csv)")
    result.add_output("--images", nargs=3, metavar=("TRAIN", "VAL", "TEST"), help="HDF5 files to write")
    result.add_output("--test-labels", help="HDF5 file to write")
    return result


def main(args: argparse.Namespace, settings: dict[str, Any]) -> None:
    """Write the images of each split, and the test labels into a file of their own."""
    from medfusion.data import partitioning
    from medfusion.files import images, pools

    paths = dict(zip(partitioning.SPLITS, args.whole, strict=True))
    pool = pools.read(args.whole, args.whole_test_labels, args.groups, settings["pool"])
    divided = partitioning.divide(pool.labels, pool.groups, pool.sizes, settings, pool.description.label_names)
    description = pool.divided(settings)
    for path, (split, rows) in zip(args.images, divided.items(), strict=True):
        pixels = images.Selected([paths[part] for part in settings["pool"]], rows)
        images.write_split(path, split, description, pixels, None if split == "test" else pool.labels[rows])
    images.write_labels(args.test_labels, "test", description, pool.labels[divided["test"]])
    stage.progress(f"{', '.join(f'{len(rows):,} {split}' for split, rows in divided.items())} images")


if __name__ == "__main__":
    stage.run(main, parser())
