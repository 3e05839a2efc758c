"""Generated images in MedMNIST format, so that the whole workflow runs without network."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from medfusion.data import synthetic_scenes as scenes

SPLITS = ("train", "val", "test")
MIN_SIZE = 16
DUPLICATE_FRACTION = 0.01
BLOCK_BYTES = 2**25  # of images that are drawn before they are handed on

_DUPLICATE_NOISE_SD = 2.0
_DUPLICATE_SHIFT_LIMIT = 4.0

Painter = Callable[[np.random.Generator, Any, int], np.ndarray]


@dataclass(frozen=True)
class SyntheticSet:
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
        Name of the imitated data set, a key of `SYNTHETIC_SETS`.
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
        array. About `DUPLICATE_FRACTION` of the test images (at least one) are re-noised copies of a training
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
        synthetic_set = SYNTHETIC_SETS[flag]
        *split_seeds, duplicate_seed = np.random.SeedSequence(seed).spawn(len(SPLITS) + 1)
        self.shape = (size, size) if synthetic_set.channels == 1 else (size, size, synthetic_set.channels)
        self.provenance = np.array(f"generated images (medfusion synthetic images, seed {seed})")
        self._painter, self._size = synthetic_set.painter, size
        self._rngs = {split: np.random.default_rng(seed) for split, seed in zip(SPLITS, split_seeds, strict=True)}
        draw = _independent_labels if synthetic_set.several else _stratified_labels
        self.labels = {
            split: draw(rng, counts[split], synthetic_set.class_fractions).reshape(counts[split], -1)
            for split, rng in self._rngs.items()
        }
        self._several = synthetic_set.several
        self._near_duplicates = _plan_duplicates(
            np.random.default_rng(duplicate_seed), self.labels["train"], self.labels["test"], self.shape
        )
        # An image is None until it is drawn.
        self._sources: dict[int, Any] = dict.fromkeys(
            near_duplicate.source for near_duplicate in self._near_duplicates.values()
        )

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
                if split == "test" and index in self._near_duplicates:
                    near_duplicate = self._near_duplicates[index]
                    block[row] = near_duplicate.of(self._sources[near_duplicate.source])
            yield block


@dataclass(frozen=True)
class _Duplicate:
    """A test image that is a training image of the same class, noisier and a little brighter or darker.

    source : index of the training image
    shift : of all its values
    state : of the generator that draws the noise
    """

    source: int
    shift: float
    state: Mapping[str, Any]

    def of(self, image: np.ndarray) -> np.ndarray:
        """The near-duplicate of its source."""
        rng = np.random.default_rng()
        rng.bit_generator.state = self.state
        source = image.astype(np.float32)
        return _to_uint8(source + rng.normal(self.shift, _DUPLICATE_NOISE_SD, source.shape))


def _plan_duplicates(
    rng: np.random.Generator, train_labels: np.ndarray, test_labels: np.ndarray, shape: tuple[int, ...]
) -> dict[int, _Duplicate]:
    """By index, the test images that are to be near-duplicates."""
    near_duplicates = {}
    number = max(1, round(DUPLICATE_FRACTION * len(test_labels)))
    for position in rng.choice(len(test_labels), number, replace=False):
        same_class = np.flatnonzero((train_labels == test_labels[position]).all(axis=1))
        if not same_class.size:  # of several labels no training image has the same
            continue
        source = rng.choice(same_class)
        shift = rng.uniform(-_DUPLICATE_SHIFT_LIMIT, _DUPLICATE_SHIFT_LIMIT)
        near_duplicates[int(position)] = _Duplicate(int(source), shift, rng.bit_generator.state)
        rng.normal(size=shape)  # as many draws as the noise will take
    return near_duplicates


def _check_arguments(flag: str, size: int, counts: dict[str, int], seed: int) -> None:
    if flag not in SYNTHETIC_SETS:
        raise ValueError(f"no synthetic images for flag {flag!r}; allowed: {', '.join(sorted(SYNTHETIC_SETS))}")
    if size < MIN_SIZE:
        raise ValueError(f"size {size} is too small; allowed: {MIN_SIZE} pixels or more")
    if set(counts) != set(SPLITS):
        raise ValueError(f"counts has the splits {sorted(counts)}; allowed: exactly {', '.join(SPLITS)}")
    n_classes = len(SYNTHETIC_SETS[flag].class_fractions)
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


def _shares(*counts: float) -> tuple[float, ...]:
    return tuple(np.array(counts) / sum(counts))


# Classes have about the shares of the real training images; labels of the chest those of the films that they are on.
_CHEST_SHARES = (0.10, 0.025, 0.12, 0.18, 0.05, 0.056, 0.013, 0.047, 0.042, 0.02, 0.022, 0.015, 0.03, 0.002)
SYNTHETIC_SETS: dict[str, SyntheticSet] = {
    "pathmnist": SyntheticSet(scenes.stained_tissue, _shares(10, 11, 12, 12, 9, 14, 9, 10, 14), 3),
    "chestmnist": SyntheticSet(scenes.chest_findings, _CHEST_SHARES, 1, several=True),
    "dermamnist": SyntheticSet(scenes.skin, _shares(3.3, 5.1, 11, 1.2, 11, 67, 1.4), 3),
    "octmnist": SyntheticSet(scenes.retinal_layers, _shares(34, 10, 8, 47), 1),
    "pneumoniamnist": SyntheticSet(scenes.chest_film, _shares(26, 74), 1),
    "retinamnist": SyntheticSet(scenes.fundus, _shares(45, 12, 19, 18, 6), 3),
    "breastmnist": SyntheticSet(scenes.ultrasound, (0.27, 0.73), 1),
    "bloodmnist": SyntheticSet(scenes.blood_cell, _shares(852, 2181, 1085, 2026, 849, 993, 2330, 1643), 3),
    "tissuemnist": SyntheticSet(scenes.kidney_cells, _shares(32, 5, 4, 9, 7, 5, 24, 15), 1),
    "organamnist": SyntheticSet(scenes.body_section, _shares(6, 4, 4, 4, 11, 11, 18, 11, 11, 9, 10), 1),
    "organcmnist": SyntheticSet(scenes.body_section, _shares(9, 5, 5, 5, 8, 9, 23, 8, 8, 9, 12), 1),
    "organsmnist": SyntheticSet(scenes.body_section, _shares(8, 5, 4, 5, 8, 8, 25, 5, 6, 14, 11), 1),
}
