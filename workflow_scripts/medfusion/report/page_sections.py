"""The sections of a data set on the page: which there are, in what order, and what stands in each."""

import math

import pandas as pd

from medfusion.evaluation import ranking
from medfusion.files.input_check_trials import Trials
from medfusion.files.tables import read_table
from medfusion.naming import intervals, no_learning_curves
from medfusion.planning import backbones, data_sets
from medfusion.report import (
    ablations,
    corruptions,
    discrimination,
    input_check,
    page_card,
    page_tables,
    paired,
    reliability,
)
from medfusion.report.material import Material
from medfusion.report.page_figures import OTHER, rank, read_picture
from medfusion.report.page_parts import Section
from medfusion.tasks import ORDINAL, is_multi_label

SECTIONS = {
    "data": "The data",
    "near_duplicates": "Near-duplicates between images",
    "augmentation": "Augmentation",
    "training": "Training",
    "differences": "Which systems differ",
    "without_duplicates": "With and without near-duplicates",
    "results": "Results in detail",
    "discrimination": "ROC and precision-recall curves",
    "reliability": "How far the probabilities can be trusted",
    "corruptions": "When images are corrupted",
    "input_check": "When images are unlike the training images",
    "errors": "Errors",
    "saliency": "Saliency maps",
    "choices": "What validation chose",
    "ablations": "What each part contributes",
    "training_size": "How many training images it takes",
    "studies": "How tree, forest and SVM see the features",
    OTHER: "More figures",
}
OPTIMISTIC = (
    "Settings compared by folds of the training split are marked as optimistic: the network whose features they see "
    "was trained on the same labels."
)
WEIGHTS = (
    "The more members a fusion has and the fewer validation images, the more of its weights is chance; one that gives "
    "a single member all the weight is that member under another name."
)
LABELS = (
    "An image may have several labels at once: accuracy and AUROC are MedMNIST's, means over the labels, each of which "
    "is held to be present above a probability of 0.5; classifiers are one-vs-rest, one a label. Most images lack a "
    "rare label, so that the AUROC says more than the accuracy. Intervals of AUROCs are DeLong's, those "
    "of other means of a bootstrap of images, stratified by the rarest label of each."
)
LEFT_OUT = (
    "Left out, because it rests on one class an image: the confusion matrix, the comparison of "
    "systems, measures without near-duplicates, prediction sets and referral, single errors, saliency maps, "
    "the studies of tree, forest and SVM, and the export."
)
ORDINAL_NOTE = (
    "The classes have an order. Accuracy and AUROC are MedMNIST's, which evaluates them as classes without one; the "
    "mean absolute error is the mean difference of the predicted and the true class's number."
)
CALIBRATION_ERROR = (
    "The calibration error is taken over {bins} bins; resampling adds to it, so its interval leans upwards and, of a "
    "single run, may lie above the value."
)
BRIER = (
    "The Brier score of two classes is of the probability of the second, from 0 to 1; of more, it is summed over the "
    "classes, from 0 to 2. Log loss is that after a temperature from the validation split; the other measures are of "
    "the probabilities as they are."
)
BRIER_OF_LABELS = "Calibration error and Brier score, from 0 to 1, and log loss are means over the labels."
NEAR_DUPLICATES = (
    "r is the Pearson correlation of all pixel values of two images. It is undefined for images whose pixels are all "
    "equal; there are {constant} of these. Mirrored or turned images are looked for across splits."
)


def sections(material: Material) -> list[Section]:
    """Those that hold anything, in order.

    Raises
    ------
    UserError
        If a figure is missing or no picture.
    """
    found = {kind: Section(f"{material.key}-{kind}", title) for kind, title in SECTIONS.items()}
    _data(found["data"], material)
    _near_duplicates(found["near_duplicates"], material)
    found["training"].notes += [f"Chosen by default: {one}." for one in material.entry.get("by_default", ())]
    found["training"].notes += backbones.described(material.config, material.entry)
    if material.compared:
        label_names = material.first["label_names"]
        paired.differences(found["differences"], material.compared, material.names, material.name)
        paired.fusions(found["differences"], material.compared, material.names, material.name)
        paired.without_duplicates(
            found["without_duplicates"], material.compared, material.names, label_names, material.name
        )
    _detail(found["results"], material)
    if material.discrimination:
        discrimination.fill(found["discrimination"], material.discrimination)
    if material.reliability:
        reliability.fill(found["reliability"], material.reliability, material.systems)
    if material.corruptions is not None:
        _corruptions(found["corruptions"], material, material.corruptions)
    if material.input_check:
        _input_check(found["input_check"], material, material.input_check)
    if material.examples:
        material.examples.fill(found["errors"], found["saliency"])
    _choices(found["choices"], material)
    ablations.fill(found["ablations"], material.config, material.key, material.measures, material.confidence)
    _size_study(found["training_size"], material)
    _studies(found["studies"], material)
    _pictures(found, material)
    return [section for section in found.values() if section]


def _data(section: Section, material: Material) -> None:
    if material.audit:
        section.notes += [f"{remark[0].upper()}{remark[1:]}." for remark in material.audit.get("remarks", ())]
    if material.counts is not None:
        section.tables.append(page_tables.counts(material.counts, f"Images of each class ({material.name})"))
    if "inspect/pixels" in material.tables:
        table = read_table(material.tables["inspect/pixels"], ())
        section.tables.append(page_tables.generic(table, f"Pixel values, 0 to 255 ({material.name})"))


