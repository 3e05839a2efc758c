"""The page's account of the input check: how many images of which kinds the exported system flags."""

from medfusion.evaluation.metrics import wilson
from medfusion.figures.corruption_figures import words
from medfusion.files.input_check_trials import Trial, Trials
from medfusion.learning.input_check import KINDS
from medfusion.naming import percent
from medfusion.report.page_components import Body, Cell, Row, Section, Table
from medfusion.report.page_tables import NOTHING

WHAT = (
    "The exported system compares each image with the training images, by features of its network and by plain "
    "statistics of pixels. It flags one that is unlike them, and refers it to a human, however sure it is. The limit "
    "is set on the validation split, so that about {flagged} of images like those are flagged all the same."
)
HOW = (
    "Distances of features: {kind}, chosen on validation images that were altered in other ways than those below: mean "
    "AUROC by themselves {areas}. An image that is not flagged is not thereby like the training images."
)
KIND_WORDS = {
    "mahalanobis": "Mahalanobis distance to the nearest class",
    "relative_mahalanobis": "relative Mahalanobis distance",
    "nearest": "distance to nearest neighbours",
}
CONDITIONS = {"clean": "test images as they are", "noise": "uniform noise", "white": "white", "black": "black"}


def fill(section: Section, tried: Trials, flagged: float, other: str | None, confidence: float, name: str) -> None:
    """Add notes and a table to the section.

    Parameters
    ----------
    tried : as `input_check_trials.read` has it
    flagged : share of validation images that may be flagged
    other : what the other data set is called, if there is one
    confidence : of intervals
    name : of the data set, which says so if its images are generated
    """
    section.method.append(WHAT.format(flagged=percent(flagged)))
    kinds = dict.fromkeys(network["kind"] for network in tried.networks)
    first = tried.networks[0]["auroc"]
    areas = ", ".join(f"{first[kind]:.2f} ({KIND_WORDS[kind]})" for kind in KINDS)
    section.method.append(HOW.format(kind=" and ".join(KIND_WORDS[kind] for kind in kinds), areas=areas))
    levels = sorted({trial.severity for trial in tried.trials if trial.severity})
    conditions: dict[str, list[Trial]] = {}
    for trial in tried.trials:
        conditions.setdefault(trial.condition, []).append(trial)
    called = {**CONDITIONS, "other": f"test images of {other}"}
    rows = [
        _row(called.get(condition, words(condition)), trials, levels, confidence)
        for condition, trials in conditions.items()
    ]
    caption = f"Images that are flagged as unlike the training images ({name})"
    head = ["Images", "Flagged", *(f"severity {level}" for level in levels), "Low confidence", "Referred in all"]
    section.tables.append(Table(caption, head, [Body(rows)]))


def _row(name: str, trials: list[Trial], levels: list[int], confidence: float) -> Row:
    n, flagged = sum(trial.n for trial in trials), sum(trial.flagged for trial in trials)
    low, high = wilson(flagged, n, confidence)
    single = len(trials) == 1 and not trials[0].severity
    limits = f"{percent(low, 1)} to {percent(high, 1)}" if single and n > 1 else ""
    by_level = {trial.severity: trial for trial in trials}
    cells = [Cell(name, f"n = {n:,}"), Cell(percent(flagged / n, 1), limits, flagged / n)]
    cells += [_share(by_level[level].flagged, by_level[level].n) if level in by_level else NOTHING for level in levels]
    cells += [_share(sum(getattr(trial, key) for trial in trials), n) for key in ("unsure", "referred")]
    return Row(cells, "baseline" if name == CONDITIONS["clean"] else "")


def _share(count: int, n: int) -> Cell:
    return Cell(percent(count / n, 1), sort=count / n)
