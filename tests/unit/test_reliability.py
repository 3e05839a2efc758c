"""Tests of what is measured of probabilities: by hand, against scikit-learn, statsmodels and the evaluation's own."""

import numpy as np
import pytest
from sklearn import metrics as reference
from statsmodels.stats.proportion import proportion_confint

from medfusion.evaluation import metrics, reliability
from medfusion.files.calibrations import Calibration
from medfusion.learning.calibration import choose, scale

OPTIONS = {"ece_bins": 4, "replicates": 50, "confidence": 0.95, "seed": 0}


def draw(seed=0, n=120, k=2):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % k)
    values = rng.dirichlet(np.ones(k), n) + 0.6 * np.eye(k)[labels] * (rng.random((n, 1)) < 0.7)
    return labels, values / values.sum(axis=1, keepdims=True)


def measured(labels, values, calibration, task="binary-class", positive=0, **options):
    found = reliability.measure(labels, values, calibration, task, positive=positive, **{**OPTIONS, **options})
    names = [row.metric for row in found]
    assert len(names) == len(set(names))
    return {row.metric: row for row in found}


@pytest.fixture
def case():
    """Labels, probabilities, what another split chose, and what is measured of it."""
    labels, values = draw()
    others, confident = draw(1)
    chosen = choose(scale(confident, 0.4), others, "binary-class", 0, None, 0.8, 0.25)
    return labels, values, chosen, measured(labels, values, chosen)


def test_before_the_temperature_measures_are_those_of_the_evaluation(case):
    labels, values, _, found = case
    expected = metrics.measure(labels, values, "binary-class", **OPTIONS)
    for row in expected:
        if row.metric in ("ece", "brier"):
            assert found[f"{row.metric}_before"][1:] == pytest.approx(row[1:], abs=1e-12)
        if row.metric in ("accuracy", "balanced_accuracy"):
            assert found[f"{row.metric}_default"][1:] == pytest.approx(row[1:], abs=1e-12)


def test_after_the_temperature_measures_are_those_of_scaled_probabilities(case):
    labels, values, chosen, found = case
    scaled = scale(values, chosen.temperature)
    expected = {row.metric: row.value for row in metrics.measure(labels, scaled, "binary-class", **OPTIONS)}
    assert found["temperature"].value == chosen.temperature != 1
    assert found["ece_after"].value == pytest.approx(expected["ece"])
    assert found["auroc_after"].value == pytest.approx(expected["auroc"])
    assert found["auroc_after"].low < found["auroc_after"].value < found["auroc_after"].high
    losses = [found[f"cv_log_loss_{which}"].value for which in ("without", "with")]
    assert losses == [chosen.log_loss_without, chosen.log_loss_with] and losses[1] < losses[0]
    assert found["brier_after"].value == pytest.approx(reference.brier_score_loss(labels, scaled[:, 1]))
    assert found["log_loss_before"].value == pytest.approx(reference.log_loss(labels, values))
    assert found["log_loss_after"].value == pytest.approx(reference.log_loss(labels, scaled))
    for name in ("ece_after", "brier_after", "log_loss_after"):
        assert found[name].low < found[name].high


def test_decisions_are_scikit_learns(case):
    labels, values, chosen, found = case
    called = scale(values, chosen.temperature)[:, 0] >= chosen.decision
    for rule, predicted in (("default", metrics.predict(values, "binary-class")), ("chosen", np.where(called, 0, 1))):
        expected = {
            "accuracy": reference.accuracy_score(labels, predicted),
            "balanced_accuracy": reference.balanced_accuracy_score(labels, predicted),
            "sensitivity": reference.recall_score(labels, predicted, pos_label=0),
            "specificity": reference.recall_score(labels, predicted, pos_label=1),
            "ppv": reference.precision_score(labels, predicted, pos_label=0),
            "npv": reference.precision_score(labels, predicted, pos_label=1),
        }
        for name, value in expected.items():
            row = found[f"{name}_{rule}"]
            assert row.value == pytest.approx(value) and row.low < value < row.high
        hits = int(np.sum(labels[labels == 0] == predicted[labels == 0]))
        limits = proportion_confint(hits, 60, alpha=0.05, method="wilson")
        assert found[f"sensitivity_{rule}"][2:] == (pytest.approx(limits[0]), pytest.approx(limits[1]), 60)


def test_of_the_images_that_are_not_referred_sensitivity_and_specificity_are_counted_too(case):
    labels, values, chosen, found = case
    scaled = scale(values, chosen.temperature)
    above, kept = scaled[:, 0] >= chosen.decision, scaled.max(axis=1) >= chosen.referral
    assert 0 < kept.sum() < len(kept)
    called = np.where(above, 0, 1)[kept]
    for name, label in (("sensitivity", 0), ("specificity", 1)):
        row = found[f"selective_{name}"]
        assert row.value == pytest.approx(reference.recall_score(labels[kept], called, pos_label=label))
        assert row.n == np.sum(labels[kept] == label) < np.sum(labels == label)


