"""Five convolutions of 32 to 512 filters, each pooled and normalised: the original study's deeper variant.

The last pooling keeps a width of 1 ("same" padding), because 28 halves to 1 after four.
"""

from typing import Any

OPTIONS = {"dropout": 0.4, "l2": 0.0, "batch_norm": True, "batch_norm_momentum": 0.99}
LAYERS = [
    *("conv2d", "conv2d_1", "conv2d_2", "conv2d_3", "conv2d_4"),
    *("max_pooling2d", "max_pooling2d_1", "max_pooling2d_2", "max_pooling2d_3", "max_pooling2d_4"),
    *("flatten", "dense"),
]


def network(images: Any, options: dict[str, Any], blocks: Any) -> Any:
    layers, x = blocks.layers, images
    for filters in (32, 64, 128, 256, 512):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", kernel_regularizer=blocks.l2(options))(x)
        x = layers.MaxPooling2D(padding="same")(x)
        x = blocks.normalise(x, options)
    x = layers.Dropout(options["dropout"])(layers.Flatten()(x))
    x = layers.Dense(128, activation="relu", kernel_regularizer=blocks.l2(options))(x)
    return blocks.normalise(x, options, name="features")
