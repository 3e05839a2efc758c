"""Which images of a data set stay together in every split: a table of split, index and group."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from medfusion.errors import UserError
from medfusion.files.artifacts import write_text
from medfusion.files.hdf5 import open_hdf5
from medfusion.files.tables import read_table

SPLITS = ("train", "val", "test")


def write(path: str | Path, images: Sequence[str | Path], groups: np.ndarray) -> None:
    """Write the groups (n,) of the images of the three splits, numbered in a row."""
    counts = _counts(images)
    columns = {
        "split": np.repeat(SPLITS, counts),
        "index": np.concatenate([np.arange(count) for count in counts]),
        "group": groups,
    }
    write_text(path, pd.DataFrame(columns).to_csv(index=False, lineterminator="\n"))


def read(path: str | Path, images: Sequence[str | Path]) -> dict[str, np.ndarray]:
    """The groups of the images of each split, int64 (n,).

    Raises
    ------
    UserError
        If the table is not of these images.
    """
    table = read_table(path, ("index", "group"), ("split",))
    found = {split: table[table["split"] == split]["group"].to_numpy(np.int64) for split in SPLITS}
    if [len(found[split]) for split in SPLITS] != _counts(images):
        raise UserError(f"{path}: not of the images in {Path(images[0]).parent}; delete it and run again")
    return found


def of_pictures(path: str | Path, images: Sequence[str | Path]) -> np.ndarray:
    """The groups that a user gave pictures, int64 (n,); a number of its own for an image that has none.

    Parameters
    ----------
    path : pictures.csv, as `prepare_folder` writes it
    images : of the three splits
    """
    starts = dict(zip(SPLITS, np.cumsum([0, *_counts(images)]), strict=False))
    found: dict[str, int] = {}
    result = np.arange(sum(_counts(images)))
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["group"]:
                place = int(starts[row["split"]]) + int(row["index"])
                result[place] = found.setdefault(row["group"], place)
    return result


def _counts(images: Sequence[str | Path]) -> list[int]:
    counts = []
    for path in images:
        with open_hdf5(path) as file:
            counts.append(len(file["images"]))
    return counts
