"""Tests of the images of an epoch: each once, in an order of its own, whatever the size of the blocks."""

import h5py
import numpy as np
import pytest

from medfusion import files
from medfusion.files.images import Description, write_split
from medfusion.learning import training_images
from medfusion.learning.training_images import LabelledImages, open_images


def numbered(n, versions=1, chosen=None):
    """Images of one pixel that holds 100 · version + row number; the label is the row number, too."""
    labels = np.arange(n, dtype=np.uint8)
    pixels = [100 * version + labels[:, None, None, None] for version in range(versions)]
    return LabelledImages([lambda start, stop, p=p: p[start:stop] for p in pixels], labels, chosen)


def epoch(images, version, size, rng):
    """Sizes of the batches, pixels and labels of one epoch."""
    pixels, labels = zip(*images.batches(version, size, rng), strict=True)
    return [len(part) for part in labels], np.concatenate(pixels)[:, 0, 0, 0], np.concatenate(labels)


@pytest.fixture(params=["held", "in parts"])
def parts(request, monkeypatch):
    """Blocks of three images, of which all or two are shuffled together."""
    monkeypatch.setattr(files.images, "CHUNK_ROWS", 3)
    if request.param == "in parts":
        monkeypatch.setattr(training_images, "SHUFFLED", 6)
    return request.param


def test_an_epoch_sees_every_image_once_from_its_version(parts):
    images, rng, orders = numbered(10, versions=2), np.random.default_rng(0), []
    for version in (0, 1, 0):
        sizes, pixels, labels = epoch(images, version, 4, rng)
        assert sizes == [4, 4, 2]
        assert np.array_equal(pixels, labels + 100 * version)
        assert sorted(labels) == list(range(10))
        orders.append(labels.tolist())
    assert orders[0] != orders[1] != orders[2]


def test_images_that_do_not_fit_are_shuffled_by_blocks(parts):
    _, _, labels = epoch(numbered(96), 0, 96, np.random.default_rng(0))
    blocks = {len(set(labels[start : start + 6] // 3)) for start in range(0, 96, 6)}
    assert blocks == {2} if parts == "in parts" else max(blocks) > 3


@pytest.mark.parametrize(
    ("shape", "n", "chosen", "groups"),
    [((224, 224, 1), 546, 546, 1), ((224, 224, 3), 1024, 1024, 5), ((28, 28, 3), 50_000, 1000, 1)],
    ids=["fits", "large images", "a subset that fits"],
)
def test_what_fits_is_shuffled_whole_and_parts_are_even(shape, n, chosen, groups):
    read = []

    def reader(start, stop):
        read.append(stop - start)
        return np.zeros((stop - start, *shape), np.uint8)

    rows = np.linspace(0, n - 1, chosen).astype(int)
    images = LabelledImages([reader], np.zeros(n, np.uint8), rows)
    sizes = [len(labels) for _, labels in images._shuffled(0, np.random.default_rng(0))]
    assert len(sizes) == groups and sum(sizes) == chosen and max(sizes) - min(sizes) <= 12
    before = sum(read)
    list(images.batches(0, 64, np.random.default_rng(0)))
    assert sum(read) - before == (n if groups > 1 else 0)  # what fits is read once


def test_a_subset_is_drawn_from_its_rows_alone(parts):
    chosen = np.array([0, 1, 7, 8, 9])
    images = numbered(12, chosen=chosen)
    assert len(images) == 5
    sizes, pixels, labels = epoch(images, 0, 2, np.random.default_rng(0))
    assert sizes == [2, 2, 1]
    assert sorted(labels) == chosen.tolist() == sorted(pixels)


def test_an_order_is_its_seeds(parts):
    first, again, other = (epoch(numbered(20), 0, 8, np.random.default_rng(seed))[2].tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_blocks_in_order():
    blocks = list(numbered(10).in_order(4))
    assert [labels.tolist() for _, labels in blocks] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert all(np.array_equal(pixels[:, 0, 0, 0], labels) for pixels, labels in blocks)


def test_versions_of_prepared_files(tmp_path):
    labels = np.arange(8, dtype=np.uint8) % 2
    pixels = labels[:, None, None, None].repeat(2, axis=1).repeat(2, axis=2)
    description = Description("blood", "binary-class", ("a", "b"), "", True)
    write_split(tmp_path / "train.h5", "train", description, pixels, labels)
    with h5py.File(tmp_path / "augmented.h5", "w") as file:
        file["images"] = np.stack([pixels + 100, pixels + 200], axis=1).astype(np.uint8)
    images = open_images(tmp_path / "train.h5", tmp_path / "augmented.h5", 6, seed=1)
    assert (len(images), images.versions, images.shape) == (6, 3, (2, 2, 1))
    for version, offset in enumerate([0, 100, 200]):
        _, seen, seen_labels = epoch(images, version, 3, np.random.default_rng(0))
        assert sorted(seen_labels) == [0, 0, 0, 1, 1, 1]
        assert np.array_equal(seen, seen_labels + offset)
    assert open_images(tmp_path / "train.h5").versions == 1
