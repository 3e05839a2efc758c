"""What systems give that are averaged over the folds of a cross-validation, for readers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medfusion.escaping import code, markdown
from medfusion.evaluation.metrics import Measure
from medfusion.files.rankings import RankedSystem, Score
from medfusion.files.reliabilities import Reliability
from medfusion.naming import CRITERIA, percent
from medfusion.report.summary import markdown_table

ALIKE, OTHERS = "with a near-duplicate in the folds", "without one"
# Of reliability.json, with the words for them.
SHOWN = {
    "ece_after": "calibration error (ECE)",
    "ece_expected": "… that chance would give",
    "calibration_slope": "calibration slope",
    "sensitivity_chosen": "sensitivity at the threshold",
    "specificity_chosen": "specificity at the threshold",
    "abstention_rate": "referred to a human",
    "selective_accuracy": "accuracy of the others",
}
SETS = {"marginal": "one threshold", "by_class": "one for each class"}
SHARES = ("hold the true class", "hold one class", "are empty")


@dataclass(frozen=True)
class Repeat:
    """The selected system, averaged over the folds of one repeat.

    sets : of each kind of prediction sets the measures
    parts : accuracy and AUROC (None of too few) on parts of the test images, by the words for these
    measures : rows of reliability.json, by metric
    """

    number: int
    temperature: float
    sets: Mapping[str, Sequence[Measure]]
    parts: Mapping[str, tuple[Measure, Measure | None]]
    measures: Mapping[str, Mapping[str, Any]]


def parts(alike: np.ndarray) -> dict[str, np.ndarray]:
    """The parts of the test images, bool (m,), by the words for them."""
    return {ALIKE: alike, OTHERS: ~alike}


def text(
    ranked: Sequence[RankedSystem],
    repeats: Sequence[Repeat],
    measured: Reliability,
    images: int,
    settings: Mapping[str, Any],
) -> str:
    """A page of Markdown: all systems out of fold and on the test images, and what the selected one is worth.

    Parameters
    ----------
    ranked : the systems, by their figures out of fold; the selected one first
    repeats : of the selected one
    images : in the folds
    settings : those of the stage `summarise_fold_ensembles`
    """
    criterion = CRITERIA[settings["criterion"]]
    after = ", after the temperature" if settings["criterion"] == "log_loss" else ""
    explained = (
        f"Each system is the mean over the {settings['folds']} folds of a repeat. Out of fold, each of the {images:,} "
        "images of training and validation split has the probabilities of the one fold that did not see it. Ranked by "
        f"the {criterion} of these{after}; temperature and thresholds are chosen on them too. Test: the mean over the "
        f"folds, on the {ranked[0].test_accuracy.n:,} images of the given test split, by which nothing is chosen. In "
        f"brackets {percent(settings['confidence'])} intervals."
    )
    title = f"# {markdown(measured.name)}: systems averaged over folds"
    selected = f"## {code(ranked[0].address)}, selected"
    parts = [title, explained, _systems(ranked, settings["criterion"]), selected, _worth(repeats, measured)]
    return "\n\n".join(parts) + "\n"


def _systems(ranked: Sequence[RankedSystem], criterion: str) -> str:
    names = [criterion, *(name for name in CRITERIA if name != criterion)]
    rows = []
    for system in ranked:
        out_of_fold = [f"{system.on_validation(name).mean:.4f}" for name in names]
        test = [_score(getattr(system, f"test_{name}")) for name in ("accuracy", "auroc", "log_loss")]
        rows.append([code(system.address), "yes" if system.equally_good else "no", *out_of_fold, *test])
    head = ["system", "as good as the best", *(f"{CRITERIA[name]} out of fold" for name in names)]
    return markdown_table([*head, "test accuracy", "test AUROC", "test log loss"], rows)


def _score(score: Score) -> str:
    return f"{score.mean:.3f} ({score.low:.3f} to {score.high:.3f})"


def _worth(repeats: Sequence[Repeat], measured: Reliability) -> str:
    coverage = percent(measured.content["coverage"])
    rows = [["temperature of the folds", *(f"{repeat.temperature:.3f}" for repeat in repeats)]]
    for metric, words in SHOWN.items():
        if metric in repeats[0].measures:
            rows.append([words, *(_row(repeat.measures[metric]) for repeat in repeats)])
    for kind, threshold in SETS.items():
        for place, share in enumerate(SHARES):
            cells = [_row(repeat.sets[kind][place]._asdict()) for repeat in repeats]
            rows.append([f"prediction sets (CV+, {coverage} intended, {threshold}): {share}", *cells])
    for words in repeats[0].parts:
        for place, metric in enumerate(("accuracy", "AUROC")):
            cells = []
            for repeat in repeats:
                value = repeat.parts[words][place]
                cells.append("too few" if value is None else f"{_row(value._asdict())}, n = {value.n:,}")
            rows.append([f"{metric} on test images {words}", *cells])
    return markdown_table(["on the test images", *(f"repeat {repeat.number}" for repeat in repeats)], rows)


def _row(row: Mapping[str, Any]) -> str:
    if row["value"] is None:
        return "–"
    has_limits = row["low"] is not None and not np.isnan(row["low"])
    limits = f" ({row['low']:.3f} to {row['high']:.3f})" if has_limits else ""
    return f"{row['value']:.3f}{limits}"
