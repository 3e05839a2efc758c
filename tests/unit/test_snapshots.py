"""Tests of finished runs and snapshots of them: what they hold, and what is refused."""

import copy
import json
import subprocess
import sys
from pathlib import Path

import made_runs
import numpy as np
import pandas as pd
import pytest
import synthetic
import yaml

from medfusion.errors import UserError
from medfusion.evaluation import label_metrics, metrics
from medfusion.tools import finished, snapshots
from medfusion.tools.snapshot_checks import check_table

ROOT = Path(__file__).resolve().parents[2]
SYSTEMS = {
    ("breast", "net", 1, "cnn"): {0, 1},
    ("breast", "net", 2, "cnn"): {0},
    ("breast", "ensembles", None, "v"): {2},
}


@pytest.fixture
def results(tmp_path):
    return made_runs.write_run(tmp_path, SYSTEMS)


def test_a_snapshot_holds_what_the_run_was_and_what_it_measured(results, tmp_path):
    folder = snapshots.take("one", results, tmp_path / "into")
    assert folder == tmp_path / "into/one"
    content = json.loads((folder / "snapshot.json").read_text())
    assert yaml.safe_load((folder / "config.yaml").read_text()) == synthetic.config()
    assert (folder / "metrics.csv").read_bytes() == (results / "metrics.csv").read_bytes()
    assert json.loads((folder / "confusions.json").read_text())["breast"]["net/1"] == {"cnn": [[1, 0], [0, 1]]}
    assert content["libraries"] == made_runs.LIBRARIES
    assert set(content["code"]) == {"prepare", "fuse", "evaluate", "collect_metrics"}
    assert content["tests"]["breast"]["n"] == made_runs.N and content["generated"] == []
    assert content["measured"] == "2026-01-01T00:00:00+00:00"
    assert set(content["files"]) == {"config.yaml", "confusions.json", "metrics.csv"}


def test_a_snapshot_is_read_as_the_run_that_it_was_taken_of(results, tmp_path):
    run, kept = finished.read(results), finished.read(snapshots.take("one", results, tmp_path))
    assert kept.metrics.equals(run.metrics)
    for part in ("config", "libraries", "code", "tests", "confusions", "measured"):
        assert getattr(kept, part) == getattr(run, part), part
    assert kept.correct(("breast", "net", 1, "cnn")) is None
    assert list(run.correct(("breast", "net", 1, "cnn")))[:3] == [False, False, True]
    assert run.correct(("breast", "net", 9, "cnn")) is None


def test_two_snapshots_of_a_run_differ_in_their_date_alone(results, tmp_path):
    contents = []
    for name in ("a", "b"):
        folder = snapshots.take(name, results, tmp_path)
        content = json.loads((folder / "snapshot.json").read_text())
        assert content.pop("taken")
        contents.append(content)
    assert contents[0] == contents[1]


def test_generated_images_are_named(tmp_path):
    results = made_runs.write_run(tmp_path, SYSTEMS, generated=True)
    content = json.loads((snapshots.take("one", results, tmp_path) / "snapshot.json").read_text())
    assert content["generated"] == ["breast"]


def test_an_existing_name_is_refused_unless_it_is_to_be_replaced(results, tmp_path):
    folder = snapshots.take("one", results, tmp_path)
    (folder / "more").touch()
    with pytest.raises(UserError, match="exists; choose another name, or say --replace"):
        snapshots.take("one", results, tmp_path)
    with pytest.raises(UserError, match="one: holds more, which is no part of a snapshot; move it away first"):
        snapshots.take("one", results, tmp_path, replace=True)
    (folder / "more").unlink()
    before = (folder / "snapshot.json").stat().st_ino
    snapshots.take("one", results, tmp_path, replace=True)
    assert (folder / "snapshot.json").stat().st_ino != before
    (tmp_path / "mine").mkdir()
    with pytest.raises(UserError, match="is no snapshot"):
        snapshots.take("mine", results, tmp_path, replace=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "one", "results"]


@pytest.mark.parametrize("name", ["", "a/b", "..", ".a", "a b"])
def test_a_name_that_is_no_folder_is_refused(results, tmp_path, name):
    with pytest.raises(UserError, match="expected letters"):
        snapshots.take(name, results, tmp_path)


