"""Tests of results taken over from other runs: which jobs, in what order, and what is left alone."""

import json
import os
from pathlib import Path

import made_runs
import pytest

from medfusion.reruns import records
from medfusion.tools import sharing

POINT = "results/sweep/p"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def job(results, stage, text, inputs=(), config=None):
    """A finished job with one output, {stage}.txt, in a folder of results."""
    path = f"{results}/{stage}.txt"
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)
    return made_runs.write_record(Path("."), stage, stage, inputs, [path], config, results=results)


def share(donors):
    """Take over what the donors have of the jobs that are planned in the point's folder."""
    folder = Path(POINT, "settings")
    identities = {path.relative_to(folder): json.loads(path.read_text()) for path in sorted(folder.glob("*/*.json"))}
    return sharing.share(POINT, identities, donors)


def planned(results, stage, config=None):
    """The settings of a job that is to run."""
    path = Path(results, "settings", stage, f"{stage}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    identity = {"stage": stage, "config": config or {}, "code": "0" * 16, "libraries": dict(made_runs.LIBRARIES)}
    path.write_text(json.dumps(identity))


def chain(results="results", epochs=1):
    """prepare, train, fit: each on the one before."""
    job(results, "prepare", "images")
    job(results, "train", f"network of {epochs}", [f"{results}/prepare.txt"], {"epochs": epochs})
    job(results, "fit", f"fit on {epochs}", [f"{results}/train.txt"], {"files": [f"{results}/train.txt"]})


def plan_chain(epochs=1, results=POINT):
    planned(results, "prepare")
    planned(results, "train", {"epochs": epochs})
    planned(results, "fit", {"files": [f"{results}/train.txt"]})


def test_jobs_that_would_make_the_same_are_taken_over_with_their_records(folder):
    chain()
    plan_chain()
    assert share(["results"]) == 3
    for name in ("prepare", "train", "fit"):
        assert Path(POINT, f"{name}.txt").samefile(f"results/{name}.txt")
        record = records.read(Path(POINT, "records", name, f"{name}.json"))
        assert record.outputs[0].untouched() and record.settings.untouched()
        assert record.identity == json.loads(Path(record.settings.path).read_text())
        assert all(file.path.startswith(POINT) for file in (*record.inputs, *record.outputs))
        assert record.command[-1] == f"{POINT}/{name}.txt"
    assert share(["results"]) == 0


def test_behind_a_job_that_differs_nothing_is_taken_over(folder):
    chain(epochs=1)
    plan_chain(epochs=2)
    assert share(["results"]) == 1
    assert Path(POINT, "prepare.txt").exists() and not Path(POINT, "train.txt").exists()
    assert not Path(POINT, "fit.txt").exists()  # the same settings, but made from another network


def test_the_donor_whose_inputs_fit_is_taken_whatever_the_order(folder):
    chain("results", epochs=1)
    chain("results/sweep/other", epochs=2)
    plan_chain(epochs=2)
    assert share(["results", "results/sweep/other"]) == 3
    assert Path(POINT, "prepare.txt").samefile("results/prepare.txt")
    assert Path(POINT, "fit.txt").read_text() == "fit on 2"


def test_no_output_is_older_than_its_input(folder):
    chain()
    os.utime("results/train.txt", ns=(1, 1))
    record = records.read(Path("results/records/train/train.json"))
    records.write(
        Path("results/records/train/train.json"),
        type(record)(**{**vars(record), "outputs": [records.File.of("results/train.txt")]}),
    )
    plan_chain()
    assert share(["results"]) == 3
    times = [Path(POINT, f"{name}.txt").stat().st_mtime_ns for name in ("prepare", "train", "fit")]
    assert times == sorted(times)


@pytest.mark.parametrize("damage", ["output", "record", "identity"])
def test_what_is_damaged_or_of_other_settings_is_not_taken_over(folder, damage):
    chain()
    plan_chain()
    if damage == "output":
        Path("results/train.txt").write_text("other")
    elif damage == "record":
        Path("results/records/train/train.json").write_text("{")
    else:
        planned(POINT, "train", {"epochs": 1, "more": 0})
    assert share(["results"]) == 1


def test_files_that_no_job_makes_must_be_the_same(folder):
    Path("own.npz").write_text("data")
    job("results", "prepare", "images", ["own.npz"])
    planned(POINT, "prepare")
    Path("own.npz").write_text("others")
    assert share(["results"]) == 0
    Path("own.npz").write_text("data")
    assert share(["results"]) == 1


def test_a_page_is_not_taken_over_because_it_prints_the_folder(folder):
    job("results", "report", "page")
    planned(POINT, "report")
    assert share(["results"]) == 0


def test_second_names_come_along_so_that_early_cut_off_works(folder):
    job("results", "prepare", "images")
    second = Path("results/records/prepare/prepare/0-prepare.txt")
    second.parent.mkdir()
    os.link("results/prepare.txt", second)
    planned(POINT, "prepare")
    share(["results"])
    assert Path(POINT, "records/prepare/prepare/0-prepare.txt").samefile(second)


def test_where_links_cannot_be_had_files_are_copied(folder, monkeypatch):
    def refuse(*_):
        raise OSError("no links here")

    chain()
    plan_chain()
    monkeypatch.setattr(sharing.os, "link", refuse)
    assert share(["results"]) == 3
    assert Path(POINT, "fit.txt").read_text() == "fit on 1"
    assert not Path(POINT, "fit.txt").samefile("results/fit.txt")


def test_the_donor_is_left_as_it_was(folder):
    chain()
    before = {path: path.read_bytes() for path in Path("results").rglob("*") if path.is_file()}
    plan_chain()
    share(["results"])
    for path, content in before.items():
        assert path.read_bytes() == content
    for record in records.read_all("results"):
        assert record.outputs[0].untouched()
