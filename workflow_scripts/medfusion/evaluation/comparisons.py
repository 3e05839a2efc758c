"""Paired comparisons of systems that were trained several times, on the same test images."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from medfusion.evaluation.crossvalidation import POWER
from medfusion.evaluation.metrics import check_inputs, predict
from medfusion.evaluation.paired_tests import (
    Area,
    Difference,
    accuracy_difference,
    area,
    area_difference,
    deviation,
    level_of,
    loss_difference,
)
from medfusion.learning.calibration import log_losses, scale

MEASURES = ("accuracy", "auroc")
SAME = 6  # decimals of probabilities by which predictions are the same


@dataclass(frozen=True)
class MeasuredRun:
    """One run of a system on the test images, ready to be compared with other runs.

    correct : bool (n,), whether it is right on each image
    area : its AUROC
    losses : float (n,), its log loss on each image, after its temperature
    """

    correct: np.ndarray
    area: Area
    losses: np.ndarray


@dataclass(frozen=True)
class Comparison:
    """One measure of a system against that of another.

    difference : mean over its runs minus mean over the other's
    low, high : limits of the interval; it leaves out 0 where p is below 1 − confidence, and nowhere else
    p : two-sided
    p_adjusted : by Holm's method over the family
    significant : whether p_adjusted is below 1 − confidence
    detectable : the difference that so many images show with a probability of `POWER`, by the normal distribution of
        this one's standard error, if it is the first that Holm's method asks for; None where both are right on the
        same images, which says nothing of their spread
    """

    difference: float
    low: float
    high: float
    p: float
    p_adjusted: float
    significant: bool
    detectable: float | None


def measured(labels: np.ndarray, probabilities: np.ndarray, task: str, temperature: float) -> MeasuredRun:
    """One run on the images.

    Parameters
    ----------
    labels : int array, shape (n,)
        True classes in ``0 .. k-1``, every class present.
    probabilities : float array, shape (n, k)
        Class probabilities of the run, each row summing to 1.
    task : str
        MedMNIST's task: ``"binary-class"``, ``"multi-class"`` or ``"ordinal-regression"``.
    temperature : float, above 0
        Of the run, chosen on validation.

    Raises
    ------
    ValueError
        If an input is not as described above.
    """
    labels, probabilities = check_inputs(labels, probabilities, task)
    losses = log_losses(scale(probabilities, temperature), labels)
    return MeasuredRun(predict(probabilities, task) == labels, area(labels, probabilities, task), losses)


def compare(
    labels: np.ndarray, best: Sequence[MeasuredRun], others: Mapping[str, Sequence[MeasuredRun]], confidence: float
) -> dict[str, dict[str, Comparison]]:
    """Every other system against the selected one, by accuracy and by AUROC: the two families of tests.

    What is tested is the difference that is told, that of means over runs; p value and interval are of one procedure
    (`paired_tests`).

    Parameters
    ----------
    labels : int array, shape (n,)
    best : the runs of the selected system
    others : the runs of every other system, by its name
    confidence : of the intervals; 1 − confidence is the level of the tests, for all of a family together

    Returns
    -------
    for each other system, by measure, its comparison
    """
    pairs = [(runs, best) for runs in others.values()]
    found = [compare_pairs(labels, pairs, measure, confidence) for measure in MEASURES]
    return {name: dict(zip(MEASURES, both, strict=True)) for name, *both in zip(others, *found, strict=True)}


def compare_pairs(
    labels: np.ndarray,
    pairs: Sequence[tuple[Sequence[MeasuredRun], Sequence[MeasuredRun]]],
    measure: str,
    confidence: float,
) -> list[Comparison]:
    """The first system of each pair against the second, by one measure: one family of tests.

    Parameters
    ----------
    labels : int array, shape (n,)
    pairs : the runs of either system
    measure : one of `MEASURES`
    confidence : as of `compare`
    """
    if not 0 < confidence < 1:
        raise ValueError(f"expected 0 < confidence < 1, got {confidence}")
    found, errors, level = [], [], level_of(confidence)
    for runs, others in pairs:
        if measure == "accuracy":
            right, other = (np.stack([run.correct for run in system]) for system in (runs, others))
            found.append(accuracy_difference(right, other, confidence))
            errors.append(float((right.mean(axis=0) - other.mean(axis=0)).std()) / math.sqrt(len(labels)))
        else:
            areas, of_others = ([run.area for run in system] for system in (runs, others))
            found.append(area_difference(labels, areas, of_others, confidence))
            parts = [np.mean([one.parts for one in system], axis=0) for system in (areas, of_others)]
            errors.append(deviation(labels, parts[0] - parts[1]))
    reach = float(norm.isf(level / 2 / max(len(pairs), 1)) + norm.ppf(POWER))
    adjusted = holm([one.p for one in found]).tolist()
    return [
        Comparison(*one, p, p < level, reach * error if error > 0 else None)
        for one, p, error in zip(found, adjusted, errors, strict=True)
    ]


def fingerprint(runs: Sequence[np.ndarray]) -> bytes:
    """The same of systems whose runs predict the same probabilities.

    Parameters
    ----------
    runs : the probabilities of each, float (n, k)
    """
    digests = (hashlib.sha256(np.round(one, SAME).astype(np.float64).tobytes()).digest() for one in runs)
    return b"".join(sorted(digests))


def gain(
    labels: np.ndarray, fusion: Sequence[MeasuredRun], member: Sequence[MeasuredRun], confidence: float
) -> dict[str, Difference]:
    """What a fusion adds to one of its members: the differences of log loss (lower is better) and of AUROC.

    Parameters
    ----------
    labels : int array, shape (n,)
    fusion, member : their runs
    confidence : of the intervals
    """
    of_fusion, of_member = (np.stack([run.losses for run in runs]) for runs in (fusion, member))
    return {
        "log_loss": loss_difference(of_fusion, of_member, confidence),
        "auroc": area_difference(labels, [run.area for run in fusion], [run.area for run in member], confidence),
    }


def holm(p_values: ArrayLike) -> np.ndarray:
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
    # By hand, because statsmodels' multipletests collects all of Python's garbage at each call: .3 s and more.
    values = _checked(p_values)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)), 1)
    return adjusted


def _checked(p_values: ArrayLike) -> np.ndarray:
    values = np.asarray(p_values, dtype=np.float64)
    if values.ndim != 1 or not np.all((values >= 0) & (values <= 1)):
        raise ValueError(f"expected p values between 0 and 1 of shape (m,), got {values}")
    return values
