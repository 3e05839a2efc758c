"""Tests of the view of a run: states of jobs, forecast, and what is said of runs that ended or never were."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import made_runs
import psutil
import pytest

from medfusion.planning import runs
from medfusion.reruns import records
from medfusion.tools import progress
from medfusion.tools.progress import Job, View

ROOT = Path(__file__).resolve().parents[2]
SLEEP = "import sys, time; print('up', flush=True); time.sleep(60)"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(".snakemake").mkdir()
    return tmp_path


@pytest.fixture
def alive():
    """A process that lives as long as the test: a run, as far as anybody can tell."""
    with subprocess.Popen([sys.executable, "-c", SLEEP], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield process
        process.kill()


def note(process=None, jobs=(), at=None, **more):
    """What a run noted of itself: of `process`, or of one that is gone."""
    pid = process.pid if process else 2**22 - 1
    started = psutil.Process(pid).create_time() if process else 1.0
    run = {**runs._myself(), "pid": pid, "started": started, "results": "results", "cores": 2}
    run |= {"at": time.time() - 60 if at is None else at, "jobs": [noted(*job) for job in jobs], **more}
    runs.JOBS.write_text(json.dumps(run))


def noted(name, needs=(), seconds=10.0, threads=1):
    """A job as a run notes it."""
    return {
        "settings": f"results/settings/{name}.json",
        "output": f"results/{name}.txt",
        "threads": threads,
        "needs": [f"results/settings/{need}.json" for need in needs],
        "seconds": seconds,
    }


def finish(name):
    """A job that has finished, after 2 s."""
    stage, _, job = name.partition("/")
    path = Path(f"results/{job}.txt")
    path.parent.mkdir(exist_ok=True)
    path.write_text("done")
    made_runs.write_record(Path("."), stage, job, [], [str(path)])


def states(view):
    return {job.key: job.state for job in view.jobs}


CHAIN = [("train/a", ()), ("train/b", ()), ("fit/a", ("train/a",)), ("fit/b", ("train/b",))]


def test_where_nothing_has_run_there_is_no_view(folder):
    assert progress.look() is None
    runs.JOBS.write_text("{")
    assert progress.look() is None


def test_a_jobs_state_is_what_it_left_and_whether_its_process_lives(folder, alive):
    note(alive, CHAIN)
    finish("train/a")
    command = [sys.executable, "-c", SLEEP, "--settings", "results/settings/fit/a.json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as job:
        job.stdout.readline()
        records.begin(Path("results/records/fit/a.json"), [])
        view = progress.look()
        job.kill()
    assert view.alive and not view.elsewhere
    assert states(view) == {"train/a": "done", "train/b": "waiting", "fit/a": "running", "fit/b": "waiting"}
    assert [job.spent for job in view.of("done")] == [2.0]
    assert 0 < view.of("running")[0].spent < 30


def test_a_job_that_was_begun_and_has_no_process_failed_and_blocks_those_behind_it(folder, alive):
    note(alive, [*CHAIN, ("draw/b", ("fit/b",))])
    records.begin(Path("results/records/train/b.json"), [])
    view = progress.look()
    assert states(view)["train/b"] == "failed"
    assert states(view)["fit/b"] == states(view)["draw/b"] == "blocked"
    assert "1 failed, 2 cannot run because of that" in progress.headline(view)
    assert progress.forecast(view) == 20  # train/a, fit/a


def test_a_job_that_begins_while_one_looks_has_not_failed(folder, alive, monkeypatch):
    note(alive, CHAIN)

    def processes(settings):
        time.sleep(0.1)  # files are dated a little late
        records.begin(Path("results/records/train/b.json"), [])
        return {}

    monkeypatch.setattr(progress, "_processes", processes)
    assert states(progress.look())["train/b"] == "running"


def test_what_an_earlier_run_finished_is_not_done_by_this_one(folder, alive):
    finish("train/a")
    note(alive, CHAIN, at=time.time() + 60)
    assert set(states(progress.look()).values()) == {"waiting"}


def test_a_run_that_ended_and_one_that_was_stopped_are_told_apart(folder):
    note(jobs=CHAIN[:1])
    finish("train/a")
    view = progress.look()
    assert not view.alive and "ended: started" in progress.headline(view)
    assert "all 1 jobs done" in progress.headline(view)
    note(jobs=CHAIN)
    finish("train/a")
    records.begin(Path("results/records/train/b.json"), [])
    text = progress.headline(progress.look())
    assert "ended before its work was done" in text and "1 of 4 jobs done, 1 were begun and not finished" in text


def test_a_run_of_another_machine_is_followed_by_its_marks(folder):
    note(jobs=CHAIN, host="elsewhere")
    records.begin(Path("results/records/train/b.json"), [])
    view = progress.look()
    assert view.alive and view.elsewhere and states(view)["train/b"] == "running"
    assert "another machine" in progress.headline(view)


def test_jobs_on_a_cluster_are_followed_by_their_marks(folder, alive):
    note(alive, CHAIN, cores=None)
    records.begin(Path("results/records/train/b.json"), [])
    view = progress.look()
    assert view.alive and not view.elsewhere and states(view)["train/b"] == "running"


def test_jobs_that_were_never_timed_are_expected_to_take_what_the_most_similar_take(folder, alive):
    finish("fit/blood.net.1.svm")  # 2 s
    jobs = [
        ("fit/blood.net.2.svm", (), None),
        ("fit/breast.other.1.svm", (), 30.0),
        ("fit/breast.net.1.svm", (), None),
        ("ensemble/breast", (), None),
    ]
    note(alive, jobs)
    view = progress.look()
    assert [job.expected for job in view.jobs] == [2.0, 30.0, 30.0, None]
    assert "1 jobs of a kind that was never timed come on top" in progress.headline(view)


def view(jobs, cores):
    """A run with these jobs: name, needs, seconds expected, and more of Job."""
    made = [
        Job("s", name, more.get("state", "waiting"), more.get("spent", 0.0), expected, more.get("threads", 1), needs)
        for name, needs, expected, more in jobs
    ]
    return View("results", True, False, 0.0, 10.0, cores, made)


@pytest.mark.parametrize(
    ("jobs", "cores", "expected"),
    [
        ([("a", (), 10, {}), ("b", (), 10, {}), ("c", (), 10, {})], 1, 30),
        ([("a", (), 10, {}), ("b", (), 10, {}), ("c", (), 10, {})], 2, 20),
        ([("a", (), 10, {}), ("b", (), 10, {}), ("c", (), 10, {})], None, 10),
        ([("a", (), 10, {}), ("b", ("s/a",), 5, {}), ("c", (), 12, {})], 2, 15),
        ([("a", (), 10, {"state": "running", "spent": 4.0}), ("b", ("s/a",), 5, {})], 2, 11),
        ([("a", (), 10, {"state": "running", "spent": 40.0}), ("b", (), 5, {})], 1, 20),
        ([("a", (), 10, {"state": "done", "spent": 20.0}), ("b", ("s/a",), 5, {})], 1, 10),
        ([("a", (), None, {"state": "done", "spent": 20.0}), ("b", ("s/a",), 5, {})], 1, 5),
        ([("a", (), 10, {"threads": 2}), ("b", (), 10, {"threads": 2}), ("c", (), 3, {})], 2, 23),
        ([("a", (), 10, {"threads": 8})], 2, 10),
        ([("a", (), None, {}), ("b", (), 5, {"state": "blocked"})], 2, 0),
        ([], 2, 0),
    ],
)
def test_the_forecast_is_that_of_a_schedule(jobs, cores, expected):
    assert progress.forecast(view(jobs, cores)) == expected


def test_tables_count_jobs_and_times():
    shown = view([("a", (), 2, {"state": "done", "spent": 2.0}), ("b", (), 75, {"state": "running", "spent": 5.0})], 2)
    (row,) = progress.stages(shown).bodies[0].rows
    assert [cell.text for cell in row.cells] == ["s", "1", "1", "", "", "", "7.0 s", "1 min 10 s"]
    (row,) = progress.running(shown).bodies[0].rows
    assert [cell.text for cell in row.cells] == ["s", "b", "5.0 s", "1 min 15 s"]


def test_stages_are_in_the_order_in_which_they_stand_on_each_other():
    jobs = [
        Job("ensemble", "x", "waiting", 0.0, 1, 1, ("fit/x",)),
        Job("fit", "x", "waiting", 0.0, 1, 1, ("train/x", "gone/x")),
        Job("draw", "x", "waiting", 0.0, 1, 1, ("train/x",)),
        Job("train", "x", "waiting", 0.0, 1, 1, ()),
    ]
    shown = progress.stages(View("results", True, False, 0.0, 1.0, 1, jobs))
    assert [row.cells[0].text for row in shown.bodies[0].rows] == ["train", "draw", "fit", "ensemble"]


def program(*arguments):
    command = [sys.executable, str(ROOT / "workflow_scripts/progress.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_program_shows_a_run_and_touches_nothing(folder, alive):
    assert program().stderr == "no run has started in this folder\n"
    note(alive, CHAIN)
    finish("train/a")
    before = {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}
    done = program()
    assert done.returncode == 0 and "1 of 4 jobs done" in done.stdout and "Jobs by stage" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))} == before
    done = program("--results", "other")
    assert (done.returncode, "no run of other" in done.stderr) == (1, True)
    view = progress.look()
    assert program("--results", f"./{view.results}/").returncode == 0


def test_what_a_job_took_is_read_from_its_record(folder):
    finish("train/a")
    assert runs._seconds("results/settings/train/a.json") == 2.0
    assert runs._seconds("results/settings/train/b.json") is None


def test_a_process_is_told_from_another_with_its_number(folder, alive):
    note(alive, CHAIN)
    run = runs.planned_jobs()
    assert runs.may_live(run)
    assert not runs.may_live({**run, "started": 1.0})
    assert not runs.may_live({**run, "pid": os.getpid()})
    assert not runs.may_live({})
