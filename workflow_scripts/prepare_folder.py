"""Read a folder of pictures, split it if it has no splits, and write its images; test labels go into their own file."""

import csv
import io
import tempfile
from pathlib import Path

from medfusion import escaping
from medfusion.files import images
from medfusion.files.artifacts import write_text
from medfusion.jobs import stage

COLUMNS = ("split", "index", "label", "group", "path")


def parser():
    result = stage.parser(__doc__)
    result.add_output("--images", nargs=3, metavar=("TRAIN", "VAL", "TEST"), help="HDF5 files to write")
    result.add_output("--test-labels", help="HDF5 file to write")
    result.add_output("--pictures", help="table to write (.csv): which picture became which image")
    return result


def main(args, settings):
    from medfusion.data import folder_images

    folder = Path(args.images[0]).parent
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as store:
        description, splits, placed = folder_images.load(settings["files"], settings, store, stage.progress)
        for path, (split, (pixels, labels)) in zip(args.images, splits.items(), strict=True):
            images.write_split(path, split, description, pixels, None if split == "test" else labels)
    images.write_labels(args.test_labels, "test", description, splits["test"][1])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *map(escaping.cells, folder_images.table(placed))])
    write_text(args.pictures, text.getvalue())
    counts = {split: len(labels) for split, (_, labels) in splits.items()}
    stage.progress(f"{settings['files']}: {counts} images of {', '.join(description.label_names)}")


if __name__ == "__main__":
    stage.run(main, parser())
