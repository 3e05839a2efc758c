"""What validation labels say of probabilities: temperature, prediction sets, decision and referral thresholds.

Each is chosen on the validation split and then applied to any probabilities; no test label is ever seen here. No
threshold lies closer to a validation image than two programs that compute the same network may differ, so that all of
them decide alike on these images.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import betaincinv

from medfusion.files.calibrations import Calibration
from medfusion.tasks import as_stored

# Probabilities below this count as this, so that their logarithms are finite; as for the weights of fusions.
SMALLEST = 1e-12
# Between these temperatures one is looked for.
TEMPERATURES = (1e-4, 1e4)
# Folds of the validation images, to see whether a temperature helps on images that it was not chosen on.
FOLDS = 5
# How far probabilities of one network, or of a classifier on its features, may differ between two programs (Keras and
# ONNX): as a share of each; and of 1 − p, which is p's rounding where p is the one output of a network.
SHARE, ROUNDING = 1e-4, 1e-7
# A threshold that moves to a gap may pass at most this times the square root of n of n probabilities: no more than the
# standard error of a share of 0.1 or 0.9 of them.
PASSED = 0.3
# In prediction sets, classes whose probabilities differ by less than this share count as equally probable: more than
# two programs may differ by, so that both find the same sets.
EQUAL = 1e-3
# Candidates for the coverage of prediction sets, where the configuration gives none.
COVERAGES = (0.9, 0.95, 0.99, 0.995, 0.999)


def choose(
    probabilities: np.ndarray,
    labels: np.ndarray,
    task: str,
    positive: int | None,
    sensitivity: float | None,
    coverage: float,
    abstention_rate: float,
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
    sensitivity : float, optional
        Share of the images with that label that the threshold is to find; without it, it has the highest balanced
        accuracy.
    coverage : float
        Share of images whose prediction set is to hold the true class.
    abstention_rate : float
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
    temperature, without, scaled_loss = cross_validated(probabilities, labels)
    scaled = scale(probabilities, temperature)
    low, high = limits(probabilities, temperature)
    left = remaining(scaled)
    left_places = remaining_limits(low, high)
    scores = 1 - left[np.arange(n), labels]

    def settled_score(score: float | None, *classes: int) -> float | None:
        """The threshold of a set, moved into a gap; a score is 1 minus what `remaining` gives."""
        if score is None:
            return None
        least, most = (places[:, classes or ...] for places in left_places)
        return 1 - settled(1 - score, left[:, classes or ...], gap_middles(least, most))

    decision = None
    if task == "binary-class" and positive is not None:
        places = gap_middles(low[:, positive], high[:, positive])
        decision = choose_decision(scaled[:, positive], labels == positive, sensitivity, places)
    certainty, places = scaled.max(axis=1), gap_middles(low.max(axis=1), high.max(axis=1))
    return Calibration(
        temperature=temperature,
        marginal=settled_score(conformal_threshold(scores, coverage)),
        by_class=tuple(
            settled_score(conformal_threshold(scores[labels == label], coverage), label) for label in range(k)
        ),
        decision=decision,
        referral=settled(choose_referral(certainty, abstention_rate), certainty, places),
        log_loss_without=without,
        log_loss_with=scaled_loss,
    )


# -- temperature ------------------------------------------------------------------------------------------------------


def scale(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Divide the logarithms of probabilities by a temperature: softmax(log p / T) (Guo et al. 2017).

    Above 1 probabilities become more even, below 1 more extreme, at 1 they are what they were; their order stays, equal
    rows stay equal in whatever order their classes are, and 0 stays 0: a class that no tree voted for has no logarithm
    to divide.

    Parameters
    ----------
    probabilities : float array, shape (n, k)
    temperature : float, above 0

    Returns
    -------
    float64 array, shape (n, k), as `tasks.as_stored` has them

    >>> scale(np.array([[0.8, 0.2]]), 2).round(3).tolist()
    [[0.667, 0.333]]
    """
    if temperature == 1:
        return np.asarray(probabilities, dtype=np.float64)
    odds = _odds(probabilities, temperature)
    return as_stored(odds / odds.sum(axis=1, keepdims=True))


