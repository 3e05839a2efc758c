"""Tests of ages put right by content, before jobs are planned."""

import os
from pathlib import Path

import pytest
import synthetic

from medfusion.jobs.records import File
from medfusion.planning.reconcile import reconcile, remove_unfinished, restore_benchmark


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Data, a result made of it, the job's settings, and its record; all times long ago."""
    monkeypatch.chdir(tmp_path)
    for name in ("data/x.npz", "results/out.h5", "results/settings/s/s.json"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name)
        os.utime(name, (1000, 1000))
    record = synthetic.record("s", inputs=[File.of("data/x.npz")], outputs=[File.of("results/out.h5")])
    return [record.__class__(**{**vars(record), "settings": File.of("results/settings/s/s.json")})]


def times(*names):
    return [int(Path(name).stat().st_mtime) for name in names]


FILES = ("data/x.npz", "results/out.h5", "results/settings/s/s.json")


def test_files_that_are_only_touched_get_their_time_back(made):
    for name in FILES:
        os.utime(name)
    assert reconcile(made, "results") == []
    assert times(*FILES) == [1000, 1000, 1000]


def test_a_result_that_was_altered_is_moved_aside(made):
    Path("results/out.h5").write_text("damaged")
    (note,) = reconcile(made, "results")
    assert note.startswith("results/out.h5 is not what s wrote")
    assert not Path("results/out.h5").exists()
    assert Path("results/out.h5.altered").read_text() == "damaged"


@pytest.mark.parametrize("age", [10, 1000, 2_000_000_000])
def test_data_that_were_replaced_are_new_however_old_they_look(made, age):
    Path("data/x.npz").write_text("other images")
    os.utime("data/x.npz", (age, age))
    assert reconcile(made, "results") == []
    assert times("data/x.npz")[0] > 1_600_000_000
    assert Path("data/x.npz").read_text() == "other images"


def test_data_in_two_states_seen_by_two_jobs_are_new(made):
    os.utime("data/x.npz", (2000, 2000))
    Path("data/x.npz").write_text("other images")
    other = synthetic.record("t", inputs=[File.of("data/x.npz")])
    reconcile([*made, other], "results")
    assert times("data/x.npz")[0] > 1_600_000_000


@pytest.mark.parametrize("age", [10, 1000, 2_000_000_000])
def test_settings_that_are_not_those_of_the_results_are_new_however_old_they_look(made, age):
    Path(FILES[2]).write_text("other settings")
    os.utime(FILES[2], (age, age))
    reconcile(made, "results")
    assert times(FILES[2])[0] > 1_600_000_000


def test_what_is_not_there_is_left_to_snakemake(made):
    for name in FILES:
        Path(name).unlink()
    assert reconcile(made, "results") == []


def test_an_output_outside_the_results_is_the_users(made):
    download = synthetic.record("download", outputs=[File.of("data/x.npz")])
    Path("data/x.npz").write_text("the user's")
    assert reconcile([download, *made], "results") == []
    assert Path("data/x.npz").read_text() == "the user's"


def test_what_dead_processes_had_begun_to_write_is_removed(made):
    dead, alive = 2**22 + 1, os.getpid()  # the first is beyond any process number
    gone = [f"results/.{dead}.out.h5", f"results/settings/s/.{dead}.s.json", f"data/.{dead}.x.npz"]
    kept = [f"results/.{alive}.out.h5", "results/.hidden", f"data/{dead}.x.npz", f"data/folder/.{dead}.x.npz", *FILES]
    Path("data/folder").mkdir()
    for name in gone + kept:
        Path(name).touch()
    remove_unfinished("results", "data")
    assert not any(Path(name).exists() for name in gone)
    assert all(Path(name).exists() for name in kept)


def test_a_benchmark_that_was_not_restored_is_written_from_the_record(tmp_path):
    path = tmp_path / "benchmarks/report.tsv"
    restore_benchmark(path, None)
    assert not path.exists()
    restore_benchmark(path, synthetic.record("report", seconds=2.5))
    assert path.read_text().splitlines() == ["s\tmax_rss\tcpu_time", "2.5\t200.0\t1.0"]
    restore_benchmark(path, synthetic.record("report", seconds=9.0))
    assert "2.5" in path.read_text()
