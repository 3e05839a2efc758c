"""Tests of training on a few small images: determinism, steps, schedule, stopping."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from medfusion.errors import UserError
from medfusion.learning import backend, training, training_images
from medfusion.learning.backend import keras
from medfusion.learning.training_images import LabelledImages
from medfusion.tasks import MULTI_LABEL

CONFIG = yaml.safe_load((Path(__file__).resolve().parents[2] / "config.yaml").read_text(encoding="utf-8"))
DEFAULTS = {**CONFIG["defaults"]["training"], "batch_size": 8, "epochs": 1, "early_stopping": None}
# Everything that draws or schedules at once.
BUSY = {
    "affine": {"rotation": 20, "scale": 0.1},
    "corruptions": 0.5,
    "symmetries": ["horizontal_flip", "transpose"],
    "shift": 1,
    "min_steps": 6,
    "optimizer": "adamw",
    "learning_rate": 0.01,
    "weight_decay": 0.01,
    "schedule": "one_cycle",
    "warm_up": 0.5,
    "label_smoothing": 0.1,
    "class_weight": "balanced",
}


@pytest.fixture(scope="module", autouse=True)
def configured():
    backend.configure(threads=1, seed=0)


def draw(classes, n=22, seed=0):
    """Images that are brighter the higher their label, and the labels."""
    labels = (np.arange(n) % classes).astype(np.uint8)
    noise = np.random.default_rng(seed).integers(0, 60, (n, 10, 10, 1))
    return (noise + 60 * labels[:, None, None, None]).astype(np.uint8), labels


def in_memory(versions, labels, chosen=None):
    """Images that need no file."""
    return LabelledImages([lambda start, stop, v=v: v[start:stop] for v in versions], labels, chosen)


def train(seed, classes=2, options=None, validation=None, architecture="breast_cnn", precision="float32", **changes):
    """A trained network, its history, and the lines it reported."""
    backend.configure(threads=1, seed=seed)
    images, labels = draw(classes)
    network = {"architecture": architecture, "options": options or {}, "training": {**DEFAULTS, **changes}}
    lines = []
    versions = in_memory([images, images[:, ::-1]], labels)
    validation = validation or draw(classes, 10, 1)
    model, history = training.train(
        versions,
        in_memory([validation[0]], validation[1]),
        network,
        classes,
        seed,
        lines.append,
        precision=precision,
    )
    return model, history, lines


@pytest.fixture(scope="module")
def busy(configured):
    return {name: train(seed, options={"dropout": 0.5}, **BUSY) for name, seed in (("a", 1), ("b", 1), ("c", 2))}


def test_one_seed_gives_the_same_weights_and_curves(busy):
    (first, history, _), (second, again, _) = busy["a"], busy["b"]
    assert history == again
    for before, after in zip(first.get_weights(), second.get_weights(), strict=True):
        assert np.array_equal(before, after)


def test_another_seed_gives_others(busy):
    assert busy["a"][1] != busy["c"][1]
    assert not np.array_equal(busy["a"][0].get_weights()[0], busy["c"][0].get_weights()[0])


def test_a_least_number_of_steps_adds_epochs(busy):
    _, history, lines = busy["a"]  # 22 images in batches of 8 are 3 steps an epoch; 6 are wanted
    assert [row["epoch"] for row in history] == [1, 2]
    assert [line.partition(":")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    assert list(history[0]) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"]


def test_one_cycle_warms_up_and_ends_at_zero(busy):
    rates = [row["learning_rate"] for row in busy["a"][1]]
    assert rates == pytest.approx([0.01, 0], abs=1e-8)


def test_early_stopping_keeps_the_best_weights():
    images, labels = draw(2, 10, 1)
    labels[:3] = 1 - labels[:3]  # to be sure of every label is then worse than to be unsure
    stopping = {"epochs": 12, "learning_rate": 0.02, "early_stopping": {"patience": 2}}
    model, history, _ = train(1, validation=(images, labels), **stopping)
    losses = [row["val_loss"] for row in history]
    best = int(np.argmin(losses))
    assert best < len(history) - 1 == best + 2
    p = keras.ops.convert_to_numpy(model(images))[:, 0].astype(np.float64)
    assert -np.log(np.where(labels == 1, p, 1 - p)).mean() == pytest.approx(losses[best], rel=1e-4)


def test_a_plateau_lowers_the_rate_and_three_classes_are_learnt_from_one_hot_targets():
    model, history, _ = train(
        1, classes=3, epochs=3, learning_rate=1e-9, batch_size=1000, reduce_lr={"factor": 0.5, "patience": 1}
    )
    assert model.output_shape == (None, 3)
    assert [row["learning_rate"] for row in history] == pytest.approx([1e-9, 5e-10, 2.5e-10])


@pytest.mark.parametrize("classes", [2, 3])
def test_rare_classes_count_as_much_as_common_ones(classes):
    images, labels = draw(classes)
    labels[4:] = 0  # of 22 images, 20 or 21 are of one class
    network = {"architecture": "breast_cnn", "options": {"batch_norm": False, "dropout": 0, "l2": 0}}
    settings = {**DEFAULTS, "images": "original", "learning_rate": 1e-9, "batch_size": 1000, "class_weight": "balanced"}
    backend.configure(threads=1, seed=1)
    model, history = training.train(
        in_memory([images], labels), None, {**network, "training": settings}, classes, 1, lambda line: None
    )
    found = keras.ops.convert_to_numpy(model(images)).astype(np.float64)
    p = (np.hstack([1 - found, found]) if classes == 2 else found)[np.arange(22), labels]
    of_classes = [-np.log(p[labels == label]).mean() for label in range(classes)]
    assert history[0]["loss"] == pytest.approx(np.mean(of_classes), rel=1e-4)
    assert abs(np.mean(of_classes) - -np.log(p).mean()) > 1e-3


def test_epochs_draw_from_the_versions_in_turn_and_end_on_the_images_as_they_are():
    images, labels = draw(2)
    read = []

    def reader(version):
        def part(start, stop):
            read.append(version)
            return images[start:stop]

        return part

    versions = LabelledImages([reader(version) for version in range(3)], labels)
    versions._bytes = training_images.SHUFFLED  # as if they were too many to be held
    read.clear()
    settings = {**DEFAULTS, "images": "both", "epochs": 6, "original_epochs": 2}
    network = {"architecture": "breast_cnn", "options": {}, "training": settings}
    training.train(versions, None, network, 2, 1, print)
    assert read == [0, 1, 2, 0, 0, 0]


def test_images_are_rotated_and_scaled_anew_each_epoch_but_in_those_that_draw_them_as_they_are(monkeypatch):
    seen = []

    def changed(images, settings, rng):
        seen.append((settings, len(images)))
        return images

    monkeypatch.setattr(training, "random_affine", changed)
    affine = {"rotation": 10, "scale": 0.1}
    train(1, images="original", affine=affine, epochs=5, original_epochs=2, batch_size=22)
    assert seen == [(affine, 22)] * 3


def test_training_images_alone_are_corrupted_and_all_other_draws_stay(monkeypatch):
    batches = {}

    def noted(share):
        def keep(images, kinds, shift, rng):
            batches.setdefault(share, []).append(images.copy())
            return images

        return keep

    corrupted = []
    random_corruptions = training.random_corruptions

    def corrupting(images, share, rng):
        corrupted.append(random_corruptions(images, share, rng))
        return corrupted[-1]

    monkeypatch.setattr(training, "random_corruptions", corrupting)
    for share in (0, 0.5):
        monkeypatch.setattr(training, "random_symmetries", noted(share))
        validation = draw(2, 10, 1)
        before = validation[0].copy()
        train(
            1, images="original", corruptions=share, epochs=5, original_epochs=2, batch_size=22, validation=validation
        )
        assert np.array_equal(validation[0], before)
    assert all(np.array_equal(plain, same) for plain, same in zip(batches[0], batches[0.5], strict=True))
    # One batch an epoch, but in the two that draw the images as they are.
    changes = [(after != before).any(axis=(1, 2, 3)) for before, after in zip(batches[0], corrupted, strict=False)]
    assert len(corrupted) == 3 and all(0 < change.mean() < 1 for change in changes)


def test_without_validation_images_the_weights_are_the_same():
    backend.configure(threads=1, seed=1)
    images, labels = draw(2)
    network = {"architecture": "breast_cnn", "options": {}, "training": {**DEFAULTS, "images": "original", "epochs": 2}}
    alone, history = training.train(in_memory([images], labels), None, network, 2, 1, print)
    assert list(history[0]) == ["epoch", "loss", "accuracy", "learning_rate"]
    watched, _, _ = train(1, images="original", epochs=2)
    for before, after in zip(alone.get_weights(), watched.get_weights(), strict=True):
        assert np.array_equal(before, after)


def test_validation_images_are_fewer_a_step_the_larger_they_are(monkeypatch):
    whole = train(1)[1]
    asked = []
    in_order = LabelledImages.in_order
    monkeypatch.setattr(LabelledImages, "in_order", lambda self, rows: asked.append(rows) or in_order(self, rows))
    monkeypatch.setattr(training, "VAL_PIXELS", 3 * 100 + 99)  # three of 10 × 10
    assert train(1)[1] == [pytest.approx(row, rel=1e-5) for row in whole]
    assert set(asked) == {3}


def test_training_that_diverges_is_one_message():
    with pytest.raises(UserError, match=r"training diverged in epoch 1: the loss is (nan|inf); lower learning_rate"):
        train(1, learning_rate=1e30)


def test_targets():
    assert training.one_hot(np.array([0, 1], np.uint8), 1).tolist() == [[0], [1]]
    assert training.one_hot(np.array([2, 0], np.uint8), 3).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert training.one_hot(np.array([2, 0], np.uint8), 3).dtype == np.float32


def test_a_file_that_cannot_be_read_in_the_middle_is_its_own_message():
    images, labels = draw(2)

    def damaged(start, stop):
        if stop > 10:
            raise UserError("train.h5: damaged; delete it and run again")
        return images[start:stop]

    network = {"architecture": "breast_cnn", "options": {}, "training": {**DEFAULTS, "images": "original"}}
    with pytest.raises(UserError, match=r"^train.h5: damaged; delete it and run again$"):
        training.train(LabelledImages([damaged], labels), in_memory([images], labels), network, 2, 1, print)


def test_several_labels_at_once_are_learned_each_by_itself():
    """The upper half is bright for the first label, the lower one for the second; any of the two, or none."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (64, 2)).astype(np.uint8)
    images = rng.integers(0, 60, (64, 10, 10, 1))
    images[:, :5] += 150 * labels[:, 0, None, None, None]
    images[:, 5:] += 150 * labels[:, 1, None, None, None]
    network = {
        "architecture": "breast_cnn",
        "options": {},
        "training": {**DEFAULTS, "images": "original", "epochs": 12, "learning_rate": 0.01},
    }
    backend.configure(threads=1, seed=1)
    data = in_memory([images.astype(np.uint8)], labels)
    model, history = training.train(data, data, network, 2, 1, print, MULTI_LABEL)
    assert model.output_shape == (None, 2)
    values = keras.ops.convert_to_numpy(model(images.astype(np.uint8), training=False))
    assert np.mean((values > 0.5) == labels) > 0.95
    assert history[-1]["val_accuracy"] == pytest.approx(np.mean((values > 0.5) == labels), abs=0.01)
    loss = -np.mean(np.log(np.where(labels, values, 1 - values)))
    assert history[-1]["val_loss"] == pytest.approx(loss, abs=0.02), "binary cross-entropy, a mean over labels"


