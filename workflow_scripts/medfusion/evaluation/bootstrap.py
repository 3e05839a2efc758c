"""Stratified bootstrap weights and the rank statistics computed from them."""

from collections.abc import Callable, Iterator

import numpy as np
from scipy.sparse import csr_array

# Replicates held at once: enough to amortise the Python loop, few enough for the CPU cache …
CHUNK_SIZE = 32
# … and fewer where there are so many images that all of them would be more than so many weights.
MOST_WEIGHTS = 2**21

Statistic = Callable[[np.ndarray], np.ndarray]


def replicate_weights(labels: np.ndarray, replicates: int, seed: int) -> Iterator[np.ndarray]:
    """Yield, chunk by chunk, how often each image occurs in each stratified bootstrap replicate.

    Every replicate draws, within each true class, as many images as the class has, with replacement
    (Efron & Tibshirani 1993, An Introduction to the Bootstrap).

    Parameters
    ----------
    labels : int array, shape (n,)
        True classes, the strata.
    replicates : int
        Number of replicates over all chunks.
    seed : int
        Seed; each class draws from its own child generator, so the chunk size does not alter the draws.

    Yields
    ------
    float64 array, shape (n, r)
        Counts of the next ``r`` replicates, one per column.
    """
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    generators = np.random.default_rng(seed).spawn(len(members))
    step = max(1, min(CHUNK_SIZE, MOST_WEIGHTS // len(labels)))
    for start in range(0, replicates, step):
        r = min(step, replicates - start)
        weights = np.empty((len(labels), r))
        for generator, images in zip(generators, members, strict=True):
            drawn = generator.integers(len(images), size=(r, len(images)))
            cells = drawn * r + np.arange(r)[:, None]
            counts = np.bincount(cells.ravel(), minlength=len(images) * r)
            weights[images] = counts.reshape(len(images), r)
        yield weights


def binary_auroc(positive: np.ndarray, scores: np.ndarray) -> Statistic:
    """Prepare the area under the ROC curve of one class as a function of image weights.

    The area is the Mann-Whitney probability that a positive scores above a negative, ties counting half
    (Hanley & McNeil 1982). Scores are sorted here, once for all replicates; weights are whole numbers, so that sums
    are exact in any order.

    Parameters
    ----------
    positive : bool array, shape (n,)
        Whether each image belongs to the class.
    scores : float array, shape (n,)
        Score of the class.

    Returns
    -------
    callable
        Maps weights of shape (n, r), with weight on both sides, to areas of shape (r,).
    """
    order = np.argsort(scores, kind="stable")
    positive = positive[order]
    steps = _roc_steps(scores[order], positive)

    def summing(part: np.ndarray) -> csr_array:
        """What sums the weights of some of the images over each step: (steps, n)."""
        ones = np.ones(np.count_nonzero(part))
        return csr_array((ones, (steps[part], order[part])), shape=(steps[-1] + 1, len(order)))

    of_positives, of_negatives = summing(positive), summing(~positive)

    def area(weights: np.ndarray) -> np.ndarray:
        won, lost = of_positives @ weights, of_negatives @ weights
        # A positive wins against the negatives of the steps before it, and half of those of its own.
        wins = np.einsum("jr,jr->r", won, np.cumsum(lost, axis=0) - lost / 2)
        return wins / (won.sum(axis=0) * lost.sum(axis=0))

    return area


def _roc_steps(scores: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """The steps of the ROC curve, numbered: each is a run of one class, or equal scores of both.

    Within a step only the number of positives and of negatives counts, so that a good score has few steps.

    Parameters
    ----------
    scores : (n,), ascending
    positive : bool (n,)

    Returns
    -------
    int (n,), ascending from 0

    >>> _roc_steps(np.array([0.1, 0.2, 0.3, 0.3, 0.5]), np.array([False, False, False, True, True]))
    array([0, 0, 1, 1, 2])
    """
    starts = np.concatenate([[True], scores[1:] != scores[:-1]])
    value = np.cumsum(starts) - 1
    share = np.bincount(value, positive) / np.bincount(value)  # of positives, by distinct score
    new = np.concatenate([[False], (share[1:] != share[:-1]) | (share[1:] % 1 > 0)])
    return np.cumsum(new)[value]


def official_auroc(labels: np.ndarray, probabilities: np.ndarray, task: str) -> Statistic:
    """Prepare MedMNIST's AUROC as a function of image weights.

    Parameters
    ----------
    labels : int array, shape (n,)
        True classes, every class present.
    probabilities : float array, shape (n, k)
        Class probabilities.
    task : str
        ``"binary-class"``: the area of class 1; otherwise the mean of the one-vs-rest areas.

    Returns
    -------
    callable
        Maps weights of shape (n, r) to areas of shape (r,).
    """
    classes = [1] if task == "binary-class" else range(probabilities.shape[1])
    areas = [binary_auroc(labels == i, probabilities[:, i]) for i in classes]
    return lambda weights: np.mean([area(weights) for area in areas], axis=0)


def average_precision(positive: np.ndarray, scores: np.ndarray) -> Statistic:
    """Prepare the average precision of one class as a function of image weights.

    The sum over thresholds of precision times the step in recall, without interpolation
    (scikit-learn's ``average_precision_score``).

    Parameters
    ----------
    positive : bool array, shape (n,)
        Whether each image belongs to the class.
    scores : float array, shape (n,)
        Score of the class.

    Returns
    -------
    callable
        Maps weights of shape (n, r) to average precisions of shape (r,).
    """
    order = np.argsort(-scores, kind="stable")
    retrieved = np.searchsorted(-scores[order], -scores[positive], side="right")

    def precision(weights: np.ndarray) -> np.ndarray:
        own = weights[positive]
        total = _cumulative(weights[order])[retrieved]
        hits = _cumulative(np.where(positive[order, None], weights[order], 0))[retrieved]
        # A threshold with nothing retrieved has no weight of its own, so any finite precision serves.
        return np.sum(own * hits / np.maximum(total, 1), axis=0) / own.sum(axis=0)

    return precision


def _cumulative(weights: np.ndarray) -> np.ndarray:
    """Cumulative sums down the rows, preceded by a row of zeros."""
    cumulative = np.zeros((len(weights) + 1, weights.shape[1]))
    np.cumsum(weights, axis=0, out=cumulative[1:])
    return cumulative
