"""The model card of a model package: what it is, what it was measured to do, and what it must not be used for."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jinja2

from medfusion import escaping
from medfusion.data import preprocessing
from medfusion.data.medmnist_info import INFO
from medfusion.files.rankings import RankedSystem, Score
from medfusion.learning.augmentation import number_of_views
from medfusion.learning.calibration import coverage_limits
from medfusion.naming import CRITERIA, Names, percent
from medfusion.package import contents
from medfusion.package.contents import ModelPackage
from medfusion.reruns.fingerprint import ROOT
from medfusion.tasks import BINARY

TEMPLATE = "export_package.md.j2"
KINDS = {
    "network": "the network alone",
    "head": "a linear head on the features of a backbone that was applied as it is",
    "classifier": "a classifier on the features of a network",
    "fusion": "a weighted mean of the probabilities of systems of one model (its network, classifiers on its features)",
    "ensemble": "the mean of the probabilities of several systems and seeds",
}
SOURCES = {
    "official": "MedMNIST's own file, in its own splits.",
    "surrogate": "The images of MedMNIST in ANOTHER SPLIT than the official one (the surrogate file): the figures are "
    "not those of MedMNIST's test split.",
    "folder": "A user's own pictures: what holds for MedMNIST need not hold for them.",
    "file": "A user's own file in MedMNIST format: what holds for MedMNIST need not hold for it.",
    "generated": "GENERATED images, drawn by a program; they only look a little like real ones.",
}
NAMES = {
    "macro_f1": "macro-F1",
    "mcc": "MCC",
    "average_precision": "average precision",
    "auroc_after": "AUROC",
    "brier_after": "Brier score",
    "ece_after": "ECE",
    "log_loss_after": "log loss",
    "calibration_slope": "calibration slope",
    "calibration_intercept": "calibration intercept",
    "ece_expected": "ECE of chance",
    "ece_debiased": "ECE beyond chance",
    "ece_p": "p of the ECE by chance",
    "marginal_coverage": "coverage (prediction sets that hold the true class)",
    "marginal_size": "mean size of prediction sets",
    "abstention_rate": "abstention rate (referred to a human)",
    "selective_accuracy": "selective accuracy",
    "unlike_training": "flagged as unlike the training images",
    "referred": "referred to a human, unsure or unlike the training images",
    "sensitivity_chosen": "sensitivity at the threshold",
    "specificity_chosen": "specificity at the threshold",
    "ppv_chosen": "positive predictive value at the threshold",
    "npv_chosen": "negative predictive value at the threshold",
    "balanced_accuracy_chosen": "balanced accuracy at the threshold",
    "accuracy_chosen": "accuracy at the threshold",
}
# Measures of probabilities, which a temperature changes; those of predicted classes it does not.
OF_PROBABILITIES = ("auroc", "brier", "log_loss", "ece", "average_precision")
OF_SETS = tuple(NAMES)[tuple(NAMES).index("marginal_coverage") :]
OF_CALIBRATION = ("calibration_slope", "calibration_intercept", "ece_expected", "ece_debiased", "ece_p")


def card(
    package: ModelPackage,
    kind: str,
    ranked: RankedSystem,
    seed: int | None,
    measured: tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]],
    settings: Mapping[str, Any],
    coverage: float,
    sensitivity: float | None,
    parity: Sequence[Mapping[str, float]],
    near_duplicates: Mapping[str, Any],
    validation: Sequence[int],
) -> str:
    """The card as Markdown.

    Parameters
    ----------
    package : what is in the folder
    kind : a key of `KINDS`
    ranked : of the system, over all its seeds
    seed : of the exported run; None for an ensemble
    measured : as `measures` returns them
    settings : "source", "export", "criterion", "confidence", "pretrained" (models, and on what), and by "dataset" what
        is "display_names" of it
    coverage : share of images whose prediction set is to hold the true class
    sensitivity : share of positive images that the decision threshold is to find; None: it is the most balanced
    parity : of each network that was trained, the differences between Keras and ONNX
    near_duplicates : audit/summary.json
    validation : number of validation images of each class
    """
    folder = jinja2.FileSystemLoader(ROOT / "templates")
    environment = jinja2.Environment(  # Markdown, not HTML
        loader=folder,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        md=escaping.markdown,
        code=escaping.code,
        spread=_spread,
        decimals=_decimals,
        percent=percent,
        number_of_views=number_of_views,
    )
    return environment.get_template(TEMPLATE).render(
        package=package,
        kind=KINDS[kind],
        pretrained=dict(settings.get("pretrained", ())),
        ranked=ranked,
        names=Names(settings["display_names"][settings["dataset"]].get("systems", {})),
        chosen_by=CRITERIA[settings["criterion"]],
        chosen_at=ranked.on_validation(settings["criterion"]),
        seed=seed,
        tables=[
            [{**row, "name": measure_name(row["metric"], package.label_names)} for row in rows] for rows in measured
        ],
        named=settings["export"],
        source=SOURCES["generated" if package.generated else settings["source"]],
        confidence=settings["confidence"],
        coverage=coverage,
        sensitivity=sensitivity,
        calibration=package.calibration,
        decision_limits=None
        if sensitivity is None or package.positive is None
        else coverage_limits(validation[package.positive], sensitivity, settings["confidence"]),
        set_limits=coverage_limits(sum(validation), coverage, settings["confidence"]),
        parity=parity,
        on_trained=any(
            member.classifier is not None and package.networks[member.network].backbone is None
            for member in package.members
        ),
        near_duplicates=list(_near_duplicates(near_duplicates)),
        remarks=near_duplicates.get("remarks", ()),
        # A user's own file may have a flag too.
        info=INFO.get(package.flag) if package.generated or settings["source"] != "file" else None,
        preprocessing=preprocessing.described(package.flag, package.size, package.channels, package.bits),
        warning=contents.WARNING,
        generated_warning=contents.GENERATED,
        record=contents.RECORD,
        classifiers=contents.CLASSIFIERS,
    )


def measures(
    evaluated: Sequence[Mapping[str, Any]], trusted: Sequence[Mapping[str, Any]], task: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What was measured on the test split of that which `predict` returns: after the temperature, at the thresholds.

    Parameters
    ----------
    evaluated : a run's measures as in metrics.json, before the temperature
    trusted : as in reliability.json
    task : MedMNIST's

    Returns
    -------
    those of classes and probabilities; those of prediction sets, referral and threshold
    """
    changed = [name for name in OF_PROBABILITIES if name != "average_precision" or task != BINARY]
    kept = [dict(row) for row in evaluated if row["metric"].partition("[")[0] not in changed]
    after = {row["metric"]: dict(row) for row in trusted}
    scores = [after[name] for name in NAMES if name in after and (name.endswith("_after") or name in OF_CALIBRATION)]
    return [*kept[:1], *scores, *kept[1:]], [after[name] for name in OF_SETS if name in after]


def measure_name(metric: str, label_names: Sequence[str]) -> str:
    """The name of a measure in words.

    >>> measure_name("recall[1]", ["benign", "malignant"]), measure_name("ece_after", [])
    ('recall of malignant', 'ECE')
    """
    name, _, label = metric.partition("[")
    words = NAMES.get(name, name.replace("_", " "))
    return f"{words} of {label_names[int(label[:-1])]}" if label else words


def _decimals(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _spread(score: Score) -> str:
    return f"{score.mean:.3f}" if math.isnan(score.sd) else f"{score.mean:.3f} ± {score.sd:.3f} (sd)"


def _near_duplicates(summary: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """How many test images have a near-duplicate in another split, at the threshold of the audit."""
    threshold = f"{summary['threshold']:g}"
    for row in summary["splits"]:
        if row["second"] == "test" and row["first"] != "test":
            tested = summary["images"]["test"]
            count = len(row["indices"])  # by correlation, or of the same bytes
            yield {"count": count, "tested": tested, "threshold": threshold, "split": row["first"]}
