"""Painters of generated images, one for each kind of picture among the data sets: cheap, and with classes that differ.

A painter takes a source of randomness, a label (of several labels at once, 0 and 1 of shape (k,)) and the side in
pixels, and returns grey values 0 … 255 (clipped later), float32, of shape (size, size) or (size, size, 3) for colour.
What tells classes apart is drawn with spread, so that they overlap.
"""

import cv2
import numpy as np

GOLDEN = 0.618034  # steps by it spread any number of values evenly over 0 … 1


def spread(label: int | np.integer, offset: float = 0.0) -> float:
    """A number in 0 … 1 that is far from those of other labels.

    >>> [round(spread(label), 2) for label in range(4)]
    [0.0, 0.62, 0.24, 0.85]
    """
    return (offset + GOLDEN * label) % 1.0


def noise(rng: np.random.Generator, size: int, scale: float, stretch: float = 1.0) -> np.ndarray:
    """A smooth Gaussian field (size, size) of unit sd; `scale`, a share of the side, is that of its spots."""
    sigma = max(scale * size, 0.4)
    field = cv2.GaussianBlur(
        rng.standard_normal((size, size), dtype=np.float32), (0, 0), sigmaX=sigma * stretch, sigmaY=sigma / stretch
    )
    return field / max(float(field.std()), 1e-6)


def disc(size: int, centre: tuple[float, float], radii: tuple[float, float], edge: float = 0.03) -> np.ndarray:
    """An ellipse (size, size), 1 inside and 0 outside with an edge between; lengths are shares of the side, (x, y)."""
    y, x = (np.mgrid[:size, :size].astype(np.float32) + 0.5) / size
    distance = np.hypot((x - centre[0]) / radii[0], (y - centre[1]) / radii[1])
    return 1 / (1 + np.exp(np.clip((distance - 1) * min(radii) / edge, -30, 30)))


def _around(rng: np.random.Generator, place: tuple[float, float], sd: float = 0.02) -> tuple[float, float]:
    return tuple(np.asarray(place) + rng.normal(0, sd, 2))


def stained_tissue(rng: np.random.Generator, label: int, size: int) -> np.ndarray:
    """A stained section: density, grain and direction of nuclei, and the hue, go with the class."""
    grain = 0.012 * np.exp(1.6 * spread(label) + rng.normal(0, 0.12))
    fibres = noise(rng, size, grain, np.exp(0.9 * spread(label, 0.3)))
    nuclei = 1 / (1 + np.exp(-4 * (fibres - 1.4 + 1.8 * spread(label, 0.5) + rng.normal(0, 0.15))))
    pink = np.array([235, 190 - 60 * spread(label, 0.7), 215]) + rng.normal(0, 7, 3)
    purple = np.array([105, 60, 140 + 40 * spread(label, 0.2)]) + rng.normal(0, 8, 3)
    picture = pink + nuclei[..., None] * (purple - pink) + 8 * noise(rng, size, 0.1)[..., None]
    return (picture + rng.normal(0, 3, picture.shape)).astype(np.float32)


def kidney_cells(rng: np.random.Generator, label: int, size: int) -> np.ndarray:
    """A cell under a fluorescence microscope: size, shape and brightness of its rim go with the class."""
    radius = 0.18 + 0.2 * spread(label) + rng.normal(0, 0.015)
    flat = np.exp(0.5 * (spread(label, 0.4) - 0.5) + rng.normal(0, 0.06))
    centre = _around(rng, (0.5, 0.5))
    body = disc(size, centre, (radius * flat, radius / flat))
    core = disc(size, centre, (0.6 * radius * flat, 0.6 * radius / flat))
    rim, grains = spread(label, 0.7), 1 + 0.25 * noise(rng, size, 0.02 + 0.03 * spread(label, 0.1))
    light = 25 + 14 * noise(rng, size, 0.12) + (170 * rim * (body - core) + 150 * (1 - rim) * core) * grains
    return (light + rng.normal(0, 6, light.shape)).astype(np.float32)


def skin(rng: np.random.Generator, label: int, size: int) -> np.ndarray:
    """A skin lesion through a dermatoscope: its colour, size and raggedness go with the class."""
    colour = np.array([222, 170, 150]) + rng.normal(0, 8, 3)
    pigment = np.array([110 + 80 * spread(label), 60 + 40 * spread(label, 0.5), 50 + 60 * spread(label, 0.3)])
    radius = 0.14 + 0.22 * spread(label, 0.2) + rng.normal(0, 0.02)
    lesion = disc(size, _around(rng, (0.5, 0.5), 0.03), (radius, radius * np.exp(rng.normal(0, 0.15))), 0.05)
    ragged = 0.1 + 0.5 * spread(label, 0.7)
    lesion = np.clip(lesion * (1 + ragged * noise(rng, size, 0.03)), 0, 1)[..., None]
    picture = colour + lesion * (pigment + rng.normal(0, 12, 3) - colour) + 5 * noise(rng, size, 0.08)[..., None]
    return (picture + rng.normal(0, 3, picture.shape)).astype(np.float32)


