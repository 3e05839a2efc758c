"""Archives (.keras, .skops, .zip) whose bytes are equal when their content is."""

import contextlib
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt


def make_zip_reproducible(path: str | Path) -> None:
    """Rewrite a .keras or .skops archive so that equal content gives equal bytes.

    Both formats record the time of saving, and memory addresses as identities of objects: times are fixed to 1980,
    and identities are renumbered in their order of appearance. What lies between the fields of an array (the nodes of a
    tree) is whatever was in memory there: it becomes zero.
    """
    path = Path(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in sorted(archive.namelist())}
    if "metadata.json" in members:
        metadata = json.loads(members["metadata.json"])
        metadata.pop("date_saved", None)
        members["metadata.json"] = json.dumps(metadata).encode()
    if "config.json" in members:  # Keras
        members["config.json"], _ = _renumber(members["config.json"], r'("shared_object_id": )(\d+)')
    if "schema.json" in members:  # skops, which names its other members by identity too
        members["schema.json"], numbers = _renumber(members["schema.json"], r'("__id__": |"file": ")(\d+)')
        members = {_renamed(name, numbers): content for name, content in members.items()}
    members = {name: _without_gaps(content) if name.endswith(".npy") else content for name, content in members.items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            add_member(archive, name, members[name])


def add_member(archive: zipfile.ZipFile, name: str, content: bytes | str) -> None:
    """Add a member without the time of writing, compressed as the archive says."""
    archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, archive.compression)


@contextlib.contextmanager
def array_member(
    archive: zipfile.ZipFile, name: str, dtype: npt.DTypeLike, shape: tuple[int, ...]
) -> Iterator[IO[bytes]]:
    """Add an array to an .npz file as NumPy would; the block writes its values, in C order, in pieces."""
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array_header_1_0(member, header)
        yield member


def add_array(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    """Add an array to an .npz file as NumPy would."""
    with array_member(archive, name, array.dtype, array.shape) as member:
        member.write(array.tobytes())


def _without_gaps(content: bytes) -> bytes:
    """An .npy file whose array has zeros between its fields, if it has fields."""
    array = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    if array.dtype.names is None:
        return content
    clean = np.zeros(array.shape, array.dtype)
    for name in array.dtype.names:
        clean[name] = array[name]
    result = io.BytesIO()
    np.lib.format.write_array(result, clean, allow_pickle=False)
    return result.getvalue()


def _renumber(text: bytes, pattern: str) -> tuple[bytes, dict[str, str]]:
    """Replace identities (the pattern's second group) by 1, 2, 3 … in their order of appearance."""
    numbers: dict[str, str] = {}

    def renumber(match: re.Match) -> str:
        return match[1] + numbers.setdefault(match[2], str(len(numbers) + 1))

    return re.sub(pattern, renumber, text.decode()).encode(), numbers


def _renamed(member: str, numbers: dict[str, str]) -> str:
    """The name of an archive's member, its identity renumbered."""
    stem, dot, suffix = member.partition(".")
    return numbers.get(stem, stem) + dot + suffix
