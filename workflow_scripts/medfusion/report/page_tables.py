"""The tables of the page, from tidy metrics and from the tables that other stages wrote."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from medfusion.evaluation.ranking import score, several_labels
from medfusion.files.rankings import RankedSystem, Score
from medfusion.jobs.costs import duration, stage_name
from medfusion.naming import CRITERIA, percent, setting, span
from medfusion.report.page_components import Body, Cell, Row, Section, Table, table_file
from medfusion.system_id import SystemId

NOTHING = Cell("–")
BASELINES = "Baselines: systems without a network"
OPEN = 5  # systems in a table of many; the others are folded away, or in a file
MEASURES = {
    "exact_match": "All labels right",
    "balanced_accuracy": "Balanced accuracy",
    "macro_f1": "Macro F1",
    "mcc": "MCC",
    "brier": "Brier score",
    "log_loss": "Log loss",
    "ece": "Calibration error",
    "mae": "Mean absolute error",
}
OF_CLASS = {"precision": "Precision", "recall": "Recall", "f1": "F1"}
OF_LABEL = {"auroc": "AUROC", "average_precision": "Average precision", "accuracy": "Accuracy", **OF_CLASS}
ALL_IMAGES = -2  # in place of a label: the row of counts.csv that counts all images (data/inspection.py)
PUBLISHED_ON = {
    "official": "Published elsewhere, on the same official test split",
    "surrogate": "Published elsewhere, on the official split, which is not the one measured here",
    "generated": "Published elsewhere, on the real images: not comparable with generated ones",
}
PUBLISHED = "Published elsewhere: on which images, their source says"  # beside a user's own
# What a classifier was fitted as, by the word in best.json.
ESTIMATORS = {
    "exact": "the classifier itself",
    "nystroem": "in its place a linear classifier on {} Nyström features",
    "linear": "in its place a linear classifier",
}


def number(value: float) -> str:
    """A measure with three decimals."""
    return "–" if math.isnan(value) else f"{value:.3f}"


def value_cell(result: Score) -> Cell:
    """Mean and, over several seeds, standard deviation."""
    text = number(result.mean)
    return Cell(text if math.isnan(result.sd) else f"{text} ± {result.sd:.3f}", sort=result.mean)


def interval(result: Score) -> str:
    """The interval, in words."""
    return f"{number(result.low)} to {number(result.high)}"


def with_interval(result: Score) -> Cell:
    """Mean, deviation, and the limits under them."""
    cell = value_cell(result)
    return Cell(cell.text, interval(result), cell.sort)


def results(
    systems: Sequence[RankedSystem],
    baselines: Sequence[RankedSystem],
    published: Sequence[Mapping[str, Any]],
    names: Mapping[str, str],
    source: str,
    caption: str,
    confidence: str,
    criterion: str,
    apart: tuple[str, Mapping[str, Cell]] | None = None,
) -> Table:
    """Every system with its accuracy, interval and AUROC, and what was published for it; baselines and others apart.

    Parameters
    ----------
    systems : in the order of their ranks
    published : the entries of the configuration
    names : of systems, by address, which stands in small under them
    source : of the data, as in the configuration
    confidence : of the intervals, as text
    criterion : by which systems are ranked on validation
    apart : a column of its own, after accuracy and AUROC: title, and by address what stands in it
    """
    title, cells = apart or ("", {})

    def scores(system: RankedSystem) -> list[Cell]:
        accuracy, auroc, *others = _scores(system, criterion)
        return [accuracy, auroc, *([cells.get(system.address, NOTHING)] if apart else []), *others]

    original = {
        row["system"]: row
        for row in published
        if row.get("system") and row["accuracy"] is not None and source != "generated"
    }

    def figures(row: Mapping[str, Any]) -> list[Cell]:
        return [NOTHING if row.get(key) is None else Cell(f"{row[key]:.3f}") for key in ("accuracy", "auroc")]

    def theirs(system: RankedSystem) -> list[Cell]:
        row = original.get(system.address)
        return [Cell(f"{row['accuracy']:.3f}", row["name"]) if row else NOTHING] if original else []

    rows = []
    for position, system in enumerate(systems):
        rows.append(
            Row(
                [
                    Cell(names[system.address], system.address),
                    *scores(system),
                    runs_cell(system),
                    *theirs(system),
                ],
                "" if position else "selected",
            )
        )
    last = [NOTHING] * (2 if original else 1)
    learns_nothing = [
        Row([Cell(names[row.address], row.address), *scores(row), *last], "baseline") for row in baselines
    ]
    between = [NOTHING] if apart else []
    elsewhere = [
        Row([Cell(row["name"], _origin(row, names)), *figures(row), *between, NOTHING, NOTHING, *last], "published")
        for row in published
    ]
    bodies = [Body(rows, "Measured here")]
    if learns_nothing:
        bodies.append(Body(learns_nothing, BASELINES))
    if elsewhere:
        bodies.append(Body(elsewhere, PUBLISHED_ON.get(source, PUBLISHED)))
    head = [
        "System",
        f"Test accuracy, {confidence} interval",
        f"Test AUROC, {confidence} interval",
        *([title] if apart else []),
        f"Validation {CRITERIA[criterion]}",
    ]
    head += ["Test n", "Seeds"]
    if original:
        head.append("Published for this system" + (", on another split" if source == "surrogate" else ""))
    return Table(caption, head, bodies)


def few(table: Table, most: int, caption: str) -> tuple[Table, Table | None]:
    """A table whose first body has at most `most` rows (one more is left in), and one of the other rows, if any.

    caption : of the latter
    """
    first, *others = table.bodies
    if len(first.rows) <= most + 1:
        return table, None
    kept = replace(table, bodies=[replace(first, rows=first.rows[:most]), *others])
    return kept, replace(table, caption=caption, bodies=[replace(first, rows=first.rows[most:])])


def add_first(section: Section, table: Table, data: str) -> None:
    """Add a table of systems to a section: the first of them, and all of them in a file if they are many.

    Parameters
    ----------
    data : what the numbers are of
    """
    kept, others = few(table, OPEN, "")
    if others is None:
        section.tables.append(table)
        return
    section.tables.append(replace(kept, caption=f"{table.caption}: the first {OPEN} systems"))
    section.files.append(table_file(table, f"{table.caption}: all systems", data))


def _origin(row: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Where a published figure comes from, and which of our systems it belongs to."""
    parts = [row.get("source"), f"for {names[row['system']]}" if row.get("system") else None]
    return "; ".join(part for part in parts if part)


