"""The record that every job leaves beside its results: what made them, from what, when and at what cost."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from medfusion.files.artifacts import hash_file, write_json

FOLDER = "records"  # beside the settings, below the folder of results
BEGUN = ".begun"  # the suffix of the mark of a job that has not finished
CHECKSUM = "checksum"  # of all other entries of a record
AGAIN = "again"  # of a settings file: why a job whose identity is the same must run again; no part of that identity


@dataclass(frozen=True)
class File:
    """A file as a job saw it.

    path : as the job's command named it
    sha256 : of its bytes, in hex digits
    size : bytes
    mtime_ns : when it was last changed, in nanoseconds since 1970
    """

    path: str
    sha256: str
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: str | Path) -> "File":
        """The file as it is now; FileNotFoundError if it is not there."""
        stat = Path(path).stat()
        return cls(str(path), hash_file(path), stat.st_size, stat.st_mtime_ns)

    def untouched(self) -> bool:
        """Whether size and time are as recorded; a look at the folder, not at the bytes."""
        try:
            stat = Path(self.path).stat()
        except OSError:
            return False
        return (stat.st_size, stat.st_mtime_ns) == (self.size, self.mtime_ns)


@dataclass(frozen=True)
class Record:
    """What one job did.

    identity : what its settings file held: stage, part of the configuration, code fingerprint, library versions
    command : the job's command line
    settings : the settings file
    inputs, outputs : in the command's order
    made : when the outputs were made, ISO 8601, UTC
    seconds, cpu_seconds : wall and processor time of the job's process
    memory_mb : its highest resident set in megabytes
    device : name of the graphics processors that it computed on; empty for processors
    """

    identity: dict[str, Any]
    command: list[str]
    settings: File
    inputs: list[File]
    outputs: list[File]
    made: str
    seconds: float
    cpu_seconds: float
    memory_mb: float
    device: str = ""

    @property
    def stage(self) -> str:
        """The stage that the job belongs to."""
        return self.identity["stage"]


def record_file(settings: str | Path) -> Path | None:
    """Where the record of a job goes, by its settings file {results}/settings/{stage}/{job}.json; None elsewhere."""
    settings = Path(settings)
    if len(settings.parts) < 3 or settings.parts[-3] != "settings":
        return None
    return settings.parents[2] / FOLDER / settings.parts[-2] / settings.name


def planned_file(settings: str | Path) -> Path:
    """Where the record of a planned job goes: each of these has one."""
    file = record_file(settings)
    if file is None:
        raise ValueError(f"{settings}: not the settings file of a job")
    return file


def write(path: Path, record: Record) -> None:
    """Write a record, with a checksum of its own."""
    content = asdict(record)
    write_json(path, {**content, CHECKSUM: _checksum(content)})
    path.with_suffix(BEGUN).unlink(missing_ok=True)


def begin(path: Path, outputs: Iterable[str]) -> None:
    """Put a mark in place of a record: the job has begun to make these files, and not finished."""
    path.unlink(missing_ok=True)
    write_json(path.with_suffix(BEGUN), list(outputs))


def identity_in(settings: str | Path) -> dict[str, Any] | None:
    """The identity that a settings file asks for; None if it cannot be read."""
    try:
        content = json.loads(Path(settings).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return {key: value for key, value in content.items() if key != AGAIN} if isinstance(content, dict) else None


def satisfies(record: Record, settings: str | Path) -> bool:
    """Whether a job's last run is the one that its settings file asks for; without the file nothing is asked.

    It has the same identity, and, where the file says why the job must run again (`AGAIN`), has seen that.
    """
    settings = Path(settings)
    if not settings.exists() or replace(record.settings, path=str(settings)).untouched():
        return True
    if identity_in(settings) != record.identity:
        return False
    return hash_file(settings) == record.settings.sha256 or AGAIN not in json.loads(
        settings.read_text(encoding="utf-8")
    )


def read(path: Path) -> Record | None:
    """Read a record; None if there is none, or none that is as it was written, which is as good as none."""
    try:
        if not path.is_file():  # a pipe would be waited for
            return None
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop(CHECKSUM) != _checksum(content):
            return None
        if not isinstance(content["identity"]["stage"], str):
            return None
        files = {key: [_file(entry) for entry in content[key]] for key in ("inputs", "outputs")}
        return Record(**{**content, **files, "settings": _file(content["settings"])})
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _file(entry: dict[str, Any]) -> File:
    file = File(**entry)
    if not all(isinstance(getattr(file, name), kind) for name, kind in File.__annotations__.items()):
        raise TypeError("not a file's description")
    if "\0" in file.path or not 0 <= file.mtime_ns < 2**63:
        raise ValueError("not a file's path or time")
    return file


def _checksum(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def read_all(results: str | Path) -> list[Record]:
    """Every record below a folder of results."""
    found = (read(path) for path in sorted(Path(results, FOLDER).glob("*/*.json")))
    return [record for record in found if record]


def makers(records: Iterable[Record]) -> dict[str, Record]:
    """For each output file, by path, the record of the job that made it last.

    Where a stage has another name now, the record of its old name says that it made the same files.
    """
    in_time = sorted(records, key=lambda record: str(record.made))
    return {file.path: record for record in in_time for file in record.outputs}


def ancestry(paths: Iterable[str], records: Iterable[Record]) -> list[Record]:
    """The records of all jobs that files stand on, directly or not, each once, in no particular order."""
    made_by, found, waiting = makers(records), {}, list(paths)
    while waiting:
        record = made_by.get(waiting.pop())
        if record and record.settings.path not in found:
            found[record.settings.path] = record
            waiting += [file.path for file in record.inputs]
    return list(found.values())
