"""The page's account of how far the probabilities can be trusted: tables, notes in plain words, a sentence."""

import math
from collections.abc import Iterable, Sequence

from medfusion.evaluation.ranking import representatives, score
from medfusion.evaluation.reliability import REFERRED, SCHEMES
from medfusion.files.rankings import RankedSystem, Score
from medfusion.files.reliabilities import Reliability
from medfusion.learning.calibration import FOLDS, coverage_limits
from medfusion.naming import percent
from medfusion.report.page_components import Body, Cell, Row, Section, Table, table_file
from medfusion.report.page_tables import NOTHING, interval, number, runs_cell, value_cell, with_interval
from medfusion.system_id import SystemId

DECISION = {
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "Positive predictive value",
    "npv": "Negative predictive value",
    "balanced_accuracy": "Balanced accuracy",
    "accuracy": "Accuracy",
}
RULES = ("default", "chosen")
COUNTED = 100  # images of which a share is given as a count too, if they are fewer
THRESHOLDS = {"marginal": "one for all classes", "by_class": "one for each class"}
CALIBRATION = (
    "Each temperature is chosen on the validation split (n = {n:,}) and applied only where {folds} folds of that split "
    "show a gain; else it is 1. Probabilities of 0, as trees give, stay 0, and count as 10⁻¹² in the log loss."
)
SETS = (
    "Thresholds of prediction sets are meant for a coverage of {coverage}: one for all classes over all images, one "
    "for each class within each. They hold for images that nothing else was chosen on; here validation also chose "
    "settings, so coverage can fall a little short."
)
CHANCE = (
    "By chance in validation, the share of new images that a threshold from {n:,} of them really reaches lies between "
    "{low} and {high} ({confidence} of draws), and of {smallest}, the rarest class with its own (n = {class_n:,}), "
    "between {class_low} and {class_high}."
)
DECISION_CHANCE = (
    "By chance in validation, the share of new images of {name} that a threshold meant to find {sensitivity} of them, "
    "chosen on {n:,}, really finds lies between {low} and {high} ({confidence} of draws)."
)
REFERRAL = "The threshold of abstention was chosen so that {referred} of the validation images lie below it."


def fill(section: Section, found: Reliability, systems: Sequence[RankedSystem]) -> None:
    """Add notes and tables to the section.

    Parameters
    ----------
    systems : the candidates, in the order of their ranks
    """
    content, shown = found.content, representatives(systems)
    coverage, referred = percent(content["coverage"]), percent(content["abstention_rate"])
    section.notes += [*_always(found), *_decision_note(found, systems[0]), *_decision_chance(found)]
    section.method += [
        CALIBRATION.format(n=sum(content["validation"]), folds=FOLDS),
        SETS.format(coverage=coverage),
        *_chance(found),
        REFERRAL.format(referred=referred),
    ]
    section.tables.append(_by_class(found, f"Prediction sets of the selected system by class ({_test(found)})"))
    makers = {
        "Probabilities before and after the temperature": _calibration,
        "How far from calibrated, after the temperature": _calibrated,
        f"Prediction sets for a coverage of {coverage}": _sets,
        "Selective accuracy by abstention": _referral,
    }
    if positive := _positive(found):
        rule = f"chosen on validation {decision_rule(found)}, beside 0.5"
        makers[f"A threshold for {positive} on the probability after the temperature, {rule}"] = _decision
    others = [row for row in systems if row not in shown]
    for caption, make in makers.items():
        section.tables.append(make(found, shown, f"{caption} ({_test(found)})"))
        if others:
            label = f"{caption}: {len(others)} other systems"
            section.files.append(table_file(make(found, others, label), label, _test(found)))