def remove(path):
    path.unlink()


def alter(path):
    path.write_bytes(path.read_bytes().replace(b"0.", b"1.", 1) + b"\n")


METRICS_JSON = "breast/net/seed1/metrics.json"


@pytest.mark.parametrize(
    ("damage", "name", "message"),
    [
        (remove, "metrics.csv", "metrics.csv: missing"),
        (alter, "metrics.csv", "metrics.csv: damaged or edited"),
        (remove, METRICS_JSON, "metrics.json: missing"),
        (alter, METRICS_JSON, "metrics.json: damaged or edited"),
        (remove, "records/collect_metrics/collect_metrics.json", "not a finished run: metrics.csv was not made"),
        (alter, "records/collect_metrics/collect_metrics.json", "not a finished run: metrics.csv was not made"),
        (remove, "records/evaluate/breast.net.1.json", "not a finished run: .*begun anew"),
        (remove, "records/fuse/breast.net.1.cnn.json", "not a finished run: .*cnn.h5 is not what evaluate read"),
        (remove, "records/report/report.json", "not a finished run: no page"),
    ],
)
def test_an_unfinished_or_damaged_run_is_refused(results, tmp_path, damage, name, message):
    damage(results / name)
    with pytest.raises(UserError, match=message):
        snapshots.take("one", results, tmp_path)
    assert not (tmp_path / "one").exists()


def test_the_page_of_other_metrics_does_not_tell_the_configuration(results, tmp_path):
    made_runs.write_record(
        tmp_path, "report", "report", ["results/breast/test_labels.h5"], ["results/report.html"], {"config": {}}
    )
    with pytest.raises(UserError, match="no page was made"):
        finished.read(results)


def test_a_point_of_a_sweep_tells_its_configuration_as_long_as_it_is_of_these_metrics(results):
    run = finished.read(results)
    (results / "records/report/report.json").unlink()
    table = next(record for record in finished.records.read_all(results) if record.stage == "collect_metrics")
    point = {"config": run.config, "metrics.csv": table.outputs[0].sha256}
    (results / "point.json").write_text(json.dumps(point))
    assert finished.read(results).config == run.config
    (results / "point.json").write_text(json.dumps({**point, "metrics.csv": "0" * 64}))
    with pytest.raises(UserError, match="no page was made"):
        finished.read(results)


def test_results_that_were_moved_are_read_where_they_are(results, tmp_path):
    moved = tmp_path / "elsewhere"
    results.rename(moved)
    assert finished.read(moved).correct(("breast", "net", 2, "cnn")).sum() == made_runs.N - 1


def test_predictions_that_are_not_those_that_were_evaluated_do_not_count(results):
    made_runs.write_probabilities(results / "breast/net/seed1/cnn.h5", "breast", range(9))
    run = finished.read(results)
    assert run.correct(("breast", "net", 1, "cnn")) is None
    assert run.correct(("breast", "net", 2, "cnn")) is not None


@pytest.mark.parametrize("name", ["metrics.csv", "config.yaml", "confusions.json"])
def test_an_altered_snapshot_is_refused(results, tmp_path, name):
    folder = snapshots.take("one", results, tmp_path)
    alter(folder / name)
    with pytest.raises(UserError, match=f"{name}: missing or altered"):
        finished.read(folder)


@pytest.mark.parametrize(
    "change", [{"files": []}, {"files": {}}, {"format": 99}, {"tests": []}, {"commit": "abc"}, {"code": None}]
)
def test_a_manifest_edited_by_hand_is_refused(results, tmp_path, change):
    path = snapshots.take("one", results, tmp_path) / "snapshot.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(UserError, match="snapshot.json: .*take (it|the snapshot) anew"):
        finished.read(path.parent)


def forged(folder, **files):
    """A snapshot with other files, whose checksums were redone."""
    path = folder / "snapshot.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    for name, change in files.items():
        file = next(folder.glob(f"{name}.*"))
        file.write_text(change(file.read_text(encoding="utf-8")), encoding="utf-8")
        content["files"][file.name] = finished.hash_file(file)
    path.write_text(json.dumps(content), encoding="utf-8")


