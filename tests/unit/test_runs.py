"""Tests of what a killed run leaves behind: its lock goes only if nobody can hold it."""

import json
import os
import socket
import subprocess
import sys

import psutil
import pytest

from medfusion import runs

# A process that looks like Snakemake at work, until its stdin is closed.
RUNNING = [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()", "snakemake"]


@pytest.fixture
def locked(tmp_path, monkeypatch):
    """A folder that a run, dead now, had locked."""
    monkeypatch.chdir(tmp_path)
    runs.LOCKS.mkdir(parents=True)
    (runs.LOCKS / "0.input.lock").write_text("x")
    runs.remember_run()
    content = json.loads(runs.RUN.read_text())
    runs.RUN.write_text(json.dumps({**content, "pid": 2**22 + 1}))  # beyond any process number
    return tmp_path


def test_the_lock_of_a_dead_run_is_removed_and_that_is_said(locked):
    assert "the lock was removed" in runs.remove_stale_lock()
    assert not any(runs.LOCKS.iterdir())
    assert runs.remove_stale_lock() is None


def test_a_lock_stays_while_another_snakemake_works_in_the_folder(locked):
    with subprocess.Popen(RUNNING, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert runs.remove_stale_lock() is None
        assert not runs.is_alone()
        process.stdin.close()
    assert runs.is_alone()


def test_work_in_another_folder_is_no_reason(locked, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with subprocess.Popen(RUNNING, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=elsewhere) as process:
        process.stdout.readline()
        assert runs.remove_stale_lock()
        process.stdin.close()


@pytest.mark.parametrize("state", ["other host", "alive", "no run noted"])
def test_a_lock_that_may_be_held_stays(locked, state):
    if state == "other host":
        runs.RUN.write_text(json.dumps({"host": "elsewhere", "pid": 1, "started": 1.0}))
    elif state == "alive":
        parent = psutil.Process(os.getppid())
        content = {"host": socket.gethostname(), "pid": parent.pid, "started": parent.create_time()}
        runs.RUN.write_text(json.dumps(content))
    else:
        runs.RUN.unlink()
    assert runs.remove_stale_lock() is None
    assert any(runs.LOCKS.iterdir())
