"""Tables of what partitions of a data set say of its systems and of pairs of them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from medfusion.evaluation import crossvalidation
from medfusion.evaluation.comparisons import holm
from medfusion.evaluation.paired_tests import level_of
from medfusion.evaluation.ranking import bounds

COMPARED = ("accuracy", "auroc", "log_loss")  # measures in which pairs of systems are compared
LOWER_IS_BETTER = ("log_loss",)


@dataclass(frozen=True)
class Tables:
    """What was found.

    measures : a row for each system and metric: mean, sd, low, high, folds
    comparisons : a row for each pair and metric: `crossvalidation.FoldDifference`, p adjusted by Holm, and the verdict
    partitions, tested, trained : how many, and images in one of them on average (trained: training and validation)
    fewest, most : images tested in one of them: near-duplicates stay together, so that folds may differ
    """

    measures: pd.DataFrame
    comparisons: pd.DataFrame
    partitions: int
    tested: float
    trained: float
    fewest: int
    most: int


def tabulate(values: pd.DataFrame, images: int, settings: Mapping[str, Any]) -> Tables:
    """Means over partitions, and differences of pairs of systems.

    Parameters
    ----------
    values : columns dataset (the partition), model, seed, system, metric, value, n; of the test splits
    images : how many are divided
    settings : "confidence", "compare" (pairs of addresses) and "practically_equivalent"
    """
    values = values.assign(address=values["model"] + "/" + values["system"])
    sizes = values[values["metric"] == "accuracy"].groupby("dataset")["n"].max()
    tested = float(sizes.mean())
    ratio = tested / (images - tested)
    measures = []
    for address in dict.fromkeys(values["address"]):
        for metric in dict.fromkeys(values[values["address"] == address]["metric"]):
            found = _by_partition(values, address, metric)
            if not found.isna().any():
                mean = crossvalidation.summarise(found.tolist(), ratio, settings["confidence"], bounds(metric))
                measures.append({"system": address, "metric": metric, **asdict(mean)})
    return Tables(
        pd.DataFrame(measures),
        _comparisons(values, ratio, settings),
        len(sizes),
        tested,
        images - tested,
        int(sizes.min()),
        int(sizes.max()),
    )


def _by_partition(values: pd.DataFrame, address: str, metric: str) -> "pd.Series[float]":
    """A measure of a system in each partition; where it has several seeds, their mean."""
    of_system = values[(values["address"] == address) & (values["metric"] == metric)]
    return of_system.groupby("dataset")["value"].mean()


def _comparisons(values: pd.DataFrame, ratio: float, settings: Mapping[str, Any]) -> pd.DataFrame:
    rows = []
    for metric in COMPARED:
        sign = -1 if metric in LOWER_IS_BETTER else 1
        of_metric = []
        for first, second in settings["compare"]:
            one, other = (_by_partition(values, address, metric) for address in (first, second))
            difference = crossvalidation.compare(
                (sign * (one - other)).tolist(),
                ratio,
                settings["practically_equivalent"],
                settings["confidence"],
            )
            named = {"first": first, "second": second, "metric": metric}
            of_metric.append((named, difference))
        adjusted = holm([difference.p for _, difference in of_metric]) if of_metric else ()
        for (named, difference), p in zip(of_metric, adjusted, strict=True):
            verdict = difference.verdict(p, level_of(settings["confidence"]))
            rows.append({**named, **asdict(difference), "p_adjusted": p, "verdict": verdict})
    columns = [
        "first",
        "second",
        "metric",
        *crossvalidation.FoldDifference.__dataclass_fields__,
        "p_adjusted",
        "verdict",
    ]
    return pd.DataFrame(rows, columns=columns)
