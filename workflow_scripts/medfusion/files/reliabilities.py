"""reliability.json: how far the probabilities of every system can be trusted on the test images of a data set.

The file holds an object:

    dataset, flag, task, label_names, generated   as in metrics.json
    positive, sensitivity, coverage, abstention_rate  as in calibration.json
    validation, test     number of images of each class
    always               labels of which validation has too few images: class-conditional sets always hold them
    confidence           nominal coverage of the intervals
    best, network        addresses (model/system) of the selected system, and of its model's network alone
    groups               of runs, one a model and seed, as in metrics.json: "model", "seed", "systems", each with its
                         "test" measures (`evaluation.reliability.measure`)
    drawn                runs of the selected system and of the network, each with "address", "seed", and "before" and
                         "after" the temperature a "diagram" and a "curve" (`evaluation.reliability`)
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from medfusion.errors import UserError
from medfusion.files import measured_groups
from medfusion.naming import Names
from medfusion.system_id import SystemId

STAGE = "assess_reliability"
KEYS = (
    *("dataset", "generated", "label_names", "positive", "sensitivity", "coverage", "abstention_rate"),
    *("validation", "test", "always", "confidence", "best", "network", "groups", "drawn"),
)


@dataclass(frozen=True)
class Reliability:
    """What the page and the figures read from reliability.json.

    content : the whole object
    name : of the data, which says so if the images were generated
    label_names : as the configuration gives them
    table : tidy measures, as of metrics.json
    names : of systems, by address
    """

    content: dict[str, Any]
    name: str
    label_names: tuple[str, ...]
    table: pd.DataFrame
    names: Names

    @property
    def always(self) -> list[int]:
        """The labels that class-conditional sets always hold, because validation has too few images of them."""
        return self.content["always"]


def of_run(found: Reliability, run: SystemId) -> list[dict[str, Any]]:
    """The test measures of one run, as the file has them.

    Raises
    ------
    UserError
        If it is not among them.
    """
    for group in found.content["groups"]:
        if (group["model"], group["seed"]) == (run.model, run.seed) and run.system in group["systems"]:
            return group["systems"][run.system]["test"]
    raise UserError(f"reliability.json of {found.name}: lacks {run.address}, seed {run.seed}; delete it and run again")


def rows(measures: Iterable[Any]) -> list[dict[str, Any]]:
    """Measures (`metrics.Measure`) as JSON can hold them: null for no number."""
    return [
        {
            key: None if isinstance(value, float) and math.isnan(value) else value
            for key, value in measure._asdict().items()
        }
        for measure in measures
    ]


def read(path: str | Path, display_names: Mapping[str, Mapping[str, Any]]) -> Reliability:
    """Read reliability.json.

    Parameters
    ----------
    path : of the file
    display_names : by data set, its "name", its "label_names" if they are not MedMNIST's, and names of "systems" by
        address, as the configuration gives them

    Raises
    ------
    UserError
        If the file is missing, is not JSON, or holds something else.
    """
    found = measured_groups.read(path, KEYS, STAGE, display_names)
    with measured_groups.written_by(STAGE, path):
        if not found.content["drawn"]:
            raise ValueError("no runs")
    return Reliability(found.content, found.name, found.label_names, found.table, found.names)
