"""Corrupted training images, so that a network minds less what scanner, lens or file do to images.

Corruptions as augmentation help against corruptions that were not trained on too (Rusak et al. 2020,
arXiv:2001.06057), also on MedMNIST (Di Salvo et al. 2024, arXiv:2406.17536). These share neither code nor parameters
with those that test images are tried with (`data.corruptions`): images are corrupted at the size that the network sees,
and strengths are drawn from ranges, not taken from five severities.
"""

from collections.abc import Callable

import cv2
import numpy as np

Corruption = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


def random_corruptions(images: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Corrupt some of the images, each in one way and strength that are drawn at random.

    Parameters
    ----------
    images : uint8 (n, H, W, C), C = 1 or 3; they are not changed
    share : of the images that are corrupted, on average
    rng : source of randomness

    Returns
    -------
    uint8 (n, H, W, C)
    """
    result, kinds = images.copy(), list(KINDS.values())
    for place in np.flatnonzero(rng.random(len(images)) < share):
        corrupt, low, high = kinds[rng.integers(len(kinds))]
        worse = corrupt(images[place], rng.uniform(low, high), rng)
        result[place] = np.clip(np.rint(worse), 0, 255).reshape(images.shape[1:])  # OpenCV drops a single channel
    return result


# -- one image each, uint8 (H, W, C), a strength, random numbers; a new one, of any type of numbers -------------------


def _noise(image: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """Normal noise of a standard deviation, as a share of the whole range."""
    return image + 255 * deviation * rng.standard_normal(image.shape, np.float32)


def _blur(image: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """A normal kernel, wide by up to this standard deviation (a share of the side) each way, and less one way."""
    across, up = deviation * image.shape[1], deviation * image.shape[0] * rng.random()
    if rng.random() < 0.5:
        across, up = up, across
    return cv2.GaussianBlur(image, (0, 0), sigmaX=max(across, 0.1), sigmaY=max(up, 0.1), borderType=cv2.BORDER_REFLECT)


def _resample(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Shrunk to this share of the pixels of a side, and enlarged again (bilinear)."""
    height, width = image.shape[:2]
    few = (max(1, round(width * share)), max(1, round(height * share)))
    return cv2.resize(cv2.resize(image, few, interpolation=cv2.INTER_AREA), (width, height))


def _quantise(image: np.ndarray, step: float, rng: np.random.Generator) -> np.ndarray:
    """Values in steps of so many grey levels, as of a file that was compressed too much."""
    return np.rint(image / np.float32(step)) * np.float32(step)


def _brightness(image: np.ndarray, logarithm: float, rng: np.random.Generator) -> np.ndarray:
    """Values times a factor, given by its logarithm, and a little more or less in each colour."""
    return image * np.exp(logarithm + rng.normal(0, 0.05, image.shape[2])).astype(np.float32)


def _contrast(image: np.ndarray, logarithm: float, rng: np.random.Generator) -> np.ndarray:
    """Distances to the mean times a factor, given by its logarithm."""
    mean = image.mean(dtype=np.float32)
    return (image - mean) * np.float32(np.exp(logarithm)) + mean


def _gamma(image: np.ndarray, logarithm: float, rng: np.random.Generator) -> np.ndarray:
    """Values, from 0 to 1, to the power of an exponent, given by its logarithm."""
    return ((np.arange(256) / 255) ** np.exp(logarithm) * 255)[image]


def _spot(image: np.ndarray, diameter: float, rng: np.random.Generator) -> np.ndarray:
    """A disk of one grey, whose diameter is a share of the side, anywhere."""
    rows, columns = (np.arange(side) - rng.uniform(0, side) for side in image.shape[:2])
    inside = np.hypot(rows[:, None], columns) <= diameter * min(image.shape[:2]) / 2
    return np.where(inside[..., None], rng.uniform(0, 255), image)


# Each with the least and the greatest strength.
KINDS: dict[str, tuple[Corruption, float, float]] = {
    "noise": (_noise, 0.01, 0.1),
    "blur": (_blur, 0.01, 0.04),
    "resample": (_resample, 0.4, 0.9),
    "quantise": (_quantise, 8, 40),
    "brightness": (_brightness, -0.7, 0.7),
    "contrast": (_contrast, -0.7, 0.4),
    "gamma": (_gamma, -0.5, 0.5),
    "spot": (_spot, 0.08, 0.25),
}
