"""The report: one self-contained page that opens with the answer, then gives account of each task."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import yaml
from markupsafe import Markup, escape

from medfusion.display_names import KINDS
from medfusion.evaluation import ranking
from medfusion.files import rankings
from medfusion.files.metric_files import Metrics, read_metrics
from medfusion.jobs.costs import stage_costs
from medfusion.naming import CRITERIA, percent, setting
from medfusion.planning import backbones
from medfusion.planning.systems import fusion_members
from medfusion.report import page_sections, page_tables, paired, provenance, reliability
from medfusion.report.glossary import Glossary
from medfusion.report.page_card import Card, card
from medfusion.report.page_components import Section, Table, text_uri
from medfusion.report.report_data import Config, ReportData, gather
from medfusion.reruns.records import Record
from medfusion.tasks import is_multi_label

YAML = "application/yaml;charset=utf-8"
LIMITS = re.compile(r"(?<=[\d%]) to (?=\d)")


@dataclass(frozen=True)
class Task:
    """One data set on the page: the answer first, then its sections."""

    key: str
    name: str
    generated: bool
    classes: list[str]
    images: dict[str, int]
    provenance: str
    remarks: list[str]
    side: int | None
    selected: rankings.RankedSystem
    called: str
    description: str
    candidates: int
    equally_good: int
    stability: str
    primary: list[str]
    higher_on_test: str
    told_apart: str
    fusion: str
    majority: rankings.RankedSystem | None
    comparisons: list[str]
    several_labels: bool
    chosen_by: str
    chosen_at: rankings.Score
    near_duplicates: str
    trust: list[str]
    looks: str
    leak: str
    results: Table
    more_results: Table | None
    card: Card
    sections: list[Section]


def render(
    template: str | Path,
    settings: dict[str, Any],
    metrics: Sequence[str],
    figures: Mapping[str, str],
    tables: Mapping[str, str],
    libraries: Mapping[str, str],
    records: Sequence[Record],
    documentation: str = "",
    checklist: str = "",
    looks: Mapping[str, int | None] | None = None,
) -> str:
    """The page as HTML.

    Parameters
    ----------
    template : report.html.j2; report.css and report.js lie beside it
    settings : "config" (complete), "display_names" (names of data sets and classes)
    metrics : paths of metrics.json files
    figures, tables : paths by name: the path below the results folder without suffix
    libraries : version by name
    records : of the jobs that the page stands on
    documentation : address of its folder, as seen from the page; without one, its files are named and not linked
    checklist : address of the reporting checklist, as seen from the page; without one it is not linked
    looks : by data set, how often its test labels had been looked at before (`jobs.looks`); None where that is not
        known

    Raises
    ------
    UserError
        If a file is missing or not what it should be.
    """
    config = settings["config"]
    contents = read_metrics(metrics, settings["display_names"])
    by_dataset: dict[str, list[Metrics]] = {}
    for content in contents:
        by_dataset.setdefault(content["dataset"], []).append(content)
    tasks = [
        _task(gather(key, settings, group, figures, tables), (looks or {}).get(key))
        for key, group in by_dataset.items()
    ]
    _say_once(tasks)
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
    environment.filters["range"] = _range
    return environment.get_template(template.name).render(
        title=config["report"]["title"],
        css=Markup(template.with_name("report.css").read_text(encoding="utf-8")),
        script=Markup(template.with_name("report.js").read_text(encoding="utf-8")),
        tasks=tasks,
        generated=[task.name for task in tasks if task.generated],
        confidence=percent(config["evaluation"]["confidence"]),
        costs=page_tables.costs(costs, "Cost of each stage") if len(costs) else None,
        versions=page_tables.versions(libraries, "Libraries that the stages import"),
        config=text_uri(YAML, yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=110)),
        made=provenance.made(records),
        checklist=checklist,
        glossary=Glossary(),
        documentation=documentation,
        isnan=math.isnan,
    )


def _say_once(tasks: Sequence[Task]) -> None:
    """Leave out of a section how things were measured where the first such section says it in the same words."""
    first: dict[str, tuple[str, Section, list[str]]] = {}
    for task in tasks:
        for section in task.sections:
            name, other, said = first.setdefault(section.title, (task.name, section, list(section.method)))
            if section is not other and set(section.method) & set(said):
                section.method = [text for text in section.method if text not in said]
                section.same_method = (name, other.key)


def _range(text: str) -> str:
    """Limits in a table, where space is short: joined by a dash, unless they have signs.

    >>> _range("of 5, 0.561 to 1.000"), _range("−0.020 to +0.013")
    ('of 5, 0.561–1.000', '−0.020 to +0.013')
    """
    return LIMITS.sub("\N{EN DASH}", text)


def _breakable(text: str) -> Markup:
    """Text with places where a narrow screen may break a system's name."""
    return Markup(str(escape(text)).replace("_", "_<wbr>").replace("/", "/<wbr>"))


