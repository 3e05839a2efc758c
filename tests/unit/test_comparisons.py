"""Paired comparisons against scipy, scikit-learn, complete enumeration and hand-computed values."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm
from sklearn.metrics import roc_auc_score
from statsmodels.stats.multitest import multipletests

from medfusion.data.medmnist_info import getACC, getAUC
from medfusion.evaluation import comparisons, image_parts, metrics, paired_tests
from medfusion.evaluation.bootstrap import replicate_weights

TASK = "multi-class"


def draw_pair(seed=0, n=200, k=3, gain=0.4):
    """Labels and the probabilities of two classifiers, the first the better by ``gain``."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % k
    scores_b = rng.gamma(1, size=(n, k)) + 0.5 * np.eye(k)[labels]
    scores_a = scores_b + gain * np.eye(k)[labels] * rng.random((n, 1))
    return labels, *(s / s.sum(axis=1, keepdims=True) for s in (scores_a, scores_b))


def runs_of(labels, *several, task=TASK):
    """Runs of the probabilities of each."""
    return [comparisons.measured(labels, p, task, 1.0) for p in several]


def leaves_out_0(found):
    return found.low > 0 or found.high < 0


# -- accuracy: sign flips ---------------------------------------------------------------------------------------------


def disagreeing(*only, both=20, neither=5):
    """Two systems of one run each: so many images that only the first, and that only the second is right on."""
    first = np.repeat([True, False, True, False], [*only, both, neither])
    second = np.repeat([False, True, True, False], [*only, both, neither])
    return first[None], second[None]


@pytest.mark.parametrize("only", [(3, 12), (12, 3), (1, 0), (0, 6), (7, 7), (40, 11)])
def test_of_one_run_each_the_sign_flips_are_mcnemars_exact_test(only):
    found = paired_tests.accuracy_difference(*disagreeing(*only), 0.95)
    n = sum(only) + 25
    assert found.value == pytest.approx((only[0] - only[1]) / n)
    assert found.p == pytest.approx(binomtest(only[0], sum(only)).pvalue)
    assert leaves_out_0(found) == (found.p < 0.05)


def enumerated(first, second):
    """The p value by every one of the sign patterns."""
    gaps = np.round((first.mean(axis=0) - second.mean(axis=0)) * len(first) * len(second)).astype(int)
    gaps = gaps[gaps != 0]
    sums = [abs(np.dot(signs, gaps)) for signs in itertools.product((-1, 1), repeat=len(gaps))]
    return np.mean(np.array(sums) >= abs(gaps.sum()))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 4), st.integers(1, 11), st.floats(0.5, 0.99))
def test_p_values_of_means_over_runs_are_those_of_all_sign_patterns(seed, runs, others, n, share):
    rng = np.random.default_rng(seed)
    first, second = rng.random((runs, n)) < share, rng.random((others, n)) < 0.6
    assert paired_tests.accuracy_difference(first, second, 0.95).p == pytest.approx(enumerated(first, second))


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 150),
    st.floats(0, 0.5),
    st.floats(-0.3, 0.3),
    st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99]),
)
def test_an_interval_of_accuracies_leaves_out_0_where_its_p_value_is_below_the_level_and_nowhere_else(
    seed, runs, others, n, mistakes, gain, confidence
):
    rng = np.random.default_rng(seed)
    hard = rng.random(n)  # images that are hard for one are hard for the other
    second = hard + rng.normal(0, 0.2, (others, n)) > mistakes
    # One run may be better than the other system's, and one worse.
    first = hard + rng.normal(0, 0.2, (runs, n)) + np.linspace(-gain, 2 * gain, runs)[:, None] > mistakes
    found = paired_tests.accuracy_difference(first, second, confidence)
    assert leaves_out_0(found) == (found.p < round(1 - confidence, 12))
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert found.value == pytest.approx(first.mean() - second.mean(), abs=1e-11)
    swapped = paired_tests.accuracy_difference(second, first, confidence)
    assert swapped == pytest.approx((-found.value, -found.high, -found.low, found.p), abs=1e-12)