def test_training_in_bfloat16_is_deterministic_near_float32_and_leaves_no_trace_in_the_network():
    settings = {"architecture": "compact_resnet", "options": {"widths": [16, 16, 32]}, "epochs": 3, **BUSY}
    full, lowered, again = (train(1, precision=kind, **settings) for kind in ("float32", "bfloat16", "bfloat16"))
    assert lowered[1] == again[1]
    assert all(map(np.array_equal, lowered[0].get_weights(), again[0].get_weights()))
    assert "bfloat16" not in lowered[0].to_json()
    assert {weight.dtype for weight in lowered[0].weights} == {"float32"}
    losses = np.array([[row["loss"] for row in history] for _, history, _ in (full, lowered)])
    assert not np.array_equal(*losses) and np.allclose(*losses, rtol=0.05)
    images = draw(2)[0]
    found = [keras.ops.convert_to_numpy(trained[0](images)) for trained in (full, lowered)]
    assert 0 < np.abs(found[0] - found[1]).max() < 0.1


OPENED = """
import os, sys
os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
model = keras.saving.load_model(sys.argv[1])
assert "medfusion" not in sys.modules and "medfusion" not in model.to_json()
assert "bfloat16" not in model.to_json() and {weight.dtype for weight in model.weights} == {"float32"}
print(model(keras.ops.zeros((1, 10, 10, 1), "uint8")).shape, len(model.variables))
"""


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_network_trained_with_our_optimiser_and_layers_is_opened_by_keras_alone(precision, tmp_path):
    model = train(1, options={"batch_norm": True}, optimizer="muon", precision=precision)[0]
    model.save(tmp_path / "model.keras")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-c", OPENED, tmp_path / "model.keras"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["(1,", "1)", str(len(model.variables))]
