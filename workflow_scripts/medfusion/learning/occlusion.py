"""Occlusion maps: how far a class's probability falls where a part of the image is hidden; needs no TensorFlow."""

from collections.abc import Callable

import numpy as np

PIXELS = 2**20  # of hidden copies in one step: bounds memory, changes no result


def patch_and_stride(shape: tuple[int, ...]) -> tuple[int, int]:
    """The side of the hidden square and its step, in pixels, for images of (H, W, …): a fifth, and half of that.

    >>> patch_and_stride((28, 28, 3)), patch_and_stride((224, 224, 3))
    ((5, 3), (44, 22))
    """
    patch = max(1, min(shape[:2]) // 5)
    return patch, (patch + 1) // 2


def occlusion(
    probabilities: Callable[[np.ndarray], np.ndarray],
    images: np.ndarray,
    classes: np.ndarray,
    fill: np.ndarray,
    patch: int,
    stride: int,
) -> np.ndarray:
    """How far the probability of one class falls where a part of the image is hidden (Zeiler & Fergus 2014).

    A square of one colour is moved over the image; each pixel gets the mean fall over the squares that hide it.
    Negative: the class becomes more probable.

    Parameters
    ----------
    probabilities : from uint8 images (n, H, W, C) to those of all classes (n, k)
    images : uint8 (n, H, W, C)
    classes : int (n,)
    fill : uint8 (C,), the colour
    patch, stride : side and step of the square in pixels; the last step is shorter if need be

    Returns
    -------
    float32 (n, H, W)
    """
    height, width = images.shape[1:3]
    corners = [(top, left) for top in _steps(height, patch, stride) for left in _steps(width, patch, stride)]
    at_once = max(1, PIXELS // (height * width))
    maps = np.empty((len(images), height, width), np.float32)
    for number, (image, label) in enumerate(zip(images, classes, strict=True)):
        whole = probabilities(image[None])[:, label].astype(np.float64)[0]
        falls, hidden = np.zeros((height, width)), np.zeros((height, width))
        for start in range(0, len(corners), at_once):
            part = corners[start : start + at_once]
            copies = np.repeat(image[None], len(part), axis=0)
            for copy, (top, left) in zip(copies, part, strict=True):
                copy[top : top + patch, left : left + patch] = fill
            found = probabilities(copies)[:, label].astype(np.float64)
            for value, (top, left) in zip(found, part, strict=True):
                falls[top : top + patch, left : left + patch] += whole - value
                hidden[top : top + patch, left : left + patch] += 1
        maps[number] = falls / hidden
    return maps


def _steps(length: int, patch: int, stride: int) -> list[int]:
    """Where the square stands along one side: every stride, and at the end."""
    return sorted({*range(0, length - patch + 1, stride), length - patch})
