"""Dividing labelled pictures among train, val and test: by class, by group, and by chance that a seed fixes."""

from collections.abc import Sequence

import numpy as np

from medfusion.errors import UserError


def split(
    labels: np.ndarray, groups: Sequence[str], shares: Sequence[float], seed: int, label_names: Sequence[str]
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

    Returns
    -------
    int (n,), the number of each picture's split

    Raises
    ------
    UserError
        If a class has fewer groups than there are splits.
    """
    names, member = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    counts = np.zeros((len(names), len(label_names)), np.int64)
    np.add.at(counts, (member, labels), 1)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(names))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    totals = counts.sum(axis=0)
    wanted = np.outer(shares, totals)
    given, place = np.zeros_like(wanted), np.full(len(names), -1)

    def give(group: int, number: int) -> None:
        place[group] = number
        given[number] += counts[group]

    for label in np.argsort((counts > 0).sum(axis=0), kind="stable"):
        for number in np.argsort(shares, kind="stable"):
            if given[number, label]:
                continue
            free = [group for group in order[::-1] if place[group] < 0 and counts[group, label]]
            if not free:
                own = np.count_nonzero(counts[:, label])
                raise UserError(
                    f"class {label_names[label]!r}: its {totals[label]} pictures are of {own} groups; expected enough "
                    f"for some in each of {len(shares)} splits"
                )
            give(free[0], number)
    weights = 1 / totals**2
    for group in order[place[order] < 0]:
        own = counts[group]
        # What the sum of squares grows by in each split.
        growth = ((2 * (given - wanted) + own) * own) @ weights
        give(group, int(growth.argmin()))
    return place[member]
