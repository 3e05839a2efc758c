"""The sections of a data set on the page: which there are, in what order, and what stands in each."""

import math

import pandas as pd

from medfusion.evaluation import ranking
from medfusion.files.input_check_trials import Trials
from medfusion.files.tables import read_table
from medfusion.naming import no_learning_curves
from medfusion.planning import backbones, data_sets, pretraining
from medfusion.planning.systems import all_models
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
from medfusion.report.page_components import Section, table_file
from medfusion.report.page_figures import OTHER, rank, read_picture
from medfusion.report.report_data import ReportData
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
    "labels that may be wrong, corrupted images, input check, parts of the images by metadata, export."
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


def sections(data: ReportData) -> list[Section]:
    """Those that hold anything, in order.

    Raises
    ------
    UserError
        If a figure is missing or no picture.
    """
    found = {kind: Section(f"{data.key}-{kind}", title) for kind, title in SECTIONS.items()}
    _data(found["data"], data)
    _near_duplicates(found["near_duplicates"], data)
    if data.labels:
        counts, table = data.labels
        label_audit.fill(found["label_audit"], counts, table, data.names, data.model_names, data.name)
    found["training"].notes += [f"Chosen by default: {one}." for one in data.entry.get("by_default", ())]
    found["training"].notes += backbones.described(data.config, data.entry)
    found["training"].notes += pretraining.described(data.config, data.entry)
    if data.compared:
        label_names = data.first["label_names"]
        paired.differences(found["differences"], data.compared, data.names, data.name)
        paired.fusions(found["differences"], data.compared, data.names, data.name)
        paired.without_duplicates(found["without_duplicates"], data.compared, data.names, label_names, data.name)
    _detail(found["results"], data)
    if data.discrimination:
        discrimination.fill(found["discrimination"], data.discrimination)
    if data.reliability:
        reliability.fill(found["reliability"], data.reliability, data.systems)
    if data.slices:
        slices.fill(found["slices"], data.slices, data.names, data.first["label_names"], data.name)
    else:
        found["slices"].notes.append(slices.NONE)
    if data.corruptions is not None:
        _corruptions(found["corruptions"], data, data.corruptions)
    if data.input_check:
        _input_check(found["input_check"], data, data.input_check)
    if data.examples:
        data.examples.fill(found["errors"], found["saliency"])
    _choices(found["choices"], data)
    ablations.fill(found["ablations"], data.config, data.key, data.measures, data.confidence)
    _size_study(found["training_size"], data)
    _studies(found["studies"], data)
    _pictures(found, data)
    for kind, section in found.items():
        kept = section.tables[:1] if kind in OPEN_TABLES else []
        section.folded_tables = section.tables[len(kept) :] + section.folded_tables
        section.tables = kept
    return [section for section in found.values() if section]


def _data(section: Section, data: ReportData) -> None:
    if data.counts is not None:
        section.tables.append(page_tables.counts(data.counts, f"Images of each class ({data.name})"))
    if "inspect/pixels" in data.tables:
        table = read_table(data.tables["inspect/pixels"], ())
        section.tables.append(page_tables.generic(table, f"Pixel values, 0 to 255 ({data.name})"))


def _near_duplicates(section: Section, data: ReportData) -> None:
    if data.audit:
        caption = f"Near-duplicates by pixel correlation r ({data.name})"
        section.tables.append(page_tables.near_duplicates(data.audit, caption))
        if constant := sum(data.audit["constant_images"].values()):
            section.notes.append(CONSTANT.format(constant=constant))