def sentences(found: Reliability) -> list[str]:
    """What the selected system's confidence and prediction sets are worth, for the answer."""
    model, _, system = SystemId.of(found.content["best"])
    share, rest, held, size = (
        score(found.table, model, system, "test", metric)
        for metric in ("abstention_rate", "selective_accuracy", "marginal_coverage", "marginal_size")
    )
    by_class = {
        name: score(found.table, model, system, "test", f"marginal_coverage[{label}]")
        for label, name in enumerate(found.label_names)
    }
    lowest = min(by_class, key=lambda name: by_class[name].mean)
    referred, coverage = (percent(found.content[key]) for key in ("abstention_rate", "coverage"))
    parts = []
    if rest.n:
        parts.append(
            f"A threshold of confidence meant to refer the least certain {referred} of the images to a human refers "
            f"{percent(share.mean, 1)} of the test images; selective accuracy is {value_cell(rest).text} "
            f"({interval(rest)})."
        )
    parts.append(
        f"Its {coverage} prediction sets, of {size.mean:.2f} classes on average, hold the true class of {_share(held)} "
        f"of the test images; lowest for {lowest}: {_share(by_class[lowest])}."
    )
    return parts


def _share(result: Score) -> str:
    """A share of images with its interval and their number."""
    limits = f"{percent(result.low, 1)} to {percent(result.high, 1)}"
    return f"{percent(result.mean, 1)} ({limits}, n = {result.n:,})"


def decision_scores(found: Reliability, row: RankedSystem) -> dict[str, Score]:
    """The measures of the decision threshold of a system; none where none was chosen."""
    metrics = ["decision", *(f"{name}_{rule}" for name in DECISION for rule in RULES)]
    of_system = found.table[(found.table["model"] == row.model) & (found.table["system"] == row.system)]
    if "decision" not in set(of_system["metric"]):
        return {}
    return {metric: _score(found, row, metric) for metric in metrics}


def _chance(found: Reliability) -> Iterable[str]:
    """How far chance in the validation images takes the coverage of prediction sets."""
    content = found.content
    counts, confidence = content["validation"], content["confidence"]
    own = [label for label in range(len(counts)) if label not in found.always]
    total = coverage_limits(sum(counts), content["coverage"], confidence)
    if total is None or not own:
        return
    rarest = min(own, key=counts.__getitem__)
    of_class = coverage_limits(counts[rarest], content["coverage"], confidence)
    if of_class is None:  # does not happen: `always` names the classes with too few images
        return
    limits = dict(zip(("low", "high", "class_low", "class_high"), (*total, *of_class), strict=True))
    yield CHANCE.format(
        confidence=percent(confidence),
        n=sum(counts),
        smallest=found.label_names[rarest],
        class_n=counts[rarest],
        **{key: percent(limit, 1) for key, limit in limits.items()},
    )


def _always(found: Reliability) -> Iterable[str]:
    """Which classes are in every class-conditional set, because validation has too few images of them."""
    if found.always:
        coverage = found.content["coverage"]
        names = ", ".join(found.label_names[label] for label in found.always)
        yield (
            f"Validation has too few images of {names}: a threshold for {percent(coverage)} needs "
            f"{_least_images(coverage)} of a class. "
            "With one threshold for each class, every set holds these classes."
        )


def _least_images(share: float) -> int:
    """How many images a conformal threshold for a share of them needs."""
    return math.ceil(round(share / (1 - share), 9))


def _decision_note(found: Reliability, best: RankedSystem) -> Iterable[str]:
    """What the chosen threshold changes for the selected system."""
    if scores := decision_scores(found, best):
        values = {metric: number(result.mean) for metric, result in scores.items()}
        mean = f" (the mean over {best.runs} seeds)" if best.runs > 1 else ""
        yield (
            f"Calling an image {_positive(found)} from a probability (after the temperature) of {values['decision']} "
            f"on{mean} instead "
            f"of 0.5, chosen on validation {decision_rule(found)}, takes its sensitivity on the test split "
            f"from {values['sensitivity_default']} to {values['sensitivity_chosen']} "
            f"(n = {scores['sensitivity_chosen'].n:,}), and its specificity "
            f"from {values['specificity_default']} to {values['specificity_chosen']} "
            f"(n = {scores['specificity_chosen'].n:,})."
            f"{decision_limit(found)}"
        )


def _decision_chance(found: Reliability) -> Iterable[str]:
    """How far chance in the validation images takes the sensitivity of the decision threshold."""
    content, name = found.content, _positive(found)
    if not name or content["sensitivity"] is None:
        return
    n = content["validation"][content["positive"]]
    if limits := coverage_limits(n, content["sensitivity"], content["confidence"]):
        low, high = (percent(limit, 1) for limit in limits)
        more = {key: percent(content[key]) for key in ("sensitivity", "confidence")}
        yield DECISION_CHANCE.format(name=name, n=n, low=low, high=high, **more)


