"""Which jobs must run again, found by content, and the settings files that tell Snakemake.

Snakemake goes by the age of files, and ages lie: a copy of a folder of results mixes them, a file that is touched seems
new, another one put in its place may seem old, a damaged one seems done. So the records that jobs left are compared
with what is there now. A job that must run again gets a new settings file, which its rule has among its inputs; one
that need not has its files' recorded times put back. Files whose size and time are as recorded are not read.

Looking changes nothing. `Reruns.apply` does, and only below the results: outputs of planned jobs, and what lies under
names that this workflow alone gives.
"""

import contextlib
import json
import os
import stat
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
from snakemake.io import ancient, local

from medfusion.errors import UserError
from medfusion.files.artifacts import TEMPORARY, process_space, temporary_name
from medfusion.reruns import records
from medfusion.reruns.records import AGAIN, BEGUN, File, Record

ALTERED = ".altered"
DOWNLOADS = ("download", "fetch_weights")  # whose files are the user's, to replace or remove
READERS = ("prepare", "train_cnn", "learning_curve")  # of these; `files` of their settings names them
HOUR = 3_600 * 10**9  # nanoseconds


@dataclass(frozen=True)
class Planned:
    """A job that the configuration asks for.

    settings : its settings file, {results}/settings/{stage}/{job}.json
    identity : what that is to hold
    outputs : paths of the files that it makes
    """

    settings: Path
    identity: dict[str, Any]
    outputs: tuple[str, ...]

    @property
    def stage(self) -> str:
        """The name of its program."""
        return self.identity["stage"]

    @cached_property
    def record(self) -> Path:
        """Where its record is."""
        return records.planned_file(self.settings)

    @property
    def places(self) -> list[Path]:
        """Every file that it, or its planning, writes."""
        return [*map(Path, self.outputs), self.settings, self.record, self.record.with_suffix(BEGUN)]


