"""Tests of the measures of several labels at once: against scikit-learn, MedMNIST's evaluator, and worked examples."""

import numpy as np
import pytest
import synthetic
from sklearn import metrics as sk

from medfusion.data.medmnist_info import getACC, getAUC
from medfusion.evaluation import label_metrics, ranking
from medfusion.evaluation.metrics import wilson
from medfusion.evaluation.paired_tests import class_area, deviation, mean_area
from medfusion.files.metric_files import tidy
from medfusion.tasks import MULTI_LABEL


def draw(n=200, k=5, seed=0):
    rng = np.random.default_rng(seed)
    labels = (rng.random((n, k)) < np.linspace(0.1, 0.5, k)).astype(np.uint8)
    return labels, np.clip(0.35 * labels + 0.65 * rng.random((n, k)), 0, 1)


@pytest.fixture(scope="module")
def measured():
    labels, probabilities = draw()
    return (
        labels,
        probabilities,
        {row.metric: row for row in label_metrics.measure(labels, probabilities, replicates=200)},
    )


def test_accuracy_and_auroc_are_the_evaluators(measured):
    labels, probabilities, rows = measured
    assert list(rows)[:2] == ["accuracy", "auroc"]
    assert rows["accuracy"].value == getACC(labels, probabilities, MULTI_LABEL)
    assert rows["auroc"].value == getAUC(labels, probabilities, MULTI_LABEL)
    assert rows["accuracy"].n == rows["auroc"].n == 200


def test_means_are_scikit_learns(measured):
    labels, probabilities, rows = measured
    predicted = probabilities > 0.5
    each = range(labels.shape[1])
    assert rows["macro_f1"].value == pytest.approx(sk.f1_score(labels, predicted, average="macro"))
    assert rows["exact_match"].value == pytest.approx(sk.accuracy_score(labels, predicted))
    balanced = [sk.balanced_accuracy_score(labels[:, i], predicted[:, i]) for i in each]
    assert rows["balanced_accuracy"].value == pytest.approx(np.mean(balanced))
    brier = [sk.brier_score_loss(labels[:, i], probabilities[:, i]) for i in each]
    assert rows["brier"].value == pytest.approx(np.mean(brier))


@pytest.mark.parametrize("label", range(5))
def test_each_labels_own_are_scikit_learns(measured, label):
    labels, probabilities, rows = measured
    true, scores = labels[:, label], probabilities[:, label]
    predicted = scores > 0.5
    for name, value in {
        "auroc": sk.roc_auc_score(true, scores),
        "average_precision": sk.average_precision_score(true, scores),
        "accuracy": sk.accuracy_score(true, predicted),
        "precision": sk.precision_score(true, predicted),
        "recall": sk.recall_score(true, predicted),
        "f1": sk.f1_score(true, predicted),
    }.items():
        assert rows[f"{name}[{label}]"].value == pytest.approx(value), name
    recall = rows[f"recall[{label}]"]
    assert recall.n == true.sum()
    assert (recall.low, recall.high) == wilson(int((true & predicted).sum()), int(true.sum()), 0.95)


def test_intervals_hold_their_values_and_are_narrower_with_more_images(measured):
    rows = measured[2]
    for name, row in rows.items():
        assert row.low <= row.high, name
        if not name.startswith("ece"):
            assert row.low <= row.value <= row.high, name
    many = {row.metric: row for row in label_metrics.measure(*draw(2000), replicates=200)}
    assert many["auroc"].high - many["auroc"].low < rows["auroc"].high - rows["auroc"].low


