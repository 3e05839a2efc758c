"""The workflow on small synthetic images, from nothing to the page; changes are in test_changes.py."""

import csv
import re

import h5py
import numpy as np
import pytest

from medfusion.files import calibrations, corrupted_files, probabilities
from medfusion.jobs import looks


def test_the_tiny_workflow_ends_with_page_and_table(finished):
    page = (finished.folder / "results/report.html").read_text(encoding="utf-8")
    assert "generated images" in page
    assert "Saliency maps" in page and "Adebayo" in page
    with open(finished.folder / "results/metrics.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "dataset",
        "name",
        "model",
        "seed",
        "system",
        "split",
        "metric",
        "value",
        "low",
        "high",
        "confidence",
        "n",
    ]
    assert all("generated images" in row["name"] for row in rows)
    systems = {(row["dataset"], row["model"], row["system"]) for row in rows}
    for system in ("cnn", "svm_linear", "svm", "random_forest", "decision_tree", "cnn_svm_chosen"):
        assert ("breast", "breast_cnn", system) in systems
    for wanted in (
        ("blood", "ensembles", "ensemble_cnn"),
        ("blood", "baselines", "majority"),
        ("blood", "learning_curve", "80"),
    ):
        assert wanted in systems
    for row in rows:
        assert float(row["low"]) <= float(row["high"])
        assert int(row["n"]) >= 0  # none for the precision of a class that nothing was taken for


def test_the_ledger_holds_one_look_of_each_data_set_with_every_system(finished):
    entries = looks.read(finished.folder / looks.LEDGER)
    assert {entry["dataset"] for entry in entries} == {"breast", "blood"}
    assert len({(entry["date"], entry["commit"], entry["configuration"]) for entry in entries}) == 1
    assert entries[0]["configuration"]
    read = {name for entry in entries for name in entry["read"]}
    for wanted in ("breast_cnn/seed1/svm", "compact_resnet/seed2/cnn_svm_rbf_chosen", "baselines/majority"):
        assert wanted in read
    page = (finished.folder / "results/report.html").read_text(encoding="utf-8")
    assert len(re.findall("No look at its .*?test labels.*? is recorded before this one", page, re.S)) == 2


def test_another_run_is_another_look_and_a_finished_one_asked_again_is_none(rerun):
    metrics = "results/breast/baselines/metrics.json"
    before = (rerun.folder / looks.LEDGER).read_bytes()
    rerun.snakemake("-j", "2", "report")
    assert (rerun.folder / looks.LEDGER).read_bytes() == before
    rerun.snakemake("-j", "2", metrics, "--config", "evaluation={replicates: 150}")
    after = (rerun.folder / looks.LEDGER).read_bytes()
    assert after.startswith(before) and after.count(b"\n") == before.count(b"\n") + 1
    assert looks.before("breast", looks.read(rerun.folder / looks.LEDGER)) == 1
    assert looks.before("blood", looks.read(rerun.folder / looks.LEDGER)) == 0


def test_artifacts_hold_what_they_should(finished):
    blood = finished.folder / "results/blood"
    with h5py.File(blood / "images/test.h5") as file:
        assert "labels" not in file
        assert file["images"].dtype == np.uint8
        assert file["images"].shape == (80, 28, 28, 3)
    with h5py.File(blood / "augmented.h5") as file:
        assert file["images"].shape == (160, 2, 28, 28, 3)
    with h5py.File(blood / "compact_resnet/seed1/features.h5") as file:
        for split, n in (("train", 160), ("val", 80), ("test", 80)):
            assert file[f"{split}/features"].shape == (n, 16 + 28 * 28 * 3)
            assert file[f"{split}/probabilities"].shape == (n, 8)
            np.testing.assert_allclose(file[f"{split}/probabilities"][:].sum(axis=1), 1, atol=1e-5)
        assert list(file.attrs["layers"]) == ["features", "rescaling"]
    fusion = finished.json("results/blood/compact_resnet/seed1/cnn_svm_rbf_chosen/fusion.json")
    assert sum(fusion["weights"]) == 1 and len(fusion["curve"]) == 21 and fusion["chosen_on"] == "validation"
    cases = finished.json("results/blood/examples/examples.json")
    assert cases["studied"] == {"model": "compact_resnet", "seed": 1, "svm": "svm_rbf", "fusion": "cnn_30_svm_70"}
    assert sum(row["n"] for row in cases["disagreements"]["table"]) == cases["n"] == 80
    with h5py.File(blood / "examples/maps.h5") as file:
        assert file.attrs["grid"].tolist() == [14, 14]
        assert file["gradcam"].shape[1:] == (14, 14) and file["occlusion"].shape[1:] == (28, 28)
        assert len(file["gradcam"]) == sum(
            row[kind] is not None for row in cases["classes"] for kind in ("right", "wrong")
        )
    compared = finished.json("results/blood/comparisons.json")
    assert len(compared["systems"]) == 7 and compared["generated"]  # 5 others than the best, 2 baselines
    assert compared["family"] == sum(row["same_as"] is None for row in compared["systems"])
    assert compared["primary"]["measure"] == "accuracy" and len(compared["primary"]["pairs"]) == 1
    parts = compared["near_duplicates"]["parts"].values()
    assert not parts or sum(part["n"] for part in parts) == compared["n"] == 80
    assert "epoch 3/3" in (finished.folder / "logs/blood/compact_resnet/seed1/model.log").read_text()


