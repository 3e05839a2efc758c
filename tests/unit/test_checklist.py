"""Tests of the reporting checklist: what the run knows is said, what it cannot know is left to the reader."""

from dataclasses import replace

import pytest
import synthetic
from configurations import completed

from medfusion.data.medmnist_sources import SOURCES
from medfusion.evaluation.metrics import Measure
from medfusion.evaluation.paired_tests import Difference
from medfusion.evaluation.slices import Slice
from medfusion.files.metric_files import tidy
from medfusion.files.slice_files import Assessed
from medfusion.report import checklist


@pytest.fixture(scope="module")
def config():
    return completed()


def evaluated(config, key="breast", **values):
    found = synthetic.ranked(tidy(synthetic.run()))
    first = replace(found.systems[0], model="breast_cnn", system="svm")
    known = {
        "key": key,
        "name": "BreastMNIST",
        "entry": config["datasets"][key],
        "ranking": found._replace(systems=[first]),
        "comparisons": {"n": 156, "near_duplicates": {"images": 59, "parts": {"with": {}, "without": {}}}},
        "images": {"train": 546, "val": 78, "test": 156},
        "generated": False,
    }
    return checklist.Evaluated(**{**known, **values})


def answers(text, dataset="BreastMNIST"):
    """The answers of a section, by topic."""
    section = text.partition(f"## {dataset}\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")][2:]
    assert all(len(row) == 4 for row in rows)
    return {row[0]: row[3] for row in rows}


def test_what_the_run_knows_is_said(config):
    found = answers(
        checklist.checklist(config, [evaluated(config)], {"date": "2026-01-31", "hardware": "2 processors"})
    )
    assert "59 of 156 test images" in found["differences between training and test data"]
    assert found["partitions, and at which level they are apart"].endswith("train 546, val 78, test 156")
    assert "hospital in Cairo" in found["sources of the data"] and "official splits" in found["sources of the data"]
    assert "radiologists" in found["reference standard, who set it"]
    assert "breast_resnet_distinct" in found["selection of images"].replace("\\", "")
    assert "test accuracy 0.820 (" in found["performance on all partitions, with precision"]
    assert found["initial weights"] == "random"


def test_of_pretrained_networks_it_says_on_what():
    tuned = "{architecture: keras_application, options: {application: MobileNetV3Small, input_size: 32}}"
    config = completed(f"networks: {{tuned: {tuned}}}\ndatasets: {{breast: {{models: {{tuned: {{network: tuned}}}}}}}}")
    found = answers(checklist.checklist(config, [evaluated(config)], {}))
    assert found["initial weights"] == "pretrained: ImageNet; random"


def test_what_a_run_does_not_have_is_not_claimed(config):
    """Several labels an image: neither comparisons nor export; backbones alone: no Grad-CAM, no corrupted images."""
    several = checklist.checklist(config, [evaluated(config, comparisons=None)], {})
    for claimed in ("paired tests", "temperature", "saliency", "prediction sets", "export", "confusion", "corrupted"):
        assert claimed not in several.replace("near-duplicates", "")
    one_class = checklist.checklist(config, [evaluated(config)], {})
    for claimed in ("paired tests", "temperature", "Grad-CAM", "prediction sets", "export", "confusion", "corrupted"):
        assert claimed in one_class
    networks = {name: {**network, "architecture": "onnx"} for name, network in config["networks"].items()}
    options = {"path": "vit.onnx", "pretrained_on": "PubMed", "class_weight": None}
    networks = {name: {**network, "options": options} for name, network in networks.items()}
    frozen = checklist.checklist({**config, "networks": networks}, [evaluated(config)], {})
    assert "(occlusion)" in frozen and "corruptions.csv" not in frozen
    assert answers(frozen)["initial weights"] == "pretrained: PubMed"


def test_which_images_were_learned_from_is_said_of_each_model(config):
    models = config["datasets"]["breast"]["models"]
    changed = {**models["breast_cnn"], "train_images": 100, "drop_near_duplicates_of": ["val"], "classifiers": []}
    entry = {**config["datasets"]["breast"], "models": {"breast_cnn": {**changed, "fusions": []}}}
    none = {"n": 156, "near_duplicates": {"images": 0, "parts": {}}}
    found = answers(checklist.checklist(config, [evaluated(config, entry=entry, comparisons=none)], {}))
    assert found["selection of images"].endswith(
        "`breast_cnn` learned from 100 training images; `breast_cnn` learned without near-duplicates of val"
    )
    assert found["models"] == "networks `breast_cnn` (breast\\_cnn); settings on the page"
    assert found["differences between training and test data"] == (
        "0 of 156 test images have a near-duplicate in training"
    )


def test_every_item_of_both_guidelines_is_there(config):
    text = checklist.checklist(config, [evaluated(config)], {})
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ") and "CLAIM" not in line]
    claim, tripod = set(), set()
    for row in rows:
        for part in row[1].replace(" ", "").split(","):
            first, _, last = part.partition("–")
            claim |= set(range(int(first), int(last or first) + 1)) if first.isdigit() else set()
        tripod |= {
            int("".join(filter(str.isdigit, part.partition("–")[0]))) for part in row[2].split(",") if part.strip(" -")
        }
    assert claim == set(range(1, 45)) and tripod == set(range(1, 28))


def test_generated_images_and_own_pictures_have_no_source(config):
    generated = answers(checklist.checklist(config, [evaluated(config, generated=True)], {}))
    assert "GENERATED" in generated["sources of the data"] and "Cairo" not in str(generated)
    entry = config["datasets"]["breast"] | {
        "source": "folder",
        "split": {"shares": [0.7, 0.1, 0.2], "seed": 4, "groups": r"(\w+)_"},
    }
    own = answers(checklist.checklist(config, [evaluated(config, entry=entry)], {}))
    assert "a folder of your own pictures" in own["sources of the data"] and "Cairo" not in str(own)
    assert own["reference standard, who set it"] == checklist.YOURS
    assert "70" in own["partitions, and at which level they are apart"]
    assert "groups (" in own["partitions, and at which level they are apart"]


def test_slices_are_said_where_there_are_any(config):
    assert "no metadata" in answers(checklist.checklist(config, [evaluated(config)], {}))["fairness, subgroups"]
    right, gap = Measure("accuracy", 0.8, 0.7, 0.9, 60), Difference(-0.1, -0.2, -0.01, 0.01)
    found = [Slice("", "", 120, 30, 100.0, (right,))]
    found += [Slice("site", value, 60, 15, 48.0, (right,), gap, 0.02, True) for value in "ABC"]
    content = {"confidence": 0.95, "with_patients": True, "shared": {"train": 2, "val": 1, "either": 2}}
    text = checklist.checklist(config, [evaluated(config, slices=Assessed(content, found))], {})
    said = answers(text)
    assert said["fairness, subgroups"].startswith("by site; accuracy that differs significantly")
    assert "site A 0.800 (n = 60)" in said["fairness, subgroups"]
    assert "2 patients of the test split are in another too" in said["partitions, and at which level they are apart"]


def test_every_set_of_one_image_size_has_its_source():
    from medfusion.data.medmnist_info import INFO

    assert set(SOURCES) == {flag for flag in INFO if not flag.endswith("3d")}
