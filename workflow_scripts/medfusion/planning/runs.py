"""Runs of Snakemake: which is alive, in this folder or with the same results, and what one that was killed left behind.

A run holds a lock of the system (flock) on a file in this folder and on one in its results, as long as its process
lives. Whoever gets them knows that no other run is there, whatever process numbers can be seen: another container on
the machine counts too.
"""

import contextlib
import errno
import fcntl
import json
import os
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

from medfusion.errors import UserError
from medfusion.files.artifacts import process_space, read_json, write_json
from medfusion.reruns import records

LOCKS = Path(".snakemake/locks")  # Snakemake's own
HELD = Path(".snakemake/medfusion.lock")
HELD_RESULTS = "records/.lock"  # in the folder of results
RUN = Path(".snakemake/run.json")  # who runs, or ran last
JOBS = Path(".snakemake/jobs.json")  # what the last run that started jobs was to do; planning alone leaves it
# In the environment of every job: the folder of the run that started it.
RUN_VARIABLE = "MEDFUSION_RUN"
PATIENCE = 5  # seconds that a job may take to stop when it is asked to
SLURM_NAME = "slurm"  # the key of a note: the name that all jobs of a run have in Slurm's queue
SLURM_PATIENCE = 90  # seconds that a scheduler may take for the same
ROUNDS = 5  # of stopping orphans: what is about to end may have started another in that moment


@dataclass(frozen=True)
class PlannedJob:
    """A job that this run is about to do.

    needs : settings files of the jobs among them whose outputs it reads
    memory_mb : what its rule declares; None for none
    """

    rule: str
    settings: str
    output: str
    threads: int
    memory_mb: int | None
    needs: tuple[str, ...]


def remember_run(name: str | None = None) -> None:
    """Note which process runs jobs in this folder, and let its jobs know.

    Parameters
    ----------
    name : what all jobs that it submits to Slurm are called in its queue
    """
    os.environ[RUN_VARIABLE] = _this_folder()
    with contextlib.suppress(OSError):
        write_json(RUN, {**_myself(), SLURM_NAME: name} if name else _myself())


def remember_jobs(jobs: Sequence[PlannedJob], results: str, cores: int | None) -> None:
    """Note which jobs this run is about to do, for those who watch it.

    Parameters
    ----------
    results : the folder of results
    cores : of -j; None where there is no such number
    """
    content = {
        **_myself(),
        "at": time.time(),
        "results": results,
        "cores": cores,
        "jobs": [
            {
                "settings": job.settings,
                "output": job.output,
                "threads": job.threads,
                "needs": job.needs,
                "seconds": _seconds(job.settings),
            }
            for job in jobs
        ],
    }
    with contextlib.suppress(OSError):
        write_json(JOBS, content)


def _seconds(settings: str) -> float | None:
    """How long a job took when it was done last."""
    file = records.record_file(settings)
    record = records.read(file) if file else None
    return record.seconds if record else None


def planned_jobs() -> dict[str, Any] | None:
    """What `remember_jobs` noted last in this folder; None where no run has started."""
    try:
        return read_json(JOBS)
    except UserError:
        return None


def hold(path: Path) -> IO[str] | None:
    """Lock a file until what is returned is closed, or this process ends; None if another process holds it.

    Where the system has no such locks (some network file systems), nobody holds it.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Never through a link: what it leads to is somebody else's.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a file", str(path))
    file = open(descriptor, "r+", encoding="utf-8")  # noqa: SIM115
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    except OSError:
        pass
    file.truncate(0)
    file.write(json.dumps({**_myself(), "folder": str(Path.cwd())}))
    file.flush()
    return file


def hold_results(results: str) -> IO[str]:
    """Lock a folder of results until what is returned is closed, or this process ends.

    Raises
    ------
    UserError
        If another run works on them, or they cannot be written to.
    """
    file = Path(results, HELD_RESULTS)
    try:
        if held := hold(file):
            return held
        holder = json.loads(file.read_text(encoding="utf-8"))
        who = f" ({holder['host']}, process {holder['pid']}, in {holder['folder']})"
    except (ValueError, KeyError, TypeError):
        who = ""
    except OSError as error:
        raise UserError(
            f"results: {results} cannot be written to ({error.strerror}); name a folder of yours in config.yaml"
        ) from None
    raise UserError(f"results: another run works on {results}{who}; wait for its end, or name another folder")


def may_live(run: dict[str, Any]) -> bool:
    """Whether the process that a run was noted with is still there, as far as this machine can tell."""
    try:
        if run["host"] != socket.gethostname():
            return True
        if run["space"] != process_space():  # another container, or the machine was started anew
            return run["boot"] == _boot()
        if run["pid"] == os.getpid():
            return False
        process = psutil.Process(run["pid"])
        return process.create_time() == run["started"] and process.status() != psutil.STATUS_ZOMBIE
    except (KeyError, TypeError, ValueError, OverflowError, psutil.Error):
        return False


def _myself() -> dict[str, Any]:
    process = psutil.Process()
    return {
        "host": socket.gethostname(),
        "boot": _boot(),
        "space": process_space(),
        "pid": process.pid,
        "started": process.create_time(),
    }


def _boot() -> str:
    """What names this start of the machine, on Linux; of its clock elsewhere."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return str(round(psutil.boot_time()))


