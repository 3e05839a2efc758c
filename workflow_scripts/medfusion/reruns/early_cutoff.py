"""Early cut-off: a job whose settings, code, libraries and inputs say the same as before keeps its outputs.

Snakemake runs a job whenever one before it ran, even if that wrote the same bytes. So each job compares checksums with
its record before it starts its work. Snakemake removes the outputs of a job first; a second name (hard link) beside
the record holds them, at no cost of disk space. Where the file system has no hard links nothing is kept, and the work
is done.
"""

import contextlib
import os
import resource
import shutil
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from medfusion.errors import UserError
from medfusion.files.artifacts import hash_file, temporary_name
from medfusion.reruns import records
from medfusion.reruns.records import File, Record

# Set by the workflow for --force and its like: do the work, whatever the record says.
FORCE_VARIABLE = "MEDFUSION_FORCE"


class Job:
    """One job: its record, and the second names of its outputs.

    Parameters
    ----------
    settings : path of the settings file
    identity : its content
    inputs, outputs : paths in the command's order
    keep : whether outputs may be kept; not where they depend on more than these
    """

    def __init__(
        self, settings: str, identity: dict[str, Any], inputs: Sequence[str], outputs: Sequence[str], keep: bool
    ):
        self._identity, self._outputs, self._keep = identity, outputs, keep
        file = records.record_file(settings)
        self._recorded = file is not None
        if file:
            self._file, self._settings = file, File.of(settings)
            self._inputs = [_described(path) for path in inputs]

    def kept(self) -> bool:
        """Put the outputs of the last run back, if it had the same identity and inputs; whether that was done."""
        if not self._recorded or not self._keep or os.environ.get(FORCE_VARIABLE):
            return False
        record = records.read(self._file)
        if record is None or record.identity != self._identity:
            return False
        if _checksums(record.inputs) != _checksums(self._inputs):
            return False
        if [file.path for file in record.outputs] != list(self._outputs):
            return False
        found = [self._intact(file, number) for number, file in enumerate(record.outputs)]
        sources = [source for source in found if source]
        if len(sources) < len(found):
            return False
        for path, source in zip(self._outputs, sources, strict=True):
            if source != Path(path):
                _link(source, Path(path))
            os.utime(path)  # newer than what made the job run
        self._write(record.made, record.seconds, record.cpu_seconds, record.memory_mb, record.command, record.device)
        return True

    def begin(self) -> None:
        """Forget the last run: from now on its outputs are being replaced.

        Raises
        ------
        UserError
            If an input is not what its job wrote, or was made under other settings than planned.
        """
        if self._recorded:
            self._check_inputs()
            records.begin(self._file, self._outputs)

    def finish(self) -> None:
        """Write the record, and give the outputs their second names."""
        if not self._recorded:
            return
        usage = resource.getrusage(resource.RUSAGE_SELF)
        for number, path in enumerate(self._outputs if self._keep else ()):
            _link(Path(path), self._second_name(path, number), needed=False)
        self._write(
            made=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=round(_seconds_since_start(), 2),
            cpu_seconds=round(usage.ru_utime + usage.ru_stime, 2),
            memory_mb=round(peak_memory() / 1024**2, 1),
            command=["python", *sys.argv],
            device=accelerator(),
        )

    def _write(
        self, made: str, seconds: float, cpu_seconds: float, memory_mb: float, command: list[str], device: str
    ) -> None:
        outputs = [File.of(path) for path in self._outputs]
        costs = (made, seconds, cpu_seconds, memory_mb, device)
        record = Record(self._identity, command, self._settings, self._inputs, outputs, *costs)
        records.write(self._file, record)

    def _second_name(self, path: str, number: int) -> Path:
        return self._file.with_suffix("") / f"{number}-{Path(path).name}"

    def _intact(self, file: File, number: int) -> Path | None:
        """Where the bytes of a recorded output still are."""
        for path in (Path(file.path), self._second_name(file.path, number)):
            if path.is_file() and hash_file(path) == file.sha256:
                return path
        return None

    def _check_inputs(self) -> None:
        """Refuse inputs that are not what their own job wrote, or were made under other settings than planned."""
        results = self._file.parents[2]
        known = records.read_all(results)
        made_by = records.makers(known)
        for file in self._inputs:
            record = made_by.get(file.path)
            recorded = next((output for output in record.outputs if output.path == file.path), None) if record else None
            if record and recorded and recorded.sha256 != file.sha256:
                if Path(results) in Path(file.path).parents:
                    os.utime(file.path)  # so that the next plan looks at it
                raise UserError(
                    f"{file.path}: not what {record.stage} wrote (its SHA-256 differs): damaged or edited; "
                    "run again to have it made anew"
                )
        for record in records.ancestry([file.path for file in self._inputs], known):
            if not records.satisfies(record, record.settings.path):
                raise UserError(
                    f"{record.outputs[0].path}: was made under other settings than {record.settings.path} asks for; "
                    "run again without options that leave jobs out (--allowed-rules, --omit-from, --touch)"
                )


def _seconds_since_start() -> float:
    """Wall time that this process has taken so far.

    Counted from the machine's start where its clock can be read: Linux knows that start itself in whole seconds only.
    """
    started = psutil.Process().create_time()
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return time.time() - started
    return time.clock_gettime(time.CLOCK_BOOTTIME) - (started - psutil.boot_time())


def peak_memory() -> int:
    """Bytes of memory that this process has held at most.

    Not `ru_maxrss` where there is another way: Linux starts it at the peak of the process that started this one.
    """
    with contextlib.suppress(OSError, StopIteration), open("/proc/self/status", encoding="ascii") as status:
        return int(next(line for line in status if line.startswith("VmHWM:")).split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _described(path: str) -> File:
    try:
        return File.of(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); expected a file") from None


def _checksums(files: Sequence[File]) -> list[tuple[str, str]]:
    return [(file.path, file.sha256) for file in files]


def _link(source: Path, target: Path, needed: bool = True) -> None:
    """Give a file a second name, in place of whatever had that name; a copy where links cannot be had but must."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(target)
    try:
        os.link(source, temporary)
    except OSError:
        if not needed:
            return
        shutil.copyfile(source, temporary)
    os.replace(temporary, target)


def accelerator() -> str:
    """Name of the graphics processors that TensorFlow computes on; empty where it has none, or is not imported.

    TensorFlow is not imported for it: a stage that has not done so computes on processors.
    """
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None:
        return ""
    devices = tensorflow.config.get_visible_devices("GPU")
    names = [tensorflow.config.experimental.get_device_details(device).get("device_name", "GPU") for device in devices]
    return ", ".join(f"{names.count(name)} {name}" if names.count(name) > 1 else name for name in dict.fromkeys(names))
