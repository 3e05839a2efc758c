"""Tests of what each job needs: files, settings, identity."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from medfusion.figures.drawn import DRAWN
from medfusion.planning import config as configuration
from medfusion.planning.environment import share_of_cores
from medfusion.planning.job_settings import job_settings
from medfusion.planning.plan import Plan

ROOT = Path(__file__).resolve().parents[2]


class Wildcards(SimpleNamespace):
    """Like Snakemake's: attributes by name, values by iteration."""

    def __iter__(self):
        return iter(vars(self).values())


@pytest.fixture
def config():
    read = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    return configuration.complete(read)


def test_every_stage_has_a_slice_and_every_slice_a_stage(config):
    programs = {path.stem for path in (ROOT / "workflow_scripts").glob("*.py") if "stage.run(" in path.read_text()}
    drawn = {f"draw_{path.stem}" for path in (ROOT / "workflow_scripts/medfusion/figures/drawn").glob("[a-z]*.py")}
    assert drawn == {f"draw_{kind}" for kind in DRAWN}
    assert set(job_settings(Plan(config))) == programs - {"draw"} | drawn


def test_files_of_systems(config):
    plan = Plan(config)
    folder = "results/blood/compact_resnet/seed2"
    assert plan.probabilities("blood", "compact_resnet", 2, "cnn") == f"{folder}/features.h5"
    assert plan.probabilities("blood", "compact_resnet", 2, "svm") == f"{folder}/svm/probabilities.h5"
    assert plan.probabilities("blood", "compact_resnet", 2, "cnn_svm_chosen") == f"{folder}/cnn_svm_chosen/fused.h5"


def test_an_ensemble_counts_every_seed(config):
    plan = Plan(config)
    files = plan.ensemble_files(Wildcards(dataset="blood", ensemble="ensemble_svm"))
    assert files == [f"results/blood/compact_resnet/seed{seed}/svm_rbf/probabilities.h5" for seed in (1, 2, 3)]


def test_data_files_by_source(config):
    plan, blood = Plan(config), config["datasets"]["blood"]
    assert plan.data_file(Wildcards(dataset="blood")) == "data/bloodmnist.npz"
    blood["source"] = "surrogate"
    assert plan.data_file(Wildcards(dataset="blood")) == "data/bloodmnist_surrogate.npz"
    assert set(plan.downloads()) == {"breastmnist", "bloodmnist_surrogate"}
    blood.update(source="file", path="my images/blood.npz")
    assert plan.data_file(Wildcards(dataset="blood")) == "my images/blood.npz"
    assert set(plan.downloads()) == {"breastmnist"}


@pytest.mark.parametrize(
    ("results", "logs"), [("results", "logs"), ("results/demo", "logs/demo"), ("elsewhere", "elsewhere/logs")]
)
def test_logs_mirror_results(config, results, logs):
    assert Plan({**config, "results": results}).beside("logs") == logs


def test_networks_that_draw_from_originals_alone_do_not_wait_for_the_augmented_set(config):
    plan = Plan(config)
    assert plan.augmented(Wildcards(dataset="blood", model="compact_resnet")) == []
    assert plan.augmented(Wildcards(dataset="blood", model="blood_cnn")) == ["results/blood/augmented.h5"]


def test_jobs_take_their_share_of_the_cores(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert share_of_cores(1, 8) == 4
    assert share_of_cores(1, 2) == 1
    assert share_of_cores(2, 1) == 2
    assert share_of_cores(1, None) == 1
