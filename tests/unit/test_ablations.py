"""Tests of ablations: what can be taken away, which files follow, what is left of the measures, what the page says."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import synthetic
from configurations import ROOT, completed
from scipy import stats

from medfusion.errors import UserError
from medfusion.evaluation import ablations as measured
from medfusion.evaluation import ranking
from medfusion.figures import ablation_figures, drawing
from medfusion.files.metric_files import tidy
from medfusion.planning import ablations, systems
from medfusion.planning.config_checks import inconsistencies
from medfusion.planning.job_settings import job_settings
from medfusion.planning.page_plan import PagePlan
from medfusion.planning.plan import Plan
from medfusion.report import ablations as section
from medfusion.report.page_components import Section

ABLATIONS = (ROOT / "configs/ablations.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def plan():
    return Plan(completed(ABLATIONS))


def derived(plan):
    """Data set, name and entry of every derived model."""
    for dataset, entry in plan.datasets.items():
        yield from ((dataset, name, model) for name, model in entry["derived"].items())


def wildcards(**values):
    return SimpleNamespace(**values)


def test_a_derived_model_has_what_it_says_and_else_what_its_base_has():
    config = completed("""
        datasets:
          breast:
            models:
              other: {base: breast_cnn, seeds: [2], changes: {training: {epochs: 3}, options: {dropout: 0.5}}}
    """)
    base, other = (systems.all_models(config["datasets"]["breast"])[name] for name in ("breast_cnn", "other"))
    same = {"train_images", "drop_near_duplicates_of", "classifiers", "fusions"}
    assert {key: other[key] for key in same} == {key: base[key] for key in same}
    assert other["seeds"] == [2] and other["label"] is None and "other" not in config["datasets"]["breast"]["models"]
    own, of_base = config["networks"][other["network"]], config["networks"]["breast_cnn"]
    assert own["training"] == {**of_base["training"], "epochs": 3} and own["features"] == of_base["features"]
    assert own["options"] == {**of_base["options"], "dropout": 0.5}


def test_a_base_may_have_the_network_that_fits_its_images():
    config = completed("""
        datasets: {breast: {models: {mine: {seeds: [1]}, other: {base: mine, changes: {training: {epochs: 30}}}}}}
    """)
    assert config["networks"]["breast.other"]["training"]["epochs"] == 30


def test_a_model_that_is_switched_off_takes_those_with_it_that_are_derived_from_it():
    config = completed(ABLATIONS + "      blood_cnn: ~\n    ensembles: {ensemble_all_networks: ~}\n")
    assert {model["base"] for model in config["datasets"]["blood"]["derived"].values()} == {"compact_resnet"}


def test_each_model_of_the_overlay_differs_from_its_base_in_one_thing(plan):
    for dataset, name, model in derived(plan):
        network, base = (plan.network(wildcards(dataset=dataset, model=one)) for one in (name, model["base"]))
        parts = [(part, key) for part in ("options", "training", "features") for key in base[part]]
        changed = [key for part, key in parts if network[part][key] != base[part][key]]
        if model["augmentation"]:
            kinds = plan.datasets[dataset]["augmentation"]
            changed += [kind for kind in kinds if model["augmentation"][kind] != kinds[kind]]
        assert len(changed) == 1 or name.endswith("_pixels"), name
        assert plan.trains(dataset, name) == (not {"test_time_augmentation", "layers"} & {*changed}), name


def test_what_only_features_tell_apart_applies_the_trained_network_of_its_base(plan):
    def trained(model):
        return plan.trained_network(wildcards(dataset="blood", model=model, seed=2))

    own = "results/blood/compact_resnet_no_dropout/seed2/model.keras"
    assert trained("compact_resnet_no_dropout") == own
    for model in ("compact_resnet", "compact_resnet_no_averaging", "compact_resnet_pixels"):
        assert trained(model) == "results/blood/compact_resnet/seed2/model.keras"


def test_another_augmentation_has_an_augmented_set_of_its_own_and_the_others_share_one(plan):
    def augmented_set(model):
        return plan.augmented(wildcards(dataset="breast", model=model))

    assert augmented_set("breast_cnn_no_rotation") == ["results/breast/augmented-breast_cnn_no_rotation.h5"]
    assert augmented_set("breast_cnn_no_early_stopping") == ["results/breast/augmented.h5"]
    assert augmented_set("breast_cnn_no_augmentation") == []
    of_stage = job_settings(plan)["augment"]
    whole = of_stage(wildcards(dataset="breast", augmented="augmented"))["augmentation"]
    assert whole == plan.datasets["breast"]["augmentation"]
    for kind, off in {"flip": "none", "rotation": 0, "scale": 0, "contrast": 0}.items():
        without = of_stage(wildcards(dataset="breast", augmented=f"augmented-breast_cnn_no_{kind}"))["augmentation"]
        assert without == {**whole, kind: off}


def test_settings_say_whose_network_and_which_augmented_set_a_derived_model_takes(plan):
    """Wildcards do not: without it, a job would keep what another base or other changes had made."""
    of_stage = job_settings(plan)

    def files(stage, dataset, model):
        return of_stage[stage](wildcards(dataset=dataset, model=model, seed="1")).get("files")

    shared = files("extract_features", "blood", "compact_resnet_pixels")
    assert shared == "results/blood/compact_resnet/seed1/model.keras"
    assert files("extract_features", "blood", "compact_resnet_no_dropout") is None
    assert files("train_cnn", "breast", "breast_cnn_no_flip") == ["results/breast/augmented-breast_cnn_no_flip.h5"]
    assert files("train_cnn", "breast", "breast_cnn_no_early_stopping") == files("train_cnn", "breast", "breast_cnn")


def test_derived_models_are_in_no_group_of_candidates_and_in_the_table_of_all_measures(plan):
    names = {name for _, name, _ in derived(plan)}
    assert not names & {group.partition("/")[0] for groups in plan.groups.values() for group in groups}
    assert not names & {run.model for dataset in plan.datasets for run in plan.candidates(dataset)}
    group = "blood_cnn_no_l2/seed1"
    files, folder = plan.derived_groups["blood"][group], f"results/blood/{group}"
    assert files == {"cnn": f"{folder}/features.h5", "svm_rbf": f"{folder}/svm_rbf/probabilities.h5"}
    assert f"{folder}/metrics.json" not in plan.metrics("blood")
    collected = job_settings(plan)["collect_metrics"](wildcards())["files"]
    assert f"{folder}/metrics.json" in collected and len(collected) == len(set(collected))
    settings = job_settings(plan)["evaluate"](wildcards(dataset="blood", group=group))
    assert (settings["model"], settings["seed"], settings["systems"]) == ("blood_cnn_no_l2", 1, list(files))


def test_other_splits_have_no_derived_models(plan):
    assert plan.partitions and not any(plan.derived_groups[path] for path in plan.partitions)


def test_only_classifiers_are_compared_where_the_network_is_the_same(plan):
    found = ablations.comparisons(plan.config, "blood")
    compared = {name: [one.system for one in found if one.measured[0] == name] for _, name, _ in derived(plan)}
    assert compared["blood_cnn_dense"] == compared["compact_resnet_pixels"] == ["svm_rbf"]
    assert compared["compact_resnet_no_averaging"] == compared["blood_cnn_no_l2"] == ["cnn", "svm_rbf"]


def test_systems_that_only_one_of_both_has_are_not_compared():
    config = completed("""
        datasets:
          breast:
            models:
              other: {base: breast_cnn, classifiers: [svm, svm_rbf], fusions: [], changes: {training: {epochs: 3}}}
    """)
    found = [one for one in ablations.comparisons(config, "breast") if one.part == "change"]
    assert [one.system for one in found] == ["cnn", "svm"] and {one.words for one in found} == {"Other"}


def test_nothing_is_compared_where_nothing_is_derived():
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
    found += [synthetic.metrics("without_dropout", seed, {"cnn": both}) for seed, both in WITHOUT.items()]
    return [*found, synthetic.metrics("baselines", None, {"majority": (0.7, 0.7)})]


def comparison(seeds=(1, 2, 3), reference="cnn"):
    return {
        "base": "net",
        "part": "change",
        "words": "without dropout",
        "system": "cnn",
        "measured": ["without_dropout", "cnn"],
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
    with pytest.raises(UserError, match=r"without_dropout/cnn or net/cnn with seed 4"):
        measured.paired(tidy(contents()), [comparison(seeds=[4])])


def test_derived_models_are_no_candidates():
    table = tidy(contents())
    assert ranking.candidates(table, {"without_dropout": {}}) == {"net/cnn", "net/svm"}


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
    breast, training = config["datasets"]["breast"], {"training": {"images": "original"}}
    net = breast["models"]["net"]
    net.update(seeds=[1, 2, 3], train_images="all", drop_near_duplicates_of=[])
    breast["derived"] = {
        "without_dropout": {**net, "base": "net", "label": "without dropout", "classifiers": [], "network": "other"}
    }
    features = {"layers": ["features"]}
    config["networks"] = {
        name: {"architecture": "breast_cnn", "options": {"dropout": dropout}, "features": features, **training}
        for name, dropout in (("net", 0.5), ("other", 0))
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
