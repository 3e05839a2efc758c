"""Tests of trees that hold others: scored as scikit-learn's own; what does not nest stands alone."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from medfusion.learning import nested_trees
from medfusion.learning.grid_search import combinations_of

GRID = {"max_depth": [None, 2, 4], "min_samples_split": [2, 9, 40]}


@pytest.fixture(scope="module")
def data():
    """Features without ties, so that a tree has one way to grow."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 400)
    features = (rng.normal(size=(400, 5)) + 0.9 * labels[:, None] * rng.normal(size=5)).astype(np.float32)
    return features[:250], labels[:250], features[250:]


def test_a_cut_tree_predicts_as_one_grown_with_the_limits(data):
    features, labels, others = data
    # Of one random feature order there is one tree, however far it grows, unless two questions part it equally well.
    combinations = combinations_of({**GRID, "max_features": [None]})
    (largest, indices), *rest = nested_trees.families(combinations)
    assert not rest and indices == list(range(9))
    assert largest == {"max_depth": None, "min_samples_split": 2, "max_features": None}
    model = DecisionTreeClassifier(**largest, random_state=1).fit(features, labels)
    agreement = []
    for combination, predicted in zip(
        combinations, nested_trees.probabilities(model, combinations, others), strict=True
    ):
        scratch = DecisionTreeClassifier(**combination, random_state=1).fit(features, labels)
        agreement.append(np.mean(scratch.predict(others) == predicted.argmax(axis=1)))
    assert min(agreement) > 0.95  # deep down, questions of few images do tie
    assert agreement[0] == 1 and np.mean(agreement) > 0.99


def test_the_first_trees_of_a_forest_are_the_smaller_forest(data):
    features, labels, others = data
    combinations = combinations_of({"n_estimators": [3, 8], "max_depth": [None, 3]})
    ((largest, indices),) = nested_trees.families(combinations)
    assert largest == {"n_estimators": 8, "max_depth": None} and indices == [0, 1, 2, 3]
    model = RandomForestClassifier(**largest, random_state=1).fit(features, labels)
    found = nested_trees.probabilities(model, combinations, others)
    for combination, predicted in zip(combinations, found, strict=True):
        if combination["max_depth"] is None:
            scratch = RandomForestClassifier(**combination, random_state=1).fit(features, labels)
            np.testing.assert_allclose(predicted, scratch.predict_proba(others), atol=1e-12)
    assert any(np.any(found[0] != other) for other in found[1:])


@pytest.mark.parametrize(
    ("combinations", "groups"),
    [
        ([{"max_depth": 2, "max_leaf_nodes": 9}, {"max_depth": 3, "max_leaf_nodes": 9}], [[0], [1]]),
        ([{"min_samples_split": 0.1}, {"min_samples_split": 0.2}], [[0], [1]]),
        ([{"min_samples_split": 0.1, "max_depth": 2}, {"min_samples_split": 0.1, "max_depth": 3}], [[0, 1]]),
        ([{"min_samples_leaf": 1}, {"min_samples_leaf": 2}, {"min_samples_leaf": 1}], [[0, 2], [1]]),
        ([{"n_estimators": 5, "ccp_alpha": 0.1}, {"n_estimators": 9, "ccp_alpha": 0.1}], [[0, 1]]),
    ],
)
def test_only_cells_that_nest_are_grown_together(combinations, groups):
    assert [indices for _, indices in nested_trees.families(combinations)] == groups
