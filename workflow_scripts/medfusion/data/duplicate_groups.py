"""Which images of a data set must stay in one split: near-duplicates, over all flips and rotations by 90 degrees."""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from medfusion.data.duplicate_search import Search


def groups(
    paths: Sequence[str | Path],
    threshold: float,
    known: np.ndarray | None = None,
    report: Callable[[str], None] = lambda text: None,
) -> np.ndarray:
    """A number for each image, the same for images that belong together.

    Two images belong together if some flip or rotation by 90 degrees of one correlates with the other by at least the
    threshold, or has its bytes; and if both belong together with a third.

    Parameters
    ----------
    paths : prepared images (HDF5) of one size, square; the images are numbered in a row
    threshold : pixel correlation
    known : integers (n,), equal for images that belong together anyway, such as those of a patient
    report : takes lines of progress

    Returns
    -------
    int64 (n,), from 0 in order of the first image of each group
    """
    with contextlib.ExitStack() as stack:
        search = Search(stack, paths, turned=len(paths))
        n = int(search.starts[-1])
        found = np.arange(n) if known is None else np.unique(known, return_inverse=True)[1].astype(np.int64)
        found = _joined(found, *map(search.as_is, _same_bytes(search.digests)))
        for pairs in search.pairs(threshold, report=report):
            found = _joined(found, pairs.first, search.as_is(pairs.second))
    _, first = np.unique(found, return_index=True)
    return np.argsort(np.argsort(first))[found]


def _same_bytes(digests: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of numbers that chain all images with the same bytes, in some orientation, together."""
    order = np.argsort(digests, kind="stable")
    same = np.flatnonzero(digests[order[1:]] == digests[order[:-1]])
    return order[same], order[same + 1]


def _joined(found: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Groups, with those of the images of each pair made one."""
    edges = (np.ones(len(first), bool), (found[first], found[second]))
    number = int(found.max()) + 1
    return connected_components(coo_array(edges, shape=(number, number)), directed=False)[1][found].astype(np.int64)
