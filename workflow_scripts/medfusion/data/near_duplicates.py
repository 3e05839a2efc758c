"""Near-duplicates: pairs of images, within and across splits, whose pixels correlate strongly."""

import contextlib
import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from medfusion.data.duplicate_search import BLOCK_ROWS, Pairs, Search
from medfusion.figures.montage import message, montage_grid
from medfusion.files.hdf5 import open_hdf5
from medfusion.naming import DisplayNames

LIMITS = (0.99, 0.999)  # correlations at which pairs are counted, beside the threshold
LISTED = 2000  # pairs that the table holds at most
COLUMNS = ["split_a", "index_a", "label_a", "split_b", "index_b", "label_b", "correlation", "identical"]
NOTE = (
    "Pearson correlation of all pixel values of two images. It is undefined for an image whose pixels are all equal: "
    "such images are counted under constant_images; of these, those with the same bytes as another are counted as "
    "identical, but not listed."
)


@dataclass(frozen=True)
class Split:
    """One split to compare: its name, prepared file and labels, integers (n,); several at once as `codes` has them."""

    name: str
    path: str | Path
    labels: np.ndarray


def codes(labels: np.ndarray) -> np.ndarray:
    """Labels as one integer an image: themselves, or of several at once (n, k) the number whose bits they are.

    >>> codes(np.array([[1, 0, 0], [1, 0, 1], [0, 0, 0]], np.uint8)).tolist()
    [1, 5, 0]
    """
    return labels if labels.ndim == 1 else labels.astype(np.int64) @ (1 << np.arange(labels.shape[1], dtype=np.int64))


def find(
    splits: list[Split],
    threshold: float,
    listed: int = LISTED,
    block: int = BLOCK_ROWS,
    report: Callable[[str], None] = lambda text: None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """All near-duplicates of a data set.

    Parameters
    ----------
    splits : in the order in which they are named in a pair
    threshold : correlation from which two images count as near-duplicates
    listed : pairs that the table holds at most
    block : images compared at once, at most; changes the memory and the time taken, not the result
    report : takes lines of progress

    Returns
    -------
    pairs : columns split_a, index_a, label_a, split_b, index_b, label_b, correlation, identical; pairs across
        splits first, then the strongest first
    summary : complete counts, whatever the table leaves out: for each pair of splits the pairs, the images of the
        second split that have a near-duplicate in the first, and the pairs whose labels differ, at the threshold, at
        0.99 and 0.999 and for identical images; across splits also how many images of the second have a near-duplicate
        in the first only if that is mirrored or turned by quarter turns (the pairs are not counted), and the indices of
        all that have one at the threshold, identical or turned; under "opposite_labels", of each image with a
        near-duplicate of another label the strongest such (of equals the first): split, index, and those of the other
    """
    limits = [threshold, *(limit for limit in LIMITS if limit > threshold)]
    tallies = {
        pair: _Tally(splits[pair[0]], splits[pair[1]], limits)
        for pair in itertools.combinations_with_replacement(range(len(splits)), 2)
    }
    table = pd.DataFrame(columns=COLUMNS)
    with contextlib.ExitStack() as stack:
        search = Search(stack, [split.path for split in splits], turned=len(splits) - 1)
        starts = search.starts
        labels = np.concatenate([split.labels for split in splits])
        opposite = _Opposite(len(labels))
        for pairs in search.pairs(threshold, block, report):
            as_is = pairs.second < starts[-1]
            _add_turned(tallies, pairs.first[~as_is], search.as_is(pairs.second[~as_is]), starts)
            found = Pairs(*(column[as_is] for column in pairs))
            opposite.add(found, labels)
            own, other = (np.searchsorted(starts, numbers, side="right") - 1 for numbers in (found.first, found.second))
            for a, b in tallies:
                chosen = np.flatnonzero((own == a) & (other == b))
                if not len(chosen):
                    continue
                i, j = found.first[chosen] - starts[a], found.second[chosen] - starts[b]
                correlation, identical = found.correlation[chosen], found.identical[chosen]
                tallies[a, b].add(i, j, correlation, identical)
                # No more than can be listed become a table.
                strongest = np.argsort(-correlation, kind="stable")[:listed]
                i, j = i[strongest], j[strongest]
                ends = (a, i, splits[a].labels[i], b, j, splits[b].labels[j])
                columns = (*ends, correlation[strongest], identical[strongest])
                part = pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))
                table = _sorted(pd.concat([table, part]) if len(table) else part).head(listed)
        for (a, b), tally in tallies.items():
            tally.add_constant(*(_constant(search, starts[k], starts[k + 1]) for k in (a, b)))
        counts = np.add.reduceat(search.constant[: starts[-1]].astype(np.int64), starts[:-1])
        constant = {split.name: int(count) for split, count in zip(splits, counts, strict=True)}
    names = dict(enumerate(split.name for split in splits))
    for column in ("split_a", "split_b"):
        table[column] = table[column].map(names)
    summary = {
        "threshold": threshold,
        "images": {split.name: len(split.labels) for split in splits},
        "constant_images": constant,
        "splits": [tally.summary() for tally in tallies.values()],
        "pairs": sum(int(tally.pairs[0]) for tally in tallies.values()),
        "pairs_listed": len(table),
        "opposite_labels": opposite.listed(splits, starts),
        "note": NOTE,
    }
    return table, summary


