"""How well probabilities are calibrated: slope, intercept, and the calibration error that chance alone would give."""

import numpy as np
from scipy.special import expit, logit, softmax
from scipy.stats import norm

from medfusion.evaluation.metrics import Measure, equal_mass_bins
from medfusion.learning.calibration import SMALLEST

STEEPEST = 10_000.0  # slope that is still looked at
LEAST = 0.05  # information of an intercept: its standard error would be above 4
ROUNDING = 1e-12  # of sums
STEPS = 100


def slope(labels: np.ndarray, probabilities: np.ndarray, confidence: float) -> Measure:
    """The calibration slope: the b for which softmax(b log p) makes the labels most likely (Cox 1958).

    1 for calibrated probabilities, below 1 for overconfident ones, above 1 for too cautious ones. With two classes it
    is the slope of a logistic regression of the labels on the log odds, without intercept.

    Parameters
    ----------
    labels : int (n,)
    probabilities : float (n, k); at least `SMALLEST` is taken
    confidence : nominal coverage of Wald's interval

    Returns
    -------
    Measure "calibration_slope"; nan where no slope is the most likely one, for instance because no image is wrong, and
    where an image has no probability of its own class: the slope would be that of `SMALLEST`
    """
    logs = np.log(np.maximum(probabilities, SMALLEST))
    true = logs[np.arange(len(labels)), labels]
    if (probabilities[np.arange(len(labels)), labels] <= SMALLEST).any():
        return _unknown("calibration_slope", len(labels))

    def moments(b: float) -> tuple[float, float]:
        """First derivative of the log likelihood, and the information."""
        shares = softmax(b * logs, axis=1)
        means = (shares * logs).sum(axis=1)
        return float((true - means).sum()), float((shares * (logs - means[:, None]) ** 2).sum())

    low, high = -STEEPEST, STEEPEST
    if not moments(low)[0] > 0 > moments(high)[0]:
        return _unknown("calibration_slope", len(labels))
    for _ in range(STEPS):  # the derivative falls in b: bisection finds the only root
        middle = (low + high) / 2
        low, high = (middle, high) if moments(middle)[0] > 0 else (low, middle)
    return _with_wald("calibration_slope", middle, moments(middle)[1], confidence, len(labels))


def intercept(positive: np.ndarray, probabilities: np.ndarray, confidence: float) -> Measure:
    """Calibration in the large: the a for which the mean of expit(logit(p) + a) is the share of positive images.

    0 for calibrated probabilities of a positive label, above 0 where they are too low on the whole (Van Calster et al.
    2019). nan where it would be that of `SMALLEST`, and where probabilities are so extreme that images tell nothing.

    Parameters
    ----------
    positive : bool (n,), some and not all
    probabilities : float (n,), of the positive label; kept away from 0 and 1 by `SMALLEST`
    """
    odds, low, high = logit(np.clip(probabilities, SMALLEST, 1 - SMALLEST)), -STEEPEST, STEEPEST
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if expit(odds + middle).sum() < positive.sum() else (low, middle)
    shares = expit(odds + middle)
    if (np.where(positive, probabilities, 1 - probabilities) <= SMALLEST).any() or (
        shares * (1 - shares)
    ).sum() < LEAST:
        return _unknown("calibration_intercept", len(odds))
    return _with_wald("calibration_intercept", middle, float((shares * (1 - shares)).sum()), confidence, len(odds))


def of_chance(
    observed: float, certainty: np.ndarray, bins: int, confidence: float, replicates: int, seed: int
) -> list[Measure]:
    """The calibration error beside that of a calibrated system with the same confidences.

    Few images give any system an error. That of a calibrated one is simulated: each image is right with the probability
    that its confidence says (Bröcker & Smith 2007).

    Parameters
    ----------
    observed : the calibration error (ECE)
    certainty : float (n,), probability of the predicted class
    bins : of the calibration error
    replicates, seed : of the simulation

    Returns
    -------
    "ece_expected" : mean of the simulated errors, and the limits that hold a share `confidence` of them
    "ece_debiased" : what is observed beyond that mean, at least 0
    "ece_p" : share of simulated errors, the observed one counted among them, that are at least as large as it
    """
    n, rng = len(certainty), np.random.default_rng(seed)
    of_bin = np.zeros((n, bins))
    of_bin[np.arange(n), equal_mass_bins(certainty, bins)] = 1 / n
    errors = np.array([np.abs(((rng.random(n) < certainty) - certainty) @ of_bin).sum() for _ in range(replicates)])
    low, high = np.quantile(errors, [(1 - confidence) / 2, (1 + confidence) / 2])
    mean, p = errors.mean(), (1 + np.sum(errors >= observed - ROUNDING)) / (1 + replicates)
    return [
        Measure("ece_expected", float(mean), float(low), float(high), n),
        Measure("ece_debiased", float(max(observed - mean, 0)), np.nan, np.nan, n),
        Measure("ece_p", float(p), np.nan, np.nan, n),
    ]


def _unknown(name: str, n: int) -> Measure:
    return Measure(name, np.nan, np.nan, np.nan, n)


def _with_wald(name: str, value: float, information: float, confidence: float, n: int) -> Measure:
    reach = norm.ppf((1 + confidence) / 2) / np.sqrt(information)
    return Measure(name, float(value), float(value - reach), float(value + reach), n)
