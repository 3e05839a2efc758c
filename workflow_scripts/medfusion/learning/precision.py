"""Training with activations in bfloat16: half the bytes, and products that some processors do several times as fast.

Mixed precision as in Micikevicius et al. 2018 (arxiv.org/abs/1710.03740); bfloat16 has the range of float32, so that
the loss needs no scale (Kalamkar et al. 2019, arxiv.org/abs/1905.12322). Weights, their updates, the statistics of
normalisation, the layer of features and all after it stay float32.
"""

from medfusion.learning.backend import keras

LAYERS = keras.layers
# What is computed in bfloat16: convolutions, and what lies between them.
LOWERED = (LAYERS.Rescaling, LAYERS.Conv2D, LAYERS.ReLU, LAYERS.Add, LAYERS.MaxPooling2D, LAYERS.AveragePooling2D)


def lower(model: keras.Model) -> None:
    """Let the layers up to the features compute in bfloat16; call it after `normalisation.fuse`."""
    for layer in _lowered(model):
        layer.dtype_policy = "mixed_bfloat16"


def restore(model: keras.Model) -> None:
    """Make them float32 again, as they are saved."""
    for layer in _lowered(model):
        layer.dtype_policy = "float32"


def _lowered(model: keras.Model) -> list[keras.layers.Layer]:
    return [layer for layer in model.layers if isinstance(layer, LOWERED) and layer.name != "features"]
