"""Tests of what a killed run leaves behind: its lock goes only if nobody can hold it, its jobs are stopped."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from medfusion.errors import UserError
from medfusion.planning import runs
from medfusion.planning.runs import PlannedJob

# Holds what this module's `hold` locks, says so, and goes on until its stdin is closed.
HOLDING = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from medfusion.planning import runs
held = runs.hold(Path(sys.argv[2]))
print("held" if held else "refused", flush=True)
sys.stdin.read()
"""
LIBRARY = str(Path(runs.__file__).parents[2])


@contextlib.contextmanager
def holding(path, *before):
    """Another process that holds a lock, started by the command `before`; as it said."""
    command = [*before, sys.executable, "-c", HOLDING, LIBRARY, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        process.said = process.stdout.readline().strip()
        yield process
        process.kill()


@pytest.fixture
def locked(tmp_path, monkeypatch):
    """A folder that a run, dead now, had locked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(runs.RUN_VARIABLE, "")  # put back afterwards
    runs.LOCKS.mkdir(parents=True)
    (runs.LOCKS / "0.input.lock").write_text("x")
    runs.remember_run()
    content = json.loads(runs.RUN.read_text())
    runs.RUN.write_text(json.dumps({**content, "pid": 2**22 + 1}))  # beyond any process number
    return tmp_path


def test_the_lock_of_a_dead_run_is_removed_and_that_is_said(locked):
    assert runs.hold_folder()
    assert "the lock was removed" in runs.remove_stale_lock()
    assert not any(runs.LOCKS.iterdir())
    assert runs.remove_stale_lock() is None


def test_the_lock_of_a_run_that_was_not_noted_stays(locked):
    runs.RUN.unlink()
    assert runs.remove_stale_lock() is None
    assert any(runs.LOCKS.iterdir())


def test_a_folder_that_another_machine_has_locked_is_not_ours_to_put_right(locked):
    runs.RUN.write_text(json.dumps({"host": "elsewhere", "pid": 1, "started": 1.0}))
    assert runs.hold_folder() is None
    for file in runs.LOCKS.iterdir():
        file.unlink()
    assert runs.hold_folder()


@pytest.mark.parametrize("garbage", ["5", "[]", "{", '{"host": 3, "pid": "x"}', '{"pid": 1e300}', ""])
def test_a_note_that_is_garbage_is_none(locked, garbage):
    runs.RUN.write_text(garbage)
    assert not runs.may_live({})
    assert runs.cancel_submitted() is None
    runs.hold_folder()


def test_a_pipe_in_place_of_the_note_is_not_waited_for(locked):
    runs.RUN.unlink()
    os.mkfifo(runs.RUN)
    assert runs.remove_stale_lock() is None
    assert runs.hold_folder()


def test_one_run_at_a_time_has_a_folder_of_results(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with holding(Path("results", runs.HELD_RESULTS)) as other:
        assert other.said == "held"
        with pytest.raises(UserError, match=f"another run works on results .*process {other.pid}, in {tmp_path}"):
            runs.hold_results("results")
    with runs.hold_results("results"), holding(Path("results", runs.HELD_RESULTS)) as other:
        assert other.said == "refused"


@pytest.mark.parametrize("place", [runs.HELD, Path("results", runs.HELD_RESULTS)])
def test_a_lock_is_never_written_through_a_link(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    Path("mine.txt").write_text("mine")
    place.parent.mkdir(parents=True)
    place.symlink_to(tmp_path / "mine.txt")
    with pytest.raises(OSError, match="symbolic links"):
        runs.hold(place)
    place.unlink()
    os.mkfifo(place)
    with pytest.raises(OSError, match="not a file"):
        runs.hold(place)
    assert Path("mine.txt").read_text() == "mine"


def test_the_note_of_a_run_replaces_a_link_and_leaves_what_it_leads_to(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.txt").write_text("mine")
    runs.RUN.parent.mkdir()
    runs.RUN.symlink_to(tmp_path / "mine.txt")
    runs.remember_run()
    assert Path("mine.txt").read_text() == "mine" and json.loads(runs.RUN.read_text())["pid"] == os.getpid()


@pytest.mark.skipif(
    not shutil.which("unshare") or subprocess.run(["unshare", "--pid", "--fork", "true"]).returncode != 0,
    reason="process namespaces cannot be made here",
)
def test_a_run_in_another_process_namespace_counts(locked):
    """Its process number means nothing here, and ours nothing there."""
    with holding(runs.HELD, "unshare", "--pid", "--fork", "--mount-proc") as other:
        assert other.said == "held"
        assert runs.hold_folder() is None
        subprocess.run(["pkill", "--parent", str(other.pid)], check=True)


def test_results_that_cannot_be_written_to_are_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"results: .*file cannot be written to \((Not a directory|File exists)\)"):
        runs.hold_results(str(tmp_path / "file"))


@pytest.mark.parametrize(
    ("changed", "lives"),
    [({}, True), ({"started": 1.0}, False), ({"space": "0" * 8}, True), ({"space": "0" * 8, "boot": "x"}, False)],
    ids=["as noted", "another process has its number", "another container", "before the machine was started"],
)
def test_whether_a_noted_run_may_live(changed, lives):
    parent = psutil.Process(os.getppid())
    noted = {**runs._myself(), "pid": parent.pid, "started": parent.create_time()}
    assert runs.may_live({**noted, **changed}) is lives


@pytest.fixture
def job(locked):
    """A function that starts a job of a run in this folder, or in another: a shell and what it started."""
    processes = []

    def start(folder, ignore=""):
        environment = {**os.environ, runs.RUN_VARIABLE: str(folder) if folder != locked else runs._this_folder()}
        command = ["bash", "-c", f"{ignore} echo up; sleep 60 > /dev/null; :"]
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, env=environment))
        processes[-1].stdout.readline()
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_the_jobs_of_a_dead_run_are_stopped_and_that_is_said(job, locked, monkeypatch):
    monkeypatch.setattr(runs, "PATIENCE", 0.5)
    mine, stubborn, other = job(locked), job(locked, "trap '' TERM;"), job(locked / "elsewhere")
    assert "they were stopped" in runs.end_orphans()
    assert mine.wait(10) is not None and stubborn.wait(10) is not None
    assert other.poll() is None
    assert runs.end_orphans() is None


def test_a_run_and_those_who_started_it_are_no_orphans(locked, monkeypatch):
    code = "import sys; sys.path[:0] = sys.argv[1:]; from medfusion.planning import runs; print(runs.end_orphans())"
    library = str(Path(runs.__file__).parents[2])
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}, {library!r}], check=True)"
    environment = {**os.environ, runs.RUN_VARIABLE: runs._this_folder()}
    done = subprocess.run([sys.executable, "-c", nested], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "None\n"


def test_the_jobs_of_a_run_are_noted_with_what_they_wait_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert runs.planned_jobs() is None
    first = PlannedJob("a", "r/settings/a/1.json", "x.out", 1, 300, ())
    second = PlannedJob("b", "r/settings/b/2.json", "y.out", 1, None, (first.settings,))
    runs.remember_jobs([first, second], "r", 8)
    noted = runs.planned_jobs()
    assert (noted["results"], noted["cores"], noted["pid"]) == ("r", 8, os.getpid())
    assert [(job["settings"], job["needs"]) for job in noted["jobs"]] == [
        ("r/settings/a/1.json", []),
        ("r/settings/b/2.json", ["r/settings/a/1.json"]),
    ]
    assert not runs.may_live(noted)  # this very process is not another's run


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A queue in a file, and the two commands that are asked: a job that is cancelled leaves at the next look."""
    folder = tmp_path / "bin"
    folder.mkdir()
    queue = folder / "queue"
    queue.write_text("7\n8\n")
    scripts = {
        "squeue": f"cat {queue}; [ ! -e {folder}/cancelled ] || : > {queue}",
        "scancel": f'echo "$@" > {folder}/cancelled',
    }
    for name, text in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return folder


def submitted_by(**changed):
    """Note a dead run that submitted its jobs."""
    runs.RUN.write_text(json.dumps({**json.loads(runs.RUN.read_text()), runs.SLURM_NAME: "a-name", **changed}))


def test_what_a_dead_run_submitted_is_cancelled_and_that_is_said(locked, slurm):
    submitted_by()
    assert "they were cancelled" in runs.cancel_submitted()
    assert (slurm / "cancelled").read_text() == "--name a-name\n"
    assert runs.cancel_submitted() is None


def test_what_does_not_end_is_named(locked, slurm, monkeypatch):
    monkeypatch.setattr(runs, "SLURM_PATIENCE", 0)
    (slurm / "scancel").write_text("#!/bin/sh\n")
    submitted_by()
    assert "see squeue --name a-name" in runs.cancel_submitted()


@pytest.mark.parametrize("state", ["other host", "alive", "not submitted", "nothing queued"])
def test_jobs_that_may_be_wanted_stay_in_the_queue(locked, slurm, state):
    if state == "other host":
        submitted_by(host="elsewhere")
    elif state == "alive":
        parent = psutil.Process(os.getppid())
        submitted_by(pid=parent.pid, started=parent.create_time())
    elif state == "nothing queued":
        submitted_by()
        (slurm / "queue").write_text("")
    assert runs.cancel_submitted() is None
    assert not (slurm / "cancelled").exists()


def test_a_run_on_slurm_notes_the_name_of_its_jobs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(runs.RUN_VARIABLE, "")
    for name in (None, "a-name"):
        runs.remember_run(name)
        assert json.loads(runs.RUN.read_text()).get(runs.SLURM_NAME) == name