def test_one_seed_that_is_better_and_one_that_is_worse_are_no_difference_of_means():
    """Each seed alone differs clearly; the mean, which is told, does not."""
    better, worse, base = np.ones((3, 200), bool)
    base[:30] = False
    worse[:60] = False
    found = paired_tests.accuracy_difference(np.stack([better, worse]), np.stack([base, base]), 0.95)
    alone = [paired_tests.accuracy_difference(run[None], base[None], 0.95).p for run in (better, worse)]
    assert max(alone) < 1e-8
    assert found.value == 0 and found.p == 1 and found.low < 0 < found.high


def test_the_interval_of_accuracies_is_as_wide_as_the_differences_spread():
    """Of many images it is that of the normal distribution: mean ± 1.96 sd / √n."""
    rng = np.random.default_rng(3)
    first, second = rng.random((2, 3, 4000)) < [[[0.9]], [[0.87]]]
    found = paired_tests.accuracy_difference(first, second, 0.95)
    gaps = first.mean(axis=0) - second.mean(axis=0)
    half = 1.96 * gaps.std() / np.sqrt(4000)
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half), abs=0.02 * half)


def test_intervals_of_accuracies_hold_the_true_difference_as_often_as_they_say():
    rng = np.random.default_rng(11)
    held, rejected, repeats = 0, 0, 400
    for _ in range(repeats):
        first, second = rng.random((2, 120)) < [[0.9], [0.8]]
        found = paired_tests.accuracy_difference(first[None], second[None], 0.9)
        held += found.low <= 0.1 <= found.high
        equal = paired_tests.accuracy_difference(first[None], (rng.random(120) < 0.9)[None], 0.9)
        rejected += equal.p < 0.1
    assert 0.87 <= held / repeats <= 0.95
    assert rejected / repeats <= 0.12


def test_a_difference_beyond_all_doubt_has_a_p_value_without_a_limit():
    found = paired_tests.accuracy_difference(*disagreeing(60, 0), 0.95)
    assert found.p == pytest.approx(2**-59)


@pytest.mark.parametrize("second", [np.ones((1, 4), bool), np.array([[1, 0, 1]]), np.ones(3, bool)])
def test_sign_flips_refuse_other_inputs(second):
    with pytest.raises(ValueError, match="two boolean arrays"):
        paired_tests.accuracy_difference(np.ones((1, 3), bool), second, 0.95)
    with pytest.raises(ValueError, match="at least one run"):
        paired_tests.accuracy_difference(np.ones((0, 3), bool), np.ones((1, 3), bool), 0.95)


# -- areas: DeLong ----------------------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(2, 4),
    st.integers(8, 60),
    st.floats(-0.8, 0.8),
    st.sampled_from([0.8, 0.95, 0.99]),
    st.integers(1, 3),
)
def test_an_interval_of_areas_leaves_out_0_where_its_p_value_is_below_the_level_and_nowhere_else(
    seed, k, n, gain, confidence, digits
):
    labels, a, b = draw_pair(seed, n, k, gain)
    task = "binary-class" if k == 2 else TASK
    one, other = (comparisons.area(labels, np.round(values, digits), task) for values in (a, b))
    found = paired_tests.area_difference(labels, [one], [other], confidence)
    assert leaves_out_0(found) == (found.p < round(1 - confidence, 12))
    assert found.low <= found.value <= found.high


@pytest.mark.parametrize(("task", "k"), [("binary-class", 2), (TASK, 4)])
def test_areas_of_runs_are_medmnists(task, k):
    labels, a, _ = draw_pair(k=k)
    a = np.round(a, 1)  # ties
    assert comparisons.area(labels, a, task).value == pytest.approx(getAUC(labels, a, task))


