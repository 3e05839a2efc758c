"""The metrics of a run, as evaluation writes them (metrics.json), and as one tidy table."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from medfusion.errors import UserError
from medfusion.files.artifacts import read_record
from medfusion.naming import data_name

COLUMNS = ["dataset", "name", "model", "seed", "system", "split", "metric", "value", "low", "high", "confidence", "n"]
TEXTS = ["dataset", "name", "model", "system", "split", "metric"]  # of these
SPLITS = ("val", "test")

Metrics = dict[str, Any]


def read(path: str | Path) -> Metrics:
    """The content of a metrics.json.

    Raises
    ------
    UserError
        If the file lacks what every metrics.json holds.
    """
    keys = ("dataset", "flag", "task", "generated", "label_names", "model", "seed", "confidence", "systems")
    return read_record(path, keys)


def read_metrics(paths: Iterable[str | Path], display_names: Mapping[str, Mapping[str, Any]]) -> list[Metrics]:
    """The contents of metrics.json files, in their order, with the names that the configuration gives.

    Parameters
    ----------
    paths : of the files
    display_names : by data set, its "name", and its "label_names" if they are not MedMNIST's

    Raises
    ------
    UserError
        If a file lacks what every metrics.json holds.
    """
    contents = []
    for path in paths:
        content = read(path)
        names = display_names.get(str(content["dataset"]))
        if names is None:
            raise UserError(
                f"{path}: of the data set {content['dataset']!r}, not of {', '.join(display_names)}; delete it"
            )
        content["name"] = data_name(names["name"], content["generated"])
        content["label_names"] = names.get("label_names") or content["label_names"]
        contents.append(content)
    return contents


def tidy(contents: Iterable[Metrics]) -> pd.DataFrame:
    """One row for each metric of each system: the columns of results/metrics.csv.

    Rows are ordered by data set, model, seed and system; metrics keep their order. "name" says so where the images
    were generated.
    """
    rows = []
    for content in contents:
        for system, results in content["systems"].items():
            for split in SPLITS:
                for row in results.get(split, []):
                    address = (content["dataset"], content["name"], content["model"], content["seed"], system, split)
                    values = {**row, "confidence": content["confidence"]}
                    rows.append((*address, *(values[key] for key in COLUMNS[6:])))
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"seed": "Int64"})
    return table.sort_values(["dataset", "model", "seed", "system", "split"], kind="stable", ignore_index=True)
