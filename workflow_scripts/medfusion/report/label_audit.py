"""The page's account of the label audit: how many labels may be wrong, by whose word."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from medfusion.files.label_audits import SPLITS
from medfusion.files.tables import csv_text
from medfusion.naming import Names, percent
from medfusion.report.page_components import CSV, Body, Cell, File, Row, Section, Table, text_uri

WEAK = "A weak model flags its own errors: look before you call a label wrong."
HOW = (
    "Confident learning (Northcutt et al. 2021, cleanlab). The probabilities of val and test are those of {system}; "
    "those of train are of linear probes on pixels and on the features of {model}, in {folds} folds with "
    "near-duplicates together. Where a network was trained on these labels, a wrong one that it learnt by heart is not "
    "found. Nothing is chosen by this."
)


def fill(
    section: Section,
    found: Mapping[str, Any],
    table: pd.DataFrame,
    names: Mapping[str, str],
    model_names: Names,
    name: str,
) -> None:
    """Add a table, notes, and a file of the labels that something speaks against.

    Parameters
    ----------
    found : as `label_audits.read_summary` has it
    table : as `label_audits.read` has it
    names, model_names : of systems by address, of models by key
    name : of the data set, which says so if its images are generated
    """
    system = found["system"]
    seed = "" if system["seed"] is None else f" (seed {system['seed']})"
    called = names[f"{system['model']}/{system['system']}"] + seed
    section.notes.append(WEAK)
    model = model_names[found["model"]]
    section.method.append(HOW.format(system=called, model=model, folds=found["folds"]))
    head = [
        "Labels",
        "Images",
        "Another class more probable",
        "Flagged",
        "A near-duplicate has another label",
        "Both",
    ]
    rows = [_row(split, found["splits"][split]) for split in SPLITS]
    section.tables.append(Table(f"Labels that may be wrong ({name})", head, [Body(rows)]))
    listed = table[table["flagged"] | table["opposite_split"].fillna("").astype(bool)].sort_values("score")
    if len(listed):
        label = f"The {len(listed):,} labels that something speaks against"
        section.files.append(File(label, "labels.csv", text_uri(CSV, csv_text(listed))))


def _row(split: str, counts: Mapping[str, int]) -> Row:
    n = counts["images"]
    unjudged = n - counts["judged"]
    note = f"{unjudged:,} not judged: too few of their class" if unjudged else ""
    shares = (
        Cell(f"{counts[key]:,}", percent(counts[key] / n, 1), counts[key]) for key in ("taken", "flagged", "opposite")
    )
    return Row([Cell(split), Cell(f"{n:,}", note, n), *shares, Cell(f"{counts['both']:,}", sort=counts["both"])])
