"""Copies of training images, changed at random as in training, for classifiers that are fitted on a network's features.

A network tells the images that it was trained on apart better than new ones. Classifiers that are fitted on their
features are then surer than new images allow; features of copies that the network has not seen are more like these.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from medfusion.learning.augmentation import random_affine, random_symmetries


def random_copies(
    versions: Sequence[np.ndarray], settings: dict[str, Any], rngs: Sequence[np.random.Generator]
) -> list[np.ndarray]:
    """Copies of images as training draws them before its last epochs.

    Parameters
    ----------
    versions : the images as they are; or, if the network draws from the bank, its augmented versions of them in turn,
        each uint8 (n, H, W, C)
    settings : "affine", "symmetries" and "shift" of the network's training
    rngs : one for each copy

    Returns
    -------
    as many arrays uint8 (n, H, W, C)
    """
    copies = []
    for number, rng in enumerate(rngs):
        images = versions[number % len(versions)]
        if settings["affine"]:
            images = random_affine(images, settings["affine"], rng)
        copies.append(random_symmetries(images, settings["symmetries"], settings["shift"], rng))
    return copies


def of_copies(features: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One row a copy: features (n, copies, d) as (n * copies, d), with the labels of their images; (n, d) stay.

    >>> features, labels = of_copies(np.arange(12).reshape(2, 3, 2), np.array([0, 1]))
    >>> features.shape, labels.tolist()
    ((6, 2), [0, 0, 0, 1, 1, 1])
    """
    if features.ndim == 2:
        return features, labels
    return features.reshape(-1, features.shape[2]), np.repeat(labels, features.shape[1], axis=0)


def of_images(features: np.ndarray) -> np.ndarray:
    """One row an image: the mean over its copies, (n, d)."""
    return features if features.ndim == 2 else features.mean(axis=1)
