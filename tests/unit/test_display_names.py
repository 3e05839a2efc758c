"""Tests of display names: what follows from the configuration, what labels change, that no two systems share one."""

import copy
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from medfusion.display_names import model_names, part_names, system_names
from medfusion.errors import UserError
from medfusion.planning import config as configuration
from medfusion.planning.jobs import jobs
from medfusion.planning.plan import Plan

ROOT = Path(__file__).resolve().parents[2]
WHOLE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def complete(edit=lambda config: None):
    config = copy.deepcopy(WHOLE)
    edit(config)
    return configuration.complete(config)


def test_the_default_configuration_has_a_name_for_every_system():
    config = complete()
    plan = Plan(config)
    for dataset in plan.datasets:
        names = system_names(config, dataset)
        assert {run.address for run in plan.compared_runs(dataset)} == set(names)
        assert len(set(names.values())) == len(names)
        assert not any("_" in name or len(name) > 110 for name in names.values())
    blood = system_names(config, "blood")
    assert blood["compact_resnet/cnn"] == "Compact ResNet alone"
    assert blood["compact_resnet/svm_rbf"] == "RBF SVM on Compact ResNet"
    assert blood["compact_resnet/cnn_svm_chosen"] == "Compact ResNet + SVM, weights chosen on validation"
    assert blood["compact_resnet/cnn_30_svm_70"] == "Compact ResNet + RBF SVM, 30 : 70"
    assert blood["ensembles/ensemble_all_networks"] == "Ensemble of all networks"
    assert blood["baselines/nearest_neighbour"] == "Nearest neighbour"
    breast = system_names(config, "breast")
    assert breast["breast_resnet/cnn_50_linear_probe_c001_50"] == (
        "Compact ResNet + linear probe (C = 0.001), half each"
    )
    assert breast["breast_resnet/linear_probe_c001"] == "Linear probe (C = 0.001) on Compact ResNet"
    assert breast["ensembles/ensemble_cnn"] == "Ensemble of CNN of the original study"


def test_labels_are_what_everything_is_called():
    def edit(config):
        config["classifiers"]["svm_rbf"]["label"] = "Kernel machine"
        config["fusions"]["cnn_svm_chosen"]["label"] = "Late fusion"
        config["datasets"]["blood"]["models"]["compact_resnet"]["label"] = "Our network"
        config["datasets"]["blood"]["ensembles"]["ensemble_cnn"] = {
            "label": "All seeds",
            "systems": ["compact_resnet/cnn"],
        }

    config = complete(edit)
    names = system_names(config, "blood")
    assert names["compact_resnet/svm_rbf"] == "Kernel machine on Our network"
    assert names["compact_resnet/cnn_30_svm_70"] == "Our network + Kernel machine, 30 : 70"
    assert names["compact_resnet/cnn_svm_chosen"] == "Late fusion on Our network"
    assert names["ensembles/ensemble_cnn"] == "All seeds"
    assert part_names(config, "blood")["svm_rbf"] == "Kernel machine"
    assert config["datasets"]["blood"]["ensembles"]["ensemble_cnn"] == ["compact_resnet/cnn"]


def test_names_that_would_be_equal_have_their_keys_behind_them():
    def edit(config):
        config["classifiers"]["svm_other"] = {"kind": "svm", "grid": {"C": [3]}, "calibration": "temperature"}
        config["datasets"]["blood"]["models"]["compact_resnet"]["classifiers"].append("svm_other")

    names = system_names(complete(edit), "blood")
    assert names["compact_resnet/svm"] == "SVM on Compact ResNet"
    assert names["compact_resnet/svm_other"] == "SVM (svm_other) on Compact ResNet"
    assert names["compact_resnet/cnn_svm_chosen"] == "Compact ResNet + SVM, weights chosen on validation"


def test_a_label_wins_over_a_name_that_follows():
    def edit(config):
        config["classifiers"]["random_forest"]["label"] = "decision tree"
        config["datasets"]["blood"]["models"]["compact_resnet"]["label"] = "CNN of the original study, 10,000 images"
        config["datasets"]["blood"]["models"]["blood_cnn_10k"]["label"] = None

    config = complete(edit)
    parts = part_names(config, "blood")
    assert (parts["random_forest"], parts["decision_tree"]) == ("decision tree", "decision tree (decision_tree)")
    assert model_names(config, "blood")["blood_cnn_10k"] == "Blood CNN 10k"
    assert len(set(system_names(config, "blood").values())) == len(system_names(config, "blood"))