def test_prediction_sets_are_counted_by_hand():
    values = np.array([[0.7, 0.2, 0.1], [0.5, 0.5, 0.0], [0.34, 0.33, 0.33], [0.1, 0.1, 0.8]])
    labels = np.array([0, 1, 0, 2])
    chosen = Calibration(1.0, 0.51, (0.4, None, 0.95), None, 0.5)
    found = measured(labels, values, chosen, "multi-class", None)
    # One threshold: {0}, {0, 1}, all, {2}. One a class: {0, 1, 2}, {0, 1}, {0, 1, 2}, {1, 2}.
    expected = {
        "marginal_coverage": 4 / 4,
        "marginal_single": 2 / 4,
        "marginal_size": 7 / 4,
        "marginal_coverage[0]": 1,
        "marginal_size[0]": 4 / 2,
        "marginal_coverage[1]": 1,
        "by_class_coverage": 4 / 4,
        "by_class_single": 0,
        "by_class_size": 10 / 4,
        "by_class_size[0]": 6 / 2,
        "by_class_size[2]": 2,
        "by_class_coverage[2]": 1,
    }
    assert not any("empty" in name for name in found)
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value), name
    assert (found["marginal_coverage"].n, found["marginal_coverage[0]"].n) == (4, 2)
    low, high = proportion_confint(4, 4, alpha=0.05, method="wilson")
    assert found["marginal_coverage"][2:4] == (pytest.approx(low), pytest.approx(high))
    assert "decision" not in found


def test_accuracy_of_the_rest_by_hand():
    confidence = np.array([0.9, 0.6, 0.8, 0.7])
    right = np.array([True, False, True, False])
    assert reliability.selective_accuracy(confidence, right).tolist() == pytest.approx([1, 1, 2 / 3, 1 / 2])


def test_equal_confidences_count_as_expected_over_their_order():
    rng = np.random.default_rng(0)
    confidence, right = rng.integers(0, 4, 30) / 4, rng.random(30) < 0.6
    draws = []
    for _ in range(4000):
        order = rng.permutation(30)
        order = order[np.argsort(-confidence[order], kind="stable")]
        draws.append(np.cumsum(right[order]) / np.arange(1, 31))
    assert reliability.selective_accuracy(confidence, right) == pytest.approx(np.mean(draws, axis=0), abs=0.02)


def test_referral_by_hand():
    labels, values = draw(n=40)
    chosen = Calibration(1.0, 0.5, (0.5, 0.5), None, 0.7)
    found = measured(labels, values, chosen, positive=None)
    certainty, right = values.max(axis=1), metrics.predict(values, "binary-class") == labels
    kept = certainty >= 0.7
    assert (found["abstention_rate"].value, found["abstention_rate"].n) == (pytest.approx(1 - kept.mean()), 40)
    assert (found["selective_accuracy"].value, found["selective_accuracy"].n) == (
        pytest.approx(right[kept].mean()),
        kept.sum(),
    )
    for share in reliability.REFERRED:
        rest = np.argsort(-certainty)[: 40 - 40 * share // 100]
        assert found[f"selective_accuracy[{share}]"].value == pytest.approx(right[rest].mean())
    risks = [1 - right[np.argsort(-certainty)[:count]].mean() for count in range(1, 41)]
    assert found["aurc_after"].value == pytest.approx(np.mean(risks)) == found["aurc_before"].value


def test_when_every_image_is_referred_there_is_no_accuracy_of_the_rest():
    labels, values = draw(n=20)
    found = measured(labels, values, Calibration(1.0, None, (None, None), None, 1.1))
    assert (
        found["abstention_rate"].value == 1
        and np.isnan(found["selective_accuracy"].value)
        and found["selective_accuracy"].n == 0
    )
    assert found["marginal_coverage"].value == 1 and found["marginal_size"].value == 2


def test_constant_probabilities_are_measured():
    labels = np.arange(30) % 3
    values = np.full((30, 3), 1 / 3)
    found = measured(labels, values, choose(values, labels, "multi-class", None, None, 0.9, 0.1), "multi-class", None)
    assert found["ece_before"].value == pytest.approx(0) and found["abstention_rate"].value == 0
    assert all(found[f"selective_accuracy[{share}]"].value == pytest.approx(1 / 3) for share in reliability.REFERRED)
    assert found["marginal_size"].value == 3


def test_the_diagram_has_the_bins_of_the_calibration_error(case):
    labels, values, _, found = case
    shown = reliability.diagram(labels, values, "binary-class", 4, 0.95)
    gaps = [row["n"] * abs(row["accuracy"] - row["confidence"]) for row in shown["bins"]]
    assert sum(gaps) / 120 == pytest.approx(found["ece_before"].value)
    assert [row["n"] for row in shown["bins"]] == [30] * 4
    confidence = [row["confidence"] for row in shown["bins"]]
    assert confidence == sorted(confidence)
    assert sum(shown["histogram"]) == 120 and sum(shown["histogram"][:10]) == 0  # none below 0.5 of two classes
    assert all(row["low"] <= row["accuracy"] <= row["high"] for row in shown["bins"])


def test_the_curve_runs_from_all_images_to_one():
    labels, values = draw(n=1000)
    right = metrics.predict(values, "binary-class") == labels
    curve = reliability.risk_coverage(values.max(axis=1), right)
    assert curve["abstention_rate"][0] == 0 and curve["accuracy"][0] == pytest.approx(right.mean())
    assert curve["abstention_rate"][-1] == pytest.approx(0.999)
    assert len(curve["abstention_rate"]) == len(curve["accuracy"]) <= reliability.CURVE_POINTS
    few = reliability.risk_coverage(values[:3].max(axis=1), right[:3])
    assert few["abstention_rate"] == pytest.approx([0, 1 / 3, 2 / 3])


def test_probabilities_of_other_images_are_refused():
    labels, values = draw()
    with pytest.raises(ValueError, match="one label per row"):
        measured(labels[:-1], values, Calibration(1.0, None, (None, None), None, 0.5))
