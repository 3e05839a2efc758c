"""Tests of what a dry run says at its end: why jobs would run, how many, and about how long."""

import json
from pathlib import Path

import pytest

from medfusion.planning.runs import PlannedJob
from medfusion.reruns import records
from medfusion.reruns.outdated import Planned, Reruns
from medfusion.reruns.records import File, Record
from medfusion.tools import dry_run

SECONDS = {"train_cnn": 60.0, "evaluate": 2.0, "report": 1.0}


def planned(stage, name, rate=0.1, code="c"):
    identity = {
        "stage": stage,
        "config": {"files": [], "training": {"rate": rate}},
        "code": code,
        "libraries": {"numpy": "2"},
    }
    return Planned(Path("results/settings", stage, f"{name}.json"), identity, (f"results/{stage}.{name}.txt",))


def everything(**more):
    """Two trainings of a network, one of another, what follows from each, and the page; `more` of the first network."""
    names = ["breast.net.seed1", "breast.net.seed2", "blood.other.seed1"]
    stages = ("train_cnn", "evaluate")
    jobs = [
        planned(stage, name, **(more if ".net." in name and stage == "train_cnn" else {}))
        for stage in stages
        for name in names
    ]
    return [*jobs, planned("report", "report")]


@pytest.fixture
def done(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for job in everything():
        job.settings.parent.mkdir(parents=True, exist_ok=True)
        job.settings.write_text(json.dumps(job.identity))
        Path(job.outputs[0]).write_text("made")
        files = [], [File.of(job.outputs[0])]
        seconds = SECONDS[job.stage]
        records.write(job.record, Record(job.identity, [], File.of(job.settings), *files, "2026-01-01", seconds, 1, 1))


def would_run(jobs, *keys):
    """Those jobs as Snakemake lists them: an evaluation needs its training, the page all evaluations."""

    def needs(job):
        before = {"evaluate": "train_cnn", "report": "evaluate"}.get(job.stage)
        of = [other for other in jobs if other.stage == before and _key(other) in keys]
        return tuple(str(one.settings) for one in of if job.stage == "report" or one.settings.stem == job.settings.stem)

    return [PlannedJob(job.stage, str(job.settings), "", 1, None, needs(job)) for job in jobs if _key(job) in keys]


def _key(job):
    return f"{job.stage}/{job.settings.stem}"


FIRST = [f"{stage}/breast.net.seed{seed}" for seed in (1, 2) for stage in ("train_cnn", "evaluate")]


def said(jobs, *keys, cores=2):
    return list(dry_run.lines(would_run(jobs, *keys), jobs, Reruns(jobs, "results", "data"), cores))


def test_a_setting_is_named_with_its_values_its_model_and_what_follows(done):
    first, reason, empty, *table = said(everything(rate=0.2), *FIRST, "report/report")
    assert first == "5 of 7 jobs would run, about 1 min 03 s:"  # two trainings side by side
    assert reason == (
        "  rate (0.1 to 0.2) of breast/net changed: 2 trainings and what follows, 5 jobs in all, about 1 min 03 s"
    )
    assert empty == "" and table[1:4] == [
        "  train_cnn     2  2 min 00 s",
        "  evaluate      2  4.0 s",
        "  report        1  1.0 s",
    ]
    assert said(everything(rate=0.2), *FIRST, "report/report", cores=1)[0].endswith("about 2 min 05 s:")


def test_a_job_counts_under_each_of_its_reasons(done):
    jobs = everything(rate=0.2, code="d")
    reasons = said(jobs, *FIRST, "report/report")[1:3]
    assert [reason.split(":")[0].strip() for reason in reasons] == [
        "rate (0.1 to 0.2) of breast/net changed",
        "code of breast/net changed",
    ]


def test_what_was_never_made_and_never_timed_is_said_so(done):
    jobs = [*everything(), planned("augment", "breast")]
    assert said(jobs, "augment/breast") == [
        "1 of 8 jobs would run, never timed:",
        "  not made yet: 1 augment, never timed",
        "",
        "  never timed: 1 augment",
    ]


def test_what_is_gone_or_forced_is_said(done):
    Path("results/evaluate.breast.net.seed1.txt").unlink()
    jobs = everything()
    lines = said(jobs, "evaluate/breast.net.seed1", "train_cnn/blood.other.seed1")
    assert "results/evaluate.breast.net.seed1.txt is missing: 1 evaluate, about 2.0 s" in lines[1]
    assert "by Snakemake's own reasons (--force, a file that is not there, an age): 1 training" in lines[2]


def test_without_jobs_snakemake_says_so(capsys):
    dry_run.say([], [], None, 2)
    assert capsys.readouterr().out == ""


def test_a_module_that_changed_is_code_and_another_one_is_not():
    one = {"config": {"architecture": "a"}, "code": "c", "modules": {"architectures.a": "1"}}
    assert dry_run.differences(one, {**one, "modules": {"architectures.a": "2"}}) == [("code", "changed")]
    other = {"config": {"architecture": "b"}, "code": "c", "modules": {"architectures.b": "2"}}
    assert dry_run.differences(one, other) == [("architecture (a to b)", "changed")]
    assert dry_run.differences({**one, "modules": {}}, one) == [("code", "changed")]  # no reason is none


def test_many_reasons_are_counted(done):
    before = {"config": {str(number): number for number in range(9)}, "code": "c"}
    after = {"config": {str(number): -number for number in range(9)}, "code": "c"}
    assert dry_run.differences(before, after)[-1] == ("5 other settings", "changed")
    long = dry_run.differences({"config": {"a": "x" * 99}}, {"config": {"a": [1]}})
    assert long == [("a", "changed")]
