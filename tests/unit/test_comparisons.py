"""Paired comparisons against scipy, scikit-learn, complete enumeration and hand-computed values."""

import itertools

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from medfusion.data.medmnist_info import getACC, getAUC
from medfusion.evaluation import bootstrap, comparisons, image_parts, metrics

TASK = "multi-class"


def draw_pair(seed=0, n=200, k=3, gain=0.4):
    """Labels and the probabilities of two classifiers, the first the better by ``gain``."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % k
    scores_b = rng.gamma(1, size=(n, k)) + 0.5 * np.eye(k)[labels]
    scores_a = scores_b + gain * np.eye(k)[labels] * rng.random((n, 1))
    return labels, *(s / s.sum(axis=1, keepdims=True) for s in (scores_a, scores_b))


def resampled(labels, *several, task=TASK, replicates=200, seed=0):
    """Runs with the seeds 1, 2, … of the probabilities of each."""
    return [comparisons.resample(labels, p, task, i, replicates, seed) for i, p in enumerate(several, start=1)]


def with_seed(*seeds, correct=(True,)):
    """Runs of which nothing but the seed is looked at."""
    return [comparisons.Run(seed, np.array(correct), {}, {}) for seed in seeds]


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


def test_runs_are_paired_by_seed_else_all_with_all():
    def seeds(a, b):
        return [(one.seed, other.seed) for one, other in comparisons.paired_runs(with_seed(*a), with_seed(*b))]

    assert seeds((1, 2, 3), (3, 1, 4)) == [(1, 1), (3, 3)]
    assert seeds((1, 2), (3, 4)) == [(1, 3), (1, 4), (2, 3), (2, 4)]
    assert seeds((None,), (1, 2)) == [(None, 1), (None, 2)]
    assert seeds((None,), (None,)) == [(None, None)]


@pytest.mark.parametrize(
    ("p_values", "expected"),
    [
        ([0.04], 0.04),
        ([0.3, 0.02], 0.04),  # the smaller, times two
        ([0.5, 0.02, 0.1], 0.15),  # the second of three, times 3 / 2
        ([0.01, 0.02, 0.03, 0.9], 0.04),  # the second of four, times two
        ([0.01, 0.02, 0.03, 0.04, 0.9], 0.05),  # the third of five, times 5 / 3
        ([0.7, 0.8, 0.9], 1.0),
    ],
)
def test_several_p_values_are_combined_by_ruegers_rule(p_values, expected):
    assert comparisons.combined(p_values) == pytest.approx(expected)


def test_a_combined_p_value_is_valid_for_tests_that_depend_on_each_other_in_the_worst_way():
    """Three p values, each uniform, of which two are small together in every third of the cases, in turn."""
    rng = np.random.default_rng(0)
    u = rng.random(30_000)
    # Under 0.1, cyclic shifts make two of three small at once as often as can be.
    small, large = u * 0.1, 0.1 + u * 0.9
    which = rng.integers(3, size=len(u))
    event = rng.random(len(u)) < 0.15
    p = np.where((np.arange(3) == which[:, None]) | ~event[:, None], large[:, None], small[:, None])
    assert [np.mean(column < 0.1) for column in p.T] == pytest.approx([0.1] * 3, abs=0.01)
    rejected = np.mean([comparisons.combined(row) <= 0.15 for row in p])
    assert rejected == pytest.approx(0.15, abs=0.01)  # the rule is sharp: no smaller factor would do


@pytest.mark.parametrize("p_values", [[], [1.5], [np.nan]])
def test_combining_refuses_other_values(p_values):
    with pytest.raises(ValueError, match="p value"):
        comparisons.combined(p_values)


def test_values_of_a_run_are_medmnists():
    labels, a, _ = draw_pair()
    run = resampled(labels, a)[0]
    assert run.values["accuracy"] == pytest.approx(getACC(labels, a, TASK))
    assert run.values["auc"] == pytest.approx(getAUC(labels, a, TASK))
    assert run.correct.dtype == bool and run.correct.mean() == run.values["accuracy"]


@pytest.mark.parametrize("measure", comparisons.MEASURES)
def test_differences_of_means_agree_with_the_enumeration_of_all_resamples(measure):
    """Three images a class: all 27 × 27 stratified resamples, two runs of one system against one of the other."""
    rng = np.random.default_rng(8)
    labels = np.array([0, 1, 0, 1, 0, 1])
    scores = np.clip(rng.normal(labels * 0.3 + 0.35, 0.3, (3, 6)), 0.01, 0.99)
    zeros, ones = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)

    def of_images(score, images):
        if measure == "auc":
            gaps = np.subtract.outer(score[images[labels[images] == 1]], score[images[labels[images] == 0]])
            return np.mean((gaps > 0) + (gaps == 0) / 2)
        return np.mean((score[images] > 0.5) == labels[images])

    def difference(images):
        return np.mean([of_images(scores[0], images), of_images(scores[1], images)]) - of_images(scores[2], images)

    draws = [
        difference(np.array([*zeros[list(first)], *ones[list(second)]]))
        for first in itertools.product(range(3), repeat=3)
        for second in itertools.product(range(3), repeat=3)
    ]
    probabilities = [np.column_stack([1 - score, score]) for score in scores]
    *a, b = resampled(labels, *probabilities, task="binary-class", replicates=20_000, seed=2)
    value, low, high, p = comparisons.difference(a, [b], measure, 0.8)
    assert value == pytest.approx(difference(np.arange(6)), abs=1e-12)
    exact = np.round(draws, 9)
    assert p == pytest.approx(min(1, 2 * min(np.mean(exact <= 0), np.mean(exact >= 0))), abs=0.02)
    # Each limit leaves a tenth outside, as nearly as a distribution of few values lets it.
    assert np.mean(exact < round(low, 9)) - 0.01 <= 0.1 <= np.mean(exact <= round(low, 9)) + 0.01
    assert np.mean(exact > round(high, 9)) - 0.01 <= 0.1 <= np.mean(exact >= round(high, 9)) + 0.01
    own = np.mean([run.draws[measure] for run in a], axis=0) - b.draws[measure]
    for one in np.unique(exact):
        assert np.mean(np.round(own, 9) == one) == pytest.approx(np.mean(exact == one), abs=0.015)


def test_auc_difference_agrees_with_a_straightforward_bootstrap():
    labels, a, b = draw_pair(n=120, k=2, gain=0.15)
    one, other = resampled(labels, a, b, task="binary-class", replicates=4000, seed=1)
    value, low, high, p = comparisons.difference([one], [other], "auc", 0.95)
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


@pytest.mark.parametrize("measure", comparisons.MEASURES)
def test_exchanging_the_systems_changes_the_sign(measure):
    labels, a, b = draw_pair(2)
    one, other = resampled(labels, a, b)
    value, low, high, p = comparisons.difference([one], [other], measure, 0.95)
    swapped = comparisons.difference([other], [one], measure, 0.95)
    assert swapped == pytest.approx((-value, -high, -low, p), abs=1e-12)


def test_equal_systems_do_not_differ_however_often_they_were_run():
    labels, a, _ = draw_pair()
    one, two, three = resampled(labels, a, a, a, replicates=50)
    for measure in comparisons.MEASURES:
        assert comparisons.difference([one, two, three], [one], measure, 0.95) == (0, 0, 0, 1)


def test_smallest_p_value_is_set_by_the_replicates():
    labels = np.arange(40) % 2
    a, b = resampled(labels, np.eye(2)[labels], np.eye(2)[1 - labels], task="binary-class", replicates=99)
    value, low, high, p = comparisons.difference([a], [b], "auc", 0.95)
    assert (value, low, high) == (1, 1, 1)
    assert p == pytest.approx(0.02)


def test_replicates_depend_on_the_seed_and_not_on_the_chunks(monkeypatch):
    labels, a, _ = draw_pair()
    expected = resampled(labels, a, seed=3)[0].draws["auc"]
    assert np.array_equal(expected, resampled(labels, a, seed=3)[0].draws["auc"])
    assert not np.array_equal(expected, resampled(labels, a, seed=4)[0].draws["auc"])
    monkeypatch.setattr(bootstrap, "CHUNK_SIZE", 9)
    assert resampled(labels, a, seed=3)[0].draws["auc"] == pytest.approx(expected, abs=1e-12)


def test_unusable_inputs_are_refused():
    labels, a, b = draw_pair()
    with pytest.raises(ValueError, match="one label per row"):
        resampled(labels, b[:-1])
    with pytest.raises(ValueError, match="summing to 1"):
        resampled(labels, b * 2)
    with pytest.raises(ValueError, match="absent: \\[2\\]"):
        resampled(np.minimum(labels, 1), a)
    with pytest.raises(ValueError, match="replicates >= 1"):
        resampled(labels, a, replicates=0)
    with pytest.raises(ValueError, match="0 < confidence < 1"):
        comparisons.compare(resampled(labels, a), {}, 1)


def test_a_family_is_tested_run_by_run_combined_and_adjusted():
    """Two seeds of the best; a system with both seeds, one with another seed, a vote: Holm's factors are 3, 2, 1."""
    labels, good, other = draw_pair(4, n=150, gain=2)
    _, *more = draw_pair(5, n=150, gain=1)
    best = resampled(labels, good, more[0], replicates=999)
    worse = resampled(labels, other, more[1], replicates=999)
    third = [comparisons.resample(labels, (good + other) / 2, TASK, 7, 999, 0)]
    vote = [comparisons.resample(labels, (good + more[0]) / 2, TASK, None, 999, 0)]
    found = comparisons.compare(best, {"worse": worse, "third": third, "vote": vote}, 0.95)

    def mcnemar(a, b):
        only = int(np.sum(a.correct & ~b.correct)), int(np.sum(~a.correct & b.correct))
        return binomtest(only[0], sum(only)).pvalue if sum(only) else 1

    p_values = {
        "worse": 2 * min(mcnemar(worse[0], best[0]), mcnemar(worse[1], best[1])),
        "third": 2 * min(mcnemar(third[0], run) for run in best),
        "vote": 2 * min(mcnemar(vote[0], run) for run in best),
    }
    p_values = {name: min(1, p) for name, p in p_values.items()}
    assert {name: row["accuracy"].p for name, row in found.items()} == pytest.approx(p_values)
    for measure in comparisons.MEASURES:
        largest = 0
        ordered = sorted(found.values(), key=lambda row: row[measure].p)
        for factor, row in zip((3, 2, 1), ordered, strict=True):
            largest = max(largest, min(1, factor * row[measure].p))
            assert row[measure].p_adjusted == pytest.approx(largest)
            assert row[measure].distinguishable == (largest < 0.05)
    assert found["worse"]["accuracy"].distinguishable and found["worse"]["auc"].distinguishable


