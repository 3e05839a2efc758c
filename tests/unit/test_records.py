"""Tests of the records of jobs: where they lie, what they hold, what follows from them."""

from dataclasses import replace
from pathlib import Path

import pytest
import synthetic

from medfusion.errors import UserError
from medfusion.report import explanation
from medfusion.reruns import records
from medfusion.reruns.records import File


def file(path):
    return File(path, "0" * 64, 1, 1)


def chain():
    """Three jobs, each made of the one before, and one beside them."""
    jobs = [
        synthetic.record("prepare", inputs=[file("x.npz")], outputs=[file("a.h5"), file("b.h5")]),
        synthetic.record("train_cnn", inputs=[file("a.h5"), file("b.h5")], outputs=[file("m.keras")]),
        synthetic.record("evaluate", inputs=[file("m.keras")], outputs=[file("metrics.json")]),
        synthetic.record("draw_grids", inputs=[file("a.h5")], outputs=[file("grids.svg")]),
    ]
    return jobs


def test_a_record_comes_back_as_it_was(tmp_path):
    path = records.record_file(tmp_path / "settings/train_cnn/a.b.1.json")
    assert path == tmp_path / "records/train_cnn/a.b.1.json"
    record = chain()[1]
    records.write(path, record)
    assert records.read(path) == record
    assert records.read_all(tmp_path) == [record]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"identity": {}}', '{"inputs": 3, "outputs": []}'])
def test_a_damaged_record_is_as_good_as_none(tmp_path, text):
    path = tmp_path / "records/s/j.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert records.read(path) is None
    assert records.read_all(tmp_path) == []


@pytest.mark.parametrize(
    ("old", "new"), [('"mtime_ns": 1,', '"mtime_ns": 9,'), ('"checksum"', '"checksun"'), ("m.k", "n.k")]
)
def test_a_record_of_which_one_character_was_changed_is_as_good_as_none(tmp_path, old, new):
    path = tmp_path / "records/s/j.json"
    records.write(path, chain()[1])
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    assert records.read(path) is None


@pytest.mark.parametrize("entry", [{"mtime_ns": 10**30}, {"path": "a\0b"}])
def test_a_record_of_what_no_file_can_be_is_as_good_as_none(tmp_path, entry):
    path = tmp_path / "records/s/j.json"
    records.write(path, replace(chain()[1], inputs=[replace(file("x"), **entry)]))
    assert records.read(path) is None
    records.write(path, replace(chain()[1], identity={}))
    assert records.read(path) is None


def test_settings_of_ones_own_have_no_record():
    assert records.record_file("my.json") is None
    assert records.record_file("my/settings.json") is None


def test_a_result_stands_on_the_jobs_before_it_each_once():
    found = records.ancestry(["metrics.json"], chain())
    assert sorted(record.stage for record in found) == ["evaluate", "prepare", "train_cnn"]
    assert records.ancestry(["x.npz"], chain()) == []


def test_a_file_is_untouched_until_its_size_or_time_changes(tmp_path):
    path = tmp_path / "x"
    path.write_text("abc")
    seen = File.of(path)
    assert seen.untouched()
    path.write_text("abcd")
    assert not seen.untouched()
    path.unlink()
    assert not seen.untouched()


def test_a_result_is_explained_with_everything_that_made_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("results/a.h5", "results/m.keras"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(name)
    prepare = synthetic.record("prepare", outputs=[File.of("results/a.h5")])
    train = synthetic.record(
        "train_cnn", 75.0, 70.0, inputs=prepare.outputs, outputs=[File.of("results/m.keras"), file("results/gone.csv")]
    )
    for record in (prepare, train):
        records.write(records.record_file(record.settings.path), record)
    text = explanation.explain("./results/m.keras")
    for part in (
        "as it was made",
        "train_cnn",
        "2026-01-01T00:00:00",
        "1 min 15 s",
        prepare.outputs[0].sha256,
        "the code has changed since",
        "python workflow_scripts/train_cnn.py",
        "results/gone.csv  (not there any more)",
        "prepare           results/a.h5",
        "1 min 11 s",  # of both jobs
    ):
        assert part in text, part
    Path("results/m.keras").write_text("changed")
    assert "CHANGED since" in explanation.explain(tmp_path / "results/m.keras")
    assert "train_cnn" in explanation.explain(train.settings.path)
    Path("results").rename("moved")
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    text = explanation.explain("../moved/a.h5")
    assert "as it was made" in text and f"{tmp_path}/moved/a.h5" in text


def test_a_result_of_a_stage_that_is_no_more_is_explained_too(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results/floors.csv").write_text("x")
    made = synthetic.record("floors", outputs=[File.of(str(tmp_path / "results/floors.csv"))])
    settings = replace(made.settings, path=str(tmp_path / "results/settings/floors/floors.json"))
    records.write(records.record_file(settings.path), replace(made, settings=settings))
    text = explanation.explain(tmp_path / "results/floors.csv")
    assert "floors is of another version" in text and "(now" not in text


def test_files_that_no_job_made_are_named(tmp_path):
    (tmp_path / "results/records").mkdir(parents=True)
    with pytest.raises(UserError, match="other.h5: no record names it"):
        explanation.explain(tmp_path / "results/other.h5")
    with pytest.raises(UserError, match="not below a folder of results"):
        explanation.explain("/x/y")


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_records_of_a_file_that_of_the_later_job_counts(turned):
    """As after a stage got another name: the record of the old one stays."""
    old = replace(synthetic.record("old_name", outputs=[file("a.json")]), made="2026-01-02T10:00:00+00:00")
    new = replace(synthetic.record("new_name", outputs=[file("a.json")]), made="2026-01-03T09:00:00+00:00")
    found = [new, old] if turned else [old, new]
    assert records.makers(found)["a.json"] == new
    assert records.ancestry(["a.json"], found) == [new]


def test_a_file_that_a_stage_of_another_name_made_before_is_explained_by_who_made_it_last(tmp_path):
    path = tmp_path / "results/a.json"
    path.parent.mkdir()
    for name, made, text in (("old_name", "2026-01-02", "before"), ("zz_name", "2026-01-03", "now")):
        path.write_text(text)
        record = replace(synthetic.record(name, outputs=[File.of(str(path))]), made=f"{made}T10:00:00+00:00")
        settings = replace(record.settings, path=str(tmp_path / f"results/settings/{name}/{name}.json"))
        records.write(records.record_file(settings.path), replace(record, settings=settings))
    text = explanation.explain(path)
    assert "as it was made" in text and "zz_name" in text
