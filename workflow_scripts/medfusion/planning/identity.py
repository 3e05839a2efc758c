"""What a job depends on besides its input files: its settings, the meaning of its code, its libraries' versions."""

import json
import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from medfusion.errors import UserError
from medfusion.files.artifacts import temporary_name
from medfusion.jobs import records
from medfusion.planning.fingerprint import ROOT, code_hash, library_versions

Wildcards = Any


class Identity:
    """The identity of every job, as the one params entry of its rule and as a file among its inputs.

    Parameters
    ----------
    slices : for each stage, a function from a job's wildcards to its slice of the configuration
    threads : processor threads a job, which every result depends on
    results : the folder of results, below which the settings files go; a UserError if it cannot be written to
    locked : whether another run works on these results; its settings files are left alone then
    announce : is told the path of every settings file that is asked for, once that is there
    mark : from such a path to what Snakemake is told of it
    wanted : takes results that a planned job lacks, and sees to it that they are made, though nothing may need them
    """

    def __init__(
        self,
        slices: Mapping[str, Callable[[Wildcards], dict[str, Any]]],
        threads: int,
        results: str | Path,
        locked: Callable[[], bool] = lambda: False,
        announce: Callable[[str], None] = lambda path: None,
        mark: Callable[[str], str] = str,
        wanted: Callable[[list[str]], Any] = lambda files: None,
    ):
        _require_writable(Path(results))
        for stage in slices:  # what is wrong with code or libraries is said before jobs are planned
            _of_stage(stage)
        self._announce, self._mark = announce, mark
        self._slices = slices
        self._threads = threads
        self._results = results
        self._folder = Path(results, "settings")
        self._locked, self._wanted = locked, wanted
        self._planned: dict[Path, str] = {}

    def params(self, stage: str) -> Callable[[Wildcards], str]:
        """A params function: the identity as one JSON text, because Snakemake compares params without their names."""

        def text(wildcards: Wildcards) -> str:
            content = {"config": {"threads": self._threads, **self._slices[stage](wildcards)}, **_of_stage(stage)}
            return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"

        return text

    def settings(self, stage: str) -> Callable[[Wildcards], str]:
        """An input function: the same text in a file, which the stage reads.

        The file is written when the jobs are planned, and only if its text changed: so its age says what must run
        again, even where Snakemake's own records (.snakemake/) are lost.
        """
        text = self.params(stage)

        def path(wildcards: Wildcards) -> str:
            # A dot is in no name, so that no two jobs share a file.
            job = ".".join(wildcards).replace("/", ".") or stage
            file = self._folder / stage / f"{job}.json"
            self._planned[file] = text(wildcards)
            self._wanted(records.lacking(records.record_file(file), self._results))
            if not (self._locked() and file.exists()):
                _write_if_changed(file, self._planned[file])
            self._announce(str(file))
            return self._mark(str(file))

        return path

    def write(self) -> None:
        """Write the settings of all planned jobs: when jobs start, what another plan wrote meanwhile does not count."""
        for file, text in self._planned.items():
            _write_if_changed(file, text)


@cache
def _of_stage(stage: str) -> dict[str, Any]:
    """What all jobs of a stage have in common; found once, because it means to parse all their modules."""
    program = ROOT / f"{stage}.py"
    return {"stage": stage, "code": code_hash(program), "libraries": library_versions(program)}


def _require_writable(folder: Path) -> None:
    """Refuse a folder that cannot be made or written to, before any job is planned."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
        reason = "permission denied"
    except OSError as error:
        writable, reason = False, error.strerror
    if not writable:
        raise UserError(f"results: {folder} cannot be written to ({reason}); name a folder of yours in config.yaml")


def _write_if_changed(file: Path, text: str) -> None:
    if file.exists() and file.read_bytes() == text.encode():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(file)
    temporary.write_text(text, encoding="utf-8")
    record = records.read(records.record_file(file))
    if record and record.identity == json.loads(text):  # an edit was taken back: as old as its results
        os.utime(temporary, ns=(record.settings.mtime_ns, record.settings.mtime_ns))
    temporary.replace(file)
