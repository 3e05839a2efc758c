"""A JSON object of what a stage measured on the test images: "groups" of runs, as in metrics.json, among other keys."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from medfusion.errors import UserError
from medfusion.files.artifacts import read_record
from medfusion.files.metric_files import tidy
from medfusion.naming import Names, data_name


@dataclass(frozen=True)
class MeasuredGroups:
    """What such a file holds, under the names that the configuration gives.

    content : the whole object
    name : of the data, which says so if the images were generated
    label_names : one per class
    names : of systems, by address
    table : tidy measures, as of metrics.json
    """

    content: dict[str, Any]
    name: str
    label_names: tuple[str, ...]
    names: Names
    table: pd.DataFrame


def read(
    path: str | Path, keys: Sequence[str], stage: str, display_names: Mapping[str, Mapping[str, Any]]
) -> MeasuredGroups:
    """Read such a file.

    Parameters
    ----------
    path : of the file
    keys : that it has
    stage : which writes it
    display_names : by data set, its "name", its "label_names" if they are not MedMNIST's, and names of "systems" by
        address, as the configuration gives them

    Raises
    ------
    UserError
        If the file is missing, is not JSON, or holds something else.
    """
    content = read_record(path, keys)
    names = display_names.get(str(content["dataset"]))
    if names is None:
        raise UserError(f"{path}: of the data set {content['dataset']!r}, not of {', '.join(display_names)}; delete it")
    name = data_name(names["name"], content["generated"])
    common = {"dataset": content["dataset"], "name": name, "confidence": content["confidence"]}
    with written_by(stage, path):
        table = tidy({**common, **group} for group in content["groups"])
        if table.empty:
            raise ValueError("no runs")
        table[["value", "low", "high"]] = table[["value", "low", "high"]].astype(float)
        label_names = tuple(names.get("label_names") or content["label_names"])
    return MeasuredGroups(content, name, label_names, Names(names.get("systems", {})), table)


@contextlib.contextmanager
def written_by(stage: str, path: str | Path) -> Iterator[None]:
    """Whatever goes wrong in the block is said to be another file than the stage writes."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: not what {stage} writes ({error!r}); delete it and run again") from None
