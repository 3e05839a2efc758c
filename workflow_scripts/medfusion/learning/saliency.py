"""Saliency maps of networks that are trained: Grad-CAM, and what occlusion (occlusion.py) asks.

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


def probabilities(network: keras.Model, views: Sequence[str]) -> Callable[[np.ndarray], np.ndarray]:
    """What a network says of uint8 images (n, H, W, C), averaged over their views: float32 (n, k)."""
    model = extractor(network, [network.layers[-1].name])
    return lambda images: apply(model, images, list(views))[1]
