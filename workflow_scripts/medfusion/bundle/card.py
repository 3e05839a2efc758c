"""The model card of a bundle: what it is, what it was measured to do, and what it must not be used for."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jinja2

from medfusion import escaping
from medfusion.bundle import contents
from medfusion.bundle.contents import Bundle
from medfusion.data import preprocessing
from medfusion.data.medmnist_info import INFO
from medfusion.evaluation.standings import Score, Standing
from medfusion.learning.augmentation import number_of_views
from medfusion.naming import percent
from medfusion.planning.fingerprint import ROOT

TEMPLATE = "export_bundle.md.j2"
KINDS = {
    "network": "the network alone",
    "classifier": "a classifier on the features of a network",
    "fusion": "a weighted mean of the probabilities of a network and of classifiers on its features",
    "vote": "the mean of the probabilities of several systems and seeds",
}
SOURCES = {
    "official": "MedMNIST's own file, in its own splits.",
    "surrogate": "The images of MedMNIST in ANOTHER SPLIT than the official one (the surrogate file): the figures are "
    "not those of MedMNIST's test split.",
    "folder": "A user's own pictures: what holds for MedMNIST need not hold for them.",
    "file": "A user's own file in MedMNIST format: what holds for MedMNIST need not hold for it.",
    "generated": "GENERATED images, drawn by a program; they only look a little like real ones.",
}
NAMES = {"auc": "AUC", "macro_f1": "macro-F1", "mcc": "MCC", "brier": "Brier score", "ece": "ECE", "pr_auc": "PR-AUC"}


def card(
    bundle: Bundle,
    kind: str,
    standing: Standing,
    seed: int | None,
    rows: Sequence[Mapping[str, Any]],
    settings: Mapping[str, Any],
    coverage: float,
    recall: float | None,
    parity: Sequence[Mapping[str, float]],
    twins: Mapping[str, Any],
) -> str:
    """The card as Markdown.

    Parameters
    ----------
    bundle : what is in the folder
    kind : a key of `KINDS`
    standing : of the system, over all its seeds
    seed : of the exported run; None for a vote
    rows : the run's measures on the test split, as in metrics.json
    settings : "source", "export", "confidence"
    coverage : share of images whose prediction set is to hold the true class
    recall : share of the positive label's images that the decision threshold is to find; None: it is the most balanced
    parity : of each network, the differences between Keras and ONNX
    twins : audit/summary.json
    """
    folder = jinja2.FileSystemLoader(ROOT / "templates")
    environment = jinja2.Environment(  # Markdown, not HTML
        loader=folder,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(md=escaping.markdown, spread=_spread, percent=percent, number_of_views=number_of_views)
    return environment.get_template(TEMPLATE).render(
        bundle=bundle,
        kind=KINDS[kind],
        standing=standing,
        seed=seed,
        rows=[{**row, "name": _measure(row["metric"], bundle.label_names)} for row in rows],
        named=settings["export"],
        source=SOURCES["generated" if bundle.generated else settings["source"]],
        confidence=settings["confidence"],
        coverage=coverage,
        recall=recall,
        calibration=bundle.calibration,
        parity=parity,
        twins=list(_twins(twins)),
        info=INFO.get(bundle.flag),  # none of a user's own file
        preprocessing=preprocessing.described(bundle.flag, bundle.size, bundle.channels),
        warning=contents.WARNING,
        generated_warning=contents.GENERATED,
        record=contents.RECORD,
        classifiers=contents.CLASSIFIERS,
    )


def _measure(metric: str, label_names: Sequence[str]) -> str:
    """The name of a measure in words.

    >>> _measure("recall[1]", ["benign", "malignant"]), _measure("balanced_accuracy", [])
    ('recall of malignant', 'balanced accuracy')
    """
    name, _, label = metric.partition("[")
    words = NAMES.get(name, name.replace("_", " "))
    return f"{words} of {label_names[int(label[:-1])]}" if label else words


def _spread(score: Score) -> str:
    return f"{score.mean:.3f}" if math.isnan(score.sd) else f"{score.mean:.3f} ± {score.sd:.3f} (sd)"


def _twins(summary: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """How many test images have a near-twin in another split, at the threshold of the audit."""
    threshold = f"{summary['threshold']:g}"
    for row in summary["splits"]:
        if row["second"] == "test" and row["first"] != "test":
            tested = summary["images"]["test"]
            count = row["images"][threshold]
            yield {"count": count, "tested": tested, "threshold": threshold, "split": row["first"]}
