"""Dividing the images of a data set anew, near-duplicates and other groups kept together."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from medfusion.data import splitting
from medfusion.errors import UserError

SPLITS = ("train", "val", "test")
INNER_SEED = 1_000_003  # added to the seed where val is divided from train, so that the two draws differ


def divide(
    labels: np.ndarray, groups: np.ndarray, sizes: Sequence[int], settings: Mapping[str, Any], names: Sequence[str]
) -> dict[str, np.ndarray]:
    """Which images are train, val and test.

    With `folds`, the test split is one fold of so many, and val is of the rest what it is of train and val in the given
    split; else all three have the shares that they have there.

    Parameters
    ----------
    labels : integers (n,), of the pool
    groups : integers (n,); images of one group stay together
    sizes : images of train, val and test as given
    settings : seed; folds and fold (from 1), or neither
    names : one per class

    Returns
    -------
    By split, int64 numbers of images in ascending order

    Raises
    ------
    UserError
        If a class has too few groups for some of it to be in each split.
    """
    seed, together = settings["seed"], groups.astype(str).tolist()
    scheme, way_out = ("crossvalidation", "take fewer folds, or ") if "folds" in settings else ("resplits", "")
    key = f"{scheme}.seed"
    try:
        if "folds" not in settings:
            place = splitting.split(labels, together, [size / sum(sizes) for size in sizes], seed, names, key)
            return {split: np.flatnonzero(place == number) for number, split in enumerate(SPLITS)}
        number = settings["folds"]
        place = splitting.split(labels, together, [1 / number] * number, seed, names, key)
        test, rest = np.flatnonzero(place == settings["fold"] - 1), np.flatnonzero(place != settings["fold"] - 1)
        share = sizes[1] / (sizes[0] + sizes[1])
        inner = splitting.split(
            labels[rest], [together[row] for row in rest], [1 - share, share], seed + INNER_SEED, names, key
        )
    except UserError as error:
        raise UserError(
            f"{scheme}: images cannot be split anew, near-duplicates kept together: {error}; {way_out}set {scheme}: ~"
        ) from None
    return {"train": rest[inner == 0], "val": rest[inner == 1], "test": test}