def test_the_interval_of_the_mean_area_is_that_of_a_bootstrap():
    """Labels depend on each other, so that their errors do not average out."""
    rng = np.random.default_rng(0)
    labels = rng.random((300, 3)) < (0.5, 0.3, 0.2)
    shared = rng.normal(size=(300, 1))
    scores = 1 / (1 + np.exp(-(labels * 1.5 + shared + rng.normal(size=(300, 3)) - 1)))
    areas = [class_area(own, column) for own, column in zip(labels.T, scores.T, strict=True)]
    error = deviation(np.zeros(300), mean_area(areas, labels).parts)
    draws = []
    for _ in range(600):
        drawn = rng.integers(300, size=300)
        draws.append(np.mean([sk.roc_auc_score(labels[drawn, i], scores[drawn, i]) for i in range(3)]))
    assert error == pytest.approx(np.std(draws), rel=0.1)


def test_the_calibration_error_is_that_of_each_label_over_bins():
    labels = np.array([[0, 1], [1, 0], [1, 1], [0, 0]], np.uint8)
    probabilities = np.array([[0.1, 0.9], [0.2, 0.3], [0.8, 0.8], [0.9, 0.1]])
    rows = {row.metric: row for row in label_metrics.measure(labels, probabilities, ece_bins=2, replicates=10)}
    # First label: bins of 0.1, 0.2 (one of two) and 0.8, 0.9 (one of two); second: 0.1, 0.3 (none) and 0.8, 0.9 (both).
    gaps = [abs(1 - 0.3) + abs(1 - 1.7), abs(0 - 0.4) + abs(2 - 1.7)]
    assert rows["ece"].value == pytest.approx(sum(gaps) / 8)


def test_a_label_on_one_image_alone_has_an_area_and_an_interval():
    labels, probabilities = draw(60)
    labels[:, 0] = 0
    labels[7] = 1
    rows = {row.metric: row for row in label_metrics.measure(labels, probabilities, replicates=100)}
    assert all(np.isfinite([row.value, row.low, row.high]).all() for row in rows.values())


def test_confusion_counts_label_by_label():
    labels = np.array([[1, 0], [0, 0], [1, 1]], np.uint8)
    found = label_metrics.confusion(labels, np.array([[0.9, 0.2], [0.6, 0.1], [0.5, 0.7]]))
    assert found.tolist() == [[[0, 1], [1, 1]], [[2, 0], [0, 1]]]
    assert np.array_equal(found, sk.multilabel_confusion_matrix(labels, [[1, 0], [1, 0], [0, 1]]))


def test_the_majority_says_of_each_label_what_most_images_have():
    train = np.array([[1, 0], [1, 0], [0, 1]], np.uint8)
    assert label_metrics.majority_probabilities(train, 2).tolist() == [[1, 0], [1, 0]]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda labels, p: (labels[:, 0], p), "of one shape"),
        (lambda labels, p: (labels * 2, p), "labels of 0 and 1"),
        (lambda labels, p: (labels, p + 1), "from 0 to 1"),
        (lambda labels, p: (labels * [0, 1, 1, 1, 1], p), r"alike for label \[0\]"),
    ],
)
def test_a_wrong_input_is_named(change, named):
    with pytest.raises(ValueError, match=named):
        label_metrics.measure(*change(*draw()), replicates=10)


def test_the_area_decides_which_system_is_best():
    """A system that finds no rare label may have the higher accuracy."""
    labels, probabilities = draw()
    cautious = probabilities * 0.4
    content = {
        **{"dataset": "chest", "name": "Chest", "model": "net", "seed": 1, "generated": False},
        "confidence": 0.95,
        "systems": {
            name: {
                split: [row._asdict() for row in label_metrics.measure(labels, values, replicates=10)]
                for split in ("val", "test")
            }
            for name, values in {"cnn": probabilities, "svm": np.round(cautious, 1)}.items()
        },
    }
    table = tidy([content])
    assert ranking.several_labels(table)
    first, second = synthetic.ranked(table, "auroc").systems
    assert (first.system, first.val_auroc.mean > second.val_auroc.mean) == ("cnn", True)
    areas = ranking.label_scores(table, [first], "auroc", list("abcde"))
    assert areas["images"].tolist() == labels.sum(axis=0).tolist()
    assert areas["value"].mean() == pytest.approx(first.test_auroc.mean)
