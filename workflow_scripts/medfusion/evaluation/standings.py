"""Where each system stands: its runs over seeds, its mean and spread, and which is best on validation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from medfusion.evaluation.metrics import summarise_seeds
from medfusion.files.metric_files import Metrics

ASIDE = ("floors", "learning_curve", "ablations")  # groups of systems that are no candidates


@dataclass(frozen=True)
class Score:
    """One metric of one system over its runs.

    mean, sd : over seeds; sd is nan for a single run
    low, high : lowest and highest limit of the runs' own intervals
    least, most : lowest and highest value of a run
    n : images that a run's value rests on (the largest, where runs differ)
    """

    mean: float
    sd: float
    low: float
    high: float
    least: float
    most: float
    n: int


@dataclass(frozen=True)
class Standing:
    """One system of one data set with its accuracies, AUCs and log losses.

    seeds : number of runs
    seeded : whether each run belongs to a seed (votes and floors do not)
    """

    model: str
    system: str
    seeds: int
    seeded: bool
    val: Score
    test: Score
    val_auc: Score
    test_auc: Score
    val_log_loss: Score
    test_log_loss: Score

    def chosen_by(self, criterion: str) -> Score:
        """The validation measure that decides which system is best: "log_loss", "auc" or "accuracy"."""
        return self.val if criterion == "accuracy" else getattr(self, f"val_{criterion}")

    @property
    def address(self) -> str:
        """The name that the configuration gives the system."""
        return f"{self.model}/{self.system}"

    @property
    def runs_in_words(self) -> str:
        """How many runs its figures rest on."""
        if not self.seeded:
            return "vote over seeds" if self.model == "votes" else "no seed"
        return f"{self.seeds} {'seed' if self.seeds == 1 else 'seeds'}"


def score(table: pd.DataFrame, model: str, system: str, split: str, metric: str) -> Score:
    """A metric over the runs of one system.

    Parameters
    ----------
    table : tidy metrics of one data set
    """
    wanted = (table["model"] == model) & (table["system"] == system)
    part = table[wanted & (table["split"] == split) & (table["metric"] == metric)]
    values = part["value"].to_numpy(float)
    mean, sd = summarise_seeds(values)
    limits = float(part["low"].min()), float(part["high"].max())
    return Score(mean, sd, *limits, float(values.min()), float(values.max()), int(part["n"].max()))


def _all(table: pd.DataFrame) -> list[Standing]:
    result = []
    for model, system in dict.fromkeys(zip(table["model"], table["system"], strict=True)):
        runs = table[(table["model"] == model) & (table["system"] == system)]["seed"]
        scores = {
            f"{split}_{metric}".removesuffix("_accuracy"): score(table, model, system, split, metric)
            for split in ("val", "test")
            for metric in ("accuracy", "auc", "log_loss")
        }
        result.append(Standing(model, system, runs.nunique() or 1, bool(runs.notna().all()), **scores))
    return result


def several_labels(table: pd.DataFrame) -> bool:
    """Whether images may have several labels, so that each label has measures of its own."""
    return bool((table["metric"] == "auc[0]").any())


def standings(table: pd.DataFrame, criterion: str) -> list[Standing]:
    """The candidates of one data set, the best on validation first.

    The mean over seeds decides of the criterion ("log_loss", "auc" or "accuracy") on the validation split, then of the
    accuracy, the AUC, then the name.
    """

    def place(row: Standing) -> tuple[float | str, ...]:
        means = [(name, round(row.chosen_by(name).mean, 9)) for name in (criterion, "accuracy", "auc")]
        return (*(mean if name == "log_loss" else -mean for name, mean in means), row.address)

    return sorted(_all(table[~table["model"].isin(ASIDE)]), key=place)


def floors(table: pd.DataFrame) -> list[Standing]:
    """The systems that learn nothing."""
    return _all(table[table["model"] == "floors"])


def representatives(systems: Sequence[Standing]) -> list[Standing]:
    """The systems whose confusion matrices are shown: of each model the network alone and the best on validation.

    Parameters
    ----------
    systems : the best on validation first
    """
    shown = []
    for model in dict.fromkeys(row.model for row in systems):
        of_model = [row for row in systems if row.model == model]
        shown += [row for row in of_model if row is of_model[0] or row.system == "cnn"]
    return shown


def network_alone(systems: Sequence[Standing]) -> Standing:
    """The network alone of the best system's model; of the best network's model, where a vote is best.

    Parameters
    ----------
    systems : the best on validation first
    """
    of_best = [row for row in systems if row.model == systems[0].model]
    return next(row for row in of_best + list(systems) if row.system == "cnn" and row.model != "votes")


def images_tested(table: pd.DataFrame) -> int:
    """The number of test images that accuracies rest on."""
    return int(table[(table["split"] == "test") & (table["metric"] == "accuracy")]["n"].iloc[0])


def runs(table: pd.DataFrame, systems: Sequence[Standing], metric: str = "accuracy") -> pd.DataFrame:
    """A test measure of each run of some systems, in their order: columns system (address), value, low, high."""
    rows = table[(table["split"] == "test") & (table["metric"] == metric)]
    rows = rows.assign(system=rows["model"] + "/" + rows["system"])
    parts = [rows[rows["system"] == system.address] for system in systems]
    return pd.concat(parts, ignore_index=True)[["system", "value", "low", "high"]]


def label_scores(
    table: pd.DataFrame, systems: Sequence[Standing], metric: str, label_names: Sequence[str]
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


def confusions(contents: Sequence[Metrics], system: Standing) -> np.ndarray:
    """The test confusion matrices of a system's runs, (runs, k, k); rows true, columns predicted."""
    groups = [content for content in contents if content["model"] == system.model]
    runs_of = [group["systems"][system.system] for group in groups if system.system in group["systems"]]
    return np.array([run["confusion"] for run in runs_of])
