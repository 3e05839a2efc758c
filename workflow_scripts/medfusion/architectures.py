"""The options that each network architecture takes, with their defaults; needs no TensorFlow to be read.

dropout, dense_dropout : share of units dropped in training (0 … 1)
l2 : weight of the squared-weights penalty of convolutions and dense layers
batch_norm : whether to normalise; batch_norm_momentum : share of the running averages kept at each step
blocks : residual blocks a stage; widths : channels of the stem and of each residual block
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
        "dropout": 0.2,
        "l2": 0.0,
        "batch_norm": True,
        "batch_norm_momentum": 0.9,
    },
}