def _add_turned(
    tallies: dict[tuple[int, int], "_Tally"], first: np.ndarray, second: np.ndarray, starts: np.ndarray
) -> None:
    """Note images of a later split that are near-duplicates of one of an earlier split, but for their orientation."""
    own, other = (np.searchsorted(starts, numbers, side="right") - 1 for numbers in (first, second))
    for (a, b), tally in tallies.items():
        tally.has_turned[second[(own == a) & (other == b)] - starts[b]] = True


class _Opposite:
    """Of each of n images the strongest near-duplicate that has another label."""

    def __init__(self, n: int):
        self.correlation, self.partner = np.full(n, -np.inf), np.full(n, -1)

    def add(self, pairs: Pairs, labels: np.ndarray) -> None:
        differ = labels[pairs.first] != labels[pairs.second]
        first, second, strength = pairs.first[differ], pairs.second[differ], pairs.correlation[differ]
        for own, other in ((first, second), (second, first)):
            equal = (strength == self.correlation[own]) & (other < self.partner[own])
            order = np.lexsort([-other, strength])  # of what is written twice the last stays
            order = order[((strength > self.correlation[own]) | equal)[order]]
            self.correlation[own[order]], self.partner[own[order]] = strength[order], other[order]

    def listed(self, splits: list[Split], starts: np.ndarray) -> list[list[Any]]:
        """Split and index of each such image, and of its partner, in order."""
        own = np.flatnonzero(self.partner >= 0)
        ends = []
        for numbers in (own, self.partner[own]):
            number = np.searchsorted(starts, numbers, side="right") - 1
            ends += [[splits[k].name for k in number], (numbers - starts[number]).tolist()]
        return [list(row) for row in zip(*ends, strict=True)]


class _Tally:
    """Counts of one pair of splits, at each limit and for identical images."""

    def __init__(self, first: Split, second: Split, limits: list[float]):
        self.first, self.second, self.limits = first, second, limits
        self.pairs = np.zeros(len(limits) + 1, np.int64)
        self.conflicts = np.zeros(len(limits) + 1, np.int64)
        self.has_duplicate = np.zeros((len(limits) + 1, len(second.labels)), bool)
        self.has_turned = np.zeros(len(second.labels), bool)

    def add(self, i: np.ndarray, j: np.ndarray, correlation: np.ndarray, identical: np.ndarray) -> None:
        conflict = self.first.labels[i] != self.second.labels[j]
        for number, counted in enumerate([*(correlation >= limit for limit in self.limits), identical]):
            self.pairs[number] += counted.sum()
            self.conflicts[number] += (counted & conflict).sum()
            self.has_duplicate[number, j[counted]] = True
            if self.first is self.second:
                self.has_duplicate[number, i[counted]] = True

    def add_constant(self, own: dict[int, np.ndarray], other: dict[int, np.ndarray]) -> None:
        """Count the identical pairs of images without a correlation: of each split, those with the same bytes."""
        for digest in own.keys() & other.keys():
            i, j = own[digest], other[digest]
            labels = [np.unique_counts(split.labels[rows]) for split, rows in ((self.first, i), (self.second, j))]
            _, a, b = np.intersect1d(labels[0].values, labels[1].values, return_indices=True)
            pairs, alike = len(i) * len(j), int(labels[0].counts[a] @ labels[1].counts[b])
            if self.first is self.second:  # each with each other once
                pairs, alike = (pairs - len(i)) // 2, (alike - len(i)) // 2
            self.pairs[-1] += pairs
            self.conflicts[-1] += pairs - alike
            self.has_duplicate[-1, j] |= pairs > 0  # within a split these are the images i

    def summary(self) -> dict[str, Any]:
        keys = [*(f"{limit:g}" for limit in self.limits), "identical"]
        counts = {"pairs": self.pairs, "images": self.has_duplicate.sum(axis=1), "conflicting_labels": self.conflicts}
        result: dict[str, Any] = {"first": self.first.name, "second": self.second.name}
        for name, values in counts.items():
            result[name] = {key: int(value) for key, value in zip(keys, values, strict=True)}
        if self.first is not self.second:
            as_is = self.has_duplicate[0] | self.has_duplicate[-1]
            result["turned"] = int((self.has_turned & ~as_is).sum())
            result["indices"] = np.flatnonzero(as_is | self.has_turned).tolist()
        return result


