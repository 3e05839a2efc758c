"""Find which images of a data set must stay in one split: near-duplicates, and those a user keeps together."""

import argparse
from typing import Any

from medfusion.jobs import stage


def parser() -> argparse.ArgumentParser:
    """The arguments of the stage."""
    result = stage.parser(__doc__)
    result.add_input("--images", nargs=3, metavar=("TRAIN", "VAL", "TEST"), help="prepared images of the three splits")
    result.add_input("--pictures", nargs="?", required=False, help="groups of pictures (.csv)")
    result.add_output("--groups", help="table to write (.csv): split, index, group")
    return result


def main(args: argparse.Namespace, settings: dict[str, Any]) -> None:
    """Write the group of each image."""
    import numpy as np

    from medfusion.data import duplicate_groups
    from medfusion.files import image_groups

    known = image_groups.of_pictures(args.pictures, args.images) if args.pictures else None
    groups = duplicate_groups.groups(args.images, settings["threshold"], known, stage.progress)
    image_groups.write(args.groups, args.images, groups)
    largest = np.bincount(groups).max()
    stage.progress(f"{len(groups):,} images in {groups.max() + 1:,} groups, the largest of {largest:,}")


if __name__ == "__main__":
    stage.run(main, parser())
