"""What systems say of corrupted test images (corrupted.h5, of one network), and what that is worth (corruptions.csv).

corrupted.h5 holds, beside the attributes that describe the data set:

    corruptions                       an attribute: their names, in order
    numbers                           of the test images that were taken, int64 (n,), ascending
    {corruption}/{severity}/{system}  class probabilities, float32 (n, k); "clean/0" are the images as they are

corruptions.csv is tidy, a row a measure: data, model, seed, system, corruption, severity ("0" to "5", "mean" over all
that were tried), metric, value, low, high, n. Of the corruption "all" are means over the corruptions.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pandas as pd

from medfusion.data.medmnist_c import CLEAN
from medfusion.errors import UserError
from medfusion.files.artifacts import write_text
from medfusion.files.hdf5 import open_hdf5
from medfusion.files.tables import csv_text, read_table
from medfusion.tasks import as_stored

ALL = "all"  # corruptions
MEAN = "mean"  # over severities
TEXTS = ("data", "model", "system", "corruption", "severity", "metric")
COLUMNS = ["data", "model", "seed", "system", "corruption", "severity", "metric", "value", "low", "high", "n"]


class Condition(NamedTuple):
    """A corruption by name and a severity, 1 to 5; "clean" and 0 for images as they are."""

    corruption: str
    severity: int


UNTOUCHED = Condition(CLEAN, 0)


def append(file: h5py.File, condition: Condition, system: str, values: np.ndarray) -> None:
    """Add the probabilities (n, k) of the next images."""
    name = f"{condition.corruption}/{condition.severity}/{system}"
    if name not in file:
        file.create_dataset(name, (0, values.shape[1]), np.float32, maxshape=(None, values.shape[1]))
    rows = len(file[name])
    file[name].resize(rows + len(values), axis=0)
    file[name][rows:] = values


def numbers(path: str | Path) -> np.ndarray:
    """Which test images were taken, int64 (n,).

    Raises
    ------
    UserError
        If the file does not say.
    """
    with open_hdf5(path) as file:
        found = file["numbers"][:]
    if found.ndim != 1 or found.dtype.kind not in "iu" or (np.diff(found) <= 0).any():
        raise UserError(f"{path}: does not say which images it is of; delete it and run again")
    return found


def conditions(path: str | Path, system: str) -> Iterator[tuple[Condition, np.ndarray]]:
    """What one system says, condition by condition, the untouched images first: float64 (n, k).

    Raises
    ------
    UserError
        If the file lacks them.
    """
    with open_hdf5(path) as file:
        for name in (CLEAN, *file.attrs["corruptions"]):
            for severity in sorted(file[name], key=int):
                yield Condition(name, int(severity)), as_stored(file[name][severity][system][:])


def write_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write corruptions.csv."""
    write_text(path, csv_text(table[COLUMNS], float_format="%.6g"))


def read(path: str | Path) -> pd.DataFrame:
    """Read corruptions.csv.

    Raises
    ------
    UserError
        If the file is missing or another table.
    """
    table = read_table(path, ("seed", "n"), TEXTS, ("value", "low", "high"))
    if not {UNTOUCHED.corruption, ALL} <= set(table["corruption"]):
        raise UserError(f"{path}: not what corrupt_evaluate writes; delete it and run again")
    return table
