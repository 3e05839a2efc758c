"""Runs of Snakemake in this folder: which is alive, and what one that was killed left behind."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil

from medfusion.errors import UserError
from medfusion.files.artifacts import read_json, write_json
from medfusion.jobs import records

LOCKS = Path(".snakemake/locks")
RUN = Path(".snakemake/run.json")  # who runs, or ran last
JOBS = Path(".snakemake/jobs.json")  # what the last run that started jobs was to do; planning alone leaves it
# In the environment of every job: the folder of the run that started it.
RUN_VARIABLE = "MEDFUSION_RUN"
PATIENCE = 5  # seconds that a job may take to stop when it is asked to
SLURM_NAME = "slurm"  # the key of a note: the name that all jobs of a run have in Slurm's queue
SLURM_PATIENCE = 90  # seconds that a scheduler may take for the same
ROUNDS = 5  # of stopping orphans: what is about to end may have started another in that moment


def remember_run(scheduler: Any = None) -> None:
    """Note which process runs jobs in this folder, and let its jobs know.

    Parameters
    ----------
    scheduler : Snakemake's, once there is one; its executor for Slurm has a name for all jobs that it submits
    """
    os.environ[RUN_VARIABLE] = str(Path.cwd())
    name = getattr(getattr(scheduler, "_executor", None), "run_uuid", None)
    with contextlib.suppress(OSError):
        RUN.parent.mkdir(exist_ok=True)
        RUN.write_text(json.dumps({**_myself(), SLURM_NAME: name} if name else _myself()), encoding="utf-8")


def remember_jobs(dag: Any, results: str, cores: int | None) -> None:
    """Note which jobs this run is about to do, for those who watch it.

    Parameters
    ----------
    dag : Snakemake's
    results : the folder of results
    cores : of -j; None where there is no such number
    """
    jobs = {job for job in dag.needrun_jobs() if job.input.get("settings")}
    content = {
        **_myself(),
        "at": time.time(),
        "results": results,
        "cores": cores,
        "jobs": [
            {
                "settings": str(job.input.settings),
                "output": str(job.output[0]),
                "threads": job.threads,
                "needs": sorted(str(other.input.settings) for other in dag.dependencies[job] if other in jobs),
                "seconds": _seconds(job.input.settings, job.benchmark),
            }
            for job in sorted(jobs, key=lambda job: str(job.input.settings))
        ],
    }
    with contextlib.suppress(OSError):
        write_json(JOBS, content)


def planned_jobs() -> dict[str, Any] | None:
    """What `remember_jobs` noted last in this folder; None where no run has started."""
    try:
        return read_json(JOBS)
    except UserError:
        return None


def may_live(run: dict[str, Any]) -> bool:
    """Whether the process that a run was noted with is still there, as far as this machine can tell."""
    try:
        if run["host"] != socket.gethostname():
            return True
        if run["pid"] == os.getpid():
            return False
        process = psutil.Process(run["pid"])
        return process.create_time() == run["started"] and process.status() != psutil.STATUS_ZOMBIE
    except (KeyError, TypeError, psutil.Error):
        return False


def _myself() -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": os.getpid(), "started": psutil.Process().create_time()}


def _seconds(settings: str, benchmark: str | None) -> float | None:
    """How long a job took when it was done last, by its record, or else by its benchmark file."""
    if record := records.read(records.record_file(settings)):
        return record.seconds
    try:
        head, values, *_ = Path(benchmark or "").read_text(encoding="utf-8").splitlines()
        return float(dict(zip(head.split("\t"), values.split("\t"), strict=False))["s"])
    except (OSError, ValueError, KeyError):
        return None


def is_locked() -> bool:
    """Whether a run holds this folder, or held it when it was killed."""
    return LOCKS.is_dir() and any(LOCKS.iterdir())


def is_alone() -> bool:
    """Whether no other process runs Snakemake in this folder, as far as this machine can tell."""
    return not may_live(_last_run()) and not any(map(_works_here, psutil.process_iter(["cmdline", "cwd", "pid"])))


def remove_stale_lock() -> str | None:
    """Remove the lock of a run that was killed; what was done, or None where there was none.

    A lock of a run that lives, or may live on another machine, stays: Snakemake then refuses, and names the remedy.
    """
    if not is_locked() or not RUN.exists() or not is_alone():
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
        return process.environ().get(RUN_VARIABLE) == str(Path.cwd())
    except psutil.Error:  # gone, or somebody else's
        return False


def _last_run() -> dict[str, Any]:
    """What was noted of the last run; nothing where that cannot be read."""
    try:
        content = json.loads(RUN.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _works_here(process: psutil.Process) -> bool:
    """Whether a process is another run of Snakemake in this folder, not one that started this one, nor a run's job.

    What Slurm starts for a job is a Snakemake too, and it may outlive by a moment the run, and its place in the queue.
    """
    found = process.info
    if found["pid"] == os.getpid() or not any("snakemake" in part for part in found["cmdline"] or ()):
        return False
    if found["pid"] in {parent.pid for parent in psutil.Process().parents()} or _works_for_a_run_here(process):
        return False
    try:
        is_python = "python" in Path(process.exe()).name
    except psutil.Error:
        is_python = True
    return is_python and (found["cwd"] is None or Path(found["cwd"]) == Path.cwd())
