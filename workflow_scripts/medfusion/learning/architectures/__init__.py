"""The network architectures, a file each, called as in config.yaml; they need no TensorFlow.

`registry` lists them. A training imports its own by name, so that no other counts for it (`Job.modules`).

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


def module(architecture: str) -> str:
    """The dotted name of an architecture's module.

    >>> module("resnet28")
    'medfusion.learning.architectures.resnet28'
    """
    return f"medfusion.learning.architectures.{architecture}"
