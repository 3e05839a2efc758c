"""Tests of ablations: what can be taken away, which files follow, what is left of the measures, what the page says."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import synthetic
from configurations import completed
from scipy import stats

from medfusion.errors import UserError
from medfusion.evaluation import ablations as measured
from medfusion.figures import ablation_figures, drawing
from medfusion.files.metric_files import tidy
from medfusion.learning.architectures import LAYERS, OPTIONS
from medfusion.planning import ablations
from medfusion.planning.config_checks import inconsistencies
from medfusion.planning.job_settings import job_settings
from medfusion.planning.page_plan import PagePlan
from medfusion.planning.plan import Plan
from medfusion.report import ablations as section
from medfusion.report.page_components import Section

EVERYTHING = """
datasets:
  breast: {models: {breast_cnn: {ablations: {without: ~}}, breast_resnet: {ablations: {without: ~}}}}
  blood:
    models:
      compact_resnet: {ablations: {seeds: [2, 3], classifiers: [svm_rbf]}}
      blood_cnn: {ablations: {without: ~}}
"""


@pytest.fixture(scope="module")
def plan():
    return Plan(completed(EVERYTHING))


def names(plan, dataset, base):
    return [variant.name for variant in plan.variants[dataset].values() if variant.base == base]


def wildcards(**values):
    return SimpleNamespace(**values)


def test_everything_that_is_on_can_be_taken_away_and_nothing_else(plan):
    of_augmentation = ["without_augmentation", "without_flip", "without_rotation", "without_scale"]
    assert names(plan, "breast", "breast_cnn") == [
        *of_augmentation, "without_contrast", "without_early_stopping", "without_network", "layer_flatten",
    ]  # fmt: skip
    assert names(plan, "breast", "breast_resnet") == [
        "without_symmetries", "without_shift", "without_batch_norm", "without_dropout", "without_weight_decay",
        "without_label_smoothing", "without_test_time_augmentation", "without_network", "layer_features",
    ]  # fmt: skip
    assert names(plan, "blood", "blood_cnn") == [
        *of_augmentation, "without_batch_norm", "without_dropout", "without_dense_dropout", "without_l2",
        "without_early_stopping", "without_network", "layer_flatten", "layer_dense",
    ]  # fmt: skip
    assert names(plan, "blood", "compact_resnet") == [
        "without_original_epochs", "without_affine", "without_symmetries", "without_shift", "without_batch_norm",
        "without_dropout", "without_weight_decay", "without_label_smoothing", "without_test_time_augmentation",
        "without_network",
    ]  # fmt: skip


def test_each_variant_differs_from_its_base_in_one_value_or_in_its_augmented_set(plan):
    for dataset, variants in plan.variants.items():
        for path, variant in variants.items():
            base = plan.network(wildcards(dataset=dataset, model=variant.base))
            parts = [(part, key) for part in ("options", "training", "features") for key in base[part]]
            changed = [key for part, key in parts if variant.network[part][key] != base[part][key]]
            assert len(changed) == (0 if variant.augmentation_off else 1) or variant.name == "without_network", path
            assert variant.trained == (
                changed not in (["test_time_augmentation"], ["layers"], ["layers", "test_time_augmentation"])
            ), path


def test_what_only_features_tell_apart_applies_the_trained_network_of_its_base(plan):
    def trained(path):
        return plan.trained_network(wildcards(dataset="blood", model=path, seed=2))

    own = "results/blood/ablations/compact_resnet/without_dropout/seed2/model.keras"
    assert trained("ablations/compact_resnet/without_dropout") == own
    for change in ("", "/without_test_time_augmentation", "/without_network"):
        path = f"ablations/compact_resnet{change}" if change else "compact_resnet"
        assert trained(path) == "results/blood/compact_resnet/seed2/model.keras"


def test_a_kind_of_augmentation_has_an_augmented_set_of_its_own_and_the_others_share_one(plan):
    def augmented_set(change):
        return plan.augmented(wildcards(dataset="breast", model=f"ablations/breast_cnn/{change}"))

    assert augmented_set("without_rotation") == ["results/breast/augmented-without-rotation.h5"]
    assert augmented_set("without_early_stopping") == ["results/breast/augmented.h5"]
    assert augmented_set("without_augmentation") == []
    of_stage = job_settings(plan)["augment"]
    whole = of_stage(wildcards(dataset="breast", augmented="augmented"))["augmentation"]
    assert whole == plan.datasets["breast"]["augmentation"]
    for kind, off in {"flip": "none", "rotation": 0, "scale": 0, "contrast": 0}.items():
        without = of_stage(wildcards(dataset="breast", augmented=f"augmented-without-{kind}"))["augmentation"]
        assert without == {**whole, kind: off}


def test_ablated_models_are_in_no_group_of_candidates_and_in_the_table_of_all_measures(plan):
    assert not any("ablations" in group for groups in plan.groups.values() for group in groups)
    group = "ablations/blood_cnn/without_l2/seed1"
    files = plan.ablation_groups["blood"][group]
    folder = f"results/blood/{group}"
    assert files["blood_cnn/without_l2/cnn"] == f"{folder}/features.h5"
    assert files["blood_cnn/without_l2/svm_rbf"] == f"{folder}/svm_rbf/probabilities.h5"
    assert f"{folder}/metrics.json" not in plan.metrics("blood")
    collected = job_settings(plan)["collect_metrics"](wildcards())["files"]
    assert f"{folder}/metrics.json" in collected and len(collected) == len(set(collected))
    settings = job_settings(plan)["evaluate"](wildcards(dataset="blood", group=group))
    assert (settings["model"], settings["seed"]) == ("ablations", 1) and settings["systems"] == list(files)


def test_only_classifiers_are_measured_where_the_network_is_the_same(plan):
    files = plan.ablation_groups["blood"]["ablations/blood_cnn/layer_dense/seed1"]
    assert [name.rpartition("/")[2] for name in files] == ["svm_rbf", "random_forest", "decision_tree"]


def test_without_normalisation_the_dense_layer_is_no_other_layer():
    config = completed("{networks: {five_layer: {options: {batch_norm: false}}}}")
    network = config["networks"]["five_layer"]
    assert ablations.other_layers(network, ["svm"]) == ["flatten"]
    network["features"]["layers"] = ["dense"]
    assert ablations.other_layers(network, ["svm"]) == ["flatten"]
    network["options"]["batch_norm"] = True
    assert ablations.other_layers(network, ["svm"]) == ["flatten", "features"]
    assert ablations.other_layers(network, []) == []


def test_the_only_kind_of_an_augmented_set_is_taken_away_with_its_copies():
    network = completed()["networks"]["breast_cnn"]
    alone = {"copies": 2, "seed": 0, "flip": "none", "rotation": 20, "scale": 0, "contrast": 0}
    assert ablations.removable(network, alone, []) == ["augmentation", "early_stopping"]


def test_weight_decay_counts_only_for_the_optimiser_that_has_it():
    config = completed("{networks: {breast_cnn: {training: {weight_decay: 0.1}}}}")
    augmentation = config["datasets"]["breast"]["augmentation"]
    network = config["networks"]["breast_cnn"]
    assert "weight_decay" not in ablations.removable(network, augmentation, [])
    network["training"]["optimizer"] = "adamw"
    assert "weight_decay" in ablations.removable(network, augmentation, [])


def test_every_part_has_words_and_every_option_that_regularises_can_be_taken_away():
    schema_parts = {*ablations.AUGMENTATION_OFF, *ablations.TRAINING_OFF, *ablations.OPTIONS_OFF}
    assert schema_parts | {"augmentation", "test_time_augmentation", "network"} == set(ablations.WORDS)
    options = {name for options in OPTIONS.values() for name in options}
    others = {"batch_norm_momentum", "blocks", "widths", "stem_stride"}
    pretrained = {"application", "weights", "sha256", "input_size", "fine_tune", "pretrained_on"}
    assert options - set(ablations.OPTIONS_OFF) == others | pretrained, (
        "an option of an architecture: can it be taken away (OPTIONS_OFF and WORDS of ablations.py, the schema)?"
    )
    assert all(ablations.PIXELS in layers for layers in LAYERS.values())


def test_nothing_is_compared_where_nothing_is_ablated():
    config = completed()
    assert ablations.comparisons(config, "breast") == [] and list(inconsistencies(config)) == []
    plan = Plan(config)
    files = [*PagePlan(plan).figures("breast"), *plan.all_metrics("breast")]
    assert not any("ablations" in file for file in files)


def test_each_member_of_a_fusion_is_compared_with_the_fusion(plan):
    found = ablations.comparisons(plan.config, "breast")
    members = [(entry.measured, entry.reference) for entry in found if entry.part == "member"]
    forest = ("breast_cnn", "cnn_svm_forest_chosen")
    wanted = [(("breast_cnn", name), forest) for name in ("cnn", "svm", "random_forest")]
    assert [pair for pair in members if pair[1] == forest] == wanted


# -- measures ----------------------------------------------------------------------------------------------------------

BASE = {1: (0.80, 0.82), 2: (0.82, 0.90), 3: (0.87, 0.86)}  # validation and test, by seed
WITHOUT = {1: (0.79, 0.80), 2: (0.80, 0.85), 3: (0.85, 0.87)}


def contents():
    """A model of three seeds, and the same without dropout; baselines."""
    found = [synthetic.metrics("net", seed, {"cnn": both, "svm": (0.9, 0.9)}) for seed, both in BASE.items()]
    found += [synthetic.metrics("ablations", seed, {"net/without_dropout/cnn": both}) for seed, both in WITHOUT.items()]
    return [*found, synthetic.metrics("baselines", None, {"majority": (0.7, 0.7)})]


def comparison(seeds=(1, 2, 3), reference="cnn"):
    return {
        "base": "net",
        "part": "change",
        "words": "without dropout",
        "system": "cnn",
        "measured": ["ablations", "net/without_dropout/cnn"],
        "reference": ["net", reference],
        "seeds": list(seeds),
    }


def test_differences_are_those_of_the_same_seeds():
    (found,) = measured.contributions(tidy(contents()), [comparison()], 0.9)
    difference = found.differences["test", "accuracy"]
    each = np.array([0.80 - 0.82, 0.85 - 0.90, 0.87 - 0.86])
    assert difference.mean == pytest.approx(each.mean())
    assert difference.sd == pytest.approx(each.std(ddof=1))
    interval = stats.ttest_rel([0.80, 0.85, 0.87], [0.82, 0.90, 0.86]).confidence_interval(0.9)
    assert (difference.low, difference.high) == pytest.approx(interval)
    assert found.scores["val", "accuracy"].mean == pytest.approx((0.79 + 0.80 + 0.85) / 3)


def test_one_seed_has_no_interval():
    (found,) = measured.contributions(tidy(contents()), [comparison(seeds=[2])], 0.95)
    difference = found.differences["val", "accuracy"]
    assert difference.mean == pytest.approx(-0.02) and math.isnan(difference.sd)
    assert section.in_words(difference) == "−0.020"
    assert section.difference_cell(difference).note == ""


def test_a_run_that_is_missing_is_one_message():
    with pytest.raises(UserError, match=r"net/without_dropout/cnn or net/cnn with seed 4"):
        measured.paired(tidy(contents()), [comparison(seeds=[4])])


def test_ablated_systems_are_no_candidates():
    rows = contents() + [synthetic.metrics("ablations", 1, {"net/without_l2/cnn": (1.0, 1.0)})]
    assert [row.address for row in synthetic.ranked(tidy(rows), "accuracy").systems] == ["net/svm", "net/cnn"]


# -- figure and page ---------------------------------------------------------------------------------------------------


def test_the_figure_shows_every_seed_and_its_numbers_are_the_same():
    rows = measured.paired(tidy(contents()), [comparison()])
    with drawing.style("white"):
        figure = ablation_figures.contributions(rows, 0.95, "BreastMNIST")
    val, test = figure.axes
    dots = [line for line in test.lines if line.get_marker() == "o"]
    assert sorted(dots[0].get_xdata()) == pytest.approx([-0.05, -0.02, 0.01])
    (bar,) = test.patches
    interval = stats.ttest_1samp([-0.05, -0.02, 0.01], 0).confidence_interval(0.95)
    assert (bar.get_x(), bar.get_x() + bar.get_width()) == pytest.approx(interval)
    assert test.get_xlim() == pytest.approx((-0.055, 0.055))  # as far as the dots go, not the bar
    assert [label.get_text() for label in val.get_yticklabels()] == ["without dropout · cnn"]
    numbers = ablation_figures.contribution_numbers(rows)
    assert test.get_title() == "net: test, n = 80" and val.get_title() == "net: validation, n = 40"
    assert len(numbers) == 6 and set(numbers["split"]) == {"val", "test"}
    given = numbers["accuracy"] - numbers["accuracy_as_configured"]
    np.testing.assert_allclose(numbers["difference"], given)


def ablated_config():
    config = synthetic.config()
    net = config["datasets"]["breast"]["models"]["net"]
    net.update(seeds=[1, 2, 3], ablations={"seeds": None, "classifiers": [], "without": ["dropout"], "layers": []})
    config["datasets"]["breast"]["augmentation"] = {}
    config["networks"] = {
        "net": {
            "architecture": "breast_cnn",
            "options": {"dropout": 0.5},
            "training": {},
            "features": {"layers": ["features"]},
        }
    }
    return config


def test_the_page_has_base_and_changes_with_their_differences():
    part = Section("key", "title")
    section.fill(part, ablated_config(), "breast", tidy(contents()), "95 %")
    (table,) = part.tables
    configured, changes = table.bodies
    assert [row.cells[1].text for row in configured.rows] == ["network", "SVM"]
    (row,) = changes.rows
    texts = dict(zip(table.head, [cell.text for cell in row.cells], strict=True))
    assert texts["Change"] == "without dropout" and texts["Seeds"] == "3" and texts["Test n"] == "80"
    position = table.head.index("Test accuracy, 95 % interval") + 1
    assert row.cells[position].text == "−0.020 ± 0.030"
    assert row.cells[position].note == "−0.095 to +0.055"
    assert all(len(row.cells) == len(table.head) for body in table.bodies for row in body.rows)
    assert any("None of these systems is a candidate or part of any ensemble" in text for text in part.method)


def test_the_page_has_no_section_where_nothing_is_ablated():
    part = Section("key", "title")
    section.fill(part, synthetic.config(), "breast", tidy(contents()), "95 %")
    assert not part
