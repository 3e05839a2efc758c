"""Files that are either whole or absent, and equal when their content is equal."""

import contextlib
import hashlib
import io
import json
import os
import re
import traceback
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import h5py

from medfusion.errors import UserError, first_line


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` if the block ends well, else remove it.

    The temporary name keeps the suffixes of `path`, because some libraries choose a format by them.

    Raises
    ------
    OSError
        Of the system, in the block, naming `path` if it names no file: a full disk is noticed far below.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(path)
    try:
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if error.errno and error.filename in (None, str(temporary)):
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from None
        raise
    finally:
        temporary.unlink(missing_ok=True)


def temporary_name(path: Path) -> Path:
    """Where this process writes what is to become `path`."""
    return path.with_name(f".{os.getpid()}.{path.name}")


def writer_of(temporary: Path) -> int | None:
    """The process that a temporary name belongs to; None for other names."""
    found = re.match(r"\.(\d+)\..", temporary.name)
    return int(found[1]) if found else None


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text to `path`, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, content: Any) -> None:
    """Write `content` as indented JSON with sorted keys."""
    write_text(path, json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    UserError
        If the file is missing or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not a readable JSON file ({first_line(error)}); delete it and run again") from None


def read_record(path: str | Path, keys: Iterable[str]) -> dict[str, Any]:
    """Read a JSON file that holds an object with at least these keys.

    Raises
    ------
    UserError
        If the file is missing, is not JSON, or is another record.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        raise UserError(f"{path}: holds no record of named values; delete it and run again")
    if lacking := [key for key in keys if key not in content]:
        raise UserError(f"{path}: lacks {', '.join(lacking)}; delete it and run again")
    return content


def hash_file(path: str | Path, algorithm: str = "sha256") -> str:
    """The hash of a file in hex digits.

    Raises
    ------
    UserError
        If the path is not a readable file.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, algorithm).hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read as a file ({error.strerror}); expected a readable file") from None


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


def _blames_file(error: Exception) -> bool:
    """Whether an exception comes from reading: h5py has none of its own for what is missing or cannot be decoded."""
    modules = {frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)}
    if any(module.partition(".")[0] in ("h5py", "json") for module in modules):
        return True
    # The last: a group where a dataset should be, or the like.
    return isinstance(error, UnicodeError) or bool(re.match("'(Group|Datatype|Empty)' object", str(error)))


def make_zip_reproducible(path: str | Path) -> None:
    """Rewrite a .keras or .skops archive so that equal content gives equal bytes.

    Both formats record the time of saving, and memory addresses as identities of objects: times are fixed to 1980,
    and identities are renumbered in their order of appearance.
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
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), members[name])


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
