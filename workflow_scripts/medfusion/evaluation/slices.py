"""How one system does in parts of the test images: by sex, age, site, device, whatever metadata say."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.stats import norm
from statsmodels.stats.proportion import proportion_confint

from medfusion.data.metadata import UNKNOWN
from medfusion.data.natural_order import natural_key
from medfusion.evaluation.bootstrap import MOST_WEIGHTS, replicate_weights
from medfusion.evaluation.comparisons import holm
from medfusion.evaluation.image_parts import ENOUGH
from medfusion.evaluation.metrics import Measure, check_inputs, predict, proportion
from medfusion.evaluation.paired_tests import Area, Difference, area, level_of, logit_interval
from medfusion.evaluation.ranking import interval_of_mean
from medfusion.tasks import BINARY

LEAST_IMAGES = 20  # of which a share is given, and not a count alone …
LEAST_PATIENTS = 10  # … and of so many patients, where these are known: fewer say too little of their spread
MOST_VALUES = 20  # of a column; numbers of more are cut into ranges
RANGES = 4


@dataclass(frozen=True)
class Slice:
    """Some test images, by the value of a column.

    column, value : both empty for all test images
    images : their number
    patients : theirs; None where patients are not known
    right : number of images that are classified correctly, the mean over the runs
    measures : of the system, means over its runs; an interval that too few images would give is nan to nan
    difference : of the accuracy to that of all other test images; None where either are too few
    p_adjusted : by Holm's method over all slices of all columns
    significant : whether that is below the level
    """

    column: str
    value: str
    images: int
    patients: int | None
    right: float
    measures: tuple[Measure, ...]
    difference: Difference | None = None
    p_adjusted: float | None = None
    significant: bool = False


class Values(NamedTuple):
    """A column, ready to slice by.

    of_image : the value of each image, or the name of its range, (n,)
    order : of these, as tables have them
    """

    of_image: list[str]
    order: list[str]


def values(name: str, column: Sequence[str]) -> Values | None:
    """The values of a column as slices; None of one that has too many and is not of numbers.

    Age, and numbers of which there are more than 20, are cut at their quartiles.

    >>> values("sex", ["m", "f", "unknown", "f"]).order
    ['f', 'm', 'unknown']
    >>> values("age", ["70", "31", "45", "52", "unknown"]).of_image
    ['70', '31', '45', '52', 'unknown']
    """
    known = sorted(set(column) - {UNKNOWN}, key=natural_key)
    numbers = _numbers(known)
    if numbers is not None and (name.casefold() == "age" or len(known) > MOST_VALUES):
        of_value = dict(zip(known, numbers, strict=True))
        each = np.array([of_value[value] for value in column if value != UNKNOWN])
        places = np.searchsorted(np.quantile(each, np.arange(1, RANGES) / RANGES), each)
        parts = {place: each[places == place] for place in np.unique(places).tolist()}
        names = {place: _range(float(part.min()), float(part.max())) for place, part in parts.items()}
        found = iter(places.tolist())
        of_image = [UNKNOWN if value == UNKNOWN else names[next(found)] for value in column]
        order = list(dict.fromkeys(names.values()))
    elif len(known) > MOST_VALUES:
        return None
    else:
        of_image, order = list(column), known
    return Values(of_image, [*order, *([UNKNOWN] if UNKNOWN in column else [])])


def _numbers(texts: Sequence[str]) -> list[float] | None:
    try:
        found = [float(text) for text in texts]
    except ValueError:
        return None
    return found if found and all(map(math.isfinite, found)) else None


def _range(low: float, high: float) -> str:
    return f"{low:.12g}" if low == high else f"{low:.12g} to {high:.12g}"


def assess(
    labels: np.ndarray,
    runs: Sequence[np.ndarray],
    task: str,
    columns: Mapping[str, Values],
    patients: np.ndarray | None,
    *,
    positive: int | None,
    replicates: int,
    confidence: float,
    seed: int,
) -> list[Slice]:
    """Measure a system on all test images and in each slice of them, and test each slice against all other images.

    Shares have Wilson's interval, AUROCs DeLong's on the logit scale. Where patients are known their images are not
    independent: shares then have limits from a bootstrap of patients (`clustered`), AUROCs from DeLong's components
    summed by patient (Obuchowski 1997). Limits of several runs also allow for other seeds (`ranking.interval_of_mean`).

    Parameters
    ----------
    labels : int array, (n,), of one class an image
    runs : probabilities, float (n, k), of each run of the system
    task : MedMNIST's; of two classes there are sensitivity and specificity too
    columns : by their names
    patients : int array, (n,): the number of each image's patient; None where they are not known
    positive : the class whose sensitivity is meant; of two classes class 1 if none is named
    replicates : of the bootstrap, and permutations of the tests
    confidence, seed : as of `metrics.measure`

    Raises
    ------
    ValueError
        If an input is not as `metrics.check_inputs` expects.
    """
    checked = [check_inputs(labels, run, task) for run in runs]
    labels = checked[0][0]
    system = _System(labels, [run for _, run in checked], task, 1 if positive is None else positive)
    options = _Options(patients, replicates, confidence, seed)
    found = [_measured(system, np.ones(len(labels), bool), "", "", options)]
    wanted: dict[int, np.ndarray] = {}
    for name, column in columns.items():
        of_image = np.array(column.of_image, dtype=object)
        for position, value in enumerate(column.order):
            members = of_image == value
            # Of two values one test: the other's is the same with the sign changed.
            if (position == 0 or len(column.order) > 2) and all(_enough(one, patients) for one in (members, ~members)):
                wanted[len(found)] = members
            found.append(_measured(system, members, name, value, options))
    mean, level = system.right.mean(axis=0), level_of(confidence)
    tested = {
        place: accuracy_difference(mean, members, patients, replicates, confidence, seed)
        for place, members in wanted.items()
    }
    # So many permutations that the smallest p there can be is below half the level, adjusted for all tests.
    if (enough := math.ceil(2 * len(wanted) / level)) > replicates:
        for place in [place for place, found in tested.items() if found.p < level]:
            tested[place] = accuracy_difference(mean, wanted[place], patients, enough, confidence, seed)
    adjusted = holm([one.p for one in tested.values()]).tolist() if tested else []
    for (place, difference), p in zip(tested.items(), adjusted, strict=True):
        found[place] = _with(found[place], difference, p, confidence)
        if len(columns[found[place].column].order) == 2:
            opposite = Difference(0.0 - difference.value, 0.0 - difference.high, 0.0 - difference.low, difference.p)
            found[place + 1] = _with(found[place + 1], opposite, p, confidence)
    return found


def _with(found: Slice, difference: Difference, p_adjusted: float, confidence: float) -> Slice:
    significant = p_adjusted < level_of(confidence)
    return replace(found, difference=difference, p_adjusted=p_adjusted, significant=significant)


class _Options(NamedTuple):
    patients: np.ndarray | None
    replicates: int
    confidence: float
    seed: int


class _System:
    """What the runs of a system say: whether rightly, and with what probabilities."""

    def __init__(self, labels: np.ndarray, runs: Sequence[np.ndarray], task: str, positive: int):
        self.labels, self.runs, self.task, self.positive = labels, runs, task, positive
        self.right = np.stack([predict(run, task) == labels for run in runs])

    def shares(self) -> Iterator[tuple[str, np.ndarray]]:
        """Each share that is right, by its name, with the images that it is of."""
        yield "accuracy", np.ones(len(self.labels), bool)
        if self.task == BINARY:
            yield "sensitivity", self.labels == self.positive
            yield "specificity", self.labels != self.positive


def _enough(members: np.ndarray, patients: np.ndarray | None) -> bool:
    of_patients = patients is None or len(np.unique(patients[members])) >= LEAST_PATIENTS
    return bool(np.count_nonzero(members) >= LEAST_IMAGES and of_patients)


def _measured(system: _System, members: np.ndarray, column: str, value: str, options: _Options) -> Slice:
    patients, measures = options.patients, []
    for name, images in system.shares():
        own = members & images
        if own.any():
            measures.append(
                _over_runs([_share(name, right, own, options) for right in system.right], options.confidence)
            )
    if _has_area(system.labels[members], None if patients is None else patients[members], system.runs[0].shape[1]):
        measures.append(_over_runs([_area(system, run, members, options) for run in system.runs], options.confidence))
    number = int(np.count_nonzero(members))
    of_patients = None if patients is None else len(np.unique(patients[members]))
    return Slice(
        column, value, number, of_patients, float(system.right[:, members].sum(axis=1).mean()), tuple(measures)
    )


def _over_runs(found: Sequence[Measure], confidence: float) -> Measure:
    value, low, high = (np.array([getattr(one, part) for one in found]) for part in ("value", "low", "high"))
    limits = (math.nan, math.nan) if np.isnan(low).any() else interval_of_mean(value, low, high, confidence)
    return Measure(found[0].metric, float(value.mean()), *limits, found[0].n)


def _share(name: str, right: np.ndarray, members: np.ndarray, options: _Options) -> Measure:
    """The share of some images that is right; without an interval where they are too few."""
    own, n = right[members], int(np.count_nonzero(members))
    if not _enough(members, options.patients):
        return Measure(name, float(own.mean()), math.nan, math.nan, n)
    if options.patients is None:
        return proportion(name, int(own.sum()), n, options.confidence)
    return Measure(name, float(own.mean()), *clustered(own, options.patients[members], *options[1:]), n)


def clustered(
    right: np.ndarray, patients: np.ndarray, replicates: int, confidence: float, seed: int
) -> tuple[float, float]:
    """The interval of a share of images, by a bootstrap that draws patients, with all their images.

    It is Wilson's of as many independent images as would have the share's variance over the replicates, and never more
    than there are (the effective sample size; Korn & Graubard 1998): of few patients with high shares,
    percentiles of the replicates cover less than they should. Where all images are right, or none, nothing varies: as
    many then count as there are patients.

    Parameters
    ----------
    right : bool array, (n,)
    patients : int array, (n,)
    """
    sums, counts = _by_unit(right, np.unique(patients, return_inverse=True)[1])
    share, number = float(sums.sum() / counts.sum()), len(counts)
    effective = float(number)
    if 0 < share < 1 and np.ptp(sums / counts) > 0:
        drawn = replicate_weights(np.zeros(number, int), replicates, seed)
        shares = np.concatenate([sums @ weights / (counts @ weights) for weights in drawn])
        # Replicates vary by less than samples: by (J - 1) / J of J patients.
        effective = min(share * (1 - share) / (shares.var() * number / (number - 1)), counts.sum())
    low, high = proportion_confint(share * effective, effective, alpha=1 - confidence, method="wilson")
    return min(float(low), share), max(float(high), share)


def _by_unit(values: np.ndarray, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sum of the values of each unit's images, and their number."""
    return np.bincount(units, weights=values), np.bincount(units).astype(float)


