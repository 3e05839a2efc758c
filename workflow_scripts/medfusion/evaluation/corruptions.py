"""What corrupted test images cost a system: measures by corruption and severity, and their means."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from medfusion.data.medmnist_c import ALEXNET, CLEAN
from medfusion.evaluation.bootstrap import replicate_weights
from medfusion.evaluation.metrics import Measure, calibration_gaps, predict, proportion
from medfusion.evaluation.ranking import representatives
from medfusion.files.calibrations import Calibration
from medfusion.files.corrupted_files import ALL, MEAN, UNTOUCHED, Condition
from medfusion.files.rankings import RankedSystem
from medfusion.learning.calibration import prediction_sets, scale
from medfusion.system_id import SystemId

MOST_SHOWN = 4  # systems in one panel
Row = tuple[str, str, Measure]  # corruption, severity, measure


def measure(
    labels: np.ndarray,
    said: Iterable[tuple[Condition, np.ndarray]],
    calibration: Calibration,
    task: str,
    *,
    ece_bins: int,
    replicates: int,
    confidence: float,
    seed: int,
) -> list[Row]:
    """Measure one run of a system on the same test images under each condition, with what validation chose for it.

    Parameters
    ----------
    labels : int array, shape (n,)
        True classes of the images that were taken; some class may have none.
    said : pairs
        Each condition, the untouched images first, with the probabilities (n, k) before the temperature.
    calibration : Calibration
        Temperature and thresholds.
    task : str
        MedMNIST's.
    ece_bins, replicates, confidence, seed
        As of `metrics.measure`.

    Returns
    -------
    list of Row
        For each condition:

        - ``accuracy``, ``coverage`` (share of the prediction sets, of one threshold for all classes, that hold the true
          class), ``abstention_rate``, ``selective_accuracy`` (of the images that are not referred), and ``recall[i]``
          of each class that has images, with Wilson intervals;
        - ``balanced_error``: 1 minus the mean recall of the classes that have images; and ``ece`` of the probabilities
          after the temperature, as in `metrics.measure`: with stratified bootstrap intervals.

        Over the severities of a corruption (``mean``) and over all corruptions (``all``): the means of accuracy,
        balanced error, ECE, coverage and abstention rate; and of the balanced error also ``relative_error``, the mean
        over all divided by that of untouched images. Their intervals are of the same bootstrap: the same images are
        drawn under every condition. A relative error without errors on untouched images, or on a replicate of them,
        has no value, or no upper limit.

    Raises
    ------
    ValueError
        If labels and probabilities do not belong together.
    """
    found, columns = [], {}
    for condition, values in said:
        if len(values) != len(labels) or not len(labels) or labels.max() >= values.shape[1]:
            raise ValueError(f"probabilities {values.shape} of {len(labels)} labels up to {labels.max(initial=0)}")
        columns[condition] = _columns(labels, values, calibration, task, ece_bins)
        found += [(condition, one) for one in _shares(labels, values, calibration, task, confidence)]
    draws = _draws(labels, columns, replicates, seed)
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]

    def with_interval(name: str, values: np.ndarray) -> Measure:
        # The first is of the images themselves, the others are replicates.
        low, high = np.quantile(values[1:], tails) if np.isfinite(values[1:]).all() else (np.nan, np.nan)
        return Measure(name, float(values[0]), float(low), float(high), len(labels))

    rows = []
    for condition in columns:
        place = (condition.corruption, str(condition.severity))
        rows += [(*place, one) for at, one in found if at == condition]
        rows += [(*place, with_interval(name, draws[condition][name])) for name in ("balanced_error", "ece")]
    names = [name for name in dict.fromkeys(at.corruption for at in columns) if name != CLEAN]
    means = {name: _mean([draws[at] for at in columns if at.corruption == name]) for name in names}
    if means:
        means[ALL] = _mean(list(means.values()))
        clean = draws[UNTOUCHED]["balanced_error"]
        with np.errstate(divide="ignore", invalid="ignore"):
            means[ALL]["relative_error"] = means[ALL]["balanced_error"] / clean
    rows += [(name, MEAN, with_interval(key, values)) for name, of in means.items() for key, values in of.items()]
    return rows


def _shares(
    labels: np.ndarray, values: np.ndarray, calibration: Calibration, task: str, confidence: float
) -> list[Measure]:
    """What has a Wilson interval, under one condition."""
    right = predict(values, task) == labels
    scaled = scale(values, calibration.temperature)
    held = prediction_sets(scaled, calibration.marginal)[np.arange(len(labels)), labels]
    kept = scaled.max(axis=1) >= calibration.referral
    parts = {"accuracy": right, "coverage": held, "abstention_rate": ~kept, "selective_accuracy": right[kept]}
    parts |= {f"recall[{label}]": right[labels == label] for label in np.unique(labels)}
    return [proportion(name, int(part.sum()), len(part), confidence) for name, part in parts.items()]


def _columns(
    labels: np.ndarray, values: np.ndarray, calibration: Calibration, task: str, ece_bins: int
) -> dict[str, np.ndarray]:
    """What each image adds to sums, (n,) each; (n, bins) where the sums of the bins' absolute values count."""
    n, predicted, scaled = len(labels), predict(values, task), scale(values, calibration.temperature)
    classes, counts = np.unique(labels, return_counts=True)
    own = counts[np.searchsorted(classes, labels)]
    held = prediction_sets(scaled, calibration.marginal)[np.arange(n), labels]
    return {
        "accuracy": (predicted == labels) / n,
        "balanced_error": (predicted != labels) / own / len(classes),
        "ece": calibration_gaps(labels, predicted, scaled, ece_bins) / n,
        "coverage": held / n,
        "abstention_rate": (scaled.max(axis=1) < calibration.referral) / n,
    }


