"""Paired comparisons of systems that were trained several times, on the same test images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from medfusion.evaluation.metrics import check_inputs, predict
from medfusion.evaluation.paired_tests import (
    Area,
    Difference,
    accuracy_difference,
    area,
    area_difference,
    level_of,
    loss_difference,
)
from medfusion.learning.calibration import log_losses, scale

MEASURES = ("accuracy", "auroc")


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
    """One measure of a system against that of the best.

    difference : mean over its runs minus mean over the best's
    low, high : limits of the interval; it leaves out 0 where p is below 1 − confidence, and nowhere else
    p : two-sided
    p_adjusted : by Holm's method over the family
    significant : whether p_adjusted is below 1 − confidence
    """

    difference: float
    low: float
    high: float
    p: float
    p_adjusted: float
    significant: bool


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
    if not 0 < confidence < 1:
        raise ValueError(f"expected 0 < confidence < 1, got {confidence}")
    result: dict[str, dict[str, Comparison]] = {name: {} for name in others}

    def correct(runs: Sequence[MeasuredRun]) -> np.ndarray:
        return np.stack([run.correct for run in runs])

    def areas(runs: Sequence[MeasuredRun]) -> list[Area]:
        return [run.area for run in runs]

    for measure in MEASURES:
        found = {
            name: accuracy_difference(correct(runs), correct(best), confidence)
            if measure == "accuracy"
            else area_difference(labels, areas(runs), areas(best), confidence)
            for name, runs in others.items()
        }
        adjusted = holm([one.p for one in found.values()])
        for (name, one), p in zip(found.items(), adjusted.tolist(), strict=True):
            result[name][measure] = Comparison(*one, p, p < level_of(confidence))
    return result


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
