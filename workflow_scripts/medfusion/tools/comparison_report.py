"""The report of a comparison of runs: for the terminal, as Markdown for a pull request, as one small page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from rich.console import Console

from medfusion import escaping
from medfusion.planning.config_values import printed
from medfusion.report.page_components import Body, Cell, Row, Table
from medfusion.report.page_tables import number
from medfusion.tools.comparison import ABSENT, LOWER_IS_BETTER, Change, Edit, RunComparison, Value
from medfusion.tools.significance import LEVEL
from medfusion.tools.terminal import markdown_table, plain, rich_table

WEAKER = (
    "Only tests called exact compare image by image. Those called weaker know the measures alone: Welch's asks whether "
    "seeds explain the difference, the z test takes both runs as measured on different images."
)


@dataclass(frozen=True)
class ComparisonReport:
    """What is said of a comparison, whatever it is written in.

    verdict : one sentence, first
    bad : whether it is one of regression
    warnings : what must not be overlooked
    """

    title: str
    verdict: str
    bad: bool
    warnings: list[str]
    tables: list[Table]
    notes: list[str]


def report(found: RunComparison, tolerance: float, strict: bool, everything: bool = False) -> ComparisonReport:
    """A comparison in words and tables.

    Parameters
    ----------
    tolerance, strict : as the verdict is to be
    everything : whether systems that did not change have rows too
    """
    rows = [change for change in found.changes if everything or not change.same]
    hidden = len(found.changes) - len(rows)
    tables = [
        _differences("Configuration", found.config, ("key", "old", "new")),
        _differences("Libraries", found.libraries, ("library", "old", "new")),
        _differences("Code", found.code, ("stage or module", "old", "new")),
        _differences("Commit, when the snapshot was taken", found.commits, ("", "old", "new")),
        *(_changes(found, [row for row in rows if row.split == split], split) for split in ("test", "val")),
        _only("Systems in one run only", found),
    ]
    notes = [f"{hidden} measures that did not change are left out."] if hidden and rows else []
    if any("weaker" in row.test.name for row in rows):
        notes.append(WEAKER)
    if found.other_metrics:
        names = [name for name in found.other_metrics if "[" not in name]
        notes.append(f"Other measures differ too ({', '.join(names) or 'of single classes'}): name one with --metric.")
    bad = bool(found.regressions) or (strict and bool(found.only_old or found.only_new))
    return ComparisonReport(
        f"{found.new.name} compared with {found.old.name}",
        _verdict(found, tolerance, bad),
        bad,
        _warnings(found),
        [table for table in tables if table.bodies[0].rows],
        notes,
    )


def _verdict(found: RunComparison, tolerance: float, bad: bool) -> str:
    if found.nothing_differs:
        return "Nothing differs: configuration, libraries, code, test images and all measures are the same."
    worse = found.regressions
    limit = f"by more than {tolerance:g}"
    if worse:
        names = ", ".join(
            f"{row.dataset}: {row.system} ({number(row.old.mean)} to {number(row.new.mean)})" for row in worse
        )
        return f"REGRESSION: the test {found.metric} is worse {limit} for {len(worse)} of the systems: {names}."
    if bad:
        return "REGRESSION (--strict): the runs have not the same systems."
    missing = len(found.only_old)
    lost = f" {missing} systems of {found.old.name} are not in {found.new.name}." if missing else ""
    if all(change.same for change in found.changes):
        return f"No regression: the {found.metric} of every system that both runs have is the same.{lost}"
    return f"No regression: no mean test {found.metric} is worse {limit}.{lost}"


def _warnings(found: RunComparison) -> list[str]:
    names = {**{k: t.name for k, t in found.old.tests.items()}, **{k: t.name for k, t in found.new.tests.items()}}
    result = [
        f"DIFFERENT TEST IMAGES of {names[key]}: {reason}. Its measures are not comparable, and are not tested."
        for key, reason in sorted(found.other_tests.items())
    ]
    generated = sorted({t.name for run in (found.old, found.new) for t in run.tests.values() if t.generated})
    if generated:
        result.append(f"Generated images: nothing here says anything about real ones ({', '.join(generated)}).")
    for run in (found.old, found.new):
        commit = run.commit or {}
        if commit.get("dirty") or commit.get("code_changed"):
            result.append(f"{run.name}: the commit alone does not hold its code (changed files, or other programs).")
    return result


# -- tables -----------------------------------------------------------------------------------------------------------


def _differences(caption: str, found: Sequence[Edit], head: Sequence[str]) -> Table:
    rows = [Row([Cell(item.key), Cell(_shown(item.old)), Cell(_shown(item.new))]) for item in found]
    return Table(caption, list(head), [Body(rows)], numeric=3)


def _shown(value: Any) -> str:
    if value is ABSENT:
        return "(absent)"
    if isinstance(value, Mapping) and "hash" in value:
        return f"{value['hash'][:12]}{' with changes' if value['dirty'] else ''}"
    return value if isinstance(value, str) else printed(value)


def _changes(found: RunComparison, changes: Sequence[Change], split: str) -> Table:
    better = " (lower is better)" if found.metric in LOWER_IS_BETTER else ""
    words = {"test": "test split", "val": "validation split, on which choices were made; never tested"}
    caption = f"{found.metric}{better}, {words[split]}: mean ± sd over seeds"
    head = ["data set", "system", "old", "new", "change", "seeds", "images"]
    if split == "test":
        caption += f"; p adjusted by Holm over the systems that differ, significant below {LEVEL:g}"
        head[2:2] = ["tested by"]
        head += ["p", "significant"]
    rows = []
    for row in changes:
        cells = [
            Cell(found.old.tests[row.dataset].name if row.dataset in found.old.tests else row.dataset),
            Cell(row.system),
            _value(row.old),
            _value(row.new),
            Cell(f"{row.change:+.3f}", sort=row.change),
            Cell(_both(row.old.runs, row.new.runs)),
            Cell(_both(row.old.n, row.new.n)),
        ]
        if split == "test":
            cells[2:2] = [Cell(row.test.name)]
            cells += [Cell("–" if row.p is None else _p(row.p)), Cell(_answer(row))]
        rows.append(Row(cells, "worse" if row.worse and split == "test" else ""))
    return Table(caption, head, [Body(rows)], numeric=head.index("old"))


def _value(value: Value) -> Cell:
    text = number(value.mean)
    return Cell(text if value.sd != value.sd else f"{text} ± {number(value.sd)}", sort=value.mean)


def _both(old: int, new: int) -> str:
    return f"{old:,}" if old == new else f"{old:,} → {new:,}"


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _answer(row: Change) -> str:
    if row.significant is None:
        return "not tested"
    return "yes" if row.significant else "no"


def _only(caption: str, found: RunComparison) -> Table:
    sides = ((found.old.name, found.only_old), (found.new.name, found.only_new))
    rows = [Row([Cell(name), Cell(run)]) for run, names in sides for name in names]
    return Table(caption, ["system", "run"], [Body(rows)], numeric=2)


# -- what they are written in -----------------------------------------------------------------------------------------


def show(reports: Sequence[ComparisonReport], terminal: Console) -> None:
    """Print reports on a terminal."""
    for one in reports:
        terminal.print(plain(one.title, style="bold underline"))
        terminal.print(plain(one.verdict, style="bold red" if one.bad else "bold green"))
        for text in one.warnings:
            terminal.print(plain(f"! {text}", style="bold yellow"))
        for table in one.tables:
            terminal.print()
            terminal.print(rich_table(table))
        for text in one.notes:
            terminal.print(plain(text))
        terminal.print()


def markdown(reports: Sequence[ComparisonReport]) -> str:
    """Reports as Markdown, for a pull request."""
    parts = []
    for one in reports:
        parts += [f"## {escaping.markdown(one.title)}", f"**{escaping.markdown(one.verdict)}**"]
        parts += [f"> **Note:** {escaping.markdown(text)}" for text in one.warnings]
        for table in one.tables:
            parts += [f"### {escaping.markdown(table.caption)}", markdown_table(table)]
        parts += [escaping.markdown(text) for text in one.notes]
    return "\n\n".join(parts) + "\n"


def html(reports: Sequence[ComparisonReport], templates: Path) -> str:
    """Reports as one page in the style of the report.

    Parameters
    ----------
    templates : the folder of compare.html.j2 and report.css
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    css = Markup((templates / "report.css").read_text(encoding="utf-8"))
    return environment.get_template("compare.html.j2").render(reports=reports, css=css)
