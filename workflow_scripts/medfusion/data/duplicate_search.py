"""All pairs of images whose pixels correlate strongly, without comparing the pixels of all pairs.

An image without its mean, scaled to length 1, is a unit vector, and the correlation of two images is the product of
theirs. Split each vector into its part in a space of a few dimensions and the rest: then the product is that of the
parts, which is cheap, plus that of the rests, which is at most the product of their lengths (Cauchy-Schwarz). A pair
whose sum of the two is below the threshold is none; so nothing is lost, whatever the space. The space of the largest
principal components of some images leaves little to the rest, and few pairs whose pixels must be compared.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from medfusion.files.hdf5 import block_rows, open_hdf5

BLOCK_ROWS = 2048  # images compared at once, at most
# Dimensions in which all pairs are compared, and those in which the pairs that remain are, before their pixels are.
FEW, MANY = 32, 128
SAMPLE_ROWS = 2048  # images whose principal components span the space, at most; of each place in the file so many
NEIGHBOURS = 64
ITERATIONS = 3
COARSE = 28  # pixels a side at which large images are seen for it
HELD = 2**27  # bytes of images whose pixels are compared with each other at once
MOST_PAIRS = 2**22  # that wait for it
WORKED = 2**16  # pairs compared at once in many dimensions
# What float32 may add to or take from a squared length, and from a product: far above its rounding errors.
ROUNDING, MARGIN = 1e-4, 1e-3
SEED = 0  # of the sample; it changes the time taken, not the result
# Quarter turns, and whether the image is mirrored then: the first leaves it as it is.
AS_IS, *TURNED = ((turns, mirrored) for mirrored in (False, True) for turns in range(4))


class Pairs(NamedTuple):
    """Some pairs of images, by their numbers, in ascending order; the images of all splits are numbered in a row.

    first, second : int64, first < second
    correlation : float64
    identical : bool, whether the two images have the same bytes
    """

    first: np.ndarray
    second: np.ndarray
    correlation: np.ndarray
    identical: np.ndarray


class _File(NamedTuple):
    """A file of images, in one orientation."""

    images: h5py.Dataset
    turns: int
    mirrored: bool

    def rows(self, start: int, stop: int) -> np.ndarray:
        """The pixels of images start to stop, uint8 (m, p)."""
        block = self.images[start:stop]
        if (self.turns, self.mirrored) != AS_IS:
            block = np.rot90(block, self.turns, axes=(1, 2))
            block = block[:, :, ::-1] if self.mirrored else block
        return _rows(block)


class Search:
    """The images of several splits, and for each what is needed to look for its near-duplicates: some 600 bytes.

    Parameters
    ----------
    stack : closes the files at its end
    paths : prepared images (HDF5) of one size
    turned : how many of the files, the last ones, are there in their seven other orientations too, which needs square
        images; these are numbered after all images as they are, orientation by orientation

    Attributes
    ----------
    starts : int64 (splits + 1,), the number of the first image of each split as it is, and of all
    constant : bool (n,), whether all pixels of an image are equal: it has no correlation with any
    digests : uint64 (n,), the same for images with the same bytes
    """

    def __init__(self, stack: contextlib.ExitStack, paths: Sequence[str | Path], turned: int = 0):
        opened = [stack.enter_context(open_hdf5(path))["images"] for path in paths]
        again = opened[len(opened) - turned :]
        self._files = [_File(images, *AS_IS) for images in opened]
        self._files += [_File(images, *orientation) for orientation in TURNED for images in again]
        self._starts = np.concatenate([[0], np.cumsum([len(file.images) for file in self._files])]).astype(np.int64)
        self.starts = self._starts[: len(opened) + 1]
        self._turned = sum(len(images) for images in again)
        self._pixels = int(np.prod(opened[0].shape[1:]))
        space = _principal_space(opened[0], MANY)
        self._few = min(FEW, space.shape[1])
        n = int(self._starts[-1])
        # Of each image the length outside the few dimensions, its place in the many, and the length outside these.
        self._places = np.empty((n, space.shape[1] + 2), np.float32)
        self._sums, self._spread = np.empty(n), np.empty(n)
        self.digests = np.empty(n, np.uint64)
        for start, pixels in self._blocks():
            rows = slice(start, start + len(pixels))
            unit, self._sums[rows], self._spread[rows] = standardised(pixels)
            self._places[rows, 1:-1] = unit @ space
            inside = np.cumsum(self._places[rows, 1:-1].astype(np.float64) ** 2, axis=1)
            for column, dimensions in ((0, self._few), (-1, space.shape[1])):
                outside = np.maximum(1 - inside[:, dimensions - 1], 0) + ROUNDING
                self._places[rows, column] = np.sqrt(outside)
            self.digests[rows] = [
                int.from_bytes(hashlib.blake2b(row, digest_size=8).digest(), "little") for row in pixels
            ]
        self.constant = self._spread == 0
        self._held = np.zeros(n, bool)

    def _blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """All images as rows of pixels, uint8 (m, p), with the number of the first."""
        for start, file in zip(self._starts, self._files, strict=False):
            step = block_rows(4 * self._pixels, BLOCK_ROWS)
            for low in range(0, len(file.images), step):
                yield int(start) + low, file.rows(low, low + step)

    def pairs(
        self,
        threshold: float,
        block: int = BLOCK_ROWS,
        report: Callable[[str], None] = lambda text: None,
    ) -> Iterator[Pairs]:
        """Every pair with a correlation of at least `threshold`, some at a time, in no particular order.

        The first image of a pair is one as it is; the second may be turned (`as_is` tells whose number it has).

        Parameters
        ----------
        threshold : correlation
        block : images compared at once, at most; changes the memory and the time taken, not the result
        report : takes lines of progress
        """
        n, last = int(self._starts[-1]), int(self.starts[-1])
        rows = max(1, min(block, HELD // (2 * self._pixels)))
        most = max(2 * rows, HELD // self._pixels)
        waiting: list[tuple[np.ndarray, np.ndarray]] = []
        count = held = 0
        for start in range(0, last, rows):
            for other in range(start, n, rows):
                first, second = self._candidates(start, other, rows, threshold)
                if start + rows > last:
                    first, second = first[first < last], second[first < last]
                if not len(first):
                    continue
                new = np.unique(np.concatenate([first, second]))
                fresh = int(np.count_nonzero(~self._held[new]))
                if waiting and (held + fresh > most or count + len(first) > MOST_PAIRS):
                    yield self._compared(waiting, threshold)
                    waiting, count, held, fresh = [], 0, 0, len(new)
                waiting.append((first, second))
                self._held[new] = True
                count, held = count + len(first), held + fresh
            report(f"compared {min(start + rows, last):,} of {last:,} images with all that follow them")
        if waiting:
            yield self._compared(waiting, threshold)

    def as_is(self, numbers: np.ndarray) -> np.ndarray:
        """The numbers of some images, where they are not turned."""
        n = self.starts[-1]
        return np.where(numbers < n, numbers, n - self._turned + (numbers - n) % max(self._turned, 1))

    def _candidates(self, start: int, other: int, rows: int, threshold: float) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of images of two blocks that may be near-duplicates: first < second, in ascending order."""
        a, b = self._places[start : start + rows], self._places[other : other + rows]
        near = a[:, : self._few + 1] @ b[:, : self._few + 1].T >= threshold - MARGIN
        near[self.constant[start : start + rows]] = False
        near[:, self.constant[other : other + rows]] = False
        if start == other:
            near = np.triu(near, k=1)
        first, second = np.divmod(np.flatnonzero(near), near.shape[1])
        first, second = first + start, second + other
        if len(first) * 8 > near.size:  # so many that a second look costs more than it saves
            return first, second
        kept = [
            np.einsum("ij,ij->i", self._places[i, 1:], self._places[j, 1:]) >= threshold - MARGIN
            for i, j in _portions(first, second, WORKED)
        ]
        chosen = np.concatenate(kept) if kept else np.zeros(0, bool)
        return first[chosen], second[chosen]

    def _compared(self, waiting: Sequence[tuple[np.ndarray, np.ndarray]], threshold: float) -> Pairs:
        """Those of some candidates that are near-duplicates, by their pixels.

        Sums of products of whole numbers, which float64 holds exactly up to 2^53 (224 × 224 × 3 values need 2^51), so
        that a correlation depends neither on the blocks nor on the order of summation.
        """
        first, second = (np.concatenate(values) for values in zip(*waiting, strict=True))
        needed = np.flatnonzero(self._held)
        self._held[needed] = False
        pixels = self._read(needed)
        i, j = np.searchsorted(needed, first), np.searchsorted(needed, second)
        products = self._products(pixels, i, j)
        covariance = self._pixels * products - self._sums[first] * self._sums[second]
        correlation = covariance / np.sqrt(self._spread[first] * self._spread[second])
        found = np.flatnonzero(correlation >= threshold)
        found = found[np.lexsort((second[found], first[found]))]
        first, second = first[found], second[found]
        return Pairs(first, second, correlation[found], self.digests[first] == self.digests[second])

    def _products(self, pixels: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """Sums of products of the pixels of pairs of rows, float64."""
        rows, columns = np.unique(i), np.unique(j)
        if len(rows) * len(columns) <= min(16 * len(i), MOST_PAIRS):  # most pairs of these are asked for
            total = np.zeros((len(rows), len(columns)))
            step = max(1, HELD // (32 * len(pixels)))
            for start in range(0, self._pixels, step):
                part = slice(start, start + step)
                total += pixels[rows, part].astype(np.float64) @ pixels[columns, part].astype(np.float64).T
            return total[np.searchsorted(rows, i), np.searchsorted(columns, j)]
        portions = _portions(i, j, max(1, HELD // (64 * self._pixels)))
        return np.concatenate(
            [np.einsum("ij,ij->i", pixels[a].astype(np.float64), pixels[b].astype(np.float64)) for a, b in portions]
        )

    def _read(self, numbers: np.ndarray) -> np.ndarray:
        """The pixels of some images, uint8 (m, p), by their numbers in ascending order."""
        found = np.empty((len(numbers), self._pixels), np.uint8)
        for start, file in zip(self._starts, self._files, strict=False):
            step = file.images.chunks[0] if file.images.chunks else BLOCK_ROWS
            low, high = np.searchsorted(numbers, (start, start + len(file.images)))
            own = numbers[low:high] - start
            for chunk in np.unique(own // step):
                here = slice(*np.searchsorted(own, (chunk * step, (chunk + 1) * step)))
                block = file.rows(chunk * step, (chunk + 1) * step)
                found[low + here.start : low + here.stop] = block[own[here] - chunk * step]
        return found


def standardised(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images as unit vectors.

    Parameters
    ----------
    pixels : uint8 (m, p)

    Returns
    -------
    unit : float32 (m, p), each row of mean 0 and length 1 (all 0 for a constant image)
    sums : float64 (m,), sum of the pixel values
    spread : float64 (m,), p × sum of squares − square of the sum; 0 for a constant image
    """
    unit = pixels.astype(np.float32)
    sums = pixels.sum(axis=1, dtype=np.float64)
    squares = np.array([np.dot(row, row) for row in (row.astype(np.float64) for row in pixels)])
    spread = pixels.shape[1] * squares - sums**2
    unit -= (sums / pixels.shape[1]).astype(np.float32)[:, None]
    unit[spread == 0] = 0
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), np.float32(1e-20))
    return unit, sums, spread


def _principal_space(file: h5py.Dataset, dimensions: int) -> np.ndarray:
    """Orthonormal directions, float32 (p, d), near those of the largest principal components of some images.

    Of large images, seen small: what correlates strongly does so in its coarse shapes. By a randomised range finder
    with power iterations (Halko, Martinsson & Tropp 2011), the largest first. How near they are changes the time that
    the search takes, not what it finds.
    """
    n, height, width, channels = file.shape
    down, across = (np.linspace(0, side, min(side, COARSE), endpoint=False).astype(int) for side in (height, width))
    rng = np.random.default_rng(SEED)
    # Neighbours from each of several places: a whole chunk is unpacked for a single image too.
    together = min(n, NEIGHBOURS, file.chunks[0] if file.chunks else NEIGHBOURS)
    places = rng.permutation(n // together)[: max(1, min(SAMPLE_ROWS, n) // together)] * together
    parts = []
    for start in np.sort(places):
        unit = standardised(_rows(file[start : start + together]))[0].reshape(-1, height, width, channels)
        parts.append(np.add.reduceat(np.add.reduceat(unit, down, axis=1), across, axis=2))
    coarse = np.concatenate(parts)
    coarse = coarse.reshape(len(coarse), -1)
    space = rng.normal(size=(coarse.shape[1], min(dimensions, coarse.shape[1]))).astype(np.float32)
    for _ in range(ITERATIONS):
        space = np.linalg.qr(coarse.T @ (coarse @ space))[0]
    inside = (coarse @ space).astype(np.float64)
    turned = space @ np.linalg.eigh(inside.T @ inside)[1][:, ::-1].astype(np.float32)
    rows = np.searchsorted(down, np.arange(height), side="right") - 1
    columns = np.searchsorted(across, np.arange(width), side="right") - 1
    fine = turned.reshape(len(down), len(across), channels, -1)[rows][:, columns]
    return np.linalg.qr(fine.reshape(height * width * channels, -1))[0]


def _rows(images: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(images.reshape(len(images), -1))


def _portions(first: np.ndarray, second: np.ndarray, most: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for start in range(0, len(first), most):
        yield first[start : start + most], second[start : start + most]
