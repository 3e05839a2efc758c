"""The report: one self-contained page that opens with the answer, then gives account of each task."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import yaml
from markupsafe import Markup, escape

from medfusion.evaluation import standings
from medfusion.files import reliabilities
from medfusion.files.artifacts import read_record
from medfusion.files.comparison_files import read_comparisons
from medfusion.files.metric_files import Metrics, read_metrics, tidy
from medfusion.files.tables import read_table
from medfusion.jobs.costs import stage_costs
from medfusion.jobs.records import Record
from medfusion.naming import percent, setting
from medfusion.planning.config import fusion_members
from medfusion.report import ablations, page_tables, paired, reliability
from medfusion.report.page_cases import CasePages
from medfusion.report.page_figures import OTHER, rank, read_picture
from medfusion.report.page_parts import Section, Table
from medfusion.tasks import ORDINAL, is_multi_label

Config = dict[str, Any]
Run = tuple[str, str, str]  # model, seed, classifier or fusion

SECTIONS = {
    "data": "The data",
    "twins": "Near-twins between images",
    "augmentation": "Augmentation",
    "training": "Training",
    "differences": "Which systems differ",
    "without_twins": "With and without near-twins",
    "results": "Results in detail",
    "reliability": "How far the probabilities can be trusted",
    "mistakes": "Mistakes",
    "attention": "Where the network looks",
    "choices": "What validation chose",
    "ablations": "What each part contributes",
    "training_size": "How many training images it takes",
    "studies": "How tree, forest and SVM see the features",
    OTHER: "More figures",
}
CLASSIFIERS = {"svm": "SVM", "random_forest": "random forest", "decision_tree": "decision tree"}
OPTIMISTIC = (
    "Settings compared by folds of the training split are marked as optimistic: the network whose features they see "
    "was trained on the same labels."
)
WEIGHTS = (
    "The more members a fusion has and the fewer validation images, the more of its weights is chance; one that gives "
    "a single member all the weight is that member under another name."
)
LABELS = (
    "An image may have several labels at once: accuracy and AUC are MedMNIST's, means over the labels, each of which "
    "is held to be present above a probability of 0.5; classifiers are one-vs-rest, one a label. Most images lack a "
    "rare label, so that the AUC, not the accuracy, says which system is best. Intervals of means are of a bootstrap "
    "of images, stratified by the rarest label of each."
)
LEFT_OUT = (
    "Left out, because it rests on one class an image: the confusion matrix, McNemar's test and the comparison of "
    "systems, measures without near-twins, prediction sets and referral, single mistakes and where the network looks, "
    "the studies of tree, forest and SVM, and the export."
)
ORDINAL_NOTE = (
    "The classes have an order. Accuracy and AUC are MedMNIST's, which evaluates them as classes without one; the mean "
    "absolute error is the mean difference of the predicted and the true class's number."
)
CALIBRATION_ERROR = (
    "The calibration error is taken over {bins} bins; resampling adds to it, so its interval leans upwards and may lie "
    "above the value."
)
BRIER = (
    "The Brier score of two classes is of the probability of the second, from 0 to 1; of more, it is summed over the "
    "classes, from 0 to 2."
)
BRIER_OF_LABELS = "Calibration error and Brier score, from 0 to 1, are means over the labels."
TWINS = (
    "r is the Pearson correlation of all pixel values of two images. It is undefined for images whose pixels are all "
    "equal; there are {constant} of these."
)


@dataclass(frozen=True)
class Task:
    """One data set on the page: the answer first, then its sections."""

    key: str
    name: str
    generated: bool
    classes: list[str]
    images: dict[str, int]
    side: int | None
    best: standings.Standing
    best_description: str
    candidates: int
    told_apart: str
    majority: standings.Standing | None
    comparisons: list[str]
    by_area: bool
    interval: str
    twins: str
    trust: list[str]
    results: Table
    sections: list[Section]


def render(
    template: str | Path,
    settings: Mapping[str, Any],
    metrics: Sequence[str],
    figures: Mapping[str, str],
    tables: Mapping[str, str],
    libraries: Mapping[str, str],
    records: Sequence[Record],
) -> str:
    """The page as HTML.

    Parameters
    ----------
    template : report.html.j2; report.css and report.js lie beside it
    settings : "config" (complete), "shown" (names of data sets and classes)
    metrics : paths of metrics.json files
    figures, tables : paths by name: the path below the results folder without suffix
    libraries : version by name
    records : of the jobs that the page stands on

    Raises
    ------
    UserError
        If a file is missing or not what it should be.
    """
    config = settings["config"]
    contents = read_metrics(metrics, settings["shown"])
    by_dataset: dict[str, list[Metrics]] = {}
    for content in contents:
        by_dataset.setdefault(content["dataset"], []).append(content)
    tasks = [_task(key, config, group, figures, tables) for key, group in by_dataset.items()]
    costs = stage_costs(records)
    template = Path(template)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = _breakable
    return environment.get_template(template.name).render(
        title=config["report"]["title"],
        css=Markup(template.with_name("report.css").read_text(encoding="utf-8")),
        script=Markup(template.with_name("report.js").read_text(encoding="utf-8")),
        tasks=tasks,
        generated=[task.name for task in tasks if task.generated],
        confidence=percent(config["evaluation"]["confidence"]),
        costs=page_tables.costs(costs, "Cost of each stage") if len(costs) else None,
        config=yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=110),
        versions=page_tables.versions(libraries, "Libraries that the stages import"),
        isnan=math.isnan,
    )


def _breakable(text: str) -> Markup:
    """Text with places where a narrow screen may break a system's name."""
    return Markup(str(escape(text)).replace("_", "_<wbr>").replace("/", "/<wbr>"))


