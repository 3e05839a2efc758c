"""Which system is exported, and what it consists of."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from medfusion.files.rankings import RankedSystem
from medfusion.package.contents import Member
from medfusion.system_id import SystemId, network_of


@dataclass(frozen=True)
class Chosen:
    """The exported system.

    run : which one
    ranked : its measures, over all its seeds
    """

    run: SystemId
    ranked: RankedSystem


def choose(systems: Sequence[RankedSystem], table: pd.DataFrame, address: str | None, criterion: str) -> Chosen:
    """The system to export: the named one, or that of the highest rank among those that are no ensembles.

    Of its seeds the best by the criterion on validation is taken, then by accuracy, then the first. An ensemble
    has none: all its networks are exported.

    Parameters
    ----------
    systems : in the order of their ranks
    table : tidy metrics of the runs to choose from
    address : model/system or ensembles/name; None for the highest-ranked
    criterion : "log_loss", "auroc" or "accuracy"
    """
    ranked = next(row for row in systems if (row.address == address if address else row.seeded))
    if not ranked.seeded:
        return Chosen(SystemId(ranked.model, None, ranked.system), ranked)
    own = table[(table["model"] == ranked.model) & (table["system"] == ranked.system) & (table["split"] == "val")]
    scores = own.pivot(index="seed", columns="metric", values="value")
    keys = [criterion, "accuracy"]
    ordered = scores.sort_index().sort_values(keys, ascending=[key == "log_loss" for key in keys], kind="stable")
    return Chosen(SystemId(ranked.model, int(ordered.index[0]), ranked.system), ranked)


def kind(run: SystemId, classifiers: Sequence[str], frozen: Collection[str] = ()) -> str:
    """What a system is, in a word; `frozen` are the models whose network is a backbone."""
    if run.model == "ensembles":
        return "ensemble"
    if run.system == "cnn":
        return "head" if run.model in frozen else "network"
    return "classifier" if run.system in classifiers else "fusion"


def members(
    runs: Sequence[SystemId],
    networks: Sequence[SystemId],
    fusions: Mapping[SystemId, Mapping[str, Any]],
    frozen: Collection[str] = (),
) -> tuple[Member, ...]:
    """The members of a system, with their weights; those of weight 0 are left out.

    Parameters
    ----------
    runs : the run itself, or all those that an ensemble averages
    networks : each network, in the order of the model package
    fusions : by run, fusion.json: members, weights and temperatures
    frozen : models whose network is a backbone: what stands for it is a classifier on its features
    """
    weights: dict[tuple[int, str | None, float], float] = {}
    for run in runs:
        record = fusions.get(run, {"members": [run.system], "weights": [1.0], "temperatures": [1.0]})
        columns = (record["members"], record["weights"], record["temperatures"])
        for name, weight, temperature in zip(*columns, strict=True):
            classifier = None if name == "cnn" and run.model not in frozen else f"{run.group}/{name}"
            key = (networks.index(network_of(run, frozen)), classifier, temperature)
            weights[key] = weights.get(key, 0.0) + weight / len(runs)
    return tuple(
        Member(network, classifier, weight, temperature)
        for (network, classifier, temperature), weight in weights.items()
        if weight
    )
