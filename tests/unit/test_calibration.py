"""Tests of what validation chooses: temperature against scikit-learn's, thresholds by hand and by brute force."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import balanced_accuracy_score, log_loss, recall_score
from sklearn.tree import DecisionTreeClassifier

from medfusion.evaluation.metrics import calibration_gaps
from medfusion.learning import calibration
from medfusion.tasks import as_stored, most_probable


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
    # Ours has seen one image more, of which nothing is known.
    assert calibration.scale(values, temperature) == pytest.approx(model.predict_proba(values), abs=0.02)
    assert temperature == pytest.approx(sharpness, rel=0.35)  # what the probabilities were made with


def test_the_log_loss_is_scikit_learns():
    values, labels = draw(2)
    assert calibration.log_loss(values, labels) == pytest.approx(log_loss(labels, values))


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([[0.5, 0.5]] * 4, [0, 1, 0, 1]),  # constant: no temperature matters
        (np.empty((0, 2)), []),
    ],
)
def test_where_nothing_can_be_learned_the_temperature_is_1(values, labels):
    assert calibration.choose_temperature(np.array(values), np.array(labels, dtype=int)) == 1


def test_more_mistakes_never_have_a_lower_temperature_nor_no_mistake_the_highest_loss():
    """Without a mistake the log loss would fall for ever; one image of which nothing is known gives it an end."""
    values, labels = draw(3, n=500, sharpness=1)
    labels = values.argmax(axis=1)
    temperatures, losses = [], []
    for mistakes in range(5):
        wrong = labels.copy()
        worst = np.argsort(values.max(axis=1))[:mistakes]
        wrong[worst] = (wrong[worst] + 1) % 3
        temperatures.append(calibration.choose_temperature(values, wrong))
        losses.append(calibration.log_loss(calibration.scale(values, temperatures[-1]), wrong))
    assert temperatures == sorted(temperatures) and losses == sorted(losses)
    assert 0.01 < temperatures[0] < 0.9


def test_an_image_of_which_nothing_is_known_is_one_of_each_class_a_bit():
    values, labels = draw(4, n=40)
    temperature = calibration.choose_temperature(values, labels)

    def loss(t):
        logs = np.log(calibration.scale(values, t))
        return -logs[np.arange(40), labels].mean() - logs.mean() / 40

    assert all(loss(temperature) <= loss(temperature * factor) + 1e-9 for factor in (0.97, 0.99, 1.01, 1.03))


def test_the_temperature_stays_within_its_limits():
    confident = np.array([[1 - 1e-9, 1e-9]] * 10)
    low, high = calibration.TEMPERATURES
    assert low < calibration.choose_temperature(confident, np.array([1] * 10)) <= high


def test_a_probability_of_0_stays_0_and_says_nothing_of_the_temperature():
    values, labels = draw(1, sharpness=3)
    assert calibration.scale(np.array([[0.8, 0.2, 0.0]]), 12).tolist()[0][2] == 0
    chosen = calibration.choose_temperature(values, labels)
    impossible = np.array([[1.0, 0.0, 0.0]] * 20)
    more = np.concatenate([values, impossible]), np.append(labels, [1] * 20)
    assert calibration.choose_temperature(*more) == pytest.approx(chosen)
    assert calibration.choose_temperature(impossible, np.ones(20, int)) == 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(12, 80), st.sampled_from([0.5, 0.9, 1, 1.1, 2]))
def test_a_temperature_is_applied_where_it_lowers_the_log_loss_of_images_that_it_did_not_see(seed, n, sharpness):
    values, labels = draw(seed, n=n, sharpness=sharpness)
    temperature, without, with_one = calibration.cross_validated(values, labels)
    # Fold by fold: the images of each class in turn, one class after another.
    order = np.argsort(labels, kind="stable")
    losses = np.empty(n)
    for number in range(calibration.FOLDS):
        own = order[number :: calibration.FOLDS]
        others = np.setdiff1d(order, own)
        scaled = calibration.scale(values[own], calibration.choose_temperature(values[others], labels[others]))
        losses[own] = -np.log(scaled[np.arange(len(own)), labels[own]])
        counts = np.bincount(labels[own], minlength=3), np.bincount(labels, minlength=3)
        assert np.all(np.abs(counts[0] - counts[1] / calibration.FOLDS) < 1)
    assert without == pytest.approx(log_loss(labels, values)) and with_one == pytest.approx(losses.mean())
    assert temperature == (calibration.choose_temperature(values, labels) if with_one < without else 1)


@pytest.mark.parametrize(("depth", "leaf"), [(None, 1), (4, 1), (6, 5), (10, 20)])
def test_a_temperature_does_no_harm_to_trees(depth, leaf):
    """Pure leaves give probabilities of 0 to true classes: that is no reason for temperatures of 12."""
    rng = np.random.default_rng(depth or 0)
    features = rng.normal(size=(3000, 5))
    labels = (features[:, :3] + rng.normal(0, 0.6, (3000, 3))).argmax(axis=1)
    tree = DecisionTreeClassifier(max_depth=depth, min_samples_leaf=leaf, random_state=0)
    tree.fit(features[:1000], labels[:1000])
    (val, truth), (test, other) = (
        (tree.predict_proba(features[p]), labels[p]) for p in (slice(1000, 2000), slice(2000, 3000))
    )
    chosen = calibration.choose(val, truth, "multi-class", None, None, 0.9, 0.1)
    scaled = calibration.scale(test, chosen.temperature)

    def ece(values):
        return np.abs(calibration_gaps(other, values.argmax(axis=1), values, 15).sum(axis=0)).sum() / len(other)

    assert 0.5 < chosen.temperature < 2.5
    assert ece(scaled) <= ece(test) + 0.005


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
    # The most probable class has nothing before it, each other what all more probable ones have together.
    values = np.array([[0.7, 0.2, 0.1], [0.5, 0.5, 0.0], [0.34, 0.33, 0.33], [0.1, 0.15, 0.75]])
    expected = [[True, False, False], [True, True, False], [True] * 3, [False, False, True]]
    assert calibration.prediction_sets(values, 0.5).tolist() == expected
    by_class = calibration.prediction_sets(values, [0.95, None, 0.8])
    assert by_class.tolist() == [[True, True, False], [True, True, False], [True] * 3, [True] * 3]
    assert calibration.prediction_sets(values, None).all()
    assert calibration.prediction_sets(values, 0.0).tolist() == [
        [True, False, False],
        [True, True, False],
        [True, False, False],
        [False, False, True],
    ]


def set_by_brute_force(values, threshold):
    """Classes in order of probability, equals together, until what was taken exceeds the threshold."""
    held, taken, order = set(), 0.0, sorted(range(len(values)), key=lambda label: -values[label])
    while order and taken <= threshold:
        equals = [label for label in order if values[label] == values[order[0]]]
        held |= set(equals)
        taken += sum(values[label] for label in equals)
        order = [label for label in order if label not in equals]
    return [label in held for label in range(len(values))]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 14), st.sampled_from([6, 32, 1024]), st.floats(0, 1))
def test_prediction_sets_are_those_of_brute_force_and_hold_the_predicted_class(seed, k, levels, threshold):
    """Probabilities in whole parts of a power of two, or of six, so that many are equal and sums are exact."""
    rng = np.random.default_rng(seed)
    values = rng.multinomial(levels, rng.dirichlet(np.full(k, 0.5)), 50) / levels
    threshold = math.floor(threshold * levels) / levels + (0.5 / levels if levels == 6 else 0)
    sets = calibration.prediction_sets(values, threshold)
    assert sets.tolist() == [set_by_brute_force(row.tolist(), threshold) for row in values]
    task = "binary-class" if k == 2 else "multi-class"
    for temperature in (1.0, 0.3, 2.5):
        scaled = calibration.scale(as_stored(values), temperature)
        held = calibration.prediction_sets(scaled, 0.0)
        assert held[np.arange(50), most_probable(as_stored(values), task)].all()


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 8), st.sampled_from([0.5, 1, 3, 8]), st.floats(0.3, 5))
def test_what_is_left_lies_within_its_limits_in_another_program(seed, k, sharpness, temperature):
    values, _ = draw(seed, n=60, k=k, sharpness=sharpness)
    values[:20] = values[:20].round(1) + 0.1  # many equals
    values /= values.sum(axis=1, keepdims=True)
    other = values * np.exp(np.random.default_rng(seed).uniform(-9e-5, 9e-5, values.shape))
    other /= other.sum(axis=1, keepdims=True)
    low, high = calibration.remaining_limits(*calibration.limits(values, temperature))
    for one in (values, other):
        found = calibration.remaining(calibration.scale(one, temperature))
        assert np.all((low - 1e-6 <= found) & (found <= high + 1e-6))


def test_the_default_coverage_is_above_the_accuracy_where_there_are_images_enough():
    for n in (1, 5, 9, 19, 78, 99, 1712, 100_000):
        for accuracy in (0, 0.5, 0.9, 0.949, 0.95, 0.98, 0.99, 0.9995, 1):
            found = calibration.default_coverage(accuracy, n)
            enough = [c for c in calibration.COVERAGES if calibration.conformal_threshold(np.zeros(n), c) is not None]
            above = [c for c in enough if c > accuracy]
            assert found == (min(above) if above else max(enough, default=0.9))


def test_sets_of_a_system_that_is_right_more_often_than_they_are_meant_to_be_are_not_empty():
    """As of Blood: with a threshold on the probability, nine sets of a hundred were empty."""
    values, labels = draw(7, n=4000, k=8, sharpness=1)
    right = np.random.default_rng(0).random(4000) < 0.95
    labels = np.where(right, values.argmax(axis=1), labels)
    chosen = calibration.choose(values[:2000], labels[:2000], "multi-class", None, None, 0.9, 0.1)
    sets = calibration.prediction_sets(calibration.scale(values[2000:], chosen.temperature), chosen.marginal)
    assert (sets.sum(axis=1) >= 1).all() and sets.sum(axis=1).mean() < 1.01
    accuracy = np.mean(values[2000:].argmax(axis=1) == labels[2000:])
    assert sets[np.arange(2000), labels[2000:]].mean() >= accuracy > 0.94


def test_marginal_and_conditional_coverage_over_many_splits():
    """Exchangeable images: coverage is at least as intended on average, and hardly more with continuous scores."""
    coverage, n, tested, repeats = 0.9, 60, 200, 150
    values, labels = draw(5, n=(n + tested) * repeats, k=3, sharpness=2)
    assert np.mean(values.argmax(axis=1) == labels) < 0.85  # well below the coverage: sets of one class do not do
    held, whole = {"marginal": [], "by_class": []}, []
    for part in np.split(np.arange(len(labels)), repeats):
        fit, test = part[:n], part[n:]
        chosen = calibration.choose(values[fit], labels[fit], "multi-class", None, None, coverage, 0.1)
        sets = calibration.prediction_sets(calibration.scale(values[test], chosen.temperature), chosen.marginal)
        whole.append(sets[np.arange(tested), labels[test]].mean())
        # A temperature chosen on the same images is what the page warns of; without it the promise is exact.
        scores = 1 - calibration.remaining(values[fit])[np.arange(n), labels[fit]]
        limits = [calibration.conformal_threshold(scores[labels[fit] == i], coverage) for i in range(3)]
        for name, limit in (
            ("marginal", calibration.conformal_threshold(scores, coverage)),
            ("by_class", limits),
        ):
            sets = calibration.prediction_sets(values[test], limit)
            hit = sets[np.arange(tested), labels[test]]
            held[name].append([hit[labels[test] == i].mean() for i in range(3)] + [hit.mean()])
    by_class, marginal = np.mean(held["by_class"], axis=0), np.mean(held["marginal"], axis=0)
    # The mean of 150 draws of 60 + 200 images: three standard errors of beta distribution and binomial.
    chance = 3 * math.sqrt(coverage * (1 - coverage) * (1 / (n + 2) + 1 / tested) / repeats)
    assert coverage - chance <= marginal[3] <= coverage + 1 / (n + 1) + chance
    assert (by_class >= coverage - 0.01).all()
    # A threshold that lies between two images, and a temperature from the same ones.
    assert coverage - 0.01 <= np.mean(whole) <= coverage + 2 / (n + 1) + 0.005


# -- where thresholds may lie -----------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 5), st.sampled_from([0.5, 1, 3, 8]), st.floats(0.3, 5))
def test_what_another_program_computes_lies_within_the_limits(seed, k, sharpness, temperature):
    values, _ = draw(seed, n=60, k=k, sharpness=sharpness)
    rng = np.random.default_rng(seed)
    if k == 2:  # one output of a network: the other is 1 minus it, in float32
        second = np.float32(values[:, 1]) + rng.integers(-1, 2, 60) * np.float32(5e-8)
        other = np.column_stack([1 - second, second]).astype(float)
        other = np.clip(other, 0, 1)
        values = np.column_stack([1 - np.float32(values[:, 1]), np.float32(values[:, 1])]).astype(float)
    else:
        other = values * np.exp(rng.uniform(-9e-5, 9e-5, values.shape))
        other /= other.sum(axis=1, keepdims=True)
    low, high = calibration.limits(values, temperature)
    for found in (calibration.scale(values, temperature), calibration.scale(other, temperature)):
        assert np.all((low - 1e-7 <= found) & (found <= high + 1e-7))  # scaled probabilities are stored
    assert np.mean(high - low) < 1e-3 or k == 2


@pytest.mark.parametrize("temperature", [1.0, 0.7, 2.3])
def test_equal_probabilities_stay_equal_in_whatever_order_classes_are(temperature):
    ensembles = np.random.default_rng(0).multinomial(20, np.full(8, 1 / 8), 300) / 20
    values = as_stored(ensembles)
    scaled = calibration.scale(values, temperature)
    for _, rows in itertools.groupby(
        sorted(range(300), key=lambda i: sorted(ensembles[i])), lambda i: sorted(ensembles[i])
    ):
        rows = list(rows)
        assert len({tuple(sorted(scaled[row])) for row in rows}) == 1
    assert np.array_equal(scaled, values) == (temperature == 1)


@pytest.mark.parametrize(("n", "k", "sharpness"), [(24_000, 8, 1.5), (30_000, 5, 2.0), (60_000, 3, 2.0)])
def test_thresholds_keep_their_share_where_images_leave_no_gaps(n, k, sharpness):
    values, labels = draw(0, n=n, k=k, sharpness=sharpness)
    found = calibration.choose(as_stored(values), labels, "multi-class", None, None, 0.9, 0.1)
    scaled = calibration.scale(as_stored(values), found.temperature)
    held = calibration.prediction_sets(scaled, found.marginal)[np.arange(n), labels]
    assert held.mean() == pytest.approx(0.9, abs=0.005)
    assert np.mean(scaled.max(axis=1) < found.referral) == pytest.approx(0.1, abs=0.005)
    by_class = calibration.prediction_sets(scaled, found.by_class)[np.arange(n), labels]
    assert all(by_class[labels == label].mean() == pytest.approx(0.9, abs=0.01) for label in range(k))


@pytest.mark.parametrize("recall", [None, 0.9])
def test_a_decision_of_many_images_is_where_it_is_to_be(recall):
    values, labels = draw(1, n=60_000, k=2, sharpness=2.0)
    found = calibration.choose(as_stored(values), labels, "binary-class", 1, recall, 0.9, 0.1)
    scaled = calibration.scale(as_stored(values), found.temperature)[:, 1]
    if recall:
        assert np.mean(scaled[labels == 1] >= found.decision) == pytest.approx(recall, abs=0.005)
    else:
        middles = np.linspace(0.01, 0.99, 99)
        best = max(balanced_accuracy_score(labels, scaled >= middle) for middle in middles)
        assert balanced_accuracy_score(labels, scaled >= found.decision) >= best - 0.002


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 5), st.booleans(), st.sampled_from([None, 0.9]))
@example(534, 5, False, None)
@example(9033, 3, False, None)
@example(4710, 4, False, None)
def test_two_programs_decide_alike_on_the_images_that_thresholds_come_from(seed, k, forest, recall):
    """Network-like probabilities, and those of forests with many ties that rounding broke.

    One image in some hundred thousand is nearly a tie of two classes, which another program may order otherwise.
    """
    rng = np.random.default_rng(seed)
    values, labels = draw(seed, n=150, k=k, sharpness=3)
    if forest:
        counts = np.round(values * 6)
        values = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        values[counts.sum(axis=1) == 0] = np.eye(k)[0]
    task = "binary-class" if k == 2 else "multi-class"
    chosen = calibration.choose(values, labels, task, 0, recall, 0.9, 0.1)
    other = values * np.exp(rng.uniform(-9e-5, 9e-5, values.shape))
    ours, theirs = (calibration.scale(one, chosen.temperature) for one in (values, other))
    for thresholds in (chosen.marginal, chosen.by_class):
        sets = [calibration.prediction_sets(one, thresholds) for one in (ours, theirs)]
        differing = sets[0] != sets[1]
        assert differing.sum() <= 1
        for image, label in np.argwhere(differing):
            # The exception of `settled`: an image within a rounding of a threshold that has no gap nearby.
            marginal = thresholds is chosen.marginal
            columns = slice(None) if marginal else [label]
            place = 1 - (thresholds if marginal else thresholds[label])
            low, high = calibration.remaining_limits(*calibration.limits(values, chosen.temperature))
            assert low[image, label] <= place <= high[image, label]
            gaps = calibration.gap_middles(low[:, columns], high[:, columns])
            left = calibration.remaining(ours)[:, columns]
            passed = (left >= gaps[gaps <= place].max(initial=0)) & (left < place)
            assert passed.sum() > calibration.PASSED * np.sqrt(left.size)
        assert sets[0][np.arange(150), labels].mean() >= 0.9
    referred = [one.max(axis=1) < chosen.referral for one in (ours, theirs)]
    assert np.array_equal(*referred) and referred[0].sum() <= 15
    if k == 2:
        assert np.array_equal(*(one[:, 0] >= chosen.decision for one in (ours, theirs)))


# -- decisions and referrals ------------------------------------------------------------------------------------------


def decide(probabilities, positive, recall):
    """The threshold where any value between two probabilities will do."""
    places = calibration.gap_middles(probabilities, probabilities)
    return calibration.choose_decision(probabilities, positive, recall, places)


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
    threshold = decide(probabilities, positive, None)
    # A threshold at each probability gives every division that any threshold gives, but for none positive.
    best = max(quality(probabilities, positive, other) for other in probabilities)
    assert quality(probabilities, positive, threshold) == best


@pytest.mark.parametrize(
    ("probabilities", "positive", "expected"),
    [
        ([0.2, 0.8], [0, 1], 0.5),
        ([0.1, 0.2, 0.3, 0.9], [0, 0, 1, 1], 0.25),  # half-way
        ([0.6, 0.9, 0.7], [0, 1, 1], 0.65),
        ([0.4, 0.4], [0, 1], 0),  # all positive and all negative are as good: recall decides
        ([0.9, 0.1], [0, 1], 0),
        ([0.3, 0.6, 0.7, 0.8], [1, 0, 1, 0], 0),  # equal with recall 1: below all
    ],
)
def test_decision_thresholds_by_hand(probabilities, positive, expected):
    found = decide(np.array(probabilities), np.array(positive, dtype=bool), None)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("positive", [[True, True], [False, False]])
def test_one_class_alone_gives_no_decision_threshold(positive):
    for recall in (None, 0.9):
        assert decide(np.array([0.2, 0.8]), np.array(positive), recall) is None


@pytest.mark.parametrize(("images", "rank"), [(9, 9), (19, 18), (21, 20)])
def test_a_threshold_that_is_to_find_nine_in_ten_is_the_highest_that_so_many_images_allow(images, rank):
    rng = np.random.default_rng(images)
    probabilities, positive = rng.random(images + 30), np.arange(images + 30) < images
    threshold = decide(probabilities, positive, 0.9)
    assert threshold <= np.sort(probabilities[:images])[::-1][rank - 1]
    assert np.sum(probabilities[:images] >= threshold) == rank


def test_too_few_images_to_find_the_share_of_make_every_image_positive():
    assert decide(np.linspace(0.1, 0.9, 20), np.arange(20) < 8, 0.9) == 0


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 60), st.floats(0.5, 0.999) | st.just(0.9), st.booleans(), st.integers(0, 10**6))
def test_of_exchangeable_images_at_least_the_share_is_found_and_no_higher_threshold_would(n, recall, equal, seed):
    rng = np.random.default_rng(seed)
    # With each of n + 1 images in turn as the new one, the mean is the expectation over draws, without its noise.
    values = rng.integers(0, 3, n + 1) / 4 if equal else rng.permutation(n + 1) / (n + 2)
    positive = np.arange(n + 1) < n
    draws = [np.append(np.delete(values, new), 0.9) for new in range(n + 1)]  # the last is not of the label
    thresholds = [decide(draw, positive, recall) for draw in draws]
    found = np.mean(values >= thresholds)
    assert found >= recall - 1e-9
    if not equal:
        assert found - 2 / (n + 1) < recall  # two ranks less: a threshold lies between two images


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
    left = calibration.remaining(scaled)
    scores = np.sort(1 - left[np.arange(120), labels])
    rank = math.ceil(121 * 0.9)
    assert scores[rank - 1] < chosen.marginal < scores[rank]
    own = np.sort(1 - left[labels == 1, 1])
    rank = math.ceil((len(own) + 1) * 0.9)
    assert own[rank - 1] < chosen.by_class[1] < own[rank]
    assert np.sum(scaled.max(axis=1) < chosen.referral) == 24
    assert chosen.decision == pytest.approx(decide(scaled[:, 0], labels == 0, None), abs=1e-3)
    other = calibration.choose(values, labels, "binary-class", 0, 0.8, 0.9, 0.2)
    assert other.decision == pytest.approx(decide(scaled[:, 0], labels == 0, 0.8), abs=1e-3)
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
