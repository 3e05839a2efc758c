"""Weighted averages of class probabilities: fixed weights, weights chosen on validation, ensembles."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from medfusion.learning import choosing
from medfusion.tasks import as_stored


def weight_lattice(members: int, step: float) -> np.ndarray:
    """All weights that are multiples of `step` and sum to 1: float64 (points, members).

    >>> weight_lattice(2, 0.5).tolist()
    [[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]]
    """
    parts = round(1 / step)
    points = [(*p, parts - sum(p)) for p in itertools.product(range(parts + 1), repeat=members - 1) if sum(p) <= parts]
    return np.array(points) / parts


def fuse(probabilities: Sequence[np.ndarray] | np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted mean of class probabilities, as it is stored: what equals another but for rounding is equal.

    Parameters
    ----------
    probabilities : one array (n, k) per member
    weights : (members,), summing to 1
    """
    return as_stored(np.tensordot(weights, np.asarray(probabilities), axes=1))


def choose_weights(
    probabilities: list[np.ndarray], labels: np.ndarray, step: float, criterion: str
) -> tuple[list[int], list[dict[str, Any]]]:
    """Try every point of the weight lattice on the validation split.

    Parameters
    ----------
    probabilities : validation probabilities (n, k), one array per member
    labels : (n,); of several labels at once (n, k)
    step : of the weights
    criterion : one of `choosing.CRITERIA`, by which `choosing.equally_good` takes points

    Returns
    -------
    equally_good : the numbers of the points within one standard error of the best, the one to take first
    curve : one row per point: weights, accuracy, log_loss, and auroc if it is the criterion
    """
    lattice = weight_lattice(len(probabilities), step)
    measured = list(dict.fromkeys(["accuracy", "log_loss", criterion]))
    stacked = np.stack(probabilities)
    curve = [choosing.measure(fuse(stacked, weights), labels, measured) for weights in lattice]

    def parts(point: int) -> np.ndarray:
        return choosing.contributions(fuse(stacked, lattice[point]), labels, criterion)

    rows = [{"weights": weights.tolist(), **row} for weights, row in zip(lattice, curve, strict=True)]
    return choosing.equally_good(curve, criterion, parts), rows
