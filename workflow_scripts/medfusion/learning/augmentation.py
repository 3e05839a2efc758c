"""Random changes of training images: an augmented set, what is drawn anew at each step; views to average over."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np


def augment(images: np.ndarray, settings: dict[str, Any], rng: np.random.Generator) -> np.ndarray:
    """One randomly transformed copy of each image.

    Flip, rotation and scaling about the image centre are composed into one matrix and the image is interpolated
    once (bilinear, edges reflected), then contrast is changed about the image's own mean.

    Parameters
    ----------
    images : uint8 (n, H, W, C)
    settings : "flip" ("none", "horizontal", "vertical" or "both"), "rotation" (± degrees),
        "scale" (± share of the size), "contrast" (± share)
    rng : source of randomness; five draws for each image, whatever the settings, so that switching one
        kind off leaves the others as they were

    Returns
    -------
    uint8 (n, H, W, C)
    """
    draws = rng.random((len(images), 5))
    result = np.empty_like(images)
    for index, (image, draw) in enumerate(zip(images, draws, strict=True)):
        warped = _warp(image, affine_matrix(image.shape[:2], settings, draw), cv2.INTER_LINEAR)
        if settings["contrast"]:
            factor = 1 + settings["contrast"] * (2 * draw[4] - 1)
            mean = warped.mean()
            warped = np.clip(np.rint((warped - mean) * factor + mean), 0, 255).astype(np.uint8)
        result[index] = warped
    return result


def affine_matrix(shape: tuple[int, int], settings: dict[str, Any], draw: np.ndarray) -> np.ndarray:
    """The 2×3 matrix of flip, scaling and rotation about the centre of an image of (H, W) pixels.

    `draw` holds numbers in [0, 1): horizontal flip, vertical flip, rotation, scale.
    """
    height, width = shape
    flip_x = -1 if settings["flip"] in ("horizontal", "both") and draw[0] < 0.5 else 1
    flip_y = -1 if settings["flip"] in ("vertical", "both") and draw[1] < 0.5 else 1
    angle = math.radians(settings["rotation"] * (2 * draw[2] - 1))
    scale = 1 + settings["scale"] * (2 * draw[3] - 1)
    linear = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    linear = linear @ np.diag([flip_x, flip_y])
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    return np.column_stack([linear, centre - linear @ centre])


def random_affine(images: np.ndarray, settings: dict[str, Any], rng: np.random.Generator) -> np.ndarray:
    """Rotate and scale each image about its centre at random; it is interpolated once, edges are reflected.

    Bicubic, which is sharper than the bilinear interpolation of `augment`: the images are more like those as they are.

    Parameters
    ----------
    images : uint8 (n, H, W, C)
    settings : "rotation" (± degrees), "scale" (± share of the size)
    rng : source of randomness; four draws for each image
    """
    kinds = {"flip": "none", **settings}
    draws = rng.random((len(images), 4))
    matrices = [affine_matrix(images.shape[1:3], kinds, draw) for draw in draws]
    warped = [_warp(image, matrix, cv2.INTER_CUBIC) for image, matrix in zip(images, matrices, strict=True)]
    return np.stack(warped)


def _warp(image: np.ndarray, matrix: np.ndarray, interpolation: int) -> np.ndarray:
    size = image.shape[1::-1]
    warped = cv2.warpAffine(image, matrix, size, flags=interpolation, borderMode=cv2.BORDER_REFLECT_101)
    return warped.reshape(image.shape)  # OpenCV drops a single channel


def random_symmetries(images: np.ndarray, kinds: list[str], shift: int, rng: np.random.Generator) -> np.ndarray:
    """Transform each image by exact symmetries of the pixel grid, drawn at random; nothing is interpolated.

    Parameters
    ----------
    images : uint8 (n, H, W, C); H = W if transposes are among the kinds
    kinds : any of "horizontal_flip", "vertical_flip", "transpose", each applied to half of the images
    shift : largest shift in pixels along each axis; the border is reflected
    rng : source of randomness
    """
    images = images.copy()
    n, height, width, _ = images.shape
    for kind in kinds:
        chosen = rng.random(n) < 0.5
        images[chosen] = SYMMETRIES[kind](images[chosen])
    if shift:
        padded = np.pad(images, ((0, 0), (shift, shift), (shift, shift), (0, 0)), mode="reflect")
        offsets = rng.integers(0, 2 * shift + 1, (n, 2))
        rows = offsets[:, 0, None] + np.arange(height)
        columns = offsets[:, 1, None] + np.arange(width)
        images = padded[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return images


SYMMETRIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "horizontal_flip": lambda images: images[:, :, ::-1],
    "vertical_flip": lambda images: images[:, ::-1],
    "transpose": lambda images: images.transpose(0, 2, 1, 3),
}


SHIFTS = "shifts"  # a kind of view: the image, and the eight windows one pixel beside it; the border is reflected


def views(images: np.ndarray, kinds: Sequence[str]) -> list[np.ndarray]:
    """Every combination of the kinds, the images themselves first: `number_of_views(kinds)` arrays (n, H, W, C).

    Parameters
    ----------
    images : uint8 (n, H, W, C); H = W if transposes are among the kinds
    kinds : any of the keys of `SYMMETRIES`, and `SHIFTS`
    """
    result = [images]
    for kind in kinds:
        result += [other for view in result for other in _others(view, kind)]
    return result


def number_of_views(kinds: Sequence[str]) -> int:
    """How many views are averaged.

    >>> number_of_views([]), number_of_views(["transpose", "vertical_flip"]), number_of_views(["transpose", "shifts"])
    (1, 4, 18)
    """
    return math.prod(9 if kind == SHIFTS else 2 for kind in kinds)


def _others(images: np.ndarray, kind: str) -> list[np.ndarray]:
    """The views of one kind that are not the images themselves."""
    if kind != SHIFTS:
        return [SYMMETRIES[kind](images)]
    height, width = images.shape[1:3]
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    corners = [corner for corner in itertools.product(range(3), repeat=2) if corner != (1, 1)]
    return [padded[:, top : top + height, left : left + width] for top, left in corners]
