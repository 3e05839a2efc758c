"""A pretrained backbone beside a trained network: planned, run to the end, exported, asked, and another file put in."""

import csv
import subprocess
import sys

import h5py
import numpy as np
import pytest
import small_backbone

from medfusion.files import calibrations, probabilities
from medfusion.learning.calibration import scale
from medfusion.system_id import SystemId


@pytest.fixture
def project(project):
    """The project with a backbone that is there."""
    project.lay_over("backbone.yaml")
    small_backbone.write(project.folder / "backbone.onnx", size=32)
    return project


def test_a_missing_backbone_is_one_line_before_any_job(project):
    (project.folder / "backbone.onnx").unlink()
    done = project.snakemake("-n", check=False)
    assert done.returncode != 0
    assert "networks.frozen.options.path: there is no file 'backbone.onnx'" in done.stdout + done.stderr


def test_half_a_backbone_is_one_line_of_its_job(project):
    path = project.folder / "backbone.onnx"
    path.write_bytes(path.read_bytes()[:-100])
    done = project.snakemake("-j", "2", "results/breast/frozen/backbone.h5", check=False)
    assert done.returncode != 0 and "Traceback" not in done.stdout + done.stderr
    log = (project.folder / "logs/breast/frozen/backbone.log").read_text(encoding="utf-8")
    assert log == "error: backbone.onnx: not an ONNX file, or part of one; get it again\n"
    small_backbone.write(path, size=32)
    project.snakemake("-j", "2", "results/breast/frozen/backbone.h5")
    assert project.planned("results/breast/frozen/backbone.h5") == {}


@pytest.mark.slow
@pytest.mark.long
def test_from_end_to_end(project, tmp_path):
    project.snakemake("-j", "8", "report", "export", "summarise", "predictions")
    results = project.folder / "results/breast"
    page = (project.folder / "results/report.html").read_text(encoding="utf-8")
    for words in ("the backbone backbone.onnx, pretrained, is applied as it is", "a linear head on its features"):
        assert words in page
    assert (results / "breast_cnn/curves.svg").exists() and not (results / "frozen/curves.svg").exists()

    # What it says of test images is what predict says, which is given the file: an ensemble of both kinds of network.
    package = results / "export"
    record = project.json("results/breast/export/model_package.json")
    assert sorted(record["files"]) == [
        *("README.md", "classifiers.skops", "input_check.npz", "network2.keras", "network2.onnx"),
    ]
    card = (package / "README.md").read_text(encoding="utf-8")
    assert "because it may not be passed on" in card and "linear head" in card
    with h5py.File(results / "images/test.h5") as file:
        np.savez(tmp_path / "x.npz", images=file["images"][:])
    program = project.folder / "workflow_scripts/predict.py"
    command = [
        sys.executable,
        str(program),
        str(package),
        str(tmp_path / "x.npz"),
        "--out",
        str(tmp_path / "found.csv"),
    ]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert refused.returncode == 1 and "give its file with --backbone FILE" in refused.stderr
    command += ["--backbone", str(project.folder / "backbone.onnx")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    with open(tmp_path / "found.csv", newline="", encoding="utf-8") as file:
        found = [float(row["p(malignant)"]) for row in csv.DictReader(file)]
    own = probabilities.read(results / "ensembles/ensemble_frozen/fused.h5", "test")
    run = SystemId("ensembles", None, "ensemble_frozen")
    expected = scale(own, calibrations.read(results / "calibration.json").runs[run].temperature)
    np.testing.assert_allclose(found, expected[:, 0], atol=1e-4)

    # A file that is touched is no other; one with other weights runs its features, and what follows, again.
    path = project.folder / "backbone.onnx"
    path.touch()
    project.snakemake("-j", "8", "report")
    assert not project.planned()
    before = (results / "frozen/backbone.h5").read_bytes()
    small_backbone.MIX[0] += 1
    small_backbone.write(path, size=32)
    planned = project.planned()
    assert (
        planned["apply_backbone"] == planned["fit_input_check"] == 1
        and not planned["train_cnn"]
        and planned["fit_grid"] == 8
    )
    project.snakemake("-j", "8", "report")
    assert (results / "frozen/backbone.h5").read_bytes() != before
