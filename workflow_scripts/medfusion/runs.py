"""Runs of Snakemake in this folder: which is alive, and what one that was killed left behind."""

import contextlib
import json
import os
import socket
from pathlib import Path

import psutil

LOCKS = Path(".snakemake/locks")
RUN = Path(".snakemake/run.json")  # who runs, or ran last


def remember_run() -> None:
    """Note which process runs jobs in this folder."""
    content = {"host": socket.gethostname(), "pid": os.getpid(), "started": psutil.Process().create_time()}
    with contextlib.suppress(OSError):
        RUN.write_text(json.dumps(content), encoding="utf-8")


def is_alone() -> bool:
    """Whether no other process runs Snakemake in this folder, as far as this machine can tell."""
    return not _last_run_may_live() and not any(map(_works_here, psutil.process_iter(["cmdline", "cwd", "pid"])))


def remove_stale_lock() -> str | None:
    """Remove the lock of a run that was killed; what was done, or None where there was none.

    A lock of a run that lives, or may live on another machine, stays: Snakemake then refuses, and names the remedy.
    """
    if not LOCKS.is_dir() or not any(LOCKS.iterdir()) or not RUN.exists() or not is_alone():
        return None
    for file in LOCKS.iterdir():
        file.unlink(missing_ok=True)
    return "A run that was killed had left this folder locked. It is not alive any more: the lock was removed."


def _last_run_may_live() -> bool:
    try:
        run = json.loads(RUN.read_text(encoding="utf-8"))
        if run["host"] != socket.gethostname():
            return True
        return run["pid"] != os.getpid() and psutil.Process(run["pid"]).create_time() == run["started"]
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
