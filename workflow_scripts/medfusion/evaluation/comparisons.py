"""Paired comparisons of classifiers on the same test images."""

import numpy as np
from statsmodels.stats.contingency_tables import mcnemar as mcnemar_test
from statsmodels.stats.multitest import multipletests

from medfusion.evaluation.bootstrap import official_auc, replicate_weights
from medfusion.evaluation.metrics import check_inputs


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


def paired_bootstrap_auc(
    labels: np.ndarray,
    probs_a: np.ndarray,
    probs_b: np.ndarray,
    task: str,
    replicates: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> tuple[float, float, float, float]:
    """Compare MedMNIST's AUC of two classifiers, resampling the same images for both.

    The bootstrap is stratified by true class, the interval a percentile one (Efron & Tibshirani 1993).
    The p value is twice the smaller share of replicates on either side of no difference, with one added
    to count and total so that it is never 0 (Davison & Hinkley 1997).

    Parameters
    ----------
    labels : int array, shape (n,)
        True classes in ``0 .. k-1``, every class present.
    probs_a, probs_b : float arrays, shape (n, k)
        Class probabilities of either classifier, each row summing to 1.
    task : str
        MedMNIST's task: ``"binary-class"``, ``"multi-class"`` or ``"ordinal-regression"``.
    replicates : int
        Number of bootstrap replicates.
    seed : int
        Seed of the bootstrap.
    confidence : float
        Nominal coverage of the interval.

    Returns
    -------
    tuple of float
        Difference (a minus b), its lower and upper limit, and the two-sided p value.

    Raises
    ------
    ValueError
        If an input is not as described above.
    """
    if np.shape(probs_a) != np.shape(probs_b):
        raise ValueError(f"expected probabilities of the same shape, got {np.shape(probs_a)} and {np.shape(probs_b)}")
    if replicates < 1 or not 0 < confidence < 1:
        raise ValueError(f"expected replicates >= 1 and 0 < confidence < 1, got {replicates} and {confidence}")
    labels, probs_a = check_inputs(labels, probs_a, task)
    _, probs_b = check_inputs(labels, probs_b, task)
    auc_a, auc_b = official_auc(labels, probs_a, task), official_auc(labels, probs_b, task)

    def difference(weights: np.ndarray) -> np.ndarray:
        return auc_a(weights) - auc_b(weights)

    value = float(difference(np.ones((len(labels), 1)))[0])
    draws = np.concatenate([difference(w) for w in replicate_weights(labels, replicates, seed)])
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    smaller = min(np.sum(draws <= 0), np.sum(draws >= 0))
    return value, float(low), float(high), float(min(1, 2 * (smaller + 1) / (replicates + 1)))


def holm(p_values: np.ndarray) -> np.ndarray:
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
    p_values = np.asarray(p_values, dtype=np.float64)
    if p_values.ndim != 1 or not np.all((p_values >= 0) & (p_values <= 1)):
        raise ValueError(f"expected p values between 0 and 1 of shape (m,), got {p_values}")
    return multipletests(p_values, method="holm")[1]
