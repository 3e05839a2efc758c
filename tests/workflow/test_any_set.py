"""Any data set: what is planned for all of MedMNIST's; several labels at once, and a file without a flag, run."""

import re
import zipfile

import h5py
import numpy as np
import pandas as pd
import pytest
from conftest import copy_project

from medfusion.data.medmnist_info import INFO, getACC, getAUC
from medfusion.tasks import MULTI_LABEL


def test_all_twelve_sets_are_planned_from_their_flags(tmp_path):
    project = copy_project(tmp_path / "project", "twelve.yaml")
    planned = project.planned()
    assert planned["prepare"] == planned["audit_duplicates"] == planned["draw_augmentation"] == 12
    assert planned["download"] == 11 and planned["generate"] == 1
    assert planned["fit_grid"] == 2 * 11 + 1
    assert planned["draw_labels"] == 1
    assert planned["assess_discrimination"] == planned["draw_discrimination"] == 12
    assert planned["corrupt_predict"] == planned["corrupt_evaluate"] == planned["draw_corruptions"] == 11
    assert planned["fit_input_check"] == planned["apply_input_check"] == 11
    for stage in (
        "compare_systems",
        "calibrate",
        "assess_reliability",
        "select_examples",
        "study_classifiers",
        "audit_labels",
    ):
        assert planned[stage] == 11, stage
    done = project.snakemake("-n", "export")
    assert "export: without chest: a model package holds systems of one class an image" in done.stderr
    done = project.snakemake("results/chest/export/model_package.json", "-n", check=False)
    assert done.returncode != 0


def test_a_target_that_can_serve_no_data_set_says_so(tmp_path):
    project = copy_project(tmp_path / "project", "twelve.yaml")
    project.overlay.write_text("datasets: {breast: ~, blood: ~, chest: {flag: chestmnist}}", encoding="utf-8")
    done = project.snakemake("-j", "1", "export", check=False)
    assert done.returncode == 1
    assert "\nexport: a model package holds systems of one class an image" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not (project.folder / "results/chest").exists()


def own_file(path):
    """Grey pictures of three shapes, of 20 × 20 pixels: a size that MedMNIST does not have."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:20, :20] - 9.5
    shapes = [np.hypot(x, y) < 6, np.maximum(abs(x), abs(y)) < 6, np.zeros((20, 20), bool)]
    arrays = {}
    for split, n in (("train", 90), ("val", 45), ("test", 45)):
        labels = np.arange(n) % 3
        images = 60 + 90 * np.array(shapes)[labels] + rng.normal(0, 20, (n, 20, 20))
        arrays |= {f"{split}_images": np.clip(images, 0, 255).astype(np.uint8), f"{split}_labels": labels[:, None]}
    np.savez(path, **{key: value.astype(np.uint8) for key, value in arrays.items()})


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The workflow of several.yaml, run to its end."""
    project = copy_project(tmp_path_factory.mktemp("several") / "project", "several.yaml")
    own_file(project.folder / "own.npz")
    run = project.snakemake("-j", "2", "report", "summarise", "predictions", "export")
    return project, run.stdout + run.stderr


@pytest.mark.slow
@pytest.mark.long
def test_what_was_chosen_by_default_is_said(done):
    project, text = done
    page = (project.folder / "results/report.html").read_text(encoding="utf-8")
    for sentence in (
        "model default: the network default_few, for 240 training images of 28 × 28 pixels",
        "augmentation: the preset sided, of its kind of image",
        "augmentation: the preset sided, because nothing is known of its images",
        "model default: the network default_few, for 90 training images of 20 × 20 pixels",
    ):
        assert f"chosen by default: {sentence}" in text
        assert f"Chosen by default: {sentence}" in page
    assert "export: without chest" in text and "predictions: without own" in text


@pytest.mark.slow
@pytest.mark.long
def test_measures_of_several_labels_are_the_evaluators(done):
    folder = done[0].folder / "results"
    table = pd.read_csv(folder / "metrics.csv")
    with h5py.File(folder / "chest/test_labels.h5") as file:
        labels = file["labels"][:]
        assert labels.shape == (120, 14) and file.attrs["task"] == MULTI_LABEL
    archive = zipfile.ZipFile(folder / "chest/predictions.zip")
    names = [name for name in archive.namelist() if "_test_" in name]
    assert len(names) == 6 + 1 + 2 + 2  # cnn, classifiers and fusions; the ensemble; baselines; sizes
    for name in names:
        with archive.open(name) as file:
            values = pd.read_csv(file, header=None, index_col=0).to_numpy()
        auroc, accuracy = re.search(r"\[AUC\]([\d.]+)_\[ACC\]([\d.]+)@", name).groups()
        assert getAUC(labels, values, MULTI_LABEL) == pytest.approx(float(auroc), abs=0.0006)
        assert getACC(labels, values, MULTI_LABEL) == pytest.approx(float(accuracy), abs=0.0006)
    chest = table[(table["dataset"] == "chest") & (table["split"] == "test")]
    assert (chest["metric"] == "auroc[13]").sum() == len(names)
    fused = chest[(chest["metric"] == "auroc") & (chest["system"] == "svm_rbf")]["value"].item()
    assert fused > 0.6, "the generated findings can be seen"


@pytest.mark.slow
@pytest.mark.long
def test_of_several_labels_each_has_a_probability_of_its_own(done):
    folder = done[0].folder / "results/chest/default/seed1"
    with h5py.File(folder / "features.h5") as file:
        network = file["test/probabilities"][:]
    with h5py.File(folder / "svm_rbf/probabilities.h5") as file:
        svm = file["test/probabilities"][:]
    with h5py.File(folder / "cnn_50_svm_50/fused.h5") as file:
        fused = file["test/probabilities"][:]
    assert network.shape == svm.shape == (120, 14)
    assert not np.allclose(network.sum(axis=1), 1)
    np.testing.assert_allclose(fused, (network + svm) / 2, atol=1e-6)


@pytest.mark.slow
@pytest.mark.long
def test_the_page_says_what_several_labels_leave_out_and_shows_each_label(done):
    project, _ = done
    page = (project.folder / "results/report.html").read_text(encoding="utf-8")
    assert "Left out, because it rests on one class an image" in page
    assert "The area under the ROC curve of each label" in page
    assert page.count('alt="Confusion matrices') == 1, "of the own file alone"
    for name in INFO["chestmnist"]["label"].values():
        assert name in page
    assert "sign flips" in (project.folder / "results/results.md").read_text(encoding="utf-8").split("My pictures")[1]


@pytest.mark.slow
@pytest.mark.long
def test_a_file_without_a_flag_goes_to_the_end_and_its_package_answers(done):
    project, _ = done
    card = (project.folder / "results/own/export/README.md").read_text(encoding="utf-8")
    assert "They are a user's own" in card
    package = project.json("results/own/export/model_package.json")
    assert package["label_names"] == ["round", "square", "neither"]
    table = pd.read_csv(project.folder / "results/metrics.csv")
    own = table[(table["dataset"] == "own") & (table["metric"] == "accuracy") & (table["split"] == "test")]
    assert own["value"].max() > 0.6
    assert not (project.folder / "results/own/predictions.zip").exists()
