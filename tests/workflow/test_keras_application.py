"""A network of keras.applications that starts from a file of weights: run to the end, exported, asked, and replaced."""

import csv
import subprocess
import sys

import h5py
import keras
import numpy as np
import pytest

from medfusion.files import calibrations, probabilities
from medfusion.learning.calibration import scale
from medfusion.system_id import SystemId


def write_weights(path, seed):
    """Weights whose features differ between images."""
    rng = np.random.default_rng(seed)
    network = keras.applications.MobileNetV3Small(include_top=False, weights=None, input_shape=(32, 32, 3))
    for layer in network.layers:
        layer.set_weights([value + rng.uniform(0.05, 0.1, value.shape) for value in layer.get_weights()])
    network.save_weights(path)


@pytest.mark.slow
@pytest.mark.long
def test_from_end_to_end(project, tmp_path):
    project.lay_over("pretrained.yaml")
    weights = project.folder / "own.weights.h5"
    write_weights(weights, seed=1)
    project.snakemake("-j", "8", "report", "export")
    page = (project.folder / "results/report.html").read_text(encoding="utf-8")
    assert "nothing but noise" in page

    package = project.folder / "results/breast/export"
    card = (package / "README.md").read_text(encoding="utf-8")
    assert "started from weights that were pretrained on nothing but noise" in card
    with h5py.File(project.folder / "results/breast/images/test.h5") as file:
        np.savez(tmp_path / "x.npz", images=file["images"][:])
    program = str(project.folder / "workflow_scripts/predict.py")
    command = [sys.executable, program, str(package), str(tmp_path / "x.npz"), "--out", str(tmp_path / "found.csv")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    with open(tmp_path / "found.csv", newline="", encoding="utf-8") as file:
        found = [float(row["p(malignant)"]) for row in csv.DictReader(file)]
    own = probabilities.read(project.folder / "results/breast/pretrained/seed1/features.h5", "test")
    read = calibrations.read(project.folder / "results/breast/calibration.json")
    expected = scale(own, read.runs[SystemId("pretrained", 1, "cnn")].temperature)
    np.testing.assert_allclose(found, expected[:, 0], atol=1e-4)

    # A file that is touched is no other; one with other weights trains anew.
    weights.touch()
    assert not project.planned()
    write_weights(weights, seed=2)
    assert project.planned()["train_cnn"] == 1
