"""The options that each network architecture takes, with their defaults, and its layers; needs no TensorFlow.

dropout, dense_dropout : share of units dropped in training (0 … 1)
l2 : weight of the squared-weights penalty of convolutions and dense layers
batch_norm : whether to normalise; batch_norm_momentum : share of the running averages kept at each step
blocks : residual blocks a stage; widths : channels of the stem and of each residual block
stem_stride : pixels from one position of the first convolution to the next; "auto" for what suits the image's side
"""

from typing import Any

OPTIONS: dict[str, dict[str, Any]] = {
    "breast_cnn": {"dropout": 0.0, "l2": 0.0, "batch_norm": False, "batch_norm_momentum": 0.99},
    "blood_cnn": {
        "dropout": 0.3,
        "dense_dropout": 0.5,
        "l2": 1e-4,
        "batch_norm": True,
        "batch_norm_momentum": 0.99,
    },
    "five_layer": {"dropout": 0.4, "l2": 0.0, "batch_norm": True, "batch_norm_momentum": 0.99},
    "resnet28": {"blocks": 2, "dropout": 0.0, "l2": 1e-4, "batch_norm": True, "batch_norm_momentum": 0.99},
    "compact_resnet": {
        "widths": [24, 48, 96, 96, 192],
        "stem_stride": 1,
        "dropout": 0.2,
        "l2": 0.0,
        "batch_norm": True,
        "batch_norm_momentum": 0.9,
    },
}

# The layers whose output classifiers may see: those that an architecture has whatever its options. A test holds them
# against the built networks.
_CONVOLUTIONS = {"breast_cnn": 2, "blood_cnn": 3, "five_layer": 5}
LAYERS: dict[str, list[str]] = {
    name: [
        "features",
        "rescaling",
        "flatten",
        *(["dense"] if name != "breast_cnn" else []),
        *(f"{kind}{f'_{i}' if i else ''}" for i in range(count) for kind in ("conv2d", "max_pooling2d")),
    ]
    for name, count in _CONVOLUTIONS.items()
} | {name: ["features", "rescaling", "conv2d", "re_lu"] for name in ("resnet28", "compact_resnet")}


def stem_stride(options: dict[str, Any], side: int) -> int:
    """The stride of the first convolution for images of a side in pixels: "auto" leaves 28 to 56 positions.

    >>> [stem_stride({"stem_stride": "auto"}, side) for side in (28, 64, 128, 224)], stem_stride({}, 224)
    ([1, 2, 4, 4], 1)
    """
    stride = options.get("stem_stride", 1)
    return stride if stride != "auto" else 1 if side <= 32 else 2 if side <= 64 else 4


def halvings(architecture: str, options: dict[str, Any]) -> int:
    """How often the widths of a network make it halve its image.

    >>> halvings("compact_resnet", {"widths": [16, 32, 32, 64]}), halvings("breast_cnn", {})
    (2, 0)
    """
    widths = {**OPTIONS[architecture], **options}.get("widths", [])
    return sum(after > before for before, after in zip(widths, widths[1:], strict=False))
