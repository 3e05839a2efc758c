"""What `predict` is given: pictures, folders of them, .npz files, as images one after another."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from medfusion.data import pictures
from medfusion.data.folders import OTHER_PICTURES, SUFFIXES
from medfusion.data.passed_over import PassedOver
from medfusion.data.pictures import Form
from medfusion.errors import UserError

NPZ_KEYS = ("images", "test_images")
T = TypeVar("T")
BATCH = 256  # images at once: bounds memory
BLOCK = 2**25  # bytes at once of an .npz file: likewise


@dataclass(frozen=True)
class Item:
    """One thing that was asked about.

    name : path of a picture, or an .npz file with the image's index in brackets
    image : uint8 (size, size, channels); None if it was refused
    notes : what was done to it
    refusal : why it was refused; empty if not
    """

    name: str
    image: np.ndarray | None
    notes: tuple[str, ...] = ()
    refusal: str = ""


def items(
    paths: Iterable[str], form: Form, note: Callable[[str], None], arrays: Sequence[str] = NPZ_KEYS
) -> Iterator[Item]:
    """Every image below the given paths, in order; folders with their subfolders, by name.

    Parameters
    ----------
    paths : of pictures, folders and .npz files
    form : what the networks take
    note : told about a folder's files that are passed over, and which array of an .npz file is taken
    arrays : of an .npz file, the first that it holds is taken
    """
    for path in paths:
        if os.path.isdir(path):
            yield from _folder(path, form, note)
        elif path.lower().endswith(".npz"):
            yield from _npz(path, form, note, arrays)
        else:
            yield _picture(path, form)


def count(paths: Iterable[str]) -> int | None:
    """How many images are below the given paths; None where that is not known before they are read."""
    total, aside = 0, PassedOver()
    for path in paths:
        if path.lower().endswith(".npz") and not os.path.isdir(path):
            return None
        if not os.path.isdir(path):
            total += 1
            continue
        for _, folders, names in os.walk(path):
            folders[:] = [name for name in folders if not aside.is_leftover(name)]
            kept = (name for name in names if not aside.is_leftover(name))
            total += sum(Path(name).suffix.lower() in SUFFIXES | OTHER_PICTURES for name in kept)
    return total


def batches(given: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    """Items in lists of at most `size`."""
    batch = []
    for item in given:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _folder(folder: str, form: Form, note: Callable[[str], None]) -> Iterator[Item]:
    found, passed = 0, PassedOver()
    faults: list[OSError] = []
    for place, folders, names in os.walk(folder, onerror=faults.append):
        folders[:] = sorted(name for name in folders if not passed.is_leftover(name))
        for link in (os.path.join(place, name) for name in folders if os.path.islink(os.path.join(place, name))):
            note(f"{link}: a link to a folder is not followed; name it itself")
        for name in sorted(names):
            if passed.is_leftover(name):
                continue
            if Path(name).suffix.lower() not in SUFFIXES | OTHER_PICTURES:
                passed.others += 1
                continue
            found += 1
            yield _picture(os.path.join(place, name), form)
    for fault in faults:
        yield Item(fault.filename, None, refusal=f"folder cannot be read ({fault.strerror})")
    if not found and not faults:
        yield Item(folder, None, refusal="a folder without pictures; expected files that end in .png, .jpg or .jpeg")
    elif str(passed):
        note(f"{folder}: {passed}")


def _picture(path: str, form: Form) -> Item:
    try:
        read = pictures.read(path, form)
        if form.bits is None and read.brightest is not None and (bits := pictures.likely_bits(read.brightest)):
            raise UserError(
                f"16 bits a pixel, of which {bits} seem to hold values (up to {read.brightest}), so that it would be "
                "nearly black; the model package was trained on no picture of 16 bits and does not say: save it with 8"
            )
    except UserError as error:
        return Item(path, None, refusal=str(error))
    return Item(path, read.image, read.notes)


def _npz(path: str, form: Form, note: Callable[[str], None], arrays: Sequence[str]) -> Iterator[Item]:
    from medfusion.data import npz  # a second for MedMNIST's tables, which pictures do not need

    index = 0
    try:
        for block in npz.image_blocks(path, arrays, BLOCK, pictures.MOST_PIXELS, note):
            for values in block:
                picture = Image.fromarray(values[..., 0] if values.shape[2:] == (1,) else values)
                read = pictures.prepared(picture, form)
                yield Item(f"{path}[{index}]", read.image, read.notes)
                index += 1
    except UserError as error:
        yield Item(path, None, refusal=str(error).removeprefix(f"{path}: "))