def _task(
    key: str, config: Config, contents: list[Metrics], figures: Mapping[str, str], tables: Mapping[str, str]
) -> Task:
    """One data set, from its metrics and from whichever of its figures and tables there are."""
    entry = config["datasets"][key]
    first = contents[0]
    name = first["name"]
    table = tidy(contents)
    systems = standings.standings(table)
    floors = standings.floors(table)
    best = systems[0]
    descriptions = {row.address: describe_system(config, key, row.model, row.system) for row in systems}
    own = {other.partition("/")[2]: path for other, path in tables.items() if other.partition("/")[0] == key}
    summary = (
        read_record(own["audit/summary"], ("splits", "threshold", "images", "constant_images"))
        if "audit/summary" in own
        else None
    )
    compared = read_comparisons(own["comparisons"]) if "comparisons" in own else None
    counts = read_table(own["inspect/counts"], ("n",), ("split", "label", "name")) if "inspect/counts" in own else None
    n = standings.images_tested(table)
    confidence = percent(config["evaluation"]["confidence"])
    several = is_multi_label(first["task"])
    sections = {section: Section(f"{key}-{section}", title) for section, title in SECTIONS.items()}
    _data(sections["data"], counts, own, name)
    if summary:
        sections["twins"].tables.append(page_tables.twins(summary, f"Near-twins by pixel correlation r ({name})"))
        sections["twins"].notes.append(TWINS.format(constant=sum(summary["constant_images"].values())))
    if compared:
        paired.differences(sections["differences"], compared, name)
        paired.without_twins(sections["without_twins"], compared, first["label_names"], name)
    sections["training"].notes += [f"Chosen by default: {sentence}." for sentence in entry.get("by_default", ())]
    sections["results"].notes += [LABELS, LEFT_OUT] if several else [ORDINAL_NOTE] if first["task"] == ORDINAL else []
    _detail(sections["results"], table, systems, first["label_names"], entry, name, confidence)
    trust: list[str] = []
    if "reliability/reliability" in own:
        names = {key: {"name": name, "label_names": first["label_names"]}}
        measured = reliabilities.read(own["reliability/reliability"], names)
        reliability.fill(sections["reliability"], measured, systems)
        trust = reliability.sentences(measured)
    weights = _of_runs(own, "fusion", ("members", "weights"))
    _choices(sections["choices"], own, weights, name)
    ablations.fill(sections["ablations"], config, key, table, confidence)
    _size_study(sections["training_size"], table, name, confidence)
    cases = None
    if "cases/cases" in own:
        paths = own["cases/cases"], own["cases/maps"]
        cases = CasePages(*paths, first["label_names"], name, config["evaluation"]["confidence"], weights)
        cases.fill(sections["mistakes"], sections["attention"])
    for other, path in sorted(figures.items(), key=lambda item: rank(item[0])):
        if other.partition("/")[0] == key:
            kind, found = read_picture(other, path, name)
            found = cases.told(found) if cases else found
            section = sections[kind]
            # One figure of a kind is open, those of the other networks and seeds are folded away.
            known = {shown.name.rpartition("/")[2] for shown in section.pictures}
            (section.more if other.rpartition("/")[2] in known else section.pictures).append(found)
    return Task(
        key=key,
        name=name,
        generated=first["generated"],
        classes=first["label_names"],
        images=page_tables.images(counts) if counts is not None else {"test": n},
        side=entry.get("size"),
        best=best,
        best_description=descriptions[best.address],
        candidates=len(systems),
        told_apart=paired.answer(compared),
        majority=next((row for row in floors if row.system == "majority"), None),
        comparisons=[]
        if first["generated"]
        else paired.published(entry["published"], systems, table, compared, entry["source"]),
        by_area=standings.by_area(table),
        interval="bootstrap" if several else "Wilson",
        twins=paired.twins_sentence(summary, compared),
        trust=trust,
        results=page_tables.results(
            systems,
            floors,
            entry["published"],
            descriptions,
            entry["source"],
            f"Systems on {name}, the best on validation first. Values are mean ± standard deviation over seeds; under "
            f"them, from the lowest to the highest limit of the single runs' {confidence} intervals "
            f"({'bootstrap' if several else 'Wilson for accuracy, bootstrap for AUC'}).",
            confidence,
            standings.by_area(table),
        ),
        sections=[section for section in sections.values() if section],
    )


