"""Differences between a system and the one that it is compared with, seed by seed."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from scipy.stats import t

from medfusion.errors import UserError
from medfusion.evaluation.metrics import summarise_seeds
from medfusion.evaluation.ranking import score
from medfusion.files.rankings import Score

MEASURED = [(split, metric) for metric in ("accuracy", "auroc") for split in ("val", "test")]
KEYS = ["base", "part", "words", "system"]


@dataclass(frozen=True)
class SeedDifference:
    """One metric of a system, minus that of the system it is compared with, over the same seeds.

    mean, sd : of the differences, one a seed; sd is nan for a single seed
    low, high : limits of the interval of their mean, as of `t_interval`
    """

    mean: float
    sd: float
    low: float
    high: float


@dataclass(frozen=True)
class Contribution:
    """A system with one change: by split and metric its scores, and what they lost or won.

    part : "change" or "member"
    words : what is other
    """

    base: str
    part: str
    words: str
    system: str
    seeds: list[int]
    scores: dict[tuple[str, str], Score]
    differences: dict[tuple[str, str], SeedDifference]


def t_interval(values: Sequence[float] | pd.Series, confidence: float) -> tuple[float, float]:
    """Student's (1908) interval of the mean of differences between pairs; nan for a single pair.

    >>> [round(limit, 3) for limit in t_interval([-0.01, 0.0, 0.01], 0.95)]
    [-0.025, 0.025]
    """
    mean, sd = summarise_seeds(values)
    if len(values) < 2:
        return math.nan, math.nan
    half = float(t.ppf((1 + confidence) / 2, len(values) - 1)) * sd / math.sqrt(len(values))
    return mean - half, mean + half


def paired(table: pd.DataFrame, comparisons: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Every comparison seed by seed.

    Parameters
    ----------
    table : tidy metrics of one data set
    comparisons : each with "base", "part", "words", "system", the addresses (model and system) "measured" and
        "reference" of two rows of the table, and "seeds"

    Returns
    -------
    Columns base, part, words, system, split, metric, seed, value, reference, difference, n: comparisons in their
    order, then as in `MEASURED`, then seeds in their order.

    Raises
    ------
    UserError
        If a run is missing in the table.
    """
    known = table.set_index(["model", "system", "seed", "split", "metric"])[["value", "n"]]
    rows = []
    for entry in comparisons:
        for split, metric in MEASURED:
            for seed in entry["seeds"]:
                try:
                    value, n = known.loc[(*entry["measured"], seed, split, metric)]
                    reference = known.loc[(*entry["reference"], seed, split, metric)]["value"]
                except KeyError:
                    addresses = " or ".join("/".join(entry[key]) for key in ("measured", "reference"))
                    raise UserError(
                        f"no {split} {metric} of {addresses} with seed {seed} among the metrics.json files; run again"
                    ) from None
                address = [entry[key] for key in KEYS]
                rows.append((*address, split, metric, seed, value, reference, value - reference, int(n)))
    columns = [*KEYS, "split", "metric", "seed", "value", "reference", "difference", "n"]
    return pd.DataFrame(rows, columns=columns)


def contributions(
    table: pd.DataFrame, comparisons: Iterable[Mapping[str, Any]], confidence: float
) -> list[Contribution]:
    """Every comparison over its seeds, in the order given, with intervals of that confidence; else as `paired`."""
    found = []
    for entry in comparisons:
        rows = paired(table, [entry])
        of_seeds = table[table["seed"].isin(entry["seeds"])]
        differences = {}
        for split, metric in MEASURED:
            part = rows[(rows["split"] == split) & (rows["metric"] == metric)]
            mean, sd = summarise_seeds(part["difference"])
            differences[split, metric] = SeedDifference(mean, sd, *t_interval(part["difference"], confidence))
        model, system = entry["measured"]
        scores = {address: score(of_seeds, model, system, *address) for address in MEASURED}
        identity = {key: entry[key] for key in KEYS}
        found.append(Contribution(**identity, seeds=list(entry["seeds"]), scores=scores, differences=differences))
    return found
