"""Choosing some of the training images."""

import numpy as np

from medfusion.errors import UserError
from medfusion.tasks import strata


def stratified_subset(labels: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Indices of `size` images, sorted, each class in its share of the whole (largest remainders).

    Parameters
    ----------
    labels : integers (n,); or 0 and 1 of shape (n, k) for several labels at once, where an image counts to the rarest
        of its labels (`tasks.strata`)
    size : number of images wanted, at most n
    seed : of the draw

    Raises
    ------
    UserError
        If more images are wanted than there are, or too few for one of each class.
    """
    labels = strata(labels)
    classes, counts = np.unique(labels, return_counts=True)
    if not len(classes) <= size <= len(labels):
        raise UserError(
            f"a training subset of {size} images; expected {len(classes)} (one of each class) to {len(labels)} (all): "
            "change train_images, sizes or the limit that asks for it"
        )
    exact = counts * size / len(labels)
    share = np.maximum(1, np.floor(exact).astype(int))
    while share.sum() < size:
        share[np.argmax(exact - share)] += 1
    while share.sum() > size:  # rare classes were given their one image: the others pay
        share[np.argmax(np.where(share > 1, share - exact, -np.inf))] -= 1
    rng = np.random.default_rng(seed)
    chosen = [rng.choice(np.flatnonzero(labels == c), n, replace=False) for c, n in zip(classes, share, strict=True)]
    return np.sort(np.concatenate(chosen))


def training_rows(labels: np.ndarray, number: int | str, seed: int, left_out: np.ndarray | None = None) -> np.ndarray:
    """Indices of the training images that a model learns from, sorted.

    Parameters
    ----------
    labels : of all training images, as `stratified_subset` takes them
    number : of images, a stratified subset; or "all"
    seed : of the subset
    left_out : bool (n,), images that it does not learn from; None for none

    Raises
    ------
    UserError
        If the subset cannot be had, or a class has no image left.
    """
    rows = np.arange(len(labels)) if left_out is None else np.flatnonzero(~left_out)
    if lost := np.setdiff1d(strata(labels), strata(labels[rows])).tolist():
        raise UserError(f"drop_near_duplicates_of: leaves no training image of label {lost[0]}; leave it out")
    if isinstance(number, str):
        return rows
    if left_out is not None and number > len(rows):
        raise UserError(
            f"train_images: {number}; expected at most {len(rows)}, as many as drop_near_duplicates_of leaves"
        )
    return rows[stratified_subset(labels[rows], number, seed)]


def at_most(labels: np.ndarray, size: int | None, seed: int) -> np.ndarray:
    """Indices of all images, or of a stratified subset if there are more than `size` (None: no limit).

    >>> at_most(np.zeros(3), 5, 0)
    array([0, 1, 2])
    """
    if size is None or size >= len(labels):
        return np.arange(len(labels))
    return stratified_subset(labels, size, seed)
