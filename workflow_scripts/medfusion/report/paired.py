"""What the page says of paired comparisons: which systems differ, and how they do without near-duplicates."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from medfusion.evaluation.crossvalidation import POWER
from medfusion.evaluation.image_parts import ENOUGH
from medfusion.evaluation.metrics import summarise_seeds
from medfusion.evaluation.paired_tests import level_of
from medfusion.evaluation.ranking import interval_of_mean, runs
from medfusion.files.comparison_files import Comparisons, is_baseline
from medfusion.files.rankings import RankedSystem
from medfusion.naming import class_names, percent
from medfusion.report.page_components import Body, Cell, Row, Section, Table
from medfusion.report.page_tables import BASELINES, NOTHING, add_first
from medfusion.system_id import SystemId

MEASURES = {"accuracy": "accuracy", "auroc": "AUROC"}
# Of differences: those of AUROC are small where all systems are good.
DECIMALS = {"accuracy": 3, "auroc": 4, "log_loss": 4}
MANY = 0.05  # of the test images, from where on near-duplicates are told first
METHOD = (
    "Interval and p value of a row come from one procedure: sign flips over images for accuracy, DeLong for AUROC; "
    "p is adjusted by Holm's method over the {family} comparisons of a measure. At {level:g} or more there is no "
    "significant difference; the interval, which is not adjusted, may still exclude 0. The detectable difference is "
    "the one that this many images show with a probability of {power:.0%}, after the adjustment."
)
DECLARED = (
    "The primary comparisons are declared in the configuration (primary); p is adjusted for them alone. "
    "All other comparisons on this page are exploratory."
)
UNDECLARED = "No primary comparison is declared (primary): all comparisons on this page are exploratory."
PARTS = (
    "A near-duplicate correlates with a training image by {threshold:g} or more. The two parts may also differ in what "
    "else makes an image easy. No AUROC where a class has fewer than {least} images."
)


def difference(entry: Mapping[str, Any], measure: str, key: str = "difference") -> str:
    """The difference of a compared system, or a limit of it, as text.

    Where the interval leaves out 0, nothing is rounded to 0: there are more decimals then.

    >>> limits = [{"difference": -0.02, "low": -0.04, "high": high} for high in (-0.0003, 0.0003)]
    >>> [difference({"accuracy": found}, "accuracy", "high") for found in limits]
    ['−0.0003', '0.000']
    """
    found, decimals = entry[measure], DECIMALS[measure]
    if leaves_out_0(found):
        while decimals < 9 and not all(round(found[name], decimals) for name in ("difference", "low", "high")):
            decimals += 1
    return signed(found[key], decimals)


def leaves_out_0(found: Mapping[str, Any]) -> bool:
    """Whether the interval of a difference leaves out 0: p, before adjustment, is below the level."""
    return found["low"] > 0 or found["high"] < 0


def signed(value: float, decimals: int) -> str:
    """A difference with its sign.

    >>> signed(0.0126, 3), signed(-0.01, 3), signed(-0.0001, 3), signed(-0.0001, 4)
    ('+0.013', '−0.010', '0.000', '−0.0001')
    """
    text = f"{abs(value):.{decimals}f}"
    if float(text) == 0:
        return text
    return ("+" if value > 0 else "\N{MINUS SIGN}") + text


def p_value(p: float) -> str:
    """A p value, with more decimals where it is small.

    >>> p_value(0.45), p_value(0.0499), p_value(0.00001), p_value(1)
    ('0.450', '0.0499', '< 0.0001', '1.000')
    """
    if p < 0.0001:
        return "< 0.0001"
    return f"{p:.4f}" if p < 0.1 else f"{p:.3f}"


def verdict(entry: Mapping[str, Any]) -> str:
    """What the tests say of a compared system, in words.

    >>> same, lower = {"difference": 0.1, "low": -0.1, "high": 0.3}, {"difference": -0.1, "low": -0.2, "high": -0.05}
    >>> same, lower = {**same, "significant": False}, {**lower, "significant": True}
    >>> verdict({"accuracy": same, "auroc": same}), verdict({"accuracy": lower, "auroc": lower})
    ('no significant difference', 'lower accuracy, lower AUROC')
    >>> verdict({"accuracy": same, "auroc": {**lower, "significant": False}})
    'no significant difference (before adjustment: lower AUROC)'
    """
    clear, alone = [], []
    for measure, name in MEASURES.items():
        if measure not in entry:
            continue
        found = entry[measure]
        words = f"{'higher' if found['difference'] > 0 else 'lower'} {name}"
        if found["significant"]:
            clear.append(words)
        elif leaves_out_0(found):
            alone.append(words)
    text = ", ".join(clear) or "no significant difference"
    return f"{text} (before adjustment: {', '.join(alone)})" if alone else text


def relation(entry: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """What a compared system is to the selected one, in words.

    Parameters
    ----------
    names : of systems, by address
    """
    same = entry["same_as"]
    return f"the same predictions as {names[same]}, counted once" if same else verdict(entry)


def detectable(entry: Mapping[str, Any]) -> str:
    """Which differences so many images show, where a comparison has none that is significant; else nothing."""
    shown = [
        f"{entry[measure]['detectable']:.{DECIMALS[measure]}f} of {name}"
        for measure, name in MEASURES.items()
        if measure in entry and entry[measure]["detectable"] and not entry[measure]["significant"]
    ]
    return f"detectable: {', '.join(shown)}" if shown else ""


def primary_answers(comparisons: Comparisons | None, names: Mapping[str, str]) -> list[str]:
    """A sentence for each comparison that was declared beforehand.

    Parameters
    ----------
    names : of systems, by address
    """
    if not comparisons or not comparisons["primary"]:
        return []
    measure = comparisons["primary"]["measure"]
    number = len(comparisons["primary"]["pairs"])
    declared = f"one of {number} declared in the configuration" if number > 1 else "declared in the configuration"
    return [
        f"Primary comparison ({declared}): {names[entry['first']]} minus {names[entry['second']]}, "
        f"{MEASURES[measure]} {with_limits(entry, measure)}, adjusted p {p_value(entry[measure]['p_adjusted'])}: "
        f"{'; '.join(text for text in (verdict(entry), detectable(entry)) if text)}."
        for entry in comparisons["primary"]["pairs"]
    ]


def higher_on_test(systems: Sequence[RankedSystem], several_labels: bool) -> str:
    """Why a system that is ranked lower may have a higher test figure; nothing where none has.

    Parameters
    ----------
    systems : in the order of their ranks
    several_labels : whether an image may have several, for which the AUROC is the first figure
    """
    figure = "AUROC" if several_labels else "accuracy"
    first, *others = [(row.test_auroc if several_labels else row.test_accuracy).mean for row in systems]
    higher = sum(round(value, 3) > round(first, 3) for value in others)
    if not higher:
        return ""
    return (
        f"{higher} of the other systems {'has' if higher == 1 else 'have'} a higher test {figure}, up to "
        f"{max(others):.3f}. This is not an error: a system is selected on validation images, because the best of many "
        "by its test figure would look better than it is."
    )


def answer(comparisons: Comparisons | None) -> str:
    """One sentence: how many of the other systems differ significantly from the selected one."""
    if not comparisons:
        return ""
    others = [entry for entry in comparisons["systems"] if not is_baseline(entry["system"]) and not entry["same_as"]]
    if not others:
        return ""
    n, found, higher = len(others), {}, []
    for measure, name in MEASURES.items():
        clear = [entry[measure]["difference"] for entry in others if entry[measure]["significant"]]
        found[measure] = _differing(len(clear), n, "the other system" if n == 1 else f"the {n} other systems")
        if better := sum(gap > 0 for gap in clear):
            higher.append(f"; {better} {'has' if better == 1 else 'have'} a higher {name}")
    by = "Exploratory: by" if comparisons["primary"] else "By"
    return (
        f"{by} accuracy (sign flips over images), {found['accuracy']}; by AUROC (DeLong), {found['auroc']}"
        f"{''.join(higher)} (Holm's correction for {comparisons['family']} comparisons of either)."
    )


def _differing(clear: int, n: int, those: str) -> str:
    """How many of n systems differ significantly from the selected one, in words.

    >>> _differing(2, 3, "the 3 other systems")
    '1 of the 3 other systems does not differ significantly from it'
    """
    if n == 1:
        return f"{those} {'differs' if clear else 'does not differ'} significantly from it"
    if clear in (0, n):
        return f"{'all of' if clear else 'none of'} {those} {'differ' if clear else 'differs'} significantly from it"
    return f"{n - clear} of {those} {'does' if n - clear == 1 else 'do'} not differ significantly from it"


def published(
    entries: Sequence[Mapping[str, Any]],
    systems: Sequence[RankedSystem],
    table: pd.DataFrame,
    comparisons: Comparisons | None,
    source: str,
    names: Mapping[str, str],
) -> list[str]:
    """Where the published figure of a system lies among our runs of it, and that system against the selected one.

    Parameters
    ----------
    entries : of the configuration
    systems : in the order of their ranks
    table : tidy metrics of the data set
    source : of the data, as in the configuration
    names : of systems, by address
    """
    known = {row.address: row for row in systems}
    result = []
    for entry in entries:
        ours = known.get(entry.get("system") or "")
        if ours is None or entry.get("accuracy") is None:
            continue
        values = runs(table, [ours])["value"].round(3)
        text = _place(entry["accuracy"], values.to_list(), ours)
        origin = f" ({entry['source']})" if entry.get("source") else ""
        text = f"The {entry['accuracy']:.3f} of {entry['name']}{origin} for {names[ours.address]} lies {text}"
        result.append(f"{text}; it was measured on another split." if source == "surrogate" else f"{text}.")
        if comparisons:
            against = [row for row in comparisons["systems"] if row["system"] == ours.address]
            result += [_against_best(row, comparisons["confidence"], names) for row in against]
    return result


def _place(value: float, ours: list[float], system: RankedSystem) -> str:
    """Where a value lies among those of runs, all with three decimals."""
    test = system.test_accuracy
    if len(ours) == 1:
        low, high, what = round(test.low, 3), round(test.high, 3), "the interval of our run"
        details = f"{low:.3f} to {high:.3f}, around {test.mean:.3f}"
    else:
        low, high, what = min(ours), max(ours), f"the range of our {len(ours)} seeds"
        details = f"{low:.3f} to {high:.3f}, mean {test.mean:.3f} ± {test.sd:.3f}"
    where = "below" if value < low else "above" if value > high else "inside"
    text = f"{where} {what} ({details})"
    if len(ours) == 1:
        return text
    above, equal = sum(one > value for one in ours), sum(one == value for one in ours)
    equals = f" and {equal} {'equals' if equal == 1 else 'equal'} it" if equal else ""
    return f"{text}: {above} of {len(ours)} {'lies' if above == 1 else 'lie'} above it{equals}"


def _against_best(entry: Mapping[str, Any], confidence: float, names: Mapping[str, str]) -> str:
    interval = f"{percent(confidence)} interval {_interval(entry, 'accuracy')}"
    p, adjusted = (p_value(entry["accuracy"][key]) for key in ("p", "p_adjusted"))
    return (
        f"Against the selected system, the accuracy of {names[entry['system']]} differs by "
        f"{difference(entry, 'accuracy')} ({interval}; p {p}, adjusted {adjusted}): {verdict(entry)}."
    )


def differences(section: Section, comparisons: Comparisons, names: Mapping[str, str], name: str) -> None:
    """Fill the section that says which systems differ from the selected system.

    Parameters
    ----------
    names : of systems, by address
    name : of the data
    """
    c = comparisons
    confidence = percent(c["confidence"])
    section.method.append(METHOD.format(family=c["family"], level=level_of(c["confidence"]), power=POWER))
    section.method.append(DECLARED if c["primary"] else UNDECLARED)
    data = f"{name}, test n = {c['n']:,}"
    if c["primary"]:
        section.tables.append(_primary(c, names, data))
    best = Row([Cell(names[c["best"]]), Cell("the others are compared with it"), *[NOTHING] * 4], "selected")
    rows = [best]
    baselines: list[Row] = []
    for entry in c["systems"]:
        cells = [Cell(names[entry["system"]]), Cell(relation(entry, names), detectable(entry))]
        for measure in MEASURES:
            found = entry[measure]
            cells.append(Cell(difference(entry, measure), _interval(entry, measure), found["difference"]))
            note = f"{p_value(found['p'])} unadjusted"
            cells.append(Cell(p_value(found["p_adjusted"]), note, found["p_adjusted"]))
        baseline = is_baseline(entry["system"])
        (baselines if baseline else rows).append(Row(cells, "baseline" if baseline else ""))
    head = ["System", "Against the selected system"]
    for measure in MEASURES.values():
        head += [f"Difference of {measure}, {confidence} interval", f"Adjusted p, {measure}"]
    caption = f"Every system minus the selected one ({data})"
    bodies = [Body(rows, "Measured here"), *([Body(baselines, BASELINES)] if baselines else [])]
    add_first(section, Table(caption, head, bodies, numeric=2), data)


def _primary(comparisons: Comparisons, names: Mapping[str, str], data: str) -> Table:
    """The comparisons that were declared beforehand."""
    measure, confidence = comparisons["primary"]["measure"], percent(comparisons["confidence"])
    rows = [
        Row(
            [
                Cell(names[entry["first"]]),
                Cell(names[entry["second"]]),
                Cell(verdict(entry), detectable(entry)),
                Cell(difference(entry, measure), _interval(entry, measure), entry[measure]["difference"]),
                Cell(
                    p_value(entry[measure]["p_adjusted"]),
                    f"{p_value(entry[measure]['p'])} unadjusted",
                    entry[measure]["p_adjusted"],
                ),
            ]
        )
        for entry in comparisons["primary"]["pairs"]
    ]
    head = ["System", "Minus", "The first has", f"Difference of {MEASURES[measure]}, {confidence} interval"]
    return Table(f"Primary comparisons ({data})", [*head, "Adjusted p"], [Body(rows)], numeric=3)


GAINS = {"log_loss": "log loss", "auroc": "AUROC"}
ADDED = "Each fusion minus its best member. Log loss is measured after the temperatures; lower is better."


def gain_verdict(entry: Mapping[str, Any]) -> str:
    """What a fusion adds to its best member, in words.

    >>> none, less = {"low": -0.1, "high": 0.1}, {"low": -0.2, "high": -0.1}
    >>> gain_verdict({"log_loss": less, "auroc": none}), gain_verdict({"log_loss": none, "auroc": less})
    ('lowers log loss', 'costs AUROC')
    >>> gain_verdict({"log_loss": none, "auroc": none})
    'adds nothing that can be shown'
    """
    words = []
    for measure, name in GAINS.items():
        if leaves_out_0(entry[measure]):
            better = (entry[measure]["high"] < 0) == (measure == "log_loss")
            verb = ("lowers" if better else "raises") if measure == "log_loss" else ("adds" if better else "costs")
            words.append(f"{verb} {name}")
    return ", ".join(words) or "adds nothing that can be shown"


def fusion_answer(comparisons: Comparisons | None, names: Mapping[str, str]) -> str:
    """One sentence: what the highest-ranked fusion adds to its best member."""
    if not comparisons or not comparisons["fusions"]:
        return ""
    entry = comparisons["fusions"][0]
    figures = ", ".join(f"{name} {with_limits(entry, measure)}" for measure, name in GAINS.items())
    return (
        f"What fusion adds: {names[entry['system']]} {gain_verdict(entry)} against its best member, "
        f"{names[entry['member']]} ({figures})."
    )


def fusions(section: Section, comparisons: Comparisons, names: Mapping[str, str], name: str) -> None:
    """Add to a section what each fusion adds to its best member.

    Parameters
    ----------
    names : of systems, by address
    name : of the data
    """
    if not comparisons["fusions"]:
        return
    rows = [
        Row(
            [
                Cell(names[entry["system"]]),
                Cell(names[entry["member"]]),
                Cell(gain_verdict(entry)),
                *(
                    Cell(difference(entry, measure), _interval(entry, measure), entry[measure]["difference"])
                    for measure in GAINS
                ),
            ]
        )
        for entry in comparisons["fusions"]
    ]
    confidence = percent(comparisons["confidence"])
    head = ["Fusion", "Best member", "The fusion …"]
    head += [f"Difference of {measure}, {confidence} interval" for measure in GAINS.values()]
    section.method.append(ADDED)
    section.tables.append(Table(f"What fusion adds ({name})", head, [Body(rows)], numeric=3))


def with_limits(entry: Mapping[str, Any], measure: str) -> str:
    """The difference of a compared system with its interval, as text."""
    return f"{difference(entry, measure)} ({_interval(entry, measure)})"


def _interval(entry: Mapping[str, Any], measure: str) -> str:
    return f"{difference(entry, measure, 'low')} to {difference(entry, measure, 'high')}"


def without_duplicates(
    section: Section, comparisons: Comparisons, names: Mapping[str, str], label_names: Sequence[str], name: str
) -> None:
    """Fill the section with measures on the test images without, and on those with a near-duplicate in training.

    Nothing is said where all test images have one, or none has.

    Parameters
    ----------
    names : of systems, by address
    label_names : one per class
    name : of the data
    """
    parts = comparisons["near_duplicates"]["parts"]
    if not parts:
        return
    order = [part for part in ("without", "with") if part in parts]
    counts = "; ".join(
        f"{part} one: n = {parts[part]['n']:,} (" + ", ".join(_classes(parts[part]["classes"], label_names)) + ")"
        for part in order
    )
    threshold = comparisons["near_duplicates"]["threshold"]
    section.notes.append(f"Test images {counts}.")
    section.method.append(PARTS.format(threshold=threshold, least=ENOUGH))
    rows: list[Row] = []
    baselines: list[Row] = []
    level = comparisons["confidence"]
    for entry in comparisons["near_duplicates"]["systems"]:
        cells, system = [Cell(names[entry["system"]])], entry["system"]
        for part in order:
            cells += [_over_runs([run[part][measure] for run in entry["runs"]], level) for measure in MEASURES]
        kind = "selected" if system == comparisons["best"] else "baseline" if is_baseline(system) else ""
        (baselines if is_baseline(system) else rows).append(Row(cells, kind))
    head = ["System"]
    for part in order:
        head += [
            f"{'AUROC' if m == 'auroc' else 'Accuracy'} {part} near-duplicates, n = {parts[part]['n']:,}"
            for m in MEASURES
        ]
    bodies = [Body(rows, "Measured here"), *([Body(baselines, BASELINES)] if baselines else [])]
    caption = f"Test images without and with a near-duplicate in training ({name})"
    add_first(section, Table(caption, head, bodies), name)


def _classes(counts: Sequence[int], label_names: Sequence[str]) -> list[str]:
    return [f"{count:,} {label}" for count, label in zip(counts, class_names(label_names, 80), strict=True)]


def _over_runs(measures: Sequence[Mapping[str, float] | None], confidence: float) -> Cell:
    """Mean and deviation over runs, and the interval of the mean; nothing where there are too few images."""
    known = [measure for measure in measures if measure is not None]
    if len(known) < len(measures):
        return NOTHING
    values, lows, highs = (np.array([measure[key] for measure in known]) for key in ("value", "low", "high"))
    mean, sd = summarise_seeds(values)
    low, high = interval_of_mean(values, lows, highs, confidence)
    text = f"{mean:.3f}" if math.isnan(sd) else f"{mean:.3f} ± {sd:.3f}"
    return Cell(text, f"{low:.3f} to {high:.3f}", mean)


def duplicates_sentence(
    audit: Mapping[str, Any] | None, comparisons: Comparisons | None, entry: Mapping[str, Any]
) -> str:
    """How many test images have a near-duplicate in training, and how the selected system does on either part.

    Parameters
    ----------
    audit : counts of near-duplicates, as audit_duplicates writes them
    entry : of the data set, complete
    """
    if audit is None:
        return ""
    part = next(part for part in audit["splits"] if (part["first"], part["second"]) == ("train", "test"))
    limit = f"{audit['threshold']:g}"
    number = len(part["indices"])
    meant = f"pixel correlation of {limit} or more"
    meant += ", or the same bytes" * (number > part["images"][limit] + part["turned"])
    if part["turned"]:
        meant += f"; {part['turned']:,} of them mirrored or turned"
    if not number:
        return f"No test image has a near-duplicate ({meant}) among the training images."
    images = f"{number:,} of {audit['images']['test']:,} test images"
    text = f"{images} {'has' if number == 1 else 'have'} a near-duplicate ({meant}) among the training images"
    if not comparisons or not comparisons["near_duplicates"]["parts"]:
        return f"{text}."
    found = comparisons["near_duplicates"]["systems"][0]["runs"]  # of the best
    level = comparisons["confidence"]
    cells = [_over_runs([run[name]["accuracy"] for run in found], level) for name in ("with", "without")]
    having, without = (f"{cell.text} ({cell.note})" for cell in cells)
    text += f": on these the selected system's accuracy is {having}, on the others {without}."
    return text + _without_them(comparisons, entry)


def _without_them(comparisons: Comparisons, entry: Mapping[str, Any]) -> str:
    """A sentence where the selected system learned from no near-duplicate of a test image; nothing where it did."""
    selected = SystemId.of(comparisons["best"])
    members = entry["ensembles"][selected.system] if selected.model == "ensembles" else [selected.address]
    models = [entry["models"][SystemId.of(member).model] for member in members]
    left_out = all("test" in model["drop_near_duplicates_of"] for model in models)
    return " It learned from none of these near-duplicates." if left_out else ""


def duplicates_first(comparisons: Comparisons, names: Mapping[str, str], name: str, entry: Mapping[str, Any]) -> str:
    """What near-duplicates do to the results of a data set, where they are more than a twentieth of its test images.

    Parameters
    ----------
    names : of systems, by address
    name : of the data
    entry : of the data set, complete
    """
    near_duplicates = comparisons["near_duplicates"]
    share = near_duplicates["images"] / comparisons["n"]
    if share <= MANY:
        return ""
    text = (
        f"{percent(round(share, 2))} of the test images of {name} ({near_duplicates['images']:,} of "
        f"{comparisons['n']:,}) have a near-duplicate among the training images (pixel correlation of "
        f"{near_duplicates['threshold']:g} or more)"
    )
    if not near_duplicates["parts"]:
        return f"{text}: how systems do without such images cannot be measured."
    runs, figures, level = near_duplicates["systems"][0]["runs"], [], comparisons["confidence"]
    for part in ("with", "without"):
        cells = {words: _over_runs([run[part][measure] for run in runs], level) for measure, words in MEASURES.items()}
        figures.append(
            ", ".join(f"{words} {cell.text} ({cell.note})" for words, cell in cells.items() if cell is not NOTHING)
        )
    selected = names[comparisons["best"]]
    text += f": on these the selected system ({selected}) has {figures[0]}; on the others, {figures[1]}."
    return text + _without_them(comparisons, entry)


def apart_from_duplicates(comparisons: Comparisons | None) -> tuple[str, dict[str, Cell]] | None:
    """The title of a column, and by address each system's accuracy on test images without a near-duplicate.

    None where near-duplicates are few, or it cannot be measured.
    """
    found = comparisons["near_duplicates"] if comparisons else None
    if not comparisons or not found or found["images"] / comparisons["n"] <= MANY or "without" not in found["parts"]:
        return None
    cells = {
        entry["system"]: _over_runs([run["without"]["accuracy"] for run in entry["runs"]], comparisons["confidence"])
        for entry in found["systems"]
    }
    return f"Accuracy without near-duplicates, n = {found['parts']['without']['n']:,}", cells


def duplicates_clause(comparisons: Comparisons | None, entry: Mapping[str, Any]) -> str:
    """How near-duplicates affect the selected system's accuracy, in one short sentence; empty where they are few."""
    if not comparisons:
        return ""
    found = comparisons["near_duplicates"]
    if not found or found["images"] / comparisons["n"] <= MANY:
        return ""
    text = (
        f"{percent(round(found['images'] / comparisons['n'], 2))} of the test images have a near-duplicate among the "
        "training images"
    )
    if not found["parts"]:
        return f"{text}."
    runs, level = found["systems"][0]["runs"], comparisons["confidence"]  # of the selected system
    having, lacking = (_over_runs([run[part]["accuracy"] for run in runs], level).text for part in ("with", "without"))
    text += f": the selected system's accuracy is {having} on these, {lacking} on the others."
    return text + _without_them(comparisons, entry)