def _constant(search: Search, start: int, stop: int) -> dict[int, np.ndarray]:
    """Of the images start to stop, those whose pixels are all equal: their places, by what their bytes are."""
    places = np.flatnonzero(search.constant[start:stop])
    digests = search.digests[start:stop][places]
    return {int(digest): places[digests == digest] for digest in np.unique(digests)}


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    """Pairs across splits first, then the strongest; equals by their indices."""
    keys = ["index_b", "split_b", "index_a", "split_a"]
    order = np.lexsort([*(table[key] for key in keys), -table["correlation"], table["split_a"] == table["split_b"]])
    return table.iloc[order].reset_index(drop=True)


def draw_pairs(
    pairs: pd.DataFrame,
    total: int,
    splits: list[Split],
    names: DisplayNames,
    threshold: float,
    number: int = 20,
    several: bool = False,
) -> Figure:
    """The first pairs of the table, with splits, indices, labels and correlation under each.

    Parameters
    ----------
    pairs : the table that `find` returns
    total : number of all pairs
    splits : those that were compared
    several : whether an image may have several labels at once, so that labels are codes
    """
    if pairs.empty:
        return message(
            f"No two images have a pixel correlation of {threshold:g} or more.", f"{names.name}: near-duplicates"
        )
    shown = pairs.head(number)
    rows: Iterable[Any] = shown.itertuples()
    with contextlib.ExitStack() as stack:
        files = {split.name: stack.enter_context(open_hdf5(split.path))["images"] for split in splits}
        cells = [
            (
                np.stack([files[row.split_a][row.index_a], files[row.split_b][row.index_b]]),
                _caption(row, names.label_names, several),
                row.label_a != row.label_b,
            )
            for row in rows
        ]
    extent = f"all {total}" if len(shown) == total else f"{len(shown)} of {total:,}"
    title = f"{names.name}: {extent} pairs of images with a pixel correlation of {threshold:g} or more"
    return montage_grid(cells, 5, f"{title} (across splits first; red: their labels differ)")


def _caption(row: Any, names: tuple[str, ...], several: bool = False) -> str:
    first, second = (_short(_label_text(label, names, several)) for label in (row.label_a, row.label_b))
    label = first if row.label_a == row.label_b else f"{first} ≠\n{second}"
    # Rounded down, so that only 1 reads as 1.
    strength = "identical" if row.identical else f"r = {math.floor(row.correlation * 1e4) / 1e4:.4f}"
    return f"{row.split_a} {row.index_a}, {row.split_b} {row.index_b}\n{strength}\n{label}"


def _label_text(label: int, names: tuple[str, ...], several: bool) -> str:
    """The name of a label, or of several those that a code holds."""
    if not several:
        return names[label]
    return ", ".join(name for bit, name in enumerate(names) if label >> bit & 1) or "no label"


def _short(name: str, width: int = 24) -> str:
    """A class name without its explanation in brackets, cut to a width in characters."""
    name = name.partition("(")[0].strip() or name
    return name if len(name) <= width else name[: width - 1] + "…"