def cell(row, column, value):
    """A change of one cell of a table."""

    def change(text):
        lines = [line.split(",") for line in text.splitlines()]
        lines[row][lines[0].index(column)] = value
        return "\n".join(map(",".join, lines)) + "\n"

    return change


BOMB = "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{x: *a{i - 1}, y: *a{i - 1}}}\n" for i in range(1, 60))
FORGED = {
    "line 2: value is 2.5": {"metrics": cell(1, "value", "2.5")},
    "line 3: value is inf": {"metrics": cell(2, "value", "inf")},
    "line 2: low is -0.5": {"metrics": cell(1, "low", "-0.5")},
    "line 2: n is 0": {"metrics": cell(1, "n", "0")},
    "line 2: n is -5": {"metrics": cell(1, "n", "-5")},
    "line 2: n is 10.5": {"metrics": cell(1, "n", "10.5")},
    "line 2: n is 1e": {"metrics": cell(1, "n", "1e30")},
    "line 2: n is inf": {"metrics": cell(1, "n", "inf")},
    "line 2: split is train": {"metrics": cell(1, "split", "train")},
    "line 2: seed is -1": {"metrics": cell(1, "seed", "-1")},
    "metrics.csv: not the expected table": {"metrics": lambda text: "\x00"},
    "a number is missing": {"metrics": cell(1, "n", "nan")},
    "its aliases stand for more": {"config": lambda text: BOMB},
    "config.yaml: top level is": {"config": lambda text: "- 1"},
    "config.yaml: a.b: inf is no number": {"config": lambda text: "a: {b: .inf}"},
    "confusions.json: breast is 7": {"confusions": lambda text: '{"breast": 7}'},
    "confusions.json: top level is": {"confusions": lambda text: "[[]]"},
    "confusions.json: not a readable JSON": {"confusions": lambda text: "[" * 100_000},
    "confusions.json: breast.net/1.cnn is": {"confusions": lambda text: '{"breast": {"net/1": {"cnn": [["x"]]}}}'},
}


def test_a_class_that_was_never_predicted_has_a_precision_of_no_images(results, tmp_path):
    folder = snapshots.take("one", results, tmp_path)
    forged(folder, metrics=lambda text: cell(1, "n", "0")(cell(1, "metric", "precision[1]")(text)))
    assert finished.read(folder).metrics["n"].min() == 0


@pytest.mark.parametrize("task", ["binary-class", "multi-class", "ordinal-regression", "multi-label, binary-class"])
def test_the_worst_predictions_have_measures_that_a_snapshot_may_hold(task):
    k = 2 if task == "binary-class" else 4
    classes = np.arange(20) % k
    if task.startswith("multi-label"):
        labels = np.eye(k, dtype=np.uint8)[classes]
        measures = label_metrics.measure(labels, 1.0 - labels, replicates=10)
    else:
        wrong = np.eye(k)[k - 1 - classes if k > 2 else 1 - classes]
        measures = metrics.measure(classes, wrong, task, replicates=10)
    table = pd.DataFrame(measures).assign(dataset="d", name="d", model="m", system="s", seed=1, split="test")
    check_table(Path("metrics.csv"), table)
    assert {"accuracy", "brier"} <= set(table["metric"]) and table.set_index("metric")["value"]["accuracy"] == 0


@pytest.mark.parametrize("message", FORGED)
def test_a_snapshot_made_by_hand_is_refused(results, tmp_path, message):
    folder = snapshots.take("one", results, tmp_path)
    forged(folder, **FORGED[message])
    with pytest.raises(UserError) as refused:
        finished.read(folder)
    assert message in str(refused.value) and "\n" not in str(refused.value)


def test_the_program_refuses_it_in_one_line(results, tmp_path):
    folder = snapshots.take("one", results, tmp_path)
    message = next(iter(FORGED))
    forged(folder, **FORGED[message])
    command = [sys.executable, str(ROOT / "workflow_scripts/compare.py"), str(folder), str(folder)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60)
    assert done.returncode == 2 and message in done.stderr and len(done.stderr.splitlines()) == 1


