"""What a data set's file must hold: as MedMNIST says of its own, or as the configuration says of a user's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from medfusion import tasks
from medfusion.data.folders import MOST_CLASSES
from medfusion.data.medmnist_info import INFO
from medfusion.errors import UserError


class Labels(Protocol):
    """Labels whose shape and dtype are known before they are read."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the whole array."""

    @property
    def dtype(self) -> np.dtype:
        """Of its values."""

    def read(self) -> np.ndarray:
        """The whole array."""


@dataclass(frozen=True)
class Expected:
    """What a file must hold.

    flag : MedMNIST's name of the data set; empty for a user's own
    task : MedMNIST's kind of task; empty if the file's labels are to say
    word : what the configuration calls the task of a user's own file
    label_names : one per class, in label order; none if the file's labels are to say how many
    channels : 1 or 3; None if either will do
    counts : images of each split, if they are known
    """

    flag: str
    task: str
    word: str | None
    label_names: tuple[str, ...]
    channels: int | None
    counts: Mapping[str, int] | None

    @property
    def multi_label(self) -> bool:
        """Whether an image may have several labels at once."""
        return self.word == "multi-label" or tasks.is_multi_label(self.task)

    def settled(self, where: str, labels: np.ndarray) -> "Expected":
        """The same, with what the training labels say where nothing else does: the number of classes, and so the task.

        Classes without a name are called by their number. `where` is the file and array, for messages.

        Raises
        ------
        UserError
            If there are more classes than the workflow can take.
        """
        if self.label_names:
            return self
        found = np.unique(labels)
        if not self.multi_label and (start := _shifted(found)):
            raise UserError(
                f"{where} holds [{_some(found)}]; expected the numbers of classes from 0 on, here 0 to "
                f"{len(found) - 1}: {_moved(start)}"
            )
        classes = labels.shape[1] if self.multi_label else int(found.max(initial=0)) + 1
        if not self.multi_label and classes > MOST_CLASSES:
            raise UserError(f"{where} holds {classes - 1}; expected the numbers of at most {MOST_CLASSES} classes")
        names = tuple(map(str, range(classes)))
        return replace(self, label_names=names, task=tasks.task_of(self.word, classes))


def expected(settings: Mapping[str, Any]) -> Expected:
    """What the settings of a data set make one expect of its file.

    Parameters
    ----------
    settings : of a data set in config.yaml: flag; without one, "own" with task (its word) and classes (None: unknown)
    """
    flag = settings["flag"]
    if flag:
        info = INFO[flag]
        names = tuple(info["label"][str(i)] for i in range(len(info["label"])))
        return Expected(flag, info["task"], None, names, info["n_channels"], info["n_samples"])
    word, classes = settings["own"]["task"], settings["own"]["classes"]
    names = tuple(map(str, range(classes or 0)))
    task = tasks.task_of(word, classes) if classes else ""
    return Expected("", task, word or "multi-class", names, None, None)


def check_declared(where: str, dtype: np.dtype, shape: tuple[int, ...], images: int, wanted: Expected) -> None:
    """Check the type and shape of a split's labels.

    Parameters
    ----------
    where : file and array, for messages
    images : of the split

    Raises
    ------
    UserError
        If they are not integers, one per image or, for several labels at once, one per image and label.
    """
    if wanted.multi_label:
        columns = len(wanted.label_names) if wanted.label_names else None
        fits = len(shape) == 2 and shape[0] == images and (shape[1] == columns or columns is None)
        fits = fits and tasks.LEAST_LABELS <= shape[1] <= tasks.MOST_LABELS
        number = columns or f"{tasks.LEAST_LABELS} to {tasks.MOST_LABELS}"
        words = f"({images}, {number}), 0 or 1 for each label of each image"
    else:
        fits = shape in [(images, 1), (images,)]
        words = f"({images}, 1), one per image"
    if dtype.kind not in "ui" or not fits:
        several = not wanted.flag and not wanted.multi_label and len(shape) == 2 and shape[1] > 1
        more = "; say task: multi-label if an image may have several labels at once" if several else ""
        raise UserError(f"{where} is {dtype} {shape}; expected uint8 {words}{more}")


def check_values(where: str, labels: np.ndarray, wanted: Expected) -> np.ndarray:
    """Check the labels of a split, and return them as uint8 (n,) or, for several at once, (n, k).

    Parameters
    ----------
    labels : as `check_declared` accepts them
    wanted : settled

    Raises
    ------
    UserError
        If a label is none, or a class has no image.
    """
    classes = len(wanted.label_names)
    present = np.unique(labels)
    last = 1 if wanted.multi_label else classes - 1
    if present[0] < 0 or present[-1] > last:
        start = _shifted(present) if len(present) <= classes and not wanted.multi_label else 0
        if start:
            raise UserError(f"{where} holds [{_some(present)}]; expected 0 to {last}: {_moved(start)}")
        outside = present[(present < 0) | (present > last)]
        raise UserError(f"{where} holds [{_some(outside)}]; expected 0 to {last}")
    if wanted.multi_label:
        counts = labels.sum(axis=0)
        if len(same := np.flatnonzero((counts == 0) | (counts == len(labels)))):
            raise UserError(
                f"{where} has label {same.tolist()} on none or all of its images; every split needs images with and "
                "without each label"
            )
        return labels.astype(np.uint8, order="C")
    if classes < 2:
        raise UserError(f"{where} holds one class alone; expected at least two")
    if len(present) < classes:
        absent = sorted(set(range(classes)) - set(present.tolist()))
        raise UserError(f"{where} has no image of class [{_some(absent)}]; every split needs each class")
    return labels.reshape(-1).astype(np.uint8)


def check_one_hot(where: str, labels: Labels, images: int, wanted: Expected) -> None:
    """Refuse labels of one class an image that are written as a row of 0 and 1 each.

    Raises
    ------
    UserError
        Saying how to turn them round.
    """
    shape, numbers = labels.shape, labels.dtype.kind in "uifb"
    if wanted.multi_label or not numbers or len(shape) != 2 or shape[0] != images or not 2 <= shape[1] <= MOST_CLASSES:
        return
    values = labels.read()
    if np.isin(values, (0, 1)).all() and (values.sum(axis=1) == 1).all():
        raise UserError(
            f"{where} is {labels.dtype} {labels.shape} and looks one-hot, one 1 in each row; expected the number of "
            "each image's class: numpy.argmax(labels, axis=1).astype('uint8')"
        )


def _shifted(found: np.ndarray) -> int:
    """The first of several numbers in a row, where they begin at another than 0; else 0."""
    start = int(found[0]) if len(found) > 1 else 0
    return start if start in (-1, 1) and int(found[-1]) - start == len(found) - 1 else 0


def _moved(start: int) -> str:
    """How labels that begin at another number come to begin at 0."""
    return f"subtract {start}" if start > 0 else f"add {-start}"


def _some(values: Sequence[int] | np.ndarray) -> str:
    return f"{', '.join(map(str, values[:5]))}{', ...' if len(values) > 5 else ''}"
