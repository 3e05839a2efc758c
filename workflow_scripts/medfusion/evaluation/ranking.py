"""Which system is selected, by validation: each with its mean and spread over seeds."""

import dataclasses
import math
from collections.abc import Callable, Collection, Sequence

import numpy as np
import pandas as pd
from scipy.stats import t

from medfusion.evaluation.metrics import summarise_seeds
from medfusion.evaluation.selection_frequency import frequencies
from medfusion.files.metric_files import Metrics
from medfusion.files.rankings import BASELINES, MEASURES, RankedSystem, Ranking, Score
from medfusion.learning import choosing

ASIDE = (BASELINES, "learning_curve")  # groups of systems that are no candidates


def score(table: pd.DataFrame, model: str, system: str, split: str, metric: str) -> Score:
    """A metric of one system over its runs: mean, deviation, interval, extremes and number of images (`Score`).

    Parameters
    ----------
    table : tidy metrics of one data set
    """
    wanted = (table["model"] == model) & (table["system"] == system)
    part = table[wanted & (table["split"] == split) & (table["metric"] == metric)]
    values, lows, highs = (part[column].to_numpy(float) for column in ("value", "low", "high"))
    mean, sd = summarise_seeds(values)
    limits = interval_of_mean(values, lows, highs, float(part["confidence"].iloc[0]), bounds(metric))
    return Score(mean, sd, *limits, float(values.min()), float(values.max()), int(part["n"].max()))


