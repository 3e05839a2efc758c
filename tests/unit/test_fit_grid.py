"""Tests of the stage that fits classifiers: which images it sees, and what it says of them."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

import fit_grid
from medfusion.errors import UserError
from medfusion.files import images
from medfusion.files.hdf5 import create_hdf5
from medfusion.learning.subsets import stratified_subset

DESCRIPTION = images.Description("", "multi-class", ("a", "b", "c"), "0" * 64, False)
CLASSIFIER = {
    **{"kind": "decision_tree", "grid": {"max_depth": [1, 3]}, "selection": "validation", "calibration": "none"},
    "criterion": "log_loss",
    **{"search_images": None, "fit_images": None, "fit_values": 10_000},
    **{"nystroem_components": None, "nystroem_images": None},
}


@pytest.fixture
def fitted(tmp_path, monkeypatch):
    """Runs the stage; what best.json says, and the rows of the training features that the classifier was fitted on."""
    rng, labels = np.random.default_rng(0), {"train": np.arange(90) % 3, "val": np.arange(40) % 3}
    with create_hdf5(tmp_path / "features.h5", **DESCRIPTION.attributes()) as file:
        for split, n in (("train", 90), ("val", 40), ("test", 12)):
            values = rng.normal(size=(n, 2)).astype(np.float32)
            values[:, 1] = np.arange(n)
            file[f"{split}/features"] = values
    for split, own in labels.items():
        images.write_split(tmp_path / f"{split}.h5", split, DESCRIPTION, np.zeros((len(own), 28, 28, 1), np.uint8), own)

    def run(train_images="all", dropped=(), **changes):
        from medfusion.learning import classifiers

        seen, fit = [], classifiers.fit
        monkeypatch.setattr(
            classifiers, "fit", lambda *args, **kwargs: (seen.append(args[2][:, 1]), fit(*args, **kwargs))[1]
        )
        names = {
            "grid": "g.csv",
            "best": "b.json",
            "model": "m.skops",
            "probabilities": "p.h5",
            "features": "features.h5",
        }
        args = {name: str(tmp_path / file) for name, file in {**names, "train": "train.h5", "val": "val.h5"}.items()}
        settings = {"title": "t", "seed": 3, "train_images": train_images, "classifier": {**CLASSIFIER, **changes}}
        settings["drop_near_duplicates_of"] = list(dropped)
        groups = str(tmp_path / "groups.csv") if dropped else None
        fit_grid.main(SimpleNamespace(**args, groups=groups), settings)
        monkeypatch.undo()
        return json.loads((tmp_path / "b.json").read_text()), seen[0].astype(int)

    return run


def test_a_classifier_sees_the_images_that_its_network_was_trained_on(fitted):
    best, seen = fitted(train_images=30)
    assert np.array_equal(seen, stratified_subset(np.arange(90) % 3, 30, 3))
    assert (best["training_images"], best["fitted_images"], best["scored_images"]) == (30, 30, 40)
    _, fewer = fitted(train_images=30, fit_images=9)
    assert len(fewer) == 9 and set(fewer) < set(seen)
    best, seen = fitted()
    assert np.array_equal(seen, np.arange(90)) and best["training_images"] == 90


def test_a_classifier_sees_no_near_duplicate_of_a_split_that_is_dropped(fitted, tmp_path):
    """Every second training image belongs together with a validation image, the first with a test image too."""
    rows = [("train", index, index) for index in range(90)] + [("val", index, 2 * index) for index in range(40)]
    rows += [("test", index, 0 if index == 0 else 1000 + index) for index in range(12)]
    text = "".join(f"{split},{index},{group}\n" for split, index, group in rows)
    (tmp_path / "groups.csv").write_text(f"split,index,group\n{text}", encoding="utf-8")
    best, seen = fitted(dropped=["val"])
    assert np.array_equal(seen, [index for index in range(90) if index % 2 or index >= 80])
    assert best["training_images"] == len(seen)
    assert np.array_equal(fitted(dropped=["test"])[1], np.arange(1, 90))


def test_how_many_validation_images_are_compared_on_is_told(fitted):
    best, _ = fitted(fit_values=100)
    assert (best["scored_images"], best["validation_images"], best["fitted_images"]) == (12, 40, 50)
    with pytest.raises(UserError, match="t: fit_values: 20 numbers are 2 validation images of 2 features; expected at"):
        fitted(fit_values=20)