def test_the_error_of_two_classes_is_delongs_by_hand():
    """The variances of the structural components by their definition, with ties."""
    labels, a, b = draw_pair(3, n=60, k=2, gain=0.2)
    a, b = np.round(a, 1), np.round(b, 1)

    def components(values):
        own, others = values[labels == 1, 1], values[labels == 0, 1]
        wins = np.greater.outer(own, others) + np.equal.outer(own, others) / 2
        return wins.mean(axis=1), wins.mean(axis=0)

    (won_a, lost_a), (won_b, lost_b) = components(a), components(b)
    error = np.sqrt(np.var(won_a - won_b, ddof=1) / 30 + np.var(lost_a - lost_b, ddof=1) / 30)
    one, other = (comparisons.area(labels, values, "binary-class") for values in (a, b))
    found = paired_tests.area_difference(labels, [one], [other], 0.95)
    value = won_a.mean() - won_b.mean()
    assert found.value == pytest.approx(value)
    assert (found.low, found.high) == pytest.approx((value - 1.959964 * error, value + 1.959964 * error), abs=1e-6)
    assert found.p == pytest.approx(2 * norm.sf(abs(value) / error))


def weighted_areas(labels, probabilities, weights):
    """The mean of one-vs-rest areas, of images that occur as often as weights (n, r) say: (r,)."""
    areas = []
    for label in range(probabilities.shape[1]):
        own, scores = labels == label, probabilities[:, label]
        above = np.subtract.outer(scores[own], scores[~own])
        wins = np.einsum("pr,pq,qr->r", weights[own], (above > 0) + (above == 0) / 2, weights[~own], optimize=True)
        areas.append(wins / (weights[own].sum(axis=0) * weights[~own].sum(axis=0)))
    return np.mean(areas, axis=0)


def test_the_error_of_means_over_classes_and_runs_is_that_of_a_bootstrap():
    """All classes and runs at once, which depend on each other."""
    labels, a, b = draw_pair(5, n=400, k=4)
    labels, c, _ = draw_pair(6, n=400, k=4)
    one, two, other = (comparisons.area(labels, values, TASK) for values in (a, c, b))
    weights = np.concatenate(list(replicate_weights(labels, 3000, 0)), axis=1)
    first, second, third = (weighted_areas(labels, values, weights) for values in (a, c, b))
    draws = (first + second) / 2 - third
    parts = (one.parts + two.parts) / 2 - other.parts
    assert paired_tests.deviation(labels, parts) == pytest.approx(draws.std(), rel=0.06)
    found = paired_tests.area_difference(labels, [one, two], [other], 0.95)
    assert (found.low, found.high) == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=0.25 * draws.std())


def test_the_interval_of_an_area_is_symmetric_in_its_log_odds():
    labels, a, _ = draw_pair(7, n=80, k=2)
    found = comparisons.area(labels, a, "binary-class")
    low, high = paired_tests.area_interval(labels, found, 0.95)

    def logit(value):
        return np.log(value / (1 - value))

    assert 0 < low < found.value < high < 1
    assert (logit(low) + logit(high)) / 2 == pytest.approx(logit(found.value))
    error = paired_tests.deviation(labels, found.parts) / (found.value * (1 - found.value))
    assert logit(high) - logit(low) == pytest.approx(2 * 1.959964 * error, rel=1e-5)
    perfect = comparisons.area(labels, np.eye(2)[labels], "binary-class")
    assert paired_tests.area_interval(labels, perfect, 0.95) == (1, 1)


def test_systems_without_spread_have_the_smallest_p_value_of_so_many_images():
    """A system that errs never against one that errs always: areas of 1 and 0, both without an error."""
    for n, clear in ((4, False), (40, True)):
        labels = np.arange(n) % 2
        one, other = (comparisons.area(labels, np.eye(2)[which], "binary-class") for which in (labels, 1 - labels))
        found = paired_tests.area_difference(labels, [one], [other], 0.95)
        assert (found.value, found.p) == (1, 2.0 ** (1 - n))
        assert leaves_out_0(found) == clear


