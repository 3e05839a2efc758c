"""The network architectures, by the names that config.yaml uses.

Each builder takes the image shape, the outputs (units and activation) and its options, and returns an uncompiled Keras
model from uint8 images (n, H, W, C) to float32 class probabilities (n, units): a softmax over classes that exclude
each other, one sigmoid for two of these, or a sigmoid for each of several labels. Scaling to 0 … 1 is the network's
own first layer. The layer named "features" yields the image features.
"""

from collections.abc import Callable
from typing import Any

from medfusion.errors import UserError
from medfusion.learning.architectures import OPTIONS, stem_stride
from medfusion.learning.backend import keras
from medfusion.tasks import MULTI_CLASS, Outputs, outputs

Input, KerasTensor, Model = keras.Input, keras.KerasTensor, keras.Model
layers, regularizers = keras.layers, keras.regularizers
Shape = tuple[int, int, int]


def breast_cnn(shape: Shape, outputs: Outputs, options: dict[str, Any]) -> Model:
    """Two convolutions and a dense layer of 128 features: the original study's network for BreastMNIST."""
    images, x = _scaled_input(shape)
    for filters in (32, 64):
        x = layers.Conv2D(filters, 3, activation="relu", kernel_regularizer=_l2(options))(x)
        x = _normalise(x, options)
        x = layers.MaxPooling2D()(x)
    x = layers.Dropout(options["dropout"])(layers.Flatten()(x))
    x = layers.Dense(128, activation="relu", kernel_regularizer=_l2(options), name="features")(x)
    return Model(images, _probabilities(x, outputs), name="breast_cnn")


def blood_cnn(shape: Shape, outputs: Outputs, options: dict[str, Any]) -> Model:
    """Three blocks of convolution, normalisation, dropout and pooling: the original's network for BloodMNIST.

    243,272 parameters at 28×28×3 with 8 classes.
    """
    images, x = _scaled_input(shape)
    for filters in (32, 64, 128):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", kernel_regularizer=_l2(options))(x)
        x = _normalise(x, options)
        x = layers.Dropout(options["dropout"])(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Dropout(options["dense_dropout"])(layers.Flatten()(x))
    x = layers.Dense(128, activation="relu", kernel_regularizer=_l2(options))(x)
    x = _normalise(x, options, name="features")
    return Model(images, _probabilities(x, outputs), name="blood_cnn")


def five_layer(shape: Shape, outputs: Outputs, options: dict[str, Any]) -> Model:
    """Five convolutions of 32 to 512 filters, each pooled and normalised: the original's deeper variant.

    The last pooling keeps a width of 1 ("same" padding), because 28 halves to 1 after four.
    """
    images, x = _scaled_input(shape)
    for filters in (32, 64, 128, 256, 512):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", kernel_regularizer=_l2(options))(x)
        x = layers.MaxPooling2D(padding="same")(x)
        x = _normalise(x, options)
    x = layers.Dropout(options["dropout"])(layers.Flatten()(x))
    x = layers.Dense(128, activation="relu", kernel_regularizer=_l2(options))(x)
    x = _normalise(x, options, name="features")
    return Model(images, _probabilities(x, outputs), name="five_layer")


def resnet28(shape: Shape, outputs: Outputs, options: dict[str, Any]) -> Model:
    """Residual network of CIFAR style (He et al. 2016, section 4.2) at 16, 32 and 64 channels.

    With b blocks a stage it has 6b + 2 weighted layers; "28" is the side of its images, not its depth.
    """
    images, x = _scaled_input(shape)
    x = _convolve(x, 16, 1, options)
    x = layers.ReLU()(x)
    for channels in (16, 32, 64):
        for block in range(options["blocks"]):
            stride = 2 if block == 0 and channels > 16 else 1
            x = _residual_block(x, channels, stride, options)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    x = layers.Dropout(options["dropout"])(x)
    return Model(images, _probabilities(x, outputs), name="resnet28")


def compact_resnet(shape: Shape, outputs: Outputs, options: dict[str, Any]) -> Model:
    """A wide, shallow residual network: few operations at full size, most of the width where images are small.

    The first of `widths` is a plain convolution, at full size or, for larger images, with a stride; each further one is
    a residual block (He et al. 2016) that halves the image where the width grows; global average pooling gives the
    features.
    """
    images, x = _scaled_input(shape)
    widths = options["widths"]
    x = layers.ReLU()(_convolve(x, widths[0], stem_stride(options, shape[0]), options))
    for before, width in zip(widths, widths[1:], strict=False):
        x = _residual_block(x, width, 2 if width > before else 1, options)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    x = layers.Dropout(options["dropout"])(x)
    return Model(images, _probabilities(x, outputs), name="compact_resnet")


BUILDERS: dict[str, Callable[[Shape, Outputs, dict[str, Any]], Model]] = {
    "breast_cnn": breast_cnn,
    "blood_cnn": blood_cnn,
    "five_layer": five_layer,
    "resnet28": resnet28,
    "compact_resnet": compact_resnet,
}


def build(architecture: str, shape: Shape, classes: int, options: dict[str, Any], task: str = MULTI_CLASS) -> Model:
    """Build a network by name.

    Parameters
    ----------
    architecture : a key of `BUILDERS`
    shape : (H, W, C) of one image
    classes : number of classes; two that exclude each other give one sigmoid output, as in the original study
    options : the architecture's options; `architectures.OPTIONS` names them with their defaults
    task : MedMNIST's; it decides on the outputs (`tasks.outputs`)

    Raises
    ------
    UserError
        If the images are too small for the network.
    """
    try:
        return BUILDERS[architecture](shape, outputs(task, classes), {**OPTIONS[architecture], **options})
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"network {architecture!r} cannot take images of shape {shape}: {reason}") from None


