"""Tests of the nearest training image: against scikit-learn on the whole, in any blocks."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from medfusion.files import hdf5
from medfusion.files.images import Description, write_split
from medfusion.learning import nearest

DESCRIPTION = Description("toys", "multi-class", ("apple", "pear", "plum"), "0" * 64, True)


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    train, test = (rng.integers(0, 256, (n, 6, 5, 3), dtype=np.uint8) for n in (60, 25))
    labels = rng.integers(0, 3, 60, dtype=np.uint8)
    test[7] = train[40]
    write_split(tmp_path / "train.h5", "train", DESCRIPTION, train, labels)
    write_split(tmp_path / "test.h5", "test", DESCRIPTION, test, None)
    return train, test


@pytest.mark.parametrize("values", [7, 1024])
@pytest.mark.parametrize(("held", "most"), [(1, 9), (90 * 7, 2048), (2**27, 8)])
@pytest.mark.parametrize(("block", "others"), [(90 * 4, 512), (2**25, 3)])
@pytest.mark.parametrize("chosen", [range(60), range(1, 60, 4)], ids=["all", "some"])
def test_images_are_those_of_a_search_in_memory(data, tmp_path, monkeypatch, values, held, most, block, others, chosen):
    train, test = data
    monkeypatch.setattr(nearest, "VALUES", values)
    monkeypatch.setattr(nearest, "HELD", held)
    monkeypatch.setattr(nearest, "MOST", most)
    monkeypatch.setattr(nearest, "ROWS", others)
    monkeypatch.setattr(hdf5, "BLOCK_BYTES", block)
    chosen = np.array(chosen)
    found = nearest.nearest_rows(tmp_path / "train.h5", chosen, tmp_path / "test.h5")
    whole = KNeighborsClassifier(1, algorithm="brute").fit(train[chosen].reshape(len(chosen), -1), chosen)
    assert np.array_equal(found, whole.predict(test.reshape(25, -1)))


def test_of_equally_near_images_the_first_counts(tmp_path, monkeypatch):
    pixels = np.zeros((4, 2, 2, 1), np.uint8)
    write_split(tmp_path / "train.h5", "train", DESCRIPTION, pixels, np.array([2, 0, 1, 1], np.uint8))
    monkeypatch.setattr(nearest, "HELD", 1)
    found = nearest.nearest_rows(tmp_path / "train.h5", np.arange(1, 4), tmp_path / "train.h5")
    assert found.tolist() == [1, 1, 1, 1]


def test_distances_that_float32_cannot_tell_apart_are_told_apart(tmp_path):
    """Training images that are as far from another as can be, but that some of 40 pixels differ by 1, and not by 0."""
    rng = np.random.default_rng(0)
    other = (255 * rng.integers(0, 2, (1, 40, 40, 3))).astype(np.uint8)
    train = np.repeat(255 - other, 30, axis=0).reshape(30, -1)
    for image, alike in zip(train, rng.permutation(30), strict=True):
        image[:40] = other.ravel()[:40]
        image[alike:40] ^= 1
    write_split(tmp_path / "train.h5", "train", DESCRIPTION, train.reshape(30, 40, 40, 3), np.zeros(30, np.uint8))
    write_split(tmp_path / "other.h5", "test", DESCRIPTION, other, None)
    found = nearest.nearest_rows(tmp_path / "train.h5", np.arange(30), tmp_path / "other.h5")
    exact = ((train.astype(np.int64) - other.ravel()) ** 2).sum(axis=1)
    assert found == exact.argmin() != exact.astype(np.float32).argmin()
    assert np.ptp(exact) == 29