def test_a_p_value_of_exactly_the_level_distinguishes_nothing(monkeypatch):
    monkeypatch.setattr(comparisons, "mcnemar", lambda a, b: 0.05)
    labels, a, b = draw_pair()
    one, other = resampled(labels, a, b)
    found = comparisons.compare([one], {"other": [other]}, 0.95)["other"]["accuracy"]
    assert (found.p_adjusted, found.distinguishable) == (0.05, False)


def test_a_family_of_none_is_compared():
    labels, a, _ = draw_pair()
    assert comparisons.compare(resampled(labels, a), {}, 0.95) == {}


def test_holm_by_hand():
    # Sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1, made non-decreasing.
    assert comparisons.holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert comparisons.holm([0.9, 0.6]) == pytest.approx([1, 1])
    assert comparisons.holm([]).shape == (0,)


@pytest.mark.parametrize("p_values", [[0.1, np.nan], [1.2], [-0.1]])
def test_holm_refuses_other_values(p_values):
    with pytest.raises(ValueError, match="between 0 and 1"):
        comparisons.holm(p_values)


OPTIONS = {"replicates": 300, "confidence": 0.9, "seed": 5}


def test_a_part_of_the_images_is_measured_as_if_it_were_all():
    labels, a, _ = draw_pair(n=90)
    part = np.arange(90) % 4 > 0
    accuracy, auc = image_parts.measure_part(labels, a, TASK, part, **OPTIONS)
    expected = {row.metric: row for row in metrics.measure(labels[part], a[part], TASK, **OPTIONS)}
    assert accuracy[1:] == pytest.approx(expected["accuracy"][1:])
    assert auc[1:] == pytest.approx(expected["auc"][1:])
    assert auc.value == pytest.approx(roc_auc_score(labels[part], a[part], multi_class="ovr"))
    assert (accuracy.n, auc.n) == (part.sum(), part.sum())


