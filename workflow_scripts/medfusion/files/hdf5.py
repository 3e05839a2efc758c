"""HDF5 files: whole or absent when written, one message when damaged."""

import contextlib
import io
import math
import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from medfusion.errors import UserError, first_line
from medfusion.files.artifacts import replacing

# The most that is read at once, where the whole is not needed:
BLOCK = 4096  # rows
BLOCK_BYTES = 2**25  # and bytes


@contextlib.contextmanager
def create_hdf5(path: str | Path, **attributes: Any) -> Iterator[h5py.File]:
    """Create an HDF5 file with `attributes` on its root; it appears under `path` only when whole.

    Raises
    ------
    OSError
        Of the system, when the disk is full.
    """
    with replacing(path) as temporary, _Disk(temporary, "w+") as disk:
        try:
            with h5py.File(disk, "w") as file:
                file.attrs.update(attributes)
                yield file
        except Exception as error:
            raise disk.fault or error from None
        if disk.fault:
            raise disk.fault


class _Disk(io.FileIO):
    """A file that takes everything after its first fault, which it keeps: HDF5 crashes when it cannot write."""

    fault: OSError | None = None

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        written = 0
        while written < len(view) and not self.fault:
            try:
                written += super().write(view[written:])
            except OSError as error:
                self.fault = error
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.fault = self.fault or error
            return size or 0


@contextlib.contextmanager
def open_hdf5(path: str | Path) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading.

    Raises
    ------
    UserError
        If the file is missing, truncated or not HDF5; or, inside the block, if what is read from it is damaged or
        missing.
    """
    try:
        file = h5py.File(path, "r")
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a readable HDF5 file ({first_line(error)}); delete it and run again") from None
    with file:
        try:
            yield file
        except Exception as error:
            if not _blames_file(error):
                raise
            raise UserError(f"{path}: damaged or incomplete ({first_line(error)}); delete it and run again") from None


def block_rows(size: int, most: int = BLOCK) -> int:
    """How many rows of `size` bytes are read at once, at most `most`, and at least one.

    >>> block_rows(28 * 28 * 3), block_rows(224 * 224 * 3)
    (4096, 222)
    """
    return max(1, min(most, BLOCK_BYTES // max(size, 1)))


def blocks(path: str | Path, key: str, most: int = BLOCK) -> Iterator[np.ndarray]:
    """A dataset of a file in blocks of at most so many rows, and of bytes at most `BLOCK_BYTES`, in order.

    Raises
    ------
    UserError
        As `open_hdf5`.
    """
    with open_hdf5(path) as file:
        dataset = file[key]
        for start, stop in _ranges(dataset, most):
            yield dataset[start:stop]


def _ranges(dataset: h5py.Dataset, most: int = BLOCK) -> Iterator[tuple[int, int]]:
    """The first row of each block, and that of the next."""
    step = block_rows(math.prod(dataset.shape[1:]) * dataset.dtype.itemsize, most)
    if dataset.chunks and step > dataset.chunks[0]:  # a chunk is unpacked as a whole: in one block alone
        step -= step % dataset.chunks[0]
    for start in range(0, len(dataset), step):
        yield start, min(start + step, len(dataset))


def rows(path: str | Path, key: str, numbers: np.ndarray) -> np.ndarray:
    """Some rows of a dataset, read in blocks.

    Parameters
    ----------
    numbers : of the rows, int (m,), in ascending order

    Returns
    -------
    (m, …), of the dataset's dtype

    Raises
    ------
    UserError
        As `open_hdf5`.
    """
    with open_hdf5(path) as file:
        dataset = file[key]
        found = np.empty((len(numbers), *dataset.shape[1:]), dataset.dtype)
        for start, stop in _ranges(dataset):
            low, high = np.searchsorted(numbers, (start, stop))
            if low < high:
                found[low:high] = dataset[start:stop][numbers[low:high] - start]
    return found


def _blames_file(error: Exception) -> bool:
    """Whether an exception comes from reading: h5py has none of its own for what is missing or cannot be decoded."""
    modules = {frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)}
    if any(module.partition(".")[0] in ("h5py", "json") for module in modules):
        return True
    # The last: a group where a dataset should be, or the like.
    return isinstance(error, UnicodeError) or bool(re.match("'(Group|Datatype|Empty)' object", str(error)))
