"""What network architectures are built from: layers of Keras, and blocks of them that several have in common."""

from typing import Any

from medfusion.learning.backend import keras
from medfusion.learning.pretrained import application, enlarged

__all__ = ["application", "convolve", "enlarged", "l2", "layers", "normalise", "regularizers", "residual_block"]

layers, regularizers = keras.layers, keras.regularizers


def l2(options: dict[str, Any]) -> keras.regularizers.Regularizer | None:
    """The penalty of squared weights; None where its weight is 0."""
    return regularizers.L2(options["l2"]) if options["l2"] else None


def normalise(x: keras.KerasTensor, options: dict[str, Any], name: str | None = None) -> keras.KerasTensor:
    """Batch normalisation, or (switched off) nothing but a layer that carries the name."""
    if options["batch_norm"]:
        return layers.BatchNormalization(momentum=options["batch_norm_momentum"], name=name)(x)
    return layers.Identity(name=name)(x)


def convolve(x: keras.KerasTensor, channels: int, stride: int, options: dict[str, Any]) -> keras.KerasTensor:
    """A 3 × 3 convolution, normalised."""
    x = layers.Conv2D(
        channels,
        3,
        strides=stride,
        padding="same",
        use_bias=not options["batch_norm"],
        kernel_initializer="he_normal",
        kernel_regularizer=l2(options),
    )(x)
    return normalise(x, options)


def residual_block(x: keras.KerasTensor, channels: int, stride: int, options: dict[str, Any]) -> keras.KerasTensor:
    """Two convolutions added to their input, which is pooled and projected where the shape changes."""
    inner = layers.ReLU()(convolve(x, channels, stride, options))
    inner = convolve(inner, channels, 1, options)
    if stride > 1:
        x = layers.AveragePooling2D(stride, padding="same")(x)
    if x.shape[-1] != channels:
        projection = layers.Conv2D(
            channels, 1, use_bias=False, kernel_initializer="he_normal", kernel_regularizer=l2(options)
        )
        x = normalise(projection(x), options)
    return layers.ReLU()(layers.Add()([x, inner]))
