"""What validation labels say of probabilities: temperature, prediction sets, decision and referral thresholds.

Each is chosen on the validation split and then applied to any probabilities; no test label is ever seen here.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.stats import beta

from medfusion.files.calibrations import Calibration

# Probabilities below this count as this, so that their logarithms are finite; as for the weights of fusions.
SMALLEST = 1e-12
# Between these temperatures one is looked for.
TEMPERATURES = (0.05, 100)


def choose(
    probabilities: np.ndarray,
    labels: np.ndarray,
    task: str,
    positive: int | None,
    recall: float | None,
    coverage: float,
    referred: float,
) -> Calibration:
    """Choose everything for one run of a system on the validation split.

    Parameters
    ----------
    probabilities : float array, shape (n, k)
        Class probabilities of the validation images, each row summing to 1.
    labels : int array, shape (n,)
        Their true classes in ``0 .. k-1``.
    task : str
        MedMNIST's; a decision threshold is chosen for ``"binary-class"`` alone.
    positive : int, optional
        The label whose threshold is chosen.
    recall : float, optional
        Share of the images with that label that the threshold is to find; without it, it has the highest balanced
        accuracy.
    coverage : float
        Share of images whose prediction set is to hold the true class.
    referred : float
        Share of images that is to be referred.

    Raises
    ------
    ValueError
        If labels and probabilities do not belong together.
    """
    n, k = probabilities.shape
    if len(labels) != n or not n or labels.max() >= k:
        raise ValueError(
            f"expected {len(labels)} rows of at least {labels.max(initial=0) + 1} probabilities, got {n, k}"
        )
    temperature = choose_temperature(probabilities, labels)
    scaled = scale(probabilities, temperature)
    scores = 1 - scaled[np.arange(n), labels]
    binary = task == "binary-class" and positive is not None
    return Calibration(
        temperature=temperature,
        marginal=conformal_threshold(scores, coverage),
        by_class=tuple(conformal_threshold(scores[labels == label], coverage) for label in range(k)),
        decision=choose_decision(scaled[:, positive], labels == positive, recall) if binary else None,
        referral=choose_referral(scaled.max(axis=1), referred),
    )


# -- temperature ------------------------------------------------------------------------------------------------------


def scale(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Divide the logarithms of probabilities by a temperature: softmax(log p / T) (Guo et al. 2017).

    Above 1 probabilities become more even, below 1 more extreme; their order stays.

    Parameters
    ----------
    probabilities : float array, shape (n, k)
    temperature : float, above 0

    Returns
    -------
    float64 array, shape (n, k), rows summing to 1

    >>> scale(np.array([[0.8, 0.2]]), 2).round(3).tolist()
    [[0.667, 0.333]]
    """
    logits = _logarithms(probabilities) / temperature
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def choose_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The temperature of the lowest log loss (Guo et al. 2017).

    Without a single mistake the log loss falls for ever as the temperature does, so nothing can be learned from it;
    then, and where no temperature is better than none, it is 1.

    Parameters
    ----------
    probabilities : float array, shape (n, k)
    labels : int array, shape (n,)
    """
    logits = _logarithms(probabilities)
    rows = np.arange(len(labels))
    own = logits[rows, labels]
    others = logits.copy()
    others[rows, labels] = -np.inf
    if not len(labels) or np.all(own > others.max(axis=1)):
        return 1.0

    def loss(log_temperature: float) -> float:
        return log_loss(scale(probabilities, math.exp(log_temperature)), labels)

    found = minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded", options={"xatol": 1e-7})
    return math.exp(found.x) if found.fun < loss(0.0) - 1e-12 else 1.0


def log_losses(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Minus the natural logarithm of each true class's probability, shape (n,)."""
    return -_logarithms(probabilities[np.arange(len(labels)), labels])


