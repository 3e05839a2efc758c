"""The measured results as Markdown: what docs/results.md and the README show."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from medfusion import display_names
from medfusion.escaping import code, markdown
from medfusion.evaluation import ranking
from medfusion.files.comparison_files import Comparisons
from medfusion.files.metric_files import Metrics, tidy
from medfusion.files.rankings import RankedSystem, Ranking, Score
from medfusion.files.reliabilities import Reliability
from medfusion.jobs.costs import duration, stage_costs, stage_name
from medfusion.naming import CRITERIA, intervals, percent, span
from medfusion.planning.systems import Config
from medfusion.report import ablations, paired
from medfusion.report.page_tables import PUBLISHED, PUBLISHED_ON, interval, number
from medfusion.report.reliability import decision_limit, decision_rule, decision_scores
from medfusion.reruns.records import Record

NO_COMPARISONS = (
    "An image may have several labels at once. Accuracy and AUROC are means over the labels, with intervals of a "
    "bootstrap and DeLong's; tests that rest on one class an image are left out."
)


def summary(
    config: Config,
    contents: Sequence[Metrics],
    rankings: Mapping[str, Ranking],
    comparisons: Mapping[str, Comparisons],
    reliabilities: Mapping[str, Reliability],
    records: Sequence[Record],
    context: Mapping[str, str],
) -> str:
    """All systems of all data sets, which differ, what to trust, the training-size study, and the cost of each stage.

    Parameters
    ----------
    config : complete
    contents : of every metrics.json file
    rankings : of every ranking.csv file, by data set
    comparisons : of every comparisons.json file, by data set; none where an image may have several labels
    reliabilities : of every reliability.json file, by data set; none there either
    records : of the jobs that made the results
    context : lines that say when and on what the results were measured, by title
    """
    # In their order, which is that of the configuration; settings have sorted keys.
    names = {content["dataset"]: content["name"] for content in contents}
    systems = {key: display_names.system_names(config, key) for key in names}
    near_duplicates = [
        paired.duplicates_first(comparisons[key], systems[key], names[key], config["datasets"][key])
        for key in names
        if key in comparisons
    ]
    parts = ["# Measured results", *filter(None, near_duplicates)]
    parts += ["\n".join(f"- {title}: {text}" for title, text in context.items())]
    confidence = percent(config["evaluation"]["confidence"])
    replicates = f"{config['evaluation']['replicates']:,}"
    kinds = (
        "Wilson for accuracy and sensitivity (where an image has one class), DeLong for the AUROC, "
        f"stratified bootstrap of {replicates} for the others"
    )
    parts.append(
        "Accuracy and AUROC are MedMNIST's, on test images; ± is the standard deviation over seeds; then "
        f"{intervals(confidence, kinds)}. "
        f"Systems are ranked by their validation {CRITERIA[config['criterion']]}, the selected one first: of "
        "those within one standard error of the best it is the most accurate there; "
        "log loss is that after a temperature, where an image has one class."
    )
    for key in names:
        own = [content for content in contents if content["dataset"] == key]
        parts += _dataset(config, key, own, rankings[key], comparisons.get(key), systems[key])
        if key in reliabilities:
            parts += _reliability(reliabilities[key], rankings[key].systems, systems[key])
    parts += ["## Cost of each stage", _costs(stage_costs(records))]
    return "\n\n".join(parts) + "\n"


def _dataset(
    config: Config,
    key: str,
    contents: Sequence[Metrics],
    ranked: Ranking,
    compared: Comparisons | None,
    names: Mapping[str, str],
) -> list[str]:
    entry, table = config["datasets"][key], tidy(contents)
    name, n = table["name"].iloc[0], ranking.images_tested(table)
    rows, several, criterion = [], ranking.several_labels(table), config["criterion"]
    for row in ranked.systems + ranked.baselines:
        decisive = _value(row.on_validation(criterion))
        if several:
            measures = [decisive, _value(row.test_auroc), interval(row.test_auroc), _value(row.test_accuracy)]
            rows.append([_named(row.address, names), row.runs_in_words, *measures])
            continue
        positive = f"recall[{entry['positive']}]"
        extra = (
            [] if entry["positive"] is None else [_value(ranking.score(table, row.model, row.system, "test", positive))]
        )
        rows.append(
            [
                _named(row.address, names),
                row.runs_in_words,
                decisive,
                _value(row.test_accuracy),
                interval(row.test_accuracy),
            ]
        )
        rows[-1] += [_value(row.test_auroc), *extra]
    first, other = ("AUROC", "test accuracy") if several else ("accuracy", "AUROC")
    head = ["system", "runs", f"validation {CRITERIA[criterion]}", f"test {first}", "interval", other]
    if entry["positive"] is not None:
        head.append(f"sensitivity to {markdown(contents[0]['label_names'][entry['positive']])}")
    parts = [f"## {markdown(name)}, n = {n:,} test images", markdown_table(head, rows), *_published(entry, names)]
    parts += _differences(compared, names) if compared else [NO_COMPARISONS]
    if (table["model"] == "learning_curve").any():
        sizes = [str(size) for size in entry["learning_curve"]["sizes"]]
        scores = {size: ranking.score(table, "learning_curve", size, "test", "accuracy") for size in sizes}
        repeats = len(entry["learning_curve"]["repeats"])
        parts += [
            f"### Training-size study of `{entry['learning_curve']['network']}`, {repeats} "
            f"{'subset' if repeats == 1 else 'subsets'} of each size",
            markdown_table(
                ["training images", "test accuracy", "interval"],
                [[size, _value(score), interval(score)] for size, score in scores.items()],
            ),
        ]
    return parts + _ablations(config, key, table)


def _named(address: str, names: Mapping[str, str]) -> str:
    """A system at its first place: its name, and what files call it."""
    return f"{markdown(names[address])} ({code(address)})"


def _published(entry: Config, names: Mapping[str, str]) -> list[str]:
    """The figures published elsewhere, and on which images they were measured."""
    rows = []
    for row in entry["published"]:
        figures = ["–" if row.get(metric) is None else f"{row[metric]:.3f}" for metric in ("accuracy", "auroc")]
        ours = row.get("system")
        named = [markdown(row["name"]), markdown(row.get("source") or "–"), markdown(names[ours]) if ours else "–"]
        rows.append([*named, *figures])
    head = ["what", "from", "our system of that kind", "test accuracy", "AUROC"]
    title = PUBLISHED_ON.get(entry["source"], PUBLISHED)
    return [f"{title}:", markdown_table(head, rows)] if rows else []


def _ablations(config: Config, key: str, table: pd.DataFrame) -> list[str]:
    """For each model that others are derived from, what their changes make."""
    rows = ablations.found(config, key, table)
    head = ["change", "system", "validation accuracy", "difference", "test accuracy", "difference", "test AUROC"]
    models, systems = display_names.model_names(config, key), display_names.part_names(config, key)
    parts = []
    for base in dict.fromkeys(row.base for row in rows):
        of_base = [row for row in rows if row.base == base]
        lines = [
            [
                markdown(row.words),
                markdown(systems[row.system]),
                _value(row.scores["val", "accuracy"]),
                ablations.in_words(row.differences["val", "accuracy"]),
                _value(row.scores["test", "accuracy"]),
                ablations.in_words(row.differences["test", "accuracy"]),
                _value(row.scores["test", "auroc"]),
            ]
            for row in of_base
        ]
        seeds = span(sorted({seed for row in of_base for seed in row.seeds}), "seed", "seeds")
        parts += [
            f"### What the parts of {markdown(models[base])} contribute, {seeds}",
            "Differences are to the model as configured (of one member of a fusion, to the fusion) with the same "
            "seeds, mean ± standard deviation; none of these systems is a candidate.",
            markdown_table(head, lines),
        ]
    return parts


def _differences(compared: Comparisons, names: Mapping[str, str]) -> list[str]:
    """Every system against the selected one."""
    text = (
        f"Each system minus {markdown(names[compared['best']])}, the selected system: means over runs, with "
        f"{percent(compared['confidence'])} intervals and p values of one procedure each (sign flips over images for "
        f"accuracy, DeLong for AUROC); adjusted p by Holm's method over {compared['family']} comparisons of either."
    )
    rows = []
    for entry in compared["systems"]:
        row = [markdown(names[entry["system"]])]
        for measure in paired.MEASURES:
            row += [paired.with_limits(entry, measure)]
            row += [paired.p_value(entry[measure][key]) for key in ("p", "p_adjusted")]
        rows.append([*row, markdown(paired.relation(entry, names))])
    primary = [markdown(one) for one in paired.primary_answers(compared, names)] or [paired.UNDECLARED]
    head = ["system", "accuracy", "p", "adjusted p", "AUROC", "p", "adjusted p", "against the selected system"]
    return ["### Which systems differ", *primary, text, markdown_table(head, rows)]


def _reliability(found: Reliability, systems: Sequence[RankedSystem], names: Mapping[str, str]) -> list[str]:
    """Calibration, prediction sets, referral and decision threshold of every system."""
    content = found.content
    titles = {
        "temperature": "temperature",
        "ece_before": "ECE before",
        "ece_after": "ECE after",
        "marginal_coverage": "coverage",
        "marginal_size": "mean set size",
        "abstention_rate": "abstention rate",
        "selective_accuracy": "selective accuracy",
    }
    head, rows = ["system", "runs", *titles.values()], []
    for row in systems:
        scores = [ranking.score(found.table, row.model, row.system, "test", metric) for metric in titles]
        decisions = decision_scores(found, row)
        more = [decisions[metric] for metric in ("sensitivity_default", "sensitivity_chosen") if decisions]
        rows.append([markdown(names[row.address]), row.runs_in_words, *map(_value, scores + more)])
    rule, limit = "", ""
    if len(rows[0]) > len(head):
        rule = (
            f", and the decision threshold, on the probability after the temperature, {markdown(decision_rule(found))}"
        )
        limit = markdown(decision_limit(found))
        positive = markdown(found.label_names[content["positive"]])
        head += [f"sensitivity to {positive} at 0.5", "at the chosen threshold"]
    return [
        f"### How far the probabilities can be trusted, n = {sum(content['test']):,} test images",
        f"Chosen on the validation split (n = {sum(content['validation']):,}): the temperature, prediction sets that "
        f"are to hold the true class of {percent(content['coverage'])} of the images, the confidence below "
        f"which the least certain {percent(content['abstention_rate'])} are referred to a human"
        f"{rule}.{limit}",
        markdown_table(head, rows),
    ]


def _value(score: Score) -> str:
    return number(score.mean) if math.isnan(score.sd) else f"{number(score.mean)} ± {number(score.sd)}"


def _costs(table: pd.DataFrame) -> str:
    stages: Iterable[Any] = table.itertuples()
    rows = [
        [
            stage_name(row),
            str(row.jobs),
            duration(row.seconds),
            duration(row.longest),
            duration(row.cpu),
            f"{row.memory:,.0f} MB",
        ]
        for row in stages
    ]
    total = table[["seconds", "cpu"]].sum()
    rows.append(["all", str(table["jobs"].sum()), duration(total.seconds), "", duration(total.cpu), ""])
    return markdown_table(["stage", "jobs", "wall time, summed", "longest job", "processor time", "peak memory"], rows)


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown, of cells that are Markdown themselves."""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows))
