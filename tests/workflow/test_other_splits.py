"""Cross-validation and other splits of the tiny workflow: what stands on what, what a run makes, what runs again."""

import csv
import re

import numpy as np
import pytest
import yaml
from conftest import copy_project
from graph import job_graph
from specification import partition_jobs

from medfusion.files import fold_ensembles, images, probabilities
from medfusion.jobs import looks
from medfusion.learning.calibration import scale

TARGETS = ("crossvalidation", "resplits")
SEEING = {"evaluate", "summarise_partitions"}
# What is said of averages over folds: these are fitted and calibrated without the labels of the given test split.
OF_ENSEMBLES = {"evaluate", "rank_systems", "assess_reliability", "summarise_fold_ensembles"}


@pytest.fixture(scope="module")
def divided(tmp_path_factory):
    project = copy_project(tmp_path_factory.mktemp("divided") / "project", "tiny.yaml")
    project.lay_over("partitioned.yaml")
    return project


def test_what_stands_on_which_test_labels(divided):
    """A fold's test labels reach nothing but its evaluation; those of the data set are divided by `resplits` alone."""
    graph = job_graph(divided, TARGETS)
    assert set(graph.outputs) >= partition_jobs(divided.config())
    labels = {file for file in graph.made_by if file.endswith("/test_labels.h5")}
    of_folds = {file for file in labels if re.search("/(crossvalidation|resplits)/", file)}
    assert len(of_folds) == 3 + 2 and len(labels) == 7

    def seeing(sources):
        found = {job for job, files in graph.inputs.items() if files & sources}
        return {job.partition("/")[0] for job in graph.following(found)}

    assert seeing(of_folds) == SEEING
    assert seeing({"results/breast/test_labels.h5"}) == OF_ENSEMBLES
    assert "partition_images" in seeing({"results/blood/test_labels.h5"})


@pytest.fixture(scope="module")
def run(divided):
    divided.snakemake("-j", "8", *TARGETS)
    return divided


@pytest.mark.slow
def test_the_folds_test_every_image_of_the_pool_once(run):
    folder = run.folder / "results/breast"
    pool = np.concatenate([images.read_images(folder / f"images/{split}.h5") for split in ("train", "val")])
    tested = [images.read_images(folder / f"crossvalidation/repeat1-fold{fold}/images/test.h5") for fold in (1, 2, 3)]
    assert sorted(image.tobytes() for image in np.concatenate(tested)) == sorted(image.tobytes() for image in pool)


@pytest.mark.slow
def test_the_ledger_names_systems_by_their_folder_below_the_fold(run):
    read = {
        name for entry in looks.read(run.folder / looks.LEDGER) if "-fold" in entry["dataset"] for name in entry["read"]
    }
    assert {"breast_cnn/seed1/cnn", "breast_cnn/seed1/svm_linear"} <= read
    assert not any("-fold" in name for name in read)


@pytest.mark.slow
def test_means_are_those_of_the_measures(run):
    folder = run.folder / "results/breast/crossvalidation"
    with open(folder / "values.csv", encoding="utf-8") as file:
        values = [row for row in csv.DictReader(file) if (row["system"], row["metric"]) == ("svm_linear", "accuracy")]
    with open(folder / "measures.csv", encoding="utf-8") as file:
        rows = {(row["system"], row["metric"]): row for row in csv.DictReader(file)}
    row = rows["breast_cnn/svm_linear", "accuracy"]
    assert len(values) == 3 == int(row["folds"])
    assert float(row["mean"]) == pytest.approx(np.mean([float(value["value"]) for value in values]), abs=1e-6)
    summary = (folder / "summary.md").read_text(encoding="utf-8")
    assert summary.startswith("# Breast ultrasound (generated images): cross-validation\n")
    assert "`breast_cnn/cnn` against `breast_cnn/svm_linear`" in summary


@pytest.mark.slow
def test_averages_over_folds(run):
    """Each image of the pool has the probabilities of the fold that tested it; test images the mean over the folds."""
    folder = run.folder / "results/breast/crossvalidation"
    pool = np.concatenate(
        [images.read_images(run.folder / f"results/breast/images/{split}.h5") for split in ("train", "val")]
    )
    for system, file in (("cnn", "features.h5"), ("svm_linear", "svm_linear/probabilities.h5")):
        found, temperature = fold_ensembles.read(folder / f"ensembles/breast_cnn/seed1/{system}/folds.h5")
        members = []
        for fold in (1, 2, 3):
            of_fold = folder / f"repeat1-fold{fold}"
            own = probabilities.read(of_fold / "breast_cnn/seed1" / file, "test")
            assert np.array_equal(scale(own, temperature), found.out_of_fold[found.fold == fold - 1])
            assert np.array_equal(images.read_images(of_fold / "images/test.h5"), pool[found.fold == fold - 1])
            assert np.array_equal(images.read_labels(of_fold / "test_labels.h5"), found.labels[found.fold == fold - 1])
            given = fold_ensembles.read_given(of_fold / "breast_cnn/seed1/given_test.h5", system)
            members.append(scale(given, temperature))
        mean = probabilities.read(folder / f"ensembles/breast_cnn/seed1/{system}/folds.h5", "test")
        assert np.allclose(mean, np.mean(members, axis=0), atol=1e-6) and len(mean) == 60
    summary = (folder / "ensembles/summary.md").read_text(encoding="utf-8")
    assert summary.startswith("# Breast ultrasound (generated images): systems averaged over folds\n")
    assert "each of the 160 images" in summary and "the 60 images of the given test split" in summary


@pytest.mark.slow
def test_ensembles_and_seeds_are_part_of_other_splits(run):
    text = (run.folder / "results/blood/resplits/measures.csv").read_text(encoding="utf-8")
    assert "compact_resnet/svm_rbf,accuracy" in text and "ensembles/ensemble_cnn,accuracy" in text


@pytest.mark.slow
def test_what_runs_again(run):
    assert not run.planned("crossvalidation") and not run.planned("resplits")
    before = run.overlay.read_text(encoding="utf-8")
    for key, value, again in (
        ("practically_equivalent", 0.02, {"summarise_partitions": 1}),
        ("folds", 4, {"partition_images": 4, "train_cnn": 4}),
    ):
        overlay = yaml.safe_load(before)
        overlay["datasets"]["breast"]["crossvalidation"][key] = value
        run.overlay.write_text(yaml.safe_dump(overlay), encoding="utf-8")
        planned = run.planned("crossvalidation")
        assert {rule: planned[rule] for rule in again} == again
        assert not planned["group_images"] and not planned["prepare"]
    run.overlay.write_text(before, encoding="utf-8")
