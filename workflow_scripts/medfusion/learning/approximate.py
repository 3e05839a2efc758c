"""SVMs of more images than an exact one can take: a linear classifier on Nyström features.

The Nyström method (Williams & Seeger 2001) writes each image as its kernel values with some training images, drawn at
random, turned so that products of such features approximate the kernel. Time and memory then grow with the number of
images, not with its square.
"""

from typing import Any, NamedTuple

import numpy as np
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from medfusion.learning.margins import svc_settings

ROWS = 4096  # images transformed at once
# Of the linear classifier, for an SVM's C: its log loss never comes to zero, as the hinge loss does, so that the same C
# would shrink it more. benchmarks/approximation.py measures both machines on the same features.
C_RATIO = 10
ITERATIONS = 1000
KERNEL_VALUES = {"gamma": "scale", "degree": 3, "coef0": 0.0}  # scikit-learn's for an SVC


class Use(NamedTuple):
    """How a classifier is fitted.

    images : of the training split, a stratified subset if there are more
    components : Nyström features; None for the classifier as it is
    """

    images: int
    components: int | None


def rule(settings: dict[str, Any], images: int, features: int) -> Use:
    """What is fitted, by the number of images: the classifier itself, or in place of a larger SVM its approximation.

    Parameters
    ----------
    settings : an entry of `classifiers` in config.yaml
    images : in the training split, or chosen of it
    features : of an image

    >>> limits = {"kind": "svm", "fit_images": 100, "fit_values": 9000}
    >>> limits |= {"nystroem_images": 500, "nystroem_components": 10}
    >>> rule(limits, 80, 8), rule(limits, 1000, 8)
    (Use(images=80, components=None), Use(images=500, components=10))
    >>> rule(limits, 1000, 300), rule({**limits, "kind": "random_forest"}, 1000, 8)
    (Use(images=30, components=None), Use(images=100, components=None))
    """
    held = max(1, settings["fit_values"] // features)
    exact = min(images, settings["fit_images"] or images, held)
    if settings["kind"] == "svm" and settings["nystroem_components"]:
        approximate = min(images, settings["nystroem_images"] or images, held)
        if approximate > exact:
            return Use(approximate, min(settings["nystroem_components"], approximate))
    return Use(exact, None)


def estimator_name(use: Use, combination: dict[str, Any]) -> str:
    """What is fitted, in a word: "exact" (the classifier itself), "nystroem", or "linear" where the kernel is."""
    if use.components is None:
        return "exact"
    return "linear" if combination.get("kernel", "rbf") == "linear" else "nystroem"


def fit(combination: dict[str, Any], features: np.ndarray, labels: np.ndarray, components: int, seed: int) -> Pipeline:
    """Fit a linear classifier in the place of an SVM.

    Parameters
    ----------
    combination : settings of an SVC; those of its solver (tol, shrinking) do not count
    features, labels : float32 (n, d) and (n,)
    components : Nyström features; a linear kernel needs none
    seed : of the draw of the images that they are made of

    Returns
    -------
    Pipeline
        Scaler, Nyström features and logistic regression, all scikit-learn's and fitted.

    Raises
    ------
    ValueError
        Of scikit-learn, if it refuses the settings.
    """
    scaler = StandardScaler().fit(features)
    scaled = scaler.transform(features)
    steps = [("scaler", scaler)]
    if combination.get("kernel", "rbf") != "linear":
        mapping = nystroem(combination, scaled, components, seed)
        scaled = in_blocks(mapping, scaled)
        steps.append(("nystroem", mapping))
    linear = LogisticRegression(
        C=C_RATIO * combination.get("C", 1.0), class_weight=combination.get("class_weight"), max_iter=ITERATIONS
    )
    return Pipeline([*steps, ("linear", linear.fit(scaled, labels))])


def nystroem(combination: dict[str, Any], scaled: np.ndarray, components: int, seed: int) -> Nystroem:
    """The Nyström features of an SVC's kernel, fitted; gamma means what it means there."""
    combination = svc_settings(combination, scaled.shape[1])
    values = {**KERNEL_VALUES, **{key: combination[key] for key in KERNEL_VALUES if key in combination}}
    if values["gamma"] == "scale":
        values["gamma"] = 1 / (scaled.shape[1] * (float(scaled.var()) or 1.0))
    elif values["gamma"] == "auto":
        values["gamma"] = 1 / scaled.shape[1]
    kernel = combination.get("kernel", "rbf")
    taken = {"rbf": ("gamma",), "poly": ("gamma", "degree", "coef0"), "sigmoid": ("gamma", "coef0")}[kernel]
    mapping = Nystroem(kernel=kernel, n_components=components, random_state=seed, **{key: values[key] for key in taken})
    return mapping.fit(scaled)


def in_blocks(mapping: Nystroem, scaled: np.ndarray) -> np.ndarray:
    """The Nyström features of all images, float32 (n, components)."""
    result = np.empty((len(scaled), mapping.n_components), np.float32)
    for start in range(0, len(scaled), ROWS):
        result[start : start + ROWS] = mapping.transform(scaled[start : start + ROWS])
    return result
