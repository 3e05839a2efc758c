"""Tests of calibration slope and intercept, and of the calibration error that chance gives."""

import numpy as np
import pytest
from scipy.special import expit, logit, softmax
from sklearn.linear_model import LogisticRegression

from medfusion.evaluation import calibration_measures as calibration
from medfusion.evaluation.metrics import calibration_gaps


def drawn(n=4000, k=3, seed=0):
    """Probabilities, and labels that are drawn from them."""
    rng = np.random.default_rng(seed)
    probabilities = softmax(1.5 * rng.normal(size=(n, k)), axis=1)
    return probabilities, (rng.random((n, 1)) > probabilities.cumsum(axis=1)).sum(axis=1)


def sharpened(probabilities, factor):
    return softmax(factor * np.log(probabilities), axis=1)


def test_with_two_classes_the_slope_is_that_of_logistic_regression():
    probabilities, labels = drawn(500, 2)
    fitted = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10)
    odds = logit(probabilities[:, 1:])
    expected = fitted.fit(odds, labels).coef_[0, 0]
    found = calibration.slope(labels, probabilities, 0.95)
    assert found.metric == "calibration_slope" and found.n == 500
    assert found.value == pytest.approx(expected, abs=1e-4)
    shares = expit(expected * odds)
    error = 1 / np.sqrt(np.sum(shares * (1 - shares) * odds**2))
    assert (found.low, found.high) == pytest.approx((expected - 1.96 * error, expected + 1.96 * error), abs=1e-3)


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_a_slope_below_one_is_overconfidence(factor):
    probabilities, labels = drawn()
    found = calibration.slope(labels, sharpened(probabilities, factor), 0.95)
    assert found.value == pytest.approx(1 / factor, rel=0.08) and found.low < 1 / factor < found.high


def test_limits_of_the_slope_hold_one_for_calibrated_probabilities():
    held = 0
    for seed in range(200):
        probabilities, labels = drawn(200, 4, seed)
        found = calibration.slope(labels, probabilities, 0.95)
        held += found.low <= 1 <= found.high
    assert 0.9 <= held / 200 <= 0.99


def test_without_an_error_there_is_no_slope():
    probabilities, _ = drawn(50)
    found = calibration.slope(probabilities.argmax(axis=1), probabilities, 0.95)
    assert np.isnan([found.value, found.low, found.high]).all()


def test_probabilities_of_zero_of_the_true_class_give_no_slope_and_no_intercept():
    probabilities, labels = drawn(200, 2)
    probabilities[0] = np.eye(2)[1 - labels[0]]
    assert np.isnan(calibration.slope(labels, probabilities, 0.95).value)
    assert np.isnan(calibration.intercept(labels == 1, probabilities[:, 1], 0.95).value)
    certain = np.eye(2)[labels]
    assert np.isnan(calibration.intercept(labels == 1, certain[:, 1], 0.95).value)


def test_equal_errors_count_whatever_their_sums_are_rounded_to():
    """A sure system that is always right: chance gives the same error in nearly all draws."""
    certainty = np.random.default_rng(0).uniform(0.99985, 0.99995, 50)
    observed = float(
        np.abs(calibration_gaps(np.zeros(50, int), np.zeros(50, int), certainty[:, None], 8).sum(0)).sum() / 50
    )
    *_, p = calibration.of_chance(observed, certainty, 8, 0.95, 500, 0)
    assert p.value > 0.9


def test_the_intercept_is_what_brings_the_mean_to_the_share_of_positive_images():
    probabilities, labels = drawn(600, 2)
    positive, scores = labels == 1, probabilities[:, 1]
    found = calibration.intercept(positive, scores, 0.95)
    assert expit(logit(scores) + found.value).mean() == pytest.approx(positive.mean(), abs=1e-9)
    assert found.low < 0 < found.high
    lowered = calibration.intercept(positive, expit(logit(scores) - 0.7), 0.95)
    assert lowered.value == pytest.approx(found.value + 0.7, abs=1e-9)
    shares = expit(logit(scores) + found.value)
    assert found.high - found.value == pytest.approx(1.96 / np.sqrt(np.sum(shares * (1 - shares))), rel=1e-3)


def test_the_error_of_a_single_image_is_its_deviation():
    measures = calibration.of_chance(0.3, np.array([0.8]), 5, 0.95, 4000, 0)
    expected, debiased, p = measures
    assert [measure.metric for measure in measures] == ["ece_expected", "ece_debiased", "ece_p"]
    # Right with probability .8, when the error is .2, and wrong with .2, when it is .8.
    assert expected.value == pytest.approx(0.8 * 0.2 + 0.2 * 0.8, abs=0.02)
    assert (expected.low, expected.high) == pytest.approx((0.2, 0.8))
    assert debiased.value == 0 and p.value == pytest.approx(0.2, abs=0.02)


def test_a_calibrated_system_is_seldom_called_uncalibrated_and_an_overconfident_one_often():
    found = {}
    for factor in (1.0, 2.0):
        values = []
        for seed in range(100):
            probabilities, labels = drawn(156, 2, seed)
            probabilities = sharpened(probabilities, factor)
            predicted = probabilities.argmax(axis=1)
            observed = np.abs(calibration_gaps(labels, predicted, probabilities, 10).sum(axis=0)).sum() / 156
            *_, p = calibration.of_chance(observed, probabilities.max(axis=1), 10, 0.95, 200, seed)
            values.append(p.value)
        found[factor] = np.mean(np.array(values) <= 0.05)
    assert found[1.0] <= 0.1 and found[2.0] >= 0.8
