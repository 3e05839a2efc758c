"""Results of other runs put in the place of jobs that would make the same: by content, at no cost of disk space."""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from medfusion.errors import UserError
from medfusion.files.artifacts import hash_file, temporary_name
from medfusion.reruns import records
from medfusion.reruns.outdated import write_settings
from medfusion.reruns.records import File, Record

# Their pages print the folder of results.
NOT_SHARED = ("report", "summarise")


@dataclass(frozen=True)
class _Candidate:
    """A finished job of another run that has the identity of a planned one; its paths are those of the planned one."""

    record: Record
    source: Path  # the other run's record
    outputs: list[str]  # as they lie there


def share(results: str, planned: Mapping[Path, dict[str, Any]], donors: Iterable[str]) -> int:
    """Take over what other runs have of the jobs that are planned in a folder of results.

    A planned job takes the outputs and the record of a finished one that has the same identity (but for the folder's
    name) and had inputs of the same bytes: those that jobs taken over have made, or files that no job makes. Outputs
    become second names (hard links) of the donor's files, or copies where links cannot be had. Jobs that are finished
    here already stay.

    Parameters
    ----------
    results : the folder, which nobody else may use meanwhile
    planned : identities of its jobs, by settings file below {results}/settings
    donors : folders of results of other runs, as their runs were told to call them; the first that fits is taken

    Returns
    -------
    Number of jobs that were taken over.
    """
    waiting = {
        job: [*_candidates(job, identity, results, results), *_of_donors(job, identity, results, donors)]
        for job, identity in planned.items()
        if identity["stage"] not in NOT_SHARED
    }
    made: dict[str, File] = {}
    taken = 0
    while True:
        found = [(job, one) for job, some in waiting.items() if (one := _first_that_fits(some, results, made))]
        if not found:
            return taken
        for job, candidate in found:
            del waiting[job]
            record = candidate.record
            if candidate.outputs != [file.path for file in record.outputs]:
                record = _take_over(candidate, Path(results, "settings", job), made)
                taken += 1
            made |= {file.path: file for file in record.outputs}


def _of_donors(job: Path, identity: dict[str, Any], results: str, donors: Iterable[str]) -> Iterator[_Candidate]:
    for donor in donors:
        yield from _candidates(job, identity, donor, results)


def _candidates(job: Path, identity: dict[str, Any], donor: str, results: str) -> Iterator[_Candidate]:
    """The donor's job of this name, if it has this identity."""
    source = Path(donor, records.FOLDER, job)
    record = records.read(source)
    if record is None or _moved(record.identity, donor, results) != identity:
        return
    outputs = [file.path for file in record.outputs]
    files: dict[str, Any] = {
        key: [replace(file, path=_moved(file.path, donor, results)) for file in getattr(record, key)]
        for key in ("inputs", "outputs")
    }
    settings = replace(record.settings, path=str(Path(results, "settings", job)))
    command = [_moved_word(word, donor, results) for word in record.command]
    yield _Candidate(replace(record, identity=identity, command=command, settings=settings, **files), source, outputs)


def _moved(value: Any, donor: str, results: str) -> Any:
    """A value with the donor's folder replaced in every path that it holds.

    >>> _moved({"a": ["results/x.h5", "resultsx", "results"]}, "results", "results/sweep/p")
    {'a': ['results/sweep/p/x.h5', 'resultsx', 'results/sweep/p']}
    """
    if isinstance(value, dict):
        return {key: _moved(entry, donor, results) for key, entry in value.items()}
    if isinstance(value, list):
        return [_moved(entry, donor, results) for entry in value]
    if isinstance(value, str) and (value == donor or value.startswith(f"{donor}{os.sep}")):
        return results + value[len(donor) :]
    return value


def _moved_word(word: str, donor: str, results: str) -> str:
    """A word of a command, which may be NAME=PATH."""
    name, separator, path = word.partition("=")
    return f"{name}={_moved(path, donor, results)}" if separator else _moved(word, donor, results)


def _first_that_fits(candidates: Sequence[_Candidate], results: str, made: dict[str, File]) -> _Candidate | None:
    return next((one for one in candidates if _fits(one, results, made)), None)


def _fits(candidate: _Candidate, results: str, made: dict[str, File]) -> bool:
    """Whether the inputs are those that the job would find, and the outputs are still as they were made."""
    inside = f"{results}{os.sep}"
    for file in candidate.record.inputs:
        if file.path.startswith(inside):
            if file.path not in made or made[file.path].sha256 != file.sha256:
                return False
        elif not _intact(file, file.path):
            return False
    return all(_intact(file, path) for file, path in zip(candidate.record.outputs, candidate.outputs, strict=True))


def _intact(file: File, path: str) -> bool:
    """Whether a file has the recorded bytes, wherever it lies."""
    try:
        return replace(file, path=path).untouched() or hash_file(path) == file.sha256
    except UserError:
        return False


def _take_over(candidate: _Candidate, settings: Path, made: dict[str, File]) -> Record:
    """Put outputs and record in place, no output older than an input: runs may have made them in another order."""
    record = candidate.record
    own = records.planned_file(settings)
    newest = max((made.get(file.path, file).mtime_ns for file in record.inputs), default=0)
    outputs = []
    for number, (file, path) in enumerate(zip(record.outputs, candidate.outputs, strict=True)):
        if path != file.path:  # not a download, which all runs share
            file = replace(file, mtime_ns=max(file.mtime_ns, newest))
            _link(path, file.path)
            os.utime(file.path, ns=(file.mtime_ns, file.mtime_ns))
            second = f"{number}-{Path(path).name}"  # what early cut-off goes back to
            if Path(candidate.source.with_suffix(""), second).exists():
                _link(path, own.with_suffix("") / second)
        outputs.append(file)
    write_settings(settings, record.identity)
    os.utime(settings, ns=(record.settings.mtime_ns, record.settings.mtime_ns))
    record = replace(record, inputs=[made.get(f.path, f) for f in record.inputs], outputs=outputs)
    record = replace(record, settings=File.of(settings))
    records.write(own, record)
    return record


def _link(source: str, target: str | Path) -> None:
    """A second name, or a copy, in place of whatever had that name."""
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(target)
    try:
        os.link(source, temporary)
    except OSError:
        shutil.copy2(source, temporary)
    os.replace(temporary, target)
