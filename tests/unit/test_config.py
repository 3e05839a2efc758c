"""Tests of the configuration: defaults, switched-off entries, messages, overlays, and agreement with the code."""

import copy
from pathlib import Path

import pytest
import yaml
from sklearn.ensemble import RandomForestClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from snakemake.utils import update_config

from medfusion import config as configuration
from medfusion.architectures import OPTIONS
from medfusion.classifiers import grid_cells
from medfusion.errors import UserError
from medfusion.medmnist_info import INFO
from medfusion.phantoms import PHANTOMS

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = yaml.safe_load((ROOT / "schemas/config.schema.yaml").read_text(encoding="utf-8"))
BASE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
OVERLAYS = sorted((ROOT / "configs").glob("*.yaml"))
CLASSES = {"svm": SVC, "random_forest": RandomForestClassifier, "decision_tree": DecisionTreeClassifier}


def completed(overlay=None, change=None):
    """config.yaml with an overlay (YAML text, merged as Snakemake does) and a change made to it, completed."""
    config = copy.deepcopy(BASE)
    if overlay:
        update_config(config, yaml.safe_load(overlay))
    if change:
        change(config)
    return configuration.complete(config, SCHEMA)


def test_config_yaml_is_valid_and_is_not_changed():
    before = copy.deepcopy(BASE)
    result = configuration.complete(BASE, SCHEMA)
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
    assert network["features"]["layer"] == BASE["defaults"]["features"]["layer"]
    assert result["networks"]["breast_cnn"]["options"] == {}
    svm = result["classifiers"]["svm_linear"]
    assert (svm["selection"], svm["folds"], svm["search_images"]) == ("validation", 5, None)
    assert svm["calibration"] == "temperature"
    assert result["fusions"]["cnn_svm_chosen"]["step"] == 0.05


def test_what_may_be_left_out_is_filled_in():
    def change(config):
        config["fusions"]["short"] = {"choose": ["cnn", "svm"]}
        breast = config["datasets"]["breast"]
        for key in ("path", "sha256", "label", "positive", "learning_curve", "published", "votes"):
            del breast[key]
        breast["models"] = {"only": {"network": "breast_cnn", "seeds": [1]}}

    result = completed(change=change)
    breast = result["datasets"]["breast"]
    assert breast["models"]["only"] == {
        "network": "breast_cnn", "seeds": [1], "train_images": "all", "classifiers": [], "fusions": []
    }  # fmt: skip
    assert (breast["votes"], breast["published"], breast["learning_curve"]) == ({}, [], None)
    assert result["fusions"]["short"]["criterion"] == "accuracy"
    assert configuration.systems(breast, "only") == ["cnn"]


def test_null_switches_entries_off():
    result = completed(
        """
        datasets:
          blood: ~
          breast: {votes: {vote_svm: ~}, models: {breast_cnn: {fusions: [cnn_svm_chosen]}}}
        networks: {five_layer: ~}
        fusions: {cnn_50_svm_50: ~, cnn_svm_forest_chosen: ~}
        """
    )
    assert list(result["datasets"]) == ["breast"]
    assert list(result["datasets"]["breast"]["votes"]) == ["vote_cnn"]
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
    assert configuration.fusion_members(result["fusions"]["cnn_30_svm_70"]) == ["cnn", "svm_rbf"]
    assert configuration.fusion_members(result["fusions"]["cnn_svm_forest_chosen"]) == ["cnn", "svm", "random_forest"]
    assert configuration.systems(result["datasets"]["blood"], "blood_cnn_10k") == ["cnn", "svm_rbf", "cnn_50_svm_50"]


