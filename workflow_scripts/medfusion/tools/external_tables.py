"""What an exported system is worth on labelled images from elsewhere, as tables for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from medfusion.package.card import measure_name
from medfusion.package.contents import ModelPackage
from medfusion.report.page_components import Body, Cell, Row, Table


def tables(result: Mapping[str, Any], package: ModelPackage) -> list[Table]:
    """The measures, and the images of each class, for people."""
    rows = []
    for row in result["measures"]:
        own = row["test"] or {}
        cells = [measure_name(row["metric"], package.label_names), _number(row), _interval(row), f"{row['n']:,}"]
        rows.append(Row([Cell(text) for text in (*cells, _number(own), _interval(own))]))
    head = ["measure", "here", "interval", "n", "test split", "interval"]
    measured = Table(f"{package.name}: n = {result['n']:,} images from elsewhere", head, [Body(rows)], numeric=1)
    mix, k = result["class_mix"], len(package.label_names)
    names = dict(zip(range(k), package.label_names, strict=True))
    classes = [
        Row([Cell(text) for text in (names[label], f"{mix['here'][label]:,}", f"{mix['test'][label]:,}", *wrong)])
        for label, wrong in ((label, [_mistaken(result["confusion"][label], label, names)]) for label in range(k))
    ]
    caption = f"Images by class; p = {mix['p']:.3g} that both are drawn from one mix of classes"
    return [
        measured,
        Table(caption, ["class", "here", "test split", "taken most often for"], [Body(classes)], numeric=1),
    ]


def _mistaken(row: Sequence[int], label: int, names: Mapping[int, str]) -> str:
    other = max((number for number in range(len(row)) if number != label), key=lambda number: row[number])
    return f"{names[other]} ({row[other]:,})" if row[other] else "–"


def _number(row: Mapping[str, Any]) -> str:
    return "–" if row.get("value") is None else f"{row['value']:.3f}"


def _interval(row: Mapping[str, Any]) -> str:
    return "–" if row.get("low") is None else f"{row['low']:.3f} to {row['high']:.3f}"