def _task(data: ReportData, looks: int | None) -> Task:
    """One data set: the answer, and its sections."""
    entry, first, systems = data.entry, data.first, data.systems
    several = is_multi_label(first["task"])
    published = [] if first["generated"] else entry["published"]
    caption = f"Systems on {data.name} in the order of their ranks, the selected one first"
    criterion, n = data.config["criterion"], ranking.images_tested(data.measures)
    table = page_tables.results(
        systems,
        data.baselines,
        entry["published"],
        data.names,
        entry["source"],
        caption,
        data.confidence,
        criterion,
        paired.apart_from_duplicates(data.compared),
    )
    results, more_results = page_tables.few(table, page_tables.OPEN, f"The other systems on {data.name}")
    return Task(
        key=data.key,
        name=data.name,
        generated=first["generated"],
        classes=first["label_names"],
        provenance=provenance.of_data(entry, first["generated"]),
        images=page_tables.images(data.counts) if data.counts is not None else {"test": n},
        remarks=list(data.audit.get("remarks", ())) if data.audit else [],
        side=entry.get("size"),
        selected=systems[0],
        called=data.names[systems[0].address],
        description=describe_system(data.config, data.key, systems[0].model, systems[0].system),
        candidates=len(systems),
        equally_good=sum(row.equally_good for row in systems),
        stability=_stability(systems, data.names, data.config["evaluation"]["replicates"]),
        primary=paired.primary_answers(data.compared, data.names),
        higher_on_test=paired.higher_on_test(systems, several),
        told_apart=paired.answer(data.compared),
        fusion=paired.fusion_answer(data.compared, data.names),
        majority=next((row for row in data.baselines if row.system == "majority"), None),
        comparisons=paired.published(published, systems, data.measures, data.compared, entry["source"], data.names),
        several_labels=several,
        chosen_by=CRITERIA[criterion],
        chosen_at=systems[0].on_validation(criterion),
        near_duplicates=paired.duplicates_sentence(data.audit, data.compared, entry),
        trust=reliability.sentences(data.reliability) if data.reliability else [],
        looks=_looks(looks),
        results=results,
        more_results=more_results,
        leak=paired.duplicates_clause(data.compared, entry),
        card=card(data),
        sections=page_sections.sections(data),
    )


def _looks(before: int | None) -> str:
    """How often the test images had been looked at, as a sentence.

    >>> _looks(0), _looks(1)
    ('No look at its test labels is recorded before this one.', 'Its test labels had been looked at once before.')
    """
    if before is None:
        return "How often its test labels were looked at is not recorded."
    if not before:
        return "No look at its test labels is recorded before this one."
    times = {1: "once", 2: "twice"}.get(before, f"{before:,} times")
    return f"Its test labels had been looked at {times} before."


def _stability(systems: Sequence[rankings.RankedSystem], names: Mapping[str, str], replicates: int) -> str:
    """How often the first system is selected with other validation images, and which other one is so most often."""
    selected, *others = systems
    if not others:
        return ""
    second = max(others, key=lambda row: row.selection_frequency)
    own, other = (percent(row.selection_frequency, 0) for row in (selected, second))
    also = f", {names[second.address]} in {other}" if second.selection_frequency else ""
    return f"It is selected in {own} of {replicates:,} bootstrap samples of the validation images{also}."


def describe_system(config: Config, dataset: str, model: str, system: str) -> str:
    """What a system is, in a few words, from the configuration; nothing for one that it does not have."""
    entry = config["datasets"][dataset]
    if model == "ensembles":
        return f"mean probability of {', '.join(entry['ensembles'].get(system, []))} over all seeds"
    if system == "cnn":
        return "a linear head on its features" if backbones.of_model(config, entry, model) else "the network alone"
    if system in config["classifiers"]:
        classifier = config["classifiers"][system]
        kind = KINDS.get(classifier["kind"], classifier["kind"])
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
