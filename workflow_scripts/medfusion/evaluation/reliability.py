"""How far probabilities can be trusted on test images: calibration, prediction sets, decisions, referrals."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from medfusion.evaluation import calibration_measures
from medfusion.evaluation.bootstrap import replicate_weights
from medfusion.evaluation.metrics import (
    Measure,
    calibration_gaps,
    check_inputs,
    equal_mass_bins,
    predict,
    proportion,
    squared_errors,
)
from medfusion.evaluation.paired_tests import area, area_interval
from medfusion.files.calibrations import Calibration
from medfusion.learning.calibration import log_losses, prediction_sets, scale

REFERRED = (0, 5, 10, 20, 30, 50)  # per cent of the images, the least certain, for which accuracy of the rest is given
SCHEMES = ("marginal", "by_class")
HISTOGRAM_BINS = 20  # of confidence, from 0 to 1
CURVE_POINTS = 200  # at most, of a risk-coverage curve


def measure(
    labels: np.ndarray,
    probabilities: np.ndarray,
    calibration: Calibration,
    task: str,
    *,
    positive: int | None,
    ece_bins: int,
    replicates: int,
    confidence: float,
    seed: int,
) -> list[Measure]:
    """Measure one run of a system with what validation chose for it.

    Parameters
    ----------
    labels : int array, shape (n,)
        True classes in ``0 .. k-1``, every class present.
    probabilities : float array, shape (n, k)
        Class probabilities before the temperature.
    calibration : Calibration
        What validation chose.
    task : str
        MedMNIST's.
    positive : int, optional
        Label that the decision threshold speaks of.
    ece_bins, replicates, confidence, seed
        As of `metrics.measure`.

    Returns
    -------
    list of Measure
        Shares of images have Wilson intervals, the rest but for single numbers stratified bootstrap intervals:

        - ``temperature``, and ``cv_log_loss_without`` and ``_with`` one, cross-validated on the validation split (nan
          where that was not looked at);
        - ``ece``, ``brier``, ``log_loss`` with ``_before`` and ``_after`` the temperature, as in `metrics.measure`; log
          loss is the mean of -ln p of the true class;
        - after the temperature ``calibration_slope``, with two classes and a positive label ``calibration_intercept``
          (Wald's intervals), and ``ece_expected``, ``ece_debiased`` and ``ece_p``: the calibration error that chance
          would give (`calibration_measures`);
        - ``auroc_after``: MedMNIST's AUROC after the temperature, with DeLong's interval on the logit scale;
        - for the schemes ``marginal`` and ``by_class`` of prediction sets ``{scheme}_coverage`` and ``_single`` (shares
          of images whose set holds the true class, one class), ``_size`` (classes in a set), and ``_coverage[i]``,
          ``_size[i]`` over the images of class i;
        - ``selective_accuracy[p]``: accuracy without the p % of the images whose confidence is lowest; where equal
          confidences are divided, expected over their order;
        - ``aurc``: area under the risk-coverage curve, the mean over all numbers of images kept of the share of errors
          among them (Geifman, Uziel & El-Yaniv 2019), ``_before`` and ``_after``;
        - ``abstention_rate`` and ``selective_accuracy``: what the referral threshold does;
        - with a decision threshold: ``decision``, and ``accuracy``, ``balanced_accuracy``, and of the positive label
          ``sensitivity``, ``specificity``, and predictive values ``ppv`` and ``npv`` (shares of the images called
          positive, and of those not, that are rightly), each ``_default`` (MedMNIST's rule) and ``_chosen``; and
          ``selective_sensitivity`` and ``selective_specificity``, at the threshold, of images that are not referred.

    Raises
    ------
    ValueError
        If an input is not as `metrics.check_inputs` expects.
    """
    labels, probabilities = check_inputs(labels, probabilities, task)
    n = len(labels)
    scaled = scale(probabilities, calibration.temperature)
    predicted = predict(probabilities, task)
    right = predicted == labels
    columns = {}
    for when, values in (("before", probabilities), ("after", scaled)):
        columns[f"ece_{when}"] = calibration_gaps(labels, predicted, values, ece_bins) / n
        columns[f"brier_{when}"] = squared_errors(labels, values, task) / n
        columns[f"log_loss_{when}"] = log_losses(values, labels) / n
    certainty = scaled.max(axis=1)
    kept = certainty >= calibration.referral
    chosen: list[Measure] = []
    if calibration.decision is not None and positive is not None:
        chosen.append(_number("decision", calibration.decision, n))
        is_positive = labels == positive
        above = scaled[:, positive] >= calibration.decision
        for rule, called in (("default", predicted == positive), ("chosen", above)):
            hits = called == is_positive
            chosen += [
                proportion(f"accuracy_{rule}", int(hits.sum()), n, confidence),
                *(
                    proportion(f"{name}_{rule}", int(hits[part].sum()), int(part.sum()), confidence)
                    for name, part in (
                        ("sensitivity", is_positive),
                        ("specificity", ~is_positive),
                        ("ppv", called),
                        ("npv", ~called),
                    )
                ),
            ]
            columns[f"balanced_accuracy_{rule}"] = (
                hits / np.where(is_positive, is_positive.sum(), (~is_positive).sum()) / 2
            )
        for name, part in (("sensitivity", is_positive & kept), ("specificity", ~is_positive & kept)):
            found = int(np.sum((above == is_positive)[part]))
            chosen.append(proportion(f"selective_{name}", found, int(part.sum()), confidence))
    sets = {
        "marginal": prediction_sets(scaled, calibration.marginal),
        "by_class": prediction_sets(scaled, calibration.by_class),
    }
    left = selective_accuracy(certainty, right)
    result = [_number("temperature", calibration.temperature, n)]
    for which, loss in (("without", calibration.log_loss_without), ("with", calibration.log_loss_with)):
        result.append(_number(f"cv_log_loss_{which}", math.nan if loss is None else loss, n))
    summed = bootstrapped(columns, labels, replicates, confidence, seed)
    result += [*summed, calibration_measures.slope(labels, scaled, confidence)]
    if positive is not None and scaled.shape[1] == 2:
        result.append(calibration_measures.intercept(labels == positive, scaled[:, positive], confidence))
    error = next(measure.value for measure in summed if measure.metric == "ece_after")
    predicted_after = scaled[np.arange(n), predicted]
    result += calibration_measures.of_chance(error, predicted_after, ece_bins, confidence, replicates, seed)
    own = area(labels, scaled, task)
    result.append(Measure("auroc_after", own.value, *area_interval(labels, own, confidence), n))
    for scheme, held in sets.items():
        result += _set_measures(scheme, held, labels, confidence)
    for share in REFERRED:
        count = n - round(n * share / 100)
        result.append(proportion(f"selective_accuracy[{share}]", left[count - 1] * count, count, confidence))
    result.append(_number("aurc_before", np.mean(1 - selective_accuracy(probabilities.max(axis=1), right)), n))
    result.append(_number("aurc_after", np.mean(1 - left), n))
    result.append(proportion("abstention_rate", int(np.sum(~kept)), n, confidence))
    result.append(proportion("selective_accuracy", int(right[kept].sum()), int(kept.sum()), confidence))
    return result + chosen


def selective_accuracy(confidence: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The accuracy of the most certain images, for every number of them: float64 (n,), the m-th of the m most certain.

    Where only a part of equally certain images is counted, it is the accuracy expected over their order.

    Parameters
    ----------
    confidence : float array, shape (n,)
    right : bool array, shape (n,)

    >>> selective_accuracy(np.array([0.9, 0.6, 0.6, 0.8]), np.array([True, True, False, False])).round(3).tolist()
    [1.0, 0.5, 0.5, 0.5]
    """
    _, group = np.unique(-confidence, return_inverse=True)  # the most certain first
    counts = np.bincount(group)
    share = np.bincount(group, weights=right) / counts
    return np.cumsum(np.repeat(share, counts)) / np.arange(1, len(right) + 1)


def risk_coverage(confidence: np.ndarray, right: np.ndarray) -> dict[str, list[float]]:
    """The risk-coverage curve as "abstention_rate" (share of the images, ascending) and "accuracy" (of the rest)."""
    n = len(right)
    kept = np.unique(np.linspace(1, n, min(n, CURVE_POINTS)).round().astype(int))[::-1]
    return {
        "abstention_rate": (1 - kept / n).tolist(),
        "accuracy": selective_accuracy(confidence, right)[kept - 1].tolist(),
    }


def diagram(labels: np.ndarray, probabilities: np.ndarray, task: str, bins: int, confidence: float) -> dict[str, Any]:
    """A reliability diagram over the bins of the calibration error.

    Returns
    -------
    dict
        "bins": for each bin with images its mean confidence, accuracy with low and high (Wilson), and n, by ascending
        confidence; "histogram": images by confidence in `HISTOGRAM_BINS` equal bins from 0 to 1.
    """
    predicted = predict(probabilities, task)
    certainty = probabilities[np.arange(len(labels)), predicted]
    index = equal_mass_bins(certainty, bins)
    counts, sums, hits = (
        np.bincount(index, weights, minlength=bins) for weights in (None, certainty, predicted == labels)
    )
    rows = []
    for position in np.flatnonzero(counts):
        share = proportion("accuracy", hits[position], int(counts[position]), confidence)
        rows.append({"confidence": float(sums[position] / counts[position]), "accuracy": share.value})
        rows[-1] |= {"low": share.low, "high": share.high, "n": share.n}
    return {"bins": rows, "histogram": np.histogram(certainty, HISTOGRAM_BINS, (0, 1))[0].tolist()}


def curves(
    labels: np.ndarray, probabilities: np.ndarray, temperature: float, task: str, bins: int, confidence: float
) -> dict[str, dict[str, Any]]:
    """For "before" and "after" the temperature, the "diagram" and the risk-coverage "curve" of one run."""
    right = predict(probabilities, task) == labels
    return {
        when: {
            "diagram": diagram(labels, values, task, bins, confidence),
            "curve": risk_coverage(values.max(axis=1), right),
        }
        for when, values in (("before", probabilities), ("after", scale(probabilities, temperature)))
    }


def _set_measures(scheme: str, sets: np.ndarray, labels: np.ndarray, confidence: float) -> Sequence[Measure]:
    """Coverage and size of prediction sets, bool (n, k), over all images and over those of each class."""
    held, sizes = sets[np.arange(len(labels)), labels], sets.sum(axis=1)
    result = [
        proportion(f"{scheme}_{name}", int(share.sum()), len(labels), confidence)
        for name, share in (("coverage", held), ("single", sizes == 1))
    ]
    result.append(_number(f"{scheme}_size", sizes.mean(), len(labels)))
    for label in range(sets.shape[1]):
        own = labels == label
        n = int(own.sum())
        result.append(proportion(f"{scheme}_coverage[{label}]", int(held[own].sum()), n, confidence))
        result.append(_number(f"{scheme}_size[{label}]", sizes[own].mean(), n))
    return result


def _number(metric: str, value: float, n: int) -> Measure:
    """A number without an interval."""
    return Measure(metric, float(value), math.nan, math.nan, n)


def bootstrapped(
    columns: Mapping[str, np.ndarray], labels: np.ndarray, replicates: int, confidence: float, seed: int
) -> list[Measure]:
    """Sums over images with percentile intervals of a stratified bootstrap (Efron & Tibshirani 1993).

    Parameters
    ----------
    columns : by metric, what each image adds, (n,), or (n, bins) where the sums of the bins' absolute values count
    """
    widths = [column.reshape(len(labels), -1).shape[1] for column in columns.values()]
    design = np.column_stack(list(columns.values()))
    starts = np.cumsum([0, *widths[:-1]])

    def values(weights: np.ndarray) -> np.ndarray:
        return np.add.reduceat(np.abs(weights.T @ design), starts, axis=1)

    found = values(np.ones((len(labels), 1)))[0]
    draws = np.concatenate([values(weights) for weights in replicate_weights(labels, replicates, seed)])
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return [
        Measure(metric, float(value), float(least), float(most), len(labels))
        for metric, value, least, most in zip(columns, found, low, high, strict=True)
    ]
