"""Weighted averages of class probabilities: fixed weights, weights chosen on validation, votes."""

import itertools
from typing import Any

import numpy as np

from medfusion.tasks import as_stored


def weight_lattice(members: int, step: float) -> np.ndarray:
    """All weights that are multiples of `step` and sum to 1: float64 (points, members).

    >>> weight_lattice(2, 0.5).tolist()
    [[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]]
    """
    parts = round(1 / step)
    points = [(*p, parts - sum(p)) for p in itertools.product(range(parts + 1), repeat=members - 1) if sum(p) <= parts]
    return np.array(points) / parts


def fuse(probabilities: list[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """The weighted mean of class probabilities, as it is stored: what equals another but for rounding is equal.

    Parameters
    ----------
    probabilities : one array (n, k) per member
    weights : (members,), summing to 1
    """
    return as_stored(np.tensordot(weights, np.stack(probabilities), axes=1))


def choose_weights(
    probabilities: list[np.ndarray], labels: np.ndarray, step: float, criterion: str
) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Try every point of the weight lattice on the validation split.

    Parameters
    ----------
    probabilities : validation probabilities (n, k), one array per member
    labels : (n,); of several labels at once (n, k), over which accuracy and log loss are means
    step : of the weights
    criterion : "accuracy", where log loss decides between equals, or "log_loss"

    Returns
    -------
    weights : (members,), the best point; the first of equals
    curve : one row per point: weights, accuracy, log_loss
    """
    curve = []
    for weights in weight_lattice(len(probabilities), step):
        fused = fuse(probabilities, weights)
        if labels.ndim == 2:
            right, chance = (fused > 0.5) == labels, np.where(labels, fused, 1 - fused)
        else:
            right, chance = fused.argmax(axis=1) == labels, fused[np.arange(len(labels)), labels]
        likelihood, accuracy = np.clip(chance, 1e-12, None), float(np.mean(right))
        curve.append({"weights": weights.tolist(), "accuracy": accuracy, "log_loss": float(-np.log(likelihood).mean())})
    sign = {"accuracy": lambda row: (-row["accuracy"], row["log_loss"]), "log_loss": lambda row: row["log_loss"]}
    best = min(curve, key=sign[criterion])
    return np.array(best["weights"]), curve