class Reruns:
    """What has changed since the planned jobs ran last.

    Parameters
    ----------
    planned : all jobs of the configuration
    results : the folder of results
    data : the folder that downloads go to

    Attributes
    ----------
    reasons : by settings file, why its job must run again although something of it is there
    changed : settings files that have to be written: those of `reasons`, and those of jobs that never ran
    misleading : how many jobs are up to date, but have an input younger than an output, so that Snakemake by itself
        would run them again

    Raises
    ------
    UserError
        If the path of a file or folder that a job writes is something else, or a link leads out of the results.
    """

    def __init__(self, planned: Sequence[Planned], results: str, data: str):
        self._planned, self._results, self._data = planned, Path(results), Path(data)
        self._real_results = os.path.realpath(results)
        self._made = {path for job in planned if job.stage not in DOWNLOADS for path in job.outputs}
        self._seen: dict[tuple[str, str], bool | None] = {}
        self._inside: dict[str, bool] = {}
        self._records: dict[Path, Record | None] = {}
        self._altered: dict[str, str] = {}
        self._recorded_times: dict[str, int] = {}
        self.reasons: dict[Path, str] = {}
        self.misleading = 0
        for job in planned:
            self._look(job)
        self.changed = [job.settings for job in planned if self._is_changed(job)]
        self._ask_for_downloads()

    def record(self, job: Planned) -> Record | None:
        """What is left of a planned job's last run; None where it never ran, or was not finished."""
        return self._records[job.settings]

    # -- looking ------------------------------------------------------------------------------------------------------

    def _look(self, job: Planned) -> None:
        self._check_places(job)
        record = records.read(job.record)
        if record and {file.path for file in record.outputs} != set(job.outputs):
            record = None  # of another job, or nobody's
        self._records[job.settings] = record
        if reason := self._reason(job, record):
            self.reasons[job.settings] = reason
        elif record and self._misleads(record):
            self.misleading += 1

    def _check_places(self, job: Planned) -> None:
        """Refuse what is no file where a job writes one: it would be waited for, or stop the job at its end."""
        for path in job.places:
            if not _is_kind(path, stat.S_ISREG):
                raise UserError(f"{path}: not a file, and {job.stage} writes one there; move it away")
        if not _is_kind(names := job.record.with_suffix(""), stat.S_ISDIR):
            raise UserError(f"{names}: not a folder, and {job.stage} makes one there; move it away")
        for path in (job.settings, job.record):
            if path.parent.exists() and not self._is_ours(str(path)):
                raise UserError(f"{path}: a link leads out of {self._results}; put the folder itself there")

    def _reason(self, job: Planned, record: Record | None) -> str | None:
        if record is None:
            if job.record.with_suffix(BEGUN).exists():
                return "it was begun and not finished"
            if any(map(os.path.exists, job.outputs)) and records.identity_in(job.settings) != job.identity:
                return "its results have no record, and its settings have changed"
            return None
        found = [self._reason_of_output(file, record) for file in record.outputs]
        if record.identity != job.identity:
            return "its settings, code or libraries have changed"
        found += [
            f"{file.path} has changed"
            for file in record.inputs
            if not (file.path in self._made and self._is_ours(file.path)) and self._is_recorded(file) is False
        ]
        return next(filter(None, found), None)

    def _reason_of_output(self, file: File, record: Record) -> str | None:
        if self._results not in Path(file.path).parents:
            return None  # a download is the user's, to replace or remove; who reads it looks at it
        ours, same = self._is_ours(file.path), self._is_recorded(file)
        if same is None:
            return f"{file.path} is missing"
        if not same:
            if ours:
                self._altered[file.path] = record.stage
            return f"{file.path} is not what {record.stage} wrote"
        if ours and _age(file.path) != file.mtime_ns:
            self._recorded_times[file.path] = file.mtime_ns
        return None

    def _is_recorded(self, file: File) -> bool | None:
        """Whether a file has its recorded bytes; None if it is not there."""
        key = file.path, file.sha256
        if key not in self._seen:
            if file.untouched():
                self._seen[key] = True
            else:
                self._seen[key] = File.of(file.path).sha256 == file.sha256 if os.path.exists(file.path) else None
        return self._seen[key]

    def _is_ours(self, path: str) -> bool:
        """Whether a path is really below the results, whatever it says and wherever links lead."""
        if os.path.islink(path):
            return False
        folder = os.path.dirname(path)
        if folder not in self._inside:
            real = os.path.realpath(folder)
            self._inside[folder] = real == self._real_results or real.startswith(self._real_results + os.sep)
        return self._inside[folder]

    def _misleads(self, record: Record) -> bool:
        made = min(_age(file.path) for file in record.outputs)
        return any(_age(file.path) > made for file in record.inputs if self._is_ours(file.path))

    def _is_changed(self, job: Planned) -> bool:
        never_ran = self._records[job.settings] is None and records.identity_in(job.settings) != job.identity
        return job.settings in self.reasons or never_ran

    def _ask_for_downloads(self) -> None:
        """A downloaded file is the user's to remove; who has to read it again has to have it again."""
        changed = set(self.changed)
        wanted: set[str] = set()
        for job in self._planned:
            if job.stage in READERS and job.settings in changed:
                files = job.identity["config"]["files"]
                wanted |= {files} if isinstance(files, str) else set(files)
        for job in self._planned:
            if job.stage in DOWNLOADS and job.settings not in changed:
                missing = [path for path in job.outputs if path in wanted and not os.path.exists(path)]
                if missing:
                    self.reasons[job.settings] = f"{missing[0]} is missing"
                    self.changed.append(job.settings)

    # -- telling Snakemake --------------------------------------------------------------------------------------------

    def stand_ins(self, folder: Path | None) -> dict[str, Any]:
        """For a plan that writes nothing: what rules have as an input in place of a job's settings file.

        Parameters
        ----------
        folder : where jobs that must run get stand-ins for their settings, younger than any result, because Snakemake
            goes by ages; None where nobody asks what would run: then jobs that never ran have no settings, and the
            others those they had

        Returns
        -------
        By settings file of every planned job; that of one that need not run counts as old, whatever its age.
        """
        changed, found = set(self.changed), {}
        for job in self._planned:
            file = job.settings
            if file not in changed:
                found[str(file)] = local(ancient(str(file)))
            elif folder:
                stand_in = folder / "settings" / job.stage / file.name
                stand_in.parent.mkdir(parents=True, exist_ok=True)
                stand_in.touch()
                later = max([time.time_ns(), *map(_age, job.outputs)]) + HOUR
                os.utime(stand_in, ns=(later, later))
                found[str(file)] = local(str(stand_in))
            else:
                found[str(file)] = local(str(file)) if file.exists() else []
        return found

    def apply(self) -> list[str]:
        """Put right what runs that were killed, copies, a touch or damage left, and write the settings of all jobs.

        The caller must be the only user of these results.

        Returns
        -------
        One line for each result that was moved aside.
        """
        self._remove_unfinished()
        notes = [self._move_aside(path, stage) for path, stage in self._altered.items()]
        for path, mtime_ns in self._recorded_times.items():
            with contextlib.suppress(OSError):  # somebody else's file
                os.utime(path, ns=(mtime_ns, mtime_ns))
        for job in self._planned:
            self._write(job)
        return notes

    def _write(self, job: Planned) -> None:
        record = self._records[job.settings]
        if reason := self.reasons.get(job.settings):
            # The time makes it another text: Snakemake takes a file of the same bytes for old, whatever its age.
            write_settings(job.settings, {**job.identity, AGAIN: {"because": reason, "at": time.time_ns()}})
            return
        as_recorded = record and job.settings.exists() and records.satisfies(record, job.settings)
        if not as_recorded and (record or records.identity_in(job.settings) != job.identity):
            write_settings(job.settings, job.identity)
        if record and _age(job.settings) != record.settings.mtime_ns:  # an edit taken back is as old as its results
            os.utime(job.settings, ns=(record.settings.mtime_ns, record.settings.mtime_ns), follow_symlinks=False)

    def _move_aside(self, path: str, stage: str) -> str:
        aside, number = Path(f"{path}{ALTERED}"), 1
        while os.path.lexists(aside):
            number += 1
            aside = Path(f"{path}{ALTERED}{number}")
        os.rename(path, aside)
        return f"{path} is not what {stage} wrote; moved to {aside}; it is made anew"

    def _remove_unfinished(self) -> None:
        """Remove what processes that are gone had begun to write in place of files of planned jobs."""
        expected: dict[Path, set[str]] = {}
        for job in self._planned:
            for path in job.places:
                expected.setdefault(path.parent, set()).add(path.name)
        for folder, names in expected.items():
            ours = self._is_ours(str(folder / "file"))
            if not ours and folder != self._data:
                continue
            with contextlib.suppress(OSError), os.scandir(folder) as entries:
                for entry in entries:
                    if _left_behind(entry.name, names, alone=ours) and entry.is_file(follow_symlinks=False):
                        os.unlink(entry.path)


def write_missing(planned: Sequence[Planned]) -> None:
    """Write the settings files that are not there: for a job on a machine that does not share this folder."""
    for job in planned:
        if not job.settings.exists():
            write_settings(job.settings, job.identity)


def _left_behind(name: str, expected: Collection[str], alone: bool) -> bool:
    """Whether a name is that of a file that was begun in place of an expected one, by a process that is gone.

    Parameters
    ----------
    alone : whether nobody else writes there; otherwise only processes that can be seen from here count as gone
    """
    found = TEMPORARY.fullmatch(name)
    if not found or found["path"] not in expected:
        return False
    return alone or (found["space"] == process_space() and not psutil.pid_exists(int(found["writer"])))


def _is_kind(path: Path, test: Any) -> bool:
    """Whether a path is of a kind, or nothing is there."""
    try:
        return test(os.stat(path).st_mode)
    except OSError:
        return not os.path.lexists(path)


def _age(path: str | Path) -> int:
    try:
        return os.lstat(path).st_mtime_ns
    except OSError:
        return 0


def write_settings(file: Path, content: dict[str, Any]) -> None:
    """Write a job's settings file, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(file)
    try:
        temporary.write_text(json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
