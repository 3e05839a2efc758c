"""Images made worse as scanners, lenses and files make them: the corruptions of MedMNIST-C.

Severities (`medmnist_c`) are meant for images of 224 px. So images are enlarged to that, corrupted, and shrunk again:
what is finer than a pixel of a small image, as most noise is, does it little harm. A grey image is corrupted as one of
three equal colours and turned to grey again, as MedMNIST-C does: the noise of each colour is weaker in their mean.

Every image has its own random numbers, which follow from its number, the corruption and the severity alone: how images
are divided into blocks changes nothing.
"""

import io
import math
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from PIL import Image

from medfusion.data.medmnist_c import SIDE

BLOCK_BYTES = 2**25  # of enlarged images held at once
LUMA = np.array([0.299, 0.587, 0.114])  # of red, green, blue (ITU-R BT.601)
Corruption = Callable[[np.ndarray, Any, np.random.Generator], np.ndarray]


def large_sides(shape: Sequence[int]) -> tuple[int, int]:
    """Height and width at which images of a shape (H, W, C) are corrupted: 224, or their own where that is more."""
    return max(SIDE, shape[0]), max(SIDE, shape[1])


def block_images(shape: Sequence[int]) -> int:
    """How many images of a shape (H, W, C) are enlarged at once, at least one.

    >>> block_images((28, 28, 3)), block_images((1000, 1000, 1))
    (222, 11)
    """
    height, width = large_sides(shape)
    return max(1, BLOCK_BYTES // (3 * height * width))


def enlarged(images: np.ndarray) -> np.ndarray:
    """Images of 224 px a side that shrink to the given ones, but for a rounding; larger ones stay as large as they are.

    They are interpolated (bicubic), and twice what shrinking would miss is added (back-projection; Irani & Peleg 1991):
    otherwise the way there and back would blur them, and that would pass for the corruption's doing.

    Parameters
    ----------
    images : uint8 (n, H, W, C), C = 1 or 3

    Returns
    -------
    uint8 (n, 224 or H, 224 or W, 3)
    """
    sides = large_sides(images.shape[1:])
    result = np.empty((len(images), *sides, 3), np.uint8)
    for place, image in enumerate(images):
        if image.shape[:2] == sides:
            result[place] = image
            continue
        given = image.astype(np.float32)
        large = _resized(given, sides, cv2.INTER_CUBIC)
        for _ in range(2):
            missed = given - _resized(large, given.shape[:2], cv2.INTER_AREA)
            large += _resized(missed, sides, cv2.INTER_CUBIC)
        result[place] = _as_bytes(large)
    return result


def shrunk(image: np.ndarray, height: int, width: int, channels: int) -> np.ndarray:
    """A large image, uint8 (…, …, 3), at a data set's size: uint8 (height, width, channels), by means of areas."""
    if channels == 1:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]
    return image if image.shape[:2] == (height, width) else _resized(image, (height, width), cv2.INTER_AREA)


def corrupted(
    large: np.ndarray, shape: Sequence[int], name: str, severity: int, parameter: Any, numbers: Sequence[int]
) -> np.ndarray:
    """Enlarged images with one corruption, at their own size again.

    Parameters
    ----------
    large : from `enlarged`
    shape : (H, W, C) of the images
    name : of the corruption
    severity : 1 to 5
    parameter : what `medmnist_c` has for it
    numbers : of the images in their split, (n,); their random numbers follow from these

    Returns
    -------
    uint8 (n, H, W, C)
    """
    result = np.empty((len(large), *shape), np.uint8)
    for place, (image, number) in enumerate(zip(large, numbers, strict=True)):
        rng = np.random.default_rng([zlib.crc32(name.encode()), severity, int(number)])
        worse = CORRUPTIONS[name](image, parameter, rng)
        result[place] = shrunk(worse, *shape)
    return result


# -- one image each, uint8 (H, W, 3), its severity, random numbers; a new one of the same kind -------------------------
# What is placed in images (stains, bubbles, words, circles) belongs to sets of MedMNIST: these are 224 px then.


