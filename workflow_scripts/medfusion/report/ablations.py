"""What each part of a model contributes: the section of the page, and the rows of the summary."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from medfusion import display_names
from medfusion.evaluation.ablations import Contribution, SeedDifference, contributions
from medfusion.evaluation.ranking import score
from medfusion.naming import span
from medfusion.planning.ablations import comparisons
from medfusion.report.page_components import Body, Cell, Row, Section, Table
from medfusion.report.page_tables import NOTHING, value_cell, with_interval

PARTS = {
    "change": "With one change",
    "member": "One member of a fusion alone: difference to the fusion",
}
NOTES = (
    "Differences are new minus configured, between the same seeds; under them the {confidence} interval of their mean "
    "over seeds (Student's, of pairs, not corrected for the number of rows). Where it holds 0, the seeds do not show "
    "that the part matters. One seed has no interval.",
    "None of these systems is a candidate or part of any ensemble; a part that is dropped for its test figures makes "
    "these optimistic.",
)
HEAD = ["Change", "System", "Validation accuracy", "Difference", "Test accuracy, {} interval", "Difference"]
HEAD += ["Validation AUROC", "Difference", "Test AUROC, {} interval", "Difference", "Test n", "Seeds"]


def found(config: dict[str, Any], dataset: str, table: pd.DataFrame) -> list[Contribution]:
    """All contributions that the configuration asks for, from the tidy metrics of a data set."""
    wanted = [asdict(comparison) for comparison in comparisons(config, dataset)]
    return contributions(table, wanted, config["evaluation"]["confidence"])


def fill(section: Section, config: dict[str, Any], dataset: str, table: pd.DataFrame, confidence: str) -> None:
    """Notes and one table for each model that others are derived from; nothing where none is.

    Parameters
    ----------
    config : complete
    table : tidy metrics of the data set
    confidence : of the intervals, as text
    """
    rows = found(config, dataset, table)
    if rows:
        section.method += [note.format(confidence=confidence) for note in NOTES]
    name = table["name"].iloc[0] if rows else ""
    models, names = display_names.model_names(config, dataset), display_names.part_names(config, dataset)
    for base in dict.fromkeys(row.base for row in rows):
        of_base = [row for row in rows if row.base == base]
        section.tables.append(_table(table, of_base, names, f"{models[base]} ({name})", confidence))


def _table(
    table: pd.DataFrame, rows: Sequence[Contribution], names: Mapping[str, str], title: str, confidence: str
) -> Table:
    seeds = sorted({seed for row in rows for seed in row.seeds})
    bodies = [Body(_as_configured(table, rows, names), "As configured")]
    for part, words in PARTS.items():
        of_part = [
            Row([Cell(row.words), Cell(names[row.system]), *_measures(row.scores, row.differences), *_counts(row)])
            for row in rows
            if row.part == part
        ]
        if of_part:
            bodies.append(Body(of_part, words))
    caption = f"What the parts of {title} contribute, {span(seeds, 'seed', 'seeds')}"
    return Table(caption, [name.format(confidence) for name in HEAD], bodies, numeric=2)


def _as_configured(table: pd.DataFrame, rows: Sequence[Contribution], names: Mapping[str, str]) -> list[Row]:
    """The base's own systems, over all its seeds."""
    own = table[table["model"] == rows[0].base]
    result = []
    for system in dict.fromkeys(own["system"]):
        scores = {address: score(own, rows[0].base, system, *address) for address in rows[0].scores}
        n, runs = scores["test", "accuracy"].n, own[own["system"] == system]["seed"].nunique()
        counts = [Cell(f"{n:,}", sort=n), Cell(str(runs))]
        result.append(Row([Cell("as configured"), Cell(names[system]), *_measures(scores, {}), *counts]))
    return result


def _measures(
    scores: Mapping[tuple[str, str], Any], differences: Mapping[tuple[str, str], SeedDifference]
) -> list[Cell]:
    cells = []
    for metric in ("accuracy", "auroc"):
        for split, cell in (("val", value_cell), ("test", with_interval)):
            difference = differences.get((split, metric))
            cells += [cell(scores[split, metric]), difference_cell(difference) if difference else NOTHING]
    return cells


def _counts(row: Contribution) -> list[Cell]:
    n = row.scores["test", "accuracy"].n
    return [Cell(f"{n:,}", sort=n), Cell(str(len(row.seeds)))]


def difference_cell(difference: SeedDifference) -> Cell:
    """A difference with its sign; under it the interval of its mean."""
    limits = "" if math.isnan(difference.low) else f"{_signed(difference.low)} to {_signed(difference.high)}"
    return Cell(in_words(difference), limits, difference.mean)


def in_words(difference: SeedDifference) -> str:
    """A difference with its sign and, over several seeds, its standard deviation."""
    text = _signed(difference.mean)
    return text if math.isnan(difference.sd) else f"{text} ± {difference.sd:.3f}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")