MANIFESTS = {
    "tests.breast.n is": lambda content: content["tests"]["breast"].update(n=0),
    "tests.breast.more is": lambda content: content["tests"]["breast"].update(more=1),
    "libraries.numpy is": lambda content: content["libraries"].update(numpy=[1]),
    "measured is": lambda content: content.update(measured={}),
    "commit is": lambda content: content.update(commit={"hash": "x"}),
}


@pytest.mark.parametrize("message", MANIFESTS)
def test_a_manifest_with_values_of_another_kind_is_refused(results, tmp_path, message):
    path = snapshots.take("one", results, tmp_path) / "snapshot.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    MANIFESTS[message](content)
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UserError, match=f"snapshot.json: {message}.*; take the snapshot anew"):
        finished.read(path.parent)


def test_names_in_a_snapshot_are_not_obeyed_by_the_terminal(results, tmp_path):
    folder = snapshots.take("one", results, tmp_path)
    forged(folder, metrics=lambda text: text.replace("net,", "n\x1b]0;x\x07\u202et,"))
    command = [sys.executable, str(ROOT / "workflow_scripts/compare.py"), str(folder), str(folder), "--all"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60)
    assert "n\\x1b]0;x\\x07\\u202et" in done.stdout.replace("\n", "")
    assert not {"\x1b", "\x07", "\u202e"} & set(done.stdout + done.stderr)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"files": {}}'])
def test_what_is_no_snapshot_is_refused(tmp_path, text):
    (tmp_path / "snapshot.json").write_text(text)
    with pytest.raises(UserError, match="snapshot.json"):
        finished.read(tmp_path)


def test_folders_that_are_no_runs_are_refused(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        finished.read(tmp_path / "nothing")
    with pytest.raises(UserError, match="neither the results of a run"):
        finished.read(tmp_path)


@pytest.mark.parametrize("change", ["repeat", "no number"])
def test_a_table_that_is_none_is_refused(results, tmp_path, change):
    lines = (results / "metrics.csv").read_text().splitlines()
    lines.append(lines[1] if change == "repeat" else lines[1].rpartition(",")[0] + ",x")
    (results / "metrics.csv").write_text("\n".join(lines))
    inputs = [f"results/breast/{group}/metrics.json" for group in ("net/seed1", "net/seed2", "ensembles/seedNone")]
    made_runs.write_record(tmp_path, "collect_metrics", "collect_metrics", inputs, ["results/metrics.csv"])
    with pytest.raises(UserError, match="repeats a measure" if change == "repeat" else "not the expected table"):
        finished.read(results)


def test_the_commit_is_that_of_the_project_where_there_is_one(tmp_path, monkeypatch):
    root = tmp_path / "workflow_scripts"
    root.mkdir()
    (root / "fuse.py").write_text("x = 1\n")
    (tmp_path / "Snakefile").touch()
    assert snapshots.commit({}, root) is None
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *arguments], check=True)
    code = {"fuse": snapshots.code_hash("fuse", root)}
    found = snapshots.commit(code, root)
    assert len(found["hash"]) == 40 and not found["dirty"] and found["code_changed"] == []
    (root / "fuse.py").write_text("x = 2  # an edit\n")
    snapshots.code_hash.__globals__["_read"].cache_clear()
    found = snapshots.commit({**code, "gone": "0"}, root)
    assert found["dirty"] and found["code_changed"] == ["fuse", "gone"]
    monkeypatch.setenv("PATH", "")
    assert snapshots.commit(code, root) is None


def test_the_program_says_where_the_snapshot_is_or_what_is_wrong(results, tmp_path):
    command = [sys.executable, str(ROOT / "workflow_scripts/snapshot.py"), "one", "--into", str(tmp_path)]
    done = subprocess.run([*command, "--results", str(results)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{tmp_path}/one\n")
    done = subprocess.run([*command, "--results", "nothing"], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_run_is_not_changed_by_reading_it(results):
    def state():
        return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(results.rglob("*"))}

    before = copy.deepcopy(state())
    finished.read(results)
    assert state() == before
