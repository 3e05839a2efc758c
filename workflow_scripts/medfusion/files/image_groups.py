"""Which images of a data set stay together in every split: a table of split, index and group."""

import csv
from collections.abc import Mapping, Sequence
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
    counts = list(sizes(images).values())
    columns = {
        "split": np.repeat(SPLITS, counts),
        "index": np.concatenate([np.arange(count) for count in counts]),
        "group": groups,
    }
    write_text(path, pd.DataFrame(columns).to_csv(index=False, lineterminator="\n"))


def read(path: str | Path, counts: Mapping[str, int]) -> dict[str, np.ndarray]:
    """The groups of the images of each split, int64 (n,).

    Parameters
    ----------
    counts : of images in splits, which the table must have

    Raises
    ------
    UserError
        If the table is of other images.
    """
    table = read_table(path, ("index", "group"), ("split",))
    found = {split: table[table["split"] == split]["group"].to_numpy(np.int64) for split in SPLITS}
    if any(len(found[split]) != count for split, count in counts.items()):
        raise UserError(f"{path}: of other images than those that are prepared; delete it and run again")
    return found


def duplicated(path: str | Path, images: int, splits: Sequence[str]) -> np.ndarray:
    """Which training images belong together with one of some other splits, bool (n,).

    Parameters
    ----------
    images : number of training images
    splits : of val and test
    """
    groups = read(path, {"train": images})
    return np.isin(groups["train"], np.concatenate([groups[split] for split in splits]))


def of_pictures(path: str | Path, images: Sequence[str | Path]) -> np.ndarray:
    """The groups that a user gave pictures, int64 (n,); a number of its own for an image that has none.

    Parameters
    ----------
    path : pictures.csv, as `prepare_folder` writes it
    images : of the three splits
    """
    counts = list(sizes(images).values())
    starts = dict(zip(SPLITS, np.cumsum([0, *counts]), strict=False))
    found: dict[str, int] = {}
    result = np.arange(sum(counts))
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["group"]:
                place = int(starts[row["split"]]) + int(row["index"])
                result[place] = found.setdefault(row["group"], place)
    return result


def picture_keys(path: str | Path) -> dict[str, list[tuple[str]]]:
    """The path of each picture below its folder, by split, in the order of the images (`data.metadata.Key`).

    Parameters
    ----------
    path : pictures.csv, as `prepare_folder` writes it
    """
    table = read_table(path, ("index",), ("split", "path"))
    return {split: [(picture,) for picture in table[table["split"] == split]["path"]] for split in SPLITS}


def sizes(images: Sequence[str | Path]) -> dict[str, int]:
    """The number of images of each split, of their prepared files."""
    counts = {}
    for split, path in zip(SPLITS, images, strict=True):
        with open_hdf5(path) as file:
            counts[split] = len(file["images"])
    return counts
