"""Tests of sound configurations: defaults, switched-off entries, overlays, and agreement with the code."""

import copy
import json
from typing import get_args

import pytest
from configurations import BASE, GRIDS, OVERLAYS, ROOT, completed
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from medfusion.data import datafiles
from medfusion.data.medmnist_info import INFO
from medfusion.data.synthetic_images import SYNTHETIC_SETS
from medfusion.learning.architectures.registry import OPTIONS
from medfusion.learning.grid_search import combinations_of
from medfusion.learning.margins import svc_settings
from medfusion.planning import backbones, systems
from medfusion.planning import config as configuration
from medfusion.planning.config_models.datasets import Dataset
from medfusion.planning.config_models.networks import Input, Options

CLASSES = {
    "svm": SVC,
    "logistic_regression": LogisticRegression,
    "random_forest": RandomForestClassifier,
    "decision_tree": DecisionTreeClassifier,
}


def test_config_yaml_is_valid_and_is_not_changed():
    before = copy.deepcopy(BASE)
    result = configuration.complete(BASE)
    assert before == BASE
    assert list(result["datasets"]) == ["breast", "blood"]


@pytest.mark.parametrize("path", OVERLAYS, ids=lambda path: path.stem)
def test_every_overlay_is_valid_on_top_of_config_yaml(path):
    result = completed(path.read_text(encoding="utf-8"))
    assert set(result["datasets"]) == {"breast", "blood"}
    for dataset in result["datasets"].values():
        assert dataset["source"] == "official" or dataset["label"]


def test_the_demo_is_generated_and_smaller():
    result = completed((ROOT / "configs/demo.yaml").read_text(encoding="utf-8"))
    assert {dataset["source"] for dataset in result["datasets"].values()} == {"generated"}
    assert "blood_cnn_10k" not in result["datasets"]["blood"]["models"]
    assert result["results"] != BASE["results"]


def test_defaults_are_filled_in_and_what_is_named_stays():
    result = completed()
    network = result["networks"]["compact_resnet"]
    assert network["training"] == {**BASE["defaults"]["training"], **BASE["networks"]["compact_resnet"]["training"]}
    assert network["features"]["layers"] == BASE["defaults"]["features"]["layers"]
    assert result["networks"]["breast_cnn"]["options"] == OPTIONS["breast_cnn"]
    assert result["networks"]["resnet28"]["training"]["affine"] is None
    given = BASE["networks"]["size_study"]["options"]
    assert result["networks"]["size_study"]["options"] == {**OPTIONS["compact_resnet"], **given}
    svm = result["classifiers"]["svm_linear"]
    assert (svm["selection"], svm["folds"], svm["search_images"]) == ("validation", 5, None)
    assert svm["calibration"] == "temperature"
    assert result["fusions"]["cnn_svm_chosen"]["step"] == 0.05


def test_a_whole_number_is_the_same_setting_however_it_is_written_but_not_in_a_grid():
    rate = "networks: {breast_cnn: {training: {learning_rate: 1.0}}}"
    result = json.dumps(completed(f"{{{rate}, classifiers: {{svm: {{grid: {{C: [1.0]}}}}}}}}"))
    assert '"learning_rate": 1,' in result
    assert '"C": [1.0]' in result


def test_what_may_be_left_out_is_filled_in():
    def change(config):
        config["fusions"]["short"] = {"choose": ["cnn", "svm"]}
        breast = config["datasets"]["breast"]
        for key in (
            "path",
            "sha256",
            "label",
            "positive",
            "learning_curve",
            "crossvalidation",
            "primary",
            "published",
            "ensembles",
        ):
            del breast[key]
        breast["models"] = {"only": {"network": "breast_cnn", "seeds": [1]}}

    result = completed(change=change)
    breast = result["datasets"]["breast"]
    assert breast["models"]["only"] == {
        "network": "breast_cnn", "seeds": [1], "train_images": "all", "drop_near_duplicates_of": [],
        "classifiers": [], "fusions": [],
    }  # fmt: skip
    assert (breast["ensembles"], breast["published"], breast["learning_curve"]) == ({}, [], None)
    assert result["fusions"]["short"]["step"] == 0.05
    assert systems.systems(breast, "only") == ["cnn"]


