"""Out-of-fold probabilities: what linear probes say of images that they were not fitted on, fold by fold."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from medfusion.files import hdf5, images
from medfusion.learning.classifiers import fitted, probabilities
from medfusion.learning.subsets import at_most

FOLDS = 5
HYPERPARAMETERS = {"C": 0.001}  # a weak fit: a closer one follows single labels, and with them the wrong ones
# Training images that a probe is fitted on in each fold, at most, and their numbers.
FIT_IMAGES, FIT_VALUES = 4000, 4_000_000
LEAST = 1e-12  # probability, where its logarithm is taken
SIDE = 14  # to which pixels are averaged, if they are more


class View(NamedTuple):
    """Numbers that describe each image: of how many a row consists, and the rows (m, width) of some images."""

    width: int
    rows: Callable[[np.ndarray], np.ndarray]


def features(path: str, split: str = "train") -> View:
    """The features of a split's images in a file of a network."""
    key = f"{split}/features"
    with hdf5.open_hdf5(path) as file:
        width = file[key].shape[1]
    return View(width, lambda numbers: hdf5.rows(path, key, numbers))


def pixels(path: str) -> View:
    """The pixels of prepared images, each side averaged to `SIDE` if it is longer."""
    with hdf5.open_hdf5(path) as file:
        height, width, channels = file["images"].shape[1:]
    size = min(width, SIDE), min(height, SIDE)

    def rows(numbers: np.ndarray) -> np.ndarray:
        found = np.empty((len(numbers), size[0] * size[1] * channels), np.float32)
        start = 0
        for block in images.slices(images.Selected([path], numbers)):
            for image in block:
                found[start] = cv2.resize(image, size, interpolation=cv2.INTER_AREA).reshape(-1)
                start += 1
        return found

    return View(size[0] * size[1] * channels, rows)


def folds(labels: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """The fold of each image, int64 (n,): those of a group share it, and classes are spread over the folds.

    Parameters
    ----------
    labels, groups : integers (n,)
    """
    _, first, member = np.unique(groups, return_index=True, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(first))
    order = order[np.argsort(labels[first[order]], kind="stable")]  # class after class
    place = np.empty(len(first), np.int64)
    place[order] = np.arange(len(first)) % FOLDS
    return place[member]


def log_loss(train: View, labels: np.ndarray, val: View, val_labels: np.ndarray, seed: int) -> float:
    """The log loss on validation images of a probe that is fitted on training images: how good these numbers are.

    Parameters
    ----------
    train, val : the same numbers of both splits
    labels, val_labels : integers (n,) and (m,)
    """
    known, said = np.unique(labels), np.zeros((len(val_labels), int(max(labels.max(), val_labels.max())) + 1))
    chosen = _some(labels, np.arange(len(labels)), train.width, seed)
    said[:, known] = _said(train, labels, chosen, val, np.arange(len(val_labels)), seed)
    return float(-np.log(np.maximum(said[np.arange(len(val_labels)), val_labels], LEAST)).mean())


def predict(
    views: Sequence[View],
    labels: np.ndarray,
    groups: np.ndarray,
    classes: int,
    seed: int,
    report: Callable[[str], None] = lambda text: None,
) -> np.ndarray:
    """The mean probability of linear probes (multinomial logistic regression, one for each view) out of fold.

    Parameters
    ----------
    views : of the same n images
    labels : int (n,), in 0 … classes − 1
    groups : int (n,); images of one group are in one fold
    report : takes a line of progress a fold

    Returns
    -------
    float64 (n, classes); rows of NaN where an image's class is in no other fold, so that nothing can be said of its
    label
    """
    place, found = folds(labels, groups, seed), np.zeros((len(labels), classes))
    for fold in np.unique(place):
        held, rest = np.flatnonzero(place == fold), np.flatnonzero(place != fold)
        known = np.unique(labels[rest])
        if len(known) < 2:
            found[held] = np.nan
            continue
        for view in views:
            chosen = _some(labels, rest, view.width, seed)
            found[np.ix_(held, known)] += _said(view, labels, chosen, view, held, seed) / len(views)
        found[held[~np.isin(labels[held], known)]] = np.nan
        report(f"fold {fold + 1} of {FOLDS}: {len(held):,} images")
    return found


def _some(labels: np.ndarray, rows: np.ndarray, width: int, seed: int) -> np.ndarray:
    """Of some images those that a probe is fitted on."""
    most = max(len(np.unique(labels[rows])), min(FIT_IMAGES, FIT_VALUES // width))
    return rows[at_most(labels[rows], most, seed)]


def _said(fit: View, labels: np.ndarray, chosen: np.ndarray, asked: View, held: np.ndarray, seed: int) -> np.ndarray:
    """What a probe that is fitted on the chosen images says of the held ones: probabilities of the chosen's classes."""
    model = fitted("logistic_regression", HYPERPARAMETERS, seed, fit.rows(chosen), labels[chosen])
    step = max(1, FIT_VALUES // fit.width)
    parts = (held[start : start + step] for start in range(0, len(held), step))
    return np.concatenate([probabilities(model, asked.rows(part)) for part in parts])
