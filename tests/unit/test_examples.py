"""Tests of which test images are shown one by one: order, ties, absent classes, nothing to show."""

import json

import numpy as np
import pytest
from synthetic import metrics, selection, write_ranking

import select_examples
from medfusion.evaluation.examples import Judgement, disagreements
from medfusion.files import example_files, images, probabilities
from medfusion.files.images import Description

TASK = "multi-class"


def said(classes, confidences, k=3):
    """Probabilities that predict these classes with these confidences."""
    values = np.empty((len(classes), k))
    for row, label, confidence in zip(values, classes, confidences, strict=True):
        row[:] = (1 - confidence) / (k - 1)
        row[label] = confidence
    return values


def test_the_surest_errors_come_first_and_equals_by_index():
    labels = np.array([0, 0, 1, 1, 2, 2])
    judgement = Judgement(labels, said([1, 0, 2, 2, 0, 2], [0.6, 0.9, 0.8, 0.6, 0.6, 0.5]), TASK)
    assert judgement.errors(3) == [
        {"index": 2, "true": 1, "predicted": 2, "probability": 0.8},
        {"index": 0, "true": 0, "predicted": 1, "probability": 0.6},
        {"index": 3, "true": 1, "predicted": 2, "probability": 0.6},
    ]
    assert [example["index"] for example in judgement.errors(99)] == [2, 0, 3, 4]


def test_pairs_are_ordered_and_equals_follow_their_labels():
    labels = np.array([2, 2, 2, 1, 1, 0, 0, 0])
    judgement = Judgement(labels, said([1, 1, 2, 2, 2, 1, 0, 0], [0.5, 0.7, 0.9, 0.5, 0.5, 0.9, 0.9, 0.9]), TASK)
    found = judgement.confused(pairs=9, number=1)
    assert [(pair["true"], pair["predicted"], pair["count"], pair["of"]) for pair in found] == [
        (1, 2, 2, 2),  # before (2, 1), which is as frequent
        (2, 1, 2, 3),
        (0, 1, 1, 3),
    ]
    assert [[example["index"] for example in pair["images"]] for pair in found] == [[3], [1], [5]]
    assert judgement.confused(pairs=1, number=1) == found[:1]


def test_no_errors_select_nothing_wrong():
    judgement = Judgement(np.array([0, 1, 2]), said([0, 1, 2], [0.9, 0.9, 0.9]), TASK)
    assert judgement.errors(5) == judgement.confused(3, 6) == []
    assert [row["wrong"] for row in judgement.of_each_class()] == [None] * 3
    assert [row["right"]["index"] for row in judgement.of_each_class()] == [0, 1, 2]


def test_a_class_that_is_never_predicted_has_no_right_case():
    judgement = Judgement(np.array([0, 0, 1, 2]), said([0, 0, 0, 2], [0.6, 0.6, 0.7, 0.9]), TASK)
    rows = judgement.of_each_class()
    assert [row["true"] for row in rows] == [0, 1, 2]
    assert rows[0]["right"]["index"] == 0  # the first of equals
    assert rows[1]["right"] is None and rows[1]["wrong"]["predicted"] == 0


def test_a_binary_task_takes_class_1_above_one_half_alone():
    judgement = Judgement(np.array([0, 1]), np.array([[0.5, 0.5], [0.5, 0.5]]), "binary-class")
    assert judgement.predicted.tolist() == [0, 0]
    assert judgement.errors(9) == [{"index": 1, "true": 1, "predicted": 0, "probability": 0.5}]


def test_disagreements_count_every_image_once_and_what_fusion_settles():
    labels = np.array([0, 0, 1, 1, 2, 2])
    network = Judgement(labels, said([0, 0, 0, 1, 2, 0], [0.9, 0.6, 0.7, 0.6, 0.8, 0.5]), TASK)
    svm = Judgement(labels, said([0, 1, 1, 0, 1, 1], [0.9, 0.5, 0.9, 0.5, 0.6, 0.5]), TASK)
    fusion = Judgement(labels, said([0, 0, 1, 0, 1, 2], [0.9, 0.5, 0.5, 0.5, 0.5, 0.5]), TASK)
    found = disagreements(network, svm, fusion, number=2)
    assert [tuple(row.values()) for row in found["table"]] == [
        (True, True, 1, 1),
        (True, False, 3, 1),
        (False, True, 1, 1),
        (False, False, 1, 1),
    ]
    # Sums of confidences: image 1 has 1.1, image 3 1.1, image 4 1.4.
    assert [example["index"] for example in found["network_right"]] == [4, 1]
    assert found["svm_right"] == [
        {"index": 2, "true": 1, "network": network.example(2), "svm": svm.example(2), "fusion": fusion.example(2)}
    ]
    alone = disagreements(network, svm, None, number=2)
    assert [row["fusion"] for row in alone["table"]] == [None] * 4
    assert alone["svm_right"][0]["fusion"] is None


