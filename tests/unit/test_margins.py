"""Tests of pairwise margins as class probabilities: against a numerical minimum, LIBSVM's margins, and votes."""

import numpy as np
import pytest
from drawn_features import draw
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.svm import SVC

from medfusion.learning import margins
from medfusion.learning.margins import PairwiseSVC, couple, svc_settings


def minimum(r):
    """What Wu, Lin & Weng define, found numerically."""
    k = len(r)

    def loss(p):
        return sum((r[j, i] * p[i] - r[i, j] * p[j]) ** 2 for i in range(k) for j in range(k) if i != j)

    whole = {"type": "eq", "fun": lambda p: p.sum() - 1}
    return minimize(loss, np.full(k, 1 / k), constraints=whole, bounds=[(0, 1)] * k, tol=1e-14).x


@pytest.mark.parametrize("k", [3, 5])
def test_coupled_probabilities_are_the_minimum(k):
    rows, columns = np.triu_indices(k, 1)
    for pairs in np.random.default_rng(0).uniform(0.05, 0.95, (5, len(rows))):
        r = np.zeros((k, k))
        r[rows, columns], r[columns, rows] = pairs, 1 - pairs
        assert couple(pairs[None])[0] == pytest.approx(minimum(r), abs=1e-4)


@pytest.mark.parametrize("k", [3, 8])
def test_pairs_that_agree_give_back_the_probabilities_that_they_are_of(k):
    rows, columns = np.triu_indices(k, 1)
    expected = np.random.default_rng(1).dirichlet(np.ones(k), 200)
    pairs = expected[:, rows] / (expected[:, rows] + expected[:, columns])
    assert couple(pairs) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("k", [3, 40])
def test_certain_pairs_in_a_circle_and_many_classes_are_probabilities(k):
    pairs = np.random.default_rng(2).integers(0, 2, (3, k * (k - 1) // 2)).astype(float)
    found = couple(pairs)
    assert found.shape == (3, k) and (found > 0).all() and found.sum(axis=1) == pytest.approx(1)
    assert couple(np.array([[1.0, 0.0, 1.0]])) == pytest.approx(np.full((1, 3), 1 / 3))  # 0 beats 1 beats 2 beats 0


def test_blocks_change_nothing(monkeypatch):
    pairs = np.random.default_rng(3).random((50, 6))
    whole = couple(pairs)
    monkeypatch.setattr(margins, "VALUES", 60)
    assert np.array_equal(couple(pairs), whole) and couple(pairs[:0]).shape == (0, 4)


@pytest.mark.parametrize("classes", [2, 4])
def test_scores_come_from_the_margins_of_pairs_and_not_from_votes(classes):
    features, labels, others, _ = draw(classes)
    combination = {"C": 1, "relative_gamma": 0.5}
    ours = PairwiseSVC(**svc_settings(combination, 4)).fit(features, labels)
    theirs = SVC(C=1, gamma=0.125, decision_function_shape="ovo").fit(features, labels)
    expected = theirs.decision_function(others)
    found = margins.probabilities(ours.decision_function(others))
    if classes == 2:
        assert found[:, 1] == pytest.approx(expit(expected))
    else:
        assert found == pytest.approx(couple(expit(expected)))
    assert found.sum(axis=1) == pytest.approx(1)
    assert np.array_equal(ours.predict(others), found.argmax(axis=1))
    assert np.mean(ours.predict(others) == theirs.predict(others)) > 0.9


def test_the_first_class_of_a_pair_wins_with_a_margin_above_nought():
    """Three separate clouds: each image's own class is the most probable."""
    labels = np.repeat([0, 1, 2], 20)
    features = np.eye(3)[labels] * 9 + np.random.default_rng(4).normal(size=(60, 3))
    model = PairwiseSVC(**svc_settings({"C": 1}, 3)).fit(features, labels)
    assert np.array_equal(margins.probabilities(model.decision_function(features)).argmax(axis=1), labels)
