"""Networks from an architecture's name: uncompiled Keras models.

They take uint8 images (n, H, W, C) and give float32 class probabilities (n, units): a softmax over classes that exclude
each other, one sigmoid for two of these, or a sigmoid for each of several labels. Scaling to 0 … 1 is their own first
layer. The layer named "features" yields the image features.
"""

import importlib
from typing import Any

from medfusion.errors import UserError
from medfusion.learning import architectures, blocks
from medfusion.learning.backend import keras
from medfusion.tasks import MULTI_CLASS, outputs


def build(
    architecture: str, shape: tuple[int, ...], classes: int, options: dict[str, Any], task: str = MULTI_CLASS
) -> keras.Model:
    """Build a network by name.

    Parameters
    ----------
    architecture : a file of learning/architectures
    shape : (H, W, C) of one image
    classes : number of classes; two that exclude each other give one sigmoid output, as in the original study
    options : the architecture's options; its `OPTIONS` names them with their defaults
    task : MedMNIST's; it decides on the outputs (`tasks.outputs`)

    Raises
    ------
    UserError
        If the images are too small for the network.
    """
    module = importlib.import_module(architectures.module(architecture))
    output = outputs(task, classes)
    images = keras.Input(shape, dtype="uint8", name="images")
    try:
        x = module.network(keras.layers.Rescaling(1 / 255)(images), {**module.OPTIONS, **options}, blocks)
        last = keras.layers.Dense(output.units, activation=output.activation, dtype="float32", name="probabilities")
        return keras.Model(images, last(x), name=architecture)
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"network {architecture!r} cannot take images of shape {shape}: {reason}") from None
