"""The sections of a data set on the page: which there are, in what order, and what stands in each."""

import math

import pandas as pd

from medfusion.evaluation import ranking
from medfusion.files.input_check_trials import Trials
from medfusion.files.tables import read_table
from medfusion.naming import no_learning_curves
from medfusion.planning import backbones, data_sets, pretraining
from medfusion.report import (
    ablations,
    corruptions,
    discrimination,
    input_check,
    label_audit,
    page_card,
    page_tables,
    paired,
    reliability,
    slices,
)
from medfusion.report.material import Material
from medfusion.report.page_figures import OTHER, rank, read_picture
from medfusion.report.page_parts import Section, table_file
from medfusion.tasks import ORDINAL, is_multi_label

SECTIONS = {
    "data": "The data",
    "near_duplicates": "Near-duplicates between images",
    "label_audit": "Labels that may be wrong",
    "augmentation": "Augmentation",
    "training": "Training",
    "differences": "Which systems differ",
    "without_duplicates": "With and without near-duplicates",
    "results": "Results in detail",
    "discrimination": "ROC and precision-recall curves",
    "reliability": "How far the probabilities can be trusted",
    "slices": "By patient, site and device",
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
OPTIMISTIC = "Settings compared by folds of the training split are optimistic."
WEIGHTS = (
    "The more members and the fewer validation images, the more of a fusion's weights is chance; one with all the "
    "weight is that member under another name."
)
LABELS = (
    "An image may have several labels at once, each present above a probability of 0.5: accuracy and AUROC are "
    "MedMNIST's, means over the labels. Most images lack a rare label, so that the AUROC says more. Intervals of "
    "AUROCs are DeLong's, those of other means of a bootstrap, stratified by the rarest label of each image."
)
LEFT_OUT = (
    "Left out, because it rests on one class an image: confusion matrix, comparison of systems, measures without "
    "near-duplicates, prediction sets and abstention, single errors, saliency maps, studies of tree, forest and SVM, "
    "labels that may be wrong, export."
)
ORDINAL_NOTE = "The classes have an order, which accuracy and AUROC, MedMNIST's, leave out of account."
CALIBRATION_ERROR = "The calibration error is over {bins} bins."
AS_THEY_ARE = "Log loss is that after the temperature, other measures are of the probabilities as they are."
OF_LABELS = "Calibration error, Brier score and log loss are means over the labels."
CONSTANT = "Images of one colour, of which r is undefined: {constant}."
# Figures and tables that are open; others are folded away.
OPEN_FIGURES = (
    *("pairs", "mislabelled", "differences", "areas", "confusion", "roc", "reliability", "corruptions", "errors"),
    *("saliency", "contributions", "training_size"),
)
OPEN_TABLES = ("data", "near_duplicates", "label_audit", "slices", "ablations")


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
    if material.labels:
        counts, table = material.labels
        label_audit.fill(found["label_audit"], counts, table, material.names, material.model_names, material.name)
    found["training"].notes += [f"Chosen by default: {one}." for one in material.entry.get("by_default", ())]
    found["training"].notes += backbones.described(material.config, material.entry)
    found["training"].notes += pretraining.described(material.config, material.entry)
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
    if material.slices:
        slices.fill(found["slices"], material.slices, material.names, material.first["label_names"], material.name)
    else:
        found["slices"].notes.append(slices.NONE)
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
    for kind, section in found.items():
        kept = section.tables[:1] if kind in OPEN_TABLES else []
        section.folded_tables = section.tables[len(kept) :] + section.folded_tables
        section.tables = kept
    return [section for section in found.values() if section]


def _data(section: Section, material: Material) -> None:
    if material.counts is not None:
        section.tables.append(page_tables.counts(material.counts, f"Images of each class ({material.name})"))
    if "inspect/pixels" in material.tables:
        table = read_table(material.tables["inspect/pixels"], ())
        section.tables.append(page_tables.generic(table, f"Pixel values, 0 to 255 ({material.name})"))


def _near_duplicates(section: Section, material: Material) -> None:
    if material.audit:
        caption = f"Near-duplicates by pixel correlation r ({material.name})"
        section.tables.append(page_tables.near_duplicates(material.audit, caption))
        if constant := sum(material.audit["constant_images"].values()):
            section.notes.append(CONSTANT.format(constant=constant))


def _detail(section: Section, material: Material) -> None:
    systems, label_names, table = material.systems, material.first["label_names"], material.measures
    task, several = material.first["task"], is_multi_label(material.first["task"])
    section.notes += [LABELS, LEFT_OUT] if several else [ORDINAL_NOTE] if task == ORDINAL else []
    section.method.append(
        f"{CALIBRATION_ERROR.format(bins=material.entry['ece_bins'])} {OF_LABELS if several else AS_THEY_ARE}"
    )
    test = f"{material.name}, test n = {systems[0].test_accuracy.n:,}"
    what = "Measures of each label" if several else "Precision, recall and F1 of each class"
    first, *others = [(f"{what}: {material.names[one.address]}", one) for one in ranking.representatives(systems)]
    positive = material.entry["positive"]
    section.tables.append(page_tables.per_class(table, first[1], label_names, f"{first[0]} ({test})"))
    measures = page_tables.measures(table, systems, material.names, label_names, positive, f"More measures ({test})")
    page_tables.add_first(section, measures, test)
    section.files += [
        table_file(page_tables.per_class(table, one, label_names, label), label, test) for label, one in others
    ]


def _corruptions(section: Section, material: Material, table: pd.DataFrame) -> None:
    entry = material.entry
    comparable = entry["source"] == "official" and not material.first["generated"]
    names, size = material.first["label_names"], entry.get("size")
    called = (material.names, material.model_names)
    corruptions.fill(section, table, material.systems, names, entry["flag"], comparable, size, material.name, *called)


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
        section.method.append(WEIGHTS)
    if any(best["selection"] == "folds" for run, best in material.choices.items() if run.model not in frozen):
        section.method.append(OPTIMISTIC)


def _size_study(section: Section, material: Material) -> None:
    table = material.measures
    part = table[(table["model"] == "learning_curve") & (table["split"] == "test") & (table["metric"] == "accuracy")]
    if len(part):
        sizes = sorted(part["system"].unique(), key=lambda size: math.inf if size == "all" else int(size))
        scores = {size: ranking.score(part, "learning_curve", size, "test", "accuracy") for size in sizes}
        caption = (
            f"Test accuracy by number of training images ({material.name}, test n = {part['n'].iloc[0]:,}), mean ± "
            "standard deviation over repeats"
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
    """Put each figure where it belongs; of those that are open the first of a kind is, others are folded away."""
    for name, path in sorted(material.figures.items(), key=lambda item: rank(f"{material.key}/{item[0]}")):
        if name in page_card.FIGURES:
            continue
        told = (material.name, material.captions, material.model_names)
        kind, picture = read_picture(f"{material.key}/{name}", path, *told)
        section, last = found[kind], name.rpartition("/")[2]
        known = {other.name.rpartition("/")[2] for other in section.pictures}
        place = section.pictures if last in OPEN_FIGURES and last not in known else section.more
        place.append(material.examples.told(picture) if material.examples else picture)
