"""Painter of generated breast ultrasound; see synthetic_scenes.py for what a painter is."""

import cv2
import numpy as np

from medfusion.data import synthetic_shapes as shapes

_NORMAL_SHARE = 0.23  # normal among 'normal, benign' in BUSI: 133 of 570
_MALIGNANCY_BETA = ((6.0, 2.2), (2.2, 6.0))
_MALIGNANCY_COUPLING_SD = 0.13
_POINT_SPREAD = (0.018, 0.01)
_DYNAMIC_RANGE_DB = 55.0


def breast(rng: np.random.Generator, label: int, size: int) -> np.ndarray:
    """Tissue in layers, mostly with a lesion: 0 malignant, 1 normal or benign."""
    side = size * shapes.SUPERSAMPLING
    echo = _tissue_layers(rng, side)
    if label == 0 or rng.random() >= _NORMAL_SHARE:
        echo *= _lesion_contrast(rng, rng.beta(*_MALIGNANCY_BETA[label]), side)
    echo *= _rayleigh_speckle(rng, side)
    gain_db = rng.normal(-16, 1.5)
    level = 1 + (20 * np.log10(echo + 1e-4) + gain_db) / _DYNAMIC_RANGE_DB
    return shapes.shrink(255 * np.clip(level.astype(np.float32), 0, 1))


def _tissue_layers(rng: np.random.Generator, side: int) -> np.ndarray:
    """Echo amplitude of skin, fat, gland and muscle with wavy borders and attenuation by depth."""
    across, depth = np.meshgrid(*2 * [np.linspace(0, 1, side, dtype=np.float32)])
    echo = np.full((side, side), rng.uniform(0.8, 1.1), np.float32)
    borders_and_echoes = (
        (rng.uniform(0.03, 0.09), rng.uniform(0.3, 0.6)),
        (rng.uniform(0.2, 0.4), rng.uniform(0.5, 1.0)),
        (rng.uniform(0.7, 0.95), rng.uniform(0.25, 0.5)),
    )
    for border, amplitude in borders_and_echoes:
        waves = rng.normal(0, 0.02, 3) @ np.sin(
            2 * np.pi * np.outer(rng.uniform(0.4, 2.0, 3), across[0]) + rng.uniform(0, 2 * np.pi, (3, 1))
        )
        blend = 1 / (1 + np.exp(-(depth - border - waves) / 0.012))
        echo += blend * (amplitude - echo)
    echo *= np.exp(0.3 * shapes.smooth_noise(rng, side, (0.08, 0.03)))
    return echo * np.exp(np.float32(-rng.uniform(0.3, 1.1)) * depth)


def _lesion_contrast(rng: np.random.Generator, malignancy: float, side: int) -> np.ndarray:
    """Factor on the echo amplitude for a lesion; each of its signs follows `malignancy` (0..1) loosely."""
    outline_sign, shape_sign, tail_sign, echo_sign = malignancy + rng.normal(0, _MALIGNANCY_COUPLING_SD, 4)
    radius = rng.uniform(0.14, 0.24)
    tallness = np.exp(0.9 * (shape_sign - 0.6))
    radii = (radius / np.sqrt(tallness), radius * np.sqrt(tallness))
    centre = (rng.uniform(0.35, 0.65), rng.uniform(0.36, 0.52))
    roughness = 0.04 + 0.3 * max(outline_sign, 0.0)
    mask = np.zeros((side, side), np.uint8)
    shapes.fill(mask, shapes.outline(rng, centre, radii, rng.normal(0, 0.15), roughness, range(3, 12)))
    lesion = shapes.soften(mask, 0.008 + 0.012 * max(outline_sign, 0.0))

    # Sound that crossed the lesion is stronger (fluid, soft) or weaker (scatterers) below it.
    path = np.cumsum(lesion, axis=0) / (2 * radii[1] * side)
    tail = cv2.GaussianBlur(np.minimum(path, 1.0), (0, 0), 0.02 * side) * (1 - lesion)
    lesion_db = -rng.uniform(10, 18) - 4 * echo_sign
    tail_db = 16 * (0.45 - tail_sign)
    return np.exp(np.float32(np.log(10) / 20) * (np.float32(lesion_db) * lesion + np.float32(tail_db) * tail))


def _rayleigh_speckle(rng: np.random.Generator, side: int) -> np.ndarray:
    """Fully developed speckle: modulus of a blurred complex Gaussian field, scaled to mean 1.

    Rayleigh amplitude statistics after Burckhardt (1978), IEEE Trans. Sonics Ultrason. 25(1).
    """
    in_phase, quadrature = (shapes.smooth_noise(rng, side, _POINT_SPREAD) for _ in range(2))
    return np.hypot(in_phase, quadrature) / np.float32(np.sqrt(np.pi / 2))
