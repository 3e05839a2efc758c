"""Paired comparisons against scipy, slow resampling and hand-computed values."""

import numpy as np
import pytest
from scipy.stats import binomtest

from medfusion.data.medmnist_info import getAUC
from medfusion.evaluation import bootstrap, comparisons

TASK = "multi-class"


def draw_pair(seed=0, n=200, k=3, gain=0.4):
    """Labels and the probabilities of two classifiers, the first the better by ``gain``."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % k
    scores_b = rng.gamma(1, size=(n, k)) + 0.5 * np.eye(k)[labels]
    scores_a = scores_b + gain * np.eye(k)[labels] * rng.random((n, 1))
    return labels, *(s / s.sum(axis=1, keepdims=True) for s in (scores_a, scores_b))


def test_mcnemar_is_the_binomial_test_of_the_disagreements():
    only_a, only_b = 3, 12
    a = np.r_[np.ones(only_a), np.zeros(only_b), np.ones(20), np.zeros(5)].astype(bool)
    b = np.r_[np.zeros(only_a), np.ones(only_b), np.ones(20), np.zeros(5)].astype(bool)
    expected = binomtest(only_a, only_a + only_b).pvalue
    assert comparisons.mcnemar(a, b) == pytest.approx(expected)
    assert comparisons.mcnemar(b, a) == pytest.approx(expected)


def test_mcnemar_without_disagreement():
    correct = np.array([True, False, True])
    assert comparisons.mcnemar(correct, correct) == 1


@pytest.mark.parametrize("b", [np.ones(4, bool), np.array([1, 0, 1])])
def test_mcnemar_refuses_other_inputs(b):
    with pytest.raises(ValueError, match="two boolean arrays"):
        comparisons.mcnemar(np.ones(3, bool), b)


def test_auc_difference_agrees_with_a_straightforward_bootstrap():
    labels, a, b = draw_pair(n=120, k=2, gain=0.15)
    task = "binary-class"
    value, low, high, p = comparisons.paired_bootstrap_auc(labels, a, b, task, replicates=4000, seed=1)
    assert value == pytest.approx(getAUC(labels, a, task) - getAUC(labels, b, task), abs=1e-12)
    # The share of positive-negative pairs in the right order, by definition; there are no ties.
    positives, negatives = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    gain = sum(sign * (scores[positives, 1][:, None] > scores[negatives, 1]) for sign, scores in ((1.0, a), (-1.0, b)))
    rng = np.random.default_rng(5)
    draws = [
        gain[np.ix_(rng.choice(len(gain), len(gain)), rng.choice(gain.shape[1], gain.shape[1]))].mean()
        for _ in range(4000)
    ]
    # The standard error of the difference of two such quantiles is about 0.07 standard deviations.
    assert (low, high) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])), abs=0.25 * np.std(draws))
    assert low < value < high
    assert (p < 0.05) == (low > 0 or high < 0)


def test_exchanging_the_classifiers_changes_the_sign():
    labels, a, b = draw_pair(2)
    value, low, high, p = comparisons.paired_bootstrap_auc(labels, a, b, TASK, replicates=200)
    swapped = comparisons.paired_bootstrap_auc(labels, b, a, TASK, replicates=200)
    assert swapped == pytest.approx((-value, -high, -low, p), abs=1e-12)


def test_identical_classifiers_do_not_differ():
    labels, a, _ = draw_pair()
    assert comparisons.paired_bootstrap_auc(labels, a, a, TASK, replicates=50) == (0, 0, 0, 1)


def test_smallest_p_value_is_set_by_the_replicates():
    labels = np.arange(40) % 2
    a, b = np.eye(2)[labels], np.eye(2)[1 - labels]
    value, low, high, p = comparisons.paired_bootstrap_auc(labels, a, b, "binary-class", replicates=99)
    assert (value, low, high) == (1, 1, 1)
    assert p == pytest.approx(0.02)


def test_result_depends_on_the_seed_and_not_on_the_chunks(monkeypatch):
    labels, a, b = draw_pair()
    expected = comparisons.paired_bootstrap_auc(labels, a, b, TASK, replicates=100, seed=3)
    assert expected == comparisons.paired_bootstrap_auc(labels, a, b, TASK, replicates=100, seed=3)
    assert expected[1] != comparisons.paired_bootstrap_auc(labels, a, b, TASK, replicates=100, seed=4)[1]
    monkeypatch.setattr(bootstrap, "CHUNK_SIZE", 9)
    found = comparisons.paired_bootstrap_auc(labels, a, b, TASK, replicates=100, seed=3)
    assert found == pytest.approx(expected, abs=1e-12)


def test_auc_comparison_refuses_unusable_inputs():
    labels, a, b = draw_pair()
    with pytest.raises(ValueError, match="same shape"):
        comparisons.paired_bootstrap_auc(labels, a, b[:-1], TASK)
    with pytest.raises(ValueError, match="summing to 1"):
        comparisons.paired_bootstrap_auc(labels, a, b * 2, TASK)
    with pytest.raises(ValueError, match="replicates >= 1"):
        comparisons.paired_bootstrap_auc(labels, a, b, TASK, replicates=0)


def test_holm_by_hand():
    # Sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1, made non-decreasing.
    assert comparisons.holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert comparisons.holm([0.9, 0.6]) == pytest.approx([1, 1])
    assert comparisons.holm([]).shape == (0,)


@pytest.mark.parametrize("p_values", [[0.1, np.nan], [1.2], [-0.1]])
def test_holm_refuses_other_values(p_values):
    with pytest.raises(ValueError, match="between 0 and 1"):
        comparisons.holm(p_values)
