"""Fitting the input check on training and validation images; what it measures is in `input_check`.

The kind of distance between features is that which tells altered validation images best from the others, by itself; the
units of the score are set so that a share of the validation images lies above its limit. No test image is seen.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import scipy.linalg
from sklearn.covariance import ledoit_wolf
from sklearn.metrics import roc_auc_score

from medfusion.learning.input_check import (
    LIMIT,
    InputCheck,
    feature_distances,
    in_units,
    pixel_distances,
    reduced,
    widened,
)

MOST_FEATURES = 1024  # that are told apart; of more, neighbours are averaged
COMPONENTS = 256  # of features, at most
POINTS = 1000  # training images that are kept for the kind "nearest", at most
NEIGHBOUR = 10  # the k of it, …
SHARE = 20  # … or, of fewer images, one in so many
BEYOND = 0.005  # share of training images below, and above, the range of a statistic
# Least half ranges: a grey level of means, deviations and differences, and a hundredth of the pixels of shares.
LEAST = {"level": 1.0, "share": 0.01}
USUAL = 0.95  # the quantile of validation images by which both distances get comparable units

Pair = tuple[np.ndarray, np.ndarray]


def pool_of(width: int) -> int:
    """How many neighbouring features of so many count as one.

    >>> pool_of(848), pool_of(1025), pool_of(150_528)
    (1, 2, 147)
    """
    return math.ceil(width / MOST_FEATURES)


def fit(
    kinds: Sequence[str],
    features: np.ndarray,
    labels: np.ndarray,
    found: np.ndarray,
    val: Pair,
    flagged: float,
    pool: int,
) -> dict[str, InputCheck]:
    """Fit a check of each of some kinds.

    Parameters
    ----------
    kinds : of `input_check.KINDS`
    features : float64 (n, d), of training images, pooled
    labels : int (n,), their classes
    found : float64 (n, s), their statistics
    val : pooled features (v, d) and statistics (v, s) of the validation images
    flagged : share of validation images that are to lie above the limit
    pool : of the features
    """
    centre = features.mean(axis=0).astype(np.float32)
    directions = principal(features - centre).astype(np.float32)
    values = reduced(features, centre, directions)
    mean = values.mean(axis=0).astype(np.float32)
    values = values - mean
    classes = [values[labels == label] for label in np.unique(labels)]
    means = np.stack([part.mean(axis=0) for part in classes])
    within = np.concatenate([part - own for part, own in zip(classes, means, strict=True)])
    whitening = whitened(within).astype(np.float32)
    checks = {}
    for kind in kinds:
        overall, neighbour, points = np.empty((0, values.shape[1])), 0, means
        if kind == "nearest":
            points = values[evenly(len(values), POINTS)]
            neighbour = max(1, min(NEIGHBOUR, len(points) // SHARE))
        elif kind == "relative_mahalanobis":
            overall = whitened(values)
        check = InputCheck(
            kind=kind,
            neighbour=neighbour,
            pool=pool,
            centre=centre,
            directions=directions,
            mean=mean,
            whitening=whitening,
            points=(points @ whitening).astype(np.float32),
            overall=overall.astype(np.float32),
            ranges=ranges_of(found).astype(np.float32),
            feature_units=(0.0, 1.0),
            pixel_units=(0.0, 1.0),
            auroc={},
        )
        checks[kind] = _calibrated(check, val, flagged)
    return checks


def areas(
    checks: Mapping[str, InputCheck], val: np.ndarray, altered: Mapping[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    """How well distances of features tell altered validation images from the others: the AUROC, by kind and alteration.

    Of features alone: statistics of pixels see what is far from anything, and would hide a kind that does not.

    Parameters
    ----------
    checks : by kind
    val : pooled features (v, d) of the validation images
    altered : by what was done to them, the same of altered ones
    """
    usual = {kind: feature_distances(check, val) for kind, check in checks.items()}
    return {
        kind: {name: area(usual[kind], feature_distances(check, values)) for name, values in altered.items()}
        for kind, check in checks.items()
    }


def best(found: Mapping[str, Mapping[str, float]]) -> tuple[str, dict[str, float]]:
    """The kind of the highest mean AUROC, of equals the first; and these means by kind.

    Below 0.5 each counts as 0.5: what makes images look more usual, as a little blur may, is nothing to be seen.

    >>> best({"mahalanobis": {"noise": 0.9, "blur": 0.5}, "nearest": {"noise": 0.9, "blur": 0.7}})[0]
    'nearest'
    """
    means = {kind: float(np.mean(np.maximum(0.5, list(of_kind.values())))) for kind, of_kind in found.items()}
    return max(means, key=lambda kind: means[kind]), means


def area(usual: np.ndarray, unusual: np.ndarray) -> float:
    """The probability that an unusual image has the higher score, ties counted half: the AUROC.

    >>> area(np.array([0.1, 0.2]), np.array([0.2, 0.3]))
    0.875
    """
    return float(roc_auc_score(np.repeat([0, 1], [len(usual), len(unusual)]), np.append(usual, unusual)))


# -- distances --------------------------------------------------------------------------------------------------------


def ranges_of(found: np.ndarray) -> np.ndarray:
    """Lowest and highest value of each statistic, (2, s), but for `BEYOND` of the images on each side.

    None is narrower than twice `LEAST`: training images may all have, say, no white pixel.

    Parameters
    ----------
    found : float64 (n, s), as `input_check.statistics` has them
    """
    low, high = np.quantile(found, [BEYOND, 1 - BEYOND], axis=0)
    number = found.shape[1]
    least = np.full(number, LEAST["level"])
    least[number - 3 : number - 1] = LEAST["share"]
    middle, half = (low + high) / 2, np.maximum((high - low) / 2, least)
    return np.stack([middle - half, middle + half])


def principal(centred: np.ndarray) -> np.ndarray:
    """The first principal components, (d, p) with p at most `COMPONENTS`; (d, 0) where there are no more features.

    Parameters
    ----------
    centred : float64 (n, d), of mean zero
    """
    width = centred.shape[1]
    if width <= COMPONENTS:
        return np.empty((width, 0))
    _, vectors = scipy.linalg.eigh(centred.T @ centred, subset_by_index=[width - COMPONENTS, width - 1])
    return _with_signs(vectors[:, ::-1])


def whitened(centred: np.ndarray) -> np.ndarray:
    """What makes the shrunk covariance (Ledoit & Wolf 2004) of rows of mean zero the identity: (r, r), symmetric.

    Directions in which nothing varies count as if they varied a little: a millionth of the mean variance.
    """
    covariance, _ = ledoit_wolf(centred, assume_centered=True)
    values, vectors = np.linalg.eigh(covariance)
    least = max(1e-6 * float(np.mean(np.maximum(values, 0))), 1e-12)
    return np.asarray((vectors / np.sqrt(np.maximum(values, least))) @ vectors.T)


def _with_signs(vectors: np.ndarray) -> np.ndarray:
    """Vectors, in columns, whose largest part is positive: a decomposition leaves their signs open."""
    largest = np.abs(vectors).argmax(axis=0)
    return vectors * np.where(vectors[largest, np.arange(vectors.shape[1])] < 0, -1, 1)


def evenly(number: int, most: int) -> np.ndarray:
    """At most so many of the rows, ascending, evenly spaced.

    >>> evenly(7, 3).tolist(), evenly(2, 3).tolist()
    ([0, 2, 4], [0, 1])
    """
    return np.arange(number) if number <= most else np.arange(most) * number // most


# -- units ------------------------------------------------------------------------------------------------------------


def _calibrated(check: InputCheck, val: Pair, flagged: float) -> InputCheck:
    """The check with units that put a share of the validation images above the limit."""
    of_features, of_pixels = feature_distances(check, val[0]), pixel_distances(check.ranges, val[1])
    feature_units, pixel_units = units_of(of_features), units_of(of_pixels)
    both = np.maximum(in_units(of_features, feature_units), in_units(of_pixels, pixel_units))
    own = replace(check, feature_units=feature_units, pixel_units=pixel_units)
    return widened(own, limit(both, flagged) / LIMIT)


def units_of(distances: np.ndarray) -> tuple[float, float]:
    """The median of distances, and how much further their 95 % quantile is; 1 where that is no further."""
    middle, usual = (float(value) for value in np.quantile(distances, [0.5, USUAL]))
    return middle, usual - middle if usual > middle else 1.0


def limit(values: np.ndarray, flagged: float) -> float:
    """The conformal limit: another image, exchangeable with these, lies above with a probability of at most `flagged`.

    So it is where there are images enough (1 / `flagged` − 1 of them); of fewer nothing can be promised.

    It is the ⌈(n + 1)(1 − flagged)⌉-th smallest value (Vovk et al. 2005) or, so that no image lies on it, half way to
    the next larger one. Of images that are too few for the share (19 for 5 %) none lies above.

    >>> limit(np.arange(1.0, 40.0), 0.05), limit(np.array([1.0, 2.0]), 0.05)
    (38.5, 3.0)
    """
    ordered = np.unique(values)
    rank = math.ceil(round((len(values) + 1) * (1 - flagged), 9))
    own = np.sort(values)[min(rank, len(values)) - 1]
    above = ordered[ordered > own]
    return max(float(own + above[0]) / 2 if len(above) else float(own) + 1.0, 1e-9)
