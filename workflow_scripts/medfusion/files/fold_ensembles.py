"""A system averaged over the folds of a cross-validation (folds.h5), and what each fold gives to it (given_test.h5).

folds.h5 is read as probabilities and as labels: it holds, beside the attributes that describe the data set,

    val/probabilities   float32 (n, k): of the images of train and val as given, each by the fold that did not see it
    test/probabilities  float32 (m, k): of the given test images, the mean over the folds
    labels              uint8 (n,): of the images of train and val
    fold                int64 (n,): which fold did not see each of them, from 0
    members             float32 (folds, m, k): of the given test images, fold by fold
    member_temperature  an attribute: by which all these were scaled; their own temperature is 1
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from medfusion.errors import UserError
from medfusion.files import probabilities
from medfusion.files.hdf5 import create_hdf5, open_hdf5
from medfusion.files.images import Description
from medfusion.tasks import as_stored


@dataclass(frozen=True)
class FoldEnsemble:
    """A system over all folds; probabilities are float64, after the temperature.

    out_of_fold : (n, k), of the images of train and val
    fold, labels : integers (n,), of the same
    members : (folds, m, k), of the given test images
    """

    out_of_fold: np.ndarray
    fold: np.ndarray
    labels: np.ndarray
    members: np.ndarray


def write(
    path: str | Path, description: Description, found: FoldEnsemble, mean: np.ndarray, temperature: float
) -> None:
    """Write folds.h5.

    Parameters
    ----------
    mean : (m, k), of the members
    temperature : by which probabilities were scaled
    """
    with create_hdf5(path, **description.attributes(), temperature=1.0, member_temperature=temperature) as file:
        file["val/probabilities"] = found.out_of_fold.astype(np.float32)
        file["test/probabilities"] = mean.astype(np.float32)
        file["members"] = found.members.astype(np.float32)
        file["labels"], file["fold"] = found.labels, found.fold


def read(path: str | Path) -> tuple[FoldEnsemble, float]:
    """The content of folds.h5, and the temperature by which it was scaled.

    Raises
    ------
    UserError
        If the file holds something else.
    """
    out_of_fold = probabilities.read(path, "val")
    try:
        with open_hdf5(path) as file:
            fold, labels, members = file["fold"][:], file["labels"][:], as_stored(file["members"][:])
            temperature = float(file.attrs["member_temperature"])
    except KeyError:
        fold = labels = members = np.empty(0)
    n, k = out_of_fold.shape
    if fold.shape != (n,) or labels.shape != (n,) or members.ndim != 3 or members.shape[2] != k:
        raise UserError(f"{path}: not what ensemble_folds writes; delete it and run again")
    return FoldEnsemble(out_of_fold, fold, labels, members), temperature


def write_given(path: str | Path, description: Description, blocks: Sequence[Mapping[str, np.ndarray]]) -> None:
    """Write given_test.h5: {system}/probabilities, float32 (m, k).

    Parameters
    ----------
    blocks : of consecutive images what each system says, (rows, k)
    """
    with create_hdf5(path, **description.attributes()) as file:
        for system in blocks[0]:
            file[f"{system}/probabilities"] = np.concatenate([block[system] for block in blocks]).astype(np.float32)


def read_given(path: str | Path, system: str) -> np.ndarray:
    """What one system of a fold says of the given test images, float64 (m, k).

    Raises
    ------
    UserError
        If the file has nothing of the system.
    """
    return probabilities.read(path, system)
