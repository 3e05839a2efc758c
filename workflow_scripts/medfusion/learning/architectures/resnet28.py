"""Residual network of CIFAR style (He et al. 2016, section 4.2) at 16, 32 and 64 channels.

With b blocks a stage it has 6b + 2 weighted layers; "28" is the side of its images, not its depth.

blocks : residual blocks a stage
"""

from typing import Any

OPTIONS = {"blocks": 2, "dropout": 0.0, "l2": 1e-4, "batch_norm": True, "batch_norm_momentum": 0.99}
LAYERS = ["conv2d", "re_lu"]


def network(images: Any, options: dict[str, Any], blocks: Any) -> Any:
    layers = blocks.layers
    x = layers.ReLU()(blocks.convolve(images, 16, 1, options))
    for channels in (16, 32, 64):
        for block in range(options["blocks"]):
            stride = 2 if block == 0 and channels > 16 else 1
            x = blocks.residual_block(x, channels, stride, options)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    return layers.Dropout(options["dropout"])(x)
