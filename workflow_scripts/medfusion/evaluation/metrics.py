"""Test-set metrics with interval estimates."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from statsmodels.stats.proportion import proportion_confint

from medfusion.data.medmnist_info import getACC, getAUC
from medfusion.evaluation.bootstrap import average_precision, replicate_weights
from medfusion.evaluation.paired_tests import area, area_interval
from medfusion.files.probabilities import SUM_TOLERANCE
from medfusion.learning.calibration import log_losses, scale
from medfusion.tasks import BINARY, MULTI_CLASS, ORDINAL, most_probable

TASKS = (BINARY, MULTI_CLASS, ORDINAL)  # of classes that exclude each other; label_metrics measures the others


class Measure(NamedTuple):
    """One metric: its tidy name, value, interval limits and the number of images it rests on."""

    metric: str
    value: float
    low: float
    high: float
    n: int


def check_inputs(labels: np.ndarray, probabilities: np.ndarray, task: str) -> tuple[np.ndarray, np.ndarray]:
    """Check labels and probabilities, and return them as int64 and float64.

    Parameters
    ----------
    labels : int array, shape (n,)
        True classes in ``0 .. k-1``, every class present.
    probabilities : float array, shape (n, k), k >= 2
        Class probabilities, each row summing to 1.
    task : str
        MedMNIST's task: ``"binary-class"``, ``"multi-class"`` or ``"ordinal-regression"``.

    Returns
    -------
    tuple of arrays
        Labels as int64 and probabilities as float64.

    Raises
    ------
    ValueError
        If an input is not as described above.
    """
    probabilities = _check_probabilities(probabilities, task)
    n, k = probabilities.shape
    labels = _check_labels(labels, k)
    if len(labels) != n:
        raise ValueError(f"expected one label per row of probabilities, got {len(labels)} and {n}")
    absent = np.setdiff1d(np.arange(k), labels)
    if absent.size:
        raise ValueError(f"expected every class 0..{k - 1} among the labels, absent: {absent.tolist()}")
    return labels, probabilities


def predict(probabilities: np.ndarray, task: str) -> np.ndarray:
    """Predict classes by MedMNIST's rule.

    Parameters
    ----------
    probabilities : float array, shape (n, k)
        Class probabilities.
    task : str
        For ``"binary-class"`` class 1 is predicted where its probability exceeds 0.5; otherwise the class
        of highest probability, the first of equals.

    Returns
    -------
    int64 array, shape (n,)
        Predicted classes.

    Raises
    ------
    ValueError
        If the probabilities or the task are not as ``check_inputs`` expects.
    """
    return most_probable(_check_probabilities(probabilities, task), task)


def confusion(labels: np.ndarray, predicted: np.ndarray, k: int) -> np.ndarray:
    """Count images by true and predicted class.

    Parameters
    ----------
    labels, predicted : int arrays, shape (n,)
        True and predicted classes in ``0 .. k-1``.
    k : int
        Number of classes.

    Returns
    -------
    int64 array, shape (k, k)
        Rows are true classes, columns predicted ones.

    Raises
    ------
    ValueError
        If a class is out of range or the lengths differ.
    """
    labels, predicted = _check_labels(labels, k), _check_labels(predicted, k)
    if len(labels) != len(predicted):
        raise ValueError(f"expected one prediction per label, got {len(predicted)} and {len(labels)}")
    return np.bincount(labels * k + predicted, minlength=k * k).reshape(k, k)


def majority_probabilities(train_labels: np.ndarray, k: int, n: int) -> np.ndarray:
    """Give the constant prediction of the most frequent training class.

    Parameters
    ----------
    train_labels : int array, shape (m,)
        Training classes in ``0 .. k-1``; of equally frequent ones the lowest is taken.
    k : int
        Number of classes.
    n : int
        Number of rows wanted.

    Returns
    -------
    float64 array, shape (n, k)
        The same one-hot row, ``n`` times.

    Raises
    ------
    ValueError
        If a label is out of range.
    """
    counts = np.bincount(_check_labels(train_labels, k), minlength=k)
    return np.tile(np.eye(k)[np.argmax(counts)], (n, 1))


def summarise_seeds(values: ArrayLike) -> tuple[float, float]:
    """Average a metric over training seeds.

    Parameters
    ----------
    values : float array, shape (s,), s >= 1
        One value per seed.

    Returns
    -------
    tuple of float
        Mean and sample standard deviation (``ddof=1``; nan for a single seed).

    Raises
    ------
    ValueError
        If there are no values.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not values.size:
        raise ValueError(f"expected at least one value per metric, got shape {values.shape}")
    return float(values.mean()), float(values.std(ddof=1)) if values.size > 1 else float("nan")


