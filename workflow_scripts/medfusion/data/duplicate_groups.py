"""Which images of a data set must stay in one split: near-duplicates, over all flips and rotations by 90 degrees."""

import contextlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from medfusion.data.duplicate_search import Search
from medfusion.files import images
from medfusion.files.hdf5 import create_hdf5

TURNS = [(turn, flipped) for flipped in (False, True) for turn in range(4)]  # the first leaves an image as it is


def groups(
    paths: Sequence[str | Path],
    threshold: float,
    folder: str | Path,
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
    folder : where the turned images are, for a while
    known : integers (n,), equal for images that belong together anyway, such as those of a patient
    report : takes lines of progress

    Returns
    -------
    int64 (n,), from 0 in order of the first image of each group
    """
    with contextlib.ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder, prefix=".turned-")))
        turned = [_turned(path, place / f"{number}.h5") for number, path in enumerate(paths)]
        search = Search(stack, [*paths, *turned])
        n = int(search.starts[len(paths)])
        # A turned file holds the seven versions of an image one after the other.
        original = np.concatenate([np.arange(n), np.repeat(np.arange(n), len(TURNS) - 1)])
        found = np.arange(n) if known is None else np.unique(known, return_inverse=True)[1].astype(np.int64)
        found = _joined(found, *_same_bytes(search.digests, original))
        for pairs in search.pairs(threshold, report=report, first_below=n):
            found = _joined(found, original[pairs.first], original[pairs.second])
    _, first = np.unique(found, return_index=True)
    return np.argsort(np.argsort(first))[found]


def _turned(path: str | Path, target: Path) -> Path:
    """A file of all other flips and rotations of some images; of each image one after the other."""
    with create_hdf5(target) as file:
        stored, start = None, 0
        for block in images.image_blocks(path):
            versions = np.stack([_turn(block, *turn) for turn in TURNS[1:]], axis=1).reshape(-1, *block.shape[1:])
            if stored is None:
                of_image, rows = block.shape[1:], images.chunk_rows(block.shape[1:])
                options = {"maxshape": (None, *of_image), "chunks": (rows, *of_image)}
                stored = file.create_dataset("images", (0, *of_image), np.uint8, **options)
            stored.resize(start + len(versions), axis=0)
            stored[start:] = versions
            start += len(versions)
    return target


def _turn(block: np.ndarray, turns: int, flipped: bool) -> np.ndarray:
    turned = np.rot90(block, turns, axes=(1, 2))
    return turned[:, :, ::-1] if flipped else turned


def _same_bytes(digests: np.ndarray, original: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of images that chain all those with the same bytes, in some orientation, together."""
    order = np.argsort(digests, kind="stable")
    same = np.flatnonzero(digests[order[1:]] == digests[order[:-1]])
    return original[order[same]], original[order[same + 1]]


def _joined(found: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Groups, with those of the images of each pair made one."""
    edges = (np.ones(len(first), bool), (found[first], found[second]))
    number = int(found.max()) + 1
    return connected_components(coo_array(edges, shape=(number, number)), directed=False)[1][found].astype(np.int64)
