"""Classifiers on network features: their settings, calibration and files."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import skops.io
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from medfusion.errors import UserError, first_line
from medfusion.files.archives import make_zip_reproducible
from medfusion.files.artifacts import replacing
from medfusion.learning import approximate
from medfusion.learning.calibration import choose_temperature
from medfusion.learning.margins import PairwiseSVC, svc_settings
from medfusion.learning.tempered import Tempered, check_fitted, untempered

# Types outside skops' own list that our files hold; nothing else is loaded. A tree's nodes are indices that
# scikit-learn follows unchecked: `predict` with a forged file can crash, but runs no code.
TRUSTED = [
    "medfusion.learning.margins.PairwiseSVC",
    "medfusion.learning.tempered.Tempered",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.tree._tree.Tree",
]

ITERATIONS = 2000  # of a logistic regression's solver, at most
MOST_STEPS = 10_000_000  # of an SVM's solver, LIBSVM's own limit: some kernels never end

Combination = dict[str, Any]
Fitted: TypeAlias = BaseEstimator | list[BaseEstimator]  # several: of each label its own


def estimator(kind: str, combination: Combination, seed: int, width: int) -> BaseEstimator:
    """An unfitted classifier with the settings of one combination; what compares distances scales its features first.

    Parameters
    ----------
    width : numbers in a feature vector, by which a relative gamma is divided
    """
    if kind == "svm":
        svm = PairwiseSVC(**svc_settings(combination, width), cache_size=500, max_iter=MOST_STEPS)
        return make_pipeline(StandardScaler(), svm)
    if kind == "logistic_regression":
        return make_pipeline(StandardScaler(), LogisticRegression(**combination, max_iter=ITERATIONS))
    if kind == "random_forest":
        return RandomForestClassifier(**combination, random_state=seed, n_jobs=1)
    return DecisionTreeClassifier(**combination, random_state=seed)


def fit(
    settings: dict[str, Any],
    combination: Combination,
    features: np.ndarray,
    labels: np.ndarray,
    val_features: np.ndarray,
    val_labels: np.ndarray,
    seed: int,
    components: int | None = None,
) -> Fitted:
    """Fit one combination on the training split and calibrate its probabilities on the validation split.

    "temperature" divides the logarithms of probabilities by one number (Guo et al. 2017), which changes no prediction;
    "sigmoid" is Platt's (1999), one per class. For several labels at once, labels (n, k), each has a classifier and a
    calibration of its own (one-vs-rest).

    Parameters
    ----------
    components : None for the classifier itself; a number for a linear one on so many Nyström features
    """
    if labels.ndim == 2:
        check_labels(labels, "training images to fit on; raise fit_images")
        check_labels(val_labels, "validation images to calibrate on; raise fit_values")
        pairs = zip(labels.T, val_labels.T, strict=True)
        return [
            fit(settings, combination, features, own, val_features, val_own, seed, components) for own, val_own in pairs
        ]
    if components:
        with _refusals(combination):
            model = approximate.fit(combination, features, labels, components, seed)
    else:
        model = fitted(settings["kind"], combination, seed, features, labels)
    if settings["calibration"] == "none":
        return model
    if settings["calibration"] == "temperature":
        return Tempered(model, choose_temperature(untempered(model, val_features), val_labels))
    # The fitted model stays as it is, so there is nothing to cross-validate: one round with all images. Folds would
    # ask for as many validation images of each class.
    rows = np.arange(len(val_labels))
    calibrated = CalibratedClassifierCV(FrozenEstimator(model), method="sigmoid", cv=[(rows, rows)])
    return calibrated.fit(val_features, val_labels)


def check_labels(labels: np.ndarray, what: str) -> None:
    """Refuse several labels at once, (n, k), of which one is on none or all of the images.

    Raises
    ------
    UserError
        Naming the label; `what` are the images, and the way out.
    """
    for number, column in enumerate(labels.T):
        if column.min() == column.max():
            raise UserError(f"label {number} is on none or all of the {len(column)} {what}")


def probabilities(model: Fitted, features: np.ndarray) -> np.ndarray:
    """What a fitted classifier says of features (n, d): probabilities (n, k) of classes or of several labels."""
    if isinstance(model, list):
        return np.column_stack([one.predict_proba(features)[:, 1] for one in model])
    return model.predict_proba(features)


def fitted(kind: str, combination: Combination, seed: int, features: np.ndarray, labels: np.ndarray) -> BaseEstimator:
    """A classifier with the settings of one combination, fitted.

    Raises
    ------
    UserError
        Naming the combination, if scikit-learn refuses it.
    """
    with _refusals(combination):
        return estimator(kind, combination, seed, features.shape[1]).fit(features, labels)


@contextlib.contextmanager
def _refusals(combination: Combination) -> Iterator[None]:
    """What scikit-learn refuses is a UserError."""
    try:
        yield
    except ValueError as error:
        raise UserError(f"grid: scikit-learn refuses {combination} ({first_line(error)}); change it") from None


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
            check_fitted(part)
    except Exception as error:  # skops passes on whatever zipfile, json and numpy raise
        reason = first_line(error)
        raise UserError(f"{path}: not a classifier of this workflow ({reason}); delete it and run again") from None
    return model