def measure(
    labels: np.ndarray,
    probabilities: np.ndarray,
    task: str,
    *,
    ece_bins: int = 15,
    replicates: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
    positive: int | None = None,
    temperature: float = 1.0,
) -> list[Measure]:
    """Compute every metric of one classifier on one test set, with intervals.

    Accuracy, recall and precision, which are shares of images, have the Wilson score interval (Wilson 1927), the AUROC
    that of DeLong et al. (1988) on the logit scale. All other intervals are percentiles of a bootstrap stratified by
    true class (Efron & Tibshirani 1993); a metric without variation among the images, such as the F1 of a class without
    errors, then gets an interval of zero width.

    Parameters
    ----------
    labels : int array, shape (n,)
        True classes in ``0 .. k-1``, every class present.
    probabilities : float array, shape (n, k), k >= 2
        Class probabilities, each row summing to 1.
    task : str
        MedMNIST's task: ``"binary-class"``, ``"multi-class"`` or ``"ordinal-regression"``.
    ece_bins : int
        Number of bins of the calibration error.
    replicates : int
        Number of bootstrap replicates.
    confidence : float
        Nominal coverage of the intervals.
    seed : int
        Seed of the bootstrap.
    positive : int, optional
        Class whose average precision is wanted as well.
    temperature : float, above 0
        By which the probabilities are scaled for the log loss.

    Returns
    -------
    list of Measure
        ``accuracy`` and ``auroc`` (MedMNIST's; Yang et al. 2023), then

        - ``balanced_accuracy`` (mean recall), ``macro_f1``;
        - ``mcc``: Matthews correlation, in Gorodkin's (2004) form for k classes, 0 where undefined;
        - ``brier`` (Brier 1950): for a binary task the mean squared error of the probability of class 1
          (0 to 1), otherwise the mean over images of the squared error summed over classes (0 to 2);
        - ``log_loss``: mean of minus the logarithm of the true class's probability, after the temperature;
        - ``ece``: expected calibration error (Naeini et al. 2015) of the predicted class's probability
          over bins of equal numbers of images, equal probabilities sharing a bin. Replicates keep these
          bins; resampling adds to the error, so the interval of a well calibrated model may lie above it;
        - ``mae``, of an ordinal task: mean absolute difference of the predicted and the true class's number;
        - ``precision[i]``, ``recall[i]``, ``f1[i]`` per class, 0 where undefined, with ``n`` the images
          predicted as class i for the precision and those of class i for the others; the interval of a
          precision without any is 0 to 1;
        - ``average_precision[i]`` if ``positive`` is given.

    Raises
    ------
    ValueError
        If an input is not as described above.
    """
    labels, probabilities = check_inputs(labels, probabilities, task)
    n, k = probabilities.shape
    if ece_bins < 1 or replicates < 1 or not 0 < confidence < 1:
        raise ValueError(
            "expected ece_bins >= 1, replicates >= 1 and 0 < confidence < 1, "
            f"got {ece_bins}, {replicates} and {confidence}"
        )
    if positive is not None and not 0 <= positive < k:
        raise ValueError(f"expected the positive class in 0..{k - 1}, got {positive}")

    predicted = predict(probabilities, task)
    # All but the rank statistics are functions of weighted sums over images: matrix products, that with an image's cell
    # of the confusion matrix sparse, because of many classes there are many more cells.
    cells = sparse.csr_array((np.ones(n), (labels * k + predicted, np.arange(n))), shape=(k * k, n))
    gaps = calibration_gaps(labels, predicted, probabilities, ece_bins)
    errors = squared_errors(labels, probabilities, task)
    losses = log_losses(scale(probabilities, temperature), labels)
    design = np.column_stack([gaps, errors, losses])
    # Distances of all cells of the confusion matrix, for classes that have an order.
    distances = np.abs(np.subtract.outer(np.arange(k), np.arange(k))).ravel()
    ranked = {}
    if positive is not None:
        ranked[f"average_precision[{positive}]"] = average_precision(labels == positive, probabilities[:, positive])

    def statistics(weights: np.ndarray) -> dict[str, np.ndarray]:
        confusions, sums = (cells @ weights).T, weights.T @ design
        values = _confusion_metrics(confusions.reshape(-1, k, k))
        values["ece"] = np.abs(sums[:, :-2]).sum(axis=1) / n
        values["brier"], values["log_loss"] = sums[:, -2] / n, sums[:, -1] / n
        if task == ORDINAL:
            values["mae"] = confusions @ distances / n
        return values | {name: statistic(weights) for name, statistic in ranked.items()}

    values = {name: float(value[0]) for name, value in statistics(np.ones((n, 1))).items()}
    values["auroc"] = float(getAUC(labels, probabilities, task))
    auroc_limits = area_interval(labels, area(labels, probabilities, task), confidence)
    chunks = [statistics(weights) for weights in replicate_weights(labels, replicates, seed)]
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]

    sizes = {f"precision[{i}]": int(count) for i, count in enumerate(np.bincount(predicted, minlength=k))}
    for i, count in enumerate(np.bincount(labels, minlength=k)):
        sizes |= {f"{name}[{i}]": int(count) for name in ("recall", "f1", "average_precision")}

    accuracy = float(getACC(labels, probabilities, task))
    measures = [Measure("accuracy", accuracy, *wilson(int(np.sum(predicted == labels)), n, confidence), n)]
    names = ["auroc", "balanced_accuracy", "macro_f1", "mcc", "brier", "log_loss", "ece"]
    names += ["mae"] if task == ORDINAL else []
    names += [f"{name}[{i}]" for i in range(k) for name in ("precision", "recall", "f1")]
    names += ranked
    hits = np.diagonal(confusion(labels, predicted, k))
    shares = {f"{name}[{i}]": int(hits[i]) for i in range(k) for name in ("precision", "recall")}
    for name in names:
        size = sizes.get(name, len(labels))
        if name in shares:
            low, high = wilson(shares[name], size, confidence) if size else (0.0, 1.0)
        elif name == "auroc":
            low, high = auroc_limits
        else:
            low, high = np.quantile(np.concatenate([chunk[name] for chunk in chunks]), tails)
        measures.append(Measure(name, values[name], float(low), float(high), size))
    return measures


