"""Tests of what publish.py hands over, read by the libraries that it is for; skipped where these are not installed."""

import contextlib
import dataclasses
import io
import json
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import made_runs
import numpy as np
import pandas as pd
import pytest
import small_package
import synthetic
import yaml

import publish
from medfusion.errors import UserError
from medfusion.files.artifacts import read_json
from medfusion.package import contents
from medfusion.package.predictor import Predictor
from medfusion.tools import finished, hub_folder, mlflow_store, snapshots

SYSTEMS = {
    ("breast", "net", 1, "cnn"): {0, 1},
    ("breast", "net", 1, "svm"): {0, 1, 2},
    ("breast", "net", 2, "svm"): {0},
    ("breast", "ensembles", None, "ensemble_cnn"): {2},
}


@pytest.fixture
def snapshot(tmp_path):
    """A snapshot of a run of generated images."""
    results = made_runs.write_run(tmp_path / "made", SYSTEMS, generated=True)
    return snapshots.take("before", results, tmp_path / "snapshots")


def published(*words):
    """What the program says, and how it ends."""
    said, status = io.StringIO(), 0
    with mock.patch.object(sys, "argv", ["publish.py", *map(str, words)]), contextlib.redirect_stdout(said):
        try:
            publish.main()
        except SystemExit as end:
            status = end.code
    message = status if isinstance(status, str) else ""
    return SimpleNamespace(returncode=1 if message else status, stdout=said.getvalue(), stderr=message)


