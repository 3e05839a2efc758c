"""The input check: whether an image is unlike the training images, by a network's features and by its plain pixels.

Two distances, each in units that validation set: the larger is the image's score. It is 0 about the middle of the
validation images, and an image above 1 is called unlike the training images. `input_fitting` fits a check and sets the
units.

Features are compared in the space in which the covariance that the classes share, shrunk (Ledoit & Wolf 2004), is the
identity:

    mahalanobis           distance to the nearest mean of a class (Lee et al. 2018, arXiv:1807.03888)
    relative_mahalanobis  its square, minus the squared distance to the mean of all in the space of the covariance of
                          all (Ren et al. 2021, arXiv:2106.09022)
    nearest               distance to the k-th nearest of some training images (Sun et al. 2022, arXiv:2204.06507,
                          without their scaling of features to one length)

Of pixels, a few statistics are held against the ranges that they have in training images: blank, saturated, too bright,
too dark and noisy images lie outside.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

KINDS = ("mahalanobis", "relative_mahalanobis", "nearest")
ARRAYS = ("centre", "directions", "mean", "whitening", "points", "overall", "ranges")
LIMIT = 1.0  # of the score
BLOCK = 256  # images whose distances are held at once
VALUES = 2**21  # of images whose statistics are computed at once: bounds memory


@dataclass(frozen=True)
class InputCheck:
    """A fitted check of one network's images; its arrays are float32, so that every reader computes with the same.

    kind : one of `KINDS`
    neighbour : k of the kind "nearest"; else 0
    pool : so many neighbouring features count as one, their mean
    centre : (d,), mean of the (pooled) features
    directions : (d, p), the features' first principal components; (d, 0) if there are so few features that all count
    mean : (r,), mean of what is compared: features, or the p components and what they miss, r = p + 1
    whitening : (r, r), makes the shared covariance of the classes the identity
    points : (m, r), means of classes, or training images, in that space
    overall : (r, r), makes the covariance of all training images the identity; (0, r) where the kind needs none
    ranges : (2, s), lowest and highest value of each statistic of pixels in training images, but for few
    feature_units, pixel_units : which distance is 0, and by how much more it is 1
    auroc : by kind, how well it told altered validation images from the others: the mean of AUROCs, of the network of
        the first seed
    """

    kind: str
    neighbour: int
    pool: int
    centre: np.ndarray
    directions: np.ndarray
    mean: np.ndarray
    whitening: np.ndarray
    points: np.ndarray
    overall: np.ndarray
    ranges: np.ndarray
    feature_units: tuple[float, float]
    pixel_units: tuple[float, float]
    auroc: dict[str, float]


def scores(check: InputCheck, features: np.ndarray, images: np.ndarray) -> np.ndarray:
    """How unlike the training images each image is; above `LIMIT` it is called so.

    Parameters
    ----------
    features : float32 (n, d'), the network's, before pooling
    images : uint8 (n, H, W, C), the same

    Returns
    -------
    float64 (n,)
    """
    return scored(check, pooled(features, check.pool), statistics(images))


def scored(check: InputCheck, values: np.ndarray, found: np.ndarray) -> np.ndarray:
    """The same, of pooled features (n, d) and statistics of pixels (n, s)."""
    own = in_units(feature_distances(check, values), check.feature_units)
    return np.maximum(own, in_units(pixel_distances(check.ranges, found), check.pixel_units))


def of_system(of_networks: Sequence[np.ndarray]) -> np.ndarray:
    """The score of a system of several networks: the mean of theirs."""
    return np.mean(of_networks, axis=0)


def widened(check: InputCheck, factor: float) -> InputCheck:
    """The check with all its scores divided by a factor."""
    (features, far), (pixels, out) = check.feature_units, check.pixel_units
    return replace(check, feature_units=(features, far * factor), pixel_units=(pixels, out * factor))


def in_units(distances: np.ndarray, units: tuple[float, float]) -> np.ndarray:
    """Distances as scores: 0 at the first of the units, 1 the second further.

    >>> in_units(np.array([2.0, 3.0, 5.0]), (2.0, 3.0)).round(3).tolist()
    [0.0, 0.333, 1.0]
    """
    return (distances - units[0]) / units[1]


# -- features ---------------------------------------------------------------------------------------------------------


def pooled(features: np.ndarray, pool: int) -> np.ndarray:
    """Means of so many neighbouring features, the last perhaps of fewer; float64 (n, d).

    >>> pooled(np.array([[1.0, 3.0, 5.0]]), 2).tolist()
    [[2.0, 5.0]]
    """
    values = np.asarray(features, np.float64)
    starts = np.arange(0, values.shape[1], pool)
    sizes = np.diff(np.append(starts, values.shape[1]))
    return np.asarray(np.add.reduceat(values, starts, axis=1) / sizes)


def reduced(values: np.ndarray, centre: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """What is compared of (pooled) features: float64 (n, r).

    They themselves, centred; or, along principal components, these and the length of what they miss.

    Parameters
    ----------
    values : float64 (n, d)
    centre : (d,)
    directions : (d, p), orthonormal
    """
    centred = values - centre.astype(np.float64)
    if not directions.shape[1]:
        return centred
    along = centred @ directions.astype(np.float64)
    missed = np.sum(centred**2, axis=1) - np.sum(along**2, axis=1)
    return np.column_stack([along, np.sqrt(np.maximum(missed, 0))])


def feature_distances(check: InputCheck, values: np.ndarray) -> np.ndarray:
    """The distance of pooled features (n, d) to those of training images, as the check's kind has it; float64 (n,)."""
    compared = reduced(values, check.centre, check.directions) - check.mean.astype(np.float64)
    parts = [compared[start : start + BLOCK] for start in range(0, len(compared), BLOCK)]
    return np.concatenate([np.empty(0), *(_distances(check, part) for part in parts)])


def _distances(check: InputCheck, values: np.ndarray) -> np.ndarray:
    squared = to_points(values @ check.whitening.astype(np.float64), check.points.astype(np.float64))
    if check.kind == "nearest":
        return np.sqrt(np.partition(squared, check.neighbour - 1, axis=1)[:, check.neighbour - 1])
    nearest = squared.min(axis=1)
    if check.kind == "mahalanobis":
        return np.sqrt(nearest)
    return nearest - np.sum((values @ check.overall.astype(np.float64)) ** 2, axis=1)


def to_points(values: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances of (n, r) to (m, r): float64 (n, m).

    >>> to_points(np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([[3.0, 0.0]])).tolist()
    [[9.0], [16.0]]
    """
    squares = np.sum(values**2, axis=1)[:, None] + np.sum(points**2, axis=1) - 2 * (values @ points.T)
    return np.maximum(squares, 0)


# -- pixels -----------------------------------------------------------------------------------------------------------


def statistics(images: np.ndarray) -> np.ndarray:
    """Statistics of each image, of values from 0 to 255.

    Parameters
    ----------
    images : uint8 (n, H, W, C)

    Returns
    -------
    float64 (n, 2 C + 3) : the mean of each channel; the standard deviation of each; the shares of values that are 0,
        and 255; the mean absolute difference of neighbouring values, to the right and below

    >>> checkers = np.array([[0, 255], [255, 0]], np.uint8)[None, :, :, None]
    >>> statistics(checkers).tolist(), statistics(np.full((1, 2, 2, 1), 7, np.uint8)).tolist()
    ([[127.5, 127.5, 0.5, 0.5, 255.0]], [[7.0, 0.0, 0.0, 0.0, 0.0]])
    """
    step = max(1, VALUES // int(np.prod(images.shape[1:])))
    return np.concatenate(
        [_statistics(images[start : start + step]) for start in range(0, len(images), step)]
        or [np.empty((0, 2 * images.shape[3] + 3))]
    )


def _statistics(images: np.ndarray) -> np.ndarray:
    values = images.reshape(len(images), -1, images.shape[3]).astype(np.int64)
    number = values.shape[1]
    # Sums of whole numbers are exact: another program finds the same, in whatever order it adds.
    means = values.sum(axis=1) / number
    deviations = np.sqrt(np.maximum((values**2).sum(axis=1) / number - means**2, 0))
    shares = [np.mean(values == limit, axis=(1, 2)) for limit in (0, 255)]
    whole = images.astype(np.int64)
    steps = [np.abs(np.diff(whole, axis=axis)) for axis in (1, 2)]
    count = max(1, sum(part[0].size for part in steps) if len(images) else 1)
    rough = sum(part.sum(axis=(1, 2, 3)) for part in steps) / count
    return np.column_stack([means, deviations, *shares, rough])


def pixel_distances(ranges: np.ndarray, found: np.ndarray) -> np.ndarray:
    """How far the statistic lies from the middle of its range that lies farthest out, in half ranges; float64 (n,).

    Parameters
    ----------
    ranges : (2, s), lowest and highest values
    found : (n, s)

    >>> pixel_distances(np.array([[0.0, 10.0], [4.0, 20.0]]), np.array([[2.0, 15.0], [4.0, 30.0]])).tolist()
    [0.0, 3.0]
    """
    low, high = ranges.astype(np.float64)
    return np.asarray(np.max(np.abs(found - (low + high) / 2) / ((high - low) / 2), axis=1))
