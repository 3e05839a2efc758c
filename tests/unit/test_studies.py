"""Tests of the classifier studies and of their file."""

import os
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

import draw
import study_classifiers
from medfusion.errors import UserError
from medfusion.files import images, study_files
from medfusion.files.hdf5 import create_hdf5
from medfusion.files.images import Description
from medfusion.learning import studies

DESCRIPTION = Description("breastmnist", "binary-class", ("a", "b"), "0", False)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 120)
    return (rng.normal(size=(120, 6)) + labels[:, None]).astype(np.float32), labels


def curve_of(data, **changes):
    features, labels = data
    arguments = {"sizes": 4, "folds": 3, "seed": 0} | changes
    return studies.learning_curve(
        DecisionTreeClassifier(random_state=0), features, labels, features, labels, **arguments
    )


def test_a_learning_curve_grows_to_all_images_outside_a_fold(data):
    curve = curve_of(data)
    assert curve.sizes[-1] == 80 and np.all(np.diff(curve.sizes) > 0)
    assert curve.train.shape == curve.folds.shape == curve.val.shape == (4, 3)
    assert np.all(curve.train == 1)  # a tree without limits learns its images by heart
    assert 0.5 < curve.folds[-1].mean() < 1


def test_studies_repeat_exactly(data):
    features, labels = data
    first, second = curve_of(data), curve_of(data)
    assert np.array_equal(first.folds, second.folds)
    planes = [studies.plane(features, labels, [features[:4], features[4:9]], 50, 3, grid=20) for _ in range(2)]
    assert np.array_equal(planes[0].regions["random_forest"], planes[1].regions["random_forest"])


def test_the_plane_is_fitted_without_the_test_images(data):
    features, labels = data
    one = studies.plane(features, labels, [features[:4], features[4:9]], 50, 3, grid=20)
    other = studies.plane(features, labels, [features[:9] * 0.5], 50, 3, grid=20)
    assert np.array_equal(one.train, other.train)
    assert np.array_equal(one.variance, other.variance)
    assert one.regions["svm"].shape == (20, 20)
    assert len(one.train) == 50 and one.test.shape == (9, 2) and len(one.test_predicted["svm"]) == 9
    x_low, x_high, y_low, y_high = one.extent
    points = np.concatenate([one.train, one.test])
    assert np.all((points > [x_low, y_low]) & (points < [x_high, y_high]))


def test_a_tree_is_found_in_its_calibration(data):
    features, labels = data
    tree = DecisionTreeClassifier(max_depth=2).fit(features, labels)
    calibrated = CalibratedClassifierCV(FrozenEstimator(tree), method="sigmoid").fit(features, labels)
    assert studies.tree_inside(calibrated) is tree and studies.tree_inside(tree) is tree
    with pytest.raises(UserError, match="LogisticRegression"):
        studies.tree_inside(LogisticRegression())


def test_the_file_gives_back_what_it_was_given(tmp_path, data):
    features, labels = data
    curves = {"decision_tree": curve_of(data)}
    plane = studies.plane(features, labels, [features[:4], features[4:9]], 50, 3, grid=20)
    shape = studies.tree_shape(DecisionTreeClassifier(max_depth=2).fit(features, labels))
    for name in ("a.h5", "b.h5"):
        study_files.write(tmp_path / name, DESCRIPTION, 7, curves, plane, shape)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    description, seed, read_curves, read_plane, read_shape, _ = study_files.read(tmp_path / "a.h5")
    assert (description, seed) == (DESCRIPTION, 7)
    assert np.array_equal(read_curves["decision_tree"].val, curves["decision_tree"].val)
    assert np.array_equal(read_plane.regions["svm"], plane.regions["svm"])
    assert read_shape.depth == shape.depth and np.array_equal(read_shape.yes, shape.yes)
    assert read_shape.images[0] == 120 and np.allclose(read_shape.shares.sum(axis=1), 1)


def test_more_folds_than_images_of_any_class_give_no_curve(data):
    assert curve_of((data[0][:4], np.array([0, 1, 0, 1]))) is None


@pytest.mark.parametrize("each", [1, 2, 4])
def test_what_few_images_cannot_show_is_left_out_in_a_sentence(tmp_path, each):
    """The page, and so the other data sets, must not wait for it."""
    rng, labels = np.random.default_rng(0), {split: np.repeat([0, 1], each) for split in ("train", "val", "test")}
    with create_hdf5(tmp_path / "features.h5", **DESCRIPTION.attributes()) as file:
        for split, values in labels.items():
            file[f"{split}/features"] = rng.normal(size=(len(values), 6)).astype(np.float32)
            pixels = np.zeros((len(values), 8, 8, 1), np.uint8)
            images.write_split(tmp_path / f"{split}.h5", split, DESCRIPTION, pixels, values)
    settings = {"fit_images": None, "fit_values": 10**6, "tree_sizes": 3, "folds": 5, "plane_images": 50, "seed": 1}
    given = {"features": tmp_path / "features.h5", "train": tmp_path / "train.h5", "val": tmp_path / "val.h5"}
    study_classifiers.main(SimpleNamespace(**given, tree=None, studies=tmp_path / "studies.h5"), settings)
    assert f"commonest class has {each} training images; 5 folds" in study_files.read(tmp_path / "studies.h5")[-1]
    drawn = {name: str(tmp_path / f"{name}.svg") for name in ("learning", "tree", "plane")}
    read = {"studies": str(tmp_path / "studies.h5"), "test-labels": str(given["val"]), "train": str(given["train"])}
    words = [word for name, path in {**read, **drawn, "settings": "x"}.items() for word in (f"--{name}", path)]
    args = draw.parser("studies").parse_args(["studies", *words])
    draw.main(args, {"name": "Few", "label_names": None, "style": "white"})
    assert all(os.path.getsize(path) for path in drawn.values())
