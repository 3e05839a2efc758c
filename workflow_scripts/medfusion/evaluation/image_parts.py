"""Accuracy and AUROC on a part of the test images, such as those without a near-duplicate among the training images."""

import numpy as np

from medfusion.evaluation.metrics import Measure, predict, wilson
from medfusion.evaluation.paired_tests import area, area_interval

ENOUGH = 5  # images of each class that an AUROC needs at least


def has_enough(labels: np.ndarray, classes: int) -> bool:
    """Whether a part has enough images of each class for an AUROC and its interval.

    Parameters
    ----------
    labels : int array, shape (m,)
        True classes of the part's images, in ``0 .. classes-1``.
    classes : int
        Number of classes.
    """
    return bool(np.bincount(labels, minlength=classes).min() >= ENOUGH)


def measure_part(
    labels: np.ndarray,
    probabilities: np.ndarray,
    task: str,
    part: np.ndarray,
    confidence: float,
) -> tuple[Measure, Measure | None]:
    """Accuracy with its Wilson interval and AUROC with DeLong's on the logit scale, on a part of the images.

    Parameters
    ----------
    labels : int array, shape (n,)
        True classes of all images.
    probabilities : float array, shape (n, k)
        Class probabilities of all images, each row summing to 1.
    task : str
        MedMNIST's task.
    part : bool array, shape (n,)
        Which images count; at least one.
    confidence : float
        Of both intervals.

    Returns
    -------
    accuracy, and AUROC or None if a class has fewer than `ENOUGH` images

    Raises
    ------
    ValueError
        If no image counts, or an input is not as described above.
    """
    if not np.any(part):
        raise ValueError("expected at least one image in the part")
    labels, probabilities = labels[part], probabilities[part]
    correct = predict(probabilities, task) == labels
    n = len(labels)
    accuracy = Measure("accuracy", float(correct.mean()), *wilson(int(correct.sum()), n, confidence), n)
    if not has_enough(labels, probabilities.shape[1]):
        return accuracy, None
    found = area(labels, probabilities, task)
    return accuracy, Measure("auroc", found.value, *area_interval(labels, found, confidence), n)
