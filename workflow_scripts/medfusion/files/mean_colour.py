"""The mean colour of prepared images: what parts of an image are hidden with, to see what is looked at."""

from pathlib import Path

import numpy as np

from medfusion.files import images


def mean_colour(path: str | Path) -> np.ndarray:
    """The mean pixel of all images of a prepared file, uint8 (C,)."""
    sums, pixels = np.zeros(1, np.int64), 0
    for block in images.image_blocks(path):
        sums = sums + block.sum(axis=(0, 1, 2), dtype=np.int64)
        pixels += block[..., 0].size
    return np.rint(sums / pixels).astype(np.uint8)
