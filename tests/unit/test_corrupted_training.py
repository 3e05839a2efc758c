"""Tests of corrupted training images: drawn by their seed, of another make than those of test images, and no others."""

import ast
from pathlib import Path

import numpy as np
import pytest

from medfusion.data import corruptions, medmnist_c
from medfusion.learning import corrupted_training
from medfusion.learning.corrupted_training import KINDS, random_corruptions

# Names of ours, and what medmnist_c calls what comes nearest to it.
NAMESAKES = {
    "noise": ["gaussian_noise"],
    "brightness": ["brightness_up", "brightness_down"],
    "contrast": ["contrast_up", "contrast_down"],
    "gamma": ["gamma_corr_up", "gamma_corr_down"],
    "resample": ["pixelate"],
}


def pictures(n=12, height=28, width=28, channels=3, seed=0):
    """Smooth pictures that no corruption leaves as they are."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(30, 226, (n, 7, 7, channels)).astype(np.uint8)
    return np.stack([corruptions.cv2.resize(one, (width, height)).reshape(height, width, channels) for one in coarse])


def drawn(images, share=0.9, seed=0):
    return random_corruptions(images, share, np.random.default_rng(seed))


@pytest.mark.parametrize("shape", [(28, 28, 3), (28, 28, 1), (9, 14, 3), (8, 8, 1), (64, 64, 1)])
def test_shape_and_type_stay_and_so_do_the_images_given(shape):
    images = pictures(40, *shape)
    before = images.copy()
    found = drawn(images)
    assert found.dtype == np.uint8 and found.shape == images.shape
    assert np.array_equal(images, before) and not np.array_equal(found, before)


def test_a_seed_gives_the_same_images_and_another_others():
    images = pictures()
    assert np.array_equal(drawn(images, seed=1), drawn(images, seed=1))
    assert not np.array_equal(drawn(images, seed=1), drawn(images, seed=2))


@pytest.mark.parametrize("share", [0, 0.25, 0.75])
def test_so_large_a_share_is_corrupted(share, monkeypatch):
    for name in KINDS:  # a mild change may leave an image of few pixels as it is
        monkeypatch.setitem(KINDS, name, (lambda image, strength, rng: 255 - image, 0, 1))
    images = pictures(1000, 7, 7, 1)
    changed = (drawn(images, share) != images).any(axis=(1, 2, 3)).mean()
    assert changed == pytest.approx(share, abs=0.05)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("channels", [1, 3])
def test_each_kind_changes_images_the_more_the_stronger(kind, channels):
    corrupt, low, high = KINDS[kind]
    image = pictures(1, channels=channels)[0]
    mildest, strongest = (high, low) if kind == "resample" else (max(low, 0), high)  # factors are given by logarithms

    def change(strength):
        versions = [corrupt(image, strength, np.random.default_rng(seed)) for seed in range(30)]
        return np.mean([np.abs(np.reshape(one, image.shape) - image.astype(float)) for one in versions])

    assert change(mildest) < change(strongest)


def test_every_kind_is_drawn(monkeypatch):
    seen = set()

    def noting(name, corrupt):
        def noted(*given):
            seen.add(name)
            return corrupt(*given)

        return noted

    for name, (corrupt, low, high) in KINDS.items():
        monkeypatch.setitem(KINDS, name, (noting(name, corrupt), low, high))
    drawn(pictures(200))
    assert seen == set(KINDS)


def test_no_number_and_no_code_is_that_of_corrupted_test_images():
    tree = ast.parse(Path(corrupted_training.__file__).read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not {name for name in imported if name.startswith("medfusion")}
    rng = np.random.default_rng(0)
    for kind, names in NAMESAKES.items():
        _, low, high = KINDS[kind]
        strengths = rng.uniform(low, high, 10_000)
        strengths = np.exp(strengths) if kind in ("brightness", "contrast", "gamma") else strengths
        tried = [level for sets in medmnist_c.CORRUPTIONS.values() for name in names for level in sets.get(name, [])]
        assert tried and not np.isin(tried, strengths).any()


def test_no_training_image_is_one_that_is_tried():
    images = pictures(4)
    large, tried = corruptions.enlarged(images), set()
    for name, levels in medmnist_c.corruptions("bloodmnist").items():
        for severity, level in enumerate(levels, 1):
            worse = corruptions.corrupted(large, images.shape[1:], name, severity, level, range(len(images)))
            tried |= {image.tobytes() for image in worse}
    ours = {image.tobytes() for seed in range(200) for image in drawn(images, seed=seed)}
    assert len(ours) > 500 and not ours & tried
