"""What `predict` is given: pictures, folders of them, .npz files, as images one after another."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from medfusion.data import pictures
from medfusion.data.folders import OTHER_PICTURES, SUFFIXES
from medfusion.data.pictures import Form
from medfusion.errors import UserError

NPZ_KEYS = ("images", "test_images")
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


def items(paths: Iterable[str], form: Form, note: Callable[[str], None]) -> Iterator[Item]:
    """Every image below the given paths, in order; folders with their subfolders, by name.

    Parameters
    ----------
    paths : of pictures, folders and .npz files
    form : what the networks take
    note : told about a folder's files that are passed over
    """
    for path in paths:
        if os.path.isdir(path):
            yield from _folder(path, form, note)
        elif path.lower().endswith(".npz"):
            yield from _npz(path, form)
        else:
            yield _picture(path, form)


def batches(given: Iterable[Item], size: int = BATCH) -> Iterator[list[Item]]:
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
    found = passed = 0
    faults: list[OSError] = []
    for place, folders, names in os.walk(folder, onerror=faults.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for link in (os.path.join(place, name) for name in folders if os.path.islink(os.path.join(place, name))):
            note(f"{link}: a link to a folder is not followed; name it itself")
        for name in sorted(names):
            suffix = Path(name).suffix.lower()
            if name.startswith(".") or suffix not in SUFFIXES | OTHER_PICTURES:
                passed += 1
                continue
            found += 1
            yield _picture(os.path.join(place, name), form)
    for fault in faults:
        yield Item(fault.filename, None, refusal=f"folder cannot be read ({fault.strerror})")
    if not found and not faults:
        yield Item(folder, None, refusal="a folder without pictures; expected files that end in .png, .jpg or .jpeg")
    elif passed:
        note(f"{folder}: {passed} files that are no pictures by their names passed over")


def _picture(path: str, form: Form) -> Item:
    try:
        read = pictures.read(path, form)
    except UserError as error:
        return Item(path, None, refusal=str(error))
    return Item(path, read.image, read.notes)


def _npz(path: str, form: Form) -> Iterator[Item]:
    from medfusion.data import npz  # a second for MedMNIST's tables, which pictures do not need

    index = 0
    try:
        for block in npz.image_blocks(path, NPZ_KEYS, BLOCK, pictures.MOST_PIXELS):
            for values in block:
                picture = Image.fromarray(values[..., 0] if values.shape[2:] == (1,) else values)
                read = pictures.prepared(picture, form)
                yield Item(f"{path}[{index}]", read.image, read.notes)
                index += 1
    except UserError as error:
        yield Item(path, None, refusal=str(error).removeprefix(f"{path}: "))
