"""The real BreastMNIST file from end to end, with few epochs; needs MEDMNIST_DATA."""

import csv
import os
from pathlib import Path

import pytest
import yaml

FOLDER = os.environ.get("MEDMNIST_DATA")


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.skipif(
    not (FOLDER and (Path(FOLDER) / "breastmnist.npz").exists()),
    reason="MEDMNIST_DATA names no folder with breastmnist.npz",
)
def test_breast_end_to_end(project, monkeypatch):
    monkeypatch.setenv("MEDMNIST_DATA", str(Path(FOLDER).resolve()))
    overlay = yaml.safe_load(project.overlay.read_text(encoding="utf-8"))
    one_seed = {"seeds": [1]}
    models = {"breast_cnn": one_seed, "breast_resnet": one_seed}
    models |= dict.fromkeys(("breast_resnet_deep", "breast_resnet_distinct"))
    overlay["datasets"] = {"blood": None, "breast": {"models": models, "ensembles": {"ensemble_resnets": None}}}
    overlay["networks"]["breast_cnn"]["training"]["epochs"] = 8
    overlay["networks"]["breast_resnet"] = {"training": {"epochs": 8}}
    project.overlay.write_text(yaml.safe_dump(overlay), encoding="utf-8")
    project.snakemake("-j", "8", "report")

    with open(project.folder / "results/metrics.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    accuracy = {
        row["system"]: float(row["value"]) for row in rows if (row["metric"], row["split"]) == ("accuracy", "test")
    }
    assert {row["name"] for row in rows} == {"BreastMNIST"}
    assert accuracy["majority"] == pytest.approx(114 / 156, abs=1e-6)
    assert 0.74 < accuracy["svm_linear"] < 0.95
    assert 0.74 < accuracy["linear_probe_c001"] < 0.95
    summary = project.json("results/breast/audit/summary.json")
    assert summary
    assert "generated images" not in (project.folder / "results/report.html").read_text(encoding="utf-8")
