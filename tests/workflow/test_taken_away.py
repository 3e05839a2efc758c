"""What people take away from a finished run: MedMNIST's prediction files, and the exported system with `predict`."""

import csv
import json
import shutil
import subprocess
import sys
import zipfile

import h5py
import numpy as np
import pytest
from medmnist.evaluator import Evaluator

from medfusion.files import calibrations, input_check_trials, probabilities
from medfusion.learning.calibration import scale
from medfusion.system_id import SystemId

CLASSES = {"breast": 2, "blood": 8}
FLAGS = {"breast": "breastmnist", "blood": "bloodmnist"}


@pytest.mark.parametrize("dataset", CLASSES)
def test_the_official_evaluator_reads_every_prediction_file_back(finished, tmp_path, monkeypatch, dataset):
    results = finished.folder / "results" / dataset
    shutil.copy(results / "generated.npz", tmp_path / f"{FLAGS[dataset]}.npz")
    monkeypatch.setattr(Evaluator.__init__, "__defaults__", (None, str(tmp_path)))
    with zipfile.ZipFile(results / "predictions.zip") as archive:
        archive.extractall(tmp_path / "files")
    expected = {}
    for path in results.rglob("metrics.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        for system, measured in content["systems"].items():
            for split in ("val", "test"):
                values = {row["metric"]: row["value"] for row in measured[split]}
                key = (content["model"], content["seed"], system, split)
                expected[key] = (values["auroc"], values["accuracy"])
    found = {}
    for path in (tmp_path / "files").glob("*.csv"):
        mark, model, system, *run = path.stem.partition("@")[2].split("+")
        assert mark == "generated-images"
        seed = int(run[0].removeprefix("seed").removeprefix("repeat")) if run else None
        split = "val" if "_val_" in path.name else "test"
        found[model, seed, system, split] = tuple(Evaluator.parse_and_evaluate(str(path)))
    assert set(found) == set(expected)
    for key, values in expected.items():
        assert found[key] == pytest.approx(values, abs=1e-12), key


@pytest.mark.parametrize("dataset", CLASSES)
def test_predict_says_of_test_images_what_the_workflow_says(finished, tmp_path, dataset):
    results = finished.folder / "results" / dataset
    package = shutil.copytree(results / "export", tmp_path / "package")  # alone
    record = json.loads((package / "model_package.json").read_text(encoding="utf-8"))
    with h5py.File(results / "images/test.h5") as file:
        np.savez(tmp_path / "x.npz", images=file["images"][:])
    program = finished.folder / "workflow_scripts/predict.py"
    command = [sys.executable, str(program), "package", "x.npz", "--out", "found.csv"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "GENERATED" in done.stderr and "not for clinical use" in done.stderr
    with open(tmp_path / "found.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = np.array([[float(row[f"p({name})"]) for name in record["label_names"]] for row in rows])
    system, seed = record["system"]["address"], record["system"]["seed"]
    model, _, name = system.partition("/")
    folder = results / model / f"seed{seed}"
    files = [folder / name / "fused.h5", folder / name / "probabilities.h5", folder / "features.h5"]
    own = probabilities.read(next(path for path in files if path.exists()), "test")
    calibration = calibrations.read(results / "calibration.json").runs[SystemId(model, seed, name)]
    np.testing.assert_allclose(found, scale(own, calibration.temperature), atol=1e-4)
    assert [int(row["label"]) for row in rows] == own.argmax(axis=1).tolist()
    # The page's counts are those of the same images.
    trial = input_check_trials.read(results / "input_check.json").trials[0]
    flagged = [row["unlike_training"] == "yes" for row in rows]
    assert (trial.condition, trial.n, trial.flagged) == ("clean", len(rows), sum(flagged))
    assert trial.referred == sum(row["refer"] == "yes" for row in rows) >= trial.flagged
    assert all((float(row["unlike_score"]) > 1) == flag for row, flag in zip(rows, flagged, strict=True))


@pytest.mark.parametrize("dataset", CLASSES)
def test_the_model_card_says_what_it_is_and_is_not_for(finished, dataset):
    card = (finished.folder / "results" / dataset / "export/README.md").read_text(encoding="utf-8")
    for words in ("not for clinical use", "GENERATED", "Near-duplicates", "interval", "MedMNIST"):
        assert words in card


@pytest.mark.slow
def test_an_ensemble_is_exported_with_all_its_networks(rerun):
    rerun.edit(
        rerun.overlay.name,
        "    learning_curve: {sizes",
        "    export: ensembles/ensemble_svm\n    learning_curve: {sizes",
    )
    rerun.snakemake("-j", "8", "results/blood/export/model_package.json")
    record = rerun.json("results/blood/export/model_package.json")
    assert record["system"] == {"address": "ensembles/ensemble_svm", "kind": "ensemble", "seed": None}
    assert sorted(record["files"]) == sorted(
        [
            "README.md",
            "classifiers.skops",
            "input_check.npz",
            *(f"network{n}.{kind}" for n in (1, 2) for kind in ("keras", "onnx")),
        ]
    )
    assert [member["weight"] for member in record["members"]] == [0.5, 0.5]
    found = {path.name for path in (rerun.folder / "results/blood/export").iterdir()}
    # What the earlier export of one network left is not this one's to delete.
    assert found - {"network.keras", "network.onnx"} == {*record["files"], "model_package.json"}
