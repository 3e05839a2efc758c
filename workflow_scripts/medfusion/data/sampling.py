"""Some of many images, and images of nothing that they show."""

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


def shuffled(images: np.ndarray, parts: int, seed: int) -> np.ndarray:
    """Images cut into parts × parts pieces, which are laid out anew at random, each image in its own way.

    Parameters
    ----------
    images : uint8 (n, H, W, C); rows and columns that are left over stay where they are
    parts : a side

    >>> sorted(shuffled(np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1), 2, 0).ravel().tolist()) == list(range(16))
    True
    """
    rng, result = np.random.default_rng(seed), images.copy()
    height, width = images.shape[1] // parts, images.shape[2] // parts
    corners = [(row * height, column * width) for row in range(parts) for column in range(parts)]
    for image, mixed in zip(images, result, strict=True):
        for (top, left), place in zip(corners, rng.permutation(len(corners)), strict=True):
            row, column = corners[place]
            mixed[top : top + height, left : left + width] = image[row : row + height, column : column + width]
    return result
