"""The header of an array in an .npz file: what it declares of shape, order and type; light: the Snakefile reads it."""

import io
import zipfile
from typing import IO

import numpy as np

READERS = {
    (1, 0): (2, np.lib.format.read_array_header_1_0),
    (2, 0): (4, np.lib.format.read_array_header_2_0),
}  # by version of the format: bytes that hold the header's length, and what understands it
LONGEST = 10_000  # bytes of a header; NumPy refuses longer ones too, but reads them first, and they may have 4 GB


def opened(archive: zipfile.ZipFile, key: str) -> IO[bytes]:
    """The member that holds an array, packed as NumPy packs: what others unpack of a few bytes has no limit.

    Raises
    ------
    ValueError
        If it is packed in another way; and what the archive raises, KeyError where there is none.
    """
    info = archive.getinfo(f"{key}.npy")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("neither stored nor deflated, as NumPy packs")
    return archive.open(info.filename)


def read(member: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether column by column, and dtype; the member is read to the header's end.

    Raises
    ------
    ValueError
        If it is no header; and whatever NumPy and the member raise.
    """
    version = np.lib.format.read_magic(member)
    if version not in READERS:
        raise ValueError(f"version {version} of the .npy format; expected 1.0 or 2.0")
    width, reader = READERS[version]
    length = member.read(width)
    if (size := int.from_bytes(length, "little")) > LONGEST:
        raise ValueError(f"a header of {size:,} bytes")
    return reader(io.BytesIO(length + member.read(size)))
