"""Saliency maps: Grad-CAM and occlusion.

Both are taken as the network is applied: averaged over the views (mirrored, transposed, shifted) over which its
probabilities are. They show where evidence for a class lies, not why; maps can look sensible and say little about what
a network learned (Adebayo et al. 2018, "Sanity checks for saliency maps").
"""

from collections.abc import Callable, Sequence

import numpy as np

from medfusion.learning import augmentation
from medfusion.learning.backend import keras, tf
from medfusion.learning.features import apply, extractor

POOLING = (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D, keras.layers.GlobalAveragePooling2D)
PIXELS = 2**20  # of hidden copies in one step: bounds memory, changes no result
IMAGES = 8  # in one step of Grad-CAM


def spatial_layer(network: keras.Model) -> keras.layers.Layer:
    """The last layer with a spatial output (n, h, w, c) before the last pooling; without pooling the last at all.

    Raises
    ------
    ValueError
        If no layer but the input has one.
    """
    layers = network.layers[1:]
    pooled = [place for place, layer in enumerate(layers) if isinstance(layer, POOLING)]
    spatial = [layer for layer in layers[: pooled[-1] if pooled else None] if len(layer.output.shape) == 4]
    if not spatial:
        raise ValueError(f"{network.name}: no layer with a spatial output")
    return spatial[-1]


def gradcam(network: keras.Model, images: np.ndarray, classes: np.ndarray, views: Sequence[str]) -> np.ndarray:
    """Grad-CAM (Selvaraju et al. 2017, equations 1 and 2) of one class for each image.

    The channels of the spatial layer, each weighed by the mean gradient of the class's score over its positions, are
    added up; what is negative counts as nothing. The score is what goes into softmax; for a single sigmoid output
    what goes into that for class 1, its negative for class 0.

    Parameters
    ----------
    network : its last layer is Dense
    images : uint8 (n, H, W, C)
    classes : int (n,)
    views : kinds of them (`augmentation.views`), over all combinations of which the map is averaged

    Returns
    -------
    float32 (n, h, w), the layer's own positions
    """
    last = network.layers[-1]
    parts = keras.Model(network.input, [spatial_layer(network).output, last.input])

    def of_block(block: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        with tf.GradientTape() as tape:
            activations, inputs = parts(block, training=False)
            scores = keras.ops.matmul(inputs, last.kernel) + (last.bias if last.use_bias else 0)
            if scores.shape[1] == 1:
                scores = keras.ops.concatenate([-scores, scores], axis=1)
            chosen = tf.gather(scores, wanted, axis=1, batch_dims=1)
        weights = tf.reduce_mean(tape.gradient(chosen, activations), axis=(1, 2), keepdims=True)
        return tf.nn.relu(tf.reduce_sum(weights * activations, axis=3, keepdims=True)).numpy()

    def of_all(turned: np.ndarray) -> np.ndarray:
        starts = range(0, len(turned), IMAGES)
        blocks = [of_block(turned[start : start + IMAGES], classes[start : start + IMAGES]) for start in starts]
        return np.concatenate(blocks)

    return _averaged(of_all, images, views)[..., 0].astype(np.float32)


def _averaged(of_images: Callable[[np.ndarray], np.ndarray], images: np.ndarray, views: Sequence[str]) -> np.ndarray:
    """Maps (n, h, w, 1) averaged over all views of the images, each map turned back to the image as it is.

    Those of shifted images are not moved back: the nine lie evenly around the image, and no position of a map is
    smaller than a pixel.
    """
    if not views:
        return of_images(images)
    first, *others = views
    if first == augmentation.SHIFTS:
        shifted = augmentation.views(images, [first])
        return np.mean([_averaged(of_images, view, others) for view in shifted], axis=0)
    turn = augmentation.SYMMETRIES[first]
    return (_averaged(of_images, images, others) + turn(_averaged(of_images, turn(images), others))) / 2


def patch_and_stride(shape: tuple[int, ...]) -> tuple[int, int]:
    """The side of the hidden square and its step, in pixels, for images of (H, W, …): a fifth, and half of that.

    >>> patch_and_stride((28, 28, 3)), patch_and_stride((224, 224, 3))
    ((5, 3), (44, 22))
    """
    patch = max(1, min(shape[:2]) // 5)
    return patch, (patch + 1) // 2


def occlusion(
    network: keras.Model,
    images: np.ndarray,
    classes: np.ndarray,
    views: Sequence[str],
    fill: np.ndarray,
    patch: int,
    stride: int,
) -> np.ndarray:
    """How far the probability of one class falls where a part of the image is hidden (Zeiler & Fergus 2014).

    A square of one colour is moved over the image; each pixel gets the mean fall over the squares that hide it.
    Negative: the class becomes more probable.

    Parameters
    ----------
    network : images to probabilities, as `features.apply` takes it
    images : uint8 (n, H, W, C)
    classes : int (n,)
    views : kinds of them, over all combinations of which the probabilities are averaged
    fill : uint8 (C,), the colour
    patch, stride : side and step of the square in pixels; the last step is shorter if need be

    Returns
    -------
    float32 (n, H, W)
    """
    height, width = images.shape[1:3]
    model = extractor(network, [network.layers[-1].name])
    corners = [(top, left) for top in _steps(height, patch, stride) for left in _steps(width, patch, stride)]
    at_once = max(1, PIXELS // (height * width))

    def probability(copies: np.ndarray, label: int) -> np.ndarray:
        return apply(model, copies, {"views": list(views)})[1][:, label].astype(np.float64)

    maps = np.empty((len(images), height, width), np.float32)
    for number, (image, label) in enumerate(zip(images, classes, strict=True)):
        whole = probability(image[None], label)[0]
        falls, hidden = np.zeros((height, width)), np.zeros((height, width))
        for start in range(0, len(corners), at_once):
            part = corners[start : start + at_once]
            copies = np.repeat(image[None], len(part), axis=0)
            for copy, (top, left) in zip(copies, part, strict=True):
                copy[top : top + patch, left : left + patch] = fill
            for value, (top, left) in zip(probability(copies, label), part, strict=True):
                falls[top : top + patch, left : left + patch] += whole - value
                hidden[top : top + patch, left : left + patch] += 1
        maps[number] = falls / hidden
    return maps


def _steps(length: int, patch: int, stride: int) -> list[int]:
    """Where the square stands along one side: every stride, and at the end."""
    return sorted({*range(0, length - patch + 1, stride), length - patch})
