"""Tests of classifiers: grids against fits from scratch, folds, calibration, files that hold no code."""

import pickle

import numpy as np
import pytest
import skops.io
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import StratifiedKFold, cross_val_score

from medfusion.errors import UserError
from medfusion.learning import classifiers
from medfusion.learning.subsets import stratified_subset

DEFAULTS = {"selection": "validation", "folds": 3, "search_images": None, "fit_images": None, "calibration": "none"}
SVM = {
    **DEFAULTS,
    "kind": "svm",
    "grid": {"C": [0.01, 1, 100], "kernel": ["linear", "rbf"]},
    "calibration": "temperature",
}
FOREST = {**DEFAULTS, "kind": "random_forest", "grid": {"n_estimators": [9, 2, 5], "max_depth": [None, 2]}}
TREE = {**DEFAULTS, "kind": "decision_tree", "grid": {"max_depth": [1, 4, None], "min_samples_leaf": [1, 3]}}
ALL = [SVM, FOREST, TREE]


def by_kind(settings):
    return settings["kind"]


def draw(classes, seed=0):
    """Features and labels of a training and a validation split that no classifier tells apart without errors."""
    rng = np.random.default_rng(seed)
    parts = []
    for n in (120, 90):
        labels = np.arange(n) % classes
        parts += [(rng.normal(size=(n, 4)) + 0.8 * labels[:, None] * [1, 0, -1, 0]).astype(np.float32), labels]
    return parts


@pytest.fixture(params=[2, 4], ids=["two classes", "four classes"])
def data(request):
    return draw(request.param)


def search(settings, data, seed=3):
    lines = []
    rows, best = classifiers.search(settings, *data, seed, lines.append)
    return rows, best, lines


def accuracy(model, features, labels):
    return round(float(np.mean(model.predict(features) == labels)), 6)


def assert_near(settings, rows, expected):
    """Accuracies of cells as expected; those of trees that were cut, as chance allows (nested_trees)."""
    for row, value in zip(rows, expected, strict=True):
        cut = settings["kind"] != "svm" and row["max_depth"] is not None
        assert row["accuracy"] == pytest.approx(value, abs=0.1 if cut else 1e-6)


@pytest.mark.parametrize("settings", ALL, ids=by_kind)
def test_each_cell_is_as_of_a_fit_from_scratch(settings, data):
    rows, best, lines = search(settings, data)
    cells = classifiers.grid_cells(settings["grid"])
    assert [{key: row[key] for key in settings["grid"]} for row in rows] == cells
    assert len(lines) == len(cells)
    expected = [accuracy(classifiers.estimator(settings["kind"], c, 3).fit(*data[:2]), *data[2:]) for c in cells]
    assert_near(settings, rows, expected)
    assert best == cells[int(np.argmax([row["accuracy"] for row in rows]))]
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
    for cell in classifiers.grid_cells(settings["grid"]):
        model = classifiers.estimator(settings["kind"], cell, 3)
        expected.append(cross_val_score(model, features, labels, cv=folds).mean())
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


@pytest.mark.parametrize("settings", ALL, ids=by_kind)
@pytest.mark.parametrize("calibration", ["temperature", "sigmoid"])
def test_calibrated_probabilities_are_probabilities_and_fit_the_validation_split(settings, calibration, data):
    cell = classifiers.grid_cells(settings["grid"])[-1]
    model = classifiers.fit({**settings, "calibration": calibration}, cell, *data, seed=3)
    values = model.predict_proba(data[2])
    assert values.shape == (90, len(np.unique(data[1])))
    assert values.sum(axis=1) == pytest.approx(1)
    assert -np.log(values[np.arange(90), data[3]]).mean() < np.log(values.shape[1])  # better than guessing


@pytest.mark.parametrize("settings", ALL, ids=by_kind)
def test_temperature_changes_no_prediction(settings, data):
    cell = classifiers.grid_cells(settings["grid"])[-1]
    model = classifiers.fit({**settings, "calibration": "temperature"}, cell, *data, seed=3)
    bare = classifiers.estimator(settings["kind"], cell, 3).fit(*data[:2])
    # An SVM's own predictions are votes of pairs of classes, whose ties fall to the lower label; its scores break ties.
    scores = bare.decision_function(data[2]) if settings["kind"] == "svm" else bare.predict_proba(data[2])
    expected = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
    assert np.array_equal(model.predict_proba(data[2]).argmax(axis=1), expected)


