"""Files that are either whole or absent."""

import contextlib
import hashlib
import json
import os
import re
import socket
import stat
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from medfusion.errors import UserError, first_line

TEMPORARY = re.compile(r"\.medfusion-(?P<writer>\d+)-(?P<space>[0-9a-f]{8})\.(?P<path>.+)", re.DOTALL)


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
    """Where this process writes what is to become `path`, under a name that nobody else gives."""
    return path.with_name(f".medfusion-{os.getpid()}-{process_space()}.{path.name}")


def writer_of(temporary: Path) -> int | None:
    """The process that a temporary name belongs to; None for other names."""
    found = TEMPORARY.fullmatch(temporary.name)
    return int(found["writer"]) if found else None


@cache
def process_space() -> str:
    """Eight hex digits for the machine, its last start and the container: where a process number means one process."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):  # Linux alone tells
        parts += [Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"), os.readlink("/proc/self/ns/pid")]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]


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
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would be waited for
            raise UserError(f"{path}: no regular file; expected a readable file")
        with open(path, "rb") as file:
            return hashlib.file_digest(file, algorithm).hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read as a file ({error.strerror}); expected a readable file") from None