def _draws(
    labels: np.ndarray, columns: Mapping[Condition, Mapping[str, np.ndarray]], replicates: int, seed: int
) -> dict[Condition, dict[str, np.ndarray]]:
    """For each condition and measure its value, and those of all replicates after it: (1 + replicates,)."""
    parts: dict[Condition, dict[str, list[np.ndarray]]] = {
        at: {name: [] for name in measures} for at, measures in columns.items()
    }
    designs = {at: np.column_stack(list(measures.values())) for at, measures in columns.items()}
    widths = [column[0].size for column in next(iter(columns.values())).values()]
    starts = np.cumsum([0, *widths[:-1]])

    def add(weights: np.ndarray) -> None:
        for at, design in designs.items():
            sums = np.add.reduceat(np.abs(weights.T @ design), starts, axis=1)
            for name, values in zip(parts[at], sums.T, strict=True):
                parts[at][name].append(values)

    add(np.ones((len(labels), 1)))
    for weights in replicate_weights(labels, replicates, seed):
        add(weights)
    return {at: {name: np.concatenate(values) for name, values in of.items()} for at, of in parts.items()}


def _mean(draws: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.mean([one[name] for one in draws], axis=0) for name in draws[0]}


class Measured:
    """The measures of one system in a tidy table.

    Parameters
    ----------
    table : as `corrupted_files.read` has it
    address : of the system
    """

    def __init__(self, table: pd.DataFrame, address: str):
        model, _, system = SystemId.of(address)
        own = table[(table["model"] == model) & (table["system"] == system)]
        columns = (own[name].tolist() for name in ("corruption", "severity", "metric", "value", "low", "high", "n"))
        self._found = {
            (corruption, severity, metric): Measure(metric, *numbers)
            for corruption, severity, metric, *numbers in zip(*columns, strict=True)
        }

    def at(self, corruption: str, severity: str, metric: str) -> Measure:
        """One measure; what was not measured has no value and no images."""
        return self._found.get((corruption, severity, metric), Measure(metric, math.nan, math.nan, math.nan, 0))

    def worst_class(self, corruption: str, severities: Sequence[int], classes: int) -> tuple[int, float, float]:
        """The class whose recall a corruption lowers most: its label, its recall before, and its mean after.

        Without images of any class, the first without values.
        """
        found = []
        for label in range(classes):
            before = self.at(CLEAN, "0", f"recall[{label}]").value
            after = [self.at(corruption, str(level), f"recall[{label}]").value for level in severities]
            found.append((label, before, float(np.mean(after))))
        known = [row for row in found if not math.isnan(row[1])]
        return max(known, key=lambda row: row[1] - row[2], default=found[0])


def tried(table: pd.DataFrame, systems: Sequence[RankedSystem]) -> list[RankedSystem]:
    """The ranked systems that a tidy table measures, in the order of their ranks."""
    measured = set(table["model"] + "/" + table["system"])
    return [row for row in systems if row.address in measured]


def drawn(table: pd.DataFrame, systems: Sequence[RankedSystem]) -> list[str]:
    """Addresses of systems that are drawn: of each model the highest in rank and the network alone; four at most."""
    return [row.address for row in representatives(tried(table, systems))][:MOST_SHOWN]


def names(table: pd.DataFrame) -> list[str]:
    """The corruptions of a tidy table, in order."""
    return [name for name in dict.fromkeys(table["corruption"]) if name not in (CLEAN, ALL)]


def against_alexnet(errors: Mapping[str, float], clean: float, flag: str) -> tuple[float, float]:
    """MedMNIST-C's measures: balanced error (BE) and relative balanced error (rBE), both relative to an AlexNet's.

    BE is the mean over corruptions of the system's error divided by the AlexNet's; rBE the same of what each error is
    above that on clean images (Di Salvo et al. 2024, after Hendrycks & Dietterich 2019).

    Parameters
    ----------
    errors : balanced error by corruption, the mean over its five severities
    clean : balanced error on the images as they are
    flag : MedMNIST's name of the data set

    >>> errors = {name: 2 * error for name, error in ALEXNET["breastmnist"].items() if name != CLEAN}
    >>> [round(float(ratio), 3) for ratio in against_alexnet(errors, 2 * ALEXNET["breastmnist"][CLEAN], "breastmnist")]
    [2.0, 2.0]
    """
    theirs = ALEXNET[flag]
    ratios = [error / theirs[name] for name, error in errors.items()]
    above = [(error - clean) / (theirs[name] - theirs[CLEAN]) for name, error in errors.items()]
    return float(np.mean(ratios)), float(np.mean(above))
