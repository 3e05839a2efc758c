"""Reading a MedMNIST .npz file that somebody may have made by hand: every array is checked, nothing is unpickled.

Images are read in blocks, so that memory does not grow with their number.
"""

import math
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from medfusion.data import npy_header
from medfusion.data.expected import Expected, check_declared, check_one_hot, check_values
from medfusion.errors import UserError, first_line

SPLITS = ("train", "val", "test")
MOST_PACKED = 1100  # bytes that deflate, NumPy's compression, can make of one
MOST_LABELS = 10_000_000  # that are read at once
SKIPPED = 2**24  # bytes that are read at once to be passed over


@dataclass(frozen=True)
class Member:
    """An array of an .npz file as its header declares it; `read` has its values.

    by_columns : whether it is stored column by column (Fortran order)
    """

    path: str | Path
    key: str
    shape: tuple[int, ...]
    dtype: np.dtype
    by_columns: bool

    def __len__(self) -> int:
        return self.shape[0]

    def read(self) -> np.ndarray:
        """The whole array; for what is small.

        Raises
        ------
        UserError
            If it is damaged.
        """
        try:
            with zipfile.ZipFile(self.path) as archive, npy_header.opened(archive, self.key) as member:
                return np.lib.format.read_array(member, allow_pickle=False)
        except Exception as error:  # zipfile and NumPy pass on whatever their decoders raise
            raise _damaged(self.path, self.key, error) from None