def proportion(metric: str, successes: float, n: int, confidence: float) -> Measure:
    """A share of n images with its Wilson interval; nan without images."""
    if not n:
        return Measure(metric, float("nan"), float("nan"), float("nan"), 0)
    return Measure(metric, float(successes / n), *wilson(successes, n, confidence), n)


def wilson(correct: float, n: int, confidence: float) -> tuple[float, float]:
    """The score interval of an accuracy (Wilson 1927).

    Parameters
    ----------
    correct, n : images classified correctly, of all images
    confidence : nominal coverage

    >>> wilson(10, 10, 0.95)[1]
    1.0
    """
    low, high = proportion_confint(correct, n, alpha=1 - confidence, method="wilson")
    # Rounding can leave a limit that is exactly 0 or 1 on the wrong side of the accuracy.
    return min(float(low), correct / n), max(float(high), correct / n)


def _confusion_metrics(matrices: np.ndarray) -> dict[str, np.ndarray]:
    """Metrics of confusion matrices of shape (r, k, k), each of shape (r,)."""
    hits = np.diagonal(matrices, axis1=1, axis2=2)
    true, predicted = matrices.sum(axis=2), matrices.sum(axis=1)
    precision, recall = ratio(hits, predicted), ratio(hits, true)
    f1 = ratio(2 * hits, true + predicted)
    total = true.sum(axis=1)
    covariance = hits.sum(axis=1) * total - np.sum(true * predicted, axis=1)
    variances = (total**2 - np.sum(predicted**2, axis=1)) * (total**2 - np.sum(true**2, axis=1))
    values = {
        "balanced_accuracy": recall.mean(axis=1),
        "macro_f1": f1.mean(axis=1),
        "mcc": ratio(covariance, np.sqrt(variances)),
    }
    for i in range(matrices.shape[1]):
        values |= {f"precision[{i}]": precision[:, i], f"recall[{i}]": recall[:, i], f"f1[{i}]": f1[:, i]}
    return values


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Quotient, 0 where the denominator is 0."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)


