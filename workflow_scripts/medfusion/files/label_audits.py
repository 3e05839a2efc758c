"""What the label audit found: of every image (labels.csv), and in numbers (label_summary.json).

labels.csv has a row an image: data, split, index, label and suggested class with their names, score (probability of the
label; empty where no probe could say any), flagged, and of the strongest near-duplicate of another label split and
index. label_summary.json holds an object:

    dataset   key of the data set
    system    model, system and seed of what judged val and test
    model     whose features the probes of train saw, beside pixels
    folds     of these probes
    splits    of each split the counts of `label_audit.summary`
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from medfusion.errors import UserError
from medfusion.files.artifacts import read_record, write_text
from medfusion.files.hdf5 import create_hdf5, open_hdf5
from medfusion.files.images import Description
from medfusion.files.tables import csv_text, read_table

KEYS = ("dataset", "system", "model", "folds", "splits")
COUNTS = {"images", "judged", "taken", "flagged", "opposite", "both"}
SPLITS = ("train", "val", "test")


def write_out_of_fold(
    path: str | Path, description: Description, folds: int, model: str, probabilities: np.ndarray
) -> None:
    """Write probabilities (n, k) of the training images, rows of NaN where there are none."""
    with create_hdf5(path, folds=folds, model=model, **description.attributes()) as file:
        file["train/probabilities"] = probabilities.astype(np.float32)


def read_out_of_fold(path: str | Path, images: int, classes: int) -> tuple[int, str, np.ndarray]:
    """The number of folds, the model whose features were seen, and the probabilities, float64 (images, classes).

    Raises
    ------
    UserError
        If the file is of other images or classes.
    """
    with open_hdf5(path) as file:
        folds, model, found = (
            int(file.attrs["folds"]),
            str(file.attrs["model"]),
            file["train/probabilities"][:].astype(np.float64),
        )
    known = np.isfinite(found)
    if found.shape != (images, classes) or (known.any(axis=1) != known.all(axis=1)).any():
        raise UserError(f"{path}: no probabilities of {images} training images; delete it and run again")
    return folds, model, found


def write(path: str | Path, table: pd.DataFrame, data: str, names: tuple[str, ...]) -> None:
    """Write labels.csv of the table that `label_audit.audit` returns."""
    named = table.copy()
    named.insert(0, "data", data)
    for column, place in (("suggested", 5), ("label", 4)):
        named.insert(place, f"{column}_name", [names[label] for label in table[column]])
    write_text(path, csv_text(named, float_format="%.6f"))


def read(path: str | Path) -> pd.DataFrame:
    """Read labels.csv.

    Raises
    ------
    UserError
        If the file is missing or another table.
    """
    table = read_table(
        path,
        ("index", "label", "suggested"),
        ("data", "split", "label_name", "suggested_name", "opposite_split"),
        ("score", "flagged", "opposite_index"),
    )
    table["score"] = pd.to_numeric(table["score"], errors="coerce")
    if not table["split"].isin(SPLITS).all() or not table["flagged"].isin([True, False]).all():
        raise UserError(f"{path}: not what audit_labels writes; delete it and run again")
    return table.astype({"flagged": bool})


def read_summary(path: str | Path) -> dict[str, Any]:
    """Read label_summary.json.

    Raises
    ------
    UserError
        If the file is another record.
    """
    record = read_record(path, KEYS)
    splits = record["splits"]
    if not isinstance(splits, dict) or not all(set(splits.get(split) or ()) >= COUNTS for split in SPLITS):
        raise UserError(f"{path}: lacks counts of its splits; delete it and run again")
    return record
