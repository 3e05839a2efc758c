"""What a data set's part of the page opens with: the result in one number, what it stands beside, images and errors."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medfusion.evaluation import ranking
from medfusion.files.discriminations import RULES, Discrimination, operating_point
from medfusion.files.example_files import SAMPLED_CLASSES, TOP_ERRORS
from medfusion.files.rankings import Score
from medfusion.naming import class_names, percent
from medfusion.report.page_components import picture
from medfusion.report.report_data import ReportData
from medfusion.tasks import is_multi_label

SAMPLES, ERRORS = FIGURES = ("inspect/samples", "examples/top_errors")
LONGEST = 40  # letters of a class's name under an image
MOST_CLASSES = 8  # of a confusion matrix that fits on a card


@dataclass(frozen=True)
class Bar:
    """One figure beside others, on a scale of 0 to 100.

    text : the figure, with its limits if it has any
    kind : "selected" | "network" | "baseline" | "published"
    """

    name: str
    text: str
    kind: str
    place: float
    low: float
    high: float


@dataclass(frozen=True)
class Strip:
    """Images side by side, with a name for each (or for as many beside each other as there are per name)."""

    title: str
    uri: str
    alt: str
    names: list[str]


@dataclass(frozen=True)
class Confusion:
    """Shares of each true class by predicted class, in whole percent, with the names of the classes."""

    names: list[str]
    shares: list[list[int]]


@dataclass(frozen=True)
class RocCurve:
    """A small ROC curve on a square of 100 × 100, from the upper left: what SVG takes for the points of lines.

    text : what it is of, with the area under it
    band : of the selected system
    network : of its network alone; nothing if it is that
    marks : where it decides, each with "default" or "chosen", and its place
    """

    text: str
    selected: str
    band: str
    network: str
    marks: list[tuple[str, float, float]]


@dataclass(frozen=True)
class Card:
    """The opening of a data set. measure: what the number is; bars: it, and what it stands beside, least … 100 %."""

    measure: str
    number: str
    bars: list[Bar]
    least: float
    confusion: Confusion | None
    roc: RocCurve | None
    samples: Strip | None
    errors: Strip | None


def card(data: ReportData) -> Card:
    """What the page opens with.

    Raises
    ------
    UserError
        If a file is missing or not what it should be.
    """
    several = is_multi_label(data.first["task"])
    measure = "auroc" if several else "accuracy"
    scores = _scores(data, measure)
    lowest = min(value for _, _, score in scores for value in (score.mean, score.low) if not math.isnan(value))
    least = max(0.0, math.floor(lowest * 10 - 1e-9) / 10)
    selected = getattr(data.systems[0], f"test_{measure}")
    return Card(
        measure="Test AUROC" if several else "Test accuracy",
        number=f"{selected.mean:.3f}",
        bars=[_bar(name, kind, score, least) for name, kind, score in scores],
        least=least,
        confusion=_confusion(data),
        roc=_roc(data.discrimination),
        samples=_samples(data),
        errors=_errors(data),
    )


def _scores(data: ReportData, measure: str) -> list[tuple[str, str, Score]]:
    """The selected system, the network alone, baselines, and the best that was published for the same images."""
    selected, network = data.systems[0], ranking.network_alone(data.systems)
    found = [("Selected system", "selected", getattr(selected, f"test_{measure}"))]
    if network != selected:
        found.append((data.names[network.address], "network", getattr(network, f"test_{measure}")))
    found += [
        (data.names[row.address], "baseline", getattr(row, f"test_{measure}")) for row in reversed(data.baselines)
    ]
    if published := _published(data, measure):
        value = float(published[measure])
        nothing = (math.nan,) * 3
        found.append((f"{published['name']}, published", "published", Score(value, *nothing, value, value, 0)))
    return found


def _published(data: ReportData, measure: str) -> Mapping[str, Any] | None:
    """The best figure from elsewhere on the same test images, if there is any."""
    if data.entry["source"] != "official":
        return None
    rows = [row for row in data.entry["published"] if row.get(measure) is not None]
    return max(rows, key=lambda row: float(row[measure]), default=None)


def _bar(name: str, kind: str, score: Score, least: float) -> Bar:
    def place(value: float) -> float:
        return round(100 * (value - least) / (1 - least), 2)

    if math.isnan(score.low):
        return Bar(name, f"{score.mean:.3f}", kind, place(score.mean), place(score.mean), place(score.mean))
    text = f"{score.mean:.3f} ({score.low:.3f} to {score.high:.3f})"
    return Bar(name, text, kind, place(score.mean), place(score.low), place(score.high))


def _confusion(data: ReportData) -> Confusion | None:
    if data.confusion is None or len(data.confusion) > MOST_CLASSES:
        return None
    totals = data.confusion.sum(axis=1, keepdims=True)
    shares = np.rint(100 * data.confusion / np.maximum(totals, 1)).astype(int)
    return Confusion(list(class_names(data.first["label_names"], LONGEST)), shares.tolist())


def _roc(found: Discrimination | None) -> RocCurve | None:
    """That of the positive label of two classes; of more there are too many curves for a card."""
    if found is None or len(found.content["classes"]) > 1:
        return None
    selected, *others = found.curves
    rates, (values, lows, highs) = found.places["roc"], selected.bands["roc"]
    area = found.score(selected.address, "auroc")
    said = "" if area is None else f", area {area.mean:.3f} ({area.low:.3f} to {area.high:.3f})"
    marks = []
    for rule in RULES:
        if point := operating_point(found, selected.address, rule, found.content["classes"][0]):
            marks.append((rule, *_on_square(1 - point.specificity, point.sensitivity)))
    network = [curve for curve in others if curve.address == found.content["network"]]
    return RocCurve(
        text=f"ROC curve for {found.positive}{said}",
        selected=_points(rates, values),
        band=_points([*rates, *rates[::-1]], [*lows, *highs[::-1]]),
        network=_points(rates, network[0].bands["roc"][0]) if network else "",
        marks=marks,
    )


def _points(rates: Iterable[float], values: Iterable[float]) -> str:
    return " ".join("{:g},{:g}".format(*_on_square(x, y)) for x, y in zip(rates, values, strict=True))


def _on_square(rate: float, value: float) -> tuple[float, float]:
    return round(100 * rate, 1), round(100 - 100 * value, 1)


def _samples(data: ReportData) -> Strip | None:
    if (path := data.figures.get(SAMPLES)) is None:
        return None
    names = class_names(data.first["label_names"], LONGEST)
    few = len(names) <= SAMPLED_CLASSES
    title = "Training images of each class" if few else f"Training images of the first {SAMPLED_CLASSES} classes"
    return _strip(f"{title}, drawn at random", path, names[:SAMPLED_CLASSES])


def _errors(data: ReportData) -> Strip | None:
    """The most confident errors of the selected system, if it makes any."""
    path = data.figures.get(ERRORS)
    if path is None or data.examples is None:
        return None
    names = class_names(data.first["label_names"], LONGEST)
    shown, seed = data.examples.most_confident_errors
    texts = [
        f"{names[row['true']]}, taken for {names[row['predicted']]} ({percent(round(row['probability'], 2))})"
        for row in shown[:TOP_ERRORS]
    ]
    of = "" if seed is None else f" (seed {seed})"
    return _strip(f"Its most confident errors{of}", path, texts) if texts else None


def _strip(title: str, path: str, names: Sequence[str]) -> Strip:
    alt = f"{title}: {'; '.join(names)}"
    return Strip(title, picture(path, path, title, "", alt).uri, alt, list(names))
