"""Metrics against scikit-learn, statsmodels, MedMNIST's evaluator and hand-computed values."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from medfusion.data.medmnist_info import getACC, getAUC
from medfusion.evaluation import bootstrap, metrics

MULTI, BINARY = "multi-class", "binary-class"


def draw_case(seed, k, n=90, levels=None):
    """Random labels with every class present, and informative probabilities.

    With ``levels`` the scores are small integers, so that many probabilities are equal.
    """
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.r_[np.arange(k), rng.integers(k, size=n - k)])
    scores = rng.integers(1, levels + 1, (n, k)) if levels else rng.gamma(1, size=(n, k))
    scores = scores + 0.7 * np.eye(k)[labels] * (rng.random((n, 1)) < 0.6)
    return labels.astype(np.uint8), scores / scores.sum(axis=1, keepdims=True)


def by_name(labels, probabilities, task, **options):
    options = {"replicates": 20} | options
    return {m.metric: m for m in metrics.measure(labels, probabilities, task, **options)}


cases = st.tuples(st.integers(0, 10**6), st.integers(2, 5), st.sampled_from([None, 2, 4]))


@settings(max_examples=25, deadline=None)
@given(cases)
def test_values_agree_with_the_evaluator_and_scikit_learn(case):
    seed, k, levels = case
    labels, probabilities = draw_case(seed, k, levels=levels)
    task = BINARY if k == 2 else MULTI
    found = by_name(labels, probabilities, task, positive=1)
    predicted = metrics.predict(probabilities, task)

    assert found["accuracy"].value == getACC(labels, probabilities, task)
    assert found["accuracy"].value == reference.accuracy_score(labels, predicted)
    assert found["auroc"].value == getAUC(labels, probabilities, task)
    precision, recall, f1, support = reference.precision_recall_fscore_support(
        labels, predicted, labels=range(k), zero_division=0
    )
    expected = {
        "balanced_accuracy": reference.balanced_accuracy_score(labels, predicted),
        "macro_f1": f1.mean(),
        "mcc": reference.matthews_corrcoef(labels, predicted),
        "average_precision[1]": reference.average_precision_score(labels == 1, probabilities[:, 1]),
    }
    for i in range(k):
        expected |= {f"precision[{i}]": precision[i], f"recall[{i}]": recall[i], f"f1[{i}]": f1[i]}
        assert found[f"recall[{i}]"].n == found[f"f1[{i}]"].n == support[i]
        assert found[f"precision[{i}]"].n == np.sum(predicted == i)
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, abs=1e-12), name
    assert set(found) == set(expected) | {"accuracy", "auroc", "brier", "log_loss", "ece"}


@settings(max_examples=25, deadline=None)
@given(cases)
def test_weighted_rank_statistics_agree_with_scikit_learn_on_repeated_images(case):
    seed, k, levels = case
    labels, probabilities = draw_case(seed, k, levels=levels)
    weights = next(bootstrap.replicate_weights(labels, 3, seed))
    precisions = bootstrap.average_precision(labels == 1, probabilities[:, 1])(weights)
    for column, precision in zip(weights.T.astype(int), precisions, strict=True):
        y, p = np.repeat(labels, column), np.repeat(probabilities, column, axis=0)
        expected = reference.average_precision_score(y == 1, p[:, 1])
        assert precision == pytest.approx(expected, abs=1e-12)


def test_brier_score_of_binary_and_several_classes():
    labels, probabilities = draw_case(1, 2)
    expected = reference.brier_score_loss(labels, probabilities[:, 1])
    assert by_name(labels, probabilities, BINARY)["brier"].value == pytest.approx(expected)

    # (0.3^2 + 0.2^2 + 0.1^2 + 0 + 0.5^2 + 0.5^2 + 1 + 1 + 0) / 3
    probabilities = np.array([[0.7, 0.2, 0.1], [0.0, 0.5, 0.5], [0.0, 1.0, 0.0]])
    assert by_name(np.arange(3), probabilities, MULTI)["brier"].value == pytest.approx(2.64 / 3)


def test_calibration_error_by_hand():
    first = np.array([0.9, 0.8, 0.7, 0.4, 0.45])
    labels = np.array([0, 1, 0, 1, 0], dtype=np.uint8)
    probabilities = np.column_stack([first, 1 - first])
    # Confidences 0.55 (wrong), 0.6 (right), 0.7 (right) | 0.8 (wrong), 0.9 (right).
    expected = (abs(2 - (0.55 + 0.6 + 0.7)) + abs(1 - (0.8 + 0.9))) / 5
    for order in ([0, 1, 2, 3, 4], [3, 0, 4, 2, 1]):
        found = by_name(labels[order], probabilities[order], BINARY, ece_bins=2)
        assert found["ece"].value == pytest.approx(expected)


def test_equal_confidences_share_a_calibration_bin():
    probabilities = np.tile([0.75, 0.25], (8, 1))
    labels = np.array([0] * 6 + [1] * 2)
    assert by_name(labels, probabilities, BINARY)["ece"].value == pytest.approx(0)


def test_accuracy_has_the_wilson_interval():
    # 81 of 263: Newcombe 1998, table I, method 3.
    labels = np.r_[np.zeros(82, int), np.ones(181, int)]
    predicted = np.r_[np.zeros(81, int), 1, np.zeros(181, int)]
    found = by_name(labels, np.eye(2)[predicted], BINARY)["accuracy"]
    assert found.n == 263
    assert (found.low, found.high) == pytest.approx(wilson(81, 263), abs=1e-12)
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)


def wilson(x, n, z=1.959963984540054):
    centre, half = x + z**2 / 2, z * math.sqrt(x * (n - x) / n + z**2 / 4)
    return (centre - half) / (n + z**2), (centre + half) / (n + z**2)


@pytest.mark.parametrize("temperature", [1.0, 0.5, 3.0])
@pytest.mark.parametrize("k", [2, 4])
def test_log_loss_is_scikit_learns_after_the_temperature(k, temperature):
    rng = np.random.default_rng(k)
    labels, probabilities = np.arange(200) % k, rng.dirichlet(np.ones(k), 200)
    found = by_name(labels, probabilities, "binary-class" if k == 2 else MULTI, temperature=temperature)
    scaled = probabilities ** (1 / temperature)
    scaled /= scaled.sum(axis=1, keepdims=True)
    loss = found.pop("log_loss")
    assert loss.value == pytest.approx(reference.log_loss(labels, scaled), rel=1e-6)
    assert loss.low < loss.value < loss.high and loss.n == 200
    without = by_name(labels, probabilities, "binary-class" if k == 2 else MULTI)
    assert found == {name: measure for name, measure in without.items() if name != "log_loss"}


def test_perfect_predictions():
    labels = np.arange(30) % 3
    found = by_name(labels, np.eye(3)[labels], MULTI)
    for name in ("accuracy", "auroc", "balanced_accuracy", "macro_f1", "mcc", "recall[2]"):
        assert found[name].value == found[name].high == 1
    assert found["accuracy"].low == pytest.approx(wilson(30, 30)[0])
    assert found["recall[2]"].low == found["precision[2]"].low == pytest.approx(wilson(10, 10)[0])
    assert found["brier"].value == found["ece"].value == 0


def test_constant_majority_prediction():
    row = metrics.majority_probabilities(np.array([2, 2, 0, 1], dtype=np.uint8), 3, 12)
    assert row.shape == (12, 3)
    assert np.array_equal(row[5], [0, 0, 1])
    found = by_name(np.arange(12) % 3, row, MULTI)
    assert found["auroc"][1:4] == (0.5, 0.5, 0.5)
    assert found["mcc"].value == found["precision[0]"].value == found["f1[1]"].value == 0
    assert found["precision[0]"].n == 0
    assert (found["precision[0]"].low, found["precision[0]"].high) == (0, 1)
    assert (found["precision[2]"].low, found["precision[2]"].high) == pytest.approx(wilson(4, 12))
    assert found["recall[2]"].value == 1
    assert found["ece"].value == pytest.approx(2 / 3)


def test_binary_rule_predicts_class_1_only_above_one_half():
    probabilities = np.array([[0.5, 0.5], [0.4, 0.6], [0.6, 0.4]])
    assert metrics.predict(probabilities, BINARY).tolist() == [0, 1, 0]
    found = by_name(np.array([1, 1, 0]), probabilities, BINARY)
    assert found["accuracy"].value == pytest.approx(2 / 3)
    assert found["recall[1]"].value == pytest.approx(1 / 2)


def test_bootstrap_interval_agrees_with_a_straightforward_one():
    labels, probabilities = draw_case(4, 2, n=150, levels=6)
    found = by_name(labels, probabilities, BINARY, replicates=4000)
    rng = np.random.default_rng(99)
    slow = {"auroc": [], "balanced_accuracy": [], "brier": []}
    for _ in range(400):
        counts = np.zeros(len(labels), int)
        for i in range(2):
            np.add.at(counts, rng.choice(np.flatnonzero(labels == i), np.sum(labels == i)), 1)
        y, p = np.repeat(labels, counts), np.repeat(probabilities[:, 1], counts)
        slow["auroc"].append(reference.roc_auc_score(y, p))
        slow["balanced_accuracy"].append((np.mean(p[y == 1] > 0.5) + np.mean(p[y == 0] <= 0.5)) / 2)
        slow["brier"].append(np.mean((p - y) ** 2))
    for name, draws in slow.items():
        # A 2.5 % quantile of 400 draws has a standard error of about 0.13 standard deviations. DeLong's limits of an
        # area lie lower, both of them: they are symmetric on the logit scale.
        tolerance = (0.8 if name == "auroc" else 0.45) * np.std(draws)
        limits = np.quantile(draws, [0.025, 0.975])
        assert (found[name].low, found[name].high) == pytest.approx(tuple(limits), abs=tolerance), name


def test_replicates_keep_the_class_sizes():
    labels = np.array([0] * 5 + [1] * 12 + [2])
    weights = np.concatenate(list(bootstrap.replicate_weights(labels, 70, 0)), axis=1)
    assert weights.shape == (18, 70)
    for i, size in enumerate((5, 12, 1)):
        assert (weights[labels == i].sum(axis=0) == size).all()


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_result_depends_on_the_seed_and_not_on_the_chunks(monkeypatch, size):
    labels, probabilities = draw_case(2, 4)
    expected = by_name(labels, probabilities, MULTI, replicates=100, positive=2)
    assert expected == by_name(labels, probabilities, MULTI, replicates=100, positive=2)
    other = by_name(labels, probabilities, MULTI, replicates=100, positive=2, seed=1)
    assert expected["auroc"] == other["auroc"] and expected["brier"].value == other["brier"].value
    assert expected["brier"].low != other["brier"].low
    monkeypatch.setattr(bootstrap, "CHUNK_SIZE", size)
    found = by_name(labels, probabilities, MULTI, replicates=100, positive=2)
    for name in expected:
        assert found[name][1:] == pytest.approx(expected[name][1:], abs=1e-12), name


def test_confidence_widens_the_intervals():
    labels, probabilities = draw_case(3, 3)
    narrow = by_name(labels, probabilities, MULTI, replicates=200, confidence=0.5)
    wide = by_name(labels, probabilities, MULTI, replicates=200, confidence=0.99)
    for name in ("accuracy", "auroc", "macro_f1"):
        assert wide[name].low < narrow[name].low <= narrow[name].high < wide[name].high


def test_confusion_has_true_classes_in_rows():
    labels, predicted = np.array([0, 0, 2, 1], dtype=np.uint8), np.array([0, 1, 2, 1])
    found = metrics.confusion(labels, predicted, 4)
    assert np.array_equal(found, reference.confusion_matrix(labels, predicted, labels=range(4)))


def test_summarise_seeds():
    assert metrics.summarise_seeds([1.0, 2.0, 3.0]) == (2.0, 1.0)
    mean, deviation = metrics.summarise_seeds([0.5])
    assert mean == 0.5
    assert math.isnan(deviation)
    with pytest.raises(ValueError, match="at least one"):
        metrics.summarise_seeds([])


GOOD = np.full((6, 3), 1 / 3)


@pytest.mark.parametrize(
    ("labels", "probabilities", "task", "options", "message"),
    [
        ([0, 1, 2, 0, 1, 2], np.where(GOOD > 0, np.nan, 0), MULTI, {}, "finite"),
        ([0, 1, 2, 0, 1, 2], GOOD * 1.001, MULTI, {}, "summing to 1"),
        ([0, 1, 2, 0, 1, 2], GOOD + np.array([1, -1, 0]), MULTI, {}, "non-negative"),
        ([0, 1, 2, 0, 1, 3], GOOD, MULTI, {}, r"labels in 0\.\.2"),
        ([0, 1, 2, 0, 1, -1], GOOD, MULTI, {}, r"labels in 0\.\.2"),
        ([0, 1, 0, 0, 1, 1], GOOD, MULTI, {}, r"every class 0\.\.2 .* absent: \[2\]"),
        ([0, 1, 2], GOOD, MULTI, {}, "one label per row"),
        ([[0], [1], [2], [0], [1], [2]], GOOD, MULTI, {}, r"shape \(n,\)"),
        ([0.0, 1, 2, 0, 1, 2], GOOD, MULTI, {}, "integer labels"),
        ([0, 1, 2, 0, 1, 2], GOOD, "multi-label, binary-class", {}, "task among"),
        ([0, 1, 2, 0, 1, 2], GOOD, BINARY, {}, "two columns"),
        ([0, 0, 0, 0, 0, 0], GOOD[:, :1] * 3, MULTI, {}, "k >= 2"),
        ([0, 1, 2, 0, 1, 2], GOOD, MULTI, {"positive": 3}, "positive class"),
        ([0, 1, 2, 0, 1, 2], GOOD, MULTI, {"replicates": 0}, "replicates >= 1"),
    ],
)
def test_unusable_inputs_are_refused(labels, probabilities, task, options, message):
    with pytest.raises(ValueError, match=message):
        metrics.measure(np.array(labels), probabilities, task, **options)


def test_sums_within_the_tolerance_are_accepted():
    assert by_name(np.arange(6) % 3, (GOOD * 1.00005).astype(np.float32), MULTI)["auroc"].value == 0.5


def test_confusion_refuses_unequal_lengths():
    with pytest.raises(ValueError, match="one prediction per label"):
        metrics.confusion(np.array([0, 1]), np.array([0]), 2)


def test_an_ordinal_task_is_measured_as_medmnist_does_and_by_its_mean_absolute_error():
    labels, probabilities = draw_case(3, 5)
    found = by_name(labels, probabilities, "ordinal-regression")
    plain = by_name(labels, probabilities, MULTI)
    assert found["accuracy"].value == getACC(labels, probabilities, "ordinal-regression")
    assert found["auroc"].value == getAUC(labels, probabilities, "ordinal-regression")
    assert {name: row for name, row in found.items() if name != "mae"} == plain
    error = reference.mean_absolute_error(labels, probabilities.argmax(axis=1))
    assert found["mae"].value == pytest.approx(error)
    assert found["mae"].low <= error <= found["mae"].high
