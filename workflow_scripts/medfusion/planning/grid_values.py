"""What a classifier's grid may hold, by kind of classifier and setting, as JSON schemas.

Never laxer than scikit-learn, so that wrong values are refused before any job and not by one twenty minutes later;
stricter where a value fits but ruins the fit (overflowing kernels) or takes forever.
"""

from typing import Any

_POSITIVE = {"type": "number", "exclusiveMinimum": 0}
_WEIGHTS = {"enum": ["balanced", None]}
_TREE = {
    "max_depth": {"type": ["integer", "null"], "minimum": 1},
    "min_samples_split": {"type": "integer", "minimum": 2},
    "min_samples_leaf": {"type": "integer", "minimum": 1},
    "max_features": {"anyOf": [{"enum": ["sqrt", "log2", None]}, {**_POSITIVE, "maximum": 1}]},
    "max_leaf_nodes": {"type": ["integer", "null"], "minimum": 2},
    "criterion": {"enum": ["gini", "entropy", "log_loss"]},
    "class_weight": _WEIGHTS,
}
_PENALTY = {"type": "number", "minimum": 1e-6, "maximum": 1e6}
GRID_VALUES: dict[str, dict[str, Any]] = {
    "svm": {
        "C": _PENALTY,
        "kernel": {"enum": ["linear", "rbf", "poly", "sigmoid"]},
        "gamma": {"anyOf": [{"enum": ["scale", "auto"]}, {"type": "number", "minimum": 0, "maximum": 1000}]},
        "relative_gamma": {"type": "number", "minimum": 0, "maximum": 1e6},
        "degree": {"type": "integer", "minimum": 1, "maximum": 10},
        "coef0": {"type": "number", "minimum": -1000, "maximum": 1000},
        "class_weight": _WEIGHTS,
        "tol": {"type": "number", "minimum": 1e-6, "maximum": 1},
        "shrinking": {"type": "boolean"},
    },
    "logistic_regression": {"C": _PENALTY, "class_weight": _WEIGHTS},
    "random_forest": {"n_estimators": {"type": "integer", "minimum": 1, "maximum": 10_000}, **_TREE},
    "decision_tree": {**_TREE, "ccp_alpha": {"type": "number", "minimum": 0}},
}
MOST_CELLS = 10_000  # of one grid
