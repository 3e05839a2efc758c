"""Kinds of task, as MedMNIST names them, and what follows from the kind for labels, networks and probabilities.

An image has one class of several (labels (n,), probabilities that sum to 1), or any of several labels at once (labels
(n, k) of 0 and 1, a probability of each). What differs between the two asks this module.
"""

from typing import NamedTuple

import numpy as np

BINARY = "binary-class"
MULTI_CLASS = "multi-class"
ORDINAL = "ordinal-regression"
MULTI_LABEL = "multi-label, binary-class"
# What config.yaml calls the task of a file that is no MedMNIST data set.
WORDS = {"multi-class": MULTI_CLASS, "ordinal-regression": ORDINAL, "multi-label": MULTI_LABEL}
# Of a multi-label task: one label alone is a binary one, and more do not fit the integer that stands for them in pairs.
LEAST_LABELS, MOST_LABELS = 2, 62


class Outputs(NamedTuple):
    """The last layer of a network: its units and their activation."""

    units: int
    activation: str


def is_multi_label(task: str) -> bool:
    """Whether an image may have several labels at once."""
    return task == MULTI_LABEL


def task_of(word: str | None, classes: int) -> str:
    """MedMNIST's name of a task that the configuration names; two classes that exclude each other are binary.

    >>> task_of(None, 2), task_of("multi-class", 3), task_of("multi-label", 2)
    ('binary-class', 'multi-class', 'multi-label, binary-class')
    """
    task = WORDS[word or "multi-class"]
    return BINARY if task == MULTI_CLASS and classes == 2 else task


def outputs(task: str, classes: int) -> Outputs:
    """What a network needs: a sigmoid for each label, one for two classes, else a softmax over all classes.

    >>> [tuple(outputs(*given)) for given in ((MULTI_LABEL, 14), (BINARY, 2), (ORDINAL, 5))]
    [(14, 'sigmoid'), (1, 'sigmoid'), (5, 'softmax')]
    """
    if is_multi_label(task):
        return Outputs(classes, "sigmoid")
    return Outputs(1, "sigmoid") if classes == 2 else Outputs(classes, "softmax")


def membership(labels: np.ndarray, classes: int) -> np.ndarray:
    """Which classes each image belongs to: bool (n, classes).

    Parameters
    ----------
    labels : integers (n,), or 0 and 1 of shape (n, classes)
    """
    return labels.astype(bool) if labels.ndim == 2 else np.eye(classes, dtype=bool)[labels]


def as_stored(probabilities: np.ndarray) -> np.ndarray:
    """Probabilities as files hold them and as every step takes them: float64 with the 24 digits of float32.

    What is equal but for the order of a sum is equal then, and stays so: nothing is normalised after this.

    >>> bool(as_stored(np.array(0.1 + 0.2)) == as_stored(np.array(0.3)))
    True
    """
    return np.asarray(probabilities, dtype=np.float32).astype(np.float64)


def most_probable(probabilities: np.ndarray, task: str) -> np.ndarray:
    """The classes that MedMNIST's rule predicts from probabilities (n, k): int64 (n,).

    Of two, class 1 where its probability exceeds 0.5; else the most probable, the first of equals.
    """
    if task == BINARY:
        return (probabilities[:, 1] > 0.5).astype(np.int64)
    return np.argmax(probabilities, axis=1)


def strata(labels: np.ndarray) -> np.ndarray:
    """One integer for each image, (n,), by which samples are stratified: its class, or the rarest of its labels.

    An image without a label is in a stratum of its own, the last. So a sample holds images of every label that is the
    rarest of some image.

    >>> strata(np.array([[1, 0], [1, 1], [0, 0], [1, 0]])).tolist()
    [0, 1, 2, 0]
    """
    if labels.ndim == 1:
        return labels
    rarest_first = np.argsort(labels.sum(axis=0), kind="stable")
    first = labels[:, rarest_first].argmax(axis=1)
    return np.where(labels.any(axis=1), rarest_first[first], labels.shape[1])
