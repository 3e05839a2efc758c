"""Muon's step beside the same in NumPy."""

import numpy as np
import pytest

from medfusion.learning import backend
from medfusion.learning.backend import keras
from medfusion.learning.optimizers import Muon

RATE, DECAY = 0.03, 0.1


@pytest.fixture(scope="module", autouse=True)
def configured():
    backend.configure(threads=1, seed=0)


def orthogonal(matrix, steps):
    """The author's quintic Newton-Schulz iteration on the singular values of a matrix."""
    left, values, right = np.linalg.svd(matrix.astype(np.float64), full_matrices=False)
    values = values / np.linalg.norm(values)
    for _ in range(steps):
        values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5
    return (left * values) @ right


@pytest.mark.parametrize("shape", [(3, 3, 4, 5), (6, 2), (2, 7)])
def test_two_steps_on_a_kernel_are_muons(shape):
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=shape), rng.normal(size=(2, *shape))
    variable = keras.Variable(start.astype(np.float32), name="kernel")
    optimizer = Muon(RATE, weight_decay=DECAY, adam_weight_decay=DECAY, ns_steps=3)
    momentum, expected = np.zeros(shape), start
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient.astype(np.float32))], [variable])
        momentum = 0.95 * momentum + gradient
        matrix = (gradient + 0.95 * momentum).reshape(-1, shape[-1])
        update = 0.2 * np.sqrt(max(matrix.shape)) * orthogonal(matrix, 3)
        expected = expected * (1 - RATE * DECAY) - RATE * update.reshape(shape)
    assert np.allclose(variable.numpy(), expected, atol=1e-5)
    assert not np.allclose(variable.numpy(), start, atol=1e-2)


def test_what_is_no_kernel_takes_the_steps_of_adamw():
    rng = np.random.default_rng(0)
    names = {"bias": (5,), "probabilities/kernel": (4, 3)}
    found = {}
    for kind in (Muon, keras.optimizers.AdamW):
        options = {"adam_weight_decay": DECAY, "exclude_layers": ["probabilities"]} if kind is Muon else {}
        optimizer = kind(RATE, weight_decay=DECAY, **options)
        variables = []
        for name, shape in names.items():
            with keras.name_scope(name.rpartition("/")[0] or "layer"):
                variables.append(keras.Variable(np.ones(shape, np.float32), name=name.rpartition("/")[2]))
        rng = np.random.default_rng(0)
        for _ in range(2):
            optimizer.apply(
                [keras.ops.convert_to_tensor(rng.normal(size=v.shape).astype(np.float32)) for v in variables], variables
            )
        found[kind] = [v.numpy() for v in variables]
    for ours, theirs in zip(*found.values(), strict=True):
        assert np.allclose(ours, theirs, atol=1e-6)
