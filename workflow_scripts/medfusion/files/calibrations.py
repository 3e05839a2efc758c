"""calibration.json: what the validation split says of each system's probabilities, a record for every run.

The file holds an object:

    dataset     key of the data set
    task        MedMNIST's kind of task
    positive    the label that `decision` speaks of, or null
    sensitivity  share of the images with that label that `decision` is to find; null: it is the most balanced
    coverage    share of images whose prediction set is to hold the true class
    abstention_rate  share of the images that is to be referred to a human
    images      number of validation images of each class, in label order
    systems     by address (model/system), then by seed as text ("all" for an ensemble, over all seeds), the fields
                of `Calibration`, null for None

What the fields mean for probabilities is in `medfusion.learning.calibration`, whose functions apply them.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from medfusion.errors import UserError
from medfusion.files.artifacts import read_record, write_json
from medfusion.system_id import SystemId

ALL_SEEDS = "all"


@dataclass(frozen=True)
class Calibration:
    """What was chosen for one run of a system; all but the temperature is meant for scaled probabilities.

    temperature : divides the logarithms of the probabilities
    marginal : of a class in a prediction set, the highest probability of all more probable classes together; None:
        every class is always in it
    by_class : the same for each class by itself, in label order
    decision : lowest probability of the positive label at which it is predicted; None where there is none
    referral : confidence below which an image is referred
    log_loss_without, log_loss_with : cross-validated log loss without a temperature, and with one; where the second is
        not the lower, none is applied: it is 1. None where that was not looked at
    """

    temperature: float
    marginal: float | None
    by_class: tuple[float | None, ...]
    decision: float | None
    referral: float
    log_loss_without: float | None = None
    log_loss_with: float | None = None


@dataclass(frozen=True)
class Calibrations:
    """A whole calibration.json; see there."""

    dataset: str
    task: str
    positive: int | None
    sensitivity: float | None
    coverage: float
    abstention_rate: float
    images: tuple[int, ...]
    runs: Mapping[SystemId, Calibration]


def write(path: str | Path, calibrations: Calibrations) -> None:
    """Write calibration.json."""
    systems: dict[str, dict[str, Any]] = {}
    for run, calibration in calibrations.runs.items():
        systems.setdefault(run.address, {})[ALL_SEEDS if run.seed is None else str(run.seed)] = asdict(calibration)
    general = {key: value for key, value in vars(calibrations).items() if key != "runs"}
    write_json(path, {**general, "systems": systems})


def read(path: str | Path) -> Calibrations:
    """Read calibration.json.

    Raises
    ------
    UserError
        If the file is missing, is not JSON, or holds something else.
    """
    content = read_record(
        path, ("dataset", "task", "positive", "sensitivity", "coverage", "abstention_rate", "images", "systems")
    )
    try:
        images = tuple(int(n) for n in content["images"])
        runs = {
            SystemId.of(key)._replace(seed=None if seed == ALL_SEEDS else int(seed)): _calibration(fields, len(images))
            for key, seeds in content["systems"].items()
            for seed, fields in seeds.items()
        }
        general: dict[str, Any] = {key: content[key] for key in ("dataset", "task", "positive")}
        shares: dict[str, Any] = {key: _number(content[key]) for key in ("coverage", "abstention_rate")}
        shares["sensitivity"] = _optional(content["sensitivity"])
        return Calibrations(**general, **shares, images=images, runs=runs)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: not what calibrate writes ({error!r}); delete it and run again") from None


def _calibration(fields: Mapping[str, Any], classes: int) -> Calibration:
    by_class = tuple(_optional(value) for value in fields["by_class"])
    if len(by_class) != classes:
        raise ValueError(f"{len(by_class)} thresholds of {classes} classes")
    temperature = _number(fields["temperature"])
    if temperature <= 0:
        raise ValueError(f"temperature {temperature}")
    marginal, decision = _optional(fields["marginal"]), _optional(fields["decision"])
    losses = (_optional(fields[f"log_loss_{which}"]) for which in ("without", "with"))
    return Calibration(temperature, marginal, by_class, decision, _number(fields["referral"]), *losses)


def _optional(value: Any) -> float | None:
    return None if value is None else _number(value)


def _number(value: Any) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{value} is no number")
    return float(value)