@pytest.mark.parametrize(("of_class_2", "has_auc"), [(5, True), (4, False), (0, False)])
def test_an_auc_needs_enough_images_of_each_class(of_class_2, has_auc):
    labels, a, _ = draw_pair(n=90)
    part = np.isin(np.arange(90), np.flatnonzero(labels == 2)[of_class_2:], invert=True)
    accuracy, auc = image_parts.measure_part(labels, a, TASK, part, **OPTIONS)
    assert (auc is not None) == has_auc
    assert accuracy.value == pytest.approx(np.mean(a.argmax(axis=1)[part] == labels[part]))
    interval = binomtest(round(accuracy.value * accuracy.n), accuracy.n).proportion_ci(0.9, "wilson")
    assert (accuracy.low, accuracy.high) == pytest.approx((interval.low, interval.high))


def test_a_part_of_one_image_and_of_none():
    labels, a, _ = draw_pair(n=90)
    accuracy, auc = image_parts.measure_part(labels, a, TASK, np.arange(90) == 3, **OPTIONS)
    assert (accuracy.n, auc) == (1, None) and accuracy.value in (0, 1)
    with pytest.raises(ValueError, match="at least one image"):
        image_parts.measure_part(labels, a, TASK, np.zeros(90, bool), **OPTIONS)
