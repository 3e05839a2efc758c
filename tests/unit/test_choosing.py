"""Tests of the choice of the best candidate: measures against scikit-learn's, standard errors, ties."""

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from medfusion.learning.choosing import CRITERIA, contributions, equally_good, measure

N = 400


def system(seed, noise, labels, k=3):
    """Probabilities that follow the labels, the less the more noise there is."""
    rng = np.random.default_rng(seed)
    logits = 2 * np.eye(k)[labels] + noise * rng.normal(size=(len(labels), k))
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def labels():
    return np.arange(N) % 3


def test_measures_are_those_of_scikit_learn(labels):
    values = system(0, 1.5, labels)
    found = measure(values, labels)
    assert found["log_loss"] == pytest.approx(log_loss(labels, values))
    assert found["auroc"] == pytest.approx(roc_auc_score(labels, values, multi_class="ovr"))
    assert found["accuracy"] == np.mean(values.argmax(axis=1) == labels)


def test_measures_of_several_labels_are_means_over_labels():
    rng = np.random.default_rng(1)
    labels = (rng.random((N, 3)) < 0.3).astype(np.uint8)
    values = np.clip(0.3 * labels + 0.7 * rng.random((N, 3)), 0.01, 0.99)
    found = measure(values, labels)
    assert found["log_loss"] == pytest.approx(np.mean([log_loss(labels[:, i], values[:, i]) for i in range(3)]))
    assert found["auroc"] == pytest.approx(np.mean([roc_auc_score(labels[:, i], values[:, i]) for i in range(3)]))
    assert found["accuracy"] == pytest.approx(np.mean((values > 0.5) == labels))


@pytest.mark.parametrize("criterion", CRITERIA)
def test_the_standard_error_of_a_difference_is_that_of_a_bootstrap(labels, criterion):
    one, other = system(0, 1.5, labels), system(1, 1.6, labels)
    error = np.linalg.norm(contributions(one, labels, criterion) - contributions(other, labels, criterion))
    rng, differences = np.random.default_rng(2), []
    for _ in range(400):
        own = [np.flatnonzero(labels == label) for label in (0, 1, 2)]
        rows = np.concatenate([rng.choice(part, len(part)) for part in own])
        drawn = [measure(values[rows], labels[rows], [criterion])[criterion] for values in (one, other)]
        differences.append(drawn[0] - drawn[1])
    assert error == pytest.approx(np.std(differences), rel=0.2)


def test_a_class_without_images_leaves_the_area_unknown_and_comes_last():
    labels, even = np.array([0, 1, 0, 1]), np.full((4, 3), 1 / 3)
    found = measure(even, labels)
    assert np.isnan(found["auroc"]) and found["log_loss"] == pytest.approx(np.log(3))
    assert chosen([found, {**found, "auroc": 0.5}], "auroc") == 1
    assert chosen([found, found], "auroc") == 0
    assert not contributions(even, labels, "auroc").any()


def candidate(accuracy, loss, auroc=0.9):
    return {"accuracy": accuracy, "log_loss": loss, "auroc": auroc}


def chosen(candidates, criterion, error=0.0):
    """The best, where the difference to each has this standard error."""
    apart = [error * np.eye(len(candidates))[row] / np.sqrt(2) for row in range(len(candidates))]
    return equally_good(candidates, criterion, lambda row: apart[row])[0]


def test_accuracy_decides_within_one_standard_error_and_no_further():
    ranked = [candidate(0.90, 0.300), candidate(0.95, 0.305), candidate(0.99, 0.310)]
    assert [chosen(ranked, "log_loss", error) for error in (0, 0.004, 0.006, 0.011)] == [0, 0, 1, 2]
    assert chosen(ranked, "accuracy") == 2
    assert equally_good(ranked, "log_loss", lambda row: 0.006 * np.eye(3)[row]) == [1, 0]


def test_of_equal_accuracy_the_better_criterion_is_taken():
    assert chosen([candidate(0.9, 0.31), candidate(0.9, 0.30), candidate(0.8, 0.305)], "log_loss", 1) == 1
    assert chosen([candidate(0.9, 0.3, 0.80), candidate(0.9, 0.4, 0.85)], "auroc", 1) == 1


def test_equal_accuracies_are_told_apart_by_log_loss_then_by_place():
    assert chosen([candidate(0.9, 0.31), candidate(0.9, 0.30)], "accuracy") == 1
    assert chosen([candidate(0.9, 0.30), candidate(0.9, 0.30)], "accuracy") == 0


def test_differences_beyond_the_errors_of_sums_are_none():
    assert chosen([candidate(0.9, 0.3), candidate(0.9, 0.3 - 1e-13)], "log_loss") == 0
