"""Faults done to a run of the workflow, and whether everything that it left is whole."""

import contextlib
import csv
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

import h5py
import onnx
import psutil
import pytest
from conftest import Project

from medfusion.figures.drawn import DRAWN
from medfusion.files.artifacts import hash_file, writer_of
from medfusion.planning.runs import HELD_RESULTS
from medfusion.reruns import records
from medfusion.reruns.outdated import ALTERED
from medfusion.reruns.records import Record

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
LONG = 600  # seconds that nothing here takes
PLAIN = ("-j", "8", "report")
TABLE = "results/metrics.csv"
PAGE = "results/report.html"


class Run:
    """A run of Snakemake in a process group of its own, as a terminal would start it.

    Parameters
    ----------
    limits : of `resource`
    hold : stages whose jobs stand still where what they wrote is about to get its name, until they are let go
    cut : the number of the rename, of all by the run and its jobs, at which they are killed, as a power cut does
    """

    def __init__(
        self,
        project: Project,
        *arguments: str,
        limits: dict[int, tuple[int, int]] | None = None,
        hold: Collection[str] = (),
        cut: int | None = None,
    ):
        def as_in_a_terminal() -> None:
            for number in (signal.SIGINT, signal.SIGHUP):  # ignored, if the tests were started in the background
                signal.signal(number, signal.SIG_DFL)
            for kind, limit in (limits or {}).items():
                resource.setrlimit(kind, limit)

        self.folder = project.folder
        self._output = project.folder.parent / f"run{time.monotonic_ns()}.log"
        self._held = self._output.with_suffix("")  # held/sitecustomize.py reads what is there
        self._held.mkdir()
        self._pipes = {}
        for stage in hold:
            os.mkfifo(self._held / stage)
            self._pipes[stage] = os.open(self._held / stage, os.O_RDWR)
        if cut is not None:
            (self._held / "cut").write_text(str(cut), encoding="ascii")
        command = [sys.executable, "-m", "snakemake", *arguments, "--configfile", str(project.overlay)]
        with open(self._output, "wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=self.folder,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=as_in_a_terminal,
                env={**os.environ, "HELD": str(self._held), "PYTHONPATH": str(Path(__file__).parent / "held")},
            )

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def text(self) -> str:
        """What it has printed so far."""
        return self._output.read_text(encoding="utf-8", errors="replace")

    def wait(self) -> int:
        """Wait for its end; its exit status."""
        return self._process.wait(LONG)

    def signal(self, number: int) -> None:
        """Send a signal to Snakemake alone, not to its jobs."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill Snakemake alone: its jobs go on."""
        self.signal(signal.SIGKILL)
        self.wait()

    def signal_group(self, number: int) -> None:
        """Send a signal to Snakemake and its jobs, as a terminal does."""
        os.killpg(self._process.pid, number)

    def stages(self) -> list[tuple[str, psutil.Process]]:
        """The processes of its stages, with the stages' names; not what these start themselves."""
        found: dict[int, tuple[str, psutil.Process]] = {}
        with contextlib.suppress(psutil.Error):
            for process in psutil.Process(self._process.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error, ValueError):  # ended meanwhile, or no program
                    program, *words = process.cmdline()[1:]
                    if program == "-IS":  # who asked for a copy of what holds its libraries
                        _, program, *words = words
                    if Path(program).stem == "keep_warm":
                        continue
                    if Path(program).parent.name == "workflow_scripts" and process.ppid() not in found:
                        name = Path(program).stem
                        found[process.pid] = f"draw_{words[0]}" if name == "draw" else name, process
        return list(found.values())

    def standing(self, stage: str) -> list[psutil.Process]:
        """The jobs of a stage that are held: written, and not renamed."""
        found = []
        for path in self._held.glob(f"{stage}.*"):
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(int(path.suffix[1:]))
                found += [process] if works(process) else []
        return found

    def middle_of(self, stage: str) -> psutil.Process:
        """Wait until a job of a stage is held."""
        while self.alive:
            if found := self.standing(stage):
                return found[0]
            time.sleep(0.02)
        raise AssertionError(f"{stage} did not run: {self.text[-3000:]}")

    def let_go(self, *stages: str) -> None:
        """Hold the jobs of stages no longer; of all unless any are named."""
        for stage in stages or list(self._pipes):
            (self._held / stage).unlink()
            os.close(self._pipes.pop(stage))

    def times(self) -> list[tuple[str, float, float]]:
        """Stage, begin and end of the jobs that ended by themselves, in seconds of one clock."""
        begun, found = {}, []
        for line in (self._held / "times").read_text(encoding="utf-8").splitlines():
            which, stage, process, seconds = line.split()
            if which == "begin":
                begun[process] = float(seconds)
            else:
                found.append((stage, begun.pop(process), float(seconds)))
        return found


