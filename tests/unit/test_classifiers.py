"""Tests of classifiers: grids against fits from scratch, folds, calibration, files that hold no code."""

import pickle

import numpy as np
import pytest
import skops.io
from drawn_features import ALL, FOREST, SVM, TREE, by_kind, draw, several
from sklearn.base import BaseEstimator

from medfusion.errors import UserError
from medfusion.learning import classifiers
from medfusion.learning.calibration import choose_temperature, scale
from medfusion.learning.grid_search import combinations_of
from medfusion.learning.tempered import untempered


@pytest.fixture(params=[2, 4], ids=["two classes", "four classes"])
def data(request):
    return draw(request.param)


@pytest.mark.parametrize("settings", ALL, ids=by_kind)
@pytest.mark.parametrize("calibration", ["temperature", "sigmoid"])
def test_calibrated_probabilities_are_probabilities_and_fit_the_validation_split(settings, calibration, data):
    combination = combinations_of(settings["grid"])[-1]
    model = classifiers.fit({**settings, "calibration": calibration}, combination, *data, seed=3)
    values = model.predict_proba(data[2])
    assert values.shape == (90, len(np.unique(data[1])))
    assert values.sum(axis=1) == pytest.approx(1)
    if (settings["kind"], calibration) != ("decision_tree", "temperature"):  # a pure leaf's 0 stays 0
        assert -np.log(values[np.arange(90), data[3]]).mean() < np.log(values.shape[1])  # better than guessing


@pytest.mark.parametrize("settings", ALL, ids=by_kind)
def test_temperature_changes_no_prediction(settings, data):
    combination = combinations_of(settings["grid"])[-1]
    model = classifiers.fit({**settings, "calibration": "temperature"}, combination, *data, seed=3)
    bare = classifiers.estimator(settings["kind"], combination, 3, 4).fit(*data[:2])
    scores = bare.decision_function(data[2]) if settings["kind"] == "svm" else bare.predict_proba(data[2])
    expected = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
    assert np.array_equal(model.predict_proba(data[2]).argmax(axis=1), expected)


def test_without_calibration_the_forest_speaks_for_itself(data):
    model = classifiers.fit(FOREST, {"n_estimators": 5}, *data, seed=3)
    bare = classifiers.estimator("random_forest", {"n_estimators": 5}, 3, 4).fit(*data[:2])
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
    combination = combinations_of(settings["grid"])[0]
    models = [classifiers.fit({**settings, "calibration": calibration}, combination, *data, seed=3) for _ in range(2)]
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
    combination = combinations_of(settings["grid"])[0]
    model = classifiers.fit({**settings, "calibration": calibration}, combination, features, labels, *few, seed=3)
    assert np.isfinite(model.predict_proba(val_features)).all()


@pytest.mark.parametrize("settings", ALL, ids=by_kind)
def test_a_temperature_is_applied_to_what_the_classifier_says(settings, data):
    combination = combinations_of(settings["grid"])[-1]
    model = classifiers.fit({**settings, "calibration": "temperature"}, combination, *data, seed=3)
    bare = classifiers.fitted(settings["kind"], combination, 3, *data[:2])
    before = untempered(bare, data[2])
    assert model.temperature == choose_temperature(before, data[3])
    assert np.array_equal(model.predict_proba(data[2]), scale(before, model.temperature))
    assert np.array_equal(model.predict(data[2]), before.argmax(axis=1))


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
        classifiers.save(classifiers.estimator("decision_tree", {}, 0, 4).fit(*draw(2)[:2]), tmp_path / "x.skops")
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
    model = classifiers.estimator("svm", {"C": 1}, 0, 4).fit(features, labels)
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


# -- several labels at once -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", ALL, ids=by_kind)
def test_one_vs_rest_is_a_calibrated_classifier_for_each_label(settings, tmp_path):
    features, labels, val_features, val_labels = several()
    combination = combinations_of(settings["grid"])[0]
    model = classifiers.fit(settings, combination, features, labels, val_features, val_labels, 3)
    classifiers.save(model, tmp_path / "model.skops")
    found = classifiers.probabilities(classifiers.load(tmp_path / "model.skops"), val_features)
    assert found.shape == val_labels.shape
    for i in range(labels.shape[1]):
        alone = classifiers.fit(settings, combination, features, labels[:, i], val_features, val_labels[:, i], 3)
        assert np.array_equal(found[:, i], classifiers.probabilities(alone, val_features)[:, 1])


def test_a_label_that_is_on_none_of_the_fitted_images_is_named():
    features, labels, val_features, val_labels = several()
    labels[:, 2] = 0
    with pytest.raises(UserError, match="label 2 is on none or all of the 120 training images to fit on"):
        classifiers.fit(TREE, {"max_depth": 1}, features, labels, val_features, val_labels, 0)
    features, labels, val_features, val_labels = several()
    val_labels[:, 1] = 1
    with pytest.raises(UserError, match="label 1 is on none or all of the 90 validation images to calibrate on"):
        classifiers.fit(SVM, {"C": 1}, features, labels, val_features, val_labels, 0)
