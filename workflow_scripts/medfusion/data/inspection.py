"""What is in a data set: images a class, pixel values a channel, examples and mean image of each class."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from medfusion.figures.montage import CELL, montage_grid, montage_rows, strip
from medfusion.files.example_files import SAMPLED_CLASSES
from medfusion.files.hdf5 import BLOCK, open_hdf5
from medfusion.files.images import image_blocks
from medfusion.naming import DisplayNames
from medfusion.tasks import membership

NO_LABEL, ALL_IMAGES = -1, -2  # in place of a label
SAMPLES = 8  # images in the strip of samples, or one of each class where there are more
CHANNELS = {1: ("grey",), 3: ("red", "green", "blue")}


def class_counts(labels: dict[str, np.ndarray], label_names: tuple[str, ...]) -> pd.DataFrame:
    """Images of each class in each split: columns split, label, name, n; a class without images is listed too.

    Where an image may have several labels, two more rows of a split count its images without any, and all of them.

    Parameters
    ----------
    labels : integers (n,) of each split; 0 and 1 of shape (n, k) for several labels at once
    label_names : one per class, in label order
    """
    rows = []
    for split, values in labels.items():
        counts = membership(values, len(label_names)).sum(axis=0)
        rows += [(split, label, name, counts[label]) for label, name in enumerate(label_names)]
        if values.ndim == 2:
            rows.append((split, NO_LABEL, "no label", int((~values.any(axis=1)).sum())))
            rows.append((split, ALL_IMAGES, "all images", len(values)))
    return pd.DataFrame(rows, columns=["split", "label", "name", "n"])


def pixel_statistics(paths: dict[str, Path], block: int = BLOCK) -> pd.DataFrame:
    """Mean, standard deviation (of the population), minimum and maximum of the pixel values, 0 … 255.

    The images are read in blocks and counted by value, so that the figures are exact whatever the block.

    Returns
    -------
    DataFrame with columns split, channel, mean, sd, minimum, maximum
    """
    rows = []
    values = np.arange(256)
    for split, path in paths.items():
        histograms = _histograms(path, block)
        for channel, counts in zip(CHANNELS[len(histograms)], histograms, strict=True):
            mean = counts @ values / counts.sum()
            sd = np.sqrt(counts @ (values - mean) ** 2 / counts.sum())
            present = np.flatnonzero(counts)
            rows.append((split, channel, round(mean, 4), round(sd, 4), present[0], present[-1]))
    return pd.DataFrame(rows, columns=["split", "channel", "mean", "sd", "minimum", "maximum"])


def _histograms(path: Path, block: int) -> np.ndarray:
    """Number of pixels of each value, int64 (C, 256)."""
    total: Any = sum(  # of one block or more: an array
        np.stack([np.bincount(images[..., c].ravel(), minlength=256) for c in range(images.shape[-1])])
        for images in image_blocks(path, block)
    )
    return total


def class_means(path: Path, labels: np.ndarray, classes: int, block: int = BLOCK) -> np.ndarray:
    """The mean image of each class, uint8 (classes, H, W, C), rounded; white where a class has no images."""
    sums, start = None, 0
    for images in image_blocks(path, block):
        members = membership(labels[start : start + len(images)], classes).astype(np.float64)
        part = np.tensordot(members, images.astype(np.float64), axes=(0, 0))
        sums = part if sums is None else sums + part  # whole numbers: exact in any order
        start += len(images)
    counts = membership(labels, classes).sum(axis=0)
    means = sums / np.maximum(counts, 1)[:, None, None, None]
    means[counts == 0] = 255
    return np.rint(means).astype(np.uint8)


def examples(labels: np.ndarray, classes: int, number: int, seed: int) -> list[np.ndarray]:
    """Indices of at most `number` images of each class, drawn at random, in ascending order."""
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(column) for column in membership(labels, classes).T]
    return [np.sort(rng.choice(group, min(number, len(group)), replace=False)) for group in members]


def samples(path: Path, labels: np.ndarray, classes: int, seed: int) -> np.ndarray:
    """Training images side by side, uint8 (H, W, 3): the same number of each class, white where it has too few."""
    display = min(classes, SAMPLED_CLASSES)
    each = max(1, SAMPLES // display)
    with open_hdf5(path) as file:
        pictures = np.full((display, each, *file["images"].shape[1:]), 255, np.uint8)
        for label, indices in enumerate(examples(labels, classes, each, seed)[:display]):
            pictures[label, : len(indices)] = file["images"][indices]
    return strip(pictures.reshape(-1, *pictures.shape[2:]))


def draw_examples(path: Path, labels: np.ndarray, display: DisplayNames, seed: int, number: int = 10) -> Figure:
    """One row of training images for each class."""
    names = display.label_names
    with open_hdf5(path) as file:
        chosen = examples(labels, len(names), number, seed)
        rows = [(name, file["images"][indices]) for name, indices in zip(names, chosen, strict=True)]
    return montage_rows(rows, f"{display.name}: training images of each class")


def draw_means(path: Path, labels: np.ndarray, display: DisplayNames) -> Figure:
    """The mean training image of each class."""
    names = display.label_names
    counts = membership(labels, len(names)).sum(axis=0)
    means = class_means(path, labels, len(names))
    cells = [(mean[None], f"{name}\nn = {n:,}", False) for mean, name, n in zip(means, names, counts, strict=True)]
    return montage_grid(cells, 4, f"{display.name}: mean training image of each class", side=2 * CELL)