def _near_duplicates(section: Section, material: Material) -> None:
    if material.audit:
        caption = f"Near-duplicates by pixel correlation r ({material.name})"
        section.tables.append(page_tables.near_duplicates(material.audit, caption))
        section.notes.append(NEAR_DUPLICATES.format(constant=sum(material.audit["constant_images"].values())))


def _detail(section: Section, material: Material) -> None:
    systems, label_names, table = material.systems, material.first["label_names"], material.measures
    task, several = material.first["task"], is_multi_label(material.first["task"])
    section.notes += [LABELS, LEFT_OUT] if several else [ORDINAL_NOTE] if task == ORDINAL else []
    wilson = "each label's accuracy, all labels right, precision and recall" if several else "precision and recall"
    kinds = f"Wilson for {wilson}, DeLong for the AUROC, bootstrap for the others"
    section.notes.append(
        "Each value is the mean ± standard deviation over seeds; under it, "
        f"{intervals(material.confidence, kinds)}. "
        "Where nothing varies among these images, the bootstrap gives an interval without width, and so does DeLong's "
        "method where an AUROC is 1; that is no certainty. "
        f"{CALIBRATION_ERROR.format(bins=material.entry['ece_bins'])} {BRIER_OF_LABELS if several else BRIER}"
    )
    test = f"{material.name}, test n = {systems[0].test_accuracy.n:,}"
    what = "Measures of each label" if several else "Precision, recall and F1 of each class"
    first, *others = [
        page_tables.per_class(table, one, label_names, f"{what}: {material.names[one.address]} ({test})")
        for one in ranking.representatives(systems)
    ]
    positive = material.entry["positive"]
    section.tables += [
        first,
        page_tables.measures(table, systems, material.names, label_names, positive, f"More measures ({test})"),
    ]
    section.folded_tables += others


def _corruptions(section: Section, material: Material, table: pd.DataFrame) -> None:
    entry = material.entry
    comparable = entry["source"] == "official" and not material.first["generated"]
    names, size = material.first["label_names"], entry.get("size")
    corruptions.fill(section, table, material.systems, names, entry["flag"], comparable, size, material.name)


def _input_check(section: Section, material: Material, tried: Trials) -> None:
    flagged, confidence = (
        material.config[part][key] for part, key in (("input_check", "flagged"), ("evaluation", "confidence"))
    )
    other = data_sets.name(material.config["datasets"][tried.other]) if tried.other else None
    input_check.fill(section, tried, flagged, other, confidence, material.name)


def _choices(section: Section, material: Material) -> None:
    models = {run.model for run in material.choices}
    frozen = {model for model in models if backbones.of_model(material.config, material.entry, model)}
    if material.choices:
        caption = f"Settings of the classifiers ({material.name})"
        section.tables.append(page_tables.choices(material.choices, material.names, caption, frozen))
    if material.weights:
        section.tables.append(
            page_tables.weights(material.weights, material.names, f"Weights of the fusions ({material.name})")
        )
        section.notes.append(WEIGHTS)
    if any(best["selection"] == "folds" for run, best in material.choices.items() if run.model not in frozen):
        section.notes.append(OPTIMISTIC)


def _size_study(section: Section, material: Material) -> None:
    table = material.measures
    part = table[(table["model"] == "learning_curve") & (table["split"] == "test") & (table["metric"] == "accuracy")]
    if len(part):
        sizes = sorted(part["system"].unique(), key=lambda size: math.inf if size == "all" else int(size))
        scores = {size: ranking.score(part, "learning_curve", size, "test", "accuracy") for size in sizes}
        caption = (
            f"Test accuracy by number of training images ({material.name}, test n = {part['n'].iloc[0]:,}): mean ± "
            f"standard deviation over repeats; under it, {intervals(material.confidence, 'Wilson')}"
        )
        section.tables.append(page_tables.training_sizes(scores, part["seed"].nunique(), caption))


def _studies(section: Section, material: Material) -> None:
    """What their figure of learning curves says where there are none."""
    if material.counts is None or "studies/learning" not in material.figures:
        return
    of_training = material.counts[(material.counts["split"] == "train") & (material.counts["label"] >= 0)]
    commonest, folds = int(of_training["n"].max()), material.config["studies"]["folds"]
    if commonest < folds:
        section.notes.append(no_learning_curves(commonest, folds))


def _pictures(found: dict[str, Section], material: Material) -> None:
    """Put each figure where it belongs; one of a kind is open, those of other networks and seeds are folded away."""
    for name, path in sorted(material.figures.items(), key=lambda item: rank(f"{material.key}/{item[0]}")):
        if name in page_card.FIGURES:
            continue
        told = (material.name, material.captions, material.model_names)
        kind, picture = read_picture(f"{material.key}/{name}", path, *told)
        section, last = found[kind], name.rpartition("/")[2]
        known = {other.name.rpartition("/")[2] for other in section.pictures}
        place = section.more if last in known else section.pictures
        place.append(material.examples.told(picture) if material.examples else picture)
