"""Training throughput, in float operations a second, against the rate of a large matrix product on the same thread, and
against the same step with Keras' own batch normalisation.

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
from medfusion.learning.normalisation import fuse
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
        step, images, operations = _training(config["networks"][name], fused=True)
        unfused, *_ = _training(config["networks"][name], fused=False)
        shares, ratios = [], []
        for _ in range(REPEATS):
            product = 2 * SIDE**3 / _cpu_seconds(_product, 10)
            ours, theirs = (_cpu_seconds(work, STEPS) for work in (step, unfused))
            shares.append(operations / ours / product)
            ratios.append(theirs / ours)
        title = f"training `{name}`, {operations / images / 1e6:.0f} million operations an image"
        low, middle, high = (f"{value:.0%}" for value in (min(shares), statistics.median(shares), max(shares)))
        product = f"{middle} of its rate ({low} to {high})"
        low, middle, high = (f"{value:.2f}" for value in (min(ratios), statistics.median(ratios), max(ratios)))
        for against, measured in (
            (f"float32 matrix product, {SIDE:,} × {SIDE:,}", product),
            ("the same step with Keras' batch normalisation", f"{middle}× ({low} to {high})"),
        ):
            lines.append([title, against, measured, str(REPEATS), "one thread each, in turn"])
    return lines


def _training(network, fused):
    """A training step on a batch of images, the images in it, and its operations."""
    settings = network["training"]
    batch = settings["batch_size"]
    model = build(network["architecture"], (28, 28, 3), 8, network["options"])
    compile_model(model, settings, 1000)
    if fused:
        fuse(model)
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