def test_equal_systems_do_not_differ_however_often_they_were_run():
    labels, a, _ = draw_pair()
    one, two, three = runs_of(labels, a, a, a)
    found = comparisons.compare(labels, [one], {"same": [one, two, three]}, 0.95)["same"]
    for measure in comparisons.MEASURES:
        row = found[measure]
        assert (row.difference, row.low, row.high, row.p, row.significant) == (0, 0, 0, 1, False)


# -- families ---------------------------------------------------------------------------------------------------------


def test_values_of_a_run_are_medmnists():
    labels, a, _ = draw_pair()
    run = runs_of(labels, a)[0]
    assert run.correct.dtype == bool and run.correct.mean() == pytest.approx(getACC(labels, a, TASK))
    assert run.area.value == pytest.approx(getAUC(labels, a, TASK))


def test_unusable_inputs_are_refused():
    labels, a, b = draw_pair()
    with pytest.raises(ValueError, match="one label per row"):
        runs_of(labels, b[:-1])
    with pytest.raises(ValueError, match="summing to 1"):
        runs_of(labels, b * 2)
    with pytest.raises(ValueError, match="absent: \\[2\\]"):
        runs_of(np.minimum(labels, 1), a)
    with pytest.raises(ValueError, match="0 < confidence < 1"):
        comparisons.compare(labels, runs_of(labels, a), {}, 1)


def test_a_family_is_tested_by_the_means_that_are_told_and_adjusted():
    """Two seeds of the best; a system with two, one with one, an ensemble: Holm's factors are 3, 2, 1."""
    labels, good, other = draw_pair(4, n=150, gain=2)
    _, *more = draw_pair(5, n=150, gain=1)
    best = runs_of(labels, good, more[0])
    worse = runs_of(labels, other, more[1])
    third, ensemble = runs_of(labels, (good + other) / 2), runs_of(labels, (good + more[0]) / 2)
    found = comparisons.compare(labels, best, {"worse": worse, "third": third, "ensemble": ensemble}, 0.95)
    for name, runs in {"worse": worse, "third": third, "ensemble": ensemble}.items():
        row = found[name]["accuracy"]
        assert row.difference == pytest.approx(
            np.mean([run.correct.mean() for run in runs]) - np.mean([run.correct.mean() for run in best])
        )
        correct = [np.stack([run.correct for run in part]) for part in (runs, best)]
        assert row.p == paired_tests.accuracy_difference(*correct, 0.95).p
    for measure in comparisons.MEASURES:
        largest = 0
        ordered = sorted(found.values(), key=lambda row: row[measure].p)
        for factor, row in zip((3, 2, 1), ordered, strict=True):
            largest = max(largest, min(1, factor * row[measure].p))
            assert row[measure].p_adjusted == pytest.approx(largest)
            assert row[measure].significant == (largest < 0.05)
            assert leaves_out_0(row[measure]) or not row[measure].significant
    assert found["worse"]["accuracy"].significant and found["worse"]["auroc"].significant


def test_a_p_value_of_exactly_the_level_distinguishes_nothing():
    first, second = disagreeing(5, 0)  # McNemar's p is 1 / 16
    labels = np.arange(first.shape[1]) % 2
    runs = [
        comparisons.MeasuredRun(row[0], paired_tests.Area(0.5, np.zeros(len(labels))), np.zeros(len(labels)))
        for row in (second, first)
    ]
    found = comparisons.compare(labels, runs[:1], {"other": runs[1:]}, 1 - 1 / 16)["other"]["accuracy"]
    assert (found.p_adjusted, found.low, found.significant) == (1 / 16, 0, False)


def test_a_family_of_none_is_compared():
    labels, a, _ = draw_pair()
    assert comparisons.compare(labels, runs_of(labels, a), {}, 0.95) == {}


def test_holm_by_hand():
    # Sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1, made non-decreasing.
    assert comparisons.holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert comparisons.holm([0.9, 0.6]) == pytest.approx([1, 1])
    assert comparisons.holm([]).shape == (0,)