@contextlib.contextmanager
def running(project: Project, *arguments: str, hold: Collection[str] = (), **options) -> Iterator[Run]:
    """A run that is over, with all its jobs, when the block ends."""
    run = Run(project, *arguments, hold=hold, **options)
    try:
        yield run
    finally:
        jobs = [process for _, process in run.stages()]
        jobs += [process for stage in hold for process in run.standing(stage)]
        run.kill()
        end(jobs)
        run.let_go()


def works(process: psutil.Process) -> bool:
    """Whether a process is still at work."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def end(processes: Iterable[psutil.Process]) -> None:
    """Kill processes, those that stand still too."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
            process.wait(LONG)


def recorded(project: Project) -> list[Record]:
    return records.read_all(project.folder / "results")


def forget(project: Project, *chosen: Record) -> None:
    """Make jobs do their work again: their outputs and records go; what stands on them is looked at, and kept."""
    for record in chosen:
        for file in record.outputs:
            (project.folder / file.path).unlink(missing_ok=True)
            second_name(project, file.path).unlink(missing_ok=True)
        records.begin(
            project.folder / records.record_file(record.settings.path), [file.path for file in record.outputs]
        )


def job(project: Project, stage: str, part: str = "") -> Record:
    """The job of a stage of which an output's path has a certain part, the quickest if there are several."""
    fitting = [
        record
        for record in recorded(project)
        if record.stage == stage and any(part in file.path for file in record.outputs)
    ]
    return min(fitting, key=lambda record: record.seconds)


def remains(project: Project) -> list[Path]:
    """Check that every artifact in the results is whole and as recorded; what was half written, under names of its own.

    Whoever looks at a final name finds all of a file or none of it.
    """
    results, half_written = project.folder / "results", []
    for path in sorted(results.rglob("*")):
        if path.is_dir() or path.name.endswith(ALTERED) or path.name == Path(HELD_RESULTS).name:
            continue
        if writer_of(path) is not None:
            half_written.append(path)
        else:
            with contextlib.suppress(FileNotFoundError):  # the mark of a job that outlived its Snakemake, and has ended
                read_whole(path)
    for record in recorded(project):
        for file in record.outputs:
            for path in (project.folder / file.path, second_name(project, file.path)):
                assert not path.exists() or hash_file(path) == file.sha256, path
    return half_written


def second_name(project: Project, output: str) -> Path:
    """The name beside its job's record that a result has too."""
    record = records.makers(recorded(project))[output]
    number = [file.path for file in record.outputs].index(output)
    folder = records.record_file(record.settings.path).with_suffix("")
    return project.folder / folder / f"{number}-{Path(output).name}"


def read_whole(path: Path) -> None:
    """Read a file to its end, in the way of its format."""
    reader = READERS.get(path.suffix)
    assert reader, f"{path}: no reader for it"
    try:
        reader(path)
    except FileNotFoundError:
        raise
    except Exception as error:
        raise AssertionError(f"{path} is not whole") from error


def _read_hdf5(path: Path) -> None:
    with h5py.File(path) as file:
        file.visititems(lambda _, item: item[()] if isinstance(item, h5py.Dataset) else None)


