"""What a snapshot may hold: it is a few text files that anybody can write, and checksums say nothing of who did."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from medfusion.errors import UserError
from medfusion.planning.config_values import unusable

LARGEST = 20_000_000  # bytes of each file
MOST_IMAGES = 1_000_000_000
# Measures are shares, or areas under curves, but for these: Brier's score of several classes goes up to 2, a
# log loss to that of the smallest probability.
LOWEST, HIGHEST = {"mcc": -1}, {"brier": 2, "log_loss": 28, "mae": 256}

Text = Annotated[str, Field(max_length=1000)]
Count = Annotated[int, Field(ge=0, le=MOST_IMAGES)]
Matrix = Annotated[list[list[Count]], Field(min_length=2)]


class _Test(BaseModel, strict=True, extra="forbid"):
    name: Text
    generated: bool
    n: Annotated[int, Field(ge=1, le=MOST_IMAGES)]
    sha256: Text


class _Commit(BaseModel, strict=True):
    hash: Text | None
    dirty: bool
    code_changed: list[Text]


class Manifest(BaseModel, strict=True):
    format: Any
    files: dict[str, Text]
    libraries: dict[str, Text]
    code: dict[str, Text]
    measured: Text
    tests: dict[str, _Test]
    commit: _Commit | None


# By data set, group of systems and system; of several labels at once a matrix a label.
Confusions = dict[str, dict[str, dict[str, Matrix | list[Matrix]]]]


def check_file(path: Path) -> None:
    """Refuse what is no regular file, or longer than any snapshot's.

    Raises
    ------
    UserError
        Naming the file.
    """
    if not path.is_file():
        raise UserError(f"{path}: missing, or no file; take the snapshot anew")
    if path.stat().st_size > LARGEST:
        raise UserError(f"{path}: longer than {LARGEST:,} bytes; no file of a snapshot of this program")


def check_content(path: Path, content: Any, kind: Any) -> None:
    """Refuse values that a snapshot's file cannot have.

    Parameters
    ----------
    kind : the type of its content

    Raises
    ------
    UserError
        Naming the file and the place.
    """
    for fault in unusable(content):
        raise UserError(f"{path}: {fault}; take the snapshot anew")
    try:
        TypeAdapter(kind).validate_python(content, strict=True)
    except ValidationError as error:
        place, value = [], content
        for part in error.errors(include_url=False)[0]["loc"]:
            try:
                value = value[part]
            except (KeyError, TypeError):  # what is missing, or a tag of pydantic's for one of several types
                break
            place.append(str(part))
        key = ".".join(place) or "top level"
        raise UserError(f"{path}: {key} is {json.dumps(value)[:60]}; take the snapshot anew") from None


def check_table(path: Path, table: pd.DataFrame) -> None:
    """Refuse measures that no images can have given.

    Raises
    ------
    UserError
        Naming the file, the line and the value.
    """
    for line, column, value in _faults(table):
        raise UserError(f"{path}: line {line}: {column} is {value}; no measure has that")


def _faults(table: pd.DataFrame) -> Iterator[tuple[int, str, Any]]:
    """Line, column and value of each cell that cannot be."""
    n = table["n"].to_numpy(float)
    # A class that was never predicted has a precision of no images; each system has images.
    fewest = table["metric"].fillna("").str.contains("[", regex=False).map({True: 0, False: 1}).to_numpy()
    sound = {
        "n": (n >= fewest) & (n <= MOST_IMAGES) & (n == np.rint(n)),
        "seed": (table["seed"].isna() | (table["seed"] >= 0)).to_numpy(bool),
        "split": table["split"].isin(["val", "test"]).to_numpy(),
    }
    for column in ("dataset", "name", "model", "system", "metric"):
        sound[column] = (table[column].notna() & (table[column].str.len() <= 1000)).to_numpy(bool)
    names = table["metric"].fillna("").str.partition("[")[0]
    lowest, highest = names.map(LOWEST).fillna(0).to_numpy(float), names.map(HIGHEST).fillna(1).to_numpy(float)
    for column in ("value", "low", "high"):
        values = table[column].to_numpy(float)
        sound[column] = np.isnan(values) | ((values >= lowest - 1e-9) & (values <= highest + 1e-9))
    for column, fine in sound.items():
        for row in np.flatnonzero(~fine)[:1]:
            value = table[column].iloc[row]
            yield int(row) + 2, column, "nan" if isinstance(value, float) and math.isnan(value) else value