def test_probabilities_before_calibration_are_those_that_were_evaluated(finished):
    for dataset, runs in (("breast", 9), ("blood", 10)):
        chosen = calibrations.read(finished.folder / f"results/{dataset}/calibration.json")
        assert len(chosen.runs) == runs
        content = finished.json(f"results/{dataset}/reliability/reliability.json")
        for group in content["groups"]:
            folder = "ensembles" if group["model"] == "ensembles" else f"{group['model']}/seed{group['seed']}"
            evaluated = finished.json(f"results/{dataset}/{folder}/metrics.json")["systems"]
            assert evaluated.keys() == group["systems"].keys()
            for name, system in group["systems"].items():
                expected = {row["metric"]: row for row in evaluated[name]["test"]}
                found = {row["metric"]: row for row in system["test"]}
                for metric in ("ece", "brier"):
                    assert found[f"{metric}_before"] | {"metric": metric} == pytest.approx(expected[metric])
                assert found["selective_accuracy[0]"]["value"] == pytest.approx(expected["accuracy"]["value"])


def test_untouched_images_among_corrupted_ones_get_what_the_stages_say_of_them(finished):
    for dataset, model in (("breast", "breast_cnn"), ("blood", "compact_resnet")):
        folder = finished.folder / f"results/{dataset}/{model}/seed1"
        chosen = corrupted_files.numbers(folder / "corrupted.h5")
        assert len(chosen) == 40 and (dataset == "breast" or max(chosen) > 40)
        table = corrupted_files.read(finished.folder / f"results/{dataset}/corruptions.csv")
        measured = set(table["system"])
        assert measured == set(finished.json(f"results/{dataset}/{model}/seed1/metrics.json")["systems"])
        for system in measured:
            name = {"cnn": "features.h5"}.get(system)
            name = name or next(path for path in (folder / system).glob("*.h5"))
            expected = probabilities.read(folder / name, "test")[chosen]
            condition, values = next(corrupted_files.conditions(folder / "corrupted.h5", system))
            assert condition == corrupted_files.UNTOUCHED
            # Other batches of images: another order of sums.
            np.testing.assert_allclose(values, expected, atol=1e-5)
        assert {"0", "1", "5", "mean"} == set(table["severity"])
    page = (finished.folder / "results/report.html").read_text(encoding="utf-8")
    assert "When images are corrupted" in page and "AlexNet" not in page  # which saw real images


def test_a_finished_workflow_has_nothing_to_do(rerun):
    assert not rerun.planned()


def test_the_same_settings_give_the_same_bytes(rerun):
    """Everything about one model made again, and compared with what was there."""
    folder = rerun.folder / "results/blood"
    names = ["model.keras", "history.csv", "features.h5", "svm_rbf/model.skops", "svm_rbf/probabilities.h5"]
    names += ["cnn_svm_rbf_chosen/fusion.json", "cnn_svm_rbf_chosen/fused.h5", "corrupted.h5"]
    names = [f"compact_resnet/seed1/{name}" for name in names]
    names += [f"examples/{name}" for name in ("examples.json", "maps.h5", "saliency.png", "errors.png")]
    names += ["corruptions.csv", "compact_resnet/input_check.h5", "export/input_check.npz", "input_check.json"]
    before = {name: (folder / name).read_bytes() for name in names}
    for name in names:
        (folder / name).unlink()
    rerun.snakemake("-j", "1", *(str((folder / name).relative_to(rerun.folder)) for name in names))
    for name in names:
        assert (folder / name).read_bytes() == before[name], name