def test_null_switches_entries_off():
    result = completed(
        """
        datasets:
          blood: ~
          breast: {ensembles: {ensemble_svm: ~}, models: {breast_cnn: {fusions: [cnn_svm_chosen]}}}
        networks: {five_layer: ~}
        fusions: {cnn_50_svm_50: ~, cnn_svm_forest_chosen: ~}
        """
    )
    assert list(result["datasets"]) == ["breast"]
    assert list(result["datasets"]["breast"]["ensembles"]) == ["ensemble_cnn", "ensemble_resnet", "ensemble_resnets"]
    assert "five_layer" not in result["networks"]
    assert "cnn_50_svm_50" not in result["fusions"]


def test_an_overlay_changes_single_keys_and_replaces_lists():
    result = completed(
        "networks: {blood_cnn: {training: {epochs: 3}}}\ndatasets: {breast: {models: {breast_cnn: {seeds: [9]}}}}"
    )
    training = result["networks"]["blood_cnn"]["training"]
    assert training["epochs"] == 3
    assert training["reduce_lr"] == BASE["networks"]["blood_cnn"]["training"]["reduce_lr"]
    model = result["datasets"]["breast"]["models"]["breast_cnn"]
    assert model["seeds"] == [9]
    assert model["fusions"] == BASE["datasets"]["breast"]["models"]["breast_cnn"]["fusions"]


def test_members_and_systems_keep_their_order():
    result = completed()
    assert systems.fusion_members(result["fusions"]["cnn_30_svm_70"]) == ["cnn", "svm_rbf"]
    assert systems.fusion_members(result["fusions"]["cnn_svm_forest_chosen"]) == ["cnn", "svm", "random_forest"]
    assert systems.systems(result["datasets"]["blood"], "blood_cnn_10k") == ["cnn", "svm_rbf", "cnn_50_svm_50"]


@pytest.mark.parametrize("kind", GRIDS)
def test_grid_keys_are_scikit_learns(kind):
    assert set(GRIDS[kind].model_fields) - {"relative_gamma"} <= set(CLASSES[kind]().get_params())


@pytest.mark.parametrize("overlay", [None, *OVERLAYS], ids=lambda path: path.stem if path else "config")
def test_every_cell_passes_scikit_learns_own_check(overlay):
    result = completed(overlay.read_text(encoding="utf-8") if overlay else None)
    for classifier in result["classifiers"].values():
        for combination in combinations_of(classifier["grid"]):
            taken = svc_settings(combination, 10) if classifier["kind"] == "svm" else combination
            CLASSES[classifier["kind"]](**taken)._validate_params()


def test_the_models_know_the_options_of_every_architecture_and_the_generated_data_sets():
    known = set(Options.model_fields)
    assert {option for options in (*OPTIONS.values(), backbones.OPTIONS) for option in options} == known
    assert set(Input.model_fields) == set(backbones.INPUT)
    flags = get_args(Dataset.model_fields["flag"].annotation)
    assert None in flags
    flags = [flag for flag in flags if flag]
    assert set(flags) == {flag for flag in INFO if "3d" not in flag} == set(SYNTHETIC_SETS)
    assert {flag: INFO[flag]["python_class"] for flag in flags} == datafiles.NAMES
    assert {flag: INFO[flag]["task"] for flag in flags} == datafiles.TASKS
    assert {flag: len(INFO[flag]["label"]) for flag in flags} == datafiles.CLASSES
    assert {flag: INFO[flag]["n_samples"] for flag in flags} == datafiles.COUNTS
