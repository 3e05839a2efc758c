"""The page's account of corrupted images: what they cost each system, which corruption, and which class."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from medfusion.data.medmnist_c import ALEXNET, CLEAN, SEVERITIES, SIDE
from medfusion.evaluation.corruptions import Measured, against_alexnet, drawn, names, tried
from medfusion.evaluation.metrics import Measure
from medfusion.figures.corruption_figures import words
from medfusion.files.corrupted_files import ALL, MEAN
from medfusion.files.rankings import RankedSystem
from medfusion.naming import Names, percent
from medfusion.report.page_components import Body, Cell, Row, Section, Table, table_file
from medfusion.report.page_tables import NOTHING, number

WHAT = (
    "The same {n:,} test images, corrupted as {origin} at {severities}, {how}. First seed of {models}. Nothing is "
    "fitted or chosen here."
)
ENLARGED = (
    "enlarged to {side} pixels and shrunk again to their {size}: what is finer than a pixel then does little harm"
)
ORIGIN = "MedMNIST-C does with this data set (Di Salvo et al. 2024)"
ORIGIN_GENERAL = "most sets of MedMNIST-C are (Di Salvo et al. 2024), because this one is none of MedMNIST's"
PROMISE = (
    "A prediction set keeps its promise only for images like those of validation: where coverage falls, it is broken."
)
FOUND = (
    "{system} is right on {clean} of these images as they are and on {mean} over all corruptions; on fewest under "
    "{worst}: {lowest}, where it refers {referred}. Selective accuracy is {kept} as they are and lowest under "
    "{silent}: {left} ({n:,} images)."
)
LEAST = 10  # images that are not referred, of which an accuracy is told in a sentence
OF_ALEXNET = (
    "Beside AlexNet's error, as in MedMNIST-C: divided by it (BE), and what is above that on clean images (rBE); 1 is "
    "as good."
)
SMALLER = " That AlexNet saw {side} pixels, these systems see {size}, so that both say less than they seem to."
MEASURES = {
    "accuracy": "Accuracy",
    "balanced_error": "Balanced error",
    "ece": "Calibration error",
    "coverage": "Coverage",
    "abstention_rate": "Abstention",
}


def fill(
    section: Section,
    table: pd.DataFrame,
    systems: Sequence[RankedSystem],
    label_names: Sequence[str],
    flag: str | None,
    comparable: bool,
    size: int | None,
    name: str,
    called: Mapping[str, str] = Names(),
    models: Mapping[str, str] = Names(),
) -> None:
    """Add notes and tables to the section.

    Parameters
    ----------
    table : as `corrupted_files.read` has it
    systems : the candidates, in the order of their ranks
    label_names : in label order
    flag : MedMNIST's name of the data set, or none
    comparable : whether the test images are MedMNIST's own
    size : of the images, pixels a side, if it is known
    name : of the data set, which says so if its images are generated
    called, models : names of systems, by address, and of models, by key
    """
    ranked, n = tried(table, systems), int(table["n"].max())
    levels = _levels(table)
    alexnet = comparable and flag in ALEXNET and levels == list(SEVERITIES)
    pixels = f"{size} pixels" if size else "size"
    smaller = SMALLER.format(side=SIDE, size=pixels) if size and size < SIDE else ""
    section.notes += _found(table, drawn(table, systems)[0], levels, called)
    section.method += [
        WHAT.format(
            n=n,
            origin=ORIGIN if flag else ORIGIN_GENERAL,
            models=", ".join(dict.fromkeys(models[row.model] for row in ranked)),
            severities=f"severities {', '.join(map(str, levels))} (of 1 to 5)",
            how="at their own size" if size and size >= SIDE else ENLARGED.format(side=SIDE, size=pixels),
        ),
        PROMISE,
        *[OF_ALEXNET + smaller] * alexnet,
    ]
    test, theirs = f"{name}, test n = {n:,}", flag if alexnet else None
    caption = f"Means over corruptions and severities; was: on the images as they are ({test})"
    section.tables.append(_summary(table, ranked, systems[0], theirs, caption, called))
    first, *others = drawn(table, systems)
    title = f"By corruption, means over severities: {called[first]}"
    section.tables.append(_by_corruption(table, first, levels, label_names, theirs, f"{title} ({test})"))
    for address in others:
        title = f"By corruption: {called[address]}"
        found = _by_corruption(table, address, levels, label_names, theirs, title)
        section.files.append(table_file(found, title, test))
    for address in drawn(table, systems):
        title = f"By corruption and severity: {called[address]}"
        section.files.append(table_file(_by_severity(table, address, levels, title), title, test))


def _found(table: pd.DataFrame, address: str, levels: Sequence[int], called: Mapping[str, str]) -> list[str]:
    """Where a system is wrong most often, and where it is without noticing; nothing where it refers nearly all."""
    at = Measured(table, address).at
    places = [(name, str(level)) for name in names(table) for level in levels]
    worst = min(places, key=lambda place: at(place[0], place[1], "accuracy").value)
    kept = {place: found for place in places if (found := at(*place, "selective_accuracy")).n >= LEAST}
    if not kept:
        return []
    silent = min(kept, key=lambda place: kept[place].value)
    return [
        FOUND.format(
            system=called[address],
            clean=percent(at(CLEAN, "0", "accuracy").value, 1),
            mean=percent(at(ALL, MEAN, "accuracy").value, 1),
            worst=_place(worst),
            lowest=percent(at(*worst, "accuracy").value, 1),
            referred=percent(at(*worst, "abstention_rate").value, 1),
            kept=percent(at(CLEAN, "0", "selective_accuracy").value, 1),
            silent=_place(silent),
            left=percent(kept[silent].value, 1),
            n=kept[silent].n,
        )
    ]


def _place(place: tuple[str, str]) -> str:
    return f"{words(place[0])} of severity {place[1]}"


def _levels(table: pd.DataFrame) -> list[int]:
    """The severities that were tried."""
    return sorted({int(level) for level in table["severity"] if level not in (MEAN, "0")})


def _cell(measure: Measure) -> Cell:
    limits = "" if math.isnan(measure.low) else f"{number(measure.low)} to {number(measure.high)}"
    return Cell(number(measure.value), limits, None if math.isnan(measure.value) else measure.value)


def _summary(
    table: pd.DataFrame,
    systems: Sequence[RankedSystem],
    selected: RankedSystem,
    flag: str | None,
    caption: str,
    called: Mapping[str, str],
) -> Table:
    """Means over corruptions and severities, with what they were before."""
    rows = []
    for row in systems:
        at = Measured(table, row.address).at
        cells = [Cell(called[row.address])]
        for metric in MEASURES:
            cell, before = _cell(at(ALL, MEAN, metric)), at(CLEAN, "0", metric)
            cells.append(Cell(cell.text, f"{cell.note}; was {number(before.value)}".lstrip("; "), cell.sort))
            if metric == "balanced_error":
                cells.append(_ratio(at(ALL, MEAN, "relative_error")))
        if flag:
            errors = {name: at(name, MEAN, "balanced_error").value for name in names(table)}
            both = against_alexnet(errors, at(CLEAN, "0", "balanced_error").value, flag)
            cells += [Cell(f"{ratio:.2f}", sort=ratio) for ratio in both]
        rows.append(Row(cells, "selected" if row is selected else ""))
    accuracy, _, *others = MEASURES.values()
    head = ["System", accuracy, "Corruption error", "Relative", *others]
    head += ["BE, AlexNet = 1", "rBE, AlexNet = 1"] if flag else []
    return Table(caption, head, [Body(rows)])


def _ratio(measure: Measure) -> Cell:
    if not math.isfinite(measure.value):
        return NOTHING
    limits = "" if math.isnan(measure.low) else f"{measure.low:.2f} to {measure.high:.2f}"
    return Cell(f"{measure.value:.2f}", limits, measure.value)


def _by_corruption(
    table: pd.DataFrame,
    address: str,
    levels: Sequence[int],
    label_names: Sequence[str],
    flag: str | None,
    caption: str,
) -> Table:
    """The means over severities, and the class whose recall falls most."""
    measured = Measured(table, address)

    def cells(corruption: str, severity: str) -> list[Cell]:
        return [_cell(measured.at(corruption, severity, metric)) for metric in MEASURES]

    def theirs(name: str) -> list[Cell]:
        return [Cell(number(ALEXNET[flag][name]), sort=ALEXNET[flag][name])] if flag else []

    rows = [Row([Cell("images as they are"), *cells(CLEAN, "0"), NOTHING, *theirs(CLEAN)], "baseline")]
    for name in names(table):
        label, before, after = measured.worst_class(name, levels, len(label_names))
        hit = NOTHING
        if before > after:
            hit = Cell(label_names[label], f"recall {number(before)}, then {number(after)}", before - after)
        rows.append(Row([Cell(words(name)), *cells(name, MEAN), hit, *theirs(name)]))
    head = ["Corruption", *MEASURES.values(), "Class hit most", *(["Error of AlexNet at 224 px"] if flag else [])]
    return Table(caption, head, [Body(rows)])


def _by_severity(table: pd.DataFrame, address: str, levels: Sequence[int], caption: str) -> Table:
    at, rows = Measured(table, address).at, []
    for name in names(table):
        for level in levels:
            found = [at(name, str(level), metric) for metric in (*MEASURES, "selective_accuracy")]
            rows.append(Row([Cell(words(name)), Cell(str(level), sort=level), *map(_cell, found)]))
    return Table(caption, ["Corruption", "Severity", *MEASURES.values(), "Selective accuracy"], [Body(rows)])
