"""Tests of the search of a grid: combinations against fits from scratch, folds, subsets, criteria."""

import numpy as np
import pytest
from drawn_features import ALL, SVM, TREE, by_kind, draw, several
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from medfusion.errors import UserError
from medfusion.learning import choosing, classifiers, grid_search
from medfusion.learning.subsets import stratified_subset


@pytest.fixture(params=[2, 4], ids=["two classes", "four classes"])
def data(request):
    return draw(request.param)


def search(settings, data, seed=3):
    lines = []
    rows, equally_good = grid_search.search(settings, *data, seed, lines.append)
    return rows, grid_search.combinations_of(settings["grid"])[equally_good[0]], lines


def accuracy(model, features, labels):
    return round(float(np.mean(model.predict(features) == labels)), 6)


def assert_near(settings, rows, expected):
    """Accuracies of combinations as expected; those of trees that were cut, as chance allows (nested_trees)."""
    for row, value in zip(rows, expected, strict=True):
        cut = row.get("max_depth") is not None
        assert row["accuracy"] == pytest.approx(value, abs=0.1 if cut else 1e-6)


@pytest.mark.parametrize("settings", ALL, ids=by_kind)
def test_each_cell_is_as_of_a_fit_from_scratch(settings, data):
    rows, best, lines = search(settings, data)
    combinations = grid_search.combinations_of(settings["grid"])
    assert [{key: row[key] for key in settings["grid"]} for row in rows] == combinations
    assert len(lines) == len(combinations)
    expected = [
        accuracy(classifiers.estimator(settings["kind"], c, 3, 4).fit(*data[:2]), *data[2:]) for c in combinations
    ]
    assert_near(settings, rows, expected)
    first = min(range(len(rows)), key=lambda i: (-rows[i]["accuracy"], rows[i]["log_loss"]))
    assert best == combinations[first]
    assert all(row["seconds"] >= 0 for row in rows)


def test_the_first_of_equal_cells_wins(data):
    rows, best, _ = search({**TREE, "grid": {"max_depth": [60, 50, 70]}}, data)
    assert len({row["accuracy"] for row in rows}) == 1
    assert best == {"max_depth": 60}


@pytest.mark.parametrize("settings", ALL, ids=by_kind)
def test_folds_are_stratified_shuffled_and_see_no_validation_labels(settings, data):
    features, labels, val_features, val_labels = data
    folded = {**settings, "selection": "folds"}
    rows, best, _ = search(folded, data)
    folds = StratifiedKFold(3, shuffle=True, random_state=3)
    expected = []
    for combination in grid_search.combinations_of(settings["grid"]):
        model = classifiers.estimator(settings["kind"], combination, 3, 4)
        expected.append(np.mean(cross_val_predict(model, features, labels, cv=folds) == labels))
    assert_near(settings, rows, expected)
    other_rows, other_best, _ = search(folded, (features, labels, val_features[::-1], 1 - val_labels))
    assert [row["accuracy"] for row in other_rows] == [row["accuracy"] for row in rows]
    assert other_best == best


def test_cells_are_compared_on_a_subset(data):
    features, labels, val_features, val_labels = data
    chosen = stratified_subset(labels, 40, 3)
    subset = search({**TREE, "search_images": 40}, data)
    by_hand = search(TREE, (features[chosen], labels[chosen], val_features, val_labels))
    assert [row["accuracy"] for row in subset[0]] == [row["accuracy"] for row in by_hand[0]]
    assert [r["accuracy"] for r in search({**TREE, "search_images": 120}, data)[0]] == [
        r["accuracy"] for r in search(TREE, data)[0]
    ]


def test_more_folds_than_images_of_a_class_are_one_message(data):
    rare = np.r_[np.flatnonzero(data[1] != 0), np.flatnonzero(data[1] == 0)[:2]]
    with pytest.raises(UserError, match="folds: 3; expected at most 2, the images of the rarest class to search on"):
        search({**TREE, "selection": "folds", "folds": 3}, [data[0][rare], data[1][rare], *data[2:]])


def test_what_scikit_learn_refuses_is_one_message(data):
    with pytest.raises(UserError, match=r"grid: scikit-learn refuses {'C': 1} \(Input X contains NaN"):
        search({**SVM, "grid": {"C": [1]}}, [data[0] * np.nan, *data[1:]])


@pytest.mark.parametrize("settings", ALL, ids=by_kind)
def test_one_vs_rest_compares_a_cell_by_the_mean_over_labels(settings):
    features, labels, val_features, val_labels = several()
    rows, best, _ = search(settings, (features, labels, val_features, val_labels))
    single = [
        search(settings, (features, labels[:, i], val_features, val_labels[:, i]))[0] for i in range(labels.shape[1])
    ]
    expected = [np.mean([rows_of[combination]["accuracy"] for rows_of in single]) for combination in range(len(rows))]
    assert [row["accuracy"] for row in rows] == pytest.approx(expected, abs=2e-6)
    assert best == {key: rows[int(np.argmax(expected))][key] for key in best}


def test_one_vs_rest_by_folds_draws_them_for_each_label():
    features, labels, val_features, val_labels = several()
    settings = {**TREE, "selection": "folds", "folds": 3}
    rows, _, lines = search(settings, (features, labels, val_features, val_labels))
    assert len(lines) == 3 * 3 * len(rows)
    rare = labels.copy()
    rare[:, 1] = 0
    rare[:2, 1] = 1
    with pytest.raises(UserError, match="folds: 3; expected at most 2, the images of the rarer side of label 1"):
        search(settings, (features, rare, val_features, val_labels))


@pytest.mark.parametrize("calibration", ["temperature", "none"])
@pytest.mark.parametrize("settings", ALL, ids=by_kind)
def test_cells_are_compared_by_what_they_would_say_once_chosen(settings, calibration, data):
    if (settings["kind"], calibration) == ("svm", "none"):
        pytest.skip("an SVM has no probabilities of its own")
    settings = {**settings, "calibration": calibration, "criterion": "log_loss"}
    combinations = grid_search.combinations_of(settings["grid"])
    combinations = [
        combination
        for combination in combinations
        if combination.get("max_depth") is None and combination.get("n_estimators") in (None, 9)
    ]
    for combination in combinations:
        (row,), _ = grid_search.search(
            {**settings, "grid": {key: [value] for key, value in combination.items()}}, *data, 3, str
        )
        given = classifiers.probabilities(classifiers.fit(settings, combination, *data, seed=3), data[2])
        expected = choosing.measure(given, data[3])
        assert {key: row[key] for key in expected} == pytest.approx(expected, abs=2e-6)


def test_a_cell_without_a_mistake_is_not_taken_for_a_worse_one():
    """Of clouds far apart: whatever its C, no combination makes a mistake that another does not."""
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 3
    features = (6 * np.eye(3)[labels] + rng.normal(size=(300, 3))).astype(np.float32)
    data = (features[:150], labels[:150], features[150:], labels[150:])
    rows, best, _ = search({**SVM, "criterion": "log_loss", "grid": {"C": [1e-4, 1, 100]}}, data)
    assert [row["log_loss"] < 0.2 for row in rows] == [True] * 3
    assert max(row["accuracy"] for row in rows) == next(row["accuracy"] for row in rows if row["C"] == best["C"])


def test_a_label_that_no_compared_image_has_is_named():
    features, labels, val_features, val_labels = several()
    labels[:, 2] = 0
    with pytest.raises(UserError, match="label 2 is on none or all of the 120 training images to compare on"):
        search(TREE, (features, labels, val_features, val_labels))
