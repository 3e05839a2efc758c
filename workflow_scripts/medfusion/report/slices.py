"""The page's account of slices: how the selected system does by sex, age, site, device, or whatever metadata say."""

import math
from collections.abc import Iterator, Mapping, Sequence

from medfusion.evaluation.metrics import Measure
from medfusion.evaluation.paired_tests import level_of
from medfusion.evaluation.slices import LEAST_IMAGES, LEAST_PATIENTS, Slice
from medfusion.files.slice_files import Assessed
from medfusion.naming import percent
from medfusion.report.page_components import Body, Cell, Row, Section, Table
from medfusion.report.page_tables import NOTHING, number
from medfusion.report.paired import p_value, signed

NONE = "No metadata: whether results differ by sex, age, site or device is not known."
METHOD = (
    "Differences are of the accuracy to that of all other test images, by permutations of {units}; p is adjusted by "
    "Holm's method over the {family} comparisons of all columns. Another mix of classes can make a difference too."
)
FEW = "Of fewer than {images} images{patients} there are counts alone, and no test."
CLUSTERED = (
    "Images of a patient are not independent: intervals of shares are from a bootstrap of patients, those of AUROCs "
    "from components summed by patient."
)
NO_PATIENTS = (
    "The metadata have no column patient: images count as independent, so intervals are too narrow if they are not."
)


def fill(section: Section, found: Assessed, names: Mapping[str, str], label_names: Sequence[str], data: str) -> None:
    """Add notes and a table to the section.

    Parameters
    ----------
    names : of systems, by address
    label_names : of the classes
    data : what the data set is called, which says so if its images are generated
    """
    content, system = found.content, names[found.content["system"]]
    section.notes += [_verdict(found, system), *_warnings(found)]
    units = "patients" if content["with_patients"] else "images"
    tested = _tested(found)
    if tested:
        section.method.append(METHOD.format(units=units, family=len(tested)))
    patients = f", or of fewer than {LEAST_PATIENTS} patients," if content["with_patients"] else ""
    section.method.append(FEW.format(images=LEAST_IMAGES, patients=patients))
    section.method += [CLUSTERED] if content["with_patients"] else []
    titles = _titles(found, label_names)
    of_differences = ["Accuracy minus that of all others", "p (adjusted)"] if tested else []
    bodies = [Body([_row(found.slices[0], "all test images", titles, bool(tested))])]
    bodies += [
        Body([_row(one, one.value, titles, bool(tested)) for one in found.of(column)], column)
        for column in found.columns
    ]
    seeds = [seed for seed in content["seeds"] if seed is not None]
    runs = f", mean over {len(seeds)} seeds" if len(seeds) > 1 else ""
    caption = f"{system} by what is known of the test images ({data}, test n = {found.slices[0].images:,}{runs})"
    section.tables.append(Table(caption, ["Slice", "Images", *titles.values(), *of_differences], bodies))


def significant(found: Assessed) -> Iterator[str]:
    """Each slice whose accuracy differs significantly from that of all other test images, in words."""
    for one in _tested(found):
        if one.significant and one.difference:
            value, *limits, _ = (signed(part, 3) for part in one.difference)
            yield (
                f"{one.column} {one.value} {number(one.measures[0].value)} (n = {one.images:,}), {value} "
                f"({' to '.join(limits)}; adjusted p {p_value(one.p_adjusted or 0)})"
            )


def _tested(found: Assessed) -> list[Slice]:
    """The slices that were tested; of two, whose differences are one with two signs, the worse."""
    kept = []
    for column in found.columns:
        tested = sorted((one.difference.value, place) for place, one in enumerate(found.of(column)) if one.difference)
        kept += [found.of(column)[place] for _, place in (tested[:1] if len(found.of(column)) == 2 else tested)]
    return kept


def _verdict(found: Assessed, system: str) -> str:
    tested = _tested(found)
    if differing := list(significant(found)):
        return f"The accuracy of {system} differs significantly from that on all others: {'; '.join(differing)}."
    if tested:
        return (
            f"In none of {len(tested)} comparisons does the accuracy of {system} differ significantly from that on all "
            "other test images; with few images, large differences stay undetected."
        )
    columns = f" ({', '.join(found.columns)})" if found.columns else ""
    return f"No two slices have enough images for a comparison{columns}."


def _warnings(found: Assessed) -> Iterator[str]:
    """What a reader must know of the metadata before believing the table."""
    content, n = found.content, found.slices[0].images
    for split, name in (("train", "training"), ("val", "validation")):
        if count := content["shared"][split]:
            yield (
                f"{count:,} {'patient has' if count == 1 else 'patients have'} images in both {name} and test split: "
                "results are better than they would be for new patients."
            )
    if not content["with_patients"]:
        yield NO_PATIENTS
    if count := content["without_row"]:
        yield f"The metadata say nothing of {count:,} of {n:,} test images."
    for name, values in content["left_out"]:
        yield f"Left out: {name}, with {values:,} values that are not all numbers."


def _titles(found: Assessed, label_names: Sequence[str]) -> dict[str, str]:
    """The columns of the table, by their measures."""
    content = found.content
    names = {"accuracy": "Accuracy", "auroc": "AUROC"}
    if content["positive"] is not None:
        names["sensitivity"] = f"Sensitivity to {label_names[content['positive']]}"
        names["specificity"] = "Specificity"
    known = {measure.metric for one in found.slices for measure in one.measures}
    return {metric: title for metric, title in names.items() if metric in known}


def _row(one: Slice, name: str, titles: Mapping[str, str], tested: bool) -> Row:
    measures = {measure.metric: measure for measure in one.measures}
    patients = "" if one.patients is None else f"{one.patients:,} {'patient' if one.patients == 1 else 'patients'}"
    cells = [Cell(name), Cell(f"{one.images:,}", patients, one.images)]
    cells += [_cell(measures[metric]) if metric in measures else NOTHING for metric in titles]
    return Row([*cells, *_difference(one)] if tested else cells, "" if one.column else "baseline")


def _cell(measure: Measure) -> Cell:
    """A value with its interval; of too few images a count."""
    if not math.isnan(measure.low):
        n = "" if measure.metric in ("accuracy", "auroc") else f", n = {measure.n:,}"
        return Cell(number(measure.value), f"{number(measure.low)} to {number(measure.high)}{n}", measure.value)
    if measure.metric == "auroc":
        return NOTHING
    return Cell(f"{round(measure.value * measure.n, 1):g} of {measure.n}", sort=measure.value)


def _difference(one: Slice) -> Sequence[Cell]:
    if one.difference is None or one.p_adjusted is None:
        return NOTHING, NOTHING
    value, low, high, _ = one.difference
    return (
        Cell(signed(value, 3), f"{signed(low, 3)} to {signed(high, 3)}", value),
        Cell(p_value(one.p_adjusted), "significant" if one.significant else "", one.p_adjusted),
    )


def summary(found: Assessed) -> str:
    """The same in one line, for the checklist."""
    columns = ", ".join(found.columns)
    differing = "; ".join(significant(found)) or "none"
    level = percent(level_of(found.content["confidence"]))
    return f"by {columns or 'patient alone'}; accuracy that differs significantly (level {level}): {differing}"