def test_without_calibration_the_forest_speaks_for_itself(data):
    model = classifiers.fit(FOREST, {"n_estimators": 5}, *data, seed=3)
    bare = classifiers.estimator("random_forest", {"n_estimators": 5}, 3).fit(*data[:2])
    assert np.array_equal(model.predict_proba(data[2]), bare.predict_proba(data[2]))


def test_the_svm_scales_its_features(data):
    features, labels, val_features, val_labels = data
    scaled = (features * 1000 + 7, labels, val_features * 1000 + 7, val_labels)
    first, second = (classifiers.fit(SVM, {"C": 1}, *values, seed=0) for values in (data, scaled))
    assert first.predict_proba(val_features) == pytest.approx(second.predict_proba(scaled[2]), abs=1e-2)


@pytest.mark.parametrize("settings", ALL, ids=by_kind)
@pytest.mark.parametrize("calibration", ["temperature", "sigmoid", "none"])
def test_a_saved_classifier_gives_the_same_probabilities_and_the_same_bytes(tmp_path, settings, calibration, data):
    if (settings["kind"], calibration) == ("svm", "none"):
        pytest.skip("an SVM has no probabilities of its own")
    cell = classifiers.grid_cells(settings["grid"])[0]
    models = [classifiers.fit({**settings, "calibration": calibration}, cell, *data, seed=3) for _ in range(2)]
    for model, name in zip(models, ("a.skops", "b.skops"), strict=True):
        classifiers.save(model, tmp_path / name)
    loaded = classifiers.load(tmp_path / "a.skops")
    assert np.array_equal(loaded.predict_proba(data[2]), models[0].predict_proba(data[2]))
    assert (tmp_path / "a.skops").read_bytes() == (tmp_path / "b.skops").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.skops", "b.skops"]


@pytest.mark.parametrize("settings", ALL, ids=by_kind)
@pytest.mark.parametrize("calibration", ["temperature", "sigmoid"])
def test_one_validation_image_of_each_class_is_enough_to_calibrate(settings, calibration, data):
    features, labels, val_features, val_labels = data
    few = (val_features[: labels.max() + 1], val_labels[: labels.max() + 1])
    cell = classifiers.grid_cells(settings["grid"])[0]
    model = classifiers.fit({**settings, "calibration": calibration}, cell, features, labels, *few, seed=3)
    assert np.isfinite(model.predict_proba(val_features)).all()


def test_calibration_is_that_of_scikit_learns_own_folds(data):
    model = classifiers.fit(SVM, {"C": 1}, *data, seed=3)
    bare = FrozenEstimator(classifiers.estimator("svm", {"C": 1}, 3).fit(*data[:2]))
    folded = CalibratedClassifierCV(bare, method=SVM["calibration"]).fit(*data[2:])
    assert model.predict_proba(data[2]) == pytest.approx(folded.predict_proba(data[2]), abs=1e-6)


def test_more_folds_than_images_of_a_class_are_one_message(data):
    rare = np.r_[np.flatnonzero(data[1] != 0), np.flatnonzero(data[1] == 0)[:2]]
    with pytest.raises(UserError, match="folds: 3; expected at most 2, the images of the rarest class to search on"):
        search({**TREE, "selection": "folds", "folds": 3}, [data[0][rare], data[1][rare], *data[2:]])


def test_what_scikit_learn_refuses_is_one_message(data):
    with pytest.raises(UserError, match=r"grid cell {'C': 1}: scikit-learn refuses it \(Input X contains NaN"):
        search({**SVM, "grid": {"C": [1]}}, [data[0] * np.nan, *data[1:]])


class Foreign(BaseEstimator):
    """A type that no file of the workflow holds."""


class Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_foreign_type_is_refused_by_name(tmp_path):
    skops.io.dump(Foreign(), tmp_path / "x.skops")
    with pytest.raises(UserError, match="x.skops: not a classifier of this workflow .*Foreign"):
        classifiers.load(tmp_path / "x.skops")


def test_a_pickle_is_refused_and_does_not_run(tmp_path):
    (tmp_path / "x.skops").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    with pytest.raises(UserError, match="x.skops: not a classifier of this workflow"):
        classifiers.load(tmp_path / "x.skops")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [None, b"", b"half"])
def test_a_damaged_file_is_named(tmp_path, content):
    if content == b"half":
        classifiers.save(classifiers.estimator("decision_tree", {}, 0).fit(*draw(2)[:2]), tmp_path / "x.skops")
        content = (tmp_path / "x.skops").read_bytes()[:-300]
    if content is not None:
        (tmp_path / "x.skops").write_bytes(content)
    with pytest.raises(UserError, match="x.skops: not a classifier of this workflow"):
        classifiers.load(tmp_path / "x.skops")


