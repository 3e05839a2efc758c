"""The comparisons of a data set's systems, as compare_systems writes them (comparisons.json)."""

from pathlib import Path
from typing import Any

from medfusion.files.artifacts import read_record

KEYS = (
    "dataset",
    "generated",
    "n",
    "confidence",
    "best",
    "family",
    "systems",
    "primary",
    "fusions",
    "near_duplicates",
)

Comparisons = dict[str, Any]


def read_comparisons(path: str | Path) -> Comparisons:
    """The contents of a comparisons.json file.

    Raises
    ------
    UserError
        If the file lacks what every comparisons.json holds.
    """
    return read_record(path, KEYS)


def is_baseline(system: str) -> bool:
    """Whether a compared system learns nothing, by its address."""
    return system.startswith("baselines/")