def _detail(section: Section, data: ReportData) -> None:
    systems, label_names, table = data.systems, data.first["label_names"], data.measures
    task, several = data.first["task"], is_multi_label(data.first["task"])
    section.notes += [LABELS, LEFT_OUT] if several else [ORDINAL_NOTE] if task == ORDINAL else []
    section.method.append(
        f"{CALIBRATION_ERROR.format(bins=data.entry['ece_bins'])} {OF_LABELS if several else AS_THEY_ARE}"
    )
    test = f"{data.name}, test n = {systems[0].test_accuracy.n:,}"
    what = "Measures of each label" if several else "Precision, recall and F1 of each class"
    first, *others = [(f"{what}: {data.names[one.address]}", one) for one in ranking.representatives(systems)]
    positive = data.entry["positive"]
    section.tables.append(page_tables.per_class(table, first[1], label_names, f"{first[0]} ({test})"))
    measures = page_tables.measures(table, systems, data.names, label_names, positive, f"More measures ({test})")
    page_tables.add_first(section, measures, test)
    section.files += [
        table_file(page_tables.per_class(table, one, label_names, label), label, test) for label, one in others
    ]


def _corruptions(section: Section, data: ReportData, table: pd.DataFrame) -> None:
    entry = data.entry
    comparable = entry["source"] == "official" and not data.first["generated"]
    names, size = data.first["label_names"], entry.get("size")
    called = (data.names, data.model_names)
    corruptions.fill(section, table, data.systems, names, entry["flag"], comparable, size, data.name, *called)


def _input_check(section: Section, data: ReportData, tried: Trials) -> None:
    flagged, confidence = (
        data.config[part][key] for part, key in (("input_check", "flagged"), ("evaluation", "confidence"))
    )
    other = data_sets.name(data.config["datasets"][tried.other]) if tried.other else None
    input_check.fill(section, tried, flagged, other, confidence, data.name)


def _choices(section: Section, data: ReportData) -> None:
    models = {run.model for run in data.choices}
    frozen = {model for model in models if not _learns_features(data, model)}
    if data.choices:
        caption = f"Settings of the classifiers ({data.name})"
        section.tables.append(page_tables.choices(data.choices, data.names, caption, frozen))
    if data.weights:
        section.tables.append(page_tables.weights(data.weights, data.names, f"Weights of the fusions ({data.name})"))
        section.method.append(WEIGHTS)
    if any(best["selection"] == "folds" for run, best in data.choices.items() if run.model not in frozen):
        section.method.append(OPTIMISTIC)


def _learns_features(data: ReportData, model: str) -> bool:
    """Whether features are those of weights that were trained on the labels of this data set."""
    network = data.config["networks"][all_models(data.entry)[model]["network"]]
    return not backbones.is_frozen(network) and pretraining.learns_features(network)


def _size_study(section: Section, data: ReportData) -> None:
    table = data.measures
    part = table[(table["model"] == "learning_curve") & (table["split"] == "test") & (table["metric"] == "accuracy")]
    if len(part):
        sizes = sorted(part["system"].unique(), key=lambda size: math.inf if size == "all" else int(size))
        scores = {size: ranking.score(part, "learning_curve", size, "test", "accuracy") for size in sizes}
        caption = (
            f"Test accuracy by number of training images ({data.name}, test n = {part['n'].iloc[0]:,}), mean ± "
            "standard deviation over repeats"
        )
        section.tables.append(page_tables.training_sizes(scores, part["seed"].nunique(), caption))


def _studies(section: Section, data: ReportData) -> None:
    """What their figure of learning curves says where there are none."""
    if data.counts is None or "studies/learning" not in data.figures:
        return
    of_training = data.counts[(data.counts["split"] == "train") & (data.counts["label"] >= 0)]
    commonest, folds = int(of_training["n"].max()), data.config["studies"]["folds"]
    if commonest < folds:
        section.notes.append(no_learning_curves(commonest, folds))


def _pictures(found: dict[str, Section], data: ReportData) -> None:
    """Put each figure where it belongs; of those that are open the first of a kind is, others are folded away."""
    for name, path in sorted(data.figures.items(), key=lambda item: rank(f"{data.key}/{item[0]}")):
        if name in page_card.FIGURES:
            continue
        captioned = (data.name, data.captions, data.model_names)
        kind, picture = read_picture(f"{data.key}/{name}", path, *captioned)
        section, last = found[kind], name.rpartition("/")[2]
        known = {other.name.rpartition("/")[2] for other in section.pictures}
        place = section.pictures if last in OPEN_FIGURES and last not in known else section.more
        place.append(data.examples.captioned(picture) if data.examples else picture)