FAULTS = {
    "{evalution: {}}": "top level: unknown key 'evalution'; did you mean 'evaluation'?",
    "{compute: {threads: 0}}": "compute.threads: 0 is less than the minimum of 1",
    "{compute: {threads: true}}": "compute.threads: True is not of type 'integer'",
    "{datasets: {breast: {source: offical}}}": "datasets.breast.source: 'offical' is not one of official, surrogate",
    "{datasets: {breast: {size: 32}}}": "datasets.breast.size: 32 is not one of 28, 64, 128, 224",
    "{datasets: {breast: {sha256: abc}}}": "datasets.breast.sha256",
    "{datasets: {'my data': {}}}": "'my data' is not a valid name; expected letters, digits, _ and -",
    "{datasets: {breast: {models: {breast_cnn: {seeds: [1, 1]}}}}}": "has non-unique elements",
    "{datasets: {breast: {models: {breast_cnn: {train_images: some}}}}}": "'some'; expected all or integer",
    "{datasets: {breast: {models: {breast_cnn: {network: brest_cnn}}}}}": "unknown network 'brest_cnn'; did you mean",
    "{datasets: {breast: {models: {breast_cnn: {classifiers: [svn]}}}}}": "classifier 'svn'; did you mean 'svm'",
    "{datasets: {breast: {models: {breast_cnn: {fusions: [nothing]}}}}}": "unknown fusion 'nothing'; known: cnn_30",
    "{datasets: {breast: {models: {votes: {network: breast_cnn, seeds: [1]}}}}}": "the name is taken by a folder",
    "{datasets: {breast: {votes: {vote_cnn: [breast_cnn/cn]}}}}": "unknown system 'breast_cnn/cn'; did you mean",
    "{datasets: {blood: {learning_curve: {network: nothing}}}}": "datasets.blood.learning_curve.network: unknown",
    "{datasets: {breast: {path: x.npz}}}": "source 'file' and path go together",
    "{datasets: {breast: {generated: {seed: 1, train: 9, val: 9, test: 9}}}}": "go together; set both or neither",
    "{datasets: {breast: {source: surrogate}}}": "datasets.breast.label: required with source 'surrogate'",
    "{datasets: {blood: {augmentation: {flip: none, rotation: 0, scale: 0}}}}": "augmentation: changes nothing",
    "{networks: {blood_cnn: {architecture: blod_cnn}}}": "unknown 'blod_cnn'; did you mean 'blood_cnn'?",
    "{networks: {blood_cnn: {options: {blocks: 2}}}}": "blood_cnn has no option 'blocks'; known: dropout",
    "{networks: {blood_cnn: {training: {epoch: 2}}}}": "unknown key 'epoch'; did you mean 'epochs'?",
    "{networks: {blood_cnn: {training: {learning_rate: 1e-3}}}}": "'1e-3' is not of type 'number'",
    "{classifiers: {svm: {grid: {c: [1]}}}}": "svm has no setting 'c'; known: C, kernel",
    "{classifiers: {svm: {grid: {C: []}}}}": "classifiers.svm.grid.C",
    "{classifiers: {svm: {calibration: none}}}": "svm has scores, not probabilities",
    "{fusions: {cnn_30_svm_70: {weights: {cnn: 0.4}}}}": "fusions.cnn_30_svm_70.weights: sum to 1.1; expected 1",
    "{fusions: {cnn_30_svm_70: {choose: [cnn, svm]}}}": "expected either weights (fixed) or choose",
    "{fusions: {cnn_svm_chosen: {step: 0.3}}}": "fusions.cnn_svm_chosen.step: 0.3 does not divide 1",
    "{fusions: {cnn_svm_forest_chosen: {step: 0.001}}}": "too many weights to try",
    "{fusions: {cnn_30_svm_70: {weights: {cnn: 0.3, svm_rbf: 0, svm: 0.7}}}}": "has the member 'svm', which is not",
    "{classifiers: {cnn_svm_chosen: {kind: svm, grid: {C: [1]}, calibration: sigmoid}}, "
    "datasets: {breast: {models: {breast_cnn: {classifiers: [svm, svm_linear, random_forest, cnn_svm_chosen]}}}}}": (
        "'cnn_svm_chosen' names a fusion and another system"
    ),
    "{fusions: ~}": "fusions: None is not of type 'object'",
    "{datasets: {breast: ~, blood: ~}}": "datasets: {}",
}


@pytest.mark.parametrize("overlay", FAULTS)
def test_a_fault_names_the_key_and_the_way_out(overlay):
    with pytest.raises(UserError) as caught:
        completed(overlay)
    assert FAULTS[overlay] in str(caught.value)


def test_all_faults_are_named_at_once():
    with pytest.raises(UserError) as caught:
        completed("{compute: {threads: 0}, evaluation: {confidence: 2}, reports: {}}")
    assert len(str(caught.value).splitlines()) == 4


def test_a_missing_key_is_named():
    with pytest.raises(UserError, match="compute: lacks threads"):
        completed(change=lambda config: config["compute"].clear())


def test_several_missing_keys_are_named_once():
    with pytest.raises(UserError) as caught:
        completed(change=lambda config: config["evaluation"].clear())
    assert len(str(caught.value).splitlines()) == 2


UNSEEN = {
    "a classifier called cnn": "{classifiers: {cnn: {kind: svm, grid: {C: [1]}, calibration: sigmoid}}, "
    "datasets: {breast: {models: {breast_cnn: {classifiers: [cnn, svm, svm_linear, random_forest]}}}}}",
    "a name that YAML reads as a number": "{classifiers: {1: {kind: svm, grid: {C: [1]}, calibration: sigmoid}}}",
    "a value that scikit-learn refuses": "{classifiers: {svm_rbf: {grid: {kernel: [rfb]}}}}",
    "a rate lowered on a plateau and scheduled": "{networks: {blood_cnn: {training: {schedule: one_cycle}}}}",
    "a positive label that the data set lacks": "{datasets: {breast: {positive: 2}}}",
}


@pytest.mark.parametrize("fault", UNSEEN)
def test_a_fault_that_a_stage_would_stumble_over(fault):
    with pytest.raises(UserError):
        completed(UNSEEN[fault])


@pytest.mark.parametrize("kind", configuration.GRID_VALUES)
def test_grid_keys_are_scikit_learns(kind):
    assert set(configuration.GRID_VALUES[kind]) <= set(CLASSES[kind]().get_params())


@pytest.mark.parametrize("overlay", [None, *OVERLAYS], ids=lambda path: path.stem if path else "config")
def test_every_cell_passes_scikit_learns_own_check(overlay):
    result = completed(overlay.read_text(encoding="utf-8") if overlay else None)
    for classifier in result["classifiers"].values():
        for cell in grid_cells(classifier["grid"]):
            CLASSES[classifier["kind"]](**cell)._validate_params()


def test_the_schema_knows_the_options_of_every_architecture_and_the_generated_data_sets():
    known = set(SCHEMA["$defs"]["options"]["properties"])
    assert {option for options in OPTIONS.values() for option in options} == known
    flags = SCHEMA["$defs"]["dataset"]["properties"]["flag"]["enum"]
    assert set(flags) <= set(INFO)
    assert set(flags) == set(PHANTOMS)
    assert {flag: len(INFO[flag]["label"]) for flag in flags} == configuration.CLASSES
