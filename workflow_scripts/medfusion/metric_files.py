"""The metrics of a run, as evaluation writes them (metrics.json), and as one tidy table."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from medfusion.artifacts import read_record
from medfusion.naming import data_name

COLUMNS = ["dataset", "name", "model", "seed", "system", "split", "metric", "value", "low", "high", "n"]
SPLITS = ("val", "test")

Metrics = dict[str, Any]


def read_metrics(paths: Iterable[str | Path]) -> list[Metrics]:
    """The contents of metrics.json files, in their order.

    Raises
    ------
    UserError
        If a file lacks what every metrics.json holds.
    """
    keys = ("dataset", "generated", "label_names", "model", "name", "seed", "systems")
    return [read_record(path, keys) for path in paths]


def tidy(contents: Iterable[Metrics]) -> pd.DataFrame:
    """One row for each metric of each system: the columns of results/metrics.csv.

    Rows are ordered by data set, model, seed and system; metrics keep their order. "name" says so where the images
    were generated.
    """
    rows = []
    for content in contents:
        name = data_name(content["name"], content["generated"])
        for system, results in content["systems"].items():
            for split in SPLITS:
                for row in results.get(split, []):
                    address = (content["dataset"], name, content["model"], content["seed"], system, split)
                    rows.append((*address, *(row[key] for key in COLUMNS[6:])))
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"seed": "Int64"})
    return table.sort_values(["dataset", "model", "seed", "system", "split"], kind="stable", ignore_index=True)