def _pixelate(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """So small a share of the pixels of a side, means of areas."""
    few = [max(1, int(side * share)) for side in image.shape[:2]]
    return _resized(_resized(image, few, cv2.INTER_AREA), image.shape[:2], cv2.INTER_NEAREST_EXACT)


def _jpeg_compression(image: np.ndarray, quality: int, rng: np.random.Generator) -> np.ndarray:
    """Written as JPEG of this quality (0 to 100), and read again."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file))


def _gaussian_noise(image: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """Normal noise of a standard deviation, as a share of the whole range."""
    return _as_bytes(image + rng.normal(0, 255 * deviation, image.shape))


def _speckle_noise(image: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """Normal noise in proportion to the brightness."""
    return _as_bytes(image * (1 + rng.normal(0, deviation, image.shape)))


def _impulse_noise(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """A share of the values is 0 or 255, half each."""
    draws = rng.random(image.shape)
    return np.where(draws < share / 2, 0, np.where(draws < share, 255, image)).astype(np.uint8)


def _shot_noise(image: np.ndarray, photons: float, rng: np.random.Generator) -> np.ndarray:
    """So many photons where it is white, Poisson-distributed."""
    return _as_bytes(rng.poisson(image / 255 * photons) / photons * 255)


def _defocus_blur(image: np.ndarray, radius_and_edge: Sequence[float], rng: np.random.Generator) -> np.ndarray:
    """The mean over a disk of a radius in pixels, whose edge is softened by a standard deviation."""
    radius, edge = radius_and_edge
    reach, size = (8, (3, 3)) if radius <= 8 else (math.ceil(radius), (5, 5))
    x, y = np.meshgrid(*[np.arange(-reach, reach + 1)] * 2)
    disk = (x**2 + y**2 <= radius**2).astype(np.float32)
    kernel = cv2.GaussianBlur(disk / disk.sum(), size, sigmaX=edge)
    return cv2.filter2D(image, -1, kernel)


def _motion_blur(image: np.ndarray, radius_and_deviation: Sequence[float], rng: np.random.Generator) -> np.ndarray:
    """Smeared to one side, along an angle of -45 to 45 degrees, with half a normal curve for weights.

    As ImageMagick's motion blur: a radius in pixels, beyond which the curve is cut, and its standard deviation.
    """
    radius, deviation = radius_and_deviation
    steps = np.arange(2 * math.ceil(radius) + 1)
    weights = np.exp(-(steps**2) / (2 * deviation**2))
    angle = math.radians(rng.uniform(-45, 45))
    columns, rows = (np.ceil(steps * part - 0.5).astype(int) for part in (math.cos(angle), math.sin(angle)))
    reach = len(steps)
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    np.add.at(kernel, (reach + rows, reach + columns), weights / weights.sum())
    return cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REPLICATE)


def _gaussian_blur(image: np.ndarray, width: int, rng: np.random.Generator) -> np.ndarray:
    """A normal kernel of so many pixels, an odd number; its standard deviation is 0.3 ((width - 1) / 2 - 1) + 0.8."""
    return cv2.GaussianBlur(image, (width, width), sigmaX=0)


def _zoom_blur(image: np.ndarray, zooms: Sequence[float], rng: np.random.Generator) -> np.ndarray:
    """The mean of the image and of it zoomed, by factors from, up to and in steps of what is given."""
    factors = np.arange(*zooms)
    total = image.astype(np.float32)
    centre = (image.shape[1] / 2 - 0.5, image.shape[0] / 2 - 0.5)
    for factor in factors:
        zoomed = cv2.getRotationMatrix2D(centre, 0, float(factor))
        total += cv2.warpAffine(image, zoomed, image.shape[1::-1], flags=cv2.INTER_LINEAR)
    return _as_bytes(total / (len(factors) + 1))


def _brightness(image: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:
    """Values times a factor."""
    return _as_bytes(image * float(factor))


def _contrast(image: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:
    """Distances to the mean brightness times a factor."""
    mean = round(float((image @ LUMA).mean()))
    return _as_bytes((image.astype(np.float32) - mean) * factor + mean)


def _gamma(image: np.ndarray, exponent: float, rng: np.random.Generator) -> np.ndarray:
    """Values, from 0 to 1, to the power of an exponent."""
    return _as_bytes((np.arange(256) / 255) ** exponent * 255)[image]


def _saturate(image: np.ndarray, more: float, rng: np.random.Generator) -> np.ndarray:
    """More of the saturation, from 0 to 1, of hue, saturation and value."""
    hsv = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
    hsv[..., 1] = np.clip(hsv[..., 1] + more, 0, 1)
    return _as_bytes(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * 255)


def _stain_deposit(image: np.ndarray, marks_and_side: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """Up to so many black blots, each in a square of so many pixels; their outlines are drawn at random."""
    most, side = marks_and_side
    result = image.copy()
    turns = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    for _ in range(rng.integers(1, most + 1)):
        waves = sum(
            rng.normal(0, 0.5 / order) * np.cos(order * turns + rng.uniform(0, 2 * np.pi)) for order in range(2, 7)
        )
        radii = side / 2 * (0.8 + 0.2 * np.tanh(waves))
        centre = rng.uniform(10 + side / 2, SIDE - 10 - side / 2, 2)
        outline = centre + radii[:, None] * np.column_stack([np.cos(turns), np.sin(turns)])
        cv2.fillPoly(result, [np.rint(outline).astype(np.int32)], (0, 0, 0))
    return result


def _bubble(image: np.ndarray, radius_and_number: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """7 to so many disks of radii of 3 up to so many pixels, four tenths white, each with an edge of half white."""
    largest, most = radius_and_number
    white = np.zeros(image.shape[:2], np.uint8)
    for _ in range(rng.integers(7, most + 1)):
        radius = int(rng.integers(3, largest + 1))
        centre = [int(place) for place in rng.integers(radius, SIDE - radius + 1, 2)]
        cv2.circle(white, centre, radius + 2, 130, thickness=-1)
        cv2.circle(white, centre, radius, 100, thickness=-1)
    share = white[..., None] / 255
    return _as_bytes(image * (1 - share) + 255 * share)


def _black_corner(image: np.ndarray, radius: float, rng: np.random.Generator) -> np.ndarray:
    """Black outside of a circle about the centre, whose radius is given in half sides."""
    seen = np.zeros(image.shape[:2], np.uint8)
    cv2.circle(seen, (SIDE // 2, SIDE // 2), int(SIDE // 2 * radius), 255, thickness=-1)
    return np.where(seen[..., None] > 0, image, 0).astype(np.uint8)


def _characters(image: np.ndarray, words_letters_size: Sequence[float], rng: np.random.Generator) -> np.ndarray:
    """Up to so many words of 3 up to so many letters, of a size up to so much, in any place and colour."""
    words, letters, largest = words_letters_size
    result = image.copy()
    for _ in range(rng.integers(1, int(words) + 1)):
        number = int(rng.integers(3, int(letters) + 1))
        word = "".join(chr(ord("a") + letter) for letter in rng.integers(0, 26, number))
        size = int(rng.integers(14, round(largest * 100) + 1)) / 100
        place = (int(rng.integers(10, SIDE - 8 * number + 1)), int(rng.integers(10, SIDE - 10 + 1)))
        colour = [int(value) for value in rng.integers(0, 256, 3)]
        cv2.putText(result, word, place, cv2.FONT_HERSHEY_DUPLEX, size, colour, 1, cv2.LINE_AA)
    return result


CORRUPTIONS: dict[str, Corruption] = {
    "pixelate": _pixelate,
    "jpeg_compression": _jpeg_compression,
    "gaussian_noise": _gaussian_noise,
    "speckle_noise": _speckle_noise,
    "impulse_noise": _impulse_noise,
    "shot_noise": _shot_noise,
    "defocus_blur": _defocus_blur,
    "motion_blur": _motion_blur,
    "gaussian_blur": _gaussian_blur,
    "zoom_blur": _zoom_blur,
    "brightness_up": _brightness,
    "brightness_down": _brightness,
    "contrast_up": _contrast,
    "contrast_down": _contrast,
    "gamma_corr_up": _gamma,
    "gamma_corr_down": _gamma,
    "saturate": _saturate,
    "stain_deposit": _stain_deposit,
    "bubble": _bubble,
    "black_corner": _black_corner,
    "characters": _characters,
}


def _resized(image: np.ndarray, size: Sequence[int], how: int) -> np.ndarray:
    """An image (H, W, C) of another (height, width), whose last axis stays where it has one channel."""
    height, width = size
    return cv2.resize(image, (width, height), interpolation=how).reshape(height, width, -1)


def _as_bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
