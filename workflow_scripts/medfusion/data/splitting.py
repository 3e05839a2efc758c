"""Dividing labelled pictures among train, val and test: by class, by group, and by chance that a seed fixes."""

from collections.abc import Sequence

import numpy as np

from medfusion.errors import UserError

TRIES = 100  # at orders of groups, until every split has some of every class


def split(
    labels: np.ndarray,
    groups: Sequence[str],
    shares: Sequence[float],
    seed: int,
    label_names: Sequence[str],
    seed_key: str = "split.seed",
) -> np.ndarray:
    """Assign each group of pictures as a whole to one of several splits.

    First every split gets a group of every class, the classes with the fewest groups first. Then the others, the
    largest first, go where they bring the images of each class in each split nearest to its share of the class (least
    squares). Groups of one picture each are so divided class by class, in the shares to within a picture.

    Parameters
    ----------
    labels : integers (n,)
    groups : what must stay together, (n,)
    shares : of the splits, which sum to 1
    seed : of the order of equally large groups
    label_names : one per class
    seed_key : what the seed is called in the configuration

    Returns
    -------
    int (n,), the number of each picture's split

    Raises
    ------
    UserError
        If a class has fewer groups than there are splits, or no way was found to give each split some of each class.
    """
    names, member = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    counts = np.zeros((len(names), len(label_names)), np.int64)
    np.add.at(counts, (member, labels), 1)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(names))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    totals, own = counts.sum(axis=0), (counts > 0).sum(axis=0)
    if len(few := np.flatnonzero(own < len(shares))):
        raise UserError(
            f"class {label_names[few[0]]!r}: its {totals[few[0]]} pictures are of {own[few[0]]} groups; expected "
            f"enough for some in each of {len(shares)} splits"
        )
    place = _one_each(counts, shares, order[::-1])
    for _ in range(TRIES):
        if place is not None:
            break
        place = _one_each(counts, shares, rng.permutation(len(names)))
    if place is None:
        raise UserError(
            f"no way was found to give each of {len(shares)} splits pictures of every class, because groups with "
            f"pictures of several classes stay together; try another {seed_key}, or drop a class of few groups"
        )
    wanted = np.outer(shares, totals)
    given = np.stack([counts[place == number].sum(axis=0) for number in range(len(shares))])
    weights = 1 / totals**2
    for group in order[place[order] < 0]:
        own = counts[group]
        # What the sum of squares grows by in each split.
        growth = ((2 * (given - wanted) + own) * own) @ weights
        place[group] = int(growth.argmin())
        given[place[group]] += own
    return place[member]


def _one_each(counts: np.ndarray, shares: Sequence[float], order: np.ndarray) -> np.ndarray | None:
    """Give every split some group of every class, the first in an order: each group's split or -1; None if it fails."""
    given, place = np.zeros((len(shares), counts.shape[1]), np.int64), np.full(len(counts), -1)
    for label in np.argsort((counts > 0).sum(axis=0), kind="stable"):
        for number in np.argsort(shares, kind="stable"):
            if given[number, label]:
                continue
            group = next((group for group in order if place[group] < 0 and counts[group, label]), None)
            if group is None:
                return None
            place[group] = number
            given[number] += counts[group]
    return place