def _read_zip(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist()


def _read_csv(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.endswith("\n")
    assert len({len(row) for row in csv.reader(text.splitlines())}) == 1


def _ends_with(end: bytes) -> Callable[[Path], None]:
    def read(path: Path) -> None:
        assert path.read_bytes().rstrip().endswith(end)

    return read


READERS = {
    ".h5": _read_hdf5,
    **dict.fromkeys((".npz", ".keras", ".skops", ".zip"), _read_zip),
    ".onnx": onnx.load,
    ".json": lambda path: json.loads(path.read_text(encoding="utf-8")),
    ".csv": _read_csv,
    ".svg": xml.etree.ElementTree.parse,
    ".png": _ends_with(b"IEND\xaeB`\x82"),
    ".html": _ends_with(b"</html>"),
    **dict.fromkeys((".md", ".js", ".css"), lambda path: path.read_text(encoding="utf-8")),
    ".bin": lambda path: path.read_bytes(),
    records.BEGUN: lambda path: json.loads(path.read_text(encoding="utf-8")),
}


def damage(path: Path, how: str) -> None:
    """Damage a file in place, so that its other names see it too; done twice, it is damaged all the more."""
    content = path.read_bytes()
    middle = len(content) // 2
    damaged = {
        "truncated": content[:middle],
        "garbled": content[:middle]
        + bytes((byte + 77) % 256 for byte in content[middle : middle + 64])
        + content[middle + 64 :],
        "emptied": b"",
    }[how]
    with open(path, "r+b") as file:
        file.truncate(0)
        file.write(damaged)


def damage_unseen(path: Path) -> None:
    """Damage a file so that its size and its time stay."""
    stat = path.stat()
    damage(path, "garbled")
    os.utime(path, ns=(stat.st_mtime_ns, stat.st_mtime_ns))
    assert path.stat().st_size == stat.st_size


def declared_memory(project: Project) -> dict[str, int]:
    """The megabytes that each stage declares."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in (project.folder / "rules").glob("*.smk"))
    (default,) = re.findall(r"^rule stage:.*?mem_mb=memory\((\d+)\)", text, re.M | re.S)
    found = {f"draw_{kind}": int(default) for kind in DRAWN}
    for rule in re.split(r"\n(?= *(?:use )?rule\b)", text):
        if stage := re.search(r'stage\("(\w+)"\)', rule):
            own = re.search(r"mem_mb=memory\((?:lambda wildcards: )?(\d+)", rule)  # and what a backbone takes, if any
            found[stage[1]] = int(own[1] if own else default)
    return found


@contextlib.contextmanager
def mounted(*arguments: str, place: Path) -> Iterator[None]:
    """Something mounted at a place, for the block; the test is skipped where even root may not, as in containers."""
    done = subprocess.run(["mount", *arguments, str(place)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(done.stderr.strip())
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder that cannot be written to, for the block: root is stopped by a mount alone."""
    if os.geteuid() == 0:
        with mounted("--bind", str(folder), place=folder):
            subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
            yield
    else:
        folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
        for path in folders:
            path.chmod(0o555)
        yield
        for path in folders:
            path.chmod(0o755)


def fill(path: Path, leave: int) -> None:
    """Write a file that leaves so many bytes of its file system free."""
    free = os.statvfs(path.parent)
    with open(path, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize - leave)


def still_there(before: Iterable[Record], after: Iterable[Record]) -> bool:
    """Whether every job that was finished before is finished, and since then."""
    made = {record.settings.path: (record.made, record.outputs[0].sha256) for record in after}
    return all(made.get(record.settings.path) == (record.made, record.outputs[0].sha256) for record in before)


def completes(project: Project, finished: Project) -> str:
    """Run plainly after a fault, and check that all is whole and the table is the same; what the run printed."""
    done = project.snakemake(*PLAIN)
    assert remains(project) == []
    assert (project.folder / TABLE).read_bytes() == (finished.folder / TABLE).read_bytes()
    assert (project.folder / PAGE).exists()
    assert not project.planned()
    text = done.stdout + done.stderr
    assert "Traceback" not in text
    return text


def failed(project: Project, *arguments: str, overlay: bool = True) -> str:
    """Run what must fail, with a message and no traceback; what it printed."""
    done = project.snakemake(*arguments, check=False, overlay=overlay)
    text = done.stdout + done.stderr
    assert done.returncode != 0, text
    assert "Traceback" not in text, text
    return text
