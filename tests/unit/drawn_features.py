"""Features that no classifier tells apart without errors, and settings of each kind of classifier."""

import numpy as np

DEFAULTS = {"selection": "validation", "folds": 3, "search_images": None, "fit_images": None, "calibration": "none"}
DEFAULTS["criterion"] = "accuracy"
SVM = {
    **DEFAULTS,
    "kind": "svm",
    "grid": {"C": [0.01, 1, 100], "kernel": ["linear", "rbf"]},
    "calibration": "temperature",
}
LOGISTIC = {
    **DEFAULTS,
    "kind": "logistic_regression",
    "grid": {"C": [0.001, 0.1, 10]},
    "calibration": "temperature",
}
FOREST = {**DEFAULTS, "kind": "random_forest", "grid": {"n_estimators": [9, 2, 5], "max_depth": [None, 2]}}
TREE = {**DEFAULTS, "kind": "decision_tree", "grid": {"max_depth": [1, 4, None], "min_samples_leaf": [1, 3]}}
ALL = [SVM, LOGISTIC, FOREST, TREE]


def by_kind(settings):
    return settings["kind"]


def draw(classes, seed=0):
    """Features and labels of a training and a validation split that no classifier tells apart without errors."""
    rng = np.random.default_rng(seed)
    parts = []
    for n in (120, 90):
        labels = np.arange(n) % classes
        parts += [(rng.normal(size=(n, 4)) + 0.8 * labels[:, None] * [1, 0, -1, 0]).astype(np.float32), labels]
    return parts


def several(seed=0, k=3):
    """Features and labels (n, k) of two splits; each label shifts a feature of its own."""
    rng = np.random.default_rng(seed)
    parts = []
    for n in (120, 90):
        labels = (rng.random((n, k)) < 0.3).astype(np.uint8)
        parts += [(rng.normal(size=(n, 4)) + 1.5 * np.pad(labels, ((0, 0), (0, 4 - k)))).astype(np.float32), labels]
    return parts