# -- MLflow ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def client(monkeypatch):
    """MLflow's client of a folder. Its newest versions want to be asked for folders."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    mlflow = pytest.importorskip("mlflow", reason="no mlflow: make publish installs it")
    return lambda folder: mlflow.MlflowClient(tracking_uri=folder.as_uri())


def runs_in(client, name):
    """By name, the runs of the experiment of that name."""
    experiment = client.get_experiment_by_name(name)
    return {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}


def test_mlflow_reads_parameters_measures_and_artifacts_of_every_system(snapshot, tmp_path, client):
    done = published(snapshot, "--mlflow", tmp_path / "ml ü")
    assert done.returncode == 0, done.stderr
    found = runs_in(client(tmp_path / "ml ü"), "before")
    assert set(found) == {
        "breast/net/1/cnn", "breast/net/1/svm", "breast/net/2/svm", "breast/ensembles/ensemble_cnn",
    }  # fmt: skip
    run = found["breast/net/1/svm"]
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"val/accuracy": 0.925, "test/accuracy": 0.925, "val/brier": 0.075, "test/brier": 0.075}
    expected = {
        "seed": "1", "system": "svm", "network.architecture": "compact_resnet", "classifier.kind": "svm",
        "classifier.grid.C": "[0.1, 1]", "data.source": "official",
    }  # fmt: skip
    assert expected.items() <= run.data.params.items()
    assert run.data.tags["generated"] == "true" and "GENERATED" in run.data.tags["mlflow.note.content"]
    assert run.data.tags["n test"] == str(made_runs.N)
    assert found["breast/ensembles/ensemble_cnn"].data.params["ensemble"] == '["net/cnn"]'
    assert "classifier.kind" not in found["breast/net/1/cnn"].data.params
    names = {file.path for file in client(tmp_path / "ml ü").list_artifacts(run.info.run_id)}
    assert names == {"config.yaml", "metrics.csv", "libraries.json", "confusion.json"}
    fetched = client(tmp_path / "ml ü").download_artifacts(run.info.run_id, "", str(tmp_path))
    assert yaml.safe_load(Path(fetched, "config.yaml").read_text()) == synthetic.config()
    assert list(pd.read_csv(Path(fetched, "metrics.csv"))["system"].unique()) == ["svm"]
    assert read_json(Path(fetched, "confusion.json"))["rows are true classes"] == [[1, 0], [0, 1]]


def test_runs_are_added_to_a_store_that_mlflow_made(snapshot, tmp_path, client):
    theirs = client(tmp_path / "ml")
    mine = theirs.create_run(theirs.create_experiment("mine"))
    theirs.log_metric(mine.info.run_id, "accuracy", 0.5)
    mlflow_store.write(finished.read(snapshot), tmp_path / "ml", "before")
    mlflow_store.write(finished.read(snapshot), tmp_path / "ml", "again")
    assert len(runs_in(theirs, "before")) == len(runs_in(theirs, "again")) == 4
    assert theirs.get_run(mine.info.run_id).data.metrics == {"accuracy": 0.5}
    # And the other way round: what MLflow does next to runs of ours.
    ours = next(iter(runs_in(theirs, "before").values()))
    theirs.log_metric(ours.info.run_id, "later", 1.0)
    assert theirs.get_run(ours.info.run_id).data.metrics["later"] == 1.0
    theirs.delete_experiment(ours.info.experiment_id)
    with pytest.raises(UserError, match="holds an experiment 'before'; it is in MLflow's bin"):
        mlflow_store.write(finished.read(snapshot), tmp_path / "ml", "before")


def test_every_measure_of_a_real_run_has_a_name_that_mlflow_takes(finished_metrics, tmp_path, client):
    run = finished_metrics
    mlflow_store.write(run, tmp_path / "ml", "real")
    found = runs_in(client(tmp_path / "ml"), "real")
    for kept in mlflow_store.systems(run):
        assert found[kept.name].data.metrics == dict(kept.measures)
    assert found["breast/net/1/cnn"].data.metrics["test/recall.1"] == 0.75


@pytest.fixture
def finished_metrics(snapshot):
    """A run with measures of single classes, and one that has no value."""
    run = finished.read(snapshot)
    extra = run.metrics[run.metrics["metric"] == "accuracy"].assign(metric="recall[1]", value=0.75)
    none = extra.assign(metric="precision[0]", value=np.nan)
    return finished.Run(**{**vars(run), "metrics": pd.concat([run.metrics, extra, none], ignore_index=True)})


def tree(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_there_stays(snapshot, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("mine")
    (tmp_path / "empty").mkdir()
    assert published(snapshot, "--mlflow", tmp_path / "empty").returncode == 0
    before = tree(tmp_path)
    for words, message in (
        ((snapshot, "--mlflow", tmp_path / "file"), "is no folder"),
        ((snapshot, "--mlflow", tmp_path / "mine"), "holds thesis.txt, and is not MLflow's file store"),
        ((snapshot, "--mlflow", tmp_path / "empty"), "holds an experiment 'before'; choose another name with --name"),
        ((snapshot, "--mlflow", tmp_path / "empty", "--name", " "), "--name: ' '"),
        ((tmp_path / "mine", "--mlflow", tmp_path / "new"), "neither the results of a run"),
        ((tmp_path / "none", "--mlflow", tmp_path / "new"), "no such folder"),
        ((snapshot, "--hub", tmp_path / "new"), "holds no model_package.json"),
        ((snapshot, "--mlflow", tmp_path / "file/below"), "file"),
    ):
        done = published(*words)
        assert done.returncode == 1 and message in done.stderr, done.stderr
        assert done.stderr.startswith("error: ") and len(done.stderr.splitlines()) == 1
    assert tree(tmp_path) == before and not (tmp_path / "new").exists()


@pytest.mark.parametrize("fresh", [True, False])
def test_a_run_that_cannot_be_written_to_its_end_leaves_nothing(snapshot, tmp_path, monkeypatch, fresh):
    run = finished.read(snapshot)
    if not fresh:
        mlflow_store.write(run, tmp_path / "ml", "first")
    before, write = tree(tmp_path), Path.write_text

    def full(path, *arguments, **options):
        if path.parent.name == "artifacts" and path.name == "libraries.json":
            raise OSError(28, os.strerror(28), str(path))
        return write(path, *arguments, **options)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError):
        mlflow_store.write(run, tmp_path / "ml", "second")
    assert tree(tmp_path) == before and (tmp_path / "ml").exists() is not fresh
    assert not list(tmp_path.rglob(".medfusion-*"))


def test_a_configuration_that_is_none_is_one_message(snapshot, tmp_path):
    run = finished.read(snapshot)
    with pytest.raises(UserError, match="its configuration is not one of this workflow"):
        mlflow_store.write(finished.Run(**{**vars(run), "config": {"datasets": 3}}), tmp_path / "ml", "x")
    assert not (tmp_path / "ml").exists()


# -- Hugging Face ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """An exported system of generated images, with measures as export_package writes them."""
    folder = tmp_path_factory.mktemp("package") / "export"
    described, images = small_package.make(folder, generated=True)
    card = f"# {described.name}\n\nSee {hub_folder.OUTSIDE}.\n"
    (folder / contents.CARD).write_text(card, encoding="utf-8")
    rows = [
        {"metric": "accuracy", "value": 0.8, "low": 0.7, "high": 0.9, "n": 60},
        {"metric": "auroc_after", "value": 0.857, "low": None, "high": None, "n": 60},
        {"metric": "recall[1]", "value": None, "low": None, "high": None, "n": 0},
        {"metric": "recall[0]", "value": 0.5, "low": 0.25, "high": 0.75, "n": 16},
    ]
    more = {
        "dataset": "breast",
        "source": "generated",
        "system": {"address": "net/svm", "kind": "fusion", "seed": 1},
        "metrics": {"test": rows},
        "confidence": 0.95,
    }
    names = [path.name for path in folder.iterdir() if path.name != contents.RECORD]
    contents.write(folder, described, more, {name: folder / name for name in names})
    return folder, images


def test_the_hub_s_library_reads_the_card(package, tmp_path):
    hub = pytest.importorskip("huggingface_hub", reason="no huggingface_hub: make publish installs it")
    done = published(package[0], "--hub", tmp_path / "new/hub")
    assert done.returncode == 0 and done.stdout.strip() == str(tmp_path / "new/hub"), done.stderr
    card = hub.ModelCard.load(tmp_path / "new/hub/README.md")
    assert card.data.pipeline_tag == "image-classification" and card.data.model_name == "net/svm, seed 1"
    assert set(card.data.tags) == {
        "onnx", "keras", "scikit-learn", "medical-images", "not-for-clinical-use", "generated-images",
    }  # fmt: skip
    results = {result.metric_type: result for result in card.data.eval_results}
    assert set(results) == {"accuracy", "auroc", "recall[0]"}
    assert results["accuracy"].metric_value == 0.8
    assert results["accuracy"].metric_name == "accuracy (95\N{NO-BREAK SPACE}% interval 0.700 to 0.900, n = 60)"
    assert results["auroc"].metric_name == "AUROC (n = 60)"
    assert results["accuracy"].dataset_name == "Test data (generated images)"
    assert results["accuracy"].dataset_type == "generated"
    assert card.text.strip() == "# Test data (generated images)\n\nSee `checklist.md`."


@pytest.mark.parametrize(("source", "name"), [("official", "breastmnist"), ("surrogate", "breast"), ("file", "breast")])
def test_only_results_on_medmnist_s_own_test_split_have_its_name(package, source, name):
    described = dataclasses.replace(contents.read(package[0]), generated=False, flag="breastmnist")
    record = {**read_json(package[0] / contents.RECORD), "source": source, "confidence": 0.995}
    (index,) = hub_folder.front_matter(described, record)["model-index"]
    assert index["results"][0]["dataset"]["type"] == name
    assert "(99.5\N{NO-BREAK SPACE}% interval" in index["results"][0]["metrics"][0]["name"]


def test_predict_says_the_same_of_the_folder_for_the_hub(package, tmp_path):
    folder, images = package
    hub_folder.write(folder, tmp_path / "hub")
    assert contents.read(tmp_path / "hub") == contents.read(folder)
    ours, theirs = (Predictor(place, 1).said(images)[0] for place in (tmp_path / "hub", folder))
    np.testing.assert_array_equal(ours, theirs)
    names = {path.name for path in folder.iterdir()}
    assert {path.name for path in (tmp_path / "hub").iterdir()} == names
    for name in names - {contents.CARD, contents.RECORD}:
        assert (tmp_path / "hub" / name).read_bytes() == (folder / name).read_bytes()
    with pytest.raises(UserError, match="has a front matter already"):
        hub_folder.write(tmp_path / "hub", tmp_path / "twice")


def test_a_damaged_package_or_a_folder_that_is_taken_is_refused(package, tmp_path):
    folder = tmp_path / "export"
    shutil.copytree(package[0], folder)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/x").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("taken", "taken/x", "link"):
        with pytest.raises(UserError, match="exists; name a folder that is not there yet"):
            hub_folder.write(folder, tmp_path / name)
    (folder / "network.onnx").write_bytes(b"x")
    done = published(folder, "--hub", tmp_path / "new")
    assert done.returncode == 1 and "network.onnx: not as it was exported" in done.stderr
    assert not (tmp_path / "new").exists()


def test_a_record_without_measures_is_one_message(package, tmp_path):
    folder = tmp_path / "export"
    shutil.copytree(package[0], folder)
    names = json.loads((folder / contents.RECORD).read_text())["files"]
    contents.write(folder, contents.read(folder), {}, {name: folder / name for name in names})
    done = published(folder, "--hub", tmp_path / "new")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "model_package.json: not as `snakemake export` writes it" in done.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "words", [(), ("--hub", "x"), ("x", "--hub", "y", "--name", "z"), ("--hub", "x", "--mlflow", "y")]
)
def test_what_cannot_be_meant_is_refused(words):
    assert published(*words).returncode == 2
