"""The images that a network is trained on, read in blocks: memory does not grow with their number."""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from medfusion.files import images
from medfusion.files.hdf5 import open_hdf5
from medfusion.learning.subsets import stratified_subset

BLOCK = 256  # rows read at once: a chunk of the files
SHUFFLED = 32 * 2**20  # bytes of images that are shuffled together; what fits is shuffled whole

Reader = Callable[[int, int], np.ndarray]


class TrainingImages:
    """Labelled images as they are and in augmented versions, of which an epoch draws one.

    Parameters
    ----------
    versions : the images as they are, then each augmented copy; each reads a range of rows, from the first up to
        before the second, as uint8 (rows, H, W, C)
    labels : (n,), of all rows
    chosen : row numbers that are drawn, in ascending order; None for all
    """

    def __init__(self, versions: Sequence[Reader], labels: np.ndarray, chosen: np.ndarray | None = None):
        self._read_versions = versions
        self._labels = labels
        self._chosen = np.arange(len(labels)) if chosen is None else chosen
        self.versions = len(versions)
        self.shape: tuple[int, ...] = versions[0](0, 1).shape[1:]

    def __len__(self) -> int:
        return len(self._chosen)

    def in_order(self, rows: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The first version in blocks of at most `rows`: images uint8 (m, H, W, C) and labels (m,)."""
        for start in range(0, len(self._labels), rows):
            yield self._read(0, start, start + rows)

    def batches(self, version: int, size: int, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """One epoch in random order, from the version of that number.

        As many blocks of neighbours as `SHUFFLED` bytes hold are drawn at random and shuffled together. What is larger
        is therefore not shuffled as a whole: images are as far apart as those blocks.

        Yields
        ------
        images : uint8 (size, H, W, C), the last of an epoch perhaps fewer
        labels : (size,)
        """
        rest: tuple[np.ndarray, np.ndarray] | None = None
        for piece in self._shuffled(version, rng):
            pixels, labels = _joined([rest, piece]) if rest else piece
            whole = len(labels) // size * size
            for start in range(0, whole, size):
                yield pixels[start : start + size], labels[start : start + size]
            rest = (pixels[whole:], labels[whole:]) if whole < len(labels) else None
        if rest:
            yield rest

    def _shuffled(self, version: int, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Several blocks at a time, drawn and shuffled together."""
        blocks = rng.permutation(math.ceil(len(self._labels) / BLOCK))
        together = max(1, SHUFFLED // (BLOCK * math.prod(self.shape)))
        for first in range(0, len(blocks), together):
            drawn = blocks[first : first + together]
            pixels, labels = _joined([self._read(version, block * BLOCK, (block + 1) * BLOCK) for block in drawn])
            order = rng.permutation(len(labels))
            yield pixels[order], labels[order]

    def _read(self, version: int, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        stop = min(stop, len(self._labels))
        rows = self._chosen[np.searchsorted(self._chosen, start) : np.searchsorted(self._chosen, stop)]
        return self._read_versions[version](start, stop)[rows - start], self._labels[rows]


def _joined(pieces: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    pixels, labels = zip(*pieces, strict=True)
    return np.concatenate(pixels), np.concatenate(labels)


def open_images(
    path: str | Path, bank: str | Path | None = None, number: int | str = "all", seed: int = 0
) -> TrainingImages:
    """The labelled images of prepared files.

    Parameters
    ----------
    path : prepared images (HDF5)
    bank : augmented copies of them (HDF5); None if none are drawn
    number : of images, a stratified subset; or "all"
    seed : of the subset
    """
    labels = images.read_labels(path)
    versions = [_reader(path)]
    if bank:
        with open_hdf5(bank) as file:
            copies = file["images"].shape[1]
        versions += [_reader(bank, copy) for copy in range(copies)]
    return TrainingImages(versions, labels, None if number == "all" else stratified_subset(labels, number, seed))


def _reader(path: str | Path, *copy: int) -> Reader:
    def read(start: int, stop: int) -> np.ndarray:
        with open_hdf5(path) as file:
            return file["images"][(slice(start, stop), *copy)]

    return read
