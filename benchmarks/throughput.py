"""Training throughput, in float operations a second, against the rate of a large matrix product on the same thread,
against the same step with Keras' own batch normalisation, and, where the processor multiplies in bfloat16, with
activations in it.

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
from medfusion.learning.precision import lower
from medfusion.learning.training import compile_model, one_hot
from medfusion.planning import precision

SIDE = 1024  # of the matrices
STEPS = 30
REPEATS = 5


DATA = {"blood": ((28, 28, 3), 8), "breast": ((28, 28, 1), 2)}  # image and classes


def rows() -> list[list[str]]:
    """The rows of the report, some for each network that config.yaml trains on Blood and Breast."""
    backend.configure(threads=1, seed=0)
    config, lines = timing.config(), []
    for dataset, data in DATA.items():
        entry = config["datasets"][dataset]
        used = [model["network"] for model in entry["models"].values()]
        used += [entry["learning_curve"]["network"]] if entry["learning_curve"] else []
        for name in dict.fromkeys(used):
            lines += _rows(name, config["networks"][name], *data)
    return lines


def _rows(name, network, shape, classes) -> list[list[str]]:
    """The rows of one network; all its steps are measured in turn."""
    step, images, operations = _training(network, shape, classes)
    steps = {"ours": step, "unfused": _training(network, shape, classes, fused=False)[0]}
    if precision.resolved(precision.AUTO) == precision.BFLOAT16:
        steps["bfloat16"] = _training(network, shape, classes, lowered=True)[0]
    rates, seconds = [], {kind: [] for kind in steps}
    for _ in range(REPEATS):
        rates.append(2 * SIDE**3 / _cpu_seconds(_product, 10))
        for kind, work in steps.items():
            seconds[kind].append(_cpu_seconds(work, STEPS))

    def words(form, values):
        return [form.format(value) for value in (statistics.median(values), min(values), max(values))]

    def faster(slow, fast):
        ratios = [a / b for a, b in zip(seconds[slow], seconds[fast], strict=True)]
        return "{}× ({} to {})".format(*words("{:.2f}", ratios))

    shares = [operations / ours / rate for ours, rate in zip(seconds["ours"], rates, strict=True)]
    measured = {
        f"float32 matrix product, {SIDE:,} × {SIDE:,}": "{} of its rate ({} to {})".format(*words("{:.0%}", shares)),
        "the same step with Keras' batch normalisation": faster("unfused", "ours"),
    }
    if "bfloat16" in steps:
        measured["with activations in bfloat16: the same step in float32"] = faster("ours", "bfloat16")
    title = f"training `{name}` in float32, {operations / images / 1e6:.0f} million operations an image"
    return [[title, against, found, str(REPEATS), "one thread each, in turn"] for against, found in measured.items()]


def _training(network, shape, classes, fused=True, lowered=False):
    """A training step on a batch of images, the images in it, and its operations."""
    settings = network["training"]
    batch = settings["batch_size"]
    model = build(network["architecture"], shape, classes, network["options"])
    compile_model(model, settings, 1000)
    if fused:
        fuse(model)
    if lowered:
        lower(model)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (batch, *shape), np.uint8)
    targets = one_hot(rng.integers(0, classes, batch), model.output_shape[-1])
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