def test_indices_of_a_selection():
    examples = selection()
    assert example_files.mapped(examples) == [(0, 0), (2, 0), (4, 1)]
    assert example_files.selected(examples) == [0, 1, 2, 4]
    assert example_files.selected({**examples, "disagreements": None}) == [0, 2, 4]


@pytest.fixture
def made(tmp_path):
    """The files that the stage reads: two models with two seeds, the second the best on validation; and an ensemble."""
    labels = np.array([0, 1, 0, 1])
    description = Description("breastmnist", "binary-class", ("a", "b"), "0" * 64, True)
    images.write_labels(tmp_path / "labels.h5", "test", description, labels)
    right = {"net/cnn": [1, 1, 0, 1], "net/svm": [0, 1, 1, 1], "net/fused": [0, 1, 0, 0], "other/cnn": [0, 0, 0, 0]}
    right["ensembles/all"] = [0, 1, 0, 1]
    for address, predicted in right.items():
        path = tmp_path / f"{address.replace('/', '_')}.h5"
        probabilities.write(path, description, {"test": said(predicted, [0.9, 0.8, 0.7, 0.6], 2)}, 1.0)
    accuracy = {"net": 0.7, "other": 0.8, "ensembles": 0.75}
    contents = []
    for model, seed in (("net", 3), ("other", 5), ("other", 1), ("ensembles", None)):
        systems = [address.partition("/")[2] for address in right if address.startswith(f"{model}/")]
        contents.append(metrics(model, seed, dict.fromkeys(systems, (accuracy[model], 0.5))))
    write_ranking(tmp_path / "ranking.csv", contents)
    first = {"net": 3, "other": 5, "ensembles": None}
    settings = {
        "dataset": "breast",
        "systems": [[model, first[model], system] for model, system in (address.split("/") for address in right)],
        "studied": {"model": "net", "seed": 3, "svm": "svm", "fusion": "fused"},
    }
    return tmp_path, settings


def chosen(folder, settings):
    """What the stage writes."""
    systems = [str(folder / f"{model}_{system}.h5") for model, _, system in settings["systems"]]
    words = [
        "--ranking",
        str(folder / "ranking.csv"),
        "--systems",
        *systems,
        "--test-labels",
        str(folder / "labels.h5"),
    ]
    args = select_examples.parser().parse_args(["--settings", "x", *words, "--examples", str(folder / "examples.json")])
    select_examples.main(args, settings)
    return example_files.read_examples(folder / "examples.json")


def test_the_best_on_validation_is_judged_by_its_first_seed(made):
    examples = chosen(*made)
    assert examples["best"] == {"model": "other", "system": "cnn", "seed": 5}
    assert (examples["n"], examples["wrong"], examples["generated"]) == (4, 2, True)
    assert [example["index"] for example in examples["errors"]] == [1, 3]
    assert examples["studied"]["fusion"] == "fused"
    assert [row["fusion"] for row in examples["disagreements"]["table"]] == [1, 1, 1, 0]
    assert json.dumps(examples).count('"a"') == 0  # no names of classes


def test_an_ensemble_that_is_best_has_no_seed_and_a_model_without_svm_no_disagreements(made):
    folder, settings = made
    lower = dict.fromkeys(("cnn", "svm", "fused"), (0.7, 0.5))
    contents = [metrics("net", 3, lower), metrics("other", 5, {"cnn": (0.7, 0.5)})]
    contents.append(metrics("ensembles", None, {"all": (0.75, 0.5)}))
    write_ranking(folder / "ranking.csv", contents)
    examples = chosen(folder, {**settings, "studied": {"model": "net", "seed": 3, "svm": None, "fusion": None}})
    assert examples["best"] == {"model": "ensembles", "system": "all", "seed": None}
    assert examples["wrong"] == 0 and examples["disagreements"] is None
