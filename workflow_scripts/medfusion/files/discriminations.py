"""discrimination.json: how well the selected system discriminates between classes on the test images of a data set.

The file holds an object:

    dataset, flag, task, label_names, generated   as in metrics.json
    positive             the label that tables and net benefit speak of, or null
    classes              the labels whose curves are drawn: the positive one of two classes, else all
    images               number of test images, and "with" each label
    confidence           nominal coverage of intervals and bands
    prevalences          for which predictive values are given
    selected, network, baseline  addresses (model/system): the selected system, its model's network alone, and the
                         baseline that has probabilities of its own
    groups               of runs, one a model and seed, as in metrics.json: "model", "seed", "systems", each with its
                         "test" measures (`evaluation.discrimination.measure`)
    curves               of each of these systems its "address", its "seeds", by the name of a curve "bands" ("value",
                         "low" and "high" over the places, means over the runs) and, of several classes, "classes"
    places               by the name of a curve, where it is looked at
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from medfusion.evaluation.ranking import score
from medfusion.files import measured_groups
from medfusion.files.rankings import Score
from medfusion.naming import Names
from medfusion.system_id import SystemId

STAGE = "assess_discrimination"
KEYS = (
    *("dataset", "generated", "label_names", "positive", "classes", "images", "with", "confidence", "prevalences"),
    *("selected", "network", "baseline", "groups", "curves", "places"),
)


RULES = ("default", "chosen")  # MedMNIST's, and the threshold that validation chose


@dataclass(frozen=True)
class Curve:
    """The curves of one system, means over its runs.

    bands : by the name of a curve, float64 (3, places): value, low, high
    classes : by the name of a curve, float64 (classes, places); empty where there is one class alone
    """

    address: str
    seeds: list[int | None]
    bands: dict[str, np.ndarray]
    classes: dict[str, np.ndarray]


@dataclass(frozen=True)
class Discrimination:
    """What the page and the figures read from discrimination.json.

    content : the whole object
    name : of the data, which says so if the images were generated
    label_names : as the configuration gives them
    curves : of the selected system first, then of the network alone (unless it is that), then of the baseline
    places : by the name of a curve, float64 (places,)
    names : of systems, by address
    """

    content: dict[str, Any]
    name: str
    label_names: tuple[str, ...]
    curves: list[Curve]
    places: dict[str, np.ndarray]
    names: Names
    _table: pd.DataFrame

    @property
    def positive(self) -> str | None:
        """The name of the label that tables speak of."""
        return None if self.content["positive"] is None else self.label_names[self.content["positive"]]

    @property
    def images_with(self) -> int:
        """How many test images have the positive label."""
        return int(self.content["with"][self.content["positive"]])

    @property
    def prevalence(self) -> float:
        """The share of the test images that have the positive label."""
        return float(self.images_with / self.content["images"])

    def score(self, address: str, metric: str) -> Score | None:
        """A measure of a system over its runs; None where it has none of that name."""
        model, _, system = SystemId.of(address)
        of_system = self._table[(self._table["model"] == model) & (self._table["system"] == system)]
        return score(of_system, model, system, "test", metric) if metric in set(of_system["metric"]) else None


class OperatingPoint(NamedTuple):
    """What a rule does for a class, means over runs; the precision is nan where nothing was called so."""

    sensitivity: float
    specificity: float
    precision: float


def operating_point(found: Discrimination, address: str, rule: str, label: int) -> OperatingPoint | None:
    """Where a system decides by one of `RULES`, for a class; None where there is no such rule."""
    scores = [found.score(address, f"{name}_{rule}[{label}]") for name in OperatingPoint._fields]
    point = OperatingPoint(*(math.nan if score is None else score.mean for score in scores))
    return None if scores[0] is None else point


def curve(address: str, seeds: list[int | None], bands: Mapping[str, np.ndarray], classes: Mapping[str, Any]) -> Any:
    """What the file holds of the curves of one system, rounded to six decimals."""
    return {
        "address": address,
        "seeds": seeds,
        "bands": {
            name: dict(zip(("value", "low", "high"), _rounded(band), strict=True)) for name, band in bands.items()
        },
        "classes": {name: _rounded(values) for name, values in classes.items()},
    }


def _rounded(values: np.ndarray) -> list[Any]:
    return [[None if np.isnan(value) else round(float(value), 6) for value in row] for row in values]


def read(path: str | Path, display_names: Mapping[str, Mapping[str, Any]]) -> Discrimination:
    """Read discrimination.json.

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
        places = {name: np.array(values, dtype=float) for name, values in found.content["places"].items()}
        curves = [_curve(one, places) for one in found.content["curves"]]
        if not curves:
            raise ValueError("no curves")
    return Discrimination(found.content, found.name, found.label_names, curves, places, found.names, found.table)


def _curve(one: Mapping[str, Any], places: Mapping[str, np.ndarray]) -> Curve:
    bands = {
        name: np.array([band[part] for part in ("value", "low", "high")], dtype=float)
        for name, band in one["bands"].items()
    }
    classes = {name: np.array(values, dtype=float) for name, values in one["classes"].items()}
    for name, values in (*bands.items(), *classes.items()):
        if values.ndim != 2 or values.shape[1] != len(places[name]):
            raise ValueError(f"curve {name} of {values.shape}")
    return Curve(one["address"], list(one["seeds"]), bands, classes)