def _scores(system: RankedSystem, criterion: str) -> list[Cell]:
    n = Cell(f"{system.test_accuracy.n:,}", sort=system.test_accuracy.n)
    decisive = value_cell(system.on_validation(criterion))
    return [with_interval(system.test_accuracy), with_interval(system.test_auroc), decisive, n]


def measures(
    table: pd.DataFrame,
    systems: Sequence[RankedSystem],
    names: Mapping[str, str],
    label_names: Sequence[str],
    positive: int | None,
    caption: str,
) -> Table:
    """The measures beside accuracy and AUROC; of the positive class recall and average precision too."""
    titles = dict(MEASURES)
    if positive is not None:
        titles[f"recall[{positive}]"] = f"Sensitivity to {label_names[positive]}"
        titles[f"average_precision[{positive}]"] = f"Average precision of {label_names[positive]}"
    known = set(table["metric"])
    titles = {metric: title for metric, title in titles.items() if metric in known}
    rows = []
    for system in systems:
        scores = [score(table, system.model, system.system, "test", metric) for metric in titles]
        rows.append(Row([Cell(names[system.address]), *map(with_interval, scores), runs_cell(system)]))
    return Table(caption, ["System", *titles.values(), "Seeds"], [Body(rows)])


def per_class(table: pd.DataFrame, system: RankedSystem, label_names: Sequence[str], caption: str) -> Table:
    """Precision, recall and F1 of each class of one system; of several labels at once also the other measures."""
    names = dict(OF_LABEL if several_labels(table) else OF_CLASS)
    rows = []
    for label, name in enumerate(label_names):
        scores = {metric: score(table, system.model, system.system, "test", f"{metric}[{label}]") for metric in names}
        n = scores["recall"].n
        rows.append(Row([Cell(name), *map(with_interval, scores.values()), Cell(f"{n:,}", sort=n)]))
    return Table(caption, ["Class", *names.values(), "Test images"], [Body(rows)])


