"""A user's mistakes: one clear message before any job starts, or the stage's own, and never a traceback."""

import os
import time

import numpy as np
import pytest

# One of each way in which a configuration can be wrong; tests/unit/test_bad_config.py has them all.
CONFIG_FAULTS = {
    "a misspelt section and an empty grid": (
        "{evalution: {}, classifiers: {svm: {grid: {C: []}}}}",  # codespell:ignore
        "  classifiers.svm.grid.C: []; expected a list with at least 1 entry\n"
        "  top level: unknown key 'evalution'; did you mean 'evaluation'?\n",
    ),
    "names and sums": (
        "{fusions: {cnn_30_svm_70: {weights: {cnn: 0.4}}}, networks: {resnet28: {training: {batch_size: 0}}}}",
        "  fusions.cnn_30_svm_70.weights: sum to 1.1; expected 1\n"
        "  networks.resnet28.training.batch_size: 0; expected a whole number from 1 to 1000000\n",
    ),
    "a file that is not there": (
        "{datasets: {breast: {source: file, label: Own, path: meine Dateien ü/x.npz}}}",
        "  datasets.breast.path: there is no file 'meine Dateien ü/x.npz'; relative paths start at {here}\n",
    ),
}


@pytest.mark.parametrize("fault", CONFIG_FAULTS)
def test_a_fault_in_the_configuration_is_one_message(project, fault):
    overlay, message = CONFIG_FAULTS[fault]
    project.overlay = project.folder / "overlay.yaml"
    project.overlay.write_text(overlay, encoding="utf-8")
    done = project.snakemake("-n", "-j", "8", "report", check=False)
    text = done.stdout + done.stderr
    assert done.returncode != 0
    assert "config:\n" + message.replace("{here}", str(project.folder)) in text
    assert text.count("config:\n") == 1 and "Traceback" not in text
    assert not (project.folder / "results").exists()


BROKEN = {
    "a tab": (b"evaluation:\n\treplicates: 5\n", "config.yaml, line 2: "),
    "an open bracket": (b"a: [1, 2\n", "config.yaml, line 2: "),
    "a key twice": (
        b"evaluation: {seed: 0, confidence: 0.9,\n  seed: 1}\n",
        "config.yaml, line 2: the key 'seed' is there twice; only the last would count, so remove one\n",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_configuration_that_is_no_yaml_names_file_and_line(project, fault):
    content, message = BROKEN[fault]
    (project.folder / "config.yaml").write_bytes(content)
    done = project.snakemake("-n", "-j", "8", check=False, overlay=False)
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


OVERLAYS = {
    "none": (lambda path: None, "No such file or directory"),
    "a folder": (lambda path: path.mkdir(), "a folder; expected a file"),
    "a pipe": (os.mkfifo, "no regular file"),
    "UTF-16": (lambda path: path.write_bytes("a: b\n".encode("utf-16")), "it is in UTF-16; save it as UTF-8"),
    "lists in lists": (
        lambda path: path.write_bytes(b"[" * 5000 + b"]" * 5000),
        "too many lists or sections in others",
    ),
    "aliases of aliases": (
        lambda path: path.write_text(
            "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{x: *a{i - 1}, y: *a{i - 1}}}\n" for i in range(1, 60)),
            encoding="utf-8",
        ),
        "its aliases stand for more than 100,000 values",
    ),
}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_that_cannot_be_read_is_one_line_in_seconds(project, overlay):
    make, reason = OVERLAYS[overlay]
    make(project.folder / "odd.yaml")
    began = time.monotonic()
    done = project.snakemake("-n", "-j", "8", "--configfile", "odd.yaml", check=False, overlay=False)
    assert done.returncode != 0 and time.monotonic() - began < 60
    lines = [line for line in (done.stdout + done.stderr).splitlines() if "specific profile" not in line]
    assert lines == [f"error: odd.yaml: not a readable YAML file in UTF-8 ({reason})"]


def test_sections_on_the_command_line_have_the_types_that_yaml_gives(project):
    given = ("--config", "evaluation={'replicates': 50}", "defaults={training: {learning_rate: '1e-3'}}")
    done = project.snakemake("-n", "-j", "8", *given, check=False)
    text = done.stdout + done.stderr
    assert "  evaluation.replicates: 50; expected a whole number from 100 to 1000000\n" in text
    assert "  defaults.training.learning_rate: '1e-3'; expected a number" in text and "Traceback" not in text


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


# tests/unit/test_bad_data.py has them all.
FILE_FAULTS = {
    "objects": (
        {"train_labels": np.array([{}] * 20, dtype=object)},
        "train_labels holds Python objects, which are never loaded; expected uint8",
    ),
    "class": (
        {"val_labels": np.zeros((10, 1), np.uint8)},
        "val_labels has no image of class [1]; every split needs each class",
    ),
}


@pytest.mark.parametrize("fault", FILE_FAULTS)
def test_a_fault_in_a_data_file_is_one_message(project, fault):
    changes, message = FILE_FAULTS[fault]
    done = own_file(project, **changes)
    text = done.stdout + done.stderr
    assert done.returncode != 0
    assert f"error: eigene Dateien ü/bilder.npz: {message}\n" in text
    assert "Traceback" not in text
    assert not (project.folder / "results/breast/images/train.h5").exists()


def test_without_network_and_file_the_message_names_the_ways_out(project, monkeypatch):
    monkeypatch.delenv("MEDMNIST_DATA", raising=False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nothing listens there
    done = project.snakemake("-j", "1", "results/downloads/breastmnist.json", check=False, overlay=False)
    text = done.stdout + done.stderr
    assert done.returncode != 0
    for part in ("could not be had", "put the file at data/breastmnist.npz", "make demo", "MEDMNIST_DATA: not set"):
        assert part in text
    assert "Traceback" not in text
