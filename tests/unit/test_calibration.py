"""Tests of what validation chooses: temperature against scikit-learn's, thresholds by hand and by brute force."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import balanced_accuracy_score, log_loss, recall_score

from medfusion.learning import calibration


class Given(ClassifierMixin, BaseEstimator):
    """A classifier whose input is its probabilities."""

    def fit(self, features, labels):
        self.classes_ = np.unique(labels)
        return self

    def predict(self, features):
        return features.argmax(axis=1)

    def predict_proba(self, features):
        return features


def draw(seed, n=200, k=3, sharpness=1.0):
    """Labels drawn by their probabilities, and these probabilities made sharper: a temperature of `sharpness`."""
    rng = np.random.default_rng(seed)
    true = rng.dirichlet(np.full(k, 0.7), n) * 0.98 + 0.02 / k
    labels = (rng.random((n, 1)) > true.cumsum(axis=1)).sum(axis=1)
    labels[:k] = np.arange(k)
    sharper = true**sharpness
    return sharper / sharper.sum(axis=1, keepdims=True), labels


# -- temperature ------------------------------------------------------------------------------------------------------


def test_scaling_by_hand():
    # odds of 9 to 1 and of 4 to 1, and their square roots
    found = calibration.scale(np.array([[0.9, 0.1], [0.2, 0.8]]), 2)
    assert found == pytest.approx(np.array([[3 / 4, 1 / 4], [1 / 3, 2 / 3]]))
    assert calibration.scale(np.array([[0.9, 0.1]]), 1) == pytest.approx(np.array([[0.9, 0.1]]))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 6), st.floats(0.05, 100))
def test_scaling_keeps_the_order_and_the_sum(seed, k, temperature):
    values, _ = draw(seed, n=20, k=k)
    scaled = calibration.scale(values, temperature)
    assert np.isfinite(scaled).all() and scaled.sum(axis=1) == pytest.approx(1)
    assert np.array_equal(scaled.argmax(axis=1), values.argmax(axis=1))
    assert np.array_equal(scaled[:, 1] > 0.5, values[:, 1] > 0.5) or k > 2


def test_probabilities_of_nothing_stay_finite():
    scaled = calibration.scale(np.array([[1.0, 0.0], [0.0, 1.0]]), 0.05)
    assert np.isfinite(scaled).all() and np.array_equal(scaled.argmax(axis=1), [0, 1])


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("sharpness", [0.5, 1, 3])
def test_the_temperature_is_scikit_learns(k, sharpness):
    values, labels = draw(1, k=k, sharpness=sharpness)
    temperature = calibration.choose_temperature(values, labels)
    rows = np.arange(len(labels))
    model = FrozenEstimator(Given().fit(values, labels))
    model = CalibratedClassifierCV(model, method="temperature", cv=[(rows, rows)]).fit(values, labels)
    assert calibration.scale(values, temperature) == pytest.approx(model.predict_proba(values), abs=1e-5)
    assert temperature == pytest.approx(sharpness, rel=0.35)  # what the probabilities were made with


def test_the_log_loss_is_scikit_learns():
    values, labels = draw(2)
    assert calibration.log_loss(values, labels) == pytest.approx(log_loss(labels, values))


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([[0.9, 0.1], [0.4, 0.6]], [0, 1]),  # no mistake: the log loss has no lowest point
        ([[0.5, 0.5]] * 4, [0, 1, 0, 1]),  # constant: no temperature matters
        (np.empty((0, 2)), []),
    ],
)
def test_where_nothing_can_be_learned_the_temperature_is_1(values, labels):
    assert calibration.choose_temperature(np.array(values), np.array(labels, dtype=int)) == 1


def test_the_temperature_stays_within_its_limits():
    confident = np.array([[1.0, 0.0]] * 10)
    low, high = calibration.TEMPERATURES
    assert low < calibration.choose_temperature(confident, np.array([1] * 10)) <= high


# -- prediction sets --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "coverage", "rank"),
    [(9, 0.9, 9), (10, 0.9, 10), (11, 0.9, 11), (19, 0.9, 18), (78, 0.9, 72), (99, 0.55, 55), (4, 0.5, 3), (1, 0.5, 1)],
)
def test_the_conformal_quantile_by_hand(n, coverage, rank):
    """The ceil((n + 1) coverage)-th smallest score; 0.55 * 100 is 55, though a computer finds a little more."""
    scores = np.random.default_rng(0).permutation(np.arange(1, n + 1) / 1000)
    assert calibration.conformal_threshold(scores, coverage) == rank / 1000


@pytest.mark.parametrize(("n", "coverage"), [(8, 0.9), (0, 0.9), (18, 0.95), (98, 0.99), (0, 0.5)])
def test_too_few_images_give_no_threshold(n, coverage):
    assert calibration.conformal_threshold(np.zeros(n), coverage) is None


def test_prediction_sets_by_hand():
    values = np.array([[0.7, 0.2, 0.1], [0.5, 0.5, 0.0], [0.34, 0.33, 0.33]])
    assert calibration.prediction_sets(values, 0.5).tolist() == [[True, False, False], [True, True, False], [False] * 3]
    by_class = calibration.prediction_sets(values, [0.4, None, 0.95])
    assert by_class.tolist() == [[True, True, True], [False, True, False], [False, True, True]]
    assert calibration.prediction_sets(values, None).all()


def test_marginal_and_conditional_coverage_over_many_splits():
    """Exchangeable images: coverage is at least as intended on average, and hardly more with continuous scores."""
    coverage, n, tested, repeats = 0.9, 60, 200, 150
    values, labels = draw(5, n=(n + tested) * repeats, k=3, sharpness=2)
    held = {"marginal": [], "by_class": []}
    for part in np.split(np.arange(len(labels)), repeats):
        fit, test = part[:n], part[n:]
        chosen = calibration.choose(values[fit], labels[fit], "multi-class", None, None, coverage, 0.1)
        # A temperature chosen on the same images is what the page warns of; without it the promise is exact.
        scores = 1 - values[fit, labels[fit]]
        assert chosen.temperature > 1
        limits = [calibration.conformal_threshold(scores[labels[fit] == i], coverage) for i in range(3)]
        for name, limit in (
            ("marginal", calibration.conformal_threshold(scores, coverage)),
            ("by_class", limits),
        ):
            sets = calibration.prediction_sets(values[test], limit)
            hit = sets[np.arange(tested), labels[test]]
            held[name].append([hit[labels[test] == i].mean() for i in range(3)] + [hit.mean()])
    by_class, marginal = np.mean(held["by_class"], axis=0), np.mean(held["marginal"], axis=0)
    assert coverage - 0.005 <= marginal[3] <= coverage + 1 / (n + 1) + 0.005
    assert (by_class >= coverage - 0.01).all()


# -- decisions and referrals ------------------------------------------------------------------------------------------


def quality(probabilities, positive, threshold):
    """Balanced accuracy and recall of a threshold, as scikit-learn counts them."""
    called = probabilities >= threshold
    return round(balanced_accuracy_score(positive, called), 12), round(recall_score(positive, called), 12)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 8), st.sampled_from([3, 1000]))
def test_no_threshold_is_better_than_the_chosen(seed, n, levels):
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.4
    positive[:2] = True, False
    probabilities = np.round(np.clip(rng.random(n) * 0.7 + 0.3 * positive, 0, 1) * levels) / levels
    threshold = calibration.choose_decision(probabilities, positive, None)
    # A threshold at each probability gives every division that any threshold gives, but for none positive.
    best = max(quality(probabilities, positive, other) for other in probabilities)
    assert quality(probabilities, positive, threshold) == best


@pytest.mark.parametrize(
    ("probabilities", "positive", "expected"),
    [
        ([0.2, 0.8], [0, 1], 0.5),  # 0.5 itself lies in the gap
        ([0.1, 0.2, 0.3, 0.9], [0, 0, 1, 1], 0.25),  # half-way
        ([0.6, 0.9, 0.7], [0, 1, 1], 0.65),
        ([0.4, 0.4], [0, 1], 0),  # all positive and all negative are as good: recall decides
        ([0.9, 0.1], [0, 1], 0),
        ([0.3, 0.6, 0.7, 0.8], [1, 0, 1, 0], 0),  # equal with recall 1: below all
    ],
)
def test_decision_thresholds_by_hand(probabilities, positive, expected):
    found = calibration.choose_decision(np.array(probabilities), np.array(positive, dtype=bool), None)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("positive", [[True, True], [False, False]])
def test_one_class_alone_gives_no_decision_threshold(positive):
    for recall in (None, 0.9):
        assert calibration.choose_decision(np.array([0.2, 0.8]), np.array(positive), recall) is None


@pytest.mark.parametrize(("images", "rank"), [(9, 9), (19, 18), (21, 20)])
def test_a_threshold_that_is_to_find_nine_in_ten_is_the_highest_that_so_many_images_allow(images, rank):
    rng = np.random.default_rng(images)
    probabilities, positive = rng.random(images + 30), np.arange(images + 30) < images
    threshold = calibration.choose_decision(probabilities, positive, 0.9)
    assert threshold == np.sort(probabilities[:images])[::-1][rank - 1]
    assert np.sum(probabilities[:images] >= threshold) == rank


def test_too_few_images_to_find_the_share_of_make_every_image_positive():
    assert calibration.choose_decision(np.linspace(0.1, 0.9, 20), np.arange(20) < 8, 0.9) == 0


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 60), st.floats(0.5, 0.999) | st.just(0.9), st.booleans(), st.integers(0, 10**6))
def test_of_exchangeable_images_at_least_the_share_is_found_and_no_higher_threshold_would(n, recall, equal, seed):
    rng = np.random.default_rng(seed)
    # With each of n + 1 images in turn as the new one, the mean is the expectation over draws, without its noise.
    values = rng.integers(0, 3, n + 1) / 4 if equal else rng.permutation(n + 1) / (n + 2)
    positive = np.arange(n + 1) < n
    draws = [np.append(np.delete(values, new), 0.9) for new in range(n + 1)]  # the last is not of the label
    thresholds = [calibration.choose_decision(draw, positive, recall) for draw in draws]
    found = np.mean(values >= thresholds)
    assert found >= recall - 1e-9
    if not equal:
        assert found - 1 / (n + 1) < recall  # one rank less


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 60), st.floats(0, 0.999), st.integers(0, 1000))
def test_as_many_are_referred_as_the_share_says(n, share, seed):
    confidence = np.random.default_rng(seed).permutation(np.linspace(0.5, 1, n))
    referred = np.sum(confidence < calibration.choose_referral(confidence, share))
    assert referred == math.floor(round(share * n, 9))


def test_equal_confidences_are_not_divided():
    confidence = np.array([0.6, 0.6, 0.6, 1.0])
    assert np.sum(confidence < calibration.choose_referral(confidence, 0.5)) == 0
    assert np.sum(confidence < calibration.choose_referral(confidence, 0.75)) == 3


# -- all of it --------------------------------------------------------------------------------------------------------


def test_everything_is_chosen_on_scaled_probabilities():
    values, labels = draw(3, n=120, k=2, sharpness=3)
    chosen = calibration.choose(values, labels, "binary-class", 0, None, 0.9, 0.2)
    scaled = calibration.scale(values, chosen.temperature)
    scores = np.sort(1 - scaled[np.arange(120), labels])
    assert chosen.marginal == scores[math.ceil(121 * 0.9) - 1]
    own = np.sort(1 - scaled[labels == 1, 1])
    assert chosen.by_class[1] == own[math.ceil((len(own) + 1) * 0.9) - 1]
    assert np.sum(scaled.max(axis=1) < chosen.referral) == 24
    assert chosen.decision == calibration.choose_decision(scaled[:, 0], labels == 0, None)
    other = calibration.choose(values, labels, "binary-class", 0, 0.8, 0.9, 0.2)
    assert other.decision == calibration.choose_decision(scaled[:, 0], labels == 0, 0.8)
    sets = calibration.prediction_sets(scaled, chosen.marginal)
    assert sets[np.arange(120), labels].mean() >= 0.9


@pytest.mark.parametrize(("task", "positive"), [("multi-class", 0), ("binary-class", None)])
def test_without_a_positive_label_of_two_there_is_no_decision(task, positive):
    assert calibration.choose(*draw(4, k=2), task, positive, None, 0.9, 0.1).decision is None


def test_an_absent_class_is_always_in_its_set():
    values, labels = draw(4, k=3)
    kept = labels != 2
    chosen = calibration.choose(values[kept], labels[kept], "multi-class", None, None, 0.9, 0.1)
    assert chosen.by_class[2] is None and None not in chosen.by_class[:2]


def test_one_image_is_enough():
    chosen = calibration.choose(np.array([[0.3, 0.7]]), np.array([0]), "binary-class", 0, None, 0.9, 0.1)
    assert chosen.marginal is None and chosen.by_class == (None, None) and chosen.decision is None


@pytest.mark.parametrize("labels", [[0, 1], [0, 1, 2], []])
def test_labels_of_other_images_are_refused(labels):
    with pytest.raises(ValueError, match="rows of at least"):
        calibration.choose(np.full((3, 2), 0.5), np.array(labels, dtype=int), "binary-class", 0, None, 0.9, 0.1)
