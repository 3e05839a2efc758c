"""Tests of the linear classifier on Nyström features that stands in for a large SVM, and of the rule when it does."""

import itertools
import warnings

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from medfusion.learning import approximate, classifiers, grid_search
from medfusion.learning.approximate import Use

SETTINGS = {
    **{"kind": "svm", "grid": {"C": [1]}, "selection": "validation", "folds": 3, "search_images": None},
    **{"fit_images": 100, "nystroem_components": 60, "nystroem_images": 500, "fit_values": 5000},
    **{"calibration": "temperature", "criterion": "log_loss"},
}


@pytest.fixture(params=[2, 3], ids=["two classes", "three classes"])
def data(request):
    """Rings around a centre: no plane divides their features, a kernel does."""
    rng, parts = np.random.default_rng(0), []
    for n in (400, 150):
        labels = np.arange(n) % request.param
        angle, radius = rng.uniform(0, 2 * np.pi, n), 1 + labels + rng.normal(0, 0.25, n)
        values = np.column_stack([radius * np.cos(angle), radius * np.sin(angle), rng.normal(0, 1, n)])
        parts += [values.astype(np.float32), labels]
    return parts


@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_it_predicts_as_an_exact_svm_does(data, kernel):
    features, labels, val_features, val_labels = data
    combination = {"C": 1, "kernel": kernel}
    exact = make_pipeline(StandardScaler(), SVC(**combination)).fit(features, labels)
    model = approximate.fit(combination, features, labels, 60, 0)
    ours, theirs = model.score(val_features, val_labels), exact.score(val_features, val_labels)
    assert ours > theirs - 0.06
    if kernel == "rbf":
        assert theirs > 0.8 and np.mean(model.predict(val_features) == exact.predict(val_features)) > 0.9


@pytest.mark.parametrize(
    ("gamma", "kernel"), list(itertools.product(["scale", "auto", 0.3], ["rbf", "poly", "sigmoid"]))
)
def test_with_an_image_each_its_features_are_the_kernel_of_the_svm(data, gamma, kernel):
    features = StandardScaler().fit_transform(data[0][:50])
    combination = {"kernel": kernel, "gamma": gamma, "coef0": 0.4, "degree": 2}
    mapped = approximate.in_blocks(approximate.nystroem(combination, features, 50, 0), features)
    svm = SVC(**combination).fit(features, data[1][:50])
    x = features.astype(np.float64)
    dot = svm._gamma * x @ x.T + 0.4
    squared = ((x[:, None] - x[None]) ** 2).sum(axis=2)
    expected = {"rbf": np.exp(-svm._gamma * squared), "poly": dot**2, "sigmoid": np.tanh(dot)}[kernel]
    products = mapped.astype(np.float64) @ mapped.T
    if kernel == "sigmoid":  # is no kernel that products of real numbers could be
        assert np.isfinite(products).all()
    else:
        np.testing.assert_allclose(products, expected, atol=2e-2 * np.abs(expected).max())


def test_blocks_change_nothing_but_memory(data, monkeypatch):
    mapping = approximate.nystroem({}, data[0], 20, 0)
    whole = approximate.in_blocks(mapping, data[0])
    monkeypatch.setattr(approximate, "ROWS", 7)
    np.testing.assert_allclose(approximate.in_blocks(mapping, data[0]), whole, atol=1e-5)


def test_the_same_seed_gives_the_same_machine_and_another_other_features(data):
    scores = [approximate.fit({}, data[0], data[1], 20, seed).decision_function(data[2]) for seed in (1, 1, 2)]
    assert np.array_equal(scores[0], scores[1]) and not np.array_equal(scores[0], scores[2])


@pytest.mark.parametrize("calibration", ["temperature", "sigmoid"])
def test_it_is_calibrated_saved_and_loaded_like_the_svm(data, tmp_path, calibration):
    settings = {**SETTINGS, "calibration": calibration}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = classifiers.fit(settings, {"C": 1}, *data, 3, components=40)
    again = classifiers.fit(settings, {"C": 1}, *data, 3, components=40)
    for name, one in (("a", model), ("b", again)):
        classifiers.save(one, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    found = classifiers.probabilities(classifiers.load(tmp_path / "a"), data[2])
    assert np.array_equal(found, classifiers.probabilities(model, data[2]))
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)
    assert np.mean(found.argmax(axis=1) == data[3]) > 0.8


def test_several_labels_have_a_machine_each(data):
    features, labels, val_features, val_labels = data
    both, val_both = (np.column_stack([values == 0, values != 0]).astype(np.uint8) for values in (labels, val_labels))
    models = classifiers.fit(SETTINGS, {"C": 1}, features, both, val_features, val_both, 3, components=40)
    assert len(models) == 2
    assert classifiers.probabilities(models, val_features).shape == (150, 2)


def test_cells_are_compared_exactly_on_no_more_than_are_fitted_exactly(data):
    lines = []
    settings = {**SETTINGS, "grid": {"C": [1, 10]}}
    assert grid_search.compared_images(settings, 400) == 100
    assert grid_search.compared_images({**settings, "search_images": 30}, 400) == 30
    rows, _ = grid_search.search(settings, *data, 3, lines.append)
    assert len(rows) == 2


RULES = {
    "few images": ({}, 80, 3, Use(80, None)),
    "as many as fit": ({}, 100, 3, Use(100, None)),
    "more": ({}, 101, 3, Use(101, 60)),
    "many more": ({}, 9999, 3, Use(500, 60)),
    "no limit": ({"nystroem_images": None, "fit_values": 10**9}, 9999, 3, Use(9999, 60)),
    "wide features": ({}, 9999, 25, Use(200, 60)),
    "very wide features": ({}, 9999, 100, Use(50, None)),
    "switched off": ({"nystroem_components": None}, 9999, 3, Use(100, None)),
    "a forest": ({"kind": "random_forest"}, 9999, 3, Use(100, None)),
    "all exactly": ({"fit_images": None}, 1500, 3, Use(1500, None)),
    "fewer than components": ({"nystroem_components": 400}, 150, 3, Use(150, 150)),
}


@pytest.mark.parametrize("case", RULES)
def test_the_rule(case):
    changes, images, features, expected = RULES[case]
    assert approximate.rule({**SETTINGS, **changes}, images, features) == expected


def test_what_is_fitted_has_a_word():
    assert approximate.estimator_name(Use(5, None), {}) == "exact"
    assert (
        approximate.estimator_name(Use(5, 4), {"kernel": "poly"})
        == approximate.estimator_name(Use(5, 4), {})
        == "nystroem"
    )
    assert approximate.estimator_name(Use(5, 4), {"kernel": "linear"}) == "linear"
