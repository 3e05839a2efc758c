"""Stratified bootstrap weights, and the average precision computed from them."""

from collections.abc import Callable, Iterator

import numpy as np

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
