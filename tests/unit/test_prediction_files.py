"""Tests of MedMNIST's prediction files: the official evaluator reads them back to the figures that we measured."""

import zipfile

import numpy as np
import pytest
from medmnist.evaluator import Evaluator

from medfusion.errors import UserError
from medfusion.evaluation import metrics
from medfusion.files import prediction_files, probabilities
from medfusion.files.images import Description

SPLITS = {"val": 24, "test": 40}


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Writes the files of two made-up systems; what the official evaluator finds in each, and what we measured."""

    def write(flag, classes, size=28, source="official", generated=False):
        task = "binary-class" if classes == 2 else "multi-class"
        rng = np.random.default_rng(classes)
        labels = {split: np.arange(n) % classes for split, n in SPLITS.items()}
        content = {"model": "net", "seed": 3, "generated": generated, "flag": flag, "systems": {}}
        files = {}
        description = Description(flag, task, tuple("abcdefgh"[:classes]), "0" * 64, generated)
        for system in ("cnn", "svm_rbf"):
            files[system] = tmp_path / f"{system}.h5"
            made = {split: rng.dirichlet(np.ones(classes), len(truth)) for split, truth in labels.items()}
            probabilities.write(files[system], description, made, 1.0)
            content["systems"][system] = {
                split: [
                    row._asdict()
                    for row in metrics.measure(truth, probabilities.read(files[system], split), task, replicates=10)
                ]
                for split, truth in labels.items()
            }
        archive = tmp_path / "predictions.zip"
        count = prediction_files.write(archive, flag, size, source, [(content, files)])
        folder = tmp_path / "unpacked"
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(folder)
        side = "" if size == 28 else f"_{size}"
        np.savez(tmp_path / f"{flag}{side}.npz", **{f"{split}_labels": v[:, None] for split, v in labels.items()})
        monkeypatch.setattr(Evaluator.__init__, "__defaults__", (None, str(tmp_path)))
        names = sorted(path.name for path in folder.glob("*.csv"))
        assert len(names) == count == 4
        return content, folder, names

    return write


@pytest.mark.parametrize(("flag", "classes", "size"), [("breastmnist", 2, 28), ("bloodmnist", 8, 64)])
def test_the_official_evaluator_finds_what_we_measured(written, flag, classes, size):
    content, folder, names = written(flag, classes, size)
    for name in names:
        area, accuracy = Evaluator.parse_and_evaluate(str(folder / name))
        system = name.partition("@")[2].split("+")[1]
        rows = content["systems"][system]["val" if "_val_" in name else "test"]
        values = {row["metric"]: row["value"] for row in rows}
        assert accuracy == values["accuracy"]
        assert area == pytest.approx(values["auroc"], abs=1e-12)
        assert f"[AUC]{area:.3f}_[ACC]{accuracy:.3f}@" in name
    # The evaluator writes each file again, under the name that it would give: none is new.
    assert sorted(path.name for path in folder.glob("*.csv")) == names


@pytest.mark.parametrize(
    ("source", "generated", "mark"),
    [
        ("official", False, "@net+"),
        ("surrogate", False, "@surrogate-split+net+"),
        ("file", False, "@own-file+net+"),
        ("generated", True, "@generated-images+net+"),
        ("file", True, "@generated-images+net+"),
    ],
)
def test_the_name_of_a_run_says_what_the_data_are(written, source, generated, mark):
    _, folder, names = written("breastmnist", 2, source=source, generated=generated)
    assert all(mark in name for name in names)
    readme = (folder / "README.txt").read_text()
    assert ("GENERATED" in readme) == generated and "not for clinical use" in readme


def test_names_hold_no_second_cut():
    """The evaluator cuts the name of a run at the first dot and the last @."""
    for content, expected in (
        ({"model": "ensembles", "seed": None}, "ensembles+x"),
        ({"model": "learning_curve", "seed": 2}, "learning_curve+x+repeat2"),
        ({"model": "a_b-c", "seed": 1}, "a_b-c+x+seed1"),
    ):
        assert prediction_files.run_name("official", content, "x") == expected


def test_equal_content_gives_equal_bytes(written, tmp_path):
    written("breastmnist", 2)
    before = (tmp_path / "predictions.zip").read_bytes()
    written("breastmnist", 2)
    assert (tmp_path / "predictions.zip").read_bytes() == before


def test_a_system_without_measures_is_named(tmp_path):
    content = {"model": "net", "seed": 1, "generated": False, "systems": {}}
    with pytest.raises(UserError, match="net/cnn has no measures"):
        prediction_files.write(tmp_path / "x.zip", "breastmnist", 28, "official", [(content, {"cnn": "cnn.h5"})])
    assert not (tmp_path / "x.zip").exists()