# -- a validation split without a mistake -----------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, 3])
def test_probabilities_keep_their_order_where_validation_shows_no_mistake(classes):
    """Without softened targets the temperature falls until all probabilities are 0 and 1."""
    rng = np.random.default_rng(1)
    labels = np.arange(120) % classes
    features = (rng.normal(size=(120, 5)) + 1.5 * labels[:, None]).astype(np.float32)
    model = classifiers.estimator("svm", {"C": 1}, 0).fit(features, labels)
    right = np.flatnonzero(model.predict(features) == labels)[:30]
    assert len(np.unique(labels[right])) == classes
    found = classifiers.fit(SVM, {"C": 1}, features, labels, features[right], labels[right], 0)
    given = classifiers.probabilities(found, features)
    assert np.array_equal(given.argmax(axis=1), model.predict(features))
    assert 0.5 < np.median(given.max(axis=1)) < 0.999
    if classes == 2:
        scores = model.decision_function(features)
        assert np.all(np.diff(given[np.argsort(scores), 1]) >= 0)
        assert len(np.unique(given[:, 1])) > 0.9 * len(np.unique(scores))


def test_softened_targets_are_those_of_platt():
    features, labels, weights = classifiers._softened(np.zeros((5, 2)), np.array([0, 0, 0, 1, 1]), 2)
    assert features.shape == (10, 2) and labels.tolist() == [0, 1] * 5
    assert weights.reshape(-1, 2)[0].tolist() == [4 / 5, 1 / 5] and weights.reshape(-1, 2)[4].tolist() == [1 / 4, 3 / 4]


# -- several labels at once -------------------------------------------------------------------------------------------


def several(seed=0, k=3):
    """Features and labels (n, k) of two splits; each label shifts a feature of its own."""
    rng = np.random.default_rng(seed)
    parts = []
    for n in (120, 90):
        labels = (rng.random((n, k)) < 0.3).astype(np.uint8)
        parts += [(rng.normal(size=(n, 4)) + 1.5 * np.pad(labels, ((0, 0), (0, 4 - k)))).astype(np.float32), labels]
    return parts


@pytest.mark.parametrize("settings", ALL, ids=by_kind)
def test_one_vs_rest_compares_a_cell_by_the_mean_over_labels(settings):
    features, labels, val_features, val_labels = several()
    rows, best, _ = search(settings, (features, labels, val_features, val_labels))
    single = [
        search(settings, (features, labels[:, i], val_features, val_labels[:, i]))[0] for i in range(labels.shape[1])
    ]
    expected = [np.mean([rows_of[cell]["accuracy"] for rows_of in single]) for cell in range(len(rows))]
    assert [row["accuracy"] for row in rows] == pytest.approx(expected, abs=2e-6)
    assert best == {key: rows[int(np.argmax(expected))][key] for key in best}


@pytest.mark.parametrize("settings", ALL, ids=by_kind)
def test_one_vs_rest_is_a_calibrated_classifier_for_each_label(settings, tmp_path):
    features, labels, val_features, val_labels = several()
    cell = classifiers.grid_cells(settings["grid"])[0]
    model = classifiers.fit(settings, cell, features, labels, val_features, val_labels, 3)
    classifiers.save(model, tmp_path / "model.skops")
    found = classifiers.probabilities(classifiers.load(tmp_path / "model.skops"), val_features)
    assert found.shape == val_labels.shape
    for i in range(labels.shape[1]):
        alone = classifiers.fit(settings, cell, features, labels[:, i], val_features, val_labels[:, i], 3)
        assert np.array_equal(found[:, i], classifiers.probabilities(alone, val_features)[:, 1])


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


def test_a_label_that_is_on_none_of_the_fitted_images_is_named():
    features, labels, val_features, val_labels = several()
    labels[:, 2] = 0
    with pytest.raises(UserError, match="label 2 is on none or all of the 120 training images to fit on"):
        classifiers.fit(TREE, {"max_depth": 1}, features, labels, val_features, val_labels, 0)
    features, labels, val_features, val_labels = several()
    val_labels[:, 1] = 1
    with pytest.raises(UserError, match="label 1 is on none or all of the 90 validation images to calibrate on"):
        classifiers.fit(SVM, {"C": 1}, features, labels, val_features, val_labels, 0)