def _this_folder() -> str:
    """What names this folder for the jobs of its run: in a container another may have the same path."""
    found = os.stat(".")
    return f"{found.st_dev}:{found.st_ino}:{Path.cwd()}"


def hold_folder() -> IO[str] | None:
    """Lock this folder for runs, as `hold`; None if another run may work here, as far as this machine can tell."""
    other_host = _last_run().get("host") not in (None, socket.gethostname())
    return None if other_host and _is_locked() else hold(HELD)


def _is_locked() -> bool:
    """Whether a run holds Snakemake's lock, or held it when it was killed."""
    return LOCKS.is_dir() and any(LOCKS.iterdir())


def remove_stale_lock() -> str | None:
    """Remove the lock of a run that was killed; what was done, or None where there was none.

    For who is alone in this folder. A lock of a run on another machine stays: Snakemake then refuses, and names the
    remedy; so does one of a run that was not noted.
    """
    if not _is_locked() or not RUN.is_file():
        return None
    for file in LOCKS.iterdir():
        file.unlink(missing_ok=True)
    return "A run that was killed had left this folder locked. It is not alive any more: the lock was removed."


def cancel_submitted() -> str | None:
    """Cancel what a run that was killed had submitted to Slurm, and wait for its end; what was done, if anything.

    As `end_orphans` for jobs on other machines. Nothing is done for a run that lives, or may live on another machine.
    """
    run = _last_run()
    name = run.get(SLURM_NAME)
    if not name or may_live(run) or not shutil.which("scancel"):
        return None
    if not _submitted(name):
        return None
    subprocess.run(["scancel", "--name", name], capture_output=True)
    end = time.monotonic() + SLURM_PATIENCE
    while _submitted(name):
        if time.monotonic() > end:
            return f"Jobs of a run that was killed are still in Slurm's queue: see squeue --name {name}"
        time.sleep(0.5)
    return "Jobs of a run that was killed were still in Slurm's queue: they were cancelled."


def _submitted(name: str) -> list[str]:
    """The jobs of a name that Slurm still has to run or to end."""
    done = subprocess.run(
        ["squeue", "--noheader", "--format=%i", "--name", name], capture_output=True, encoding="utf-8", errors="replace"
    )
    return done.stdout.split()


def end_orphans() -> str | None:
    """Stop the jobs of a run that was killed: they would write beside those of the next; what was done, if anything.

    Only for who is alone in this folder: the jobs of a run that lives are not to be stopped.
    """
    stopped = False
    for _ in range(ROUNDS):
        if not (found := _orphans()):
            break
        stopped = True
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.terminate()
        stubborn = psutil.wait_procs(found, PATIENCE)[1]
        for process in stubborn:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(stubborn, PATIENCE)
    return "Jobs of a run that was killed were still at work: they were stopped." if stopped else None


def _orphans() -> list[psutil.Process]:
    """The processes of runs in this folder, but this one and those that it stands on."""
    mine = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [process for process in psutil.process_iter() if process.pid not in mine and _works_for_a_run_here(process)]


def _works_for_a_run_here(process: psutil.Process) -> bool:
    try:
        return process.environ().get(RUN_VARIABLE) == _this_folder()
    except psutil.Error:  # gone, or somebody else's
        return False


def _last_run() -> dict[str, Any]:
    """What was noted of the last run; nothing where that cannot be read."""
    try:
        content = json.loads(RUN.read_text(encoding="utf-8")) if RUN.is_file() else {}
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
