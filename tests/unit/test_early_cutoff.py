"""Tests of early cut-off: a job keeps its outputs when, and only when, nothing that it depends on has changed."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from medfusion.errors import UserError
from medfusion.reruns import records
from medfusion.reruns.early_cutoff import FORCE_VARIABLE, Job
from medfusion.reruns.records import File

SCRIPTS = Path(__file__).parents[2] / "workflow_scripts"


@pytest.fixture
def stage(tmp_path, monkeypatch):
    """A stage that copies a file in capitals; called, it says whether the outputs of the last run were kept."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(FORCE_VARIABLE, raising=False)
    (tmp_path / "in.txt").write_text("abc")

    def run(settings=None, inputs=("in.txt",), outputs=("results/out.txt",), keep=True, name="copy"):
        path = tmp_path / f"results/settings/{name}/{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        identity = {"stage": name, "config": settings or {}, "code": "1"}
        path.write_text(json.dumps(identity))
        job = Job(str(path.relative_to(tmp_path)), identity, list(inputs), list(outputs), keep)
        if job.kept():
            return True
        job.begin()
        for output in outputs:
            (tmp_path / output).write_text("".join((tmp_path / i).read_text().upper() for i in inputs))
        job.finish()
        return False

    run.folder = tmp_path
    return run


def test_a_job_that_depends_on_nothing_new_keeps_its_outputs(stage):
    assert not stage()
    assert stage()
    before = stage.folder.joinpath("results/out.txt").stat().st_mtime_ns
    assert stage()
    assert stage.folder.joinpath("results/out.txt").stat().st_mtime_ns > before


def test_outputs_that_snakemake_removed_come_back(stage):
    stage()
    (stage.folder / "results/out.txt").unlink()
    assert stage()
    assert (stage.folder / "results/out.txt").read_text() == "ABC"


def test_an_input_that_was_rewritten_alike_changes_nothing(stage):
    stage()
    (stage.folder / "in.txt").unlink()
    (stage.folder / "in.txt").write_text("abc")
    assert stage()


@pytest.mark.parametrize("change", ["settings", "input", "other input", "output", "record", "force"])
def test_whatever_changes_the_work_is_done(stage, change, monkeypatch):
    stage()
    arguments = {}
    if change == "settings":
        arguments["settings"] = {"x": 1}
    elif change == "input":
        (stage.folder / "in.txt").write_text("abd")  # codespell:ignore
    elif change == "other input":
        shutil.copy(stage.folder / "in.txt", stage.folder / "other.txt")
        arguments["inputs"] = ["other.txt"]
    elif change == "output":  # damaged in place: both names hold the same bytes
        with open(stage.folder / "results/out.txt", "r+") as file:
            file.write("?")
    elif change == "record":
        (stage.folder / "results/records/copy/copy.json").write_text("{")
    else:
        monkeypatch.setenv(FORCE_VARIABLE, "1")
    assert not stage(**arguments)
    assert (stage.folder / "results/out.txt").read_text() == (stage.folder / "in.txt").read_text().upper()


def test_one_of_two_outputs_that_is_lost_for_good_means_work(stage):
    two = ("results/a.txt", "results/b.txt")
    stage(outputs=two)
    (stage.folder / two[1]).unlink()
    shutil.rmtree(stage.folder / "results/records/copy/copy")
    assert not stage(outputs=two)


def test_a_job_that_is_not_to_be_kept_has_a_record_all_the_same(stage):
    assert not stage(keep=False)
    assert not stage(keep=False)
    assert records.read_all("results")[0].outputs == [File.of("results/out.txt")]


def test_a_job_that_failed_leaves_no_record(stage):
    stage()
    with pytest.raises(FileNotFoundError):
        stage(settings={"x": 1}, outputs=["absent/out.txt"])
    assert records.read_all("results") == []


def test_an_input_that_is_not_what_its_job_wrote_is_refused_and_looked_at_by_the_next_plan(stage):
    stage()
    path = stage.folder / "results/out.txt"
    stat = path.stat()
    path.write_text("XYZ")
    os.utime(path, ns=(stat.st_mtime_ns, stat.st_mtime_ns))
    with pytest.raises(UserError, match=r"results/out.txt: not what copy wrote .* run again to have it made anew"):
        stage(inputs=["results/out.txt"], outputs=["results/more.txt"], name="other")
    assert path.stat().st_mtime_ns > stat.st_mtime_ns
    assert not (stage.folder / "results/more.txt").exists()


def test_a_missing_input_is_named(stage):
    with pytest.raises(UserError, match="absent.txt: cannot be read"):
        stage(inputs=["absent.txt"])


def test_where_there_are_no_hard_links_the_work_is_done(stage, monkeypatch):
    monkeypatch.setattr(os, "link", lambda *names: (_ for _ in ()).throw(OSError("no links")))
    stage()
    assert stage()  # the outputs are there still
    (stage.folder / "results/out.txt").unlink()
    assert not stage()


def test_inputs_made_under_other_settings_than_planned_are_refused(stage):
    """As after --touch or --allowed-rules; whoever reads what stands on them is refused too."""
    stage()
    first = stage.folder / "results/settings/copy/copy.json"
    planned = first.read_text()
    (first.parent / "later.json").write_text(planned)
    later = Job("results/settings/copy/later.json", {"stage": "copy"}, ["results/out.txt"], ["results/later.txt"], True)
    later.begin()
    first.write_text(planned.replace('"copy"', '"copy", "again": {"because": "x", "at": 1}', 1))
    with pytest.raises(UserError, match="results/out.txt: was made under other settings than"):
        later.begin()
    first.write_text(planned.replace("{", '{"more": 1, ', 1))
    with pytest.raises(UserError, match="results/out.txt: was made under other settings than"):
        later.begin()
    first.write_text(planned)
    later.begin()


def test_a_job_took_no_longer_than_whoever_waited_for_it_saw():
    program = "from medfusion.reruns import early_cutoff; print(early_cutoff._seconds_since_start())"
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program], cwd=SCRIPTS, capture_output=True, text=True, check=True)
    assert 0 < float(done.stdout) < time.monotonic() - start + 0.02  # the kernel counts in hundredths


def test_the_recorded_memory_is_the_jobs_own():
    """Linux hands the peak of the process that starts another to it; Snakemake's plan of many jobs holds gigabytes."""
    starts = (
        "import subprocess, sys; held = b'x' * 400_000_000\n"
        "code = 'from medfusion.reruns import early_cutoff; print(early_cutoff.peak_memory())'\n"
        "subprocess.run([sys.executable, '-c', code], check=True)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", starts], env=environment, capture_output=True, text=True, check=True)
    assert 10_000_000 < int(done.stdout) < 300_000_000