def retinal_layers(rng: np.random.Generator, label: int, size: int) -> np.ndarray:
    """A section through the retina: new vessels lift it (0), fluid fills it (1), drusen dent it (2), or none (3)."""
    y, x = (np.mgrid[:size, :size].astype(np.float32) + 0.5) / size
    lift = rng.normal(0.12, 0.03) * np.exp(-(((x - rng.normal(0.5, 0.08)) / 0.15) ** 2)) if label == 0 else 0
    dents = 0.035 * np.maximum(0, np.sin(2 * np.pi * (rng.uniform(3, 6) * x + rng.random()))) if label == 2 else 0
    base = 0.6 + 0.06 * (x - 0.5) * rng.normal(0, 1) - lift
    picture = np.full((size, size), 12, np.float32)
    for depth, light in ((-0.2, 90), (-0.13, 60), (-0.06, 110), (0.0, 190)):
        line = base + depth * (1 - 0.5 * np.exp(-(((x - 0.5) / 0.1) ** 2))) - (dents if depth == 0 else 0)
        picture += light * np.exp(-(((y - line) / 0.018) ** 2)) + 30 * ((y > line) & (y < base + 0.1))
    for _ in range(int(rng.integers(1, 4)) if label == 1 else 0):
        place = (rng.uniform(0.3, 0.7), 0.52 + rng.normal(0, 0.02))
        picture *= 1 - 0.85 * disc(size, place, (rng.uniform(0.05, 0.1), 0.035), 0.01)
    return (picture * rng.rayleigh(0.8, picture.shape)).astype(np.float32)


def fundus(rng: np.random.Generator, label: int, size: int) -> np.ndarray:
    """The back of an eye: the higher the grade, the more bleedings and pale spots."""
    eye = disc(size, (0.5, 0.5), (0.47, 0.47), 0.01)[..., None]
    picture = np.array([165, 80, 35]) + rng.normal(0, 8, 3) + 10 * noise(rng, size, 0.1)[..., None]
    side = rng.choice((-1, 1))
    picture = picture + 70 * disc(size, (0.5 + 0.28 * side, 0.5), (0.07, 0.08), 0.02)[..., None]
    picture = picture - 30 * disc(size, (0.5 - 0.1 * side, 0.5), (0.08, 0.08), 0.04)[..., None]
    for _ in range(rng.poisson(2.5 * label)):
        place = tuple(0.5 + 0.32 * rng.uniform(-1, 1, 2))
        spot = disc(size, place, tuple(rng.uniform(0.015, 0.045, 2)), 0.01)[..., None]
        picture = picture + spot * (np.array([-60, -45, -15]) if rng.random() < 0.6 else np.array([60, 80, 40]))
    return (picture * eye + rng.normal(0, 3, picture.shape)).astype(np.float32)


def _chest(rng: np.random.Generator, size: int, heart: float = 0.17) -> np.ndarray:
    """A plain chest film: ribs, two lungs, and a heart of a half-width to the right of the picture's middle."""
    y, _ = (np.mgrid[:size, :size].astype(np.float32) + 0.5) / size
    picture = np.full((size, size), 175, np.float32)
    for place in ((0.29, 0.48), (0.71, 0.48)):
        picture -= 105 * disc(size, _around(rng, place), (0.17, 0.33), 0.02)
    picture += 12 * np.sin(2 * np.pi * (8 * y + rng.random()))
    picture += 70 * disc(size, (0.53 + 0.3 * heart, 0.62), (heart, 0.17), 0.02)
    return picture + rng.normal(0, 8) + 6 * noise(rng, size, 0.06)


def chest_film(rng: np.random.Generator, label: int, size: int) -> np.ndarray:
    """A chest film without (0) or with (1) patches of pneumonia."""
    picture = _chest(rng, size)
    for _ in range(int(rng.integers(1, 4)) * int(label)):
        place = (rng.choice((0.29, 0.71)) + rng.normal(0, 0.03), rng.uniform(0.35, 0.7))
        picture += rng.normal(55, 15) * disc(size, place, tuple(rng.uniform(0.06, 0.14, 2)), 0.05)
    return (picture + rng.normal(0, 4, picture.shape)).astype(np.float32)


def chest_findings(rng: np.random.Generator, labels: np.ndarray, size: int) -> np.ndarray:
    """A chest film with any of some findings: each is a shadow of a place, extent and texture of its own.

    The second, an enlarged heart in ChestMNIST, widens the heart.
    """
    picture = _chest(rng, size, 0.17 + (0.07 if len(labels) > 1 and labels[1] else 0) + rng.normal(0, 0.01))
    for number in np.flatnonzero(labels):
        if number == 1:
            continue
        place = ((0.29, 0.71)[number % 2], 0.25 + 0.5 * spread(number))
        extent = 0.04 + 0.12 * spread(number, 0.4)
        shadow = disc(size, _around(rng, place), (extent, extent * np.exp(rng.normal(0, 0.2))), 0.03)
        grain = 1 + 0.6 * spread(number, 0.2) * noise(rng, size, 0.02)
        picture += (75 if number % 3 else -60) * rng.normal(1, 0.2) * shadow * grain
    return (picture + rng.normal(0, 5, picture.shape)).astype(np.float32)


def body_section(rng: np.random.Generator, label: int, size: int) -> np.ndarray:
    """An organ cut out of a section of the body: its place, extent and brightness go with the class."""
    picture = 60 * disc(size, (0.5, 0.5), (0.48, 0.44), 0.02) + 10 * noise(rng, size, 0.08)
    bearing = 2 * np.pi * spread(label)
    centre = (0.5 + 0.14 * np.cos(bearing), 0.5 + 0.14 * np.sin(bearing))
    extent = 0.12 + 0.16 * spread(label, 0.5) + rng.normal(0, 0.015)
    tall = np.exp(0.5 * (spread(label, 0.25) - 0.5) + rng.normal(0, 0.08))
    organ = disc(size, _around(rng, centre, 0.025), (extent / tall, extent * tall), 0.02)
    light = 40 + 150 * spread(label, 0.7) + rng.normal(0, 10)
    picture += organ * (light * (1 + 0.12 * noise(rng, size, 0.03)) - picture)
    return (picture + rng.normal(0, 5, picture.shape)).astype(np.float32)
