"""What a data set's part of the page opens with: the result in one number, what it stands beside, images and errors."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medfusion.evaluation import ranking
from medfusion.files.example_files import SAMPLED_CLASSES, TOP_ERRORS
from medfusion.files.rankings import Score
from medfusion.naming import class_names, percent
from medfusion.planning import backbones
from medfusion.report.material import Material
from medfusion.report.page_parts import picture
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
class Card:
    """The opening of a data set. measure: what the number is; bars: it, and what it stands beside, least … 100 %."""

    measure: str
    number: str
    bars: list[Bar]
    least: float
    confusion: Confusion | None
    samples: Strip | None
    errors: Strip | None


def card(material: Material) -> Card:
    """What the page opens with.

    Raises
    ------
    UserError
        If a file is missing or not what it should be.
    """
    several = is_multi_label(material.first["task"])
    measure = "auroc" if several else "accuracy"
    scores = _scores(material, measure)
    lowest = min(value for _, _, score in scores for value in (score.mean, score.low) if not math.isnan(value))
    least = max(0.0, math.floor(lowest * 10 - 1e-9) / 10)
    selected = getattr(material.systems[0], f"test_{measure}")
    return Card(
        measure="Test AUROC" if several else "Test accuracy",
        number=f"{selected.mean:.3f}",
        bars=[_bar(name, kind, score, least) for name, kind, score in scores],
        least=least,
        confusion=_confusion(material),
        samples=_samples(material),
        errors=_errors(material),
    )


def _scores(material: Material, measure: str) -> list[tuple[str, str, Score]]:
    """The selected system, the network alone, baselines, and the best that was published for the same images."""
    selected, network = material.systems[0], ranking.network_alone(material.systems)
    found = [(selected.address, "selected", getattr(selected, f"test_{measure}"))]
    if network != selected:
        frozen = backbones.of_model(material.config, material.key, network.model)
        name = f"{network.model}, {'its linear head' if frozen else 'the network'} alone"
        found.append((name, "network", getattr(network, f"test_{measure}")))
    found += [
        (row.system.replace("_", " "), "baseline", getattr(row, f"test_{measure}"))
        for row in reversed(material.baselines)
    ]
    if published := _published(material, measure):
        value = float(published[measure])
        nothing = (math.nan,) * 3
        found.append((f"{published['name']}, published", "published", Score(value, *nothing, value, value, 0)))
    return found


def _published(material: Material, measure: str) -> Mapping[str, Any] | None:
    """The best figure from elsewhere on the same test images, if there is any."""
    if material.entry["source"] != "official":
        return None
    rows = [row for row in material.entry["published"] if row.get(measure) is not None]
    return max(rows, key=lambda row: float(row[measure]), default=None)


def _bar(name: str, kind: str, score: Score, least: float) -> Bar:
    def place(value: float) -> float:
        return round(100 * (value - least) / (1 - least), 2)

    if math.isnan(score.low):
        return Bar(name, f"{score.mean:.3f}", kind, place(score.mean), place(score.mean), place(score.mean))
    text = f"{score.mean:.3f} ({score.low:.3f} to {score.high:.3f})"
    return Bar(name, text, kind, place(score.mean), place(score.low), place(score.high))


def _confusion(material: Material) -> Confusion | None:
    if material.confusion is None or len(material.confusion) > MOST_CLASSES:
        return None
    totals = material.confusion.sum(axis=1, keepdims=True)
    shares = np.rint(100 * material.confusion / np.maximum(totals, 1)).astype(int)
    return Confusion(list(class_names(material.first["label_names"], LONGEST)), shares.tolist())


def _samples(material: Material) -> Strip | None:
    if (path := material.figures.get(SAMPLES)) is None:
        return None
    names = class_names(material.first["label_names"], LONGEST)
    few = len(names) <= SAMPLED_CLASSES
    title = "Training images of each class" if few else f"Training images of the first {SAMPLED_CLASSES} classes"
    return _strip(f"{title}, drawn at random", path, names[:SAMPLED_CLASSES])


def _errors(material: Material) -> Strip | None:
    """The most confident errors of the selected system, if it makes any."""
    path = material.figures.get(ERRORS)
    if path is None or material.examples is None:
        return None
    names = class_names(material.first["label_names"], LONGEST)
    shown, seed = material.examples.most_confident_errors
    texts = [
        f"{names[row['true']]}, taken for {names[row['predicted']]} ({percent(round(row['probability'], 2))})"
        for row in shown[:TOP_ERRORS]
    ]
    of = "" if seed is None else f" (seed {seed})"
    return _strip(f"Its most confident errors{of}", path, texts) if texts else None


def _strip(title: str, path: str, names: Sequence[str]) -> Strip:
    alt = f"{title}: {'; '.join(names)}"
    return Strip(title, picture(path, path, title, "", alt).uri, alt, list(names))