def runs_cell(system: RankedSystem) -> Cell:
    """The number of seeds; "ensemble" for an ensemble over them."""
    return Cell(str(system.runs)) if system.seeded else Cell("ensemble", sort=0)


def counts(table: pd.DataFrame, caption: str) -> Table:
    """Images of each class in each split, with shares."""
    wide = table.pivot(index=["label", "name"], columns="split", values="n")[list(dict.fromkeys(table["split"]))]
    wide = wide.sort_index(level="label", key=lambda labels: labels.where(labels >= 0, math.inf), kind="stable")
    total = images(table)
    lines: Iterable[Any] = wide.iterrows()
    rows = [
        Row([Cell(str(name)), *(Cell(f"{n:,}", percent(n / total[split], 1), float(n)) for split, n in line.items())])
        for (label, name), line in lines
        if label != ALL_IMAGES
    ]
    words = "all images" if (table["label"] == ALL_IMAGES).any() else "all classes"
    rows.append(Row([Cell(words), *(Cell(f"{n:,}", sort=float(n)) for n in total.values())], "baseline"))
    return Table(caption, ["Class", *wide.columns], [Body(rows)])


def images(counts: pd.DataFrame) -> dict[str, int]:
    """Images of each split: the row that counts all, where an image may have several labels; else the sum."""
    whole = counts["label"] == ALL_IMAGES
    numbers: dict[Any, int] = (
        (counts[whole] if whole.any() else counts).groupby("split", sort=False)["n"].sum().to_dict()
    )
    return numbers


def generic(table: pd.DataFrame, caption: str) -> Table:
    """Any table as it is."""
    rows = [Row([Cell(_text(value)) for value in line]) for line in table.itertuples(index=False)]
    texts = [position for position, column in enumerate(table) if not pd.api.types.is_numeric_dtype(table[column])]
    head = [str(column).replace("_", " ") for column in table]
    return Table(caption, head, [Body(rows)], numeric=max(texts, default=0) + 1)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return "–"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def near_duplicates(summary: Mapping[str, Any], caption: str) -> Table:
    """Images of the second split of a pair that have a near-duplicate in the first, by limit of correlation."""
    limits = list(summary["splits"][0]["images"])
    rows = []
    for part in summary["splits"]:
        total = summary["images"][part["second"]]
        images = [Cell(f"{part['images'][limit]:,}", sort=part["images"][limit]) for limit in limits]
        conflicts = part["conflicting_labels"][limits[0]]
        turned = Cell(f"{part['turned']:,}", sort=part["turned"]) if "turned" in part else NOTHING
        where = f"within {part['first']}" if part["first"] == part["second"] else f"{part['second']} in {part['first']}"
        rows.append(
            Row([Cell(where), Cell(f"{total:,}", sort=total), *images, turned, Cell(f"{conflicts:,}", sort=conflicts)])
        )
    titles = [limit if limit == "identical" else f"r ≥ {limit}" for limit in limits]
    head = ["Images with a near-duplicate", "Images", *titles, "only mirrored or turned", "Pairs with different labels"]
    return Table(caption, head, [Body(rows)])


def choices(
    bests: Mapping[SystemId, Mapping[str, Any]], names: Mapping[str, str], caption: str, frozen: Collection[str] = ()
) -> Table:
    """The hyperparameters that each classifier's search chose, and how; on how many images it was fitted, and as what.

    Measures are means over the seeds that share the rest of a row.

    Parameters
    ----------
    bests : what best.json holds
    frozen : models whose features come from a network that never saw these labels
    """
    seeds: dict[tuple[str, ...], list[int | None]] = {}
    found: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for run, best in bests.items():
        chosen = ", ".join(f"{key} = {setting(value)}" for key, value in best["hyperparameters"].items())
        folds = f"folds of the training split{'' if run.model in frozen else ' (optimistic)'}"
        how = folds if best["selection"] == "folds" else "validation split"
        if how == "validation split" and best.get("scored_images", 0) < best.get("validation_images", 0):
            how += f", {best['scored_images']:,} of {best['validation_images']:,} images"
        numbers = [f"{best[number]:,}" for number in ("compared_images", "fitted_images")]
        if best.get("training_images", best["fitted_images"]) > best["fitted_images"]:
            numbers[1] += f" of {best['training_images']:,}"
        estimator = ESTIMATORS[best.get("estimator", "exact")].format(best.get("nystroem_components"))
        key = (names[run.address], chosen, how, *numbers, estimator, best.get("calibration", "none"))
        seeds.setdefault(key, []).append(run.seed)
        found.setdefault(key, []).append(best)
    rows = [
        Row([*map(Cell, key[:2]), *_chosen_by(found[key]), *map(Cell, key[2:]), Cell(span(runs, "seed", "seeds"))])
        for key, runs in seeds.items()
    ]
    head = [
        "Classifier",
        "Chosen settings",
        "Log loss",
        "AUROC",
        "Accuracy",
        "Equally good",
        "Compared on",
        "Training images compared",
        "Training images fitted",
        "Fitted as",
        "Calibration",
        "Seeds",
    ]
    return Table(caption, head, [Body(rows)], numeric=len(head))


