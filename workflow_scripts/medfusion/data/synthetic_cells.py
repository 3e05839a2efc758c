"""Painter of generated blood cells; see synthetic_scenes.py for what a painter is."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike

from medfusion.data import synthetic_shapes as shapes

_NUCLEUS_SHAPES = ("round", "bilobed", "segmented", "kidney", "none")


@dataclass(frozen=True)
class _CellType:
    """Typical look of one class; `shapes` are odds in the order of `_NUCLEUS_SHAPES`."""

    shapes: tuple[float, float, float, float, float]
    cell_radius: float
    nucleus_ratio: float
    cytoplasm: tuple[int, int, int]
    granule: tuple[int, int, int]
    granule_cover: float


_CELL_TYPES = (
    _CellType((0.2, 0.5, 0.2, 0.1, 0), 0.29, 0.66, (190, 150, 185), (85, 45, 115), 0.55),  # basophil
    _CellType((0.05, 0.7, 0.15, 0.1, 0), 0.31, 0.58, (225, 180, 170), (205, 110, 95), 0.60),  # eosinophil
    _CellType((0.9, 0.05, 0.0, 0.05, 0), 0.21, 0.64, (180, 165, 190), (150, 130, 170), 0.05),  # erythroblast
    _CellType((0.55, 0.05, 0.0, 0.4, 0), 0.33, 0.72, (205, 170, 200), (150, 90, 150), 0.28),  # immature gran.
    _CellType((0.85, 0.0, 0.0, 0.15, 0), 0.23, 0.84, (185, 185, 220), (150, 120, 180), 0.04),  # lymphocyte
    _CellType((0.2, 0.1, 0.0, 0.7, 0), 0.34, 0.68, (185, 175, 205), (160, 130, 180), 0.08),  # monocyte
    _CellType((0.02, 0.13, 0.65, 0.2, 0), 0.30, 0.62, (225, 195, 205), (190, 140, 170), 0.20),  # neutrophil
    _CellType((0.0, 0.0, 0.0, 0.0, 1), 0.10, 0.50, (190, 165, 205), (135, 85, 150), 0.30),  # platelet
)
_LEUKOCYTES = [cell for cell in _CELL_TYPES if cell.shapes[-1] == 0]
_MEAN_CYTOPLASM = np.mean([cell.cytoplasm for cell in _LEUKOCYTES], axis=0)
_MEAN_GRANULE = np.mean([cell.granule for cell in _LEUKOCYTES], axis=0)
_MEAN_COVER = float(np.mean([cell.granule_cover for cell in _LEUKOCYTES]))
_ATYPIA_BETA = (1.4, 3.4)


def blood(rng: np.random.Generator, label: int, size: int) -> np.ndarray:
    """A stained cell on a smear, of the type that its label says."""
    side = size * shapes.SUPERSAMPLING
    cell = _CELL_TYPES[label]
    # Cells differ in how far their colours have moved from the typical look to that of all white cells.
    atypia = rng.beta(*_ATYPIA_BETA)
    cytoplasm = _between(cell.cytoplasm, _MEAN_CYTOPLASM, atypia) + rng.normal(0, 7, 3)
    granule = _between(cell.granule, _MEAN_GRANULE, atypia) + rng.normal(0, 10, 3)
    cover = _between(cell.granule_cover, _MEAN_COVER, atypia) * np.exp(rng.normal(0, 0.3))
    radius = cell.cell_radius * np.exp(rng.normal(0, 0.12))
    centre = tuple(0.5 + rng.normal(0, 0.035, 2))
    shape = str(rng.choice(_NUCLEUS_SHAPES, p=cell.shapes))
    nucleus_radius = radius * np.clip(cell.nucleus_ratio + rng.normal(0, 0.07), 0.35, 0.95)

    body = np.zeros((side, side), np.uint8)
    stretch = np.exp(rng.normal(0, 0.06))
    shapes.fill(body, shapes.outline(rng, centre, (radius * stretch, radius / stretch), rng.uniform(0, np.pi), 0.06))
    nucleus = _nucleus_mask(rng, shape, centre, nucleus_radius, side) & body
    granules = _granule_mask(rng, centre, radius, cover, side) & body

    picture = _smear_background(rng, side)
    picture = _blend(picture, cytoplasm, 0.92 * shapes.soften(body, 0.008))
    chromatin = 1 + 0.1 * shapes.smooth_noise(rng, side, (0.02, 0.02))[..., np.newaxis]
    nucleus_colour = np.array([110, 60, 135]) + rng.normal(0, 10) + rng.normal(0, 6, 3)
    picture = _blend(picture, nucleus_colour.astype(np.float32) * chromatin, 0.95 * shapes.soften(nucleus, 0.006))
    # Granules lie over the nucleus as well, but show less there.
    picture = _blend(picture, granule, shapes.soften(granules, 0.005) * (0.8 - 0.5 * nucleus))
    return _vary_stain(rng, shapes.shrink(picture))


def _between(start: ArrayLike, end: ArrayLike, share: float) -> np.ndarray:
    return (1 - share) * np.asarray(start) + share * np.asarray(end)


def _blend(picture: np.ndarray, colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    change = np.asarray(colour, np.float32) - picture
    change *= alpha[..., np.newaxis].astype(np.float32)
    change += picture
    return change


def _smear_background(rng: np.random.Generator, side: int) -> np.ndarray:
    """Pale plasma with a few red cells, paler in the middle, that the border of the view cuts."""
    plasma = np.array([240, 222, 205]) + rng.normal(0, 3) + rng.normal(0, 2, 3)
    red = np.array([222, 168, 165]) + rng.normal(0, 6, 3)
    discs, pallors = (np.zeros((side, side), np.uint8) for _ in range(2))
    for _ in range(rng.integers(1, 6)):
        bearing, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0.45, 0.65)
        column, row = (round(side * (0.5 + distance * f(bearing))) for f in (np.cos, np.sin))
        axes = side * rng.uniform(0.14, 0.19, 2)
        tilt = rng.uniform(0, 180)
        for mask, share in ((discs, 1.0), (pallors, 0.4)):
            radii = tuple(np.rint(share * axes).astype(int).tolist())
            cv2.ellipse(mask, (column, row), radii, tilt, 0, 360, 1, thickness=-1)
    plain = np.broadcast_to(plasma.astype(np.float32), (side, side, 3))
    return _blend(plain, red, 0.85 * shapes.soften(discs, 0.008) - 0.35 * shapes.soften(pallors, 0.03))


def _nucleus_mask(
    rng: np.random.Generator, shape: str, centre: tuple[float, float], radius: float, side: int
) -> np.ndarray:
    """Mask (side, side), uint8, of a nucleus that fits in a circle of `radius`."""
    mask = np.zeros((side, side), np.uint8)
    if shape == "none":
        return mask
    bearing = rng.uniform(0, 2 * np.pi)
    if shape in ("round", "kidney"):
        shapes.fill(mask, shapes.outline(rng, centre, (radius, radius * rng.uniform(0.82, 1.0)), bearing, 0.05))
        if shape == "kidney":
            notch = np.zeros_like(mask)
            place = centre + radius * rng.uniform(0.7, 1.0) * np.array([np.cos(bearing), np.sin(bearing)])
            shapes.fill(notch, shapes.outline(rng, tuple(place), (0.55 * radius, 0.4 * radius), bearing, 0.08))
            mask &= 1 - notch
        return mask
    lobes = 2 if shape == "bilobed" else int(rng.integers(3, 6))
    lobe_radius = radius * (0.55 if shape == "bilobed" else 0.42) * rng.uniform(0.9, 1.1)
    span = np.pi * (rng.uniform(0.7, 1.0) if shape == "bilobed" else rng.uniform(0.9, 1.5))
    bearings = bearing + np.linspace(0, span, lobes)
    places = centre + (radius - lobe_radius) * np.stack([np.cos(bearings), np.sin(bearings)], axis=1)
    for place in places:
        radii = (lobe_radius, 0.85 * lobe_radius)
        shapes.fill(mask, shapes.outline(rng, tuple(place), radii, rng.uniform(0, np.pi), 0.08))
    bridge = np.rint(places * side).astype(np.int32)
    cv2.polylines(mask, [bridge], False, 1, thickness=max(1, round(0.5 * lobe_radius * side)))
    return mask


def _granule_mask(
    rng: np.random.Generator, centre: tuple[float, float], radius: float, cover: float, side: int
) -> np.ndarray:
    """Mask (side, side), uint8, of dots thrown evenly on a disc; `cover` is dot area over disc area."""
    mask = np.zeros((side, side), np.uint8)
    dot_radius = 0.014
    n_dots = rng.poisson(cover * (radius / dot_radius) ** 2)
    distance = radius * np.sqrt(rng.random(n_dots))
    bearing = rng.uniform(0, 2 * np.pi, n_dots)
    x, y = centre[0] + distance * np.cos(bearing), centre[1] + distance * np.sin(bearing)
    column, row = (np.clip(np.rint(position * side).astype(int), 0, side - 1) for position in (x, y))
    mask[row, column] = 1
    width = 2 * max(1, round(dot_radius * side)) + 1
    return cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width)))


def _vary_stain(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Vary brightness, and stain per channel in optical density (Beer-Lambert)."""
    strength = np.exp(rng.normal(0, 0.08)) * np.exp(rng.normal(0, 0.04, 3))
    brightness = 255 * (1 - abs(rng.normal(0, 0.04)))
    transmitted = np.power(np.clip(picture, 1, 255) / 255, strength.astype(np.float32))
    sensor_noise = 2 * rng.standard_normal(picture.shape, dtype=np.float32)
    return np.float32(brightness) * transmitted + sensor_noise
