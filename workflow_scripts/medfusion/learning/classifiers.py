"""Classifiers on network features: grids of settings, the choice of a winner, its calibration, its file."""

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import skops.io
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.validation import check_is_fitted

from medfusion.errors import UserError, first_line
from medfusion.files.archives import make_zip_reproducible
from medfusion.files.artifacts import replacing
from medfusion.learning import approximate, nested_trees
from medfusion.learning.subsets import at_most

# Types outside skops' own list that our files hold; nothing else is loaded. A tree's nodes are indices that
# scikit-learn follows unchecked: `predict` with a forged file can crash, but runs no code.
TRUSTED = [
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.tree._tree.Tree",
]

MOST_STEPS = 10_000_000  # of an SVM's solver, LIBSVM's own limit: some kernels never end
VAL_FEW = "validation images to calibrate on; raise fit_values"

Cell = dict[str, Any]
Fitted = BaseEstimator | list[BaseEstimator]  # several: of each label its own


def estimator(kind: str, cell: Cell, seed: int) -> BaseEstimator:
    """An unfitted classifier with the settings of one grid cell; an SVM scales its features first."""
    if kind == "svm":
        # Ties between pairwise votes are broken by the scores, so that predictions and calibrated probabilities agree.
        return make_pipeline(StandardScaler(), SVC(**cell, cache_size=500, break_ties=True, max_iter=MOST_STEPS))
    if kind == "random_forest":
        return RandomForestClassifier(**cell, random_state=seed, n_jobs=1)
    return DecisionTreeClassifier(**cell, random_state=seed)


def grid_cells(grid: dict[str, list[Any]]) -> list[Cell]:
    """Every combination of the grid's values, the last key varying fastest.

    >>> grid_cells({"C": [1, 10], "kernel": ["rbf"]})
    [{'C': 1, 'kernel': 'rbf'}, {'C': 10, 'kernel': 'rbf'}]
    """
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def search(
    settings: dict[str, Any],
    features: np.ndarray,
    labels: np.ndarray,
    val_features: np.ndarray,
    val_labels: np.ndarray,
    seed: int,
    report: Callable[[str], None],
) -> tuple[list[Cell], Cell]:
    """Compare the cells of a grid.

    Parameters
    ----------
    settings : an entry of `classifiers` in config.yaml
    features, labels : training split, float32 (n, d) and (n,); of several labels at once (n, k), where each has a
        classifier of its own with the same settings (one-vs-rest)
    val_features, val_labels : validation split
    seed : of the classifier, of the subset and of the folds
    report : takes one line of progress a cell

    Returns
    -------
    rows : one per cell, in grid order: its settings, "accuracy" (validation or mean over folds; and over labels),
        "seconds" to fit and to score, cells that one model holds sharing its time
    best : the settings of the cell with the highest accuracy, the first of equals
    """
    chosen = at_most(labels, compared_images(settings, len(labels)), seed)
    features, labels = features[chosen], labels[chosen]
    cells = grid_cells(settings["grid"])
    if len(cells) == 1:
        report(f"one cell, nothing to compare: {cells[0]}")
    folds = settings["folds"] if settings["selection"] == "folds" else 1
    scores = np.zeros((folds * len(_columns(labels)), len(cells)))
    seconds = np.zeros_like(scores)
    for index, data in enumerate(_rounds(settings, features, labels, val_features, val_labels, seed)):
        for cell, accuracy, time_taken in _scores(settings["kind"], cells, data, seed):
            scores[index, cell] = accuracy
            seconds[index, cell] = time_taken
            report(f"round {index + 1}/{len(scores)}, {cells[cell]}: accuracy {accuracy:.4f} in {time_taken:.1f} s")
    accuracy = scores.mean(axis=0)
    rows = [
        {**cell, "accuracy": round(float(a), 6), "seconds": round(float(s), 3)}
        for cell, a, s in zip(cells, accuracy, seconds.sum(axis=0), strict=True)
    ]
    return rows, cells[int(np.argmax(accuracy))]


def compared_images(settings: dict[str, Any], images: int) -> int:
    """On how many of the images cells are compared; exactly, also where the winner will be approximated."""
    return min(images, *(settings[limit] or images for limit in ("search_images", "fit_images")))


def _columns(labels: np.ndarray) -> list[np.ndarray]:
    """The tasks that labels pose: one for labels (n,), one a label for (n, k)."""
    return [labels] if labels.ndim == 1 else list(labels.T)


def _rounds(
    settings: dict[str, Any],
    features: np.ndarray,
    labels: np.ndarray,
    val_features: np.ndarray,
    val_labels: np.ndarray,
    seed: int,
) -> Iterator[tuple[np.ndarray, ...]]:
    """Features and labels (n,) to fit on, and those to score on: validation, or each fold; task by task."""
    for number, (own, val_own) in enumerate(zip(_columns(labels), _columns(val_labels), strict=True)):
        if settings["selection"] != "folds":
            yield features, own, val_features, val_own
            continue
        if (smallest := np.bincount(own).min()) < settings["folds"]:
            rarest = "the rarest class" if labels.ndim == 1 else f"the rarer side of label {number}"
            raise UserError(
                f"folds: {settings['folds']}; expected at most {smallest}, the images of {rarest} to search on"
            )
        folds = StratifiedKFold(settings["folds"], shuffle=True, random_state=seed).split(features, own)
        for fit_rows, score_rows in folds:
            yield features[fit_rows], own[fit_rows], features[score_rows], own[score_rows]


