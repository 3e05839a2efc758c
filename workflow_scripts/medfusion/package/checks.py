"""What the parts of a model package may be: only what our export writes, with indices that lead nowhere else.

Checksums say that files are as somebody wrote them, not who did. Readers of such files follow indices unchecked, and
compute whatever a graph says: what is forged could crash a program, or keep it at work for ever.
"""

import io
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.svm import SVC
from sklearn.tree._tree import Tree

from medfusion.learning.tempered import Tempered

# Classes that skops may make, by the name of its loader.
NODES = {
    "ObjectNode": {
        "medfusion.learning.margins.PairwiseSVC",
        "medfusion.learning.tempered.Tempered",
        "sklearn.calibration.CalibratedClassifierCV",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.ensemble._forest.RandomForestClassifier",
        "sklearn.frozen._frozen.FrozenEstimator",
        "sklearn.kernel_approximation.Nystroem",
        "sklearn.linear_model._logistic.LogisticRegression",
        "sklearn.pipeline.Pipeline",
        "sklearn.preprocessing._data.StandardScaler",
        "sklearn.tree._classes.DecisionTreeClassifier",
    },
    "TreeNode": {"sklearn.tree._tree.Tree"},
    "NdArrayNode": {"numpy.ndarray", "numpy.float32", "numpy.float64", "numpy.int32", "numpy.int64"},
    **{name: {f"builtins.{name.removesuffix('Node').lower()}"} for name in ("DictNode", "ListNode", "TupleNode")},
    "JsonNode": {"builtins.str"},
    "TypeNode": {"builtins.str"},
}
MOST_BYTES = 2**31  # of a file
LARGEST_SCHEMA = 2**28  # bytes of the description of all objects
KERNELS = {"linear", "rbf", "poly", "sigmoid"}
MOST_CLASSES = 256


def check_archive(path: str | Path) -> None:
    """Refuse a .skops file that is larger than it seems, or that holds anything but our classifiers.

    Raises
    ------
    ValueError
        Saying what it holds.
    """
    size = os.path.getsize(path)
    if size > MOST_BYTES:
        raise ValueError(f"{size:,} bytes; expected at most {MOST_BYTES:,}")
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        if any(info.compress_type != zipfile.ZIP_STORED for info in infos) or sum(i.file_size for i in infos) > size:
            raise ValueError("compressed members; expected them as they are")
        if len({info.filename for info in infos}) < len(infos):
            raise ValueError("a member that is there twice")
        if archive.getinfo("schema.json").file_size > LARGEST_SCHEMA:
            raise ValueError("a description of objects that is too long")
        known: dict[Any, Any] = {}
        for node in _nodes(json.loads(archive.read("schema.json"))):
            name = f"{node.get('__module__')}.{node.get('__class__')}"
            if name not in NODES.get(node["__loader__"], ()):
                raise ValueError(f"an object of {name}")
            # Of nodes with one identity, skops makes the first alone.
            leaf = name, *(node[key] for key in ("content", "file") if isinstance(node.get(key), str))
            if known.setdefault(node.get("__id__"), leaf) != leaf:
                raise ValueError("two objects with one identity")
            if node["__loader__"] == "TreeNode":
                _check_arguments(archive, node["__reduce__"]["args"]["content"])


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every node of a schema."""
    left = [value]
    while left:
        part = left.pop()
        if isinstance(part, dict):
            if "__loader__" in part:
                yield part
            left += part.values()
        elif isinstance(part, list):
            left += part


def _check_arguments(archive: zipfile.ZipFile, arguments: list[dict[str, Any]]) -> None:
    """Numbers of a tree's features, classes and outputs: its constructor reads as many classes as there are outputs."""
    features, classes, outputs = arguments
    counts = np.lib.format.read_array(io.BytesIO(archive.read(classes["file"])), allow_pickle=False)
    if outputs["content"] != "1" or counts.shape != (1,) or not 1 <= counts[0] <= MOST_CLASSES:
        raise ValueError("a tree of several outputs, or of too many classes")
    if not 1 <= int(features["content"]) < 2**31:
        raise ValueError("a tree without features")


def check_classifiers(models: Mapping[str, BaseEstimator]) -> None:
    """Refuse fitted classifiers with indices that lead elsewhere.

    Raises
    ------
    ValueError
        Naming the part.
    """
    for part in _parts(models):
        if isinstance(part, Tree):
            _check_tree(part)
        elif isinstance(part, SVC):
            _check_svc(part)
        elif isinstance(part, Tempered):
            if type(part.temperature) is not float or not 0 < part.temperature < np.inf:
                raise ValueError("a temperature that is none")
        elif hasattr(part, "tree_"):
            if (part.n_features_in_, part.n_outputs_, part.n_classes_) != (
                part.tree_.n_features,
                1,
                part.tree_.n_classes[0],
            ):
                raise ValueError("a tree that is not of its classifier")
        elif getattr(part, "n_jobs", None) not in (None, 1):
            raise ValueError("a classifier that starts threads of its own")


def _parts(value: Any) -> Iterator[Any]:
    """Everything that an object holds, each once."""
    seen, left = set(), [value]
    while left:
        part = left.pop()
        if id(part) in seen or isinstance(part, str | int | float | bool | None):
            continue
        seen.add(id(part))
        yield part
        if isinstance(part, Mapping):
            left += part.values()
        elif isinstance(part, list | tuple) or (isinstance(part, np.ndarray) and part.dtype == object):
            left += list(part)
        elif hasattr(part, "__dict__"):
            left += vars(part).values()


def _check_tree(tree: Tree) -> None:
    """Each node's children come after it, and it asks for a feature that there is."""
    n, left, right = tree.node_count, tree.children_left, tree.children_right
    inner = left != -1
    place = np.arange(n)
    sound = n > 0 and len(left) == n and (left[~inner] == -1).all() and (right[~inner] == -1).all()
    for child in (left[inner], right[inner]):
        sound = sound and (child > place[inner]).all() and (child < n).all()
    feature = tree.feature[inner]
    if not sound or not ((feature >= 0) & (feature < tree.n_features)).all() or not np.isfinite(tree.value).all():
        raise ValueError("a tree whose nodes lead elsewhere")


def _check_svc(svc: SVC) -> None:
    """As many support vectors, coefficients and intercepts as LIBSVM reads."""
    own, k = vars(svc), len(svc.classes_)
    m, d = svc.support_vectors_.shape
    pairs = k * (k - 1) // 2
    shapes = {
        "support_": (m,),
        "_n_support": (k,),
        "_dual_coef_": (k - 1, m),
        "dual_coef_": (k - 1, m),
        "_intercept_": (pairs,),
        "intercept_": (pairs,),
    }
    sound = 2 <= k <= MOST_CLASSES and d == svc.n_features_in_ and "_impl" not in own and not svc._sparse
    sound = sound and all(isinstance(own[name], np.ndarray) and own[name].shape == shapes[name] for name in shapes)
    sound = sound and all(own[name].shape in ((0,), (pairs,)) for name in ("_probA", "_probB"))
    counts = svc._n_support
    sound = sound and counts.dtype == svc.support_.dtype == np.int32 and (counts >= 0).all() and counts.sum() == m
    sound = sound and svc.kernel in KERNELS and type(svc.degree) is int and 0 <= svc.degree <= 10
    arrays = (svc.support_vectors_, svc._dual_coef_, svc._intercept_, np.float64(svc._gamma), np.float64(svc.coef0))
    if not sound or not all(array.dtype == np.float64 and np.isfinite(array).all() for array in arrays):
        raise ValueError("an SVM whose numbers do not fit together")
