"""What a network says of images, averaged over their views; needs no TensorFlow."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from medfusion.learning.augmentation import views

# Images a step, at most, and their pixels: bound memory, change no result.
BATCH = 256
PIXELS = 2**20


def averaged(
    network: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    images: np.ndarray,
    kinds: Sequence[str],
    pixels: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Features and class probabilities, averaged over the views of each image.

    Parameters
    ----------
    network : from uint8 images (n, H, W, C) to features and probabilities of n images
    images : uint8 (n, H, W, C)
    kinds : of views, as `augmentation.views` takes them
    pixels : of an image within the network, where that enlarges it

    Returns
    -------
    features : float32 (n, d); a layer with a spatial output is flattened
    probabilities : float32 (n, k); a single sigmoid output p becomes the columns 1 − p and p; of
        several labels at once each column is a probability of its own
    """
    features, probabilities = [], []
    step = max(1, min(BATCH, PIXELS // max(pixels, math.prod(images.shape[1:3]))))
    for start in range(0, len(images), step):
        outputs = [network(view) for view in views(images[start : start + step], kinds)]
        features.append(np.mean([f.reshape(len(f), -1) for f, _ in outputs], axis=0))
        probabilities.append(np.mean([p for _, p in outputs], axis=0))
    stacked = np.concatenate(probabilities)
    if stacked.shape[1] == 1:
        stacked = np.hstack([1 - stacked, stacked])
    return np.concatenate(features), stacked
