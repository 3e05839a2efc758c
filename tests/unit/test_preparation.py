"""Tests of taking a data set's file apart: its splits, its name, and what must agree with the settings."""

import hashlib

import numpy as np
import pytest

from medfusion.data import preparation, synthetic_images
from medfusion.data.medmnist_info import INFO
from medfusion.errors import UserError

SETTINGS = {"flag": "breastmnist", "size": 28, "source": "file", "sha256": None}
COUNTS = {"train": 20, "val": 10, "test": 12}


@pytest.fixture
def made(tmp_path):
    """A function that writes a file and loads it with changes to the settings."""

    def make(flag="breastmnist", provenance=None, **changes):
        arrays = synthetic_images.generate(flag, 28, {split: 4 * n for split, n in COUNTS.items()}, seed=1)
        del arrays["provenance"]
        if provenance:
            arrays["provenance"] = np.array(provenance)
        np.savez(tmp_path / "x.npz", **arrays)
        return preparation.load(tmp_path / "x.npz", {**SETTINGS, "flag": flag, **changes}), arrays

    make.path = tmp_path / "x.npz"
    return make


@pytest.mark.parametrize("flag", ["breastmnist", "bloodmnist"])
def test_splits_are_the_arrays_in_one_shape(made, flag):
    (description, splits), arrays = made(flag)
    assert list(splits) == ["train", "val", "test"]
    for split, (images, labels) in splits.items():
        assert images[:].dtype == labels.dtype == np.uint8
        assert images.shape == images[:].shape == (len(labels), 28, 28, INFO[flag]["n_channels"])
        assert np.array_equal(images[:].ravel(), arrays[f"{split}_images"].ravel())
        assert np.array_equal(labels, arrays[f"{split}_labels"][:, 0])
    assert description.label_names == tuple(INFO[flag]["label"][str(i)] for i in range(len(INFO[flag]["label"])))
    assert (description.flag, description.task) == (flag, INFO[flag]["task"])


def test_the_description_says_whether_images_are_generated(made):
    (description, _), _ = made()
    assert description.generated is False
    (description, _), _ = made(provenance="generated images (medfusion synthetic images, seed 1)")
    assert description.generated is True
    (description, _), _ = made(provenance="official images, split anew")
    assert description.generated is False


def test_images_of_the_generator_say_so_whatever_the_source_is_called(tmp_path):
    counts = {split: 4 * n for split, n in COUNTS.items()}
    np.savez(tmp_path / "x.npz", **synthetic_images.generate("breastmnist", 28, counts, seed=1))
    for source in ("generated", "file"):
        description, _ = preparation.load(tmp_path / "x.npz", {**SETTINGS, "source": source})
        assert description.generated


def test_the_same_images_packed_otherwise_are_the_same_data(made):
    (description, _), arrays = made()
    np.savez_compressed(made.path, **arrays)
    again, _ = preparation.load(made.path, SETTINGS)
    assert again == description
    arrays["test_images"][0, 0, 0] ^= 1
    np.savez(made.path, **arrays)
    assert preparation.load(made.path, SETTINGS)[0] != description


def test_a_file_that_is_not_the_official_one_is_refused(made):
    with pytest.raises(
        UserError, match=f"not the official breastmnist file, whose MD5 is {INFO['breastmnist']['MD5']}"
    ):
        made(source="official")


def test_another_sha256_is_refused(made):
    with pytest.raises(UserError, match=f"its SHA-256 is [0-9a-f]{{64}}; config.yaml expects {'0' * 64}"):
        made(sha256="0" * 64)
    made(sha256=hashlib.sha256(made.path.read_bytes()).hexdigest())


def test_a_surrogate_must_have_the_official_counts(made):
    with pytest.raises(UserError, match="train has 80 images; MedMNIST's breastmnist has 546"):
        made(source="surrogate")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="absent.npz: not a readable .npz file"):
        preparation.load(tmp_path / "absent.npz", SETTINGS)