def _has_area(labels: np.ndarray, patients: np.ndarray | None, classes: int) -> bool:
    """Whether each class has enough images for an AUROC, of enough patients."""
    units = [labels == label for label in range(classes)]
    return all(
        np.count_nonzero(own) >= ENOUGH and (patients is None or len(np.unique(patients[own])) >= ENOUGH)
        for own in units
    )


def _area(system: _System, run: np.ndarray, members: np.ndarray, options: _Options) -> Measure:
    labels = system.labels[members]
    found = area(labels, run[members], system.task)
    patients = np.arange(len(labels)) if options.patients is None else options.patients[members]
    n = len(labels)
    if not _enough(members, options.patients):
        return Measure("auroc", found.value, math.nan, math.nan, n)
    return Measure("auroc", found.value, *clustered_area(labels, found, patients, options.confidence), n)


def clustered_area(labels: np.ndarray, found: Area, patients: np.ndarray, confidence: float) -> tuple[float, float]:
    """The interval of an AUROC, on the logit scale, from DeLong's components summed by patient (Obuchowski 1997).

    Parameters
    ----------
    labels, patients : int arrays, (n,)
    found : the AUROC of these images
    """
    if not 0 < found.value < 1:
        return found.value, found.value
    parts = found.parts.copy()
    for label in np.unique(labels):
        own = labels == label
        size = len(np.unique(patients[own]))
        # Around the mean of its class, and larger by what that mean takes away, as in `paired_tests.deviation`.
        parts[own] = (parts[own] - parts[own].mean()) * math.sqrt(size / max(size - 1, 1))
    sums, _ = _by_unit(parts, np.unique(patients, return_inverse=True)[1])
    return logit_interval(found.value, math.sqrt(float(np.square(sums).sum())), confidence)


