"""The network architectures by the names that config.yaml uses, a file each; they need no TensorFlow.

A file has

OPTIONS : the options that config.yaml may give, with their defaults
LAYERS : layers, beside `COMMON_LAYERS`, whose output classifiers may see: those that it has whatever the options
network : from images (n, H, W, C), float32 from 0 to 1, to what the layer of probabilities sees; its layer named
    "features" yields the image features. `blocks` is the module medfusion.learning.blocks.

Options that several have in common:

dropout, dense_dropout : share of units dropped in training (0 to 1)
l2 : weight of the squared-weights penalty of convolutions and dense layers
batch_norm : whether to normalise; batch_norm_momentum : share of the running averages kept at each step
"""

from typing import Any

from medfusion.learning.architectures import (
    blood_cnn,
    breast_cnn,
    compact_resnet,
    five_layer,
    keras_application,
    resnet28,
)

ARCHITECTURES = {
    "breast_cnn": breast_cnn,
    "blood_cnn": blood_cnn,
    "five_layer": five_layer,
    "resnet28": resnet28,
    "compact_resnet": compact_resnet,
    "keras_application": keras_application,
}
COMMON_LAYERS = ["features", "rescaling"]  # rescaling: the image itself, from 0 to 1

OPTIONS: dict[str, dict[str, Any]] = {name: module.OPTIONS for name, module in ARCHITECTURES.items()}
LAYERS: dict[str, list[str]] = {name: [*COMMON_LAYERS, *module.LAYERS] for name, module in ARCHITECTURES.items()}


def halvings(architecture: str, options: dict[str, Any]) -> int:
    """How often the widths of a network make it halve its image.

    >>> halvings("compact_resnet", {"widths": [16, 32, 32, 64]}), halvings("breast_cnn", {})
    (2, 0)
    """
    widths = {**OPTIONS[architecture], **options}.get("widths", [])
    return sum(after > before for before, after in zip(widths, widths[1:], strict=False))
