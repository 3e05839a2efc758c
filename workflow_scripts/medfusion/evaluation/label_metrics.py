"""Measures of images that may have several labels at once: means over the labels, and each label's own.

A label is held to be present where its probability exceeds 0.5, as MedMNIST's evaluator has it.
"""

import numpy as np

from medfusion.data.medmnist_info import getACC, getAUC
from medfusion.evaluation.bootstrap import average_precision, replicate_weights
from medfusion.evaluation.metrics import Measure, equal_mass_bins, ratio, wilson
from medfusion.evaluation.paired_tests import area_interval, class_area, mean_area
from medfusion.learning.calibration import SMALLEST
from medfusion.tasks import MULTI_LABEL, strata

THRESHOLD = 0.5
MEANS = ("auroc", "balanced_accuracy", "macro_f1", "brier", "log_loss", "ece", "exact_match")
OF_LABEL = ("auroc", "accuracy", "precision", "recall", "f1", "average_precision")


def check_inputs(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Check labels and probabilities, and return them as int64 and float64, both of shape (n, k).

    Raises
    ------
    ValueError
        If labels are not 0 and 1, each present and absent somewhere; or probabilities not from 0 to 1.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, dtype=np.float64)
    if labels.ndim != 2 or labels.shape != probabilities.shape or not labels.size:
        raise ValueError(
            f"expected labels and probabilities of one shape (n, k), got {labels.shape} and {probabilities.shape}"
        )
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(f"expected labels of 0 and 1, got {np.unique(labels)[:5].tolist()}")
    if not np.isfinite(probabilities).all() or probabilities.min() < 0 or probabilities.max() > 1:
        raise ValueError("expected probabilities from 0 to 1")
    counts = labels.sum(axis=0)
    if len(same := np.flatnonzero((counts == 0) | (counts == len(labels)))):
        raise ValueError(f"expected images with and without each label, all alike for label {same.tolist()}")
    return labels.astype(np.int64), probabilities