def log_loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The mean of `log_losses`."""
    return float(log_losses(probabilities, labels).mean())


def _logarithms(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(np.asarray(probabilities, dtype=np.float64), SMALLEST))


# -- prediction sets --------------------------------------------------------------------------------------------------


def conformal_threshold(scores: np.ndarray, coverage: float) -> float | None:
    """The quantile of split-conformal prediction: the ceil((n + 1) coverage)-th smallest score.

    An image exchangeable with those of the scores has a score of at most this with a probability of at least `coverage`
    (Vovk, Gammerman & Shafer 2005; Lei et al. 2018).

    Parameters
    ----------
    scores : float array, shape (n,)
        1 - probability of the true class, of images that the probabilities were not fitted on.
    coverage : float
        Above 0, below 1.

    Returns
    -------
    float or None
        None where n is too small for the coverage: only a set that always holds the class reaches it.

    >>> conformal_threshold(np.array([0.4, 0.1, 0.3, 0.2]), 0.8), conformal_threshold(np.array([0.1, 0.2]), 0.8)
    (0.4, None)
    """
    rank = _rank(len(scores), coverage)
    return float(np.sort(scores)[rank - 1]) if rank <= len(scores) else None


def _rank(n: int, coverage: float) -> int:
    # Rounded, because 0.55 * 100 is a little more than 55 to a computer.
    return math.ceil(round((n + 1) * coverage, 9))


def coverage_limits(n: int, coverage: float, confidence: float) -> tuple[float, float] | None:
    """Between which shares of new images the coverage of a threshold from n images lies, over draws of these.

    With exchangeable images it follows a beta distribution (Vovk 2012).

    Returns
    -------
    tuple of float or None
        None where n is too small for the coverage.

    >>> [round(limit, 3) for limit in coverage_limits(78, 0.9, 0.95)], coverage_limits(5, 0.9, 0.95)
    ([0.84, 0.963], None)
    """
    rank = _rank(n, coverage)
    if rank > n:
        return None
    low, high = beta.ppf([(1 - confidence) / 2, (1 + confidence) / 2], rank, n + 1 - rank)
    return float(low), float(high)


def prediction_sets(probabilities: np.ndarray, thresholds: float | None | Sequence[float | None]) -> np.ndarray:
    """The classes whose score (1 - probability) is at most a threshold (Sadinle, Lei & Wasserman 2019).

    A set can hold several classes, and none, where no class is as probable as the threshold asks.

    Parameters
    ----------
    probabilities : float array, shape (n, k)
    thresholds : one for all classes (marginal), or one a class (class-conditional); None: always in the set

    Returns
    -------
    bool array, shape (n, k)
    """
    limits = np.array(thresholds, dtype=np.float64)  # None becomes nan
    return 1 - probabilities <= np.where(np.isnan(limits), np.inf, limits)


# -- decisions and referrals ------------------------------------------------------------------------------------------


def choose_decision(probabilities: np.ndarray, positive: np.ndarray, recall: float | None) -> float | None:
    """The highest threshold on a label's probability that is to find a share of its images, or the most balanced one.

    With a recall, it is the conformal threshold of the label alone: an image with the label, exchangeable with these,
    reaches it with a probability of at least `recall`; 0 where there are too few of them for that.

    Without one, it has the highest balanced accuracy. Thresholds half-way between neighbouring probabilities are tried,
    0 and 0.5 too. Of equally good ones, that with the higher recall is taken, then that nearest to 0.5.

    Parameters
    ----------
    probabilities : float array, shape (n,)
        Of the label.
    positive : bool array, shape (n,)
        Whether an image has the label.
    recall : float, optional
        Above 0, below 1.

    Returns
    -------
    float or None
        The label is predicted where its probability is at least this; None if all images, or none, have the label.

    >>> probabilities, positive = np.array([0.1, 0.2, 0.4, 0.3]), np.array([False, False, True, True])
    >>> choose_decision(probabilities, positive, None), choose_decision(probabilities, positive, 0.6)
    (0.25, 0.3)
    """
    if positive.all() or not positive.any():
        return None
    if recall is not None:
        limit = conformal_threshold(-probabilities[positive], recall)
        return 0.0 if limit is None else -limit
    values = np.unique(probabilities)
    thresholds = np.unique(np.concatenate([[0, 0.5], (values[1:] + values[:-1]) / 2]))
    own, others = np.sort(probabilities[positive]), np.sort(probabilities[~positive])
    found = 1 - np.searchsorted(own, thresholds, side="left") / len(own)
    specificity = np.searchsorted(others, thresholds, side="left") / len(others)
    balanced = np.round((found + specificity) / 2, 12)
    best = np.lexsort([np.abs(thresholds - 0.5), -found, -balanced])[0]
    return float(thresholds[best])


def choose_referral(confidence: np.ndarray, share: float) -> float:
    """The confidence below which a share of the images lies, or as much of it as equal confidences allow.

    Parameters
    ----------
    confidence : float array, shape (n,)
        Probability of the most probable class.
    share : float
        At least 0, below 1.

    >>> choose_referral(np.array([0.9, 0.6, 0.7, 0.8]), 0.25)
    0.7
    """
    return float(np.sort(confidence)[math.floor(round(share * len(confidence), 9))])
