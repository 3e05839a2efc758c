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


def ultrasound(rng: np.random.Generator, label: int, size: int) -> np.ndarray:
    """Breast tissue in layers, mostly with a lesion: malignant ones (0) are ragged, upright and cast a shadow."""
    y, _ = (np.mgrid[:size, :size].astype(np.float32) + 0.5) / size
    depth = y + 0.03 * noise(rng, size, 0.15)
    echo = np.interp(depth, (0, 0.06, 0.3, 0.8, 1), rng.uniform((0.7, 0.3, 0.5, 0.4, 0.1), (1.1, 0.6, 1, 0.7, 0.3)))
    echo = echo * np.exp(0.3 * noise(rng, size, 0.05, 1.6))
    if label == 0 or rng.random() > 0.23:
        # Signs of malignancy, of which a lesion shows each more or less.
        upright, ragged, dark, shadow = rng.beta(*((6, 2.2), (2.2, 6))[int(label)]) + rng.normal(0, 0.13, 4)
        radius, tall = rng.uniform(0.14, 0.24), np.exp(0.45 * (upright - 0.6))
        x, top = _around(rng, (0.5, 0.42), 0.06)
        lesion = disc(size, (x, top), (radius / tall, radius * tall), 0.02)
        lesion = np.clip(lesion * (1 + 0.8 * ragged * noise(rng, size, 0.03)), 0, 1)
        below = disc(size, (x, top + 2 * radius), (0.9 * radius / tall, 1.6 * radius), 0.03) * (1 - lesion)
        echo = echo * np.exp(-(1.8 + 0.5 * dark) * lesion + 1.8 * (0.45 - shadow) * below)
    speckle = np.hypot(noise(rng, size, 0.012, 1.3), noise(rng, size, 0.012, 1.3))  # Rayleigh's; in decibels below
    picture = 255 + 93 * np.log10(echo * speckle + 1e-3) + rng.normal(-90, 7)
    return picture.astype(np.float32)


# Of each blood cell: radius, share of the nucleus in it, lobes, colours of cytoplasm and granules, cover of the latter.
BLOOD_CELLS = (
    (0.29, 0.66, 2, (190, 150, 185), (85, 45, 115), 0.55),  # basophil
    (0.31, 0.58, 2, (225, 180, 170), (205, 110, 95), 0.60),  # eosinophil
    (0.21, 0.64, 1, (180, 165, 190), (150, 130, 170), 0.05),  # erythroblast
    (0.33, 0.72, 1, (205, 170, 200), (150, 90, 150), 0.28),  # immature granulocyte
    (0.23, 0.84, 1, (185, 185, 220), (150, 120, 180), 0.04),  # lymphocyte
    (0.34, 0.68, 2, (185, 175, 205), (160, 130, 180), 0.08),  # monocyte
    (0.30, 0.62, 4, (225, 195, 205), (190, 140, 170), 0.20),  # neutrophil
    (0.10, 0.50, 0, (190, 165, 205), (135, 85, 150), 0.30),  # platelet
)


def blood_cell(rng: np.random.Generator, label: int, size: int) -> np.ndarray:
    """A stained cell on a smear between red cells: size, nucleus, colour and granules go with the class."""
    radius, ratio, lobes, cytoplasm, granule, cover = BLOOD_CELLS[label]
    shade, radius = rng.beta(1.5, 3), radius * np.exp(rng.normal(0, 0.15))  # shade: how far it is like all others
    centre, bearing = np.array(_around(rng, (0.5, 0.5), 0.035)), rng.uniform(0, 2 * np.pi)
    body = disc(size, tuple(centre), tuple(radius * np.exp(rng.normal(0, 0.06, 2))), 0.012)
    lobes = lobes + int(rng.integers(-1, 2) * (rng.random() < 0.35)) if lobes > 1 else lobes
    nucleus = np.zeros((size, size), np.float32)
    for turn in bearing + np.linspace(0, 3.5, lobes) if lobes else ():
        of_lobe = radius * (ratio + rng.normal(0, 0.05)) * (1, 0.62, 0.5, 0.45, 0.4)[lobes - 1]
        away = (radius * ratio - of_lobe) * np.array([np.cos(turn), np.sin(turn)]) + rng.normal(0, 0.1 * radius, 2)
        lobe = disc(size, tuple(centre + away), tuple(of_lobe * np.exp(rng.normal(0, 0.12, 2))), 0.012)
        nucleus = np.maximum(nucleus, lobe * body)
    nucleus = nucleus * np.clip(1 + 0.2 * noise(rng, size, 0.05), 0, 1)  # chromatin
    grains = body * (noise(rng, size, 0.012) > np.sqrt(2) * (1 - 2 * cover * (1 - 0.5 * shade)))
    picture = np.array([240, 222, 205]) + rng.normal(0, 3, 3) + np.zeros((size, size, 1))
    for turn in rng.uniform(0, 2 * np.pi, rng.integers(1, 6)):
        place = tuple(0.5 + rng.uniform(0.45, 0.65) * np.array([np.cos(turn), np.sin(turn)]))
        red = disc(size, place, tuple(rng.uniform(0.14, 0.19, 2)), 0.012) - 0.4 * disc(size, place, (0.07, 0.07), 0.04)
        picture = _over(picture, np.array([212, 145, 145]), red)
    for colour, common, mask, sd in (
        (cytoplasm, (200, 172, 196), 0.92 * body, 7),
        ((110, 60, 135), (110, 60, 135), 0.95 * nucleus, 10),
        (granule, (158, 105, 154), grains * (0.8 - 0.5 * nucleus), 10),
    ):
        picture = _over(picture, (1 - shade) * np.array(colour) + shade * np.array(common) + rng.normal(0, sd, 3), mask)
    stain = np.exp(rng.normal(0, 0.08)) * np.exp(rng.normal(0, 0.04, 3))  # Beer-Lambert
    picture = 255 * np.power(np.clip(picture, 1, 255) / 255, stain) - abs(rng.normal(0, 8))
    return (picture + rng.normal(0, 2, picture.shape)).astype(np.float32)


def _over(picture: np.ndarray, colour: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return picture + mask[..., None] * (colour - picture)


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