def decision_rule(found: Reliability) -> str:
    """What the decision threshold was chosen for, as words after "chosen"."""
    sensitivity = found.content["sensitivity"]
    if sensitivity is None:
        return "for the highest balanced accuracy"
    return f"to find {percent(sensitivity)} of the images of {_positive(found)}"


def decision_limit(found: Reliability) -> str:
    """That the decision threshold calls every image positive, as a sentence to append; else nothing."""
    sensitivity, name = found.content["sensitivity"], _positive(found)
    if sensitivity is None or found.content["validation"][found.content["positive"]] >= _least_images(sensitivity):
        return ""
    return (
        f" Validation has too few images of {name} to choose such a threshold: {percent(sensitivity)} needs "
        f"{_least_images(sensitivity)}. It is 0, and every image is called {name}."
    )


def _calibration(found: Reliability, systems: Sequence[RankedSystem], caption: str) -> Table:
    names = {"ece": "ECE", "brier": "Brier score", "log_loss": "Log loss"}
    metrics = [f"{name}_{when}" for name in names for when in ("before", "after")]
    rows = []
    for row in systems:
        scores = [with_interval(_score(found, row, metric)) for metric in metrics]
        rows.append([_temperature(found, row), *scores])
    head = ["Temperature", *(f"{title} {when}" for title in names.values() for when in ("before", "after"))]
    return _table(found, systems, head, rows, caption)


def _calibrated(found: Reliability, systems: Sequence[RankedSystem], caption: str) -> Table:
    head = ["Calibration slope"]
    if intercepts := bool((found.table["metric"] == "calibration_intercept").any()):
        head.append("Calibration intercept")
    rows = []
    for row in systems:
        error, debiased, p = (_score(found, row, f"ece_{name}") for name in ("after", "debiased", "p"))
        cells = [with_interval(_score(found, row, "calibration_slope"))]
        cells += [with_interval(_score(found, row, "calibration_intercept"))] if intercepts else []
        cells += [value_cell(error), with_interval(_score(found, row, "ece_expected")), value_cell(debiased)]
        rows.append([*cells, value_cell(p)])
    return _table(found, systems, [*head, "ECE", "ECE of chance", "ECE beyond chance", "p of chance"], rows, caption)


def _temperature(found: Reliability, row: RankedSystem) -> Cell:
    """The temperature of a system; under it, whether it is applied, and the two log losses that say so."""
    without, with_one = (_score(found, row, f"cv_log_loss_{which}").mean for which in ("without", "with"))
    cell = value_cell(_score(found, row, "temperature"))
    if math.isnan(without):
        return cell
    of_system = found.table[(found.table["model"] == row.model) & (found.table["system"] == row.system)]
    values = of_system[of_system["metric"] == "temperature"]["value"]
    idle = int((values == 1).sum())
    runs = "" if idle == len(values) else f" to {idle} of {len(values)}"
    said = f"not applied{runs}: " if idle else ""
    return Cell(cell.text, f"{said}log loss {without:.4f} without, {with_one:.4f} with", cell.sort)


def _sets(found: Reliability, systems: Sequence[RankedSystem], caption: str) -> Table:
    rows = []
    for row in systems:
        for scheme in SCHEMES:
            parts = {name: _score(found, row, f"{scheme}_{name}") for name in ("coverage", "size", "single")}
            classes = [_score(found, row, f"{scheme}_coverage[{label}]") for label in range(len(found.label_names))]
            worst = min(range(len(classes)), key=lambda label: classes[label].mean)
            lowest = value_cell(classes[worst])
            note = f"{found.label_names[worst]}, n = {classes[worst].n:,}, {interval(classes[worst])}"
            cells = [with_interval(parts["coverage"]), Cell(lowest.text, note, lowest.sort)]
            cells += [value_cell(parts[name]) for name in ("size", "single")]
            rows.append(Row([Cell(found.names[row.address]), Cell(THRESHOLDS[scheme]), *cells, runs_cell(row)]))
    head = ["System", "Thresholds", "Coverage", "Lowest of a class", "Mean set size"]
    return Table(caption, [*head, "Sets of one class", "Seeds"], [Body(rows)], numeric=2)