def confusion(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Count images by truth and prediction, label by label: int64 (k, 2, 2); rows absent and present in truth."""
    labels, predicted = labels.astype(np.int64), (probabilities > THRESHOLD).astype(np.int64)
    return np.stack([[((labels == t) & (predicted == p)).sum(axis=0) for p in (0, 1)] for t in (0, 1)]).transpose(
        2, 0, 1
    )


def majority_probabilities(train_labels: np.ndarray, n: int) -> np.ndarray:
    """For each of n images and each label what most training images have: float64 (n, k) of 0 and 1."""
    return np.tile((train_labels.mean(axis=0) > THRESHOLD).astype(np.float64), (n, 1))


def measure(
    labels: np.ndarray,
    probabilities: np.ndarray,
    *,
    ece_bins: int = 15,
    replicates: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> list[Measure]:
    """Compute every metric of one system on one split, with intervals.

    Accuracy, precision and recall of a label, and the share of exact matches, are shares of images and have the Wilson
    score interval (Wilson 1927); AUROCs have DeLong's (1988) on the logit scale. All others are percentiles of a
    bootstrap of images, stratified by the rarest label of each (`tasks.strata`). Replicates in which a label is on none
    of the images do not count for its average precision.

    Parameters
    ----------
    labels : int array, shape (n, k)
        0 and 1; each label on some images and not on others.
    probabilities : float array, shape (n, k)
        Probability of each label.
    ece_bins, replicates, confidence, seed
        As for `metrics.measure`.

    Returns
    -------
    list of Measure
        ``accuracy`` and ``auroc`` (MedMNIST's; Yang et al. 2023), means over the labels, then

        - ``balanced_accuracy``, ``macro_f1``: means over the labels of (recall + specificity) / 2 and of F1;
        - ``brier``: mean over images and labels of the squared error (0 to 1);
        - ``log_loss``: mean over images and labels of minus the logarithm of the probability of what is true;
        - ``ece``: mean over the labels of the calibration error of the label's probability, over bins of equal numbers
          of images;
        - ``exact_match``: share of images of which all labels are right;
        - ``auroc[i]``, ``accuracy[i]``, ``precision[i]``, ``recall[i]``, ``f1[i]``, ``average_precision[i]`` of
          each label, with ``n`` as for `metrics.measure`.

    Raises
    ------
    ValueError
        If an input is not as described above.
    """
    labels, probabilities = check_inputs(labels, probabilities)
    if ece_bins < 1 or replicates < 1 or not 0 < confidence < 1:
        raise ValueError(
            "expected ece_bins >= 1, replicates >= 1 and 0 < confidence < 1, "
            f"got {ece_bins}, {replicates} and {confidence}"
        )
    n, k = labels.shape
    true, predicted = labels.astype(bool), probabilities > THRESHOLD
    # Sums over images of what each contributes: hits, predicted, true, right; squared error; gaps in bins.
    gaps = np.zeros((n, k, ece_bins))
    for label in range(k):
        bins = equal_mass_bins(probabilities[:, label], ece_bins)
        gaps[np.arange(n), label, bins] = labels[:, label] - probabilities[:, label]
    parts = [true & predicted, predicted, true, true == predicted, (probabilities - labels) ** 2]
    losses = -np.log(np.maximum(np.where(true, probabilities, 1 - probabilities), SMALLEST)).mean(axis=1)
    columns = [*parts, (true == predicted).all(axis=1), losses, gaps.reshape(n, -1)]
    design = np.column_stack(columns).astype(np.float64)
    areas = [class_area(true[:, i], probabilities[:, i]) for i in range(k)]
    precisions = [average_precision(true[:, i], probabilities[:, i]) for i in range(k)]

    def statistics(weights: np.ndarray) -> dict[str, np.ndarray]:
        sums = weights.T @ design
        hits, positive, present, right, errors = (sums[:, i * k : (i + 1) * k] for i in range(5))
        recall, specificity = ratio(hits, present), ratio(right - hits, n - present)
        f1 = ratio(2 * hits, positive + present)
        with np.errstate(invalid="ignore", divide="ignore"):  # a label on none of a replicate's images: nan
            precision_area = np.stack([statistic(weights) for statistic in precisions], axis=1)
        values = {
            "balanced_accuracy": ((recall + specificity) / 2).mean(axis=1),
            "macro_f1": f1.mean(axis=1),
            "brier": errors.sum(axis=1) / (n * k),
            "ece": np.abs(sums[:, 5 * k + 2 :]).sum(axis=1) / (n * k),
            "exact_match": sums[:, 5 * k] / n,
            "log_loss": sums[:, 5 * k + 1] / n,
            "accuracy": right.sum(axis=1) / (n * k),
        }
        columns = {"accuracy": right / n, "precision": ratio(hits, positive), "recall": recall}
        columns |= {"f1": f1, "average_precision": precision_area}
        return values | {f"{name}[{i}]": column[:, i] for name, column in columns.items() for i in range(k)}

    values = {name: float(value[0]) for name, value in statistics(np.ones((n, 1))).items()}
    values["accuracy"] = float(getACC(labels, probabilities, MULTI_LABEL))
    values["auroc"] = float(getAUC(labels, probabilities, MULTI_LABEL))
    limits = {"auroc": area_interval(np.zeros(n), mean_area(areas, labels), confidence)}
    for i, one in enumerate(areas):
        values[f"auroc[{i}]"] = one.value
        limits[f"auroc[{i}]"] = area_interval(true[:, i], one, confidence)
    chunks = [statistics(weights) for weights in replicate_weights(strata(labels), replicates, seed)]
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]

    hits, positive, present = ((part).sum(axis=0) for part in parts[:3])
    shares = {"exact_match": (int(design[:, 5 * k].sum()), n)}
    sizes: dict[str, int] = {}
    for i in range(k):
        shares[f"accuracy[{i}]"] = (int((true == predicted)[:, i].sum()), n)
        shares[f"precision[{i}]"] = (int(hits[i]), int(positive[i]))
        shares[f"recall[{i}]"] = (int(hits[i]), int(present[i]))
        sizes |= {f"{name}[{i}]": int(present[i]) for name in ("f1", "average_precision")}
    measures = []
    for name in ("accuracy", *MEANS, *(f"{name}[{i}]" for i in range(k) for name in OF_LABEL)):
        successes, size = shares.get(name, (0, sizes.get(name, n)))
        if name in shares:
            low, high = wilson(successes, size, confidence) if size else (0.0, 1.0)
        elif name in limits:
            low, high = limits[name]
        else:
            low, high = np.nanquantile(np.concatenate([chunk[name] for chunk in chunks]), tails)
        measures.append(Measure(name, values[name], float(low), float(high), size))
    return measures
