"""slices.json: how the selected system does in parts of the test images, as assess_slices writes it; and as a table.

The file holds an object:

    dataset, generated, label_names   as in metrics.json
    system, seeds    address of the selected system, and those of its runs
    positive         the class whose sensitivity is meant; null where there are more than two classes
    confidence       nominal coverage of the intervals
    with_patients    whether metadata say of which patients images are
    without_row      test images of which metadata say nothing
    shared           how many patients with test images have others too: in "train", in "val", in "either"
    left_out         columns that are too many texts to slice by, with their numbers of values
    slices           of each the fields of `evaluation.slices.Slice`: measures as in metrics.json, the difference with
                     value, low, high and p; the first is all test images

slices.csv is tidy, a row a measure of a slice: data, system, column, slice, images, patients, metric, value, low, high,
n, p, p_adjusted. The metric accuracy_difference, to all other test images, alone has p values.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from medfusion.evaluation.metrics import Measure
from medfusion.evaluation.paired_tests import Difference
from medfusion.evaluation.slices import Slice
from medfusion.files import reliabilities
from medfusion.files.artifacts import read_record, write_text
from medfusion.files.measured_groups import written_by
from medfusion.files.tables import csv_text

STAGE = "assess_slices"
KEYS = (
    *("dataset", "generated", "label_names", "system", "seeds", "positive", "confidence", "with_patients"),
    *("without_row", "shared", "left_out", "slices"),
)
COLUMNS = ("data", "system", "column", "slice", "images", "patients", "metric", "value", "low", "high", "n")
DIFFERENCE = "accuracy_difference"


@dataclass(frozen=True)
class Assessed:
    """What the page and the checklist read from slices.json.

    content : the whole object
    slices : the first is all test images
    """

    content: dict[str, Any]
    slices: list[Slice]

    @property
    def columns(self) -> list[str]:
        """The columns that were sliced by, in order."""
        return list(dict.fromkeys(one.column for one in self.slices[1:]))

    @property
    def shared(self) -> int | None:
        """How many patients with test images have others too; None where patients are not known."""
        return int(self.content["shared"]["either"]) if self.content["with_patients"] else None

    def of(self, column: str) -> list[Slice]:
        """The slices of a column, in order."""
        return [one for one in self.slices[1:] if one.column == column]


def rows(found: Sequence[Slice]) -> list[dict[str, Any]]:
    """Slices as JSON can hold them."""
    return [
        {
            **asdict(one),
            "measures": reliabilities.rows(one.measures),
            "difference": one.difference and one.difference._asdict(),
        }
        for one in found
    ]


def write_table(path: str | Path, found: Sequence[Slice], data: str, system: str) -> None:
    """Write slices.csv.

    Parameters
    ----------
    data : the key of the data set
    system : its address
    """
    lines: list[tuple[Any, ...]] = []
    for one in found:
        place = (data, system, one.column, one.value, one.images, one.patients)
        lines += [(*place, *measure, None, None) for measure in one.measures]
        if one.difference:
            value, low, high, p = one.difference
            lines.append((*place, DIFFERENCE, value, low, high, one.images, p, one.p_adjusted))
    table = pd.DataFrame(lines, columns=[*COLUMNS, "p", "p_adjusted"]).astype({"patients": "Int64"})
    write_text(path, csv_text(table))


def read(path: str | Path) -> Assessed:
    """Read slices.json.

    Raises
    ------
    UserError
        If the file is missing, is not JSON, or holds something else.
    """
    content = read_record(path, KEYS)
    with written_by(STAGE, path):
        found = [_slice(fields) for fields in content["slices"]]
        if not found or found[0].column or any(one.images < 1 for one in found):
            raise ValueError("slices")
    return Assessed(content, found)


def _slice(fields: dict[str, Any]) -> Slice:
    def number(value: float | None) -> float:
        return float("nan") if value is None else float(value)

    measures = [
        Measure(one["metric"], number(one["value"]), number(one["low"]), number(one["high"]), int(one["n"]))
        for one in fields["measures"]
    ]
    difference = Difference(**fields["difference"]) if fields["difference"] else None
    if not measures or measures[0].metric != "accuracy":
        raise ValueError("measures")
    return Slice(**{**fields, "measures": tuple(measures), "difference": difference})