class Images:
    """Images uint8 (n, H, W, C) of a checked member, unpacked as they are asked for.

    Rows behind those that were read last are read from there, rows before them from the start of the member. If it is
    stored column by column, each slice is a pass through all of it.
    """

    def __init__(self, member: Member):
        self._member = member
        self.shape = (*member.shape, 1) if len(member.shape) == 3 else member.shape
        self._size = math.prod(self.shape[1:])
        self._archive: zipfile.ZipFile | None = None
        self._stream: IO[bytes] | None = None
        self._next = 0  # the row that the stream stands before

    def __getitem__(self, rows: slice) -> np.ndarray:
        """The images of consecutive rows.

        Raises
        ------
        UserError
            If the member is damaged; what is behind the last row is looked at with it.
        """
        start, stop, _ = rows.indices(self.shape[0])
        try:
            if self._member.by_columns:
                return self._columns(start, stop).reshape(stop - start, *self.shape[1:])
            if self._stream is None or start < self._next:
                self._open()
            self._skip((start - self._next) * self._size)
            values = self._bytes((stop - start) * self._size)
            self._next = stop
            if stop == self.shape[0]:
                self._close()
        except Exception as error:  # zipfile passes on whatever its decoders raise
            raise _damaged(self._member.path, self._member.key, error) from None
        return np.frombuffer(values, np.uint8).reshape(stop - start, *self.shape[1:])

    def _columns(self, start: int, stop: int) -> np.ndarray:
        """Rows of an array that is stored column by column: some of each column's values."""
        n, found = self.shape[0], np.empty((self._size, stop - start), np.uint8)
        step = max(1, SKIPPED // n)
        self._open()
        for column in range(0, self._size, step):
            count = min(step, self._size - column)
            values = np.frombuffer(self._bytes(count * n), np.uint8)
            found[column : column + count] = values.reshape(count, n)[:, start:stop]
        self._close()
        # Of an image, too, the last index varies slowest there.
        return found.reshape(*self.shape[:0:-1], stop - start).T

    def _open(self) -> None:
        self._archive = zipfile.ZipFile(self._member.path)
        self._stream = npy_header.opened(self._archive, self._member.key)
        npy_header.read(self._stream)
        self._next = 0

    def _close(self) -> None:
        """Read to the end, where the checksum is compared."""
        if self._stream and self._stream.read(1):
            raise ValueError("more bytes than declared")
        if self._archive:
            self._archive.close()
        self._archive = self._stream = None

    def _skip(self, count: int) -> None:
        while count:
            count -= len(self._bytes(min(count, SKIPPED)))

    def _bytes(self, count: int) -> bytes:
        values = self._stream.read(count) if self._stream else b""
        if len(values) != count:
            raise EOFError(f"{count - len(values)} bytes are missing")
        return values


def _damaged(path: str | Path, key: str, error: Exception) -> UserError:
    return UserError(f"{path}: {key} cannot be read ({first_line(error)}); the file is damaged, get it again")


def read(path: str | Path) -> dict[str, Member]:
    """What the headers of an .npz file's arrays declare; the arrays themselves are read later, never unpickled.

    An array that its header declares larger than its file holds is refused.

    Returns
    -------
    By name: images and labels of train, val and test, and "provenance" if the file holds it as text

    Raises
    ------
    UserError
        If it is not an .npz file, lacks a MedMNIST array, or holds objects or damaged arrays.
    """
    try:
        with open(path, "rb") as file:
            if file.read(len(np.lib.format.MAGIC_PREFIX)) == np.lib.format.MAGIC_PREFIX:
                raise UserError(f"{path}: a single .npy array; expected a .npz file in MedMNIST format")
        with zipfile.ZipFile(path) as archive:
            held = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
            expected = [f"{split}_{part}" for split in SPLITS for part in ("images", "labels")]
            if missing := [key for key in expected if key not in held]:
                raise UserError(f"{path}: lacks {', '.join(missing)}; a MedMNIST file holds {', '.join(expected)}")
            arrays = {key: _member(path, archive, key) for key in expected}
            provenance = _text(path, archive) if "provenance" in held else None
            return arrays if provenance is None else {**arrays, "provenance": provenance}
    except UserError:
        raise
    except Exception as error:  # zipfile passes on whatever its members' fields and the system raise
        raise UserError(f"{path}: not a readable .npz file ({first_line(error)}); get it again") from None


def _member(path: str | Path, archive: zipfile.ZipFile, key: str) -> Member:
    """One array of the archive; pickled objects are refused by its header alone."""
    try:
        info = archive.getinfo(f"{key}.npy")
        with npy_header.opened(archive, key) as member:
            shape, by_columns, dtype = _declared(path, key, info, member)
            return Member(path, key, shape, dtype, by_columns)
    except UserError:
        raise
    except Exception as error:  # zipfile and NumPy pass on whatever their decoders raise
        raise _damaged(path, key, error) from None


def _text(path: str | Path, archive: zipfile.ZipFile) -> Member | None:
    """Where the images come from, if that is a text; a file of other makers may mean anything by the name."""
    try:
        member = _member(path, archive, "provenance")
    except UserError:
        return None
    return member if member.dtype.kind == "U" else None


def _declared(
    path: str | Path, key: str, info: zipfile.ZipInfo, member: IO[bytes]
) -> tuple[tuple[int, ...], bool, np.dtype]:
    """What the header of a member declares, if that can be true and loaded; the member is read to the header's end."""
    shape, by_columns, dtype = npy_header.read(member)
    if dtype.hasobject:
        raise UserError(f"{path}: {key} holds Python objects, which are never loaded; expected uint8")
    declared = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or declared != info.file_size - member.tell():
        raise ValueError(f"{shape} of {dtype} declared, {info.file_size - member.tell()} bytes stored")
    if info.file_size > MOST_PACKED * (info.compress_size + 1):
        raise ValueError(f"{info.file_size} bytes cannot come from {info.compress_size}")
    return shape, by_columns, dtype


def _as_uint8(dtype: np.dtype) -> str:
    """How images of another type could become 8-bit ones."""
    return "; of values from 0 to 1 that is numpy.rint(255 * images).astype('uint8')" if dtype.kind == "f" else ""


def _channels_last(shape: tuple[int, ...]) -> str:
    """What to do with images whose channels come first."""
    if len(shape) == 4 and shape[1] in (1, 3) and shape[3] not in (1, 3):
        return "; these have their channels first: numpy.moveaxis(images, 1, -1)"
    return ""


def image_blocks(
    path: str | Path, keys: Sequence[str], most: int, most_pixels: int, note: Callable[[str], None]
) -> Iterator[np.ndarray]:
    """The images of the first of some arrays that an .npz file holds, in blocks; nothing is unpickled.

    Parameters
    ----------
    path : of the file; it need not be in MedMNIST format
    keys : names of arrays, the wanted one first
    most : bytes a block, of which a single image may have more
    most_pixels : of an image; compressed, a few kB can declare any number
    note : told which array it is, and which others there are

    Yields
    ------
    uint8 (n, H, W) or (n, H, W, 1 or 3)

    Raises
    ------
    UserError
        If it is not an .npz file, holds none of the arrays, or one that is damaged or holds no images.
    """
    try:
        if not Path(path).is_file():
            raise UserError(f"{path}: there is no such file")
        with zipfile.ZipFile(path) as archive:
            held = archive.namelist()
            key = next((key for key in keys if f"{key}.npy" in held), None)
            if key is None:
                arrays = ", ".join(name.removesuffix(".npy") for name in held[:10]) or "nothing"
                raise UserError(f"{path}: holds no array {' or '.join(keys)}; it holds {arrays}: --array chooses")
            of_images = [name.removesuffix(".npy") for name in held if name.endswith("images.npy")]
            others = [name for name in of_images if name != key]
            more = f"; it holds {', '.join(others[:10])} too: --array chooses" if others else ""
            note(f"{path}: the array {key}{more}")
            info = archive.getinfo(f"{key}.npy")
            with npy_header.opened(archive, key) as member:
                shape, by_columns, dtype = _declared(path, key, info, member)
                if by_columns:
                    raise UserError(f"{path}: {key} is stored column by column; expected row by row (C order)")
                if dtype != np.uint8 or len(shape) not in (3, 4) or shape[3:] not in ((), (1,), (3,)) or 0 in shape:
                    more = _channels_last(shape) or _as_uint8(dtype)
                    raise UserError(f"{path}: {key} is {dtype} {shape}; expected uint8 (n, H, W) or (n, H, W, 3){more}")
                if shape[1] * shape[2] > most_pixels:
                    raise UserError(
                        f"{path}: {key} holds images of {shape[2]} × {shape[1]} pixels; expected at most "
                        f"{most_pixels:,} each: make them smaller first"
                    )
                size = math.prod(shape[1:])
                step = max(1, most // size)
                for start in range(0, shape[0], step):
                    n = min(step, shape[0] - start)
                    yield np.frombuffer(member.read(n * size), np.uint8).reshape(n, *shape[1:])
    except UserError:
        raise
    except PermissionError:
        raise UserError(f"{path}: cannot be read (permission denied); make it readable") from None
    except Exception as error:  # zipfile passes on whatever its members' fields and the system raise
        raise UserError(f"{path}: not a readable .npz file ({first_line(error)}); get it again") from None


def first_labels(path: str | Path, pairs: Sequence[tuple[str, str]]) -> tuple[str, str, np.ndarray]:
    """The labels of the first pair of arrays that an .npz file holds, images and labels; nothing is unpickled.

    Parameters
    ----------
    pairs : names of arrays of images, with those of their labels

    Returns
    -------
    The names of both, and the labels

    Raises
    ------
    UserError
        If it is not an .npz file, holds no pair, or labels that are damaged or too many to be any.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            held = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
            for images, labels in pairs:
                if {images, labels} <= {*held}:
                    member = _member(path, archive, labels)
                    if math.prod(member.shape) > MOST_LABELS:
                        raise UserError(
                            f"{path}: {labels} has the shape {member.shape}; expected a label for each image"
                        )
                    return images, labels, member.read()
    except UserError:
        raise
    except Exception as error:  # zipfile passes on whatever its members' fields and the system raise
        raise UserError(f"{path}: not a readable .npz file ({first_line(error)}); get it again") from None
    wanted = " or ".join(f"{images} with {labels}" for images, labels in pairs)
    raise UserError(f"{path}: holds {', '.join(held[:10]) or 'nothing'}; expected {wanted}")


def check(
    path: str | Path, arrays: dict[str, Member], wanted: Expected, size: int, official_counts: bool
) -> dict[str, np.ndarray]:
    """Check the arrays of a file against what is known of the data set; of images their headers alone.

    Parameters
    ----------
    arrays : as `read` returns them: images uint8 (n, size, size[, 3]), labels uint8 (n, 1) or, for several labels at
        once, (n, k)
    wanted : what the file must hold; `size` is the image side in pixels
    official_counts : whether each split must have the official number of images

    Returns
    -------
    The labels of each split, uint8 (n,) or (n, k)

    Raises
    ------
    UserError
        On the first thing that is wrong, naming the array.
    """
    shapes: dict[int, list[tuple[int, ...]]] = {1: [(size, size), (size, size, 1)], 3: [(size, size, 3)]}
    allowed = shapes[wanted.channels] if wanted.channels else [*shapes[1], *shapes[3]]
    for alike in shapes.values() if not wanted.channels else ():
        if arrays["train_images"].shape[1:] in alike:
            allowed = alike  # all splits
    words = " or ".join(f"(n, {str(shape)[1:-1]})" for shape in allowed)
    found = {}
    for split in SPLITS:
        images, declared, where = arrays[f"{split}_images"], arrays[f"{split}_labels"], f"{path}: {split}_labels"
        if images.dtype != np.uint8:
            more = _as_uint8(images.dtype)
            raise UserError(f"{path}: {split}_images has dtype {images.dtype}; expected uint8 (0 to 255){more}")
        if images.shape[1:] not in allowed:
            raise UserError(
                f"{path}: {split}_images has shape {images.shape}; expected {words}{_channels_last(images.shape)}"
            )
        if len(images) == 0:
            raise UserError(f"{path}: {split}_images holds no image; every split needs some of each class")
        check_one_hot(where, declared, len(images), wanted)
        check_declared(where, declared.dtype, declared.shape, len(images), wanted)
        labels = declared.read()
        wanted = wanted.settled(where, labels)
        found[split] = check_values(where, labels, wanted)
        expected = wanted.counts[split] if official_counts and wanted.counts else len(images)
        if len(images) != expected:
            raise UserError(f"{path}: {split} has {len(images)} images; MedMNIST's {wanted.flag} has {expected}")
    return found
