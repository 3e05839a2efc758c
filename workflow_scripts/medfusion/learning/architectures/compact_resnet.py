"""A wide, shallow residual network: few operations at full size, most of the width where images are small.

The first of `widths` is a plain convolution, at full size or, for larger images, with a stride; each further one is
a residual block (He et al. 2016) that halves the image where the width grows; global average pooling gives the
features.

widths : channels of the first convolution and of each residual block
stem_stride : pixels from one position of the first convolution to the next; "auto" for what suits the image's side
"""

from typing import Any

OPTIONS = {
    "widths": [24, 48, 96, 96, 192],
    "stem_stride": 1,
    "dropout": 0.2,
    "l2": 0.0,
    "batch_norm": True,
    "batch_norm_momentum": 0.9,
}
LAYERS = ["conv2d", "re_lu"]


def network(images: Any, options: dict[str, Any], blocks: Any) -> Any:
    layers, widths = blocks.layers, options["widths"]
    stride = stem_stride(options, images.shape[1])
    x = layers.ReLU()(blocks.convolve(images, widths[0], stride, options))
    for before, width in zip(widths, widths[1:], strict=False):
        x = blocks.residual_block(x, width, 2 if width > before else 1, options)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    return layers.Dropout(options["dropout"])(x)


def stem_stride(options: dict[str, Any], side: int) -> int:
    """The stride of the first convolution for images of a side in pixels: "auto" leaves 28 to 56 positions.

    >>> [stem_stride({"stem_stride": "auto"}, side) for side in (28, 64, 128, 224)], stem_stride({}, 224)
    ([1, 2, 4, 4], 1)
    """
    stride = options.get("stem_stride", 1)
    return stride if stride != "auto" else 1 if side <= 32 else 2 if side <= 64 else 4
