"""What a snapshot may hold: it is a few text files that anybody can write, and checksums say nothing of who did."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas as pd

from medfusion.errors import UserError
from medfusion.planning.config_values import unusable

LARGEST = 20_000_000  # bytes of each file
MOST_IMAGES = 1_000_000_000
# Measures are shares, or areas under curves, but for these: Brier's score of several classes goes up to 2, a
# log loss to that of the smallest probability.
LOWEST, HIGHEST = {"mcc": -1}, {"brier": 2, "log_loss": 28, "mae": 256}

_TEXT = {"type": "string", "maxLength": 1000}
_TEXTS = {"type": "object", "additionalProperties": _TEXT}
_TEST = {
    "type": "object",
    "required": ["name", "generated", "n", "sha256"],
    "additionalProperties": False,
    "properties": {
        "name": _TEXT,
        "generated": {"type": "boolean"},
        "n": {"type": "integer", "minimum": 1, "maximum": MOST_IMAGES},
        "sha256": _TEXT,
    },
}
_COMMIT = {
    "type": ["object", "null"],
    "required": ["hash", "dirty", "code_changed"],
    "properties": {
        "hash": {**_TEXT, "type": ["string", "null"]},
        "dirty": {"type": "boolean"},
        "code_changed": {"type": "array", "items": _TEXT},
    },
}
MANIFEST = {
    "type": "object",
    "required": ["format", "files", "libraries", "code", "measured", "tests", "commit"],
    "properties": {
        "files": _TEXTS,
        "libraries": _TEXTS,
        "code": _TEXTS,
        "measured": _TEXT,
        "tests": {"type": "object", "additionalProperties": _TEST},
        "commit": _COMMIT,
    },
}
_COUNTS: dict[str, Any] = {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": MOST_IMAGES}}
_MATRIX = {"type": "array", "minItems": 2, "items": _COUNTS}
# By data set, group of systems and system; of several labels at once a matrix a label.
CONFUSIONS: dict[str, Any] = {"anyOf": [_MATRIX, {"type": "array", "items": _MATRIX}]}
for _ in range(3):
    CONFUSIONS = {"type": "object", "additionalProperties": CONFUSIONS}


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


def check_content(path: Path, content: Any, schema: dict[str, Any]) -> None:
    """Refuse values that a snapshot's file cannot have.

    Raises
    ------
    UserError
        Naming the file and the place.
    """
    for fault in unusable(content):
        raise UserError(f"{path}: {fault}; take the snapshot anew")
    if error := next(jsonschema.Draft202012Validator(schema).iter_errors(content), None):
        place = ".".join(map(str, error.absolute_path)) or "top level"
        raise UserError(f"{path}: {place} is {json.dumps(error.instance)[:60]}; take the snapshot anew")


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
