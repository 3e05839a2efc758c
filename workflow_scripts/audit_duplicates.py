"""Look for near-duplicates: pairs of images, within and across splits, whose pixels correlate strongly."""

import argparse
from typing import Any

from medfusion.files.artifacts import write_json, write_text
from medfusion.files.images import describe, read_labels
from medfusion.jobs import stage
from medfusion.naming import display_names
from medfusion.tasks import is_multi_label


def parser() -> argparse.ArgumentParser:
    """The arguments of the stage."""
    result = stage.parser(__doc__)
    result.add_input("--images", nargs=3, metavar=("TRAIN", "VAL", "TEST"), help="prepared images of the three splits")
    result.add_input("--test-labels", help="labels of the test images")
    result.add_output("--pairs", help="table to write (.csv): the strongest pairs")
    result.add_output("--summary", help="complete counts to write (.json)")
    result.add_output("--montage", help="figure to write: the strongest pairs")
    return result


def main(args: argparse.Namespace, settings: dict[str, Any]) -> None:
    """Write the table of pairs, the counts and a figure."""
    from medfusion.data import near_duplicates
    from medfusion.figures import drawing

    train, val, test = args.images
    splits = [
        near_duplicates.Split("train", train, near_duplicates.codes(read_labels(train))),
        near_duplicates.Split("val", val, near_duplicates.codes(read_labels(val))),
        near_duplicates.Split("test", test, near_duplicates.codes(read_labels(args.test_labels))),
    ]
    description = describe(train)
    names = display_names(description, settings)
    threshold, several = settings["threshold"], is_multi_label(description.task)
    pairs, summary = near_duplicates.find(splits, threshold, report=stage.progress)
    # Not what the data set is called: the comparisons of systems are made from this file.
    summary |= {"flag": description.flag, "generated": description.generated, "remarks": list(description.remarks)}
    write_text(args.pairs, pairs.to_csv(index=False, float_format="%.6f"))
    write_json(args.summary, summary)
    with drawing.style(settings["style"]):
        drawing.save(
            near_duplicates.draw_pairs(pairs, summary["pairs"], splits, names, threshold, several=several), args.montage
        )
    stage.progress(f"{names.name}: {summary['pairs']:,} pairs with a correlation of {threshold:g} or more")


if __name__ == "__main__":
    stage.run(main, parser())