def _scores(kind: str, cells: list[Cell], data: tuple[np.ndarray, ...], seed: int):
    """Yield (cell index, accuracy, seconds) for every cell; trees and forests that hold others are grown once."""
    features, labels, score_features, score_labels = data
    groups = [(cell, [index]) for index, cell in enumerate(cells)] if kind == "svm" else nested_trees.families(cells)
    for largest, indices in groups:
        start = time.perf_counter()
        model = _fit(estimator(kind, largest, seed), largest, features, labels)
        if len(indices) == 1:
            predicted = [model.predict(score_features)]
        else:
            predicted = nested_trees.predictions(model, [cells[index] for index in indices], score_features)
        share = (time.perf_counter() - start) / len(indices)
        for index, labels_of_cell in zip(indices, predicted, strict=True):
            yield index, float(np.mean(labels_of_cell == score_labels)), share


def fit(
    settings: dict[str, Any],
    cell: Cell,
    features: np.ndarray,
    labels: np.ndarray,
    val_features: np.ndarray,
    val_labels: np.ndarray,
    seed: int,
    components: int | None = None,
) -> Fitted:
    """Fit one cell on the training split and calibrate its probabilities on the validation split.

    "temperature" divides the scores by one number (Guo et al. 2017), which changes no prediction, found with softened
    labels where the validation split shows no mistake; "sigmoid" is
    Platt's (1999), one per class. For several labels at once, labels (n, k), each has a classifier and a calibration of
    its own (one-vs-rest).

    Parameters
    ----------
    components : None for the classifier itself; a number for a linear machine on so many Nyström features in its place
    """
    if labels.ndim == 2:
        for array, what in ((labels, "training images to fit on; raise fit_images"), (val_labels, VAL_FEW)):
            for number, column in enumerate(array.T):
                if column.min() == column.max():
                    raise UserError(f"label {number} is on none or all of the {len(column)} {what}")
        pairs = zip(labels.T, val_labels.T, strict=True)
        return [fit(settings, cell, features, own, val_features, val_own, seed, components) for own, val_own in pairs]
    if components:
        with _refusals(cell):
            model = approximate.fit(cell, features, labels, components, seed)
    else:
        model = _fit(estimator(settings["kind"], cell, seed), cell, features, labels)
    if settings["calibration"] == "none":
        return model
    # The fitted model stays as it is, so there is nothing to cross-validate: one round with all images. Folds would
    # ask for as many validation images of each class.
    weights = None
    if settings["calibration"] == "temperature" and np.array_equal(model.predict(val_features), val_labels):
        val_features, val_labels, weights = _softened(val_features, val_labels, len(model.classes_))
    rows = np.arange(len(val_labels))
    calibrated = CalibratedClassifierCV(FrozenEstimator(model), method=settings["calibration"], cv=[(rows, rows)])
    return calibrated.fit(val_features, val_labels, sample_weight=weights)


def _softened(features: np.ndarray, labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images as of every class, with weights: of their own class most, the more the more images it has.

    Without a single mistake, the log loss falls for ever as the temperature does, until probabilities are 0 and 1 and
    their order is lost. Platt (1999) softens targets by one image of each class more: (n + 1) / (n + k) of n images.
    """
    own = np.bincount(labels, minlength=classes)[labels]
    weights = np.repeat(1 / (own + classes), classes).reshape(-1, classes)
    weights[np.arange(len(labels)), labels] *= own + 1
    return np.repeat(features, classes, axis=0), np.tile(np.arange(classes), len(labels)), weights.ravel()


def probabilities(model: Fitted, features: np.ndarray) -> np.ndarray:
    """What a fitted classifier says of features (n, d): probabilities (n, k) of classes or of several labels."""
    if isinstance(model, list):
        return np.column_stack([one.predict_proba(features)[:, 1] for one in model])
    return model.predict_proba(features)


def _fit(model: BaseEstimator, cell: Cell, features: np.ndarray, labels: np.ndarray) -> BaseEstimator:
    """Fit a classifier in place."""
    with _refusals(cell):
        return model.fit(features, labels)


@contextlib.contextmanager
def _refusals(cell: Cell) -> Iterator[None]:
    """What scikit-learn refuses is a UserError."""
    try:
        yield
    except ValueError as error:
        raise UserError(f"grid cell {cell}: scikit-learn refuses it ({first_line(error)}); change the grid") from None


def save(model: Fitted, path: str | Path) -> None:
    """Write a fitted classifier as a skops file (no pickle)."""
    with replacing(path) as temporary:
        skops.io.dump(model, temporary)
        make_zip_reproducible(temporary)


def load(path: str | Path) -> Fitted:
    """Read a fitted classifier, refusing every type that ours do not hold.

    Raises
    ------
    UserError
        If the file is damaged or holds a type that is not trusted.
    """
    try:
        model = skops.io.load(path, trusted=TRUSTED)
        for part in model if isinstance(model, list) else [model]:
            check_is_fitted(part)
    except Exception as error:  # skops passes on whatever zipfile, json and numpy raise
        reason = first_line(error)
        raise UserError(f"{path}: not a classifier of this workflow ({reason}); delete it and run again") from None
    return model
