"""The input check in a model package: its arrays in a file, input_check.npz, its numbers in the record."""

import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from medfusion.data import npy_header
from medfusion.errors import UserError, first_line
from medfusion.files.archives import add_array
from medfusion.learning.input_check import ARRAYS, InputCheck

MOST_BYTES = 2**28  # of the file
MOST_POINTS = 1024  # that an image is compared with
MOST_POOLED = 2**20  # features that count as one


@dataclass(frozen=True)
class CheckNumbers:
    """What the record holds of the check of one network; see `learning.input_check.InputCheck`."""

    kind: str
    neighbour: int
    pool: int
    feature_units: tuple[float, float]
    pixel_units: tuple[float, float]
    auroc: dict[str, float]


def numbers(check: InputCheck) -> CheckNumbers:
    """What the record is to hold of a check."""
    return CheckNumbers(**{key: getattr(check, key) for key in CheckNumbers.__dataclass_fields__})


def save(checks: Sequence[InputCheck], path: str | Path) -> None:
    """Write the arrays of the checks of all networks, in their order: the same give the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for place, check in enumerate(checks):
            for name in ARRAYS:
                add_array(archive, f"{place}/{name}", np.ascontiguousarray(getattr(check, name), np.float32))


def load(path: str | Path, known: Sequence[CheckNumbers], channels: int) -> list[InputCheck]:
    """Read the checks of all networks.

    Parameters
    ----------
    known : what the record says of each
    channels : of the images

    Raises
    ------
    UserError
        If the file is damaged, or its arrays do not fit together.
    """
    try:
        arrays = _arrays(path, len(known))
        checks = []
        for place, own in enumerate(known):
            fields: dict[str, Any] = {name: arrays[f"{place}/{name}"] for name in ARRAYS}
            check = InputCheck(**fields, **vars(own))
            _check(check, channels)
            checks.append(check)
    except Exception as error:  # zipfile and numpy raise whatever they come upon
        raise UserError(
            f"{path}: holds no input check of a model package ({first_line(error)}); get it again"
        ) from None
    return checks


def _arrays(path: str | Path, number: int) -> dict[str, np.ndarray]:
    size = Path(path).stat().st_size
    if size > MOST_BYTES:
        raise ValueError(f"{size:,} bytes; expected at most {MOST_BYTES:,}")
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        if any(info.compress_type != zipfile.ZIP_STORED for info in infos) or sum(i.file_size for i in infos) > size:
            raise ValueError("compressed members; expected them as they are")
        expected = {f"{place}/{name}.npy" for place in range(number) for name in ARRAYS}
        if {info.filename for info in infos} != expected or len(infos) != len(expected):
            raise ValueError("other arrays than those of its networks")
        found = {}
        for info in infos:
            with archive.open(info) as member:
                shape, by_column, dtype = npy_header.read(member)
                content = member.read()
            if dtype != np.float32 or by_column or not 1 <= len(shape) <= 2 or len(content) != 4 * math.prod(shape):
                raise ValueError(f"{info.filename}: expected rows of numbers in float32")
            array = np.frombuffer(content, np.float32).reshape(shape)
            if not np.isfinite(array).all():
                raise ValueError(f"{info.filename}: values that are no numbers")
            found[info.filename.removesuffix(".npy")] = array
    return found


def _check(check: InputCheck, channels: int) -> None:
    """Whether the arrays fit together; a wrong number of features is seen when an image is tried."""
    width, compared = len(check.centre), len(check.mean)
    components = check.directions.shape[1]
    shapes: dict[str, tuple[Any, ...]] = {
        "centre": (width,),
        "directions": (width, components),
        "mean": (components + 1 if components else width,),
        "whitening": (compared, compared),
        "points": (len(check.points), compared),
        "overall": (compared if check.kind == "relative_mahalanobis" else 0, compared),
        "ranges": (2, 2 * channels + 3),
    }
    for name, shape in shapes.items():
        if getattr(check, name).shape != shape:
            raise ValueError(f"{name}: shape {getattr(check, name).shape}, expected {shape}")
    if not 0 < max(1, check.neighbour) <= len(check.points) or (check.neighbour > 0) != (check.kind == "nearest"):
        raise ValueError(f"the nearest but {check.neighbour} of {len(check.points)} points")
    if len(check.points) > MOST_POINTS or not 1 <= check.pool <= MOST_POOLED:
        raise ValueError(f"{len(check.points)} points, {check.pool} features as one; expected fewer")
    if not (check.ranges[0] < check.ranges[1]).all():
        raise ValueError("ranges without an inside")