def calibration_gaps(labels: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray, bins: int) -> np.ndarray:
    """Correctness minus confidence of each image, in the column of its bin: shape (n, bins)."""
    rows = np.arange(len(labels))
    confidence = probabilities[rows, predicted]
    gaps = np.zeros((len(labels), bins))
    gaps[rows, equal_mass_bins(confidence, bins)] = (labels == predicted) - confidence
    return gaps


def equal_mass_bins(confidence: np.ndarray, bins: int) -> np.ndarray:
    """The bin of each image, int (n,): bins of equal numbers of images, equal confidences sharing a bin."""
    # The rank of the first of equal confidences, so that the order of the images does not matter.
    return np.searchsorted(np.sort(confidence), confidence, side="left") * bins // len(confidence)


def squared_errors(labels: np.ndarray, probabilities: np.ndarray, task: str) -> np.ndarray:
    """Brier's squared error of each image: shape (n,)."""
    if task == "binary-class":
        return (probabilities[:, 1] - labels) ** 2
    return np.sum((probabilities - np.eye(probabilities.shape[1])[labels]) ** 2, axis=1)


def _check_labels(labels: np.ndarray, k: int) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.ndim != 1 or not labels.size or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"expected integer labels of shape (n,), got {labels.dtype} of {labels.shape}")
    if labels.min() < 0 or labels.max() >= k:
        raise ValueError(f"expected labels in 0..{k - 1}, got {labels.min()}..{labels.max()}")
    return labels.astype(np.int64)


def _check_probabilities(probabilities: np.ndarray, task: str) -> np.ndarray:
    if task not in TASKS:
        raise ValueError(f"expected a task among {', '.join(TASKS)}, got {task!r}")
    probabilities = np.asarray(probabilities, dtype=np.float64)
    if probabilities.ndim != 2 or probabilities.shape[1] < 2:
        raise ValueError(f"expected probabilities of shape (n, k) with k >= 2, got {probabilities.shape}")
    if task == "binary-class" and probabilities.shape[1] != 2:
        raise ValueError(f"expected two columns for a binary task, got {probabilities.shape[1]}")
    if not np.isfinite(probabilities).all():
        raise ValueError("expected finite probabilities, got nan or infinity")
    if probabilities.min(initial=0) < -SUM_TOLERANCE or np.any(np.abs(probabilities.sum(axis=1) - 1) > SUM_TOLERANCE):
        raise ValueError(f"expected non-negative probabilities with rows summing to 1 +- {SUM_TOLERANCE}")
    return probabilities