def _by_class(found: Reliability, caption: str) -> Table:
    model, _, system = SystemId.of(found.content["best"])
    rows = []
    for label, name in enumerate(found.label_names):
        cells = []
        for scheme in SCHEMES:
            held, size = (
                score(found.table, model, system, "test", f"{scheme}_{what}[{label}]") for what in ("coverage", "size")
            )
            cells += [with_interval(held), value_cell(size)]
        counts = [found.content[split][label] for split in ("test", "validation")]
        rows.append(Row([Cell(name), *cells, *(Cell(f"{n:,}", sort=n) for n in counts)]))
    head = [f"{what}, {title}" for title in THRESHOLDS.values() for what in ("Coverage", "mean set size")]
    return Table(caption, ["Class", *head, "Test images", "Validation images"], [Body(rows)])


def _referral(found: Reliability, systems: Sequence[RankedSystem], caption: str) -> Table:
    rows, of_decision = [], bool(_positive(found))
    for row in systems:
        left = [with_interval(_score(found, row, f"selective_accuracy[{share}]")) for share in REFERRED]
        area = _score(found, row, "aurc_after")
        own = [with_interval(_score(found, row, metric)) for metric in ("abstention_rate", "selective_accuracy")]
        if of_decision:
            own += [_of_rest(found, row, name) for name in ("sensitivity", "specificity")]
        rows.append([*left, value_cell(area), *own])
    head = [f"Abstention from {percent(share / 100)}" for share in REFERRED]
    head += ["Area under risk-coverage", "Abstention rate at the threshold", "Selective accuracy"]
    head += ["Selective sensitivity", "Selective specificity"] if of_decision else []
    return _table(found, systems, head, rows, caption)


def _of_rest(found: Reliability, row: RankedSystem, name: str) -> Cell:
    """Sensitivity or specificity at the decision threshold of the images that are not referred; of all, under it."""
    if not decision_scores(found, row):
        return NOTHING
    rest, whole = _score(found, row, f"selective_{name}"), _score(found, row, f"{name}_chosen")
    cell = with_interval(rest)
    return Cell(cell.text, f"{cell.note}; of all images {number(whole.mean)}", cell.sort)


def _decision(found: Reliability, systems: Sequence[RankedSystem], caption: str) -> Table:
    rows, kept = [], []
    for row in systems:
        if scores := decision_scores(found, row):
            kept.append(row)
            rows.append([_counted(metric, result) for metric, result in scores.items()])
    head = [f"{title} {at}" for title in DECISION.values() for at in ("at 0.5", "at the threshold")]
    return _table(found, kept, ["Threshold", *head], rows, caption)


def _counted(metric: str, result: Score) -> Cell:
    """A figure of the decision threshold; of few images as a count too, over several seeds the mean one."""
    if metric == "decision":
        return value_cell(result)
    cell = with_interval(result)
    if metric.partition("_")[0] not in ("sensitivity", "specificity") or not 0 < result.n < COUNTED:
        return cell
    return Cell(cell.text, f"{result.mean * result.n:.3g}/{result.n}, {cell.note}", cell.sort)


def _table(
    found: Reliability,
    systems: Sequence[RankedSystem],
    head: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    caption: str,
) -> Table:
    """A row for each system: its name, its cells, its seeds."""
    body = [
        Row([Cell(found.names[row.address]), *cells, runs_cell(row)]) for row, cells in zip(systems, rows, strict=True)
    ]
    return Table(caption, ["System", *head, "Seeds"], [Body(body)])


def _score(found: Reliability, row: RankedSystem, metric: str) -> Score:
    return score(found.table, row.model, row.system, "test", metric)


def _positive(found: Reliability) -> str:
    """The class that decision thresholds speak of; nothing where there are none."""
    if "decision" not in set(found.table["metric"]):
        return ""
    return found.label_names[found.content["positive"]]


def _test(found: Reliability) -> str:
    return f"{found.name}, test n = {sum(found.content['test']):,}"
