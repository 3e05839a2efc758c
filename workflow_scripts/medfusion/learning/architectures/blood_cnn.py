"""Three blocks of convolution, normalisation, dropout and pooling: the original study's network for BloodMNIST.

243,272 parameters for images of 28 × 28 × 3 and 8 classes.
"""

from typing import Any

OPTIONS = {"dropout": 0.3, "dense_dropout": 0.5, "l2": 1e-4, "batch_norm": True, "batch_norm_momentum": 0.99}
LAYERS = ["conv2d", "max_pooling2d", "conv2d_1", "max_pooling2d_1", "conv2d_2", "max_pooling2d_2", "flatten", "dense"]


def network(images: Any, options: dict[str, Any], blocks: Any) -> Any:
    layers, x = blocks.layers, images
    for filters in (32, 64, 128):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", kernel_regularizer=blocks.l2(options))(x)
        x = blocks.normalise(x, options)
        x = layers.Dropout(options["dropout"])(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Dropout(options["dense_dropout"])(layers.Flatten()(x))
    x = layers.Dense(128, activation="relu", kernel_regularizer=blocks.l2(options))(x)
    return blocks.normalise(x, options, name="features")
