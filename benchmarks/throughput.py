"""Training throughput, in float operations a second, against the rate of a large matrix product on the same thread.

Counted are the multiplications and additions of convolutions and dense layers, forward once and backward twice; all
else that a step does (normalisation, optimiser, input) costs time and counts as nothing.
"""

import math
import statistics
import time

import numpy as np
import timing

from medfusion.learning import backend
from medfusion.learning.networks import build
from medfusion.learning.training import compile_model

SIDE = 1024  # of the matrices
STEPS = 30
REPEATS = 5


def rows() -> list[list[str]]:
    """The rows of the report, one a network of config.yaml that is trained on BloodMNIST."""
    backend.configure(threads=1, seed=0)
    config = timing.config()
    networks = dict.fromkeys(model["network"] for model in config["datasets"]["blood"]["models"].values())
    lines = []
    for name in networks:
        step, images, operations = _training(config["networks"][name])
        shares = []
        for _ in range(REPEATS):
            product = 2 * SIDE**3 / _cpu_seconds(_product, 10)
            shares.append(operations / _cpu_seconds(step, STEPS) / product)
        lines.append(
            [
                f"training `{name}`, {operations / images / 1e6:.0f} million operations an image",
                "float32 matrix product, 1,024 × 1,024",
                f"{statistics.median(shares):.0%} of its rate ({min(shares):.0%} to {max(shares):.0%})",
                str(REPEATS),
                "one thread each, in turn",
            ]
        )
    return lines


def _training(network):
    """A training step on a batch of images, the images in it, and its operations."""
    settings = network["training"]
    batch = settings["batch_size"]
    model = build(network["architecture"], (28, 28, 3), 8, network["options"])
    compile_model(model, settings, 1000)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (batch, 28, 28, 3), np.uint8)
    targets = np.eye(8, dtype=np.float32)[rng.integers(0, 8, batch)]
    step = backend.tf.function(lambda x, y: model.train_step((x, y)))
    data = backend.tf.constant(images), backend.tf.constant(targets)
    return lambda: step(*data)["loss"].numpy(), batch, 3 * batch * _operations(model)


def _operations(model) -> int:
    """Multiplications and additions of one image's way through the convolutions and dense layers."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, backend.keras.layers.Conv2D):
            total += 2 * math.prod(layer.output.shape[1:3]) * math.prod(layer.kernel.shape)
        elif isinstance(layer, backend.keras.layers.Dense):
            total += 2 * math.prod(layer.kernel.shape)
    return total


_MATRICES: list = []


def _product() -> None:
    if not _MATRICES:
        _MATRICES.extend(backend.tf.random.normal((2, SIDE, SIDE)))
    (_MATRICES[0] @ _MATRICES[1]).numpy()


def _cpu_seconds(work, times: int) -> float:
    """Processor seconds of one call, the first of all left out."""
    work()
    start = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - start) / times


if __name__ == "__main__":
    for row in rows():
        print(" | ".join(row))
