"""Tests of a difference between two systems on the same images, each with the interval of the same procedure.

A p value is below 1 − confidence where the interval leaves out 0, and nowhere else: both rest on one statistic and one
critical value. Neither is drawn at random, so that no p value ends at a number of replicates.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.signal import convolve
from scipy.special import expit
from scipy.stats import binom, norm, rankdata

# Differences are rounded so, in order that equal systems do not differ by the order of their sums.
DIGITS = 12


class Difference(NamedTuple):
    """A difference, the limits of its interval, and the two-sided p value of no difference."""

    value: float
    low: float
    high: float
    p: float


class Area(NamedTuple):
    """An area under the ROC curve, and what each image adds to its deviation.

    value : the mean of the areas of the classes
    parts : float64 (n,); the area varies as their sum does over images drawn within each true class
    """

    value: float
    parts: np.ndarray


def level_of(confidence: float) -> float:
    """The level of tests whose intervals have a confidence: 1 − it, without the error of the subtraction."""
    return round(1 - confidence, DIGITS)


# -- accuracy ---------------------------------------------------------------------------------------------------------


def accuracy_difference(right: np.ndarray, other: np.ndarray, confidence: float) -> Difference:
    """The mean accuracy of a system's runs minus that of another's, by sign flips over the images.

    Were the systems equal, each image's difference could as well have the other sign. The p value is the share of all
    sign patterns whose sum is at least as far from 0 (Fisher's randomisation test; of one run each, McNemar's exact
    test), counted, not drawn: the sum is one of whole numbers, whose distribution is that of scaled binomial counts.

    The interval holds the differences δ for which (S − n δ)² / Σ (dᵢ − δ)² does not pass the critical value that the
    patterns give for δ = 0, where S is the sum of the differences dᵢ: a studentised interval.

    Parameters
    ----------
    right, other : bool arrays, shape (runs, n)
        Whether each run of either system is right on each image; the numbers of runs may differ.
    confidence : float
        Nominal coverage of the interval.

    Raises
    ------
    ValueError
        If the arrays are not boolean, not of the same images, or without a run or image.
    """
    first, second = np.asarray(right), np.asarray(other)
    if {first.dtype, second.dtype} != {np.dtype(bool)} or first.ndim != 2 or first.shape[1:] != second.shape[1:]:
        raise ValueError(f"expected two boolean arrays (runs, n), got {first.shape} and {second.shape}")
    if not first.size or not second.size:
        raise ValueError("expected at least one run of each system and one image")
    divisor = math.gcd(len(first), len(second))
    unit = len(first) * len(second) // divisor
    counts = first.sum(axis=0) * (len(second) // divisor) - second.sum(axis=0) * (len(first) // divisor)
    n, total, squares = len(counts), int(counts.sum()), int(np.square(counts).sum())
    if not squares:
        return Difference(0.0, 0.0, 0.0, 1.0)
    sizes, tails = _sign_flips(np.abs(counts[counts != 0]))
    level = level_of(confidence)
    # The largest sum that is not rejected; tails fall as sums grow.
    critical = sizes[np.flatnonzero(tails >= level)[-1]]
    p = float(tails[np.searchsorted(sizes, abs(total))])
    mean, quantile = total / n, critical / math.sqrt(squares)
    spread = (squares / n - mean**2) / (n - quantile**2) if quantile**2 < n else math.inf
    half = quantile * math.sqrt(spread)
    return _consistent(mean / unit, half / unit, p, level, limit=1.0)


def _sign_flips(sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distribution of a sum of whole numbers above 0 whose signs are drawn.

    Returns
    -------
    sums : whole numbers from 0 or 1 on, all absolute sums that can occur among them, ascending, (s,)
    tails : of each, the chance of an absolute sum of at least this, (s,)
    """
    common = int(np.gcd.reduce(sizes))
    values, times = np.unique(sizes // common, return_counts=True)
    chances = np.ones(1)
    for value, count in zip(values.tolist(), times.tolist(), strict=True):
        own = np.zeros(value * count + 1)
        own[::value] = binom.pmf(np.arange(count + 1), count, 0.5)
        chances = convolve(chances, own)
    total = len(chances) - 1  # how many are positive, weighted, is from 0 to this; a sum is twice it, minus this
    upper = np.arange(-(-total // 2), total + 1)
    tails = 2 * np.cumsum(np.maximum(chances, 0)[::-1])[::-1][upper]
    # The convolution has errors of 1e-16, and no pattern is rarer than one of all of them and its mirror image.
    tails = np.clip(tails, 2.0 ** max(1 - len(sizes), -1000), 1)
    tails[: 1 - total % 2] = 1  # a sum of 0
    return (2 * upper - total) * common, tails


# -- area under the ROC curve -----------------------------------------------------------------------------------------


def area(labels: np.ndarray, probabilities: np.ndarray, task: str) -> Area:
    """MedMNIST's AUROC with its structural components (DeLong, DeLong & Clarke-Pearson 1988).

    The mean of one-vs-rest areas varies with each image in all of them, so that what it adds to each is summed.

    Parameters
    ----------
    labels : int array, shape (n,)
        True classes, every class present.
    probabilities : float array, shape (n, k)
    task : str
        ``"binary-class"``: the area of class 1; otherwise the mean over classes.
    """
    classes = [1] if task == "binary-class" else range(probabilities.shape[1])
    areas = [class_area(labels == label, probabilities[:, label]) for label in classes]
    parts = np.sum([one.parts for one in areas], axis=0)
    return Area(float(np.mean([one.value for one in areas])), parts / len(classes))


def class_area(positive: np.ndarray, scores: np.ndarray) -> Area:
    """The area under one ROC curve; equal scores count half.

    Parameters
    ----------
    positive : bool array, shape (n,), neither all nor none
    scores : float array, shape (n,)
    """
    own, others = scores[positive], scores[~positive]
    ranks = rankdata(scores)
    won = (ranks[positive] - rankdata(own)) / len(others)  # of each positive, the share of negatives below it
    lost = 1 - (ranks[~positive] - rankdata(others)) / len(own)
    parts = np.empty(len(scores))
    parts[positive], parts[~positive] = won / len(own), lost / len(others)
    return Area(float(won.mean()), parts)


def mean_area(areas: list[Area], labels: np.ndarray) -> Area:
    """The mean of the areas of several labels that an image may have at once.

    Parameters
    ----------
    areas : of each label, on the same images
    labels : 0 and 1, shape (n, k)
    """
    parts = np.zeros(len(labels))
    for one, own in zip(areas, labels.T, strict=True):
        for value in (0, 1):
            group = own == value
            size = int(np.count_nonzero(group))
            # Around the mean of its group, and larger by what a group's own mean takes away.
            parts[group] += (one.parts[group] - one.parts[group].mean()) * math.sqrt(size / max(size - 1, 1))
    return Area(float(np.mean([one.value for one in areas])), parts / len(areas))


def deviation(labels: np.ndarray, parts: np.ndarray) -> float:
    """The standard error of an area, or of a difference of areas, from its parts (DeLong et al. 1988).

    A class with a single image adds nothing: nothing is known of its spread.
    """
    variance = 0.0
    for label in np.unique(labels):
        own = parts[labels == label]
        if len(own) > 1:
            variance += len(own) ** 2 / (len(own) - 1) * own.var()
    return math.sqrt(variance)


def area_difference(labels: np.ndarray, areas: list[Area], others: list[Area], confidence: float) -> Difference:
    """The mean AUROC of a system's runs minus that of another's, by DeLong's standard error and a normal distribution.

    Parameters
    ----------
    labels : int array, shape (n,)
    areas, others : of the runs of either system, on these images
    confidence : nominal coverage of the interval
    """
    value = float(np.mean([one.value for one in areas]) - np.mean([one.value for one in others]))
    parts = np.mean([one.parts for one in areas], axis=0) - np.mean([one.parts for one in others], axis=0)
    return _normal(value, deviation(labels, parts), len(labels), confidence, limit=1.0)


# -- log loss ---------------------------------------------------------------------------------------------------------


def loss_difference(losses: np.ndarray, others: np.ndarray, confidence: float) -> Difference:
    """The mean log loss of a system's runs minus that of another's, by the normal distribution of paired images.

    Parameters
    ----------
    losses, others : float arrays, shape (runs, n)
        Of each run of either system on each image; the numbers of runs may differ.
    confidence : float
        Nominal coverage of the interval.
    """
    gaps = losses.mean(axis=0) - others.mean(axis=0)
    error = float(gaps.std(ddof=1) / math.sqrt(len(gaps))) if len(gaps) > 1 else 0.0
    return _normal(float(gaps.mean()), error, len(gaps), confidence, limit=math.inf)


def area_interval(labels: np.ndarray, found: Area, confidence: float) -> tuple[float, float]:
    """The interval of an AUROC, symmetric on the logit scale so that it stays between 0 and 1 (Pepe 2003, 5.2.4).

    An area of 0 or 1 has no spread that could be seen: the interval is then 0 to 0, or 1 to 1.
    """
    return logit_interval(found.value, deviation(labels, found.parts), confidence)


def logit_interval(value: float, error: float, confidence: float) -> tuple[float, float]:
    """The limits of a share with a standard error, symmetric on the logit scale; 0 and 1 have no width."""
    if not 0 < value < 1:
        return value, value
    half = float(norm.isf((1 - confidence) / 2)) * error / (value * (1 - value))
    middle = math.log(value / (1 - value))
    low, high = float(expit(middle - half)), float(expit(middle + half))
    return min(low, value), max(high, value)  # rounding can leave a limit on the wrong side


def _normal(value: float, error: float, n: int, confidence: float, limit: float) -> Difference:
    """A difference with a standard error from n images, by the normal distribution."""
    value, error = round(value, DIGITS), round(error, DIGITS)
    if not error and not value:
        return Difference(0.0, 0.0, 0.0, 1.0)
    level = level_of(confidence)
    # Without spread the error says nothing: as of sign flips, n images have no smaller p value than this.
    smallest = 2.0 ** max(1 - n, -1000)
    p = max(2 * float(norm.sf(abs(value) / error)) if error else 0.0, smallest)
    return _consistent(value, float(norm.isf(level / 2)) * error, p, level, limit)


def _consistent(value: float, half: float, p: float, level: float, limit: float) -> Difference:
    """A difference with its interval; where the critical value is met exactly, on the side of its p value."""
    low, high = max(round(value - half, DIGITS), -limit), min(round(value + half, DIGITS), limit)
    if p >= level:
        low, high = min(low, 0.0), max(high, 0.0)
    return Difference(round(value, DIGITS) + 0.0, low + 0.0, high + 0.0, p)