def numbered(patients: Sequence[str]) -> np.ndarray:
    """A number for each image, int (n,), the same for those of a patient; empty names are of a patient each.

    >>> numbered(["b", "", "a", "", "b"]).tolist()
    [0, 1, 2, 3, 0]
    """
    seen: dict[str, int] = {}
    return np.array([seen.setdefault(who, place) if who else place for place, who in enumerate(patients)])


# -- the difference of a slice to all other images --------------------------------------------------------------------


def accuracy_difference(
    right: np.ndarray,
    members: np.ndarray,
    patients: np.ndarray | None,
    replicates: int,
    confidence: float,
    seed: int,
) -> Difference:
    """The accuracy on some images minus that on all others, by permutations of who belongs to them.

    Were there no difference, patients (images, where these are not known) could as well change places between the two
    parts. The statistic is the difference over its standard error, from the spread between patients, with one more
    right and one more wrong in each part (as Agresti & Caffo 2000 have it), so that a small part without an error has
    some; studentised, the test holds also where the parts differ in spread (Chung & Romano 2013). Its critical value
    gives the interval too, which so leaves out 0 exactly where p is below 1 − confidence. A patient with images in both
    parts counts in each as a patient of its own, which makes the test err on the safe side.

    Parameters
    ----------
    right : float array, (n,): the share of runs that are right on each image
    members : bool array, (n,): which images are meant; neither none nor all
    patients : int array, (n,), or None
    replicates : number of permutations
    confidence : of the interval
    seed : of the permutations
    """
    units = np.arange(len(right)) if patients is None else patients * 2 + members
    _, first, units = np.unique(units, return_index=True, return_inverse=True)
    sums, counts = _by_unit(right, units)
    # Of each unit what the statistic sums up.
    design = np.column_stack([np.ones(len(counts)), counts, sums, sums**2, sums * counts, counts**2])
    typical, whole = counts.mean(), design.sum(axis=0)

    def difference(inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The difference and its standard error, of sums (r, 6) over the units inside."""
        parts = [_mean_and_variance(part, typical) for part in (inside, whole - inside)]
        return parts[0][0] - parts[1][0], np.sqrt(parts[0][1] + parts[1][1])

    of_members = members[first]
    value, error = (float(found[0]) for found in difference(design[of_members].sum(axis=0)[None]))
    rng, size, drawn = np.random.default_rng(seed), int(np.count_nonzero(of_members)), []
    step = max(1, MOST_WEIGHTS // len(counts))
    for start in range(0, replicates, step):
        order = rng.random((min(step, replicates - start), len(counts)))
        inside = np.zeros(order.shape)
        np.put_along_axis(inside, np.argpartition(order, size - 1, axis=1)[:, :size], 1, axis=1)
        differences, errors = difference(inside @ design)
        drawn.append(np.abs(differences) / errors)
    # Equal but for the order of sums.
    statistics = np.sort(np.round(np.concatenate(drawn), 9))[::-1]
    own, level = round(abs(value) / error, 9), level_of(confidence)
    p = (1 + int(np.count_nonzero(statistics >= own))) / (1 + replicates)
    # So many permutations may be at least as far from 0 where p is to be below the level.
    allowed = max(math.ceil(round(level * (1 + replicates), 6)) - 2, 0)
    # Where all images are right, or none, permutations change nothing, which is no certainty.
    critical = float(statistics[allowed]) if np.ptp(right) else float(norm.isf(level / 2))
    half = critical * error
    low, high = max(value - half, -1.0), min(value + half, 1.0)
    if p >= level:
        low, high = min(low, 0.0), max(high, 0.0)
    return Difference(round(value, 12) + 0.0, round(low, 12) + 0.0, round(high, 12) + 0.0, p)


def _mean_and_variance(sums: np.ndarray, typical: float) -> tuple[np.ndarray, np.ndarray]:
    """The share of right images, and its variance between units.

    sums : over these, (r, 6), as in `accuracy_difference`
    typical : number of images of one of the two units more, a right and a wrong one, that the variance counts
    """
    units, images, right, right_squares, products, squares = sums.T
    share = (right + typical) / (images + 2 * typical)
    spread = right_squares - 2 * share * products + share**2 * squares
    spread = np.maximum(spread, 0) + typical**2 * ((1 - share) ** 2 + share**2)
    return right / images, spread * (units + 2) / (units + 1) / (images + 2 * typical) ** 2
