"""The architectures by name, with their options and layers: what the configuration is checked against."""

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
