"""Which of several candidates is best on images that they were not fitted on: hyperparameters, weights of a fusion.

A criterion decides as far as the images can tell. Candidates within one standard error of the best, of the difference
on the same images, count as equally good; of these the one with the highest accuracy is taken (the idea of the
one-standard-error rule; Breiman et al. 1984).
"""

from collections.abc import Callable, Sequence

import numpy as np

from medfusion.learning.calibration import SMALLEST
from medfusion.tasks import membership

CRITERIA = ("log_loss", "auroc", "accuracy")
DIGITS = 9  # to which measures are compared: beyond them are errors of sums

Measures = dict[str, float]


def measure(probabilities: np.ndarray, labels: np.ndarray, criteria: Sequence[str] = CRITERIA) -> Measures:
    """Measures of held-out images, each a mean over images and, of several labels at once, over labels.

    Parameters
    ----------
    probabilities : float (n, k), of classes, or of several labels at once
    labels : int (n,), or 0 and 1 of shape (n, k)
    criteria : of `CRITERIA`; "auroc" (area under the ROC curve) is the mean over classes, nan where one has no image
    """
    return {name: float(_terms(probabilities, labels, name)[0]) for name in criteria}


def contributions(probabilities: np.ndarray, labels: np.ndarray, criterion: str) -> np.ndarray:
    """What each image adds to the deviation of a measure, float64 (n,): their squares sum to its variance."""
    return _terms(probabilities, labels, criterion)[1]


def _terms(probabilities: np.ndarray, labels: np.ndarray, criterion: str) -> tuple[float, np.ndarray]:
    """A measure, and what each image adds to its deviation."""
    n, k = probabilities.shape
    truth = membership(labels, k)
    if criterion == "auroc":
        return _area(probabilities, truth)
    if labels.ndim == 2:
        right, chance = (probabilities > 0.5) == truth, np.where(truth, probabilities, 1 - probabilities)
    else:
        right, chance = probabilities.argmax(axis=1) == labels, probabilities[np.arange(n), labels]
    values = right if criterion == "accuracy" else -np.log(np.maximum(chance, SMALLEST))
    values = values.reshape(n, -1).mean(axis=1)
    return values.mean(), (values - values.mean()) / n


def _area(probabilities: np.ndarray, truth: np.ndarray) -> tuple[float, np.ndarray]:
    """The mean area under the ROC curves of all classes (DeLong, DeLong & Clarke-Pearson 1988)."""
    from medfusion.evaluation.paired_tests import class_area  # a second for scipy.stats, which fusions do without

    parts, values = np.zeros(len(truth)), []
    for positive, scores in zip(truth.T, probabilities.T, strict=True):
        if positive.all() or not positive.any():
            return np.nan, parts
        area = class_area(positive, scores)
        values.append(area.value)
        for side in (positive, ~positive):
            parts[side] += area.parts[side] - area.parts[side].mean()
    return float(np.mean(values)), parts / len(values)


def equally_good(candidates: Sequence[Measures], criterion: str, parts: Callable[[int], np.ndarray]) -> list[int]:
    """The numbers of the candidates within one standard error of the best, the one to take first.

    Of these that is the one with the highest accuracy; of equals the best by the criterion, by log loss, by place.

    Parameters
    ----------
    candidates : with the criterion, "accuracy" and "log_loss" of each
    criterion : one of `CRITERIA`
    parts : `contributions` of a candidate, by its number

    >>> found = [{"accuracy": 0.8, "log_loss": 0.30}, {"accuracy": 0.9, "log_loss": 0.31}]
    >>> fine, coarse = {0: np.zeros(2), 1: np.array([0.001, 0])}, {0: np.zeros(2), 1: np.array([0.02, 0])}
    >>> equally_good(found, "log_loss", fine.get), equally_good(found, "log_loss", coarse.get)
    ([0], [1, 0])
    """

    first = min(range(len(candidates)), key=lambda row: place(candidates[row], criterion, "log_loss"))
    own = parts(first)

    def as_good(row: int) -> bool:
        gap = abs(candidates[row][criterion] - candidates[first][criterion])
        return row == first or bool(round(gap, DIGITS) <= np.linalg.norm(parts(row) - own))

    good = filter(as_good, range(len(candidates)))
    return sorted(good, key=lambda row: place(candidates[row], "accuracy", criterion, "log_loss"))


def place(measures: Measures, *criteria: str) -> tuple[float, ...]:
    """What candidates are sorted by, the better first; what is not known comes last."""
    values = [measures[name] if name == "log_loss" else -measures[name] for name in criteria]
    return tuple(np.inf if np.isnan(value) else round(value, DIGITS) for value in values)
