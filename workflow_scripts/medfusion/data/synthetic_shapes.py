"""Shapes and textures that painters of synthetic images share; lengths are fractions of the canvas side."""

import cv2
import numpy as np

SUPERSAMPLING = 3  # pixels of a canvas for one of its image, each way

_THETA = np.linspace(0, 2 * np.pi, 90, endpoint=False)
_COS_SIN = np.stack([np.cos(_THETA), np.sin(_THETA)], axis=1)


def outline(
    rng: np.random.Generator,
    centre: tuple[float, float],
    radii: tuple[float, float],
    angle: float,
    roughness: float,
    harmonics: range = range(2, 6),
) -> np.ndarray:
    """Points (90, 2) of an ellipse whose radius is modulated by random harmonics of sd `roughness`."""
    orders = np.asarray(harmonics)
    amplitudes = rng.normal(0, roughness / np.sqrt(orders.size), orders.size)
    phases = rng.uniform(0, 2 * np.pi, (orders.size, 1))
    modulation = 1 + amplitudes @ np.cos(orders[:, np.newaxis] * _THETA + phases)
    ellipse = _COS_SIN * radii * np.maximum(modulation, 0.2)[:, np.newaxis]
    cos, sin = np.cos(angle), np.sin(angle)
    return centre + ellipse @ np.array([[cos, sin], [-sin, cos]])


def fill(mask: np.ndarray, points: np.ndarray) -> None:
    """Set the inside of an outline to 1, in place."""
    cv2.fillPoly(mask, [np.rint(points * mask.shape[0]).astype(np.int32)], 1)


def shrink(canvas: np.ndarray) -> np.ndarray:
    """A canvas of `SUPERSAMPLING` times the size of the image, as the image."""
    size = canvas.shape[0] // SUPERSAMPLING
    return cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)


def soften(mask: np.ndarray, sigma: float) -> np.ndarray:
    """A mask as float32, blurred."""
    return cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma * mask.shape[0])


def smooth_noise(rng: np.random.Generator, side: int, sigma: tuple[float, float]) -> np.ndarray:
    """Gaussian field (side, side) of unit sd, blurred with `sigma` (across, down)."""
    white = rng.standard_normal((side, side), dtype=np.float32)
    field = cv2.GaussianBlur(white, (0, 0), sigmaX=sigma[0] * side, sigmaY=sigma[1] * side)
    return field / field.std()
