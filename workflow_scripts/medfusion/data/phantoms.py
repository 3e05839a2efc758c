"""Generated images in MedMNIST format, so that the whole workflow runs without network."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike

from medfusion.data import phantom_scenes as scenes

SPLITS = ("train", "val", "test")
MIN_SIZE = 16
TWIN_FRACTION = 0.01
BLOCK_BYTES = 2**25  # of images that are drawn before they are handed on

_SUPERSAMPLING = 3
_TWIN_NOISE_SD = 2.0
_TWIN_SHIFT_LIMIT = 4.0

Painter = Callable[[np.random.Generator, int | np.ndarray, int], np.ndarray]


@dataclass(frozen=True)
class Phantom:
    """How one data set is generated.

    Attributes
    ----------
    painter : callable
        ``painter(rng, label, size)`` returns one image of grey values 0..255 (clipped later), float32,
        shape ``(size, size)`` or ``(size, size, 3)`` (RGB).
    class_fractions : tuple of float
        Share of each label, in label order; they sum to 1, but where an image may have several labels.
    channels : int
        1 for grey, 3 for colour.
    several : bool
        Whether an image may have several labels at once, which the painter takes as 0 and 1, shape ``(k,)``.
    """

    painter: Painter
    class_fractions: tuple[float, ...]
    channels: int
    several: bool = False


def generate(flag: str, size: int, counts: dict[str, int], seed: int) -> dict[str, np.ndarray]:
    """Generate a labelled image set with the keys and dtypes of a MedMNIST ``.npz`` file.

    Parameters
    ----------
    flag : str
        Name of the imitated data set, a key of `PHANTOMS`.
    size : int
        Edge length of the images in pixels, at least `MIN_SIZE`.
    counts : dict of str to int
        Number of images for each of ``train``, ``val`` and ``test``; each at least the number of classes.
    seed : int
        Non-negative seed; the same arguments give the same arrays.

    Returns
    -------
    dict of str to numpy.ndarray
        For each split ``<split>_images``, uint8, ``(n, size, size)`` for grey and ``(n, size, size, 3)``
        (RGB) for colour, and ``<split>_labels``, uint8, ``(n, 1)``, or ``(n, k)`` of 0 and 1 where an image may
        have several labels; also ``provenance``, a 0-d unicode
        array. About `TWIN_FRACTION` of the test images (at least one) are re-noised copies of a training
        image of the same class, so that an audit for duplicates has something to find.

    Raises
    ------
    ValueError
        If the flag is unknown, the size too small, a split missing or unknown, a count too small, or the
        seed negative.
    """
    drawn = Drawing(flag, size, counts, seed)
    arrays: dict[str, np.ndarray] = {}
    for split in SPLITS:
        arrays[f"{split}_images"] = np.empty((counts[split], *drawn.shape), np.uint8)
        arrays[f"{split}_labels"] = drawn.labels[split]
        start = 0
        for block in drawn.images(split):
            arrays[f"{split}_images"][start : start + len(block)] = block
            start += len(block)
    arrays["provenance"] = drawn.provenance
    return arrays


class Drawing:
    """What `generate` returns, drawn in blocks: its images need not all be in memory.

    Attributes
    ----------
    labels : dict of str to numpy.ndarray
        uint8 ``(n, 1)`` for each split; ``(n, k)`` for several labels at once.
    shape : tuple of int
        Of an image: ``(size, size)`` or ``(size, size, 3)``.
    provenance : numpy.ndarray
        0-d, a text.
    """

    def __init__(self, flag: str, size: int, counts: dict[str, int], seed: int):
        _check_arguments(flag, size, counts, seed)
        phantom = PHANTOMS[flag]
        *split_seeds, twin_seed = np.random.SeedSequence(seed).spawn(len(SPLITS) + 1)
        self.shape = (size, size) if phantom.channels == 1 else (size, size, phantom.channels)
        self.provenance = np.array(f"generated images (medfusion phantoms, seed {seed})")
        self._painter, self._size = phantom.painter, size
        self._rngs = {split: np.random.default_rng(seed) for split, seed in zip(SPLITS, split_seeds, strict=True)}
        draw = _independent_labels if phantom.several else _stratified_labels
        self.labels = {
            split: draw(rng, counts[split], phantom.class_fractions).reshape(counts[split], -1)
            for split, rng in self._rngs.items()
        }
        self._several = phantom.several
        self._twins = _plan_twins(
            np.random.default_rng(twin_seed), self.labels["train"], self.labels["test"], self.shape
        )
        self._sources: dict[int, np.ndarray] = dict.fromkeys(twin.source for twin in self._twins.values())

    def images(self, split: str) -> Iterator[np.ndarray]:
        """The images of a split in blocks, once; those of train come first, because some of test are made from them."""
        rng, labels = self._rngs.pop(split), self.labels[split]
        rows = max(1, BLOCK_BYTES // math.prod(self.shape))
        for start in range(0, len(labels), rows):
            block = np.empty((len(labels[start : start + rows]), *self.shape), np.uint8)
            for row, index in enumerate(range(start, start + len(block))):
                label = labels[index] if self._several else int(labels[index, 0])
                block[row] = _to_uint8(self._painter(rng, label, self._size))
                if split == "train" and index in self._sources:
                    self._sources[index] = block[row].copy()
                if split == "test" and index in self._twins:
                    twin = self._twins[index]
                    block[row] = twin.of(self._sources[twin.source])
            yield block


@dataclass(frozen=True)
class _Twin:
    """A test image that is a training image of the same class, noisier and a little brighter or darker.

    source : index of the training image
    shift : of all its values
    state : of the generator that draws the noise
    """

    source: int
    shift: float
    state: dict[str, Any]

    def of(self, image: np.ndarray) -> np.ndarray:
        """The twin of its source."""
        rng = np.random.default_rng()
        rng.bit_generator.state = self.state
        source = image.astype(np.float32)
        return _to_uint8(source + rng.normal(self.shift, _TWIN_NOISE_SD, source.shape))


def _plan_twins(
    rng: np.random.Generator, train_labels: np.ndarray, test_labels: np.ndarray, shape: tuple[int, ...]
) -> dict[int, _Twin]:
    """By index, the test images that are to be twins."""
    twins = {}
    n_twins = max(1, round(TWIN_FRACTION * len(test_labels)))
    for position in rng.choice(len(test_labels), n_twins, replace=False):
        same_class = np.flatnonzero((train_labels == test_labels[position]).all(axis=1))
        if not same_class.size:  # of several labels no training image has the same
            continue
        source = rng.choice(same_class)
        shift = rng.uniform(-_TWIN_SHIFT_LIMIT, _TWIN_SHIFT_LIMIT)
        twins[int(position)] = _Twin(int(source), shift, rng.bit_generator.state)
        rng.normal(size=shape)  # as many draws as the noise will take
    return twins


def _check_arguments(flag: str, size: int, counts: dict[str, int], seed: int) -> None:
    if flag not in PHANTOMS:
        raise ValueError(f"no phantom for flag {flag!r}; allowed: {', '.join(sorted(PHANTOMS))}")
    if size < MIN_SIZE:
        raise ValueError(f"size {size} is too small; allowed: {MIN_SIZE} pixels or more")
    if set(counts) != set(SPLITS):
        raise ValueError(f"counts has the splits {sorted(counts)}; allowed: exactly {', '.join(SPLITS)}")
    n_classes = len(PHANTOMS[flag].class_fractions)
    for split in SPLITS:
        if counts[split] < n_classes:
            raise ValueError(
                f"count {counts[split]} for split {split!r} is too small; allowed: {n_classes} or more, "
                f"the number of classes of {flag}"
            )
    if seed < 0:
        raise ValueError(f"seed {seed} is negative; allowed: 0 or more")


def _stratified_labels(rng: np.random.Generator, n: int, fractions: tuple[float, ...]) -> np.ndarray:
    """Shuffled labels: one of each class, the others by largest deficit from the wanted fractions."""
    target = n * np.asarray(fractions)
    per_class = np.maximum(np.floor(target).astype(int), 1)
    while per_class.sum() < n:
        per_class[np.argmax(target - per_class)] += 1
    while per_class.sum() > n:
        surplus = np.where(per_class > 1, per_class - target, -np.inf)
        per_class[np.argmax(surplus)] -= 1
    return rng.permutation(np.repeat(np.arange(len(fractions), dtype=np.uint8), per_class))


def _independent_labels(rng: np.random.Generator, n: int, fractions: tuple[float, ...]) -> np.ndarray:
    """Labels (n, k) of 0 and 1, each on its share of the images and at least on one, independent of the others."""
    labels = np.zeros((n, len(fractions)), np.uint8)
    for label, fraction in enumerate(fractions):
        number = min(max(1, round(fraction * n)), n - 1)
        labels[rng.choice(n, number, replace=False), label] = 1
    return labels


def _to_uint8(grey_values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(grey_values), 0, 255).astype(np.uint8)


# Shapes and textures shared by the painters; lengths are fractions of the canvas side.


_THETA = np.linspace(0, 2 * np.pi, 90, endpoint=False)
_COS_SIN = np.stack([np.cos(_THETA), np.sin(_THETA)], axis=1)


def _outline(
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


def _fill(mask: np.ndarray, outline: np.ndarray) -> None:
    cv2.fillPoly(mask, [np.rint(outline * mask.shape[0]).astype(np.int32)], 1)


def _shrink(canvas: np.ndarray) -> np.ndarray:
    size = canvas.shape[0] // _SUPERSAMPLING
    return cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)


def _soften(mask: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma * mask.shape[0])


def _smooth_noise(rng: np.random.Generator, side: int, sigma: tuple[float, float]) -> np.ndarray:
    """Gaussian field (side, side) of unit sd, blurred with `sigma` (across, down)."""
    white = rng.standard_normal((side, side), dtype=np.float32)
    field = cv2.GaussianBlur(white, (0, 0), sigmaX=sigma[0] * side, sigmaY=sigma[1] * side)
    return field / field.std()


# Breast ultrasound.

_NORMAL_SHARE = 0.23  # normal among 'normal, benign' in BUSI: 133 of 570
_MALIGNANCY_BETA = ((6.0, 2.2), (2.2, 6.0))
_MALIGNANCY_COUPLING_SD = 0.13
_POINT_SPREAD = (0.018, 0.01)
_DYNAMIC_RANGE_DB = 55.0


def _paint_breast(rng: np.random.Generator, label: int, size: int) -> np.ndarray:
    side = size * _SUPERSAMPLING
    echo = _tissue_layers(rng, side)
    if label == 0 or rng.random() >= _NORMAL_SHARE:
        echo *= _lesion_contrast(rng, rng.beta(*_MALIGNANCY_BETA[label]), side)
    echo *= _rayleigh_speckle(rng, side)
    gain_db = rng.normal(-16, 1.5)
    level = 1 + (20 * np.log10(echo + 1e-4) + gain_db) / _DYNAMIC_RANGE_DB
    return _shrink(255 * np.clip(level.astype(np.float32), 0, 1))


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
    echo *= np.exp(0.3 * _smooth_noise(rng, side, (0.08, 0.03)))
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
    _fill(mask, _outline(rng, centre, radii, rng.normal(0, 0.15), roughness, range(3, 12)))
    lesion = _soften(mask, 0.008 + 0.012 * max(outline_sign, 0.0))

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
    in_phase, quadrature = (_smooth_noise(rng, side, _POINT_SPREAD) for _ in range(2))
    return np.hypot(in_phase, quadrature) / np.float32(np.sqrt(np.pi / 2))


# Stained blood cells.

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
_BLOOD_TRAIN_COUNTS = np.array([852, 2181, 1085, 2026, 849, 993, 2330, 1643])
_LEUKOCYTES = [cell for cell in _CELL_TYPES if cell.shapes[-1] == 0]
_MEAN_CYTOPLASM = np.mean([cell.cytoplasm for cell in _LEUKOCYTES], axis=0)
_MEAN_GRANULE = np.mean([cell.granule for cell in _LEUKOCYTES], axis=0)
_MEAN_COVER = float(np.mean([cell.granule_cover for cell in _LEUKOCYTES]))
_ATYPIA_BETA = (1.4, 3.4)


def _paint_blood(rng: np.random.Generator, label: int, size: int) -> np.ndarray:
    side = size * _SUPERSAMPLING
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
    _fill(body, _outline(rng, centre, (radius * stretch, radius / stretch), rng.uniform(0, np.pi), 0.06))
    nucleus = _nucleus_mask(rng, shape, centre, nucleus_radius, side) & body
    granules = _granule_mask(rng, centre, radius, cover, side) & body

    picture = _smear_background(rng, side)
    picture = _blend(picture, cytoplasm, 0.92 * _soften(body, 0.008))
    chromatin = 1 + 0.1 * _smooth_noise(rng, side, (0.02, 0.02))[..., np.newaxis]
    nucleus_colour = np.array([110, 60, 135]) + rng.normal(0, 10) + rng.normal(0, 6, 3)
    picture = _blend(picture, nucleus_colour.astype(np.float32) * chromatin, 0.95 * _soften(nucleus, 0.006))
    # Granules lie over the nucleus as well, but show less there.
    picture = _blend(picture, granule, _soften(granules, 0.005) * (0.8 - 0.5 * nucleus))
    return _vary_stain(rng, _shrink(picture))


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
    return _blend(plain, red, 0.85 * _soften(discs, 0.008) - 0.35 * _soften(pallors, 0.03))


def _nucleus_mask(
    rng: np.random.Generator, shape: str, centre: tuple[float, float], radius: float, side: int
) -> np.ndarray:
    """Mask (side, side), uint8, of a nucleus that fits in a circle of `radius`."""
    mask = np.zeros((side, side), np.uint8)
    if shape == "none":
        return mask
    bearing = rng.uniform(0, 2 * np.pi)
    if shape in ("round", "kidney"):
        _fill(mask, _outline(rng, centre, (radius, radius * rng.uniform(0.82, 1.0)), bearing, 0.05))
        if shape == "kidney":
            notch = np.zeros_like(mask)
            place = centre + radius * rng.uniform(0.7, 1.0) * np.array([np.cos(bearing), np.sin(bearing)])
            _fill(notch, _outline(rng, tuple(place), (0.55 * radius, 0.4 * radius), bearing, 0.08))
            mask &= 1 - notch
        return mask
    lobes = 2 if shape == "bilobed" else int(rng.integers(3, 6))
    lobe_radius = radius * (0.55 if shape == "bilobed" else 0.42) * rng.uniform(0.9, 1.1)
    span = np.pi * (rng.uniform(0.7, 1.0) if shape == "bilobed" else rng.uniform(0.9, 1.5))
    bearings = bearing + np.linspace(0, span, lobes)
    places = centre + (radius - lobe_radius) * np.stack([np.cos(bearings), np.sin(bearings)], axis=1)
    for place in places:
        radii = (lobe_radius, 0.85 * lobe_radius)
        _fill(mask, _outline(rng, tuple(place), radii, rng.uniform(0, np.pi), 0.08))
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


def _shares(*counts: float) -> tuple[float, ...]:
    return tuple(np.array(counts) / sum(counts))


# Classes have about the shares of the real training images; labels of the chest those of the films that they are on.
_CHEST_SHARES = (0.10, 0.025, 0.12, 0.18, 0.05, 0.056, 0.013, 0.047, 0.042, 0.02, 0.022, 0.015, 0.03, 0.002)
PHANTOMS: dict[str, Phantom] = {
    "pathmnist": Phantom(scenes.stained_tissue, _shares(10, 11, 12, 12, 9, 14, 9, 10, 14), 3),
    "chestmnist": Phantom(scenes.chest_findings, _CHEST_SHARES, 1, several=True),
    "dermamnist": Phantom(scenes.skin, _shares(3.3, 5.1, 11, 1.2, 11, 67, 1.4), 3),
    "octmnist": Phantom(scenes.retinal_layers, _shares(34, 10, 8, 47), 1),
    "pneumoniamnist": Phantom(scenes.chest_film, _shares(26, 74), 1),
    "retinamnist": Phantom(scenes.fundus, _shares(45, 12, 19, 18, 6), 3),
    "breastmnist": Phantom(_paint_breast, (0.27, 0.73), 1),
    "bloodmnist": Phantom(_paint_blood, tuple(_BLOOD_TRAIN_COUNTS / _BLOOD_TRAIN_COUNTS.sum()), 3),
    "tissuemnist": Phantom(scenes.kidney_cells, _shares(32, 5, 4, 9, 7, 5, 24, 15), 1),
    "organamnist": Phantom(scenes.body_section, _shares(6, 4, 4, 4, 11, 11, 18, 11, 11, 9, 10), 1),
    "organcmnist": Phantom(scenes.body_section, _shares(9, 5, 5, 5, 8, 9, 23, 8, 8, 9, 12), 1),
    "organsmnist": Phantom(scenes.body_section, _shares(8, 5, 4, 5, 8, 8, 25, 5, 6, 14, 11), 1),
}
