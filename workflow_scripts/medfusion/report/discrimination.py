"""The page's account of discrimination between the classes: operating points, predictive values, what they mean."""

from collections.abc import Iterable

from medfusion.evaluation.discrimination import TARGETS
from medfusion.files.discriminations import RULES, Discrimination, operating_point
from medfusion.files.rankings import Score
from medfusion.naming import percent
from medfusion.report.page_components import Body, Cell, Row, Section, Table
from medfusion.report.page_tables import NOTHING, interval, value_cell, with_interval

FEW = 200  # images of a class, up to which counts stand beside rates
RATES = (
    "Rates in the first table are of thresholds sought on these test images, no promise for others; their intervals "
    "seek it anew in each bootstrap."
)
PREVALENCES = (
    "Predictive values depend on how common {positive} is: {share} of these test images; other prevalences by Bayes' "
    "rule."
)
BENEFIT = (
    "Net benefit: a system is of use at a threshold where its curve lies above calling every image {positive}, and "
    "none."
)


def fill(section: Section, found: Discrimination) -> None:
    """Add notes and tables to the section; there are none without a label that they could speak of."""
    if (positive := found.positive) is None:
        return
    section.notes.append(PREVALENCES.format(positive=positive, share=percent(found.prevalence, 1)))
    section.method += [RATES, BENEFIT.format(positive=positive)]
    test = f"{found.name}, test n = {found.content['images']:,}, {found.images_with:,} of them {positive}"
    section.tables += [
        _rates(found, f"Sensitivity to {positive} at a given specificity, and back ({test})"),
        _two_by_two(found, f"Test images by what they are and what the selected system calls them ({test})"),
        _predictive_values(found, f"Predictive values of the selected system by prevalence of {positive} ({test})"),
    ]


def _rates(found: Discrimination, caption: str) -> Table:
    with_label = found.images_with
    kinds = {"sensitivity_at_specificity": with_label, "specificity_at_sensitivity": _others(found)}
    rows = []
    for curve in found.curves:
        cells = []
        for kind, images in kinds.items():
            for target in TARGETS:
                score = found.score(curve.address, f"{kind}[{target}]")
                cells.append(NOTHING if score is None else _with_counts(score, images))
        rows.append(Row([Cell(found.names[curve.address]), *cells]))
    head = [
        f"{first.capitalize()} at {percent(target / 100)} {second}"
        for first, second in (("sensitivity", "specificity"), ("specificity", "sensitivity"))
        for target in TARGETS
    ]
    return Table(caption, ["System", *head], [Body(rows)])


def _two_by_two(found: Discrimination, caption: str) -> Table:
    """Counts by truth and by what each rule calls, means over seeds."""
    positive, label, selected = str(found.positive), found.content["positive"], found.content["selected"]
    groups = ((positive, "sensitivity", found.images_with), (f"not {positive}", "specificity", _others(found)))
    rows = []
    for name, rate, images in groups:
        cells = []
        for rule in _rules(found):
            score = found.score(selected, f"{rate}_{rule}[{label}]")
            right = 0.0 if score is None else score.mean * images
            called = (right, images - right) if rate == "sensitivity" else (images - right, right)
            cells += [Cell(_count(number), sort=number) for number in called]
        rows.append(Row([Cell(name), *cells, Cell(f"{images:,}", sort=images)]))
    head = [f"Called {what}{positive} {_words(found, rule)}" for rule in _rules(found) for what in ("", "not ")]
    return Table(caption, ["In truth", *head, "Test images"], [Body(rows)])


def _predictive_values(found: Discrimination, caption: str) -> Table:
    label, selected = found.content["positive"], found.content["selected"]
    rows = []
    own = [f"[{label}]", f"{percent(found.prevalence, 1)}, as in this test split"]
    others = [(f"[at {prevalence:g}]", percent(prevalence)) for prevalence in found.content["prevalences"]]
    for suffix, name in (own, *others):
        cells = []
        for rule in _rules(found):
            for kind in ("precision" if suffix == own[0] else "ppv", "npv"):
                score = found.score(selected, f"{kind}_{rule}{suffix}")
                cells.append(NOTHING if score is None else with_interval(score))
        rows.append(Row([Cell(name), *cells]))
    head = [
        f"{what} predictive value {_words(found, rule)}" for rule in _rules(found) for what in ("Positive", "Negative")
    ]
    return Table(caption, ["Prevalence", *head], [Body(rows)])


def _rules(found: Discrimination) -> Iterable[str]:
    """The rules that the selected system has a point of."""
    selected, label = found.content["selected"], found.content["positive"]
    return [rule for rule in RULES if operating_point(found, selected, rule, label)]


def _words(found: Discrimination, rule: str) -> str:
    if rule == "chosen":
        return "at the threshold from validation"
    return "at 0.5" if len(found.content["classes"]) == 1 else "by the most probable class"


def _others(found: Discrimination) -> int:
    return int(found.content["images"] - found.images_with)


def _with_counts(score: Score, images: int) -> Cell:
    """A rate with its interval; of few images also how many they are."""
    cell, limits = value_cell(score), interval(score)
    counts = f"{_count(score.mean * images)} of {images}, " if images <= FEW else ""
    return Cell(cell.text, f"{counts}{limits}", cell.sort)


def _count(number: float) -> str:
    """A number of images, which is a mean over seeds where it is no whole one."""
    whole = round(number, 6)
    return f"{whole:,.0f}" if whole == round(whole) else f"{whole:,.1f}"
