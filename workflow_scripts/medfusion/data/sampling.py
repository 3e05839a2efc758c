"""Some of many images, and images of nothing."""

from collections.abc import Sequence

import numpy as np


def taken(number: int, most: int | None, seed: int) -> np.ndarray:
    """The numbers of images that are looked at, ascending: at most so many of them, drawn without their labels.

    >>> taken(3, None, 0).tolist(), len(taken(9, 4, 0))
    ([0, 1, 2], 4)
    """
    if most is None or number <= most:
        return np.arange(number)
    return np.sort(np.random.default_rng(seed).choice(number, most, replace=False))


def uniform_noise(number: int, shape: Sequence[int], seed: int) -> np.ndarray:
    """Images whose values are drawn from 0 to 255, each as likely as the others.

    Parameters
    ----------
    shape : of an image, (H, W, C)

    Returns
    -------
    uint8 (number, H, W, C)
    """
    return np.random.default_rng(seed).integers(0, 256, (number, *shape), dtype=np.uint8)
