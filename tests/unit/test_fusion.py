"""Tests of fusion: the lattice of weights, weighted means, and the choice against brute force."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, log_loss

from medfusion.learning import fusion
from medfusion.learning.calibration import scale, temperature_of
from medfusion.tasks import as_stored


def random_probabilities(rng, members, n=30, k=3):
    return [rng.dirichlet(np.ones(k), n) for _ in range(members)]


def choose(probabilities, labels, step, criterion):
    """The weights to take, and the curve."""
    best, curve = fusion.choose_weights(probabilities, labels, step, criterion)
    return curve[best[0]]["weights"], curve


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(1, 10))
def test_the_lattice_is_complete_and_each_point_sums_to_one(members, parts):
    points = fusion.weight_lattice(members, 1 / parts)
    assert points.shape == (math.comb(parts + members - 1, members - 1), members)
    assert len(np.unique(points, axis=0)) == len(points)
    assert points.sum(axis=1) == pytest.approx(1)
    assert points.min() >= 0
    assert points * parts == pytest.approx(np.rint(points * parts))


@pytest.mark.parametrize("step", [0.05, 0.1, 0.01])
def test_a_step_that_binary_fractions_cannot_hold_gives_every_point(step):
    assert len(fusion.weight_lattice(2, step)) == round(1 / step) + 1


def test_a_fusion_is_the_weighted_mean():
    rng = np.random.default_rng(0)
    first, second = random_probabilities(rng, 2)
    fused = fusion.fuse([first, second], np.array([0.3, 0.7]))
    assert fused == pytest.approx(0.3 * first + 0.7 * second)
    assert fused.sum(axis=1) == pytest.approx(1)
    assert np.array_equal(fusion.fuse([first, second], np.array([0, 1])), as_stored(second))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 3), st.sampled_from(["accuracy", "log_loss"]))
def test_the_choice_is_that_of_brute_force(seed, members, criterion):
    rng = np.random.default_rng(seed)
    probabilities, labels = random_probabilities(rng, members), rng.integers(0, 3, 30).astype(np.uint8)
    weights, curve = choose(probabilities, labels, 0.25, criterion)
    points = fusion.weight_lattice(members, 0.25)
    assert [row["weights"] for row in curve] == points.tolist()
    losses, accuracies = [], []
    for point, row in zip(points, curve, strict=True):
        fused = sum(w * p for w, p in zip(point, probabilities, strict=True))
        assert row["accuracy"] == accuracy_score(labels, fused.argmax(axis=1))
        assert row["log_loss"] == pytest.approx(log_loss(labels, fused, labels=[0, 1, 2]))
        losses.append(-np.log(fused[np.arange(30), labels]))
        accuracies.append(row["accuracy"])
    means = np.mean(losses, axis=1)
    first = losses[int(np.argmin(means))]
    as_good = [own.mean() - first.mean() <= np.std(own - first) / np.sqrt(30) + 1e-9 for own in losses]
    allowed = [row for row in range(len(points)) if criterion == "accuracy" or as_good[row]]
    best = min(allowed, key=lambda row: (-accuracies[row], means[row]))
    assert weights == points[best].tolist()


def test_members_are_averaged_on_equal_terms():
    """A member that is right and too unsure has the weight of one that is as sure as it should be."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 3000)
    logits = 2 * np.eye(3)[labels] + rng.normal(size=(3000, 3))
    sure, unsure = (np.exp(scale * logits) / np.exp(scale * logits).sum(axis=1, keepdims=True) for scale in (2, 0.4))
    temperatures = [temperature_of(values, labels) for values in (sure, unsure)]
    assert temperatures == pytest.approx([1, 0.2], rel=0.1)
    scaled = [scale(*pair) for pair in zip([sure, unsure], temperatures, strict=True)]
    assert scaled[0] == pytest.approx(scaled[1], abs=0.01)
    assert temperature_of(sure, np.zeros((3000, 3))) == 1


@pytest.mark.parametrize("criterion", ["accuracy", "log_loss"])
def test_of_several_labels_accuracy_and_log_loss_are_means_over_them(criterion):
    rng = np.random.default_rng(0)
    labels = (rng.random((40, 3)) < 0.3).astype(np.uint8)
    probabilities = [np.clip(0.4 * labels + 0.6 * rng.random(labels.shape), 0, 1), rng.random(labels.shape)]
    weights, curve = choose(probabilities, labels, 0.5, criterion)
    for row in curve:
        fused = row["weights"][0] * probabilities[0] + row["weights"][1] * probabilities[1]
        assert row["accuracy"] == pytest.approx(
            np.mean([accuracy_score(labels[:, i], fused[:, i] > 0.5) for i in range(3)])
        )
        assert row["log_loss"] == pytest.approx(np.mean([log_loss(labels[:, i], fused[:, i]) for i in range(3)]))
    assert weights == [1, 0]


def test_log_loss_decides_between_equal_accuracies():
    sure, unsure = np.array([[0.9, 0.1]] * 4), np.array([[0.6, 0.4]] * 4)
    labels = np.zeros(4, np.uint8)
    assert choose([sure, unsure], labels, 0.1, "accuracy")[0] == [1, 0]
    assert choose([unsure, sure], labels, 0.1, "accuracy")[0] == [0, 1]


@pytest.mark.parametrize("criterion", ["accuracy", "log_loss"])
def test_the_first_of_equals_is_taken(criterion):
    same = np.array([[0.5, 0.25, 0.25]] * 3)
    weights, curve = choose([same, same], np.zeros(3, np.uint8), 0.5, criterion)
    assert len({row["log_loss"] for row in curve}) == 1
    assert weights == curve[0]["weights"]


def test_certainty_in_the_wrong_class_is_a_finite_loss():
    wrong = np.array([[1.0, 0.0]])
    _, curve = fusion.choose_weights([wrong, wrong], np.array([1]), 0.5, "log_loss")
    assert all(math.isfinite(row["log_loss"]) for row in curve)