def _scaled_input(shape: Shape) -> tuple[KerasTensor, KerasTensor]:
    images = Input(shape, dtype="uint8", name="images")
    return images, layers.Rescaling(1 / 255)(images)


def _probabilities(x: KerasTensor, outputs: Outputs) -> KerasTensor:
    return layers.Dense(outputs.units, activation=outputs.activation, dtype="float32", name="probabilities")(x)


def _l2(options: dict[str, Any]) -> regularizers.Regularizer | None:
    return regularizers.L2(options["l2"]) if options["l2"] else None


def _normalise(x: KerasTensor, options: dict[str, Any], name: str | None = None) -> KerasTensor:
    """Batch normalisation, or (switched off) nothing but a layer that carries the name."""
    if options["batch_norm"]:
        return layers.BatchNormalization(momentum=options["batch_norm_momentum"], name=name)(x)
    return layers.Identity(name=name)(x)


def _convolve(x: KerasTensor, channels: int, stride: int, options: dict[str, Any]) -> KerasTensor:
    x = layers.Conv2D(
        channels,
        3,
        strides=stride,
        padding="same",
        use_bias=not options["batch_norm"],
        kernel_initializer="he_normal",
        kernel_regularizer=_l2(options),
    )(x)
    return _normalise(x, options)


def _residual_block(x: KerasTensor, channels: int, stride: int, options: dict[str, Any]) -> KerasTensor:
    """Two convolutions added to their input, which is pooled and projected where the shape changes."""
    inner = layers.ReLU()(_convolve(x, channels, stride, options))
    inner = _convolve(inner, channels, 1, options)
    if stride > 1:
        x = layers.AveragePooling2D(stride, padding="same")(x)
    if x.shape[-1] != channels:
        x = layers.Conv2D(channels, 1, use_bias=False, kernel_initializer="he_normal", kernel_regularizer=_l2(options))(
            x
        )
        x = _normalise(x, options)
    return layers.ReLU()(layers.Add()([x, inner]))
