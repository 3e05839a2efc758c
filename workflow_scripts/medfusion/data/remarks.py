"""What a reader should know of a data set before any result: in sentences, for the log, the page and the model card."""

from collections.abc import Mapping

import numpy as np

SPLITS = {"train": "training", "val": "validation", "test": "test"}


def one_colour(images: np.ndarray) -> np.ndarray:
    """Whether all pixels of an image are the same, bool (n,), of images (n, H, W, C)."""
    return (images == images[:, :1, :1]).all(axis=(1, 2, 3))


def of_one_colour(found: Mapping[str, int], counts: Mapping[str, int]) -> list[str]:
    """How many images are one colour.

    Parameters
    ----------
    found : of each split, its images of one colour
    counts : of each split, all its images

    >>> of_one_colour({"train": 0, "test": 10}, {"train": 60, "test": 20})
    ['10 of 20 test images are one colour']
    """
    some = [split for split in counts if found[split]]
    parts = [f"{found[split]:,} of {counts[split]:,} {SPLITS[split]} images are one colour" for split in some]
    return ["; ".join(parts)] if parts else []


def of_counts(counts: Mapping[str, int], official: Mapping[str, int], name: str) -> list[str]:
    """That a file has not as many images as MedMNIST's data set of that name.

    >>> of_counts({"train": 3882, "val": 524}, {"train": 4708, "val": 524}, "PneumoniaMNIST")
    ["not the numbers of images of MedMNIST's PneumoniaMNIST: train 3,882; official 4,708"]
    """
    other = [f"{split} {n:,}; official {official[split]:,}" for split, n in counts.items() if n != official[split]]
    return [f"not the numbers of images of MedMNIST's {name}: {', '.join(other)}"] if other else []


def of_labels(labels: np.ndarray) -> list[str]:
    """That several labels at once, (n, k), are one class in disguise."""
    if (labels.sum(axis=1) == 1).all():
        return [
            "every training image has exactly one label, as if its classes excluded each other; if they do, write "
            "their numbers, numpy.argmax(labels, axis=1), and leave out task: multi-label"
        ]
    return []
