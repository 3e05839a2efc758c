"""A user's mistakes: one clear message before any job starts, or the stage's own, and never a traceback."""

import numpy as np
import pytest

CONFIG_FAULTS = {
    "unknown key": ("evaluation:", "evalution: {}\nevaluation:", "unknown key 'evalution'; did you mean 'evaluation'"),
    "wrong type": ("replicates: 2000", "replicates: many", "evaluation.replicates: 'many' is not of type 'integer'"),
    "out of range": ("confidence: 0.95", "confidence: 1.5", "evaluation.confidence: 1.5 is greater than"),
    "unknown flag": ("flag: breastmnist", "flag: brestmnist", "did you mean 'breastmnist'"),
    "weights do not sum to 1": ("{cnn: 0.3, svm_rbf: 0.7}", "{cnn: 0.3, svm_rbf: 0.6}", "sum to 0.9; expected 1"),
    "unknown network": ("network: breast_cnn", "network: brest_cnn", "unknown network 'brest_cnn'; did you mean"),
    "unknown architecture": (
        "architecture: blood_cnn",
        "architecture: blod",
        "unknown 'blod'; did you mean 'blood_cnn'",
    ),
    "unknown option": ("options: {blocks: 1,", "options: {block: 1,", "no option 'block'; did you mean 'blocks'"),
    "unknown grid key": ("grid: {C: [1], kernel: [linear]}", "grid: {c: [1]}", "svm has no setting 'c'"),
    "empty grid": ("grid: {C: [1], kernel: [linear]}", "grid: {C: []}", "classifiers.svm_linear.grid.C: []"),
    "duplicated seeds": ("seeds: [1, 2, 3, 4, 5]", "seeds: [1, 1]", "has non-unique elements"),
    "unknown member": ("choose: [cnn, svm],", "choose: [cnn, swm],", "has the member 'swm'"),
    "unknown vote": ("[breast_cnn/svm_linear]", "[breast_cnn/svm_liner]", "did you mean 'breast_cnn/svm_linear'"),
    "no label": ("source: official      # official", "source: surrogate     # official", "breast.label: required"),
    "file without path": ("source: official      # official", "source: file      # official", "path go together"),
    "svm uncalibrated": ("calibration: temperature", "calibration: none", "expected temperature or sigmoid"),
}


@pytest.mark.parametrize("fault", CONFIG_FAULTS)
def test_a_fault_in_the_configuration_is_one_message(project, fault):
    old, new, message = CONFIG_FAULTS[fault]
    project.edit("config.yaml", old, new)
    done = project.snakemake("-n", "-j", "8", "report", check=False, overlay=False)
    text = done.stdout + done.stderr
    assert done.returncode != 0
    assert message in text
    assert "Traceback" not in text


def own_file(project, **changes):
    """Make the project read an .npz of its own, with changes to its arrays; run as far as prepare."""
    rng = np.random.default_rng(0)
    arrays = {}
    for split, n in (("train", 20), ("val", 10), ("test", 10)):
        arrays[f"{split}_images"] = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        arrays[f"{split}_labels"] = (np.arange(n) % 2).astype(np.uint8)[:, None]
    arrays.update(changes)
    folder = project.folder / "eigene Dateien ü"
    folder.mkdir()
    np.savez(folder / "bilder.npz", **{k: v for k, v in arrays.items() if v is not None})
    own = project.folder / "own.yaml"
    own.write_text(
        "datasets:\n  blood: ~\n  breast: {source: file, path: eigene Dateien ü/bilder.npz, label: Own images}\n",
        encoding="utf-8",
    )
    project.overlay = own
    return project.snakemake("-j", "2", "results/breast/images/train.h5", check=False)


def test_a_file_of_ones_own_under_a_path_with_spaces_and_umlauts(project):
    assert own_file(project).returncode == 0
    assert (project.folder / "results/breast/test_labels.h5").exists()


FILE_FAULTS = {
    "missing key": ({"val_labels": None}, "lacks val_labels"),
    "objects": ({"train_labels": np.array([{}] * 20, dtype=object)}, "holds Python objects"),
    "dtype": ({"train_images": np.zeros((20, 28, 28), np.float32)}, "train_images has dtype float32; expected uint8"),
    "shape": ({"val_images": np.zeros((10, 32, 32), np.uint8)}, "val_images has shape (10, 32, 32)"),
    "colour": ({"val_images": np.zeros((10, 28, 28, 3), np.uint8)}, "val_images has shape (10, 28, 28, 3)"),
    "no image": ({"test_images": np.zeros((0, 28, 28), np.uint8)}, "test_images holds no image"),
    "count": ({"val_labels": np.zeros((9, 1), np.uint8)}, "expected uint8 (10, 1), one per image"),
    "range": ({"val_labels": np.full((10, 1), 7, np.uint8)}, "val_labels holds [7]; expected 0 to 1"),
    "class": ({"val_labels": np.zeros((10, 1), np.uint8)}, "val_labels has no image of class [1]"),
}


@pytest.mark.parametrize("fault", FILE_FAULTS)
def test_a_fault_in_a_data_file_is_one_message(project, fault):
    changes, message = FILE_FAULTS[fault]
    done = own_file(project, **changes)
    text = done.stdout + done.stderr
    assert done.returncode != 0
    assert message in text
    assert "Traceback" not in text
    assert not (project.folder / "results/breast/images/train.h5").exists()


def test_without_network_and_file_the_message_names_the_ways_out(project, monkeypatch):
    monkeypatch.delenv("MEDMNIST_DATA", raising=False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nothing listens there
    done = project.snakemake("-j", "1", "data/breastmnist.npz", check=False, overlay=False)
    text = done.stdout + done.stderr
    assert done.returncode != 0
    for part in ("could not be had", "put the file at data/breastmnist.npz", "make demo", "MEDMNIST_DATA: not set"):
        assert part in text
    assert "Traceback" not in text
