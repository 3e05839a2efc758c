"""Class probabilities per split, in HDF5: what networks, classifiers and fusions hand on to be fused and evaluated."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from medfusion.errors import UserError
from medfusion.files.hdf5 import create_hdf5, open_hdf5
from medfusion.files.images import Description
from medfusion.tasks import as_stored, is_multi_label

SUM_TOLERANCE = 1e-4


def write(
    path: str | Path, description: Description, splits: Mapping[str, np.ndarray], temperature: float, **attributes: str
) -> None:
    """Write probabilities float32 (n, k) for each split, under {split}/probabilities.

    Parameters
    ----------
    temperature : by which validation would have them scaled; they are written as they are
    """
    with create_hdf5(path, temperature=temperature, **description.attributes(), **attributes) as file:
        for split, values in splits.items():
            file[f"{split}/probabilities"] = values.astype(np.float32)


def read(path: str | Path, split: str) -> np.ndarray:
    """The probabilities of one split, float64 (n, k), as `tasks.as_stored` has them.

    Rows sum to 1 but for the error of float32, or to anything where an image may have several labels.

    Raises
    ------
    UserError
        If the file has none for this split, or numbers that are none.

    Rows are not normalised: equal probabilities stay equal, whatever the others of their rows sum to.
    """
    with open_hdf5(path) as file:
        if f"{split}/probabilities" not in file:
            raise UserError(f"{path}: holds no probabilities for the split {split!r}; delete it and run again")
        values = as_stored(file[f"{split}/probabilities"][:])
        several = is_multi_label(Description.of(file.attrs).task)
    if values.ndim != 2 or not np.isfinite(values).all() or not (several or _sum_to_1(values)):
        raise UserError(f"{path}: what it holds for the split {split!r} are no probabilities; delete it and run again")
    return values


def temperature(path: str | Path) -> float:
    """The temperature by which validation would have the probabilities scaled.

    Raises
    ------
    UserError
        If the file does not say.
    """
    with open_hdf5(path) as file:
        value = file.attrs.get("temperature")
    if not isinstance(value, float) or not 0 < value < np.inf:
        raise UserError(f"{path}: does not say its temperature; delete it and run again")
    return float(value)


def _sum_to_1(values: np.ndarray) -> bool:
    return bool(values.min(initial=0) >= 0 and (np.abs(values.sum(axis=1) - 1) <= SUM_TOLERANCE).all())


def describe(path: str | Path) -> Description:
    """The description of the data set that the probabilities belong to."""
    with open_hdf5(path) as file:
        return Description.of(file.attrs)