def test_holm_is_as_in_statsmodels():
    p_values = np.round(np.random.default_rng(0).random(40), 1) ** 3
    np.testing.assert_array_equal(comparisons.holm(p_values), multipletests(p_values, method="holm")[1])


@pytest.mark.parametrize("p_values", [[0.1, np.nan], [1.2], [-0.1]])
def test_holm_refuses_other_values(p_values):
    with pytest.raises(ValueError, match="between 0 and 1"):
        comparisons.holm(p_values)


CONFIDENCE = 0.9


def test_a_part_of_the_images_is_measured_as_if_it_were_all():
    labels, a, _ = draw_pair(n=90)
    part = np.arange(90) % 4 > 0
    accuracy, auroc = image_parts.measure_part(labels, a, TASK, part, CONFIDENCE)
    expected = {row.metric: row for row in metrics.measure(labels[part], a[part], TASK, confidence=CONFIDENCE)}
    assert accuracy[1:] == pytest.approx(expected["accuracy"][1:])
    assert auroc[1:] == pytest.approx(expected["auroc"][1:])
    assert auroc.value == pytest.approx(roc_auc_score(labels[part], a[part], multi_class="ovr"))
    assert (accuracy.n, auroc.n) == (part.sum(), part.sum())


@pytest.mark.parametrize(("of_class_2", "has_auroc"), [(5, True), (4, False), (0, False)])
def test_an_auroc_needs_enough_images_of_each_class(of_class_2, has_auroc):
    labels, a, _ = draw_pair(n=90)
    part = np.isin(np.arange(90), np.flatnonzero(labels == 2)[of_class_2:], invert=True)
    accuracy, auroc = image_parts.measure_part(labels, a, TASK, part, CONFIDENCE)
    assert (auroc is not None) == has_auroc
    assert accuracy.value == pytest.approx(np.mean(a.argmax(axis=1)[part] == labels[part]))
    interval = binomtest(round(accuracy.value * accuracy.n), accuracy.n).proportion_ci(0.9, "wilson")
    assert (accuracy.low, accuracy.high) == pytest.approx((interval.low, interval.high))


def test_a_part_of_one_image_and_of_none():
    labels, a, _ = draw_pair(n=90)
    accuracy, auroc = image_parts.measure_part(labels, a, TASK, np.arange(90) == 3, CONFIDENCE)
    assert (accuracy.n, auroc) == (1, None) and accuracy.value in (0, 1)
    with pytest.raises(ValueError, match="at least one image"):
        image_parts.measure_part(labels, a, TASK, np.zeros(90, bool), CONFIDENCE)


# -- log loss ---------------------------------------------------------------------------------------------------------


def test_a_difference_of_log_loss_is_that_of_paired_images():
    rng = np.random.default_rng(0)
    losses, others = rng.gamma(1, 0.1, (2, 500)), rng.gamma(1, 0.12, (3, 500))
    found = paired_tests.loss_difference(losses, others, 0.9)
    gaps = losses.mean(axis=0) - others.mean(axis=0)
    assert found.value == pytest.approx(gaps.mean())
    error = np.std(gaps, ddof=1) / np.sqrt(500)
    assert (found.low, found.high) == pytest.approx((gaps.mean() - 1.644854 * error, gaps.mean() + 1.644854 * error))
    assert found.p == pytest.approx(2 * norm.sf(abs(gaps.mean()) / error))
    assert paired_tests.loss_difference(losses, losses, 0.9) == (0, 0, 0, 1)
    shifted = paired_tests.loss_difference(losses + 0.5, losses, 0.9)
    assert shifted[:3] == pytest.approx((0.5, 0.5, 0.5)) and 0 < shifted.p < 1e-100


def test_an_interval_of_log_loss_holds_the_truth_as_often_as_it_says():
    rng, held = np.random.default_rng(1), 0
    for _ in range(400):
        losses = rng.gamma(0.5, 0.2, (2, 300))
        found = paired_tests.loss_difference(losses[:1], losses[1:], 0.9)
        held += found.low <= 0 <= found.high
    assert 0.86 < held / 400 < 0.94
