"""Fitted classifiers, and input checks, as plain values and arrays, for the page that computes them in a browser.

What each means is written down once more in templates/write_try_page.classifiers.js and write_try_page.check.js.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from medfusion.learning.input_check import ARRAYS, InputCheck
from medfusion.learning.tempered import Tempered

Part = dict[str, Any]
ALIGNED = 8  # bytes: where an array may begin


class Arrays:
    """Arrays one behind another in one file, little-endian; where each is, is written where it is used."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0

    def add(self, values: np.ndarray | bytes) -> Part:
        """Take an array, or bytes; numbers of 64 bits as 32 if that loses nothing.

        Returns
        -------
        "array" (its dtype), "at" (its first byte) and "length" (its numbers, row by row)
        """
        array = _compact(np.frombuffer(values, np.uint8) if isinstance(values, bytes) else np.asarray(values))
        content = array.astype(array.dtype.newbyteorder("<")).tobytes()
        place = {"array": array.dtype.name, "at": self._length, "length": array.size}
        content += bytes(-len(content) % ALIGNED)
        self._parts.append(content)
        self._length += len(content)
        return place

    def content(self) -> bytes:
        """The file."""
        return b"".join(self._parts)


def _compact(array: np.ndarray) -> np.ndarray:
    """As uint8, int32, float32 or float64, the same numbers."""
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind in "iu":
        return array.astype(np.int32, casting="same_kind")
    with np.errstate(over="ignore"):
        short = array.astype(np.float32)
    return short if np.array_equal(short, array) else array.astype(np.float64)


def described(model: Any, arrays: Arrays) -> Part:
    """A fitted classifier, or a step before one, as JSON values; its arrays go to `arrays`.

    Parameters
    ----------
    model : of the types that `checks.NODES` lets into a model package
    """
    for kind, describe in KINDS:
        if isinstance(model, kind):
            return describe(model, arrays)
    raise TypeError(f"{type(model).__name__}: not in KINDS of package/web_parts.py")


def described_check(check: InputCheck, arrays: Arrays) -> Part:
    """The input check of a network as JSON values; its arrays go to `arrays`."""
    numbers = {key: getattr(check, key) for key in ("kind", "neighbour", "pool", "feature_units", "pixel_units")}
    return {**numbers, **{name: arrays.add(getattr(check, name)) for name in ARRAYS}}


def _tempered(model: Tempered, arrays: Arrays) -> Part:
    return {"kind": "tempered", "temperature": model.temperature, "of": described(model.estimator, arrays)}


def _sigmoid(model: CalibratedClassifierCV, arrays: Arrays) -> Part:
    fitted = model.calibrated_classifiers_[0]  # of one round (classifiers.fit)
    return {
        "kind": "sigmoid",
        "of": described(fitted.estimator, arrays),
        "slopes": [float(one.a_) for one in fitted.calibrators],
        "intercepts": [float(one.b_) for one in fitted.calibrators],
        "classes": len(fitted.classes),
    }


def _frozen(model: FrozenEstimator, arrays: Arrays) -> Part:
    return described(model.estimator, arrays)


def _pipeline(model: Pipeline, arrays: Arrays) -> Part:
    return {"kind": "pipeline", "steps": [described(step, arrays) for _, step in model.steps]}


def _scaler(model: StandardScaler, arrays: Arrays) -> Part:
    # In the precision of the features, as it computes.
    return {
        "kind": "scaler",
        "mean": arrays.add(model.mean_.astype(np.float32)),
        "scale": arrays.add(model.scale_.astype(np.float32)),
    }


def _nystroem(model: Nystroem, arrays: Arrays) -> Part:
    return {
        "kind": "nystroem",
        "kernel": model.kernel,
        "gamma": float(model.gamma or 0),
        "degree": model.degree or 0,
        "coef0": float(model.coef0 or 0),
        "vectors": arrays.add(model.components_),
        "normalization": arrays.add(model.normalization_),
        "components": len(model.normalization_),
    }


def _linear(model: LogisticRegression, arrays: Arrays) -> Part:
    return {
        "kind": "linear",
        "coefficients": arrays.add(model.coef_),
        "intercept": arrays.add(model.intercept_),
    }


def _svm(model: SVC, arrays: Arrays) -> Part:
    return {
        "kind": "svm",
        "kernel": model.kernel,
        "gamma": float(model._gamma),
        "degree": model.degree,
        "coef0": float(model.coef0),
        "vectors": arrays.add(model.support_vectors_),
        "dual": arrays.add(model._dual_coef_),  # before scikit-learn turns those of two classes round
        "intercept": arrays.add(model._intercept_),
        "counts": model._n_support.tolist(),
    }


def _forest(model: RandomForestClassifier, arrays: Arrays) -> Part:
    return _trees([tree.tree_ for tree in model.estimators_], arrays)


def _tree(model: DecisionTreeClassifier, arrays: Arrays) -> Part:
    return _trees([model.tree_], arrays)


def _trees(trees: Sequence[Any], arrays: Arrays) -> Part:
    """Trees one behind another: the nodes of each are counted on from those before it."""
    roots = np.cumsum([0, *(tree.node_count for tree in trees)])[:-1]

    def joined(values: Callable[[Any], np.ndarray]) -> Part:
        return arrays.add(np.concatenate([values(tree) for tree in trees]))

    def children(side: str) -> Part:
        found = [getattr(tree, side) for tree in trees]
        moved = [places + root * (places != -1) for places, root in zip(found, roots, strict=True)]
        return arrays.add(np.concatenate(moved))

    return {
        "kind": "trees",
        "roots": arrays.add(roots),
        "left": children("children_left"),
        "right": children("children_right"),
        "feature": joined(lambda tree: tree.feature),
        "threshold": joined(lambda tree: tree.threshold),
        "shares": joined(lambda tree: tree.value[:, 0]),
        "classes": int(trees[0].n_classes[0]),
    }


KINDS: tuple[tuple[type, Callable[[Any, Arrays], Part]], ...] = (
    (Tempered, _tempered),
    (CalibratedClassifierCV, _sigmoid),
    (FrozenEstimator, _frozen),
    (Pipeline, _pipeline),
    (StandardScaler, _scaler),
    (Nystroem, _nystroem),
    (LogisticRegression, _linear),
    (SVC, _svm),
    (RandomForestClassifier, _forest),
    (DecisionTreeClassifier, _tree),
)
