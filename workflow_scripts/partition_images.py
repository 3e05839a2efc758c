"""Divide the images of a data set anew among train, val and test: a fold of its cross-validation, or another split."""

import argparse
import hashlib
import json
from dataclasses import replace
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
    import numpy as np

    from medfusion.data import partitioning
    from medfusion.files import image_groups, images

    pool = settings["pool"]
    paths = dict(zip(partitioning.SPLITS, args.whole, strict=True))
    labelled = {**paths, "test": args.whole_test_labels}
    labels = np.concatenate([images.read_labels(labelled[split]) for split in pool])
    sizes = image_groups.sizes(args.whole)
    groups = image_groups.read(args.groups, sizes)
    description = images.describe(args.whole[0])
    of_pool = np.concatenate([groups[split] for split in pool])
    divided = partitioning.divide(labels, of_pool, list(sizes.values()), settings, description.label_names)
    known = f"{description.sha256} {json.dumps(settings, sort_keys=True)}"
    description = replace(description, sha256=hashlib.sha256(known.encode()).hexdigest())
    for path, (split, rows) in zip(args.images, divided.items(), strict=True):
        pixels = images.Selected([paths[part] for part in pool], rows)
        images.write_split(path, split, description, pixels, None if split == "test" else labels[rows])
    images.write_labels(args.test_labels, "test", description, labels[divided["test"]])
    stage.progress(f"{', '.join(f'{len(rows):,} {split}' for split, rows in divided.items())} images")


if __name__ == "__main__":
    stage.run(main, parser())