def _chosen_by(bests: Sequence[Mapping[str, Any]]) -> list[Cell]:
    """Mean measures of chosen cells where they were compared, and how many of their grids' cells are as good."""
    means = [np.mean([best["measures"][name] for best in bests]) for name in ("log_loss", "auroc", "accuracy")]
    counts = sorted({best["equally_good"] for best in bests})
    as_good = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return [*(Cell(f"{mean:.4f}") for mean in means), Cell(f"{as_good} of {bests[0]['combinations']}")]


def weights(records: Mapping[SystemId, Mapping[str, Any]], names: Mapping[str, str], caption: str) -> Table:
    """The weights of each fusion's members, and how many choices of weights validation cannot tell from them.

    Parameters
    ----------
    records : what fusion.json holds
    """
    seeds: dict[tuple[str, ...], list[int | None]] = {}
    for run, record in records.items():
        members = zip(record["members"], record["weights"], strict=True)
        text = ", ".join(f"{member} {round(weight, 6):g}" for member, weight in members)
        as_good = f"{record['equally_good']} of {len(record['curve'])}" if record["curve"] else "fixed"
        seeds.setdefault((names[run.address], text, as_good), []).append(run.seed)
    rows = [Row([*map(Cell, key), Cell(span(runs, "seed", "seeds"))]) for key, runs in seeds.items()]
    return Table(caption, ["Fusion", "Weights", "Equally good", "Seeds"], [Body(rows)], numeric=4)


def costs(table: pd.DataFrame, caption: str) -> Table:
    """Cost of each stage, and of all."""
    stages: Iterable[Any] = table.itertuples()
    rows = [
        Row(
            [
                Cell(stage_name(row)),
                Cell(f"{row.jobs:,}", sort=row.jobs),
                *(NOTHING if math.isnan(s) else Cell(duration(s), sort=s) for s in (row.seconds, row.longest, row.cpu)),
                NOTHING if math.isnan(row.memory) else Cell(f"{row.memory:,.0f} MB", sort=row.memory),
            ]
        )
        for row in stages
    ]
    total = [Cell("all stages"), Cell(f"{table['jobs'].sum():,}"), Cell(duration(table["seconds"].sum()))]
    total += [Cell(duration(table["longest"].max())), Cell(duration(table["cpu"].sum()))]
    total += [Cell(f"{table['memory'].max():,.0f} MB")]
    head = ["Stage", "Jobs", "Wall time, summed", "Longest job", "Processor time", "Peak memory of a job"]
    return Table(caption, head, [Body(rows), Body([Row(total, "baseline")])])


def versions(libraries: Mapping[str, str], caption: str) -> Table:
    """Names and versions of libraries."""
    rows = [Row([Cell(name), Cell(version)]) for name, version in libraries.items()]
    return Table(caption, ["Library", "Version"], [Body(rows)], numeric=2)


def training_sizes(scores: Mapping[str, Score], repeats: int, caption: str) -> Table:
    """Accuracy by number of training images: mean and deviation over repeats, and the interval of the mean."""
    rows = [
        Row([Cell(size if size == "all" else f"{int(size):,}"), with_interval(result), Cell(str(repeats))])
        for size, result in scores.items()
    ]
    return Table(caption, ["Training images", "Test accuracy", "Repeats"], [Body(rows)])
