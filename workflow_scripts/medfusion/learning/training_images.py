"""The images that a network is trained on, read in blocks: memory does not grow with their number."""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from medfusion.files import images
from medfusion.files.hdf5 import open_hdf5
from medfusion.learning.subsets import training_rows

SHUFFLED = 32 * 2**20  # bytes of images that are shuffled together; what fits is shuffled whole

Reader = Callable[[int, int], np.ndarray]


class LabelledImages:
    """Labelled images as they are and in augmented versions.

    Parameters
    ----------
    versions : the images as they are, then each augmented copy; each reads a range of rows, from the first up to
        before the second, as uint8 (rows, H, W, C)
    labels : (n,) or (n, k), of all rows
    chosen : row numbers that are drawn, in ascending order; None for all
    """

    def __init__(self, versions: Sequence[Reader], labels: np.ndarray, chosen: np.ndarray | None = None):
        self.versions = len(versions)
        self.shape: tuple[int, ...] = versions[0](0, 1).shape[1:]
        self._readers = versions
        self._labels = labels
        self._chosen = np.arange(len(labels)) if chosen is None else chosen
        self._block = images.chunk_rows(self.shape)
        self._bytes = len(self._chosen) * math.prod(self.shape)
        self._held: dict[int, np.ndarray] = {}

    @property
    def labels(self) -> np.ndarray:
        """Those of the images that are drawn."""
        return self._labels[self._chosen]

    def __len__(self) -> int:
        return len(self._chosen)

    def in_order(self, rows: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """All rows as they are, in blocks of at most so many: images uint8 (m, H, W, C) and labels (m,) or (m, k)."""
        for start in range(0, len(self._labels), rows):
            stop = min(start + rows, len(self._labels))
            yield self._readers[0](start, stop), self._labels[start:stop]

    def batches(self, version: int, size: int, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """One epoch in random order, from the version of that number.

        What is larger than `SHUFFLED` is not shuffled as a whole: blocks of neighbours are drawn at random, and as many
        as fit are shuffled together.

        Yields
        ------
        images : uint8 (size, H, W, C), the last of an epoch perhaps fewer
        labels : (size,) or (size, k)
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
        blocks = rng.permutation(math.ceil(len(self._labels) / self._block))
        for drawn in np.array_split(blocks, math.ceil(self._bytes / SHUFFLED)):
            pixels, labels = _joined([self._read(version, block * self._block) for block in drawn])
            order = rng.permutation(len(labels))
            yield pixels[order], labels[order]

    def _read(self, version: int, start: int) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels that are drawn of the block that begins with a row."""
        low, high = self._drawn(start)
        labels = self._labels[self._chosen[low:high]]
        if self._bytes * self.versions > SHUFFLED:
            return self._unpack(version, start), labels
        if version not in self._held:  # few enough to be read once
            starts = range(0, len(self._labels), self._block)
            self._held[version] = np.concatenate([self._unpack(version, start) for start in starts])
        return self._held[version][low:high], labels

    def _unpack(self, version: int, start: int) -> np.ndarray:
        low, high = self._drawn(start)
        block = self._readers[version](start, min(start + self._block, len(self._labels)))
        return block[self._chosen[low:high] - start]

    def _drawn(self, start: int) -> tuple[int, int]:
        """The places among the chosen rows of those in the block that begins with a row."""
        low, high = np.searchsorted(self._chosen, (start, start + self._block))
        return int(low), int(high)


def _joined(pieces: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    pixels, labels = zip(*pieces, strict=True)
    return np.concatenate(pixels), np.concatenate(labels)


def open_images(
    path: str | Path,
    augmented: str | Path | None = None,
    number: int | str = "all",
    seed: int = 0,
    left_out: np.ndarray | None = None,
) -> LabelledImages:
    """The labelled images of prepared files.

    Parameters
    ----------
    path : prepared images (HDF5)
    augmented : augmented copies of them (HDF5); None if none are drawn
    number : of images, a stratified subset; or "all"
    seed : of the subset
    left_out : bool (n,), images that are not drawn; None for none

    Raises
    ------
    UserError
        Now or when images are drawn, if a file is damaged; or if the subset cannot be had.
    """
    labels = images.read_labels(path)
    versions = [_reader(path)]
    if augmented:
        with open_hdf5(augmented) as file:
            copies = file["images"].shape[1]
        versions += [_reader(augmented, copy) for copy in range(copies)]
    return LabelledImages(versions, labels, training_rows(labels, number, seed, left_out))


def _reader(path: str | Path, *copy: int) -> Reader:
    def read(start: int, stop: int) -> np.ndarray:
        with open_hdf5(path) as file:
            return file["images"][(slice(start, stop), *copy)]

    return read
