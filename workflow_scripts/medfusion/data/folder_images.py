"""From a folder of pictures to what the stages read: pictures of any size as images of one, split by split."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from medfusion.data import folders, grouping, metadata, pictures, remarks, splitting
from medfusion.data.folders import Folder
from medfusion.data.pictures import Form
from medfusion.errors import UserError
from medfusion.files.images import Description
from medfusion.tasks import task_of

REPORTED = 1000  # pictures from one line of progress to the next
MOST_FAULTS = 20  # named at once


@dataclass(frozen=True)
class Entry:
    """A picture that has its place: split, label, and group (empty where there are none)."""

    path: str
    split: str
    label: int
    group: str


class Stored:
    """Images uint8 (n, H, W, C), one behind the other in a file from some place on."""

    def __init__(self, file: IO[bytes], offset: int, shape: tuple[int, ...]):
        self.shape = shape
        self._file, self._offset = file, offset

    def __getitem__(self, rows: slice) -> np.ndarray:
        """The images of consecutive rows."""
        start, stop, _ = rows.indices(self.shape[0])
        size = int(np.prod(self.shape[1:]))
        self._file.seek(self._offset + start * size)
        values = self._file.read((stop - start) * size)
        return np.frombuffer(values, np.uint8).reshape(stop - start, *self.shape[1:])


def entries(folder: Folder, settings: dict[str, Any]) -> list[Entry]:
    """Every picture with its split, in the order of the images: a random one, so that neighbours are of any class.

    Parameters
    ----------
    folder : as `folders.look` returns it
    settings : "split" with "shares" (of train, val and test), "seed" and "groups" (a regular expression, or None);
        where the folder has splits of its own, only the seed counts; "metadata", if there are any, by whose column
        `patient` pictures are kept together instead

    Raises
    ------
    UserError
        If a picture has no group, or a class too few of them.
    """
    rules, found = settings["split"], folder.pictures
    known = (
        metadata.of_pictures(settings["metadata"], [one.path for one in found]) if settings.get("metadata") else None
    )
    if folder.has_splits:
        split_of, group_of = [picture.split for picture in found], [""] * len(found)
    else:
        if known:
            group_of = known.groups([(picture.path,) for picture in found])
        else:
            group_of = grouping.groups(found, rules["groups"]) if rules["groups"] is not None else [""] * len(found)
        labels = np.array([picture.label for picture in found])
        alone = rules["groups"] is None or known
        kept_together = [group or f"\0{number}" if alone else group for number, group in enumerate(group_of)]
        places = splitting.split(labels, kept_together, rules["shares"], rules["seed"], folder.label_names)
        split_of = [folders.SPLITS[place] for place in places]
    order = np.random.default_rng([rules["seed"], 1]).permutation(len(found))
    placed = [Entry(found[i].path, split_of[i], found[i].label, group_of[i]) for i in order]
    return sorted(placed, key=lambda entry: folders.SPLITS.index(entry.split))


def load(
    place: str | Path, settings: dict[str, Any], store: IO[bytes], report: Callable[[str], None]
) -> tuple[Description, dict[str, tuple[Stored, np.ndarray]], list[Entry]]:
    """Read every picture once, as an image like those that `predict` makes of pictures.

    Parameters
    ----------
    place : the folder
    settings : of the data set: size, task (its word, or None), "split" as in `entries`, "colour" (None: as the first
        picture), "bits" (that hold values in pictures of 16 bits; None: all), "exclude" (as in `folders.look`), "order"
        (the names of the classes' folders in label order; None: as they are sorted)
    store : an empty file that takes the images
    report : takes lines of progress

    Returns
    -------
    description : what the data are
    splits : for train, val and test: images uint8 (n, size, size, 1 or 3) that are read from `store`, and labels (n,)
    entries : the pictures in the order of the images

    Raises
    ------
    UserError
        If pictures cannot be taken, naming up to 20; if all of 16 bits seem to hold fewer; and as `folders.look` and
        `entries`.
    """
    folder = folders.look(str(place), tuple(settings["exclude"]))
    for line in filter(None, (folder.passed, folder.masks())):
        report(f"{place}: {line}")
    placed = entries(folder, settings)
    label_names = folder.label_names
    if settings["order"]:
        label_names = tuple(settings["order"])
        number = [label_names.index(name) for name in folder.label_names]
        placed = [replace(entry, label=number[entry.label]) for entry in placed]
    colour = settings["colour"]
    if colour is None:
        try:
            colour = pictures.in_colour(Path(place, folder.pictures[0].path))
        except UserError:
            colour = True  # it is named below, with all others
    form = Form("", settings["size"], 3 if colour else 1, settings["bits"])
    digest, done = hashlib.sha256(), 0
    notes: Counter[str] = Counter()
    one_colour: Counter[str] = Counter()
    faults: list[str] = []
    deepest: list[int] = []
    splits = {}
    for split in folders.SPLITS:
        members = [entry for entry in placed if entry.split == split]
        labels = np.array([entry.label for entry in members], np.uint8)
        shape = (len(members), form.size, form.size, form.channels)
        splits[split] = (Stored(store, store.tell(), shape), labels)
        for entry in members if len(faults) < MOST_FAULTS else ():
            try:
                read = pictures.read(Path(place, entry.path), form)
            except UserError as error:
                faults.append(f"{Path(place, entry.path)}: {error}")
                if len(faults) == MOST_FAULTS:
                    break
                continue
            store.write(read.image.tobytes())
            digest.update(read.image.tobytes())
            one_colour[split] += int(remarks.one_colour(read.image[None])[0])
            deepest += [read.brightest] if read.brightest is not None else []
            # Numbers apart, such as sides, the same was done to all of them.
            notes.update(re.sub(r" \d+ × \d+", "", note) for note in read.notes)
            done += 1
            if done % REPORTED == 0:
                report(f"{done:,} of {len(placed):,} pictures read")
        digest.update(labels.data)
    _refuse(place, faults)
    bits = _bits(place, settings["bits"], deepest)
    for note, count in sorted(notes.items()):
        report(f"{count:,} of {len(placed):,} pictures: {note}")
    store.flush()
    said = remarks.of_one_colour(one_colour, {split: len(labels) for split, (_, labels) in splits.items()})
    for line in said:
        report(f"{place}: {line}")
    description = Description(
        flag="",
        task=task_of(settings["task"], len(label_names)),
        label_names=label_names,
        sha256=digest.hexdigest(),
        generated=False,
        bits=bits,
        remarks=tuple(said),
    )
    return description, splits, placed


def _refuse(place: str | Path, faults: Sequence[str]) -> None:
    if len(faults) == 1:
        raise UserError(faults[0])
    if faults:
        first = f"the first {MOST_FAULTS}" if len(faults) == MOST_FAULTS else str(len(faults))
        raise UserError("\n  ".join([f"{place}: {first} pictures that cannot be taken:", *sorted(faults)]))


def _bits(place: str | Path, given: int | None, deepest: Sequence[int]) -> int | None:
    """How many bits hold the values of pictures of 16 bits, of each of which the largest value is given."""
    if given or not deepest:
        return given
    if likely := pictures.likely_bits(max(deepest)):
        raise UserError(
            f"{place}: none of {len(deepest):,} pictures of 16 bits has a value above {max(deepest):,}, so that they "
            f"would be nearly black; say bits: {likely}, which hold up to {2**likely - 1:,}, or bits: 16 for all"
        )
    return 16


def table(placed: Sequence[Entry]) -> list[tuple[str, int, int, str, str]]:
    """Rows of split, index of the image in it, label, group and path, in the order of the images."""
    seen: Counter[str] = Counter()
    rows = []
    for entry in placed:
        rows.append((entry.split, seen[entry.split], entry.label, entry.group, entry.path))
        seen[entry.split] += 1
    return rows
