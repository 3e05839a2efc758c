"""Tests of prepared images and of probabilities on disk: what is written is read, and says what it is."""

import h5py
import numpy as np
import pytest

from medfusion.errors import UserError
from medfusion.files import images, probabilities

DESCRIPTION = images.Description("bloodmnist", "multi-class", ("a", "b, c", "ü"), "0" * 64, True)


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (11, 6, 7, 3), dtype=np.uint8)


def test_a_split_is_read_as_it_was_written(tmp_path, pixels):
    labels = np.arange(11, dtype=np.uint8) % 3
    images.write_split(tmp_path / "train.h5", "train", DESCRIPTION, pixels, labels)
    assert np.array_equal(images.read_images(tmp_path / "train.h5"), pixels)
    assert np.array_equal(images.read_labels(tmp_path / "train.h5"), labels)
    assert (
        images.read_images(tmp_path / "train.h5").dtype == images.read_labels(tmp_path / "train.h5").dtype == np.uint8
    )
    assert images.describe(tmp_path / "train.h5") == DESCRIPTION
    with h5py.File(tmp_path / "train.h5") as file:
        assert file.attrs["split"] == "train"


def test_a_split_without_labels_holds_none(tmp_path, pixels):
    images.write_split(tmp_path / "test.h5", "test", DESCRIPTION, pixels, None)
    images.write_labels(tmp_path / "test_labels.h5", "test", DESCRIPTION, np.arange(11, dtype=np.uint8))
    with h5py.File(tmp_path / "test.h5") as file:
        assert list(file) == ["images"]
    with h5py.File(tmp_path / "test_labels.h5") as file:
        assert list(file) == ["labels"]
    assert images.describe(tmp_path / "test_labels.h5") == DESCRIPTION
    assert images.read_labels(tmp_path / "test_labels.h5").tolist() == list(range(11))


def test_the_same_content_has_the_same_bytes(tmp_path, pixels):
    for name in ("a.h5", "b.h5"):
        images.write_split(tmp_path / name, "train", DESCRIPTION, pixels, np.zeros(11, np.uint8))
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


@pytest.mark.parametrize(("block", "sizes"), [(4, [4, 4, 3]), (11, [11]), (100, [11])])
def test_blocks_are_the_images_in_order(tmp_path, pixels, block, sizes):
    images.write_split(tmp_path / "x.h5", "val", DESCRIPTION, pixels, None)
    blocks = list(images.image_blocks(tmp_path / "x.h5", block))
    assert [len(part) for part in blocks] == sizes
    assert np.array_equal(np.concatenate(blocks), pixels)


@pytest.mark.parametrize("read", [images.describe, images.read_images, images.read_labels, probabilities.describe])
def test_a_missing_file_is_named(tmp_path, read):
    with pytest.raises(UserError, match="absent.h5: not a readable HDF5 file"):
        read(tmp_path / "absent.h5")


def test_probabilities_are_read_as_they_were_written(tmp_path):
    rng = np.random.default_rng(0)
    splits = {"val": rng.dirichlet([1, 1, 1], 5), "test": rng.dirichlet([1, 1, 1], 7)}
    probabilities.write(tmp_path / "p.h5", DESCRIPTION, splits, 1.5, note="fixed weights")
    for split, values in splits.items():
        stored = probabilities.read(tmp_path / "p.h5", split)
        assert stored.dtype == np.float64
        assert stored == pytest.approx(values, abs=1e-7)
        assert stored.sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert probabilities.describe(tmp_path / "p.h5") == DESCRIPTION
    with h5py.File(tmp_path / "p.h5") as file:
        assert file["val/probabilities"].dtype == np.float32
        assert file.attrs["note"] == "fixed weights"


def test_a_file_of_probabilities_says_its_temperature(tmp_path):
    probabilities.write(tmp_path / "p.h5", DESCRIPTION, {"val": np.ones((2, 3)) / 3}, 1.25)
    assert probabilities.temperature(tmp_path / "p.h5") == 1.25
    for value in (0.0, np.inf, "warm", None):
        with h5py.File(tmp_path / "p.h5", "a") as file:
            file.attrs.pop("temperature", None)
            if value is not None:
                file.attrs["temperature"] = value
        with pytest.raises(UserError, match="p.h5: does not say its temperature; delete it and run again"):
            probabilities.temperature(tmp_path / "p.h5")


def test_equal_probabilities_stay_equal_whatever_the_others_of_their_rows(tmp_path):
    rng = np.random.default_rng(1)
    others = rng.dirichlet([1, 1, 1], 500) * 0.7
    values = np.column_stack([np.full(500, 0.1) + 0.2, others])  # 0.3, but for the last digit
    values[::2, 0] = 0.3
    probabilities.write(tmp_path / "p.h5", DESCRIPTION, {"val": values}, 1.0)
    stored = probabilities.read(tmp_path / "p.h5", "val")
    assert len(np.unique(stored[:, 0])) == 1
    probabilities.write(tmp_path / "again.h5", DESCRIPTION, {"val": stored}, 1.0)
    assert np.array_equal(probabilities.read(tmp_path / "again.h5", "val"), stored)


@pytest.mark.parametrize("values", [[[0.5, 0.6, 0.1]], [[0.2, 0.2, 0.2]], [[1.5, -0.5, 0.0]]])
def test_rows_that_are_no_probabilities_are_refused(tmp_path, values):
    probabilities.write(tmp_path / "p.h5", DESCRIPTION, {"val": np.array(values)}, 1.0)
    with pytest.raises(UserError, match="p.h5: what it holds for the split 'val' are no probabilities"):
        probabilities.read(tmp_path / "p.h5", "val")


def test_a_split_without_probabilities_is_named(tmp_path):
    probabilities.write(tmp_path / "p.h5", DESCRIPTION, {"val": np.ones((2, 3)) / 3}, 1.0)
    with pytest.raises(UserError, match="p.h5: holds no probabilities for the split 'test'"):
        probabilities.read(tmp_path / "p.h5", "test")
