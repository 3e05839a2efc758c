"""Two convolutions and a dense layer of 128 features: the original study's network for BreastMNIST."""

from typing import Any

OPTIONS = {"dropout": 0.0, "l2": 0.0, "batch_norm": False, "batch_norm_momentum": 0.99}
LAYERS = ["conv2d", "max_pooling2d", "conv2d_1", "max_pooling2d_1", "flatten"]


def network(images: Any, options: dict[str, Any], blocks: Any) -> Any:
    layers, x = blocks.layers, images
    for filters in (32, 64):
        x = layers.Conv2D(filters, 3, activation="relu", kernel_regularizer=blocks.l2(options))(x)
        x = blocks.normalise(x, options)
        x = layers.MaxPooling2D()(x)
    x = layers.Dropout(options["dropout"])(layers.Flatten()(x))
    return layers.Dense(128, activation="relu", kernel_regularizer=blocks.l2(options), name="features")(x)
