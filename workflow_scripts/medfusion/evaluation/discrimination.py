"""How well scores discriminate classes: ROC and precision-recall curves with bands, operating points, net benefit."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import expit
from scipy.stats import norm

from medfusion.evaluation import label_metrics, metrics
from medfusion.evaluation.bootstrap import average_precision, replicate_weights
from medfusion.evaluation.metrics import Measure, proportion
from medfusion.evaluation.paired_tests import Area, area, area_interval, class_area, mean_area
from medfusion.evaluation.ranking import interval_of_mean
from medfusion.learning.calibration import scale
from medfusion.tasks import BINARY, is_multi_label, membership, strata

# Where curves are looked at: more closely where the false-positive rate is low.
FALSE_POSITIVE_RATES = np.unique(np.round([*np.linspace(0, 0.1, 51), *np.linspace(0, 1, 101)], 6))
RECALLS = np.round(np.linspace(0, 1, 101), 6)
THRESHOLDS = np.round(np.linspace(0.01, 0.99, 99), 6)
PLACES = {"roc": FALSE_POSITIVE_RATES, "precision_recall": RECALLS, "net_benefit": THRESHOLDS}
LIMITS = {"roc": (0.0, 1.0), "precision_recall": (0.0, 1.0), "net_benefit": (-math.inf, math.inf)}
TARGETS = (90, 95)  # per cent of specificity, or sensitivity, at which the other is given
ROUNDING = 1e-9  # of a share times a number of images


class Curves(NamedTuple):
    """The curves of one run at `PLACES`.

    bands : by the curve's name, float64 (3, places): value, low, high; "roc" and "precision_recall" are means over the
        classes, if there are more than two; "net_benefit" is missing for these if no positive label is named
    classes : of "roc" and "precision_recall", float64 (classes, places)
    """

    bands: dict[str, np.ndarray]
    classes: dict[str, np.ndarray]


class Chosen(NamedTuple):
    """What validation chose for a run.

    decision : lowest probability of the positive label, after the temperature, at which it is predicted; None for none
    """

    temperature: float = 1.0
    decision: float | None = None


def curve_classes(task: str, classes: int, positive: int | None) -> list[int]:
    """Whose curves are drawn: of two classes the positive one (class 1 where none is named), of more each.

    >>> curve_classes(BINARY, 2, 0), curve_classes(BINARY, 2, None), curve_classes("multi-class", 3, None)
    ([0], [1], [0, 1, 2])
    """
    return [1 if positive is None else positive] if task == BINARY else list(range(classes))


def measure(
    labels: np.ndarray,
    probabilities: np.ndarray,
    task: str,
    chosen: Chosen,
    *,
    positive: int | None,
    prevalences: Sequence[float],
    replicates: int,
    confidence: float,
    seed: int,
) -> tuple[list[Measure], Curves]:
    """Measure how well one run of a system discriminates between the classes.

    Bands are pointwise: at each false-positive rate the percentiles of the sensitivities, at each recall of the
    precisions, at each threshold of the net benefits of a bootstrap of images, stratified by true class as for the
    other measures (as ``ci.se`` of pROC has it; Robin et al. 2011). They are not a band for the whole curve.

    Parameters
    ----------
    labels : int array, (n,), or (n, k) of 0 and 1 where an image may have several labels
    probabilities : float array, (n, k), before the temperature
    task : str
        MedMNIST's.
    chosen : Chosen
        What validation chose. Operating points by it, and the net benefit, are of probabilities after the temperature.
    positive : int, optional
        The label that tables speak of; of two classes class 1 if none is named.
    prevalences : sequence of float
        For which predictive values are given.
    replicates, confidence, seed
        As of `metrics.measure`.

    Returns
    -------
    list of Measure
        - ``auroc`` and ``average_precision``, of the class or means over the classes, and of each class of several
          ``auroc[i]`` and ``average_precision[i]``: AUROCs with DeLong's interval, average precisions with percentiles;
        - for each class ``sensitivity_default[i]``, ``specificity_default[i]``, ``precision_default[i]`` and
          ``npv_default[i]`` by MedMNIST's rule, for the positive label also ``_chosen[i]`` by the threshold from
          validation: Wilson's intervals;
        - of the positive label ``sensitivity_at_specificity[p]``: the highest sensitivity of a threshold with a
          specificity of at least p %, and ``specificity_at_sensitivity[p]``, with percentiles over replicates, in each
          of which the threshold is sought again;
        - of the positive label ``ppv_default[at q]``, ``npv_default[at q]``, and ``_chosen[at q]``: predictive values
          were its prevalence q, with Mercaldo's intervals (`predictive_values`).
    Curves
        See there. The net benefit at a threshold t is TP/n - FP/n t/(1 - t) (Vickers & Elkin 2006). Sensitivities
        between two points of a ROC curve lie on the line between them; the precision at a recall is that of the
        highest threshold that reaches it, without interpolation (Davis & Goadrich 2006).

    Raises
    ------
    ValueError
        If an input is not as `metrics.check_inputs`, or `label_metrics.check_inputs`, expects.
    """
    if several := is_multi_label(task):
        labels, probabilities = label_metrics.check_inputs(labels, probabilities)
        called = probabilities > label_metrics.THRESHOLD
    else:
        labels, probabilities = metrics.check_inputs(labels, probabilities, task)
        called = membership(metrics.predict(probabilities, task), probabilities.shape[1])
    true = membership(labels, probabilities.shape[1])
    shown = curve_classes(task, true.shape[1], positive)
    of_tables = shown[0] if task == BINARY else positive
    areas = {label: class_area(true[:, label], probabilities[:, label]) for label in range(true.shape[1])}
    whole = mean_area(list(areas.values()), labels) if several else area(labels, probabilities, task)
    found = [_area("auroc", np.zeros(len(labels)) if several else labels, whole, confidence)]
    if len(shown) > 1:
        found += [_area(f"auroc[{label}]", true[:, label], areas[label], confidence) for label in shown]
    for label in shown:
        found += _operating(f"default[{label}]", true[:, label], called[:, label], confidence)
    rules = {"default": called[:, of_tables]} if of_tables is not None else {}
    scaled = probabilities if several else scale(probabilities, chosen.temperature)
    if of_tables is not None and chosen.decision is not None:
        rules["chosen"] = scaled[:, of_tables] >= chosen.decision
        found += _operating(f"chosen[{of_tables}]", true[:, of_tables], rules["chosen"], confidence)
    for rule, said in rules.items():
        for prevalence in prevalences:
            found += _predictive(f"{rule}[at {prevalence:g}]", true[:, of_tables], said, prevalence, confidence)
    drawn, curves = _resampled(
        true, probabilities, scaled, shown, of_tables, strata(labels), replicates, confidence, seed
    )
    return found + drawn, curves


def _resampled(
    true: np.ndarray,
    probabilities: np.ndarray,
    scaled: np.ndarray,
    shown: list[int],
    of_tables: int | None,
    groups: np.ndarray,
    replicates: int,
    confidence: float,
    seed: int,
) -> tuple[list[Measure], Curves]:
    """What has its interval from resampled images: the curves, average precisions, rates at a rate."""
    ranked = {label: RankedImages(true[:, label], probabilities[:, label]) for label in shown}
    precisions = {label: average_precision(true[:, label], probabilities[:, label]) for label in shown}
    benefit = None if of_tables is None else _net_benefit(true[:, of_tables], scaled[:, of_tables])

    def statistics(weights: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Curves (replicates, places), means over the classes, and numbers (replicates,)."""
        counts = {label: images.counts(weights) for label, images in ranked.items()}
        curves = {
            "roc": np.mean([sensitivities(*pair) for pair in counts.values()], axis=0),
            "precision_recall": np.mean([precisions_at(*pair) for pair in counts.values()], axis=0),
        }
        with np.errstate(invalid="ignore", divide="ignore"):  # a label on none of a replicate's images: nan
            each = {label: statistic(weights) for label, statistic in precisions.items()}
        numbers = {"average_precision": np.mean(list(each.values()), axis=0)}
        if len(shown) > 1:
            numbers |= {f"average_precision[{label}]": values for label, values in each.items()}
        if benefit is not None and of_tables is not None:
            curves["net_benefit"] = benefit(weights)
            for target in TARGETS:
                sensitivity, specificity = rates_at(*counts[of_tables], target / 100)
                numbers[f"sensitivity_at_specificity[{target}]"] = sensitivity
                numbers[f"specificity_at_sensitivity[{target}]"] = specificity
        return curves, numbers

    ones = np.ones((len(true), 1))
    curves, numbers = statistics(ones)
    chunks = [statistics(weights) for weights in replicate_weights(groups, replicates, seed)]
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    bands = {}
    for name, values in curves.items():
        low, high = _quantiles([chunk[0][name] for chunk in chunks], tails)
        bands[name] = np.stack([values[0], np.minimum(low, values[0]), np.maximum(high, values[0])])
    found = []
    for name, values in numbers.items():
        low, high = _quantiles([chunk[1][name][:, None] for chunk in chunks], tails)[:, 0]
        found.append(Measure(name, float(values[0]), float(low), float(high), _images(name, true, shown, of_tables)))
    counts = {label: images.counts(ones) for label, images in ranked.items()}
    classes = {
        "roc": np.concatenate([sensitivities(*pair) for pair in counts.values()]),
        "precision_recall": np.concatenate([precisions_at(*pair) for pair in counts.values()]),
    }
    return found, Curves(bands, classes)


