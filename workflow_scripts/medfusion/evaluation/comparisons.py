"""Paired comparisons of systems that were trained several times, on the same test images."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from statsmodels.stats.contingency_tables import mcnemar as mcnemar_test
from statsmodels.stats.multitest import multipletests

from medfusion.evaluation.bootstrap import official_auc, replicate_weights
from medfusion.evaluation.metrics import check_inputs, predict

MEASURES = ("accuracy", "auc")


@dataclass(frozen=True)
class Run:
    """One run of a system on the test images, ready to be compared with other runs.

    seed : of its training; None where no seed belongs to it (votes, floors)
    correct : bool (n,), whether it is right on each image
    values : by measure, its value on the images
    draws : by measure, float64 (replicates,): its value on each bootstrap replicate. Replicates depend on labels and
        bootstrap seed alone, so that those of two runs are paired.
    """

    seed: int | None
    correct: np.ndarray
    values: dict[str, float]
    draws: dict[str, np.ndarray]


@dataclass(frozen=True)
class Comparison:
    """One measure of a system against that of the best.

    difference : mean over its runs minus mean over the best's
    low, high : limits of the paired bootstrap interval
    p : two-sided
    p_adjusted : by Holm's method over the family
    distinguishable : whether p_adjusted is below 1 − confidence
    """

    difference: float
    low: float
    high: float
    p: float
    p_adjusted: float
    distinguishable: bool


def resample(
    labels: np.ndarray, probabilities: np.ndarray, task: str, seed: int | None, replicates: int, bootstrap_seed: int
) -> Run:
    """Measure one run on the images and on bootstrap replicates, stratified by true class (Efron & Tibshirani 1993).

    Parameters
    ----------
    labels : int array, shape (n,)
        True classes in ``0 .. k-1``, every class present.
    probabilities : float array, shape (n, k)
        Class probabilities of the run, each row summing to 1.
    task : str
        MedMNIST's task: ``"binary-class"``, ``"multi-class"`` or ``"ordinal-regression"``.
    seed : int or None
        Seed of the run's training.
    replicates : int
        Number of bootstrap replicates.
    bootstrap_seed : int
        Seed of the bootstrap.

    Raises
    ------
    ValueError
        If an input is not as described above.
    """
    if replicates < 1:
        raise ValueError(f"expected replicates >= 1, got {replicates}")
    labels, probabilities = check_inputs(labels, probabilities, task)
    correct = predict(probabilities, task) == labels
    auc = official_auc(labels, probabilities, task)

    def measured(weights: np.ndarray) -> np.ndarray:
        return np.stack([correct @ weights / len(labels), auc(weights)])

    values = measured(np.ones((len(labels), 1)))[:, 0]
    draws = np.hstack([measured(weights) for weights in replicate_weights(labels, replicates, bootstrap_seed)])
    return Run(
        seed,
        correct,
        dict(zip(MEASURES, values.tolist(), strict=True)),
        dict(zip(MEASURES, draws, strict=True)),
    )


def paired_runs(a: Sequence[Run], b: Sequence[Run]) -> list[tuple[Run, Run]]:
    """The runs of two systems that are tested against each other.

    Runs of the same seed, where both systems have seeds in common: they share network, or at least its data. Else
    every run of one with every run of the other.
    """
    seeds = {run.seed: run for run in b if run.seed is not None}
    common = [(run, seeds[run.seed]) for run in a if run.seed in seeds]
    return common or [(one, other) for one in a for other in b]


def mcnemar(correct_a: np.ndarray, correct_b: np.ndarray) -> float:
    """Test whether two classifiers have the same accuracy (McNemar 1947, exact binomial form).

    Parameters
    ----------
    correct_a, correct_b : bool arrays, shape (n,)
        Whether each classifier is right on each image.

    Returns
    -------
    float
        Two-sided p value; 1 where the classifiers never disagree.

    Raises
    ------
    ValueError
        If the arrays are not boolean or of different shapes.
    """
    a, b = np.asarray(correct_a), np.asarray(correct_b)
    if a.dtype != bool or b.dtype != bool or a.ndim != 1 or a.shape != b.shape:
        raise ValueError(
            f"expected two boolean arrays of the same shape (n,), got {a.dtype} of {a.shape} and {b.dtype} of {b.shape}"
        )
    table = [[np.sum(a & b), np.sum(a & ~b)], [np.sum(~a & b), np.sum(~a & ~b)]]
    return float(mcnemar_test(table, exact=True).pvalue)


def combined(p_values: Sequence[float]) -> float:
    """One p value for several tests of the same two systems, valid however the tests depend on each other.

    Rüger (1978, Metrika 25): the k-th smallest of m p values times m / k is a p value; k is m / 2, rounded up, which
    makes it about twice the median (see also Vovk & Wang 2020, Biometrika 107).

    Raises
    ------
    ValueError
        If there is none, or a value is not between 0 and 1.

    >>> combined([0.2]), combined([0.03, 0.01, 0.5]), combined([0.9, 0.8])
    (0.2, 0.045, 1.0)
    """
    p_values = sorted(_checked(p_values).tolist())
    if not p_values:
        raise ValueError("expected at least one p value")
    m, k = len(p_values), math.ceil(len(p_values) / 2)
    return min(1.0, m / k * p_values[k - 1])


def difference(
    runs: Sequence[Run], best: Sequence[Run], measure: str, confidence: float
) -> tuple[float, float, float, float]:
    """The mean of a measure over the runs of a system minus that of the best system, resampling the images for all.

    The interval is a percentile one (Efron & Tibshirani 1993). The p value is twice the smaller share of replicates
    on either side of no difference, with one added to count and total so that it is never 0 (Davison & Hinkley 1997).

    Parameters
    ----------
    runs, best : of either system, with replicates of the same images
    measure : one of MEASURES
    confidence : nominal coverage of the interval

    Returns
    -------
    difference, lower and upper limit, two-sided p value
    """

    def of_means(means: Sequence[np.ndarray | float]) -> np.ndarray:
        # Rounded, so that equal systems do not differ by the order of their sums.
        return np.round(means[0] - means[1], 12) + 0.0

    both = runs, best
    value = of_means([np.mean([run.values[measure] for run in part]) for part in both])
    draws = of_means([np.mean([run.draws[measure] for run in part], axis=0) for part in both])
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    smaller = min(np.sum(draws <= 0), np.sum(draws >= 0))
    return float(value), float(low), float(high), float(min(1, 2 * (smaller + 1) / (len(draws) + 1)))


def compare(
    best: Sequence[Run], others: Mapping[str, Sequence[Run]], confidence: float
) -> dict[str, dict[str, Comparison]]:
    """Every other system against the best, by accuracy and by AUC: the two families of tests.

    Accuracy is tested by McNemar's exact test of each pair of runs, the p values of a pair of systems being combined;
    AUC by the bootstrap of the difference of means. Both have intervals from that bootstrap.

    Parameters
    ----------
    best : the runs of the best system
    others : the runs of every other system, by its name
    confidence : of the intervals; 1 − confidence is the level of the tests, for all of a family together

    Returns
    -------
    for each other system, by measure, its comparison
    """
    if not 0 < confidence < 1:
        raise ValueError(f"expected 0 < confidence < 1, got {confidence}")
    result: dict[str, dict[str, Comparison]] = {name: {} for name in others}
    for measure in MEASURES:
        found = {name: difference(runs, best, measure, confidence) for name, runs in others.items()}
        p_values = [p for *_, p in found.values()]
        if measure == "accuracy":
            p_values = [
                combined([mcnemar(a.correct, b.correct) for a, b in paired_runs(runs, best)])
                for runs in others.values()
            ]
        for name, p, adjusted in zip(others, p_values, holm(p_values), strict=True):
            clear = bool(adjusted < round(1 - confidence, 12))
            result[name][measure] = Comparison(*found[name][:3], p, float(adjusted), clear)
    return result


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Adjust the p values of one family of tests (Holm 1979).

    Parameters
    ----------
    p_values : float array, shape (m,)
        Unadjusted p values.

    Returns
    -------
    float64 array, shape (m,)
        Adjusted p values, in the order given.

    Raises
    ------
    ValueError
        If a value is not between 0 and 1.
    """
    return multipletests(_checked(p_values), method="holm")[1]


def _checked(p_values: Sequence[float]) -> np.ndarray:
    p_values = np.asarray(p_values, dtype=np.float64)
    if p_values.ndim != 1 or not np.all((p_values >= 0) & (p_values <= 1)):
        raise ValueError(f"expected p values between 0 and 1 of shape (m,), got {p_values}")
    return p_values
