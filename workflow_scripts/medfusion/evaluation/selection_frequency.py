"""How often each system would be selected if other validation images had been drawn: what a choice is worth."""

from collections.abc import Mapping, Sequence

import numpy as np

from medfusion.evaluation.bootstrap import replicate_weights
from medfusion.learning.choosing import DIGITS, Measures


def frequencies(
    measures: Sequence[Measures],
    parts: Mapping[str, np.ndarray],
    labels: np.ndarray,
    criterion: str,
    replicates: int,
    seed: int,
) -> np.ndarray:
    """The share of bootstrap replicates of the validation images in which each system is selected.

    In each replicate the rule of `choosing.equally_good` is applied anew. A measure of a replicate is that of all
    images plus the weighted sum of what each image adds to its deviation: exact for means, to first order for areas
    under the ROC curve (Efron & Tibshirani 1993, chapter 22).

    Parameters
    ----------
    measures : of each system, with the criterion, "accuracy" and "log_loss"
    parts : `choosing.contributions` of all systems, float64 (systems, n), by measure
    labels : int (n,), or 0 and 1 of shape (n, k); single ones are the strata
    criterion : one of `choosing.CRITERIA`
    replicates, seed : of the bootstrap

    Returns
    -------
    float64 (systems,), with the sum 1
    """
    order = list(dict.fromkeys((criterion, "log_loss")))
    values = {name: np.array([row[name] for row in measures]) for name in {*order, "accuracy"}}
    own = parts[criterion]
    strata = labels if labels.ndim == 1 else np.zeros(len(labels), int)
    selected = np.zeros(len(measures))
    for weights in replicate_weights(strata, replicates, seed):
        drawn = {name: _sorted_by(name, values[name][:, None] + parts[name] @ weights) for name in values}
        best = _first([drawn[name] for name in order])
        good = np.empty(drawn[criterion].shape, bool)
        for leader in np.unique(best):
            columns = best == leader
            apart = own - own[leader]
            spread = apart**2 @ weights[:, columns] - (apart @ weights[:, columns]) ** 2 / len(labels)
            gap = np.abs(drawn[criterion][:, columns] - drawn[criterion][leader, columns])
            good[:, columns] = np.round(gap, DIGITS) <= np.sqrt(np.maximum(spread, 0))
        good[best, np.arange(len(best))] = True
        accuracy = np.where(good, drawn["accuracy"], np.inf)
        selected += np.bincount(_first([accuracy, *(drawn[name] for name in order)]), minlength=len(measures))
    return selected / replicates


def _sorted_by(name: str, values: np.ndarray) -> np.ndarray:
    """Measures so that the lower is the better, rounded, the unknown last."""
    return np.nan_to_num(np.round(values if name == "log_loss" else -values, DIGITS), nan=np.inf)


def _first(keys: Sequence[np.ndarray]) -> np.ndarray:
    """The row that comes first in each column, by the first key, then by the next; of equals the upper one."""
    return np.array([np.lexsort([key[:, column] for key in reversed(keys)])[0] for column in range(keys[0].shape[1])])
