"""Tests of what an entry of a data set leaves out: defaults by flag and by number of images, said in words."""

import math

import numpy as np
import pytest
from configurations import BASE, completed

from medfusion.data.medmnist_info import INFO
from medfusion.learning.augmentation import affine_matrix
from medfusion.planning import data_sets
from medfusion.planning.page_plan import PagePlan
from medfusion.planning.plan import Plan

FLAGS = sorted(data_sets.PRESET_OF)


def one(text):
    """The completed entry of one more data set, written as YAML."""
    return completed(f"datasets: {{one: {text}}}")["datasets"]["one"]


def test_every_flag_has_a_preset_and_is_all_that_need_be_said():
    assert set(FLAGS) == {flag for flag in INFO if "3d" not in flag}
    config = completed(f"datasets: {{{', '.join(f'my_{flag}: {{flag: {flag}}}' for flag in FLAGS)}}}")
    plan = Plan(config)
    for flag in FLAGS:
        entry = config["datasets"][f"my_{flag}"]
        images = INFO[flag]["n_samples"]["train"]
        rules = BASE["defaults"]["by_images"]
        rule = next(rule for rule in rules if images <= (rule["up_to"] or math.inf))
        assert entry["models"]["default"]["network"] == rule["network"]
        assert entry["augmentation"] == {
            "seed": 0, "copies": rule["copies"], **data_sets.PRESETS[data_sets.PRESET_OF[flag]],
        }  # fmt: skip
        assert (entry["size"], entry["source"], entry["ece_bins"], entry["near_duplicates"]) == (
            28,
            "official",
            15,
            0.95,
        )
        assert entry["models"]["default"]["classifiers"] == BASE["defaults"]["model"]["classifiers"]
        assert any(rule["network"] in sentence and f"{images:,}" in sentence for sentence in entry["by_default"])
        assert plan.display_names(f"my_{flag}")["name"] == INFO[flag]["python_class"]
        assert plan.several_labels(f"my_{flag}") == (flag == "chestmnist")


def test_what_has_sides_is_never_mirrored_nor_what_has_an_up_turned_over():
    for preset, mirrored, turned in (("free", True, True), ("upright", True, False), ("sided", False, False)):
        settings = data_sets.PRESETS[preset]
        signs = set()
        for draw in np.random.default_rng(0).random((300, 4)):
            matrix = affine_matrix((28, 28), settings, draw)[:, :2]
            signs.add((np.linalg.det(matrix) < 0, abs(math.degrees(math.atan2(matrix[1, 1], matrix[0, 1])) - 90) > 45))
        assert any(mirror for mirror, _ in signs) == mirrored
        assert any(turn for _, turn in signs) == turned
    for flag in FLAGS:
        if any("left" in name for name in INFO[flag]["label"].values()):
            assert data_sets.PRESET_OF[flag] == "sided", "left and right are classes of their own"


def test_a_preset_and_each_of_its_keys_can_be_chosen():
    entry = one("{flag: octmnist, augmentation: {preset: free, rotation: 5}}")
    assert entry["augmentation"] == {"copies": 1, "seed": 0, **data_sets.PRESETS["free"], "rotation": 5}
    assert not any("preset" in sentence for sentence in entry["by_default"])
    entry = one("{flag: octmnist, augmentation: {flip: none}}")
    assert entry["augmentation"] == {"copies": 1, "seed": 0, **data_sets.PRESETS["upright"], "flip": "none"}
    assert any("upright" in sentence for sentence in entry["by_default"])


def test_what_config_yaml_says_of_its_data_sets_is_as_it_was():
    result = completed()["datasets"]
    for name, entry in result.items():
        given = {key: value for key, value in BASE["datasets"][name]["augmentation"].items() if key != "preset"}
        assert entry["augmentation"] == given
        assert entry["by_default"] == []
        for model, settings in entry["models"].items():
            said = BASE["datasets"][name]["models"][model]
            assert settings == {"drop_near_duplicates_of": [], **said}


def test_a_model_without_a_network_gets_one_and_keeps_what_it_names():
    entry = one("{flag: retinamnist, models: {mine: {classifiers: [svm]}, other: {network: resnet28}}}")
    assert entry["models"]["mine"]["network"] == "default_few"
    assert (entry["models"]["mine"]["classifiers"], entry["models"]["mine"]["fusions"]) == (["svm"], [])
    assert (entry["models"]["other"]["classifiers"], entry["models"]["other"]["seeds"]) == ([], [1])


@pytest.mark.parametrize(("images", "network"), [(60, "default_few"), (3001, "default"), (60000, "default_many")])
def test_generated_images_are_counted_too(images, network):
    entry = one(f"{{flag: chestmnist, source: generated, generated: {{seed: 1, train: {images}, val: 15, test: 15}}}}")
    assert entry["models"]["default"]["network"] == network


def own(tmp_path, labels, side=40, channels=(3,), **more):
    """A user's own file and its entry."""
    path = tmp_path / "own.npz"
    arrays = {f"{split}_labels": labels for split in ("train", "val", "test")}
    arrays |= {
        key.replace("labels", "images"): np.zeros((len(labels), side, side, *channels), np.uint8) for key in arrays
    }
    np.savez_compressed(path, **arrays)
    settings = ", ".join(f"{key}: {value}" for key, value in more.items())
    return one(f"{{source: file, path: '{path}', label: Mine{', ' if more else ''}{settings}}}")


def test_a_file_without_a_flag_says_its_size_and_its_number_of_images(tmp_path):
    entry = own(tmp_path, np.zeros((3200, 1), np.uint8))
    assert (entry["size"], entry["models"]["default"]["network"]) == (40, "default")
    assert entry["augmentation"]["flip"] == "none", "nothing is known of its images"
    assert data_sets.classes(entry) is None and not data_sets.several_labels(entry)
    assert data_sets.least_images(entry) == 2
    entry = own(tmp_path, np.zeros((32, 3), np.uint8), task="multi-label", label_names=["a", "b", "c"])
    assert (data_sets.classes(entry), data_sets.several_labels(entry)) == (3, True)
    assert data_sets.least_images(entry) == 4


def test_a_file_that_is_none_is_left_to_those_who_read_it(tmp_path):
    (tmp_path / "own.npz").write_bytes(b"PK nonsense")
    assert data_sets.declared(tmp_path / "own.npz", "train_images") is None
    assert data_sets.declared(None, "train_images") is None


def test_what_rests_on_one_class_an_image_is_not_planned_for_several():
    plan = Plan(completed("datasets: {chest: {flag: chestmnist}}"))
    files = PagePlan(plan).of_dataset("chest")
    for part in ("examples/", "reliability", "comparisons", "studies/", "confusion", "differences", "calibration"):
        assert not any(part in file for file in files), part
    assert "results/chest/labels/areas.svg" in files
    assert plan.one_class == ["breast", "blood"]
