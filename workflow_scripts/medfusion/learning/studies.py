"""Studies of the classifiers on a network's features: learning curves, and the plane of the first two components."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from medfusion.errors import UserError
from medfusion.learning.margins import PairwiseSVC, svc_settings
from medfusion.learning.subsets import stratified_subset
from medfusion.learning.tempered import Tempered

GRID = 200  # points a side at which the regions of the plane are computed
SMALLEST_SHARE = 0.1  # of the training images, for the first point of a learning curve


@dataclass(frozen=True)
class LearningCurve:
    """Accuracies of one classifier over training sizes.

    sizes : number of training images (s,)
    train, folds, val : accuracy on the images fitted, on the fold left out, on the validation split; each (s, folds)
    """

    sizes: np.ndarray
    train: np.ndarray
    folds: np.ndarray
    val: np.ndarray


@dataclass(frozen=True)
class Plane:
    """The features in the plane of their first two principal components.

    train, test : projections, float32 (m, 2) of the training images fitted and (n, 2) of all test images
    train_labels : (m,)
    variance : share of the variance that each component explains (2,)
    extent : x low, x high, y low, y high of the regions
    regions : predicted class on a GRID x GRID lattice, rows from low to high y, by classifier
    test_predicted : predicted class of each test image (n,), by classifier
    """

    train: np.ndarray
    test: np.ndarray
    train_labels: np.ndarray
    variance: np.ndarray
    extent: np.ndarray
    regions: dict[str, np.ndarray]
    test_predicted: dict[str, np.ndarray]


@dataclass(frozen=True)
class TreeShape:
    """A fitted decision tree as arrays, one entry a node, the root first.

    yes, no : nodes where the answer to the node's question leads; -1 at a leaf
    feature, threshold : the question: is the feature at most the threshold?
    images : training images that reach the node
    shares : of the classes among them (nodes, k)
    depth : questions on the longest way down
    """

    yes: np.ndarray
    no: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    images: np.ndarray
    shares: np.ndarray
    depth: int


def tree_shape(model: DecisionTreeClassifier) -> TreeShape:
    """The arrays of a fitted tree."""
    inner = model.tree_
    values = inner.value[:, 0]
    return TreeShape(
        yes=inner.children_left,
        no=inner.children_right,
        feature=inner.feature,
        threshold=inner.threshold,
        images=inner.n_node_samples,
        shares=values / values.sum(axis=1, keepdims=True),
        depth=int(inner.max_depth),
    )


def tree_inside(model: BaseEstimator) -> DecisionTreeClassifier:
    """The decision tree in a fitted classifier, taken out of its calibration.

    Raises
    ------
    UserError
        If the classifier is no decision tree.
    """
    inner = model
    if isinstance(inner, Tempered):
        inner = inner.estimator
    if isinstance(inner, CalibratedClassifierCV):
        inner = inner.calibrated_classifiers_[0].estimator
    if isinstance(inner, FrozenEstimator):
        inner = inner.estimator
    if not isinstance(inner, DecisionTreeClassifier):
        raise UserError(f"a {type(inner).__name__} cannot be drawn as a tree; give a classifier of kind decision_tree")
    return inner


def learning_curve(
    model: BaseEstimator,
    features: np.ndarray,
    labels: np.ndarray,
    val_features: np.ndarray,
    val_labels: np.ndarray,
    sizes: int,
    folds: int,
    seed: int,
) -> LearningCurve | None:
    """Fit copies of a classifier on growing parts of the training split.

    In each fold the smaller parts are contained in the larger. The folds are scored optimistically where the network
    that made the features was trained on these labels; the validation split is not.

    Parameters
    ----------
    model : classifier; only its settings are taken
    features, labels : training split, (n, d) and (n,)
    val_features, val_labels : validation split
    sizes : number of training sizes, evenly from a tenth to all images outside a fold
    folds : of the cross-validation
    seed : of folds and parts

    Returns
    -------
    None if there are more folds than images of any class
    """
    if np.bincount(labels).max() < folds:
        return None
    rounds = list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(features, labels))
    largest = min(len(fit) for fit, _ in rounds)
    counts = np.linspace(SMALLEST_SHARE, 1, sizes) * largest
    counts = np.maximum(counts.astype(int), len(np.unique(labels)))
    scores = np.zeros((3, sizes, folds))
    for fold, (fit, left_out) in enumerate(rounds):
        part = fit
        for index in range(sizes - 1, -1, -1):
            part = part[stratified_subset(labels[part], int(counts[index]), seed)]
            fitted = clone(model).fit(features[part], labels[part])
            scores[:, index, fold] = [
                fitted.score(features[part], labels[part]),
                fitted.score(features[left_out], labels[left_out]),
                fitted.score(val_features, val_labels),
            ]
    return LearningCurve(counts, *scores)


def plane(
    features: np.ndarray,
    labels: np.ndarray,
    test_features: Iterable[np.ndarray],
    images: int,
    seed: int,
    grid: int = GRID,
) -> Plane:
    """Project features on two principal components, and let a forest and an SVM divide that plane.

    Scaling and components are fitted on the training split; the two classifiers on at most `images` of it.

    Parameters
    ----------
    features, labels : training split, (n, d) and (n,)
    test_features : (m, d), in blocks of rows
    images : training images that the classifiers see
    seed : of the subset and of the forest
    grid : points a side of the regions
    """
    components = PCA(2, svd_solver="full")
    projection = make_pipeline(StandardScaler(), components).fit(features)
    chosen = stratified_subset(labels, min(images, len(labels)), seed)
    train, chosen_labels = projection.transform(features[chosen]), labels[chosen]
    test = np.concatenate([projection.transform(block) for block in test_features])
    points = np.concatenate([train, test])
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.05 * (high - low)
    low, high = low - margin, high + margin
    x, y = np.meshgrid(np.linspace(low[0], high[0], grid), np.linspace(low[1], high[1], grid))
    lattice = np.column_stack([x.ravel(), y.ravel()])
    models = {
        "random_forest": RandomForestClassifier(n_estimators=100, random_state=seed, n_jobs=1),
        "svm": make_pipeline(StandardScaler(), PairwiseSVC(**svc_settings({"C": 1}, 2))),
    }
    for model in models.values():
        model.fit(train, chosen_labels)
    return Plane(
        train=train.astype(np.float32),
        test=test.astype(np.float32),
        train_labels=chosen_labels,
        variance=components.explained_variance_ratio_,
        extent=np.array([low[0], high[0], low[1], high[1]]),
        regions={name: model.predict(lattice).reshape(grid, grid) for name, model in models.items()},
        test_predicted={name: model.predict(test) for name, model in models.items()},
    )