def describe_system(config: Config, dataset: str, model: str, system: str) -> str:
    """What a system is, in a few words, from the configuration; nothing for one that it does not have."""
    entry = config["datasets"][dataset]
    if model == "votes":
        return f"mean probability of {', '.join(entry['votes'].get(system, []))} over all seeds"
    if system == "cnn":
        return "the network alone"
    if system in config["classifiers"]:
        classifier = config["classifiers"][system]
        kind = CLASSIFIERS.get(classifier["kind"], classifier["kind"])
        cells = math.prod(len(values) for values in classifier["grid"].values())
        if cells > 1:
            return f"{kind} on its features, best of {cells} settings"
        return f"{kind} on its features, " + ", ".join(f"{k} = {setting(v[0])}" for k, v in classifier["grid"].items())
    if system in config["fusions"]:
        fusion = config["fusions"][system]
        if "weights" in fusion:
            return " + ".join(f"{weight:g} {member}" for member, weight in fusion["weights"].items())
        return f"{' + '.join(fusion_members(fusion))}, weights chosen on validation"
    return ""


def _data(section: Section, counts: pd.DataFrame | None, own: Mapping[str, str], name: str) -> None:
    if counts is not None:
        section.tables.append(page_tables.counts(counts, f"Images of each class ({name})"))
    if "inspect/pixels" in own:
        table = read_table(own["inspect/pixels"], ())
        section.tables.append(page_tables.generic(table, f"Pixel values, 0 to 255 ({name})"))


def _detail(
    section: Section,
    table: pd.DataFrame,
    systems: Sequence[standings.Standing],
    label_names: list[str],
    entry: Config,
    name: str,
    confidence: str,
) -> None:
    test = f"{name}, test n = {systems[0].test.n:,}"
    several = standings.by_area(table)
    section.notes.append(
        "Each value is the mean ± standard deviation over seeds; under it stand the lowest and the highest limit of "
        f"the single runs' {confidence} intervals: Wilson's for precision and recall, bootstrap for the others. Where "
        "nothing varies among these images, the bootstrap gives an interval without width; that is not certainty. "
        f"{CALIBRATION_ERROR.format(bins=entry['ece_bins'])} {BRIER_OF_LABELS if several else BRIER}"
    )
    caption = f"{'Measures of each label' if several else 'Precision, recall and F1 of each class'}: {{}} ({test})"
    first, *others = standings.representatives(systems)
    section.tables.append(page_tables.per_class(table, first, label_names, caption.format(first.address)))
    section.tables.append(
        page_tables.measures(table, systems, label_names, entry["positive"], f"More measures ({test})")
    )
    section.folded_tables += [
        page_tables.per_class(table, other, label_names, caption.format(other.address)) for other in others
    ]


def _choices(section: Section, own: Mapping[str, str], weights: Mapping[Run, Mapping[str, Any]], name: str) -> None:
    if bests := _of_runs(own, "best", ("cell", "selection")):
        section.tables.append(page_tables.choices(bests, f"Settings of the classifiers ({name})"))
    if weights:
        section.tables.append(page_tables.weights(weights, f"Weights of the fusions ({name})"))
        section.notes.append(WEIGHTS)
    if any(best["selection"] == "folds" for best in bests.values()):
        section.notes.append(OPTIMISTIC)


def _of_runs(own: Mapping[str, str], kind: str, keys: Sequence[str]) -> dict[Run, dict[str, Any]]:
    """The records of a kind, by model, seed and classifier or fusion."""
    found = {}
    for other, path in own.items():
        parts = other.split("/")
        if len(parts) == 4 and parts[-1] == kind:
            found[parts[0], parts[1].removeprefix("seed"), parts[2]] = read_record(path, keys)
    return found


def _size_study(section: Section, table: pd.DataFrame, name: str, confidence: str) -> None:
    part = table[(table["model"] == "learning_curve") & (table["split"] == "test") & (table["metric"] == "accuracy")]
    if len(part):
        sizes = sorted(part["system"].unique(), key=lambda size: math.inf if size == "all" else int(size))
        scores = {size: standings.score(part, "learning_curve", size, "test", "accuracy") for size in sizes}
        caption = (
            f"Test accuracy by number of training images ({name}, test n = {part['n'].iloc[0]:,}): mean ± standard "
            f"deviation over repeats; under it the lowest and the highest limit of their {confidence} Wilson intervals"
        )
        section.tables.append(page_tables.training_sizes(scores, part["seed"].nunique(), caption))
