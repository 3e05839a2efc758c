"""Describe a data set: images a class, pixel values a channel, examples and mean image of each class."""

import argparse
from typing import Any

from medfusion.files.artifacts import write_text
from medfusion.files.images import describe, read_labels
from medfusion.files.tables import csv_text
from medfusion.jobs import stage
from medfusion.naming import display_names


def parser() -> argparse.ArgumentParser:
    """The arguments of the stage."""
    result = stage.parser(__doc__)
    result.add_input("--images", nargs=3, metavar=("TRAIN", "VAL", "TEST"), help="prepared images of the three splits")
    result.add_input("--test-labels", help="labels of the test images")
    result.add_output("--counts", help="table to write (.csv): images of each class in each split")
    result.add_output("--pixels", help="table to write (.csv): pixel values of each channel")
    result.add_output("--samples", help="picture to write: a few images of each class side by side, without words")
    result.add_output("--montage", help="figure to write: examples of each class")
    result.add_output("--means", help="figure to write: mean image of each class")
    return result


def main(args: argparse.Namespace, settings: dict[str, Any]) -> None:
    """Write two tables, two figures and one strip of images."""
    from medfusion.data import inspection
    from medfusion.figures import drawing

    paths = dict(zip(("train", "val", "test"), args.images, strict=True))
    train = paths["train"]
    names = display_names(describe(train), settings)
    labels = {"train": read_labels(train), "val": read_labels(paths["val"]), "test": read_labels(args.test_labels)}
    counts = inspection.class_counts(labels, names.label_names)
    write_text(args.counts, csv_text(counts))
    write_text(args.pixels, csv_text(inspection.pixel_statistics(paths)))
    drawing.save_pixels(
        inspection.samples(train, labels["train"], len(names.label_names), settings["seed"]), args.samples
    )
    with drawing.style(settings["style"]):
        drawing.save(inspection.draw_examples(train, labels["train"], names, settings["seed"]), args.montage)
        drawing.save(inspection.draw_means(train, labels["train"], names), args.means)
    stage.progress(f"{names.name}: {', '.join(f'{len(v):,} {split}' for split, v in labels.items())} images")


if __name__ == "__main__":
    stage.run(main, parser())
