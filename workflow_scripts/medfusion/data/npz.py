"""Reading a MedMNIST .npz file that somebody may have made by hand: every array is checked, nothing is unpickled."""

import math
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from medfusion.data.expected import Expected, check_declared, check_values
from medfusion.errors import UserError, first_line

SPLITS = ("train", "val", "test")
MOST_PACKED = 1100  # bytes that deflate, NumPy's compression, can make of one


def read(path: str | Path) -> dict[str, np.ndarray]:
    """Read the arrays of an .npz file without unpickling.

    An array that its header declares larger than its file holds is refused before memory is asked for.

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
            wanted = [*expected, *(key for key in ("provenance",) if key in held)]
            return {key: _array(path, archive, key) for key in wanted}
    except UserError:
        raise
    except Exception as error:  # zipfile passes on whatever its members' fields and the system raise
        raise UserError(f"{path}: not a readable .npz file ({first_line(error)}); get it again") from None


def _array(path: str | Path, archive: zipfile.ZipFile, key: str) -> np.ndarray:
    """One array of the archive; pickled objects are refused by its header alone."""
    try:
        info = archive.getinfo(f"{key}.npy")
        with archive.open(info.filename) as member:
            _declared(path, key, info, member)
        with archive.open(info.filename) as member:
            return np.lib.format.read_array(member, allow_pickle=False)
    except UserError:
        raise
    except Exception as error:  # zipfile and NumPy pass on whatever their decoders raise
        reason = first_line(error)
        raise UserError(f"{path}: {key} cannot be read ({reason}); the file is damaged, get it again") from None


def _declared(
    path: str | Path, key: str, info: zipfile.ZipInfo, member: IO[bytes]
) -> tuple[tuple[int, ...], bool, np.dtype]:
    """What the header of a member declares, if that can be true and loaded; the member is read to the header's end."""
    shape, by_columns, dtype = _header(member)
    if dtype.hasobject:
        raise UserError(f"{path}: {key} holds Python objects, which are never loaded; expected uint8")
    declared = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or declared != info.file_size - member.tell():
        raise ValueError(f"{shape} of {dtype} declared, {info.file_size - member.tell()} bytes stored")
    if info.file_size > MOST_PACKED * (info.compress_size + 1):
        raise ValueError(f"{info.file_size} bytes cannot come from {info.compress_size}")
    return shape, by_columns, dtype


def _header(member: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether column by column, and dtype that the header of an .npy member declares."""
    version = np.lib.format.read_magic(member)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"version {version} of the .npy format; expected 1.0 or 2.0")
    return readers[version](member)


def image_blocks(path: str | Path, keys: Sequence[str], most: int, most_pixels: int) -> Iterator[np.ndarray]:
    """The images of the first of some arrays that an .npz file holds, in blocks; nothing is unpickled.

    Parameters
    ----------
    path : of the file; it need not be in MedMNIST format
    keys : names of arrays, the wanted one first
    most : bytes a block, of which a single image may have more
    most_pixels : of an image; compressed, a few kB can declare any number

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
                raise UserError(f"{path}: holds no array {' or '.join(keys)}")
            info = archive.getinfo(f"{key}.npy")
            with archive.open(info.filename) as member:
                shape, by_columns, dtype = _declared(path, key, info, member)
                if by_columns:
                    raise UserError(f"{path}: {key} is stored column by column; expected row by row (C order)")
                if dtype != np.uint8 or len(shape) not in (3, 4) or shape[3:] not in ((), (1,), (3,)) or 0 in shape:
                    raise UserError(f"{path}: {key} is {dtype} {shape}; expected uint8 (n, H, W) or (n, H, W, 3)")
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


def check(
    path: str | Path, arrays: dict[str, np.ndarray], wanted: Expected, size: int, official_counts: bool
) -> dict[str, np.ndarray]:
    """Check the arrays of a file against what is known of the data set.

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
    shapes = {1: (size, size), 3: (size, size, 3)}
    allowed = [shapes[wanted.channels]] if wanted.channels else list(shapes.values())
    if not wanted.channels and arrays["train_images"].shape[1:] in allowed:
        allowed = [arrays["train_images"].shape[1:]]  # all splits alike
    words = " or ".join(f"(n, {str(shape)[1:-1]})" for shape in allowed)
    found = {}
    for split in SPLITS:
        images, labels, where = arrays[f"{split}_images"], arrays[f"{split}_labels"], f"{path}: {split}_labels"
        if images.dtype != np.uint8:
            raise UserError(f"{path}: {split}_images has dtype {images.dtype}; expected uint8 (0 to 255)")
        if images.shape[1:] not in allowed:
            raise UserError(f"{path}: {split}_images has shape {images.shape}; expected {words}")
        if len(images) == 0:
            raise UserError(f"{path}: {split}_images holds no image; every split needs some of each class")
        check_declared(where, labels.dtype, labels.shape, len(images), wanted)
        wanted = wanted.settled(labels)
        found[split] = check_values(where, labels, wanted)
        expected = wanted.counts[split] if official_counts else len(images)
        if len(images) != expected:
            raise UserError(f"{path}: {split} has {len(images)} images; MedMNIST's {wanted.flag} has {expected}")
    return found
