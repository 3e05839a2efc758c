"""The nearest training image in pixels, by matrix products in blocks: memory grows neither with images nor with pixels.

|a − b|² = |a|² + |b|² − 2ab. Pixels are taken about 128, so that a product of two is a whole number of at most 2^14,
and 2^10 of them add up to at most 2^24: so far float32 holds every whole number, and its fast products are exact in any
order. Sums of these are taken in float64, which holds whole numbers up to 2^53.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from medfusion.files import hdf5, images

HELD, MOST = 2**28, 2048  # bytes of training images, and their number, that are compared at once: bound memory
ROWS = 512  # of the others
VALUES = 1024  # of an image in one product


def nearest_rows(path: str | Path, chosen: np.ndarray, others: str | Path) -> np.ndarray:
    """The row of the training image that is nearest to each of some images, by Euclidean distance of all pixels.

    Parameters
    ----------
    path : prepared training images (HDF5)
    chosen : row numbers of those that are looked at, in ascending order
    others : prepared images (HDF5), m of them

    Returns
    -------
    int64 (m,), row numbers among all training images; of equally near images the first counts

    Raises
    ------
    UserError
        If a file is damaged.
    """
    with hdf5.open_hdf5(others) as file:
        count, size = len(file["images"]), int(np.prod(file["images"].shape[1:]))
    distances, found = np.full(count, np.inf), np.zeros(count, np.int64)
    step = max(1, min(MOST, HELD // size))
    for first in range(0, len(chosen), step):
        part = chosen[first : first + step]
        held = _centred(hdf5.rows(path, "images", part))
        lengths = sum(np.square(values).sum(axis=1, dtype=np.float64) for (values,) in _columns(held))
        start = 0
        for block in images.image_blocks(others, ROWS):
            # Half of it, and without the length of the other image, which changes no order.
            distance = np.tile(lengths / 2, (len(block), 1))
            for a, b in _columns(_centred(block), held):
                distance -= a @ b.T
            index, rows = distance.argmin(axis=1), slice(start, start + len(block))
            distance = distance[np.arange(len(block)), index]
            nearer = distance < distances[rows]
            distances[rows] = np.where(nearer, distance, distances[rows])
            found[rows] = np.where(nearer, part[index], found[rows])
            start += len(block)
    return found


def _centred(pixels: np.ndarray) -> np.ndarray:
    """Images less 128, int8 (n, H · W · C), in their own place."""
    flat = pixels.reshape(len(pixels), -1)
    flat ^= np.uint8(128)
    return flat.view(np.int8)


def _columns(*pixels: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Matrices as float32, some of their columns at a time."""
    for start in range(0, pixels[0].shape[1], VALUES):
        yield tuple(values[:, start : start + VALUES].astype(np.float32) for values in pixels)
