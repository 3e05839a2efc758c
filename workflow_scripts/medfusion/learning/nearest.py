"""The nearest training image in pixels, found in blocks: memory grows neither with images nor with their pixels."""

from pathlib import Path

import numpy as np
import sklearn
from sklearn.neighbors import NearestNeighbors

from medfusion.files import hdf5, images
from medfusion.files.hdf5 import open_hdf5

HELD = 2**27  # bytes of training images, as float32, that are compared at once
# Rows, and their values, that scikit-learn takes as float64 at a time: bound memory, change no result.
LEAST_ROWS, ROWS = 20, 256  # it takes no fewer
VALUES = 2**22


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
    with open_hdf5(others) as file:
        count, size = len(file["images"]), int(np.prod(file["images"].shape[1:]))
    distances, found = np.full(count, np.inf), np.zeros(count, np.int64)
    step = max(1, HELD // (4 * size))
    rows_at_once = max(LEAST_ROWS, min(ROWS, VALUES // size))
    for first in range(0, len(chosen), step):
        part = chosen[first : first + step]
        search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(_flat(hdf5.rows(path, "images", part)))
        start = 0
        for block in images.image_blocks(others):
            with sklearn.config_context(pairwise_dist_chunk_size=rows_at_once):
                distance, index = (values[:, 0] for values in search.kneighbors(_flat(block)))
            rows = slice(start, start + len(block))
            nearer = distance < distances[rows]
            distances[rows] = np.where(nearer, distance, distances[rows])
            found[rows] = np.where(nearer, part[index], found[rows])
            start += len(block)
    return found


def _flat(pixels: np.ndarray) -> np.ndarray:
    return pixels.reshape(len(pixels), -1).astype(np.float32)