def _odds(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities to the power of 1 / temperature, divided by the largest of each row."""
    with np.errstate(divide="ignore"):
        logits = np.log(np.asarray(probabilities, dtype=np.float64)) / temperature
    return np.exp(logits - logits.max(axis=1, keepdims=True))


def cross_validated(probabilities: np.ndarray, labels: np.ndarray) -> tuple[float, float, float]:
    """The temperature of the lowest log loss, or 1 where a temperature does not lower that of images it did not see.

    Every image is scaled by the temperature of the folds that it is not in. Folds are stratified by class and follow
    from the order of the images alone.

    Parameters
    ----------
    probabilities : float array, shape (n, k)
    labels : int array, shape (n,)

    Returns
    -------
    temperature, and the mean log loss without one and with those of the other folds
    """
    fold = np.empty(len(labels), dtype=int)
    fold[np.argsort(labels, kind="stable")] = np.arange(len(labels)) % FOLDS
    scaled = np.empty(probabilities.shape)
    for number in range(FOLDS):
        own = fold == number
        scaled[own] = scale(probabilities[own], choose_temperature(probabilities[~own], labels[~own]))
    without, scaled_loss = log_loss(probabilities, labels), log_loss(scaled, labels)
    better = scaled_loss < without - 1e-12
    return choose_temperature(probabilities, labels) if better else 1.0, without, scaled_loss


def temperature_of(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The temperature of a system on the validation split; 1 of several labels at once, and where none helps.

    Parameters
    ----------
    probabilities : float array, shape (n, k)
    labels : int array, shape (n,), or of several labels at once (n, k)
    """
    return 1.0 if labels.ndim == 2 else cross_validated(as_stored(probabilities), labels)[0]


def choose_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The temperature of the lowest log loss (Guo et al. 2017); 1 where none lowers it.

    One artificial image is added, whose loss is the mean over all images and all of their classes with a probability
    above 0: without a single mistake, the log loss would otherwise fall for ever as the temperature does. Images
    whose true class has a probability of 0 are left out: it stays 0 at any temperature.

    Parameters
    ----------
    probabilities : float array, shape (n, k)
    labels : int array, shape (n,)
    """
    possible = probabilities[np.arange(len(labels)), labels] > 0
    probabilities, labels = probabilities[possible], labels[possible]
    rows = np.arange(len(labels))
    if not len(labels):
        return 1.0
    top = probabilities.max(axis=1, keepdims=True)
    images, classes = np.nonzero(probabilities)
    unknown = np.log(probabilities[images, classes] / top[images, 0])

    def loss(log_temperature: float) -> float:
        # Not by `log_loss`, whose smallest probability would make it flat in places.
        temperature = math.exp(log_temperature)
        total = np.log(_odds(probabilities, temperature).sum(axis=1))
        own = np.log(probabilities[rows, labels] / top[:, 0]) / temperature
        of_nothing = np.mean(total[images] - unknown / temperature) / len(labels)
        return float(np.mean(total - own) + of_nothing)

    found = minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded", options={"xatol": 1e-7})
    return math.exp(found.x) if found.fun < loss(0.0) - 1e-12 else 1.0


def log_losses(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Minus the natural logarithm of each true class's probability, shape (n,)."""
    return -np.log(np.maximum(probabilities[np.arange(len(labels)), labels], SMALLEST))


def log_loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The mean of `log_losses`."""
    return float(log_losses(probabilities, labels).mean())


# -- where thresholds may lie -----------------------------------------------------------------------------------------


def limits(probabilities: np.ndarray, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Between which values another program may find the scaled probabilities: two float64 arrays (n, k).

    Parameters
    ----------
    probabilities : float array, shape (n, k)
        Before the temperature.
    temperature : float, above 0
    """
    values = np.asarray(probabilities, dtype=np.float64)
    rounding = ROUNDING if values.shape[1] == 2 else 0
    top = values.max(axis=1, keepdims=True)
    more = ((values * (1 + SHARE) + rounding) / top) ** (1 / temperature)
    less = (np.maximum(values * (1 - SHARE) - rounding, 0) / top) ** (1 / temperature)
    others_less = less.sum(axis=1, keepdims=True) - less
    others_more = more.sum(axis=1, keepdims=True) - more
    with np.errstate(invalid="ignore"):  # 0 / 0, where all of a row but this class is 0
        low, high = less / (less + np.maximum(others_more, 0)), more / (more + np.maximum(others_less, 0))
    return np.nan_to_num(low), np.nan_to_num(high)


def gap_middles(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The middle of each gap that no interval covers, ascending, (m,), the first from 0 on.

    >>> gap_middles(np.array([0.2, 0.6, 0.3]), np.array([0.35, 0.7, 0.4])).round(3).tolist()
    [0.1, 0.5]
    """
    order = np.argsort(low, axis=None)
    starts, ends = low.ravel()[order], np.maximum.accumulate(np.append(0, high.ravel()[order]))[:-1]
    apart = starts > ends
    return (starts[apart] + ends[apart]) / 2


def settled(threshold: float, values: np.ndarray, places: np.ndarray) -> float:
    """Lower a threshold to the nearest gap between the probabilities: every value that reached it still does.

    So no value lies within a rounding of it. Where many values lie so close that they leave no gap nearby, it lies
    half way to the next value below; two programs may then decide differently on the few images within a rounding.

    Parameters
    ----------
    threshold : a probability that is to be reached
    values : probabilities of the validation images
    places : of the gaps, as of `gap_middles`

    >>> values = np.array([0.2, 0.45, 0.6, 0.7])
    >>> settled(0.6, values, np.array([0.1, 0.5, 0.65])), settled(0.6, np.linspace(0, 1, 5001), np.array([0.1]))
    (0.5, 0.5999)
    """
    place = float(places[places <= threshold].max(initial=0.0))
    below = values[values < threshold]
    if np.sum(below >= place) <= PASSED * math.sqrt(values.size):
        return place
    return float((threshold + below.max()) / 2)


# -- prediction sets --------------------------------------------------------------------------------------------------


def conformal_threshold(scores: np.ndarray, coverage: float) -> float | None:
    """The quantile of split-conformal prediction: the ceil((n + 1) coverage)-th smallest score.

    An image exchangeable with those of the scores has a score of at most this with a probability of at least `coverage`
    (Vovk, Gammerman & Shafer 2005; Lei et al. 2018).

    Parameters
    ----------
    scores : float array, shape (n,)
        Of the true class, of images that the probabilities were not fitted on.
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
    """The interval that holds the true coverage of a threshold from n images, for a share `confidence` of their draws.

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
    low, high = betaincinv(rank, n + 1 - rank, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def default_coverage(accuracy: float, n: int) -> float:
    """The lowest of `COVERAGES` above the accuracy of a system that n images allow a threshold for.

    The most probable classes alone, which sets always hold, have a coverage of the accuracy: a lower one says nothing.

    >>> default_coverage(0.93, 78), default_coverage(0.98, 1712), default_coverage(0.98, 78), default_coverage(1, 5)
    (0.95, 0.99, 0.95, 0.9)
    """
    possible = [coverage for coverage in COVERAGES if _rank(n, coverage) <= n] or [COVERAGES[0]]
    return next((coverage for coverage in possible if coverage > accuracy), possible[-1])


def remaining(probabilities: np.ndarray) -> np.ndarray:
    """The probability that is left to a class and all that are not more probable: 1 for the most probable class.

    1 minus it is the score of adaptive prediction sets (Romano, Sesia & Candès 2020), with 1 for its random number:
    nothing is drawn, and the most probable class has the lowest score there is.

    Parameters
    ----------
    probabilities : float array, shape (n, k)

    Returns
    -------
    float64 array, shape (n, k)

    >>> remaining(np.array([[0.5, 0.3, 0.2], [0.4, 0.4, 0.2]])).tolist()
    [[1.0, 0.5, 0.2], [1.0, 1.0, 0.2]]
    """
    result = np.ones(probabilities.shape)
    for label in range(probabilities.shape[1]):
        more = probabilities > (1 + EQUAL) * probabilities[:, [label]]
        left = np.where(more, 0, probabilities).sum(axis=1)
        result[:, label] = np.where(more.any(axis=1), left, 1)
    return result


def remaining_limits(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Between which values another program may find what `remaining` returns: two float64 arrays (n, k).

    Parameters
    ----------
    low, high : those of the probabilities, as `limits` has them
    """
    least, most = np.ones(low.shape), np.ones(low.shape)
    for label in range(low.shape[1]):
        may_be_more = high > (1 + EQUAL) * low[:, [label]]
        may_be_more[:, label] = False
        is_more = low > (1 + EQUAL) * high[:, [label]]
        for found, more, values in ((least, may_be_more, low), (most, is_more, high)):
            found[:, label] = np.where(more.any(axis=1), np.where(more, 0, values).sum(axis=1), 1)
    return least, most


def prediction_sets(probabilities: np.ndarray, thresholds: float | None | Sequence[float | None]) -> np.ndarray:
    """Which classes are in each set: those for which all more probable ones together have at most the threshold.

    No set is empty: the most probable class is in all, whatever the threshold (0 or more).

    Parameters
    ----------
    probabilities : float array, shape (n, k)
    thresholds : one for all classes (marginal), or one a class (class-conditional); None: always in the set

    Returns
    -------
    bool array, shape (n, k)

    >>> prediction_sets(np.array([[0.5, 0.3, 0.2], [0.9, 0.1, 0]]), 0.6).tolist()
    [[True, True, False], [True, False, False]]
    """
    limits = np.array(thresholds, dtype=np.float64)  # None becomes nan
    return 1 - remaining(probabilities) <= np.where(np.isnan(limits), np.inf, limits)


# -- decisions and referrals ------------------------------------------------------------------------------------------


def choose_decision(
    probabilities: np.ndarray, positive: np.ndarray, sensitivity: float | None, places: np.ndarray
) -> float | None:
    """The highest threshold on a label's probability that is to find a share of its images, or the most balanced one.

    With a sensitivity, it is the conformal threshold of the label alone: an image with it, exchangeable with these,
    reaches it with a probability of at least `sensitivity`; 0 where there are too few of them for that.

    Without one, it has the highest balanced accuracy. Of equals that with the higher sensitivity is taken, then
    that nearest to 0.5.

    Parameters
    ----------
    probabilities : float array, shape (n,)
        Of the label.
    positive : bool array, shape (n,)
        Whether an image has the label.
    sensitivity : float, optional
        Above 0, below 1.
    places : float array, shape (m,)
        Where the threshold may lie (`gap_middles`), beside 0.

    Returns
    -------
    float or None
        The label is predicted where its probability is at least this; None if all images, or none, have the label.

    >>> probabilities, positive = np.array([0.1, 0.2, 0.4, 0.3]), np.array([False, False, True, True])
    >>> places = gap_middles(probabilities, probabilities)
    >>> choose_decision(probabilities, positive, None, places), choose_decision(probabilities, positive, 0.3, places)
    (0.25, 0.35)
    """
    if positive.all() or not positive.any():
        return None
    if sensitivity is not None:
        limit = conformal_threshold(-probabilities[positive], sensitivity)
        return 0.0 if limit is None else settled(-limit, probabilities, places)
    distinct = np.unique(probabilities)
    middles = (distinct[1:] + distinct[:-1]) / 2
    best = _most_balanced(probabilities, positive, np.append(0, middles))
    settled_best = _most_balanced(probabilities, positive, np.append(0, places[places > distinct[0]]))
    lost = _balanced(probabilities, positive, best)[0] - _balanced(probabilities, positive, settled_best)[0]
    return settled_best if lost <= PASSED / math.sqrt(min(positive.sum(), (~positive).sum())) else best


def _most_balanced(probabilities: np.ndarray, positive: np.ndarray, thresholds: np.ndarray) -> float:
    """The threshold with the highest balanced accuracy; of equals the most sensitive, then nearest to 0.5."""
    balanced, found = _balanced(probabilities, positive, thresholds)
    return float(thresholds[np.lexsort([np.abs(thresholds - 0.5), -found, -balanced])[0]])


def _balanced(probabilities: np.ndarray, positive: np.ndarray, thresholds: np.ndarray | float) -> tuple:
    """Balanced accuracy and sensitivity of thresholds."""
    own, others = np.sort(probabilities[positive]), np.sort(probabilities[~positive])
    found = 1 - np.searchsorted(own, thresholds, side="left") / len(own)
    specificity = np.searchsorted(others, thresholds, side="left") / len(others)
    return np.round((found + specificity) / 2, 12), found


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
