"""Tests of classifiers that are fitted on features of copies: how they are drawn, and that folds keep them together."""

from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import tensorflow_ready  # noqa: F401
from drawn_features import TREE, draw

import extract_features
from medfusion.files import images
from medfusion.files.hdf5 import create_hdf5
from medfusion.learning import grid_search, networks
from medfusion.learning.augmentation import SYMMETRIES, random_affine, random_symmetries
from medfusion.learning.copies import of_copies, of_images, random_copies

CHANGES = {"affine": {"rotation": 90, "scale": 0.1}, "symmetries": ["horizontal_flip"], "shift": 1}
DESCRIPTION = images.Description("", "multi-class", ("a", "b", "c"), "0" * 64, False)


def pixels(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 12, 12, 1), dtype=np.uint8)


def rngs(*seeds):
    return [np.random.default_rng(seed) for seed in seeds]


def test_copies_are_changed_as_training_changes_its_batches():
    (rng,) = rngs(4)
    expected = random_symmetries(random_affine(pixels(5), CHANGES["affine"], rng), ["horizontal_flip"], 1, rng)
    other, found = random_copies([pixels(5)], CHANGES, rngs(1, 4))
    assert np.array_equal(found, expected) and not np.array_equal(other, expected)


def test_without_an_affine_change_each_copy_is_a_symmetry_of_its_image():
    (copy,) = random_copies([pixels(40)], {**CHANGES, "affine": None, "shift": 0}, rngs(0))
    mirrored = SYMMETRIES["horizontal_flip"](pixels(40))
    same = (copy == pixels(40)).all(axis=(1, 2, 3))
    assert 0 < same.sum() < 40 and np.array_equal(copy[~same], mirrored[~same])


def test_copies_take_the_versions_of_the_bank_in_turn():
    still = {"affine": None, "symmetries": [], "shift": 0}
    found = random_copies([pixels(3, 1), pixels(3, 2)], still, rngs(0, 0, 0))
    assert [np.array_equal(copy, pixels(3, seed)) for copy, seed in zip(found, (1, 2, 1), strict=True)] == [True] * 3


def test_several_labels_stay_with_the_copies_of_their_image():
    features, labels = of_copies(np.arange(12).reshape(2, 3, 2), np.array([[0, 1], [1, 0]]))
    assert labels.tolist() == [[0, 1]] * 3 + [[1, 0]] * 3
    assert np.array_equal(of_images(np.arange(12).reshape(2, 3, 2)), [[2, 3], [8, 9]]) and len(features) == 6


# The stage


@pytest.fixture
def extract(tmp_path):
    """Runs the stage on nine images a split, in two blocks; what it wrote."""
    networks.build("breast_cnn", (12, 12, 1), 3, {}).save(tmp_path / "model.keras")
    paths = [tmp_path / f"{split}.h5" for split in ("train", "val", "test")]
    for split, path in zip(("train", "val", "test"), paths, strict=True):
        images.write_split(path, split, DESCRIPTION, pixels(9), None if split == "test" else np.arange(9) % 3)

    def run(augmented=None, **changes):
        args = SimpleNamespace(model=tmp_path / "model.keras", images=paths, augmented=augmented, out=tmp_path / "o.h5")
        settings = {"title": "t", "threads": 1, "layers": ["features"], "views": ["horizontal_flip"], "seed": 1}
        extract_features.main(args, {**settings, "copies": 0, **CHANGES, **changes})
        with h5py.File(args.out) as file:
            return {name: file[name][:] for split in ("train", "val") for name in (f"{split}/features",)}

    return run


def test_copies_are_of_the_training_split_alone_and_the_same_each_time(extract):
    without, found, again = extract(), extract(copies=2), extract(copies=2)
    assert found["train/features"].shape == (9, 2, 128) and without["train/features"].shape == (9, 128)
    assert np.array_equal(found["train/features"], again["train/features"])
    assert np.array_equal(found["val/features"], without["val/features"])
    assert not np.array_equal(found["train/features"][:, 0], found["train/features"][:, 1])
    assert not np.array_equal(found["train/features"], extract(copies=2, seed=2)["train/features"])


def test_more_copies_leave_the_first_as_they_were(extract):
    assert np.array_equal(extract(copies=1)["train/features"], extract(copies=2)["train/features"][:, :1])


def test_copies_are_made_of_the_bank_if_the_network_draws_from_it(extract, tmp_path):
    still = {"affine": None, "symmetries": [], "shift": 0, "copies": 2, "views": []}
    with create_hdf5(tmp_path / "bank.h5", **DESCRIPTION.attributes()) as file:
        file["images"] = np.stack([pixels(9, 7), pixels(9)], axis=1)
    found = extract(augmented=tmp_path / "bank.h5", **still)
    assert np.allclose(found["train/features"][:, 1], extract(copies=0, views=[])["train/features"], atol=1e-6)
    assert not np.allclose(found["train/features"][:, 0], found["train/features"][:, 1], atol=1e-3)


# The search


def search(settings, data):
    return [row["accuracy"] for row in grid_search.search(settings, *data, 3, lambda line: None)[0]]


@pytest.mark.parametrize("selection", ["validation", "folds"])
def test_copies_that_are_alike_change_nothing(selection):
    features, labels, *val = draw(3)
    settings = {**TREE, "selection": selection, "folds": 3, "grid": {"max_depth": [2, 3]}}
    repeated = np.repeat(features[:, None], 3, axis=1)
    assert search(settings, [repeated, labels, *val]) == search(settings, [features, labels, *val])


def test_folds_keep_the_copies_of_an_image_together():
    """Labels are drawn at random: only who has seen a copy of an image knows its label."""
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(300, 4)).astype(np.float32), rng.integers(0, 2, 300)
    copies = features[:, None] + rng.normal(0, 1e-4, (300, 3, 4)).astype(np.float32)
    settings = {**TREE, "selection": "folds", "folds": 3, "grid": {"max_depth": [60]}}
    (accuracy,) = search(settings, [copies, labels, features[:9], labels[:9]])
    assert 0.4 < accuracy < 0.6
