"""The ranking of a data set's systems, as rank_systems writes it (ranking.csv): a row a system, the selected one first.

Its columns are data (the data set, which says so if its images were generated), rank (from 1; none for baselines, which
are no candidates), model, system, runs, seeded, equally_good, selection_frequency, and for each measure of each split
("val_accuracy", ...) the fields of `Score` ("val_accuracy_mean", ...).
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from medfusion.errors import UserError
from medfusion.files.artifacts import write_text
from medfusion.files.tables import csv_text, read_table

BASELINES = "baselines"  # the model of systems that learn nothing
TEXTS = ("model", "system")
FLAGS = ("seeded", "equally_good")


@dataclass(frozen=True)
class Score:
    """One metric of one system over its runs.

    mean, sd : over seeds; sd is nan for a single run
    low, high : of the interval of the mean, for other images and other seeds; of a single run, its own
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
class RankedSystem:
    """One system of one data set with its accuracies, AUROCs and log losses.

    runs : their number, one a seed
    seeded : whether each run belongs to a seed (ensembles and baselines do not)
    equally_good : whether validation cannot tell it from the best by the criterion (within one standard error)
    selection_frequency : share of bootstrap replicates of the validation images in which it is selected; nan for a
        baseline
    """

    model: str
    system: str
    runs: int
    seeded: bool
    equally_good: bool
    selection_frequency: float
    val_accuracy: Score
    val_auroc: Score
    val_log_loss: Score
    test_accuracy: Score
    test_auroc: Score
    test_log_loss: Score

    def on_validation(self, measure: str) -> Score:
        """Its "accuracy", "auroc" or "log_loss" on the validation split."""
        return getattr(self, f"val_{measure}")

    @property
    def address(self) -> str:
        """The name that the configuration gives the system."""
        return f"{self.model}/{self.system}"

    @property
    def runs_in_words(self) -> str:
        """How many runs its figures rest on."""
        if not self.seeded:
            return "ensemble over seeds" if self.model == "ensembles" else "no seed"
        return f"{self.runs} {'seed' if self.runs == 1 else 'seeds'}"


class Ranking(NamedTuple):
    """The candidates, the selected one first; and the systems that learn nothing."""

    systems: list[RankedSystem]
    baselines: list[RankedSystem]


MEASURES = tuple(field.name for field in fields(RankedSystem) if field.type is Score)
PARTS = tuple(field.name for field in fields(Score))


def write(path: str | Path, ranking: Ranking, data: str) -> None:
    """Write the ranking of a data set's systems."""
    ranks = [*range(1, len(ranking.systems) + 1), *[None] * len(ranking.baselines)]
    rows = [
        {"data": data, "rank": rank, **_flat(system)}
        for rank, system in zip(ranks, [*ranking.systems, *ranking.baselines], strict=True)
    ]
    write_text(path, csv_text(pd.DataFrame(rows).astype({"rank": "Int64"})))


def _flat(system: RankedSystem) -> dict[str, object]:
    values = asdict(system)
    measures = {f"{name}_{part}": values[name][part] for name in MEASURES for part in PARTS}
    return {name: value for name, value in values.items() if name not in MEASURES} | measures


def read(path: str | Path, candidates: Iterable[str] | None = None) -> Ranking:
    """Read a ranking.

    Parameters
    ----------
    candidates : addresses of the systems that it is to rank, if these are known

    Raises
    ------
    UserError
        If the file is missing, is not CSV, is another table, or ranks other systems.
    """
    numbers = [f"{name}_{part}" for name in MEASURES for part in PARTS]
    always = [column for column in numbers if column.endswith(("_mean", "_n"))]
    table = read_table(path, ("runs", *always), TEXTS, ("rank", *FLAGS, "selection_frequency", *numbers))
    is_baseline = table["model"] == BASELINES
    ranks = (~is_baseline).cumsum().mask(is_baseline)  # systems first, in order; then baselines, which have none
    # Only the deviation of a single run is not known.
    single = (table["runs"] == 1).to_numpy()[:, None]
    values = table[["runs", *numbers]].apply(pd.to_numeric, errors="coerce")
    known = np.isfinite(values) | (table[["runs", *numbers]].isna() & single & values.columns.str.endswith("_sd"))
    shares = pd.to_numeric(table["selection_frequency"], errors="coerce")
    whole = values[["runs", *(column for column in always if column.endswith("_n"))]]
    if (
        not known.all(axis=None)
        or not ((whole >= 1) & (whole % 1 == 0)).all(axis=None)
        or not table[list(FLAGS)].isin([True, False]).all(axis=None)
        or not (shares.between(0, 1) | (is_baseline & table["selection_frequency"].isna())).all()
        or table.duplicated(list(TEXTS)).any()
        or is_baseline.all()
        or not is_baseline.is_monotonic_increasing
        or not ranks.equals(pd.to_numeric(table["rank"], errors="coerce").astype(ranks.dtype))
    ):
        raise UserError(f"{path}: not the ranking of a data set's systems; delete it and run again")
    systems = [_system(row) for row in table.to_dict("records")]
    number = int((~is_baseline).sum())
    found = Ranking(systems[:number], systems[number:])
    if candidates is not None and (others := set(candidates) ^ {system.address for system in found.systems}):
        raise UserError(
            f"{path}: not of the systems that there are ({', '.join(sorted(others))}); delete it and run again"
        )
    return found


def _system(row: Mapping[Any, Any]) -> RankedSystem:
    values: dict[str, Any] = {name: bool(row[name]) for name in FLAGS}
    values["selection_frequency"] = float(row["selection_frequency"])
    for name in MEASURES:
        parts = {part: row[f"{name}_{part}"] for part in PARTS[:-1]}
        values[name] = Score(**parts, n=int(row[f"{name}_n"]))
    return RankedSystem(row["model"], row["system"], int(row["runs"]), **values)