def _quantiles(chunks: Sequence[np.ndarray], tails: Sequence[float]) -> np.ndarray:
    """Quantiles over the replicates that have a value, (tails, places), of chunks of them, (replicates, places)."""
    values = np.concatenate(chunks)
    return np.quantile(values[~np.isnan(values).any(axis=1)], tails, axis=0)


def mean_band(bands: Sequence[np.ndarray], name: str, confidence: float) -> np.ndarray:
    """The mean of a curve over runs, with limits that allow for other images and other seeds, point by point.

    Parameters
    ----------
    bands : of each run, float64 (3, places)
    name : of the curve, as in `PLACES`
    confidence : nominal coverage of the runs' limits and of the result

    Returns
    -------
    float64 (3, places): value, low, high (`ranking.interval_of_mean` at each place)
    """
    values, lows, highs = np.stack(bands, axis=1)
    limits = [
        interval_of_mean(values[:, place], lows[:, place], highs[:, place], confidence, LIMITS[name])
        for place in range(values.shape[1])
    ]
    return np.stack([values.mean(axis=0), *np.transpose(limits)])


# -- curves -----------------------------------------------------------------------------------------------------------


class RankedImages:
    """The images of a split by the score of a class, highest first.

    Parameters
    ----------
    positive : bool array, (n,), whether each image is of the class
    scores : float array, (n,)
    """

    def __init__(self, positive: np.ndarray, scores: np.ndarray):
        self._order = np.argsort(-scores, kind="stable")
        ordered = scores[self._order]
        self._positive = positive[self._order]
        # Images with equal scores are on the same side of any threshold.
        self._last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))

    def counts(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """True and false positives at every threshold: nothing called positive, …, all.

        Parameters
        ----------
        weights : float64 (n, r), how often each image counts

        Returns
        -------
        two arrays float64 (r, thresholds + 1)
        """
        drawn = np.ascontiguousarray(weights.T)[:, self._order]
        all_called = np.cumsum(drawn, axis=1)[:, self._last]
        hits = np.cumsum(drawn * self._positive, axis=1)[:, self._last]
        none_called = ((0, 0), (1, 0))
        return np.pad(hits, none_called), np.pad(all_called - hits, none_called)


def sensitivities(hits: np.ndarray, false: np.ndarray) -> np.ndarray:
    """ROC curves at `FALSE_POSITIVE_RATES`, float64 (r, places); nan of a class that no image has, or all.

    Parameters
    ----------
    hits, false : float64 (r, thresholds + 1), as of `RankedImages.counts`
    """
    result = np.full((len(hits), len(FALSE_POSITIVE_RATES)), np.nan)
    for row, (own, others) in enumerate(zip(hits, false, strict=True)):
        if own[-1] and others[-1]:
            # Of several points at one rate, the last, which is the highest, counts.
            result[row] = np.interp(FALSE_POSITIVE_RATES, others / others[-1], own / own[-1])
    return result


def precisions_at(hits: np.ndarray, false: np.ndarray) -> np.ndarray:
    """Precision-recall curves at `RECALLS`, float64 (r, places): the precision where the recall is first reached.

    Parameters
    ----------
    hits, false : float64 (r, thresholds + 1), as of `RankedImages.counts`
    """
    result = np.full((len(hits), len(RECALLS)), np.nan)
    for row, (own, others) in enumerate(zip(hits, false, strict=True)):
        if own[-1]:
            first = np.searchsorted(own, np.maximum(RECALLS * own[-1] - ROUNDING, ROUNDING))
            result[row] = own[first] / (own[first] + others[first])
    return result


def rates_at(hits: np.ndarray, false: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """The highest sensitivity at a specificity of at least a share, and the highest specificity at such a sensitivity.

    Both are taken at actual thresholds, without interpolation.

    Parameters
    ----------
    hits, false : float64 (r, thresholds + 1), as of `RankedImages.counts`
    share : the least specificity, or sensitivity, 0 to 1

    Returns
    -------
    two arrays float64 (r,); nan of a class that no image has, or all
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        own, others = hits / hits[:, -1:], false / false[:, -1:]
    rows = np.arange(len(hits))
    last = np.sum(others <= 1 - share + ROUNDING, axis=1) - 1
    first = np.sum(own < share - ROUNDING, axis=1)
    found = own[rows, np.maximum(last, 0)], 1 - others[rows, np.minimum(first, own.shape[1] - 1)]
    undefined = (hits[:, -1] == 0) | (false[:, -1] == 0)
    sensitivity, specificity = (np.where(undefined, np.nan, rate) for rate in found)
    return sensitivity, specificity


def _net_benefit(positive: np.ndarray, scores: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Net benefit at `THRESHOLDS` as a function of image weights (n, r): float64 (r, places)."""
    above = scores[:, None] >= THRESHOLDS - ROUNDING
    gain = np.where(positive[:, None], 1.0, -THRESHOLDS / (1 - THRESHOLDS)) * above

    def statistic(weights: np.ndarray) -> np.ndarray:
        return weights.T @ gain / weights.sum(axis=0)[:, None]

    return statistic


# -- operating points -------------------------------------------------------------------------------------------------


def predictive_values(
    found: float, of: float, spared: float, others: float, prevalence: float, confidence: float
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """The positive and the negative predictive value of a test at another prevalence.

    Intervals are symmetric on the logit scale (Mercaldo, Lau & Zhou 2007), for a prevalence that is known; where a rate
    is 0 or 1, from rates with z²/2 images added to either count.

    Parameters
    ----------
    found, of : images of the class that are predicted as it, and all images of the class
    spared, others : images of other classes that are not predicted as it, and all images of other classes
    prevalence : share of the class among the images that predictive values speak of, above 0 and below 1
    confidence : nominal coverage

    Returns
    -------
    value, low and high of the positive, and of the negative predictive value; nan where no image is predicted so

    >>> [round(one[0], 4) for one in predictive_values(90, 100, 80, 100, 0.5, 0.95)]
    [0.8182, 0.8889]
    """
    odds, z = prevalence / (1 - prevalence), float(norm.isf((1 - confidence) / 2))
    sensitivity, specificity = found / of, spared / others
    values = (
        _share(sensitivity * odds, 1 - specificity),
        _share(specificity, (1 - sensitivity) * odds),
    )
    if not 0 < sensitivity < 1 or not 0 < specificity < 1:
        of, others = of + z**2, others + z**2
        sensitivity, specificity = (found + z**2 / 2) / of, (spared + z**2 / 2) / others
    missed, alarms = 1 - sensitivity, 1 - specificity
    logits = (math.log(sensitivity * odds / alarms), math.log(specificity / (missed * odds)))
    errors = (
        math.sqrt(missed / (sensitivity * of) + specificity / (alarms * others)),
        math.sqrt(sensitivity / (missed * of) + alarms / (specificity * others)),
    )
    ppv, npv = (
        (value, min(float(expit(logit - z * error)), value), max(float(expit(logit + z * error)), value))
        if not math.isnan(value)
        else (math.nan,) * 3
        for value, logit, error in zip(values, logits, errors, strict=True)
    )
    return ppv, npv


def _share(part: float, rest: float) -> float:
    return part / (part + rest) if part + rest else math.nan


def _predictive(
    suffix: str, positive: np.ndarray, called: np.ndarray, prevalence: float, confidence: float
) -> Iterator[Measure]:
    found, of = int((positive & called).sum()), int(positive.sum())
    spared, others = int((~positive & ~called).sum()), int((~positive).sum())
    values = predictive_values(found, of, spared, others, prevalence, confidence)
    for name, value in zip(("ppv", "npv"), values, strict=True):
        yield Measure(f"{name}_{suffix}", *value, len(positive))


def _operating(suffix: str, positive: np.ndarray, called: np.ndarray, confidence: float) -> Iterator[Measure]:
    for name, part, right in (
        ("sensitivity", positive, called),
        ("specificity", ~positive, ~called),
        ("precision", called, positive),
        ("npv", ~called, ~positive),
    ):
        yield proportion(f"{name}_{suffix}", int((part & right).sum()), int(part.sum()), confidence)


def _area(name: str, labels: np.ndarray, found: Area, confidence: float) -> Measure:
    return Measure(name, found.value, *area_interval(labels, found, confidence), len(labels))


def _images(name: str, true: np.ndarray, shown: list[int], of_tables: int | None) -> int:
    """The images that a measure rests on: those of the class, or those that are not, where it speaks of these."""
    if name.startswith("average_precision["):
        return int(true[:, int(name.partition("[")[2][:-1])].sum())
    if name == "average_precision":
        return int(true[:, shown[0]].sum()) if len(shown) == 1 else len(true)
    own = true[:, of_tables]
    return int(own.sum() if name.startswith("sensitivity") else (~own).sum())