def interval_of_mean(
    values: np.ndarray,
    lows: np.ndarray,
    highs: np.ndarray,
    confidence: float,
    limits: tuple[float, float] = (0.0, 1.0),
) -> tuple[float, float]:
    """The interval of a mean over seeds, which allows for other images and other seeds; of a single run, its own.

    The runs' own intervals say how far other images could change the mean: no further than to the mean of their limits,
    as if all runs erred on the same images. Student's t says how far other seeds could. The two distances are combined
    as independent ones (method of variance estimates recovery, MOVER; Zou & Donner 2008).

    Parameters
    ----------
    values, lows, highs : (runs,), of each run
    confidence : nominal coverage of the runs' intervals and of the result
    limits : between which the measure lies
    """
    if len(values) == 1:
        return float(lows[0]), float(highs[0])
    mean = values.mean()
    of_seeds = t.ppf((1 + confidence) / 2, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
    # A calibration error can lie outside its own interval, which resampling shifts.
    below, above = max(mean - lows.mean(), 0.0), max(highs.mean() - mean, 0.0)
    low, high = mean - math.hypot(below, of_seeds), mean + math.hypot(above, of_seeds)
    return float(max(low, limits[0])), float(min(high, limits[1]))


def bounds(metric: str) -> tuple[float, float]:
    """Between which values a measure lies, by its tidy name.

    >>> bounds("recall[3]"), bounds("mcc"), bounds("log_loss_after"), bounds("brier")
    ((0.0, 1.0), (-1.0, 1.0), (0.0, inf), (0.0, 2.0))
    """
    if metric.startswith("calibration_"):
        return -math.inf, math.inf
    if metric == "mcc":
        return -1.0, 1.0
    if metric.startswith("brier"):
        return 0.0, 2.0
    unbounded = ("log_loss", "cv_log_loss", "mae", "temperature", "marginal_size", "by_class_size")
    return (0.0, math.inf) if metric.startswith(unbounded) else (0.0, 1.0)


def rank(
    table: pd.DataFrame,
    criterion: str,
    parts: Callable[[str, str], np.ndarray],
    labels: np.ndarray,
    replicates: int,
    seed: int,
) -> Ranking:
    """Rank the systems of one data set by what validation says of them; the first is the selected one.

    First come those within one standard error of the best by the criterion, of the difference on the same images, the
    most accurate first (`choosing.equally_good`); then the others by the criterion.

    Parameters
    ----------
    table : tidy metrics of one data set
    criterion : "log_loss", "auroc" or "accuracy"; its mean over seeds counts
    parts : `choosing.contributions` to the mean over seeds, of a system's validation images, by its address and a
        measure
    labels : of the validation images
    replicates, seed : of the bootstrap that says how often each system is selected
    """
    systems = sorted(
        _all(table[~table["model"].isin(ASIDE)]), key=lambda row: (not row.seeded, row.address)
    )  # of equals one system, not an ensemble
    measures = [{name: row.on_validation(name).mean for name in choosing.CRITERIA} for row in systems]
    good = choosing.equally_good(measures, criterion, lambda row: parts(systems[row].address, criterion))
    all_parts = {
        name: np.array([parts(row.address, name) for row in systems]) for name in (criterion, "accuracy", "log_loss")
    }
    shares = frequencies(measures, all_parts, labels, criterion, replicates, seed)
    systems = [
        dataclasses.replace(row, selection_frequency=float(share)) for row, share in zip(systems, shares, strict=True)
    ]
    first = [dataclasses.replace(systems[row], equally_good=True) for row in good]
    others = [row for row in range(len(systems)) if row not in good]
    others.sort(key=lambda row: choosing.place(measures[row], criterion, "accuracy", "auroc"))
    return Ranking([*first, *(systems[row] for row in others)], _all(table[table["model"] == BASELINES]))


def candidates(table: pd.DataFrame, derived: Collection[str] = ()) -> set[str]:
    """The addresses of the systems that are ranked, of one data set's tidy metrics.

    Parameters
    ----------
    derived : the models in it that are derived from others, and no candidates
    """
    ranked = table[~table["model"].isin([*ASIDE, *derived])]
    return set(ranked["model"] + "/" + ranked["system"])


def _all(table: pd.DataFrame) -> list[RankedSystem]:
    result = []
    for model, system in dict.fromkeys(zip(table["model"], table["system"], strict=True)):
        runs = table[(table["model"] == model) & (table["system"] == system)]["seed"]
        scores = {name: score(table, model, system, *name.split("_", 1)) for name in MEASURES}
        result.append(
            RankedSystem(model, system, runs.nunique() or 1, bool(runs.notna().all()), False, math.nan, **scores)
        )
    return result


def several_labels(table: pd.DataFrame) -> bool:
    """Whether images may have several labels, so that each label has measures of its own."""
    return bool((table["metric"] == "auroc[0]").any())


def representatives(systems: Sequence[RankedSystem]) -> list[RankedSystem]:
    """The systems whose confusion matrices are shown: of each model the network alone and the highest in rank.

    Parameters
    ----------
    systems : in the order of their ranks
    """
    shown = []
    for model in dict.fromkeys(row.model for row in systems):
        of_model = [row for row in systems if row.model == model]
        shown += [row for row in of_model if row is of_model[0] or row.system == "cnn"]
    return shown


def network_alone(systems: Sequence[RankedSystem]) -> RankedSystem:
    """The network alone of the selected system's model; of the best network's model, where that is an ensemble.

    Parameters
    ----------
    systems : in the order of their ranks
    """
    of_selected = [row for row in systems if row.model == systems[0].model]
    return next(row for row in of_selected + list(systems) if row.system == "cnn" and row.model != "ensembles")


def images_tested(table: pd.DataFrame) -> int:
    """The number of test images that accuracies rest on."""
    return int(table[(table["split"] == "test") & (table["metric"] == "accuracy")]["n"].iloc[0])


def runs(table: pd.DataFrame, systems: Sequence[RankedSystem], metric: str = "accuracy") -> pd.DataFrame:
    """A test measure of each run of some systems, in their order.

    Returns
    -------
    Columns system (address), value, low, high, confidence
    """
    rows = table[(table["split"] == "test") & (table["metric"] == metric)]
    rows = rows.assign(system=rows["model"] + "/" + rows["system"])
    parts = [rows[rows["system"] == system.address] for system in systems]
    return pd.concat(parts, ignore_index=True)[["system", "value", "low", "high", "confidence"]]


def label_scores(
    table: pd.DataFrame, systems: Sequence[RankedSystem], metric: str, label_names: Sequence[str]
) -> pd.DataFrame:
    """A test measure of each label, of several at once, by some systems over their runs.

    Returns
    -------
    Columns system (address), label (its name), images (of it, in the test split), value, low, high
    """
    rows = []
    for system in dict.fromkeys(systems):
        for label, name in enumerate(label_names):
            found = score(table, system.model, system.system, "test", f"{metric}[{label}]")
            images = score(table, system.model, system.system, "test", f"recall[{label}]").n
            rows.append((system.address, name, images, found.mean, found.low, found.high))
    return pd.DataFrame(rows, columns=["system", "label", "images", "value", "low", "high"])


def confusions(contents: Sequence[Metrics], system: RankedSystem) -> np.ndarray:
    """The test confusion matrices of a system's runs, (runs, k, k); rows true, columns predicted."""
    groups = [content for content in contents if content["model"] == system.model]
    runs_of = [group["systems"][system.system] for group in groups if system.system in group["systems"]]
    return np.array([run["confusion"] for run in runs_of])
