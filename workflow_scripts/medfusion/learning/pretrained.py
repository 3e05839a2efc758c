"""Networks of keras.applications on images from 0 to 1, and which of their layers learn."""

import numpy as np

from medfusion.errors import UserError, first_line
from medfusion.files.artifacts import hash_file
from medfusion.learning.backend import keras

layers = keras.layers
IMAGENET_DEVIATIONS = (0.229, 0.224, 0.225)  # of red, green and blue, from 0 to 1


def enlarged(images: keras.KerasTensor, size: int | None) -> keras.KerasTensor:
    """Images of `size` pixels a side, bicubic; as they are for None."""
    if size in (None, images.shape[1]):
        return images
    # No layer: Keras' own for this takes itself to be in training, and lets those after it believe so too.
    return keras.ops.image.resize(images, (size, size), "bicubic")


def preprocessed(images: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Images from 0 to 1, (n, H, W, C), as a network of keras.applications takes them, (n, H, W, 3).

    Its own preprocessing gives other units, another zero and for some networks blue first; grey becomes three equal
    channels.
    """
    function = getattr(keras.applications, name)
    module = getattr(keras.applications, function.__module__.rpartition(".")[2])
    black = module.preprocess_input(np.zeros((1, 3)))[0]
    mixed = module.preprocess_input(np.eye(3)) - black
    if images.shape[-1] == 1:
        images = layers.Concatenate(name="three_channels")([images] * 3)
    elif mixed[0, 0] == 0:
        images = keras.ops.take(images, [2, 1, 0], axis=-1)
    return layers.Rescaling((255 * mixed.sum(axis=0)).tolist(), black.tolist(), name="preprocessing")(images)


def application(
    images: keras.KerasTensor, name: str, file: str | None = None, sha256: str | None = None
) -> keras.KerasTensor:
    """What a network of keras.applications says of places, (n, h, w, c), of images from 0 to 1, (n, H, W, C).

    Parameters
    ----------
    name : a key of `keras_applications.APPLICATIONS`
    file : weights of the network without its classes; None for random ones
    sha256 : of the file

    Raises
    ------
    UserError
        If the file is not what `sha256` says, or not of this network.
    ValueError
        If the images are too small.
    """
    model = getattr(keras.applications, name)(
        include_top=False,
        weights=None,
        input_tensor=preprocessed(images, name),
        input_shape=(*images.shape[1:3], 3),
    )
    if file:
        _load(model, name, file, sha256)
    return model.output


def _load(model: keras.Model, name: str, file: str, sha256: str | None) -> None:
    if sha256 and (found := hash_file(file)) != sha256:
        raise UserError(f"{file}: its SHA-256 is {found}, and options.sha256 says {sha256}; get the file again")
    try:
        model.load_weights(file)
    except Exception as error:  # Keras passes on whatever zipfile and h5py raise
        raise UserError(
            f"{file}: not weights of {name} without its classes, or part of them ({first_line(error)}); expected what "
            f"keras.applications.{name}(include_top=False).save_weights writes"
        ) from None
    for layer in model.layers:
        # Keras divides once more after this layer, if it is told of ImageNet's weights, and else is not.
        if name.startswith("EfficientNetB") and isinstance(layer, layers.Normalization):
            mean, variance, count = layer.get_weights()
            if not (variance == 1).all():
                layer.set_weights([mean, variance * IMAGENET_DEVIATIONS, count])
                layer.finalize_state()


def let_learn(model: keras.Model, part: str, normalisation: bool) -> None:
    """Let a part of a network learn, and nothing else.

    Parameters
    ----------
    model : from `networks.build`
    part : "head": the last layer; "last_stage": that, and the layers behind the last that halves the image among those
        with weights; "all"
    normalisation : whether batch normalisation learns there too. What it learnt in pretraining it keeps: means over
        a batch of few images are worse
    """
    spatial = [(place, layer) for place, layer in enumerate(model.layers) if len(layer.output.shape) == 4]
    side = [layer.output.shape[1] for _, layer in spatial if layer.weights][-1]
    first = 1 + max((place for place, layer in spatial if layer.output.shape[1] > side), default=-1)
    if part != "last_stage":
        first = 0 if part == "all" else len(model.layers) - 1
    for place, layer in enumerate(model.layers):
        layer.trainable = place >= first and (normalisation or not isinstance(layer, layers.BatchNormalization))
