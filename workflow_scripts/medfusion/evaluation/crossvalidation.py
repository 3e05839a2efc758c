"""What folds or other splits of one data set say of systems, and of the difference of two.

Training sets of different folds share most of their images, so that measures of folds are not independent: a plain
t-test over them finds differences where there are none. Nadeau & Bengio (2003) correct its variance by the ratio of
tested to trained images. With the same correction Corani & Benavoli (2015) give the distribution of the mean
difference, of which the part in a region of practical equivalence can be told (Benavoli et al. 2017).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.stats import t

from medfusion.evaluation.paired_tests import DIGITS

CERTAIN = 0.95  # probability that a verdict needs
POWER = 0.8  # of the smallest difference that could be shown


@dataclass(frozen=True)
class Mean:
    """A measure over folds: mean, standard deviation of single folds, limits of the mean, number of folds."""

    mean: float
    sd: float
    low: float
    high: float
    folds: int


@dataclass(frozen=True)
class FoldDifference:
    """The difference of two systems in one measure, over the same folds.

    mean, low, high : how much better the first is, with limits
    p : of the corrected resampled t-test that it is 0
    worse, equivalent, better : probabilities that the difference is below, in and above the region of equivalence
    detectable : the difference for which p, not adjusted, would be below 1 - confidence with a probability of `POWER`
    """

    mean: float
    low: float
    high: float
    p: float
    worse: float
    equivalent: float
    better: float
    detectable: float

    def verdict(self, p: float, level: float) -> str:
        """Better, worse or practically equivalent, where that has a probability of at least `CERTAIN`; or undecided.

        Parameters
        ----------
        p : adjusted for all pairs that are compared
        level : below which it must be for better or worse: the probability alone would say so too often
        """
        if self.equivalent >= CERTAIN:
            return "practically equivalent"
        if max(self.better, self.worse) >= CERTAIN and p < level:
            return "better" if self.better > self.worse else "worse"
        return "undecided"


def standard_error(values: np.ndarray, ratio: float) -> float:
    """The standard error of a mean over folds (Nadeau & Bengio 2003).

    Parameters
    ----------
    values : float64 (folds,), two or more
    ratio : of tested to trained images in a fold

    >>> round(standard_error(np.array([0.8, 0.9, 0.7, 0.8]), 0.25), 4)
    0.0577
    """
    return float(sqrt(1 / len(values) + ratio) * np.std(values, ddof=1))


def summarise(
    values: Sequence[float], ratio: float, confidence: float, limits: tuple[float, float] = (0.0, 1.0)
) -> Mean:
    """The mean of a measure over folds, with Student's interval of the corrected standard error.

    Parameters
    ----------
    values : (folds,), two or more
    ratio : of tested to trained images in a fold
    confidence : nominal coverage
    limits : between which the measure lies
    """
    found = np.asarray(values, float)
    mean, reach = float(found.mean()), _quantile(confidence, len(found)) * standard_error(found, ratio)
    return Mean(mean, float(found.std(ddof=1)), max(mean - reach, limits[0]), min(mean + reach, limits[1]), len(found))


def compare(differences: Sequence[float], ratio: float, equivalent: float, confidence: float) -> FoldDifference:
    """The difference of two systems over the same folds.

    Parameters
    ----------
    differences : (folds,), positive where the first is better; two or more
    ratio : of tested to trained images in a fold
    equivalent : a difference of at most so much makes none in practice (half the region of practical equivalence)
    confidence : nominal coverage of the interval
    """
    found = np.round(np.asarray(differences, float), DIGITS)  # equal but for the order of sums
    mean, error, freedom = float(found.mean()), standard_error(found, ratio), len(found) - 1
    reach = _quantile(confidence, len(found)) * error
    if error == 0:
        sides = (float(mean < -equivalent), float(abs(mean) <= equivalent), float(mean > equivalent))
        return FoldDifference(mean, mean, mean, float(mean == 0), *sides, 0.0)
    below = float(t.cdf(-equivalent, freedom, mean, error))
    above = float(t.sf(equivalent, freedom, mean, error))
    inside = max(0.0, 1 - below - above)  # rounding may bring it below 0
    return FoldDifference(
        mean,
        mean - reach,
        mean + reach,
        float(2 * t.sf(abs(mean) / error, freedom)),
        below,
        inside,
        above,
        float(reach + t.ppf(POWER, freedom) * error),
    )


def _quantile(confidence: float, folds: int) -> float:
    return float(t.ppf((1 + confidence) / 2, folds - 1))