def test_a_model_that_nobody_named_is_called_by_its_architecture():
    def edit(config):
        config["datasets"] = {"path": {"flag": "pathmnist"}}

    names = system_names(complete(edit), "path")
    assert names["default/cnn"] == "Compact ResNet alone"
    assert names["default/cnn_50_svm_50"] == "Compact ResNet + RBF SVM, half each"


def test_a_label_changes_what_is_drawn_and_told_and_nothing_that_is_fitted():
    def edit(config):
        config["classifiers"]["svm_rbf"]["label"] = "Kernel machine"
        config["fusions"]["cnn_30_svm_70"]["label"] = "Late fusion"
        config["datasets"]["blood"]["models"]["compact_resnet"]["label"] = "Our network"
        ensembles = config["datasets"]["blood"]["ensembles"]
        ensembles["ensemble_svm"] = {"label": "SVMs", "systems": ensembles["ensemble_svm"]}

    before, after = (
        {f"{job.stage}/{job.name}": json.dumps(job.config) for job in jobs(Plan(config))}
        for config in (complete(), complete(edit))
    )
    assert set(before) == set(after)
    changed = {job for job in before if before[job] != after[job]}
    assert all(job.startswith(("draw_", "export_package/", "report/", "summarise/")) for job in changed)
    for kind in ("results", "reliability", "discrimination", "examples"):
        assert f"draw_{kind}/blood" in changed
    assert not any(job.startswith(("draw_curves", "draw_studies", "draw_training_size")) for job in changed)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda c: c["classifiers"]["svm"].update(label=""), "classifiers.svm.label: ''; expected text of 1 to 60"),
        (
            lambda c: c["fusions"]["cnn_svm_chosen"].update(label="  "),
            "fusions.cnn_svm_chosen.label: '  '; expected text",
        ),
        (lambda c: c["classifiers"]["svm"].update(label=7), "classifiers.svm.label: 7; expected text"),
        (lambda c: c["classifiers"]["svm"].update(label=["a"]), "classifiers.svm.label: ['a']; expected text"),
        (
            lambda c: c["datasets"]["blood"]["models"]["resnet28"].update(label="x" * 61),
            "datasets.blood.models.resnet28.label: 'xxx",
        ),
        (
            lambda c: c["classifiers"]["svm"].update(label="Linear  Probe"),
            "classifiers.svm.label: 'Linear  Probe' is that of classifiers.linear_probe too; choose another",
        ),
        (
            lambda c: c["fusions"]["cnn_svm_chosen"].update(label="linear probe"),
            "fusions.cnn_svm_chosen.label: 'linear probe' is that of classifiers.linear_probe too; choose another",
        ),
        (
            lambda c: c["datasets"]["blood"]["models"]["resnet28"].update(label="Five-layer CNN"),
            "datasets.blood.models.resnet28.label: 'Five-layer CNN' is that of datasets.blood.models.five_layer too",
        ),
        (
            lambda c: c["datasets"]["blood"]["ensembles"].update(
                ensemble_cnn={"label": "Ensemble of all networks", "systems": ["compact_resnet/cnn"]}
            ),
            "label: 'Ensemble of all networks' is that of datasets.blood.ensembles.ensemble_cnn too",
        ),
        (
            lambda c: c["datasets"]["blood"]["ensembles"].update(ensemble_cnn={"label": "Seeds"}),
            "datasets.blood.ensembles.ensemble_cnn: lacks systems",
        ),
        (
            lambda c: c["datasets"]["blood"]["ensembles"].update(ensemble_cnn={"systems": ["a/b"], "title": "Seeds"}),
            "datasets.blood.ensembles.ensemble_cnn: unknown key 'title'",
        ),
        (
            lambda c: c["datasets"]["blood"]["ensembles"].update(ensemble_cnn={"systems": ["nothing/cnn"]}),
            "datasets.blood.ensembles.ensemble_cnn: unknown system 'nothing/cnn'",
        ),
    ],
)
def test_a_label_that_is_none_is_one_line(edit, words):
    with pytest.raises(UserError) as caught:
        complete(edit)
    (line,) = str(caught.value).splitlines()[1:]
    assert words in line


def test_wildcards_know_a_system_by_its_key():
    plan = Plan(complete(lambda c: c["classifiers"]["svm_rbf"].update(label="Kernel machine")))
    wildcards = SimpleNamespace(dataset="blood")
    assert all("Kernel" not in file for file in plan.candidate_files(wildcards))
