"""Ablations switched on in the finished tiny workflow: what is run, what is left alone, what is there then."""

import csv

import h5py
import numpy as np
import pytest
from graph import planned_jobs
from specification import jobs

from medfusion.reruns.records import read_all

pytestmark = [pytest.mark.slow, pytest.mark.long]
DERIVED = ("without_rotation", "pixels", "flatten", "without_averaging")  # of ablated.yaml
COLLECTING = {"collect_metrics/collect_metrics", "report/report", "summarise/summarise"}


@pytest.fixture(scope="module")
def switched_on(finished, tmp_path_factory):
    """A copy of the finished project with ablations, run; what was planned; results and when they were made before."""
    project = finished.copy(tmp_path_factory.mktemp("ablated") / "project")
    before = {record.settings.path: record.made for record in read_all(project.folder / "results")}
    was = set(jobs(project.config()))
    project.lay_over("ablated.yaml")
    done = project.snakemake("-n", "-p", "-j", "8", "report", "summarise")
    planned = planned_jobs(done.stdout + done.stderr)
    assert planned == (set(jobs(project.config())) - was) | COLLECTING
    project.snakemake("-j", "8", "report", "summarise")
    return project, before


def test_only_the_new_jobs_and_what_collects_them_were_run(switched_on):
    project, before = switched_on
    after = {record.settings.path: record.made for record in read_all(project.folder / "results")}
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {f"results/settings/{job}.json" for job in COLLECTING}
    trained = {name.rpartition("/")[2] for name in set(after) - set(before) if "/train_cnn/" in name}
    assert trained == {"breast.without_rotation.1.json"}
    assert not project.planned()


def test_the_augmented_set_without_rotation_has_the_same_copies_otherwise(switched_on):
    """The same draws: with scaling and flips alone, an unrotated copy keeps the centre of its image."""
    folder = switched_on[0].folder / "results/breast"
    sets = [folder / name for name in ("augmented.h5", "augmented-without_rotation.h5")]
    with h5py.File(sets[0]) as whole, h5py.File(sets[1]) as without:
        assert whole["images"].shape == without["images"].shape
        assert not np.array_equal(whole["images"][:], without["images"][:])


def test_what_only_the_features_tell_apart_has_the_probabilities_of_the_same_network(switched_on):
    folder = switched_on[0].folder / "results/breast"
    with (
        h5py.File(folder / "breast_cnn/seed1/features.h5") as base,
        h5py.File(folder / "flatten/seed1/features.h5") as other,
        h5py.File(folder / "pixels/seed1/features.h5") as pixels,
        h5py.File(folder / "images/test.h5") as images,
    ):
        np.testing.assert_array_equal(base["test/probabilities"], other["test/probabilities"])
        assert other["test/features"].shape[1] > base["test/features"].shape[1]
        flat = images["images"][:].reshape(len(images["images"]), -1)
        np.testing.assert_allclose(pixels["test/features"], flat / 255, atol=1e-6)
    assert not (folder / "flatten/seed1/model.keras").exists()


def test_ablated_systems_are_measured_and_shown_and_are_no_candidates(switched_on):
    project, _ = switched_on
    with open(project.folder / "results/metrics.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["model"] in DERIVED]
    assert {(row["dataset"], row["model"], row["system"], row["seed"]) for row in rows} == {
        *(("breast", model, system, "1") for model in DERIVED[:3] for system in ("cnn", "svm_linear")),
        *(("blood", "without_averaging", system, "2") for system in ("cnn", "svm_rbf")),
    }
    page = (project.folder / "results/report.html").read_text(encoding="utf-8")
    text = (project.folder / "results/results.md").read_text(encoding="utf-8")
    for written in (page, text):
        assert "copies without rotation" in written and "without_rotation/" not in written
    assert page.count('id="breast-ablations"') == page.count('id="blood-ablations"') == 1
