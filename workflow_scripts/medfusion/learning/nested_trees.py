"""Trees and forests that hold others: one that is grown fully is scored as every shallower or smaller one.

A tree asks its questions greedily from the root down, so that a limit of depth (max_depth) or of images in a node that
may be divided (min_samples_split) cuts it off, and changes nothing above the cut. A forest holds the forests of its
first trees. What differs is chance alone: a tree that stops earlier draws other random numbers further on, for the
features that it tries and for the order of equally good questions. So cut trees are not always those that would have
grown with the limits, but they are drawn in the same way.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

Combination = dict[str, Any]
# Beside the cuts, settings that leave trees greedy from the root down; with any other, a combination stands alone.
GREEDY = {"criterion", "splitter", "max_features", "min_samples_leaf", "class_weight", "bootstrap", "max_samples"}


def families(combinations: Sequence[Combination]) -> list[tuple[Combination, list[int]]]:
    """Groups of combinations that one model holds.

    Returns
    -------
    For each group the combination to grow, and the indices of the combinations that it can be scored as.

    >>> families([{"max_depth": 5, "n_estimators": 9}, {"max_depth": None, "n_estimators": 3}])
    [({'max_depth': None, 'n_estimators': 9}, [0, 1])]
    >>> families([{"max_depth": 5, "ccp_alpha": 0.1}, {"max_depth": 6, "ccp_alpha": 0.1}])
    [({'max_depth': 5, 'ccp_alpha': 0.1}, [0]), ({'max_depth': 6, 'ccp_alpha': 0.1}, [1])]
    """
    found: dict[str, list[int]] = {}
    for index, combination in enumerate(combinations):
        cuts = {"n_estimators"}
        if set(combination) <= GREEDY | {"max_depth", "min_samples_split", "n_estimators"}:
            cuts.add("max_depth")
            if isinstance(combination.get("min_samples_split", 2), int):  # a share is one of other numbers in each tree
                cuts.add("min_samples_split")
        rest = {key: value for key, value in combination.items() if key not in cuts}
        found.setdefault(f"{sorted(cuts)} {rest}", []).append(index)
    return [(_largest([combinations[index] for index in indices]), indices) for indices in found.values()]


def _largest(combinations: Sequence[Combination]) -> Combination:
    """The combination of a group whose model holds those of all others."""
    largest = dict(combinations[0])
    if len(combinations) > 1:
        for key, most in (("n_estimators", max), ("max_depth", max), ("min_samples_split", min)):
            if key in largest:
                values = [combination[key] for combination in combinations]
                largest[key] = None if None in values else most(values)
    return largest


def probabilities(
    model: DecisionTreeClassifier | RandomForestClassifier, combinations: Sequence[Combination], features: np.ndarray
) -> list[np.ndarray]:
    """The class probabilities of each combination of a group.

    Parameters
    ----------
    model : fitted, of the group's largest combination
    combinations : of one group, as of `families`
    features : float32 (n, d)

    Returns
    -------
    For each combination the probabilities of all images, float64 (n, k)
    """
    trees = getattr(model, "estimators_", [model])
    limits = [_limits(combination, len(trees)) for combination in combinations]
    sums = {cut: np.zeros((len(features), len(model.classes_))) for cut in {cut for _, cut in limits}}
    found: dict[tuple[int, tuple[float, int]], np.ndarray] = {}
    for grown, tree in enumerate(trees, start=1):
        paths, shares = _paths(tree, features), tree.tree_.value[:, 0]
        counts = tree.tree_.n_node_samples[paths]
        for (depth, least), total in sums.items():
            stop = np.minimum(np.sum(counts >= least, axis=0), min(depth, len(paths) - 1)).astype(int)
            nodes = paths[stop, np.arange(len(features))]
            total += shares[nodes] / shares[nodes].sum(axis=1, keepdims=True)
        wanted = {cut for size, cut in limits if size == grown}
        found |= {(grown, cut): sums[cut] / grown for cut in wanted}
    return [found[limit] for limit in limits]


def _limits(combination: Mapping[str, Any], trees: int) -> tuple[int, tuple[float, int]]:
    """A combination's number of trees, and where it cuts them: greatest depth, fewest images that are divided."""
    depth, least = combination.get("max_depth"), combination.get("min_samples_split", 2)
    cut = (math.inf if depth is None else depth, least if isinstance(least, int) else 2)
    return combination.get("n_estimators", trees), cut


def _paths(tree: DecisionTreeClassifier, features: np.ndarray) -> np.ndarray:
    """The nodes on the way of each image from the root down, int (depth + 1, n); a leaf is repeated to the end."""
    inner, rows = tree.tree_, np.arange(len(features))
    paths = np.zeros((inner.max_depth + 1, len(features)), int)
    for level in range(inner.max_depth):
        nodes = paths[level]
        question = inner.feature[nodes]
        yes = features[rows, question] <= inner.threshold[nodes]
        below = np.where(yes, inner.children_left[nodes], inner.children_right[nodes])
        paths[level + 1] = np.where(question < 0, nodes, below)
    return paths
