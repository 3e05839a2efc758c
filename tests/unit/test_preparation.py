"""Tests of taking a data set's file apart: its splits, its name, and what must agree with the settings."""

import hashlib

import numpy as np
import pytest

from medfusion import phantoms, preparation, sources
from medfusion.errors import UserError
from medfusion.medmnist_info import INFO

SETTINGS = {"flag": "breastmnist", "size": 28, "source": "file", "label": "Own images", "sha256": None}
COUNTS = {"train": 20, "val": 10, "test": 12}


@pytest.fixture
def made(tmp_path):
    """A function that writes a file and loads it with changes to the settings."""

    def make(flag="breastmnist", provenance=None, **changes):
        arrays = phantoms.generate(flag, 28, {split: 4 * n for split, n in COUNTS.items()}, seed=1)
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
        assert images.dtype == labels.dtype == np.uint8
        assert images.shape == (len(labels), 28, 28, INFO[flag]["n_channels"])
        assert np.array_equal(images.ravel(), arrays[f"{split}_images"].ravel())
        assert np.array_equal(labels, arrays[f"{split}_labels"][:, 0])
    assert description.label_names == tuple(INFO[flag]["label"][str(i)] for i in range(len(INFO[flag]["label"])))
    assert (description.flag, description.task) == (flag, INFO[flag]["task"])
    assert description.sha256 == hashlib.sha256(made.path.read_bytes()).hexdigest()


def test_the_name_is_the_label_and_says_when_images_are_generated(made):
    (description, _), _ = made()
    assert (description.name, description.generated) == ("Own images", False)
    (description, _), _ = made(provenance="generated images (medfusion phantoms, seed 1)")
    assert (description.name, description.generated) == ("Own images (generated images)", True)
    (description, _), _ = made(provenance="official images, split anew")
    assert (description.name, description.generated) == ("Own images", False)


def test_images_of_the_generator_say_so_whatever_the_source_is_called(tmp_path):
    counts = {split: 4 * n for split, n in COUNTS.items()}
    np.savez(tmp_path / "x.npz", **phantoms.generate("breastmnist", 28, counts, seed=1))
    for source in ("generated", "file"):
        description, _ = preparation.load(tmp_path / "x.npz", {**SETTINGS, "source": source, "label": None})
        assert description.generated
        assert "generated images" in description.name


def test_the_official_file_has_its_own_name_whatever_the_label(made, monkeypatch):
    made()
    md5 = hashlib.md5(made.path.read_bytes()).hexdigest()
    monkeypatch.setattr(sources, "official", lambda flag, size: ("http://x", md5))
    (description, _), _ = made()
    assert description.name == "BreastMNIST"


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
    with pytest.raises(UserError, match="absent.npz: cannot be read"):
        preparation.load(tmp_path / "absent.npz", SETTINGS)
