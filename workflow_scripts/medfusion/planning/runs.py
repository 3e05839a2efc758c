"""Runs of Snakemake in this folder: which is alive, and what one that was killed left behind."""

import contextlib
import json
import os
import socket
from pathlib import Path

import psutil

LOCKS = Path(".snakemake/locks")
RUN = Path(".snakemake/run.json")  # who runs, or ran last
# In the environment of every job: the folder of the run that started it.
RUN_VARIABLE = "MEDFUSION_RUN"
PATIENCE = 5  # seconds that a job may take to stop when it is asked to


def remember_run() -> None:
    """Note which process runs jobs in this folder, and let its jobs know."""
    os.environ[RUN_VARIABLE] = str(Path.cwd())
    content = {"host": socket.gethostname(), "pid": os.getpid(), "started": psutil.Process().create_time()}
    with contextlib.suppress(OSError):
        RUN.parent.mkdir(exist_ok=True)
        RUN.write_text(json.dumps(content), encoding="utf-8")


def is_locked() -> bool:
    """Whether a run holds this folder, or held it when it was killed."""
    return LOCKS.is_dir() and any(LOCKS.iterdir())


def is_alone() -> bool:
    """Whether no other process runs Snakemake in this folder, as far as this machine can tell."""
    return not _last_run_may_live() and not any(map(_works_here, psutil.process_iter(["cmdline", "cwd", "pid"])))


def remove_stale_lock() -> str | None:
    """Remove the lock of a run that was killed; what was done, or None where there was none.

    A lock of a run that lives, or may live on another machine, stays: Snakemake then refuses, and names the remedy.
    """
    if not is_locked() or not RUN.exists() or not is_alone():
        return None
    for file in LOCKS.iterdir():
        file.unlink(missing_ok=True)
    return "A run that was killed had left this folder locked. It is not alive any more: the lock was removed."


def end_orphans() -> str | None:
    """Stop the jobs of a run that was killed: they would write beside those of the next; what was done, if anything.

    Only for who is alone in this folder: the jobs of a run that lives are not to be stopped.
    """
    mine = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = [process for process in psutil.process_iter() if process.pid not in mine and _works_for_a_run_here(process)]
    for process in found:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    stubborn = psutil.wait_procs(found, PATIENCE)[1]
    for process in stubborn:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(stubborn, PATIENCE)
    return "Jobs of a run that was killed were still at work: they were stopped." if found else None


def _works_for_a_run_here(process: psutil.Process) -> bool:
    try:
        return process.environ().get(RUN_VARIABLE) == str(Path.cwd())
    except psutil.Error:  # gone, or somebody else's
        return False


def _last_run_may_live() -> bool:
    try:
        run = json.loads(RUN.read_text(encoding="utf-8"))
        if run["host"] != socket.gethostname():
            return True
        if run["pid"] == os.getpid():
            return False
        process = psutil.Process(run["pid"])
        return process.create_time() == run["started"] and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return False


def _works_here(process: psutil.Process) -> bool:
    """Whether a process is another run of Snakemake in this folder, not one that started this one."""
    found = process.info
    if found["pid"] == os.getpid() or not any("snakemake" in part for part in found["cmdline"] or ()):
        return False
    if found["pid"] in {parent.pid for parent in psutil.Process().parents()}:
        return False
    try:
        is_python = "python" in Path(process.exe()).name
    except psutil.Error:
        is_python = True
    return is_python and (found["cwd"] is None or Path(found["cwd"]) == Path.cwd())
