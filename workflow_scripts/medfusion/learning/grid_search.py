"""Comparing the combinations of a classifier's grid, on images that they were not fitted on."""

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import StratifiedKFold

from medfusion.errors import UserError
from medfusion.learning import choosing, nested_trees
from medfusion.learning.calibration import choose_temperature, scale
from medfusion.learning.classifiers import Combination, check_labels, fitted
from medfusion.learning.subsets import at_most
from medfusion.learning.tempered import untempered

TREES = ("decision_tree", "random_forest")


class _Round(NamedTuple):
    """What all are fitted on once, and scored on: features (n, d) with labels (n,), of the label of that number.

    rows : places of the scored images among all that are held out
    """

    number: int
    features: np.ndarray
    labels: np.ndarray
    rows: np.ndarray
    held_out: np.ndarray
    held_out_labels: np.ndarray


def combinations_of(grid: dict[str, list[Any]]) -> list[Combination]:
    """Every combination of the grid's values, the last key varying fastest.

    >>> combinations_of({"C": [1, 10], "kernel": ["rbf"]})
    [{'C': 1, 'kernel': 'rbf'}, {'C': 10, 'kernel': 'rbf'}]
    """
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def search(
    settings: dict[str, Any],
    features: np.ndarray,
    labels: np.ndarray,
    val_features: np.ndarray,
    val_labels: np.ndarray,
    seed: int,
    report: Callable[[str], None],
) -> tuple[list[Combination], list[int]]:
    """Compare the combinations of a grid, each after a temperature if its probabilities are to have one.

    Parameters
    ----------
    settings : an entry of `classifiers` in config.yaml, and "criterion", one of `choosing.CRITERIA`
    features, labels : training split, float32 (n, d) and (n,); of several labels at once (n, k), where each has a
        classifier of its own with the same settings (one-vs-rest)
    val_features, val_labels : validation split
    seed : of the classifier, of the subset and of the folds
    report : takes one line of progress a combination

    Returns
    -------
    rows : one per combination, in grid order: its settings, "accuracy", "auroc" and "log_loss" over the images held out
        (validation split, or all folds) and labels, "seconds" to fit and to score, those that one model holds
        sharing its time
    equally_good : the numbers of the combinations within one standard error of the best, the one to take first
    """
    chosen = at_most(labels, compared_images(settings, len(labels)), seed)
    features, labels = features[chosen], labels[chosen]
    if labels.ndim == 2:
        check_labels(labels, "training images to compare on; raise search_images")
    combinations = combinations_of(settings["grid"])
    if len(combinations) == 1:
        report(f"one combination, nothing to compare: {combinations[0]}")
    truth = labels if settings["selection"] == "folds" else val_labels
    width = truth.shape[1] if truth.ndim == 2 else int(labels.max()) + 1
    found, seconds = np.empty((len(combinations), len(truth), width), np.float32), np.zeros(len(combinations))
    rounds = list(_rounds(settings, (features, labels), (val_features, val_labels), seed))
    for index, part in enumerate(rounds):
        for number, values, time_taken in _scores(settings["kind"], combinations, part, seed):
            if settings["calibration"] != "none":
                values = scale(values, choose_temperature(values, part.held_out_labels))
            seconds[number] += time_taken
            if truth.ndim == 2:
                found[number, part.rows, part.number] = values[:, 1]
            else:
                found[number, part.rows] = values
            accuracy = np.mean(values.argmax(axis=1) == part.held_out_labels)
            report(
                f"round {index + 1}/{len(rounds)}, {combinations[number]}: accuracy {accuracy:.4f}, {time_taken:.1f} s"
            )
    measured = [choosing.measure(values, truth) for values in found]
    rows = [
        {
            **combination,
            **{name: round(value, 6) for name, value in measures.items()},
            "seconds": round(float(spent), 3),
        }
        for combination, measures, spent in zip(combinations, measured, seconds, strict=True)
    ]
    criterion = settings["criterion"]

    def parts(number: int) -> np.ndarray:
        return choosing.contributions(found[number], truth, criterion)

    return rows, choosing.equally_good(measured, criterion, parts)


def compared_images(settings: dict[str, Any], images: int) -> int:
    """On how many of the images combinations are compared; exactly, also where the winner will be approximated."""
    return min(images, *(settings[limit] or images for limit in ("search_images", "fit_images")))


def _rounds(
    settings: dict[str, Any], train: tuple[np.ndarray, np.ndarray], val: tuple[np.ndarray, np.ndarray], seed: int
) -> Iterator[_Round]:
    """The validation split, or each fold; of several labels one after the other."""
    (features, labels), (val_features, val_labels) = train, val
    several = labels.ndim == 2
    columns = zip(labels.T, val_labels.T, strict=True) if several else [(labels, val_labels)]
    for number, (own, val_own) in enumerate(columns):
        if settings["selection"] != "folds":
            yield _Round(number, features, own, np.arange(len(val_own)), val_features, val_own)
            continue
        if (smallest := np.bincount(own, minlength=2).min()) < settings["folds"]:
            rarest = f"the rarer side of label {number}" if several else "the rarest class"
            raise UserError(
                f"folds: {settings['folds']}; expected at most {smallest}, the images of {rarest} to search on"
            )
        for fit_rows, rows in StratifiedKFold(settings["folds"], shuffle=True, random_state=seed).split(features, own):
            yield _Round(number, features[fit_rows], own[fit_rows], rows, features[rows], own[rows])


def _scores(
    kind: str, combinations: list[Combination], part: _Round, seed: int
) -> Iterator[tuple[int, np.ndarray, float]]:
    """Number, probabilities (m, k) and seconds of each; trees and forests that hold others are grown once."""
    groups = (
        nested_trees.families(combinations)
        if kind in TREES
        else [(combination, [i]) for i, combination in enumerate(combinations)]
    )
    for largest, indices in groups:
        start = time.perf_counter()
        model = fitted(kind, largest, seed, part.features, part.labels)
        if len(indices) > 1:
            found = nested_trees.probabilities(model, [combinations[index] for index in indices], part.held_out)
        else:
            found = [untempered(model, part.held_out)]
        share = (time.perf_counter() - start) / len(indices)
        for index, values in zip(indices, found, strict=True):
            yield index, values, share
