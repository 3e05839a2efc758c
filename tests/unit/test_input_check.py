"""Tests of the input check: its distances, its limit, the choice of its kind, and the stage that fits it."""

import json
from dataclasses import replace

import cv2
import h5py
import numpy as np
import pytest
import small_backbone
from scipy.spatial.distance import cdist
from sklearn.covariance import LedoitWolf
from sklearn.metrics import roc_auc_score

import fit_input_check
from medfusion.data import medmnist_c
from medfusion.errors import UserError
from medfusion.files import images, input_checks
from medfusion.files.hdf5 import create_hdf5
from medfusion.files.images import Description
from medfusion.learning import backbones, input_check, input_fitting
from medfusion.learning.averages import averaged
from medfusion.learning.input_check import InputCheck

DESCRIPTION = Description("breastmnist", "binary-class", ("malignant", "normal"), "0" * 64, True)
SETTINGS = {
    "title": "breast/net",
    "seeds": [1, 2],
    "flag": "breastmnist",
    "train_images": "all",
    "drop_near_duplicates_of": [],
    "flagged": 0.05,
    "fit_images": None,
    "val_images": 20,
    "seed": 0,
    "threads": 1,
}


def by_hand(kind, **fields):
    """A check of two features, of which the first varies twice as much; its classes have their means at 0 and 10."""
    arrays = {
        "centre": [1, 0],
        "directions": np.empty((2, 0)),
        "mean": [0, 0],
        "whitening": [[0.5, 0], [0, 1]],
        "points": [[0, 0], [5, 0]],
        "overall": [[0.25, 0], [0, 0.5]] if kind == "relative_mahalanobis" else np.empty((0, 2)),
        "ranges": [[0, 0, 0, 0, 0], [200, 100, 0.5, 0.5, 50]],
    }
    arrays = {name: np.array(values, np.float32) for name, values in {**arrays, **fields}.items()}
    return InputCheck(
        kind, 2 if kind == "nearest" else 0, 1, **arrays, feature_units=(1, 2), pixel_units=(0, 1), auroc={}
    )


def pictures(n, seed=0, size=16):
    """Smooth grey pictures, each another, of two kinds: brighter in the middle, or at the edge."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    labels = np.arange(n) % 2
    bump = np.exp(-(x**2 + y**2) / size)[None] * np.where(labels, 60, -60)[:, None, None]
    coarse = rng.normal(0, 12, (n, 4, 4)).astype(np.float32)
    smooth = np.stack([cv2.resize(one, (size, size), interpolation=cv2.INTER_CUBIC) for one in coarse])
    return np.clip(120 + bump + smooth, 0, 255).astype(np.uint8)[..., None], labels.astype(np.uint8)


def network(given):
    """Features that stand for those of a network: means of 4 × 4 pixels."""
    n, height, width, _ = given.shape
    return given.reshape(n, height // 4, 4, width // 4, 4).mean(axis=(2, 4)).reshape(n, -1).astype(np.float32) / 255


# -- distances --------------------------------------------------------------------------------------------------------


def test_distances_that_are_computed_by_hand():
    given = np.array([[5.0, 3.0], [11.0, 0.0]])  # centred: (4, 3), (10, 0); with equal covariances: (2, 3), (5, 0)
    found = input_check.feature_distances(by_hand("mahalanobis"), given)
    np.testing.assert_allclose(found, [np.sqrt(4 + 9), 0])
    # Minus the squared distances to the mean of all: (4 / 4)² + (3 / 2)², and (10 / 4)².
    found = input_check.feature_distances(by_hand("relative_mahalanobis"), given)
    np.testing.assert_allclose(found, [13 - (1 + 2.25), -6.25])
    points = [[0, 0], [5, 0], [2, 4]]
    found = input_check.feature_distances(by_hand("nearest", points=points), given)
    np.testing.assert_allclose(found, [np.sqrt(13), 5])  # the second nearest of 1, √13, √18; and of 0, 5, 5


def test_what_principal_components_miss_is_compared_too():
    directions = np.array([[0.6], [0.8]])
    check = by_hand("mahalanobis", directions=directions, centre=[0, 0], mean=[0, 1])
    # Along the component 5, beside it nothing; and along it 0, beside it 5.
    found = input_check.feature_distances(check, np.array([[3.0, 4.0], [4.0, -3.0]]))
    np.testing.assert_allclose(found, [np.sqrt(2.5**2 + 1), 4], rtol=1e-6)


def test_the_score_is_the_larger_of_both_and_of_several_networks_their_mean():
    check = by_hand("mahalanobis")
    grey = np.full((1, 4, 4, 1), 100, np.uint8)  # its mean is in the middle, all else at the lower end: a distance of 1
    assert input_check.scores(check, np.array([[1.0, 0.0]]), grey).tolist() == [1.0]
    assert input_check.scores(check, np.array([[1.0, 5.0]]), grey).tolist() == [(5 - 1) / 2]
    assert input_check.of_system([np.array([1.0, 3.0]), np.array([2.0, 0.0])]).tolist() == [1.5, 1.5]


def test_several_networks_have_a_limit_of_their_own():
    """Their mean varies less than each: with the limits of single ones too few images would be flagged."""
    rng, flagged = np.random.default_rng(2), []
    for _ in range(300):
        scores = rng.normal(size=(5, 200)) + rng.normal(size=200)
        own = [values / input_fitting.limit(values[:100], 0.1) for values in scores]
        mean = input_check.of_system(own)
        flagged.append([np.mean(mean[100:] > limit) for limit in (1.0, input_fitting.limit(mean[:100], 0.1))])
    before, after = np.mean(flagged, axis=0)
    assert before < 0.07 and after == pytest.approx(0.1, abs=0.01)
    check, grey = by_hand("mahalanobis"), np.full((1, 4, 4, 1), 100, np.uint8)
    for place in (0.0, 5.0):
        whole = input_check.scores(check, np.array([[1.0, place]]), grey)
        assert input_check.scores(input_check.widened(check, 0.5), np.array([[1.0, place]]), grey) == 2 * whole


def test_statistics_of_colours_are_those_of_numpy():
    given = np.random.default_rng(0).integers(0, 256, (300, 5, 6, 3), dtype=np.uint8)
    given[:, :2] = 255
    found = input_check.statistics(given)
    np.testing.assert_allclose(found[:, :3], given.mean(axis=(1, 2)))
    np.testing.assert_allclose(found[:, 3:6], given.std(axis=(1, 2)))
    np.testing.assert_allclose(found[:, 6:8], np.stack([(given == v).mean(axis=(1, 2, 3)) for v in (0, 255)], axis=1))
    across, down = (np.abs(np.diff(given.astype(int), axis=axis)) for axis in (2, 1))
    expected = (across.sum(axis=(1, 2, 3)) + down.sum(axis=(1, 2, 3))) / (5 * 5 * 3 + 4 * 6 * 3)
    np.testing.assert_allclose(found[:, 8], expected)


# -- fitting ----------------------------------------------------------------------------------------------------------


def fitted(flagged=0.05, n=200, seed=0):
    """Checks of all kinds on pictures, with the validation split that set their limits."""
    (train, labels), (val, _) = pictures(n, seed), pictures(199, seed + 1)
    pair = network(val).astype(np.float64), input_check.statistics(val)
    data = network(train).astype(np.float64), labels, input_check.statistics(train), pair
    return input_fitting.fit(input_check.KINDS, *data, flagged, 1), pair, data


def test_distances_are_those_of_other_programs():
    checks, (values, _), (features, labels, *_) = fitted()
    means = np.stack([features[labels == label].mean(axis=0) for label in (0, 1)])
    shared = LedoitWolf(assume_centered=True).fit(features - means[labels])
    squares = cdist(values, means, "mahalanobis", VI=shared.precision_) ** 2
    found = input_check.feature_distances(checks["mahalanobis"], values)
    np.testing.assert_allclose(found, np.sqrt(squares.min(axis=1)), rtol=1e-3)
    whole = LedoitWolf().fit(features).mahalanobis(values)
    found = input_check.feature_distances(checks["relative_mahalanobis"], values)
    np.testing.assert_allclose(found, squares.min(axis=1) - whole, atol=1e-2)
    ordered = np.sort(cdist(values, features, "mahalanobis", VI=shared.precision_), axis=1)
    assert checks["nearest"].neighbour == 10
    found = input_check.feature_distances(checks["nearest"], values)
    np.testing.assert_allclose(found, ordered[:, 9], rtol=1e-3)


@pytest.mark.parametrize("flagged", [0.05, 0.2])
def test_the_share_of_validation_images_above_the_limit_is_the_one_that_was_asked_for(flagged):
    checks, pair, _ = fitted(flagged)
    for check in checks.values():
        scores = input_check.scored(check, *pair)
        # The ⌈200 (1 - share)⌉-th of 199 is the last that is not above.
        assert np.sum(scores > 1) == 199 - round(200 * (1 - flagged))
        assert np.abs(scores - 1).min() > 1e-6, "an image on the limit is decided by rounding"


def test_of_exchangeable_images_no_more_than_the_share_are_flagged_on_average():
    shares = []
    for seed in range(12):
        check = fitted(0.1, 100, 10 * seed)[0]["mahalanobis"]
        fresh, _ = pictures(200, 10 * seed + 5)
        shares.append(np.mean(input_check.scores(check, network(fresh), fresh) > 1))
    # The share of one draw of 199 images has a standard deviation of 0.02; the mean of twelve one of 0.006.
    assert 0.07 < np.mean(shares) < 0.12


def test_too_few_validation_images_flag_none_of_themselves():
    assert input_fitting.limit(np.array([0.3, 0.9, 0.5]), 0.05) > 0.9


@pytest.mark.parametrize("kind", input_check.KINDS)
def test_noise_white_black_and_others_pictures_are_flagged_and_fresh_ones_are_not(kind):
    check = fitted()[0][kind]
    rng = np.random.default_rng(0)
    strange = {
        "noise": rng.integers(0, 256, (20, 16, 16, 1), dtype=np.uint8),
        "white": np.full((1, 16, 16, 1), 255, np.uint8),
        "black": np.zeros((1, 16, 16, 1), np.uint8),
        "stripes": np.tile(np.where(np.arange(16) % 8 < 4, 90, 150).astype(np.uint8)[:, None], (1, 1, 16, 1)),
        "half as bright": pictures(20, 7)[0] // 2,
    }
    for name, given in strange.items():
        given = given.reshape(-1, 16, 16, 1)
        assert (input_check.scores(check, network(given), given) > 1).all(), name
    fresh, _ = pictures(200, 3)
    assert np.mean(input_check.scores(check, network(fresh), fresh) > 1) < 0.15


def test_many_features_are_pooled_and_reduced_and_still_tell_noise_apart():
    (train, labels), (val, _) = pictures(150, size=48), pictures(60, 1, 48)

    def wide(given):
        return input_check.pooled(given.reshape(len(given), -1) / 255, 3)

    pair = wide(val), input_check.statistics(val)
    assert input_fitting.pool_of(48 * 48) == 3 and pair[0].shape[1] == 768
    found = input_check.statistics(train)
    checks = input_fitting.fit(input_check.KINDS, wide(train), labels, found, pair, 0.05, 3)
    noise = np.random.default_rng(0).integers(0, 256, (10, 48, 48, 1), dtype=np.uint8)
    for check in checks.values():
        assert check.directions.shape == (768, 256) and check.whitening.shape == (257, 257)
        own = input_check.in_units(input_check.feature_distances(check, wide(noise)), check.feature_units)
        # The relative distance loses sight of what is far from everything: statistics of pixels do not.
        assert (own > 1).all() == (check.kind != "relative_mahalanobis"), "of features alone"
        assert (input_check.scored(check, wide(noise), input_check.statistics(noise)) > 1).all()
        before = input_check.scores(check, noise.reshape(10, -1) / 255, noise)
        np.testing.assert_array_equal(before, input_check.scored(check, wide(noise), input_check.statistics(noise)))


def test_ranges_are_those_of_nearly_all_training_images_and_never_without_width():
    rng = np.random.default_rng(0)
    found = np.column_stack([rng.uniform(50, 150, 2000), rng.uniform(10, 30, 2000), np.zeros((2000, 3))])
    low, high = input_fitting.ranges_of(found)
    np.testing.assert_allclose([low[0], high[0]], np.quantile(found[:, 0], [0.005, 0.995]))
    np.testing.assert_allclose([low[2:], high[2:]], [[-0.01, -0.01, -1], [0.01, 0.01, 1]])


def test_the_kind_that_tells_altered_images_best_is_taken_of_equals_the_first():
    checks, pair, _ = fitted()
    darker = network(pictures(40, 9)[0] // 2 + 60)
    areas = input_fitting.areas(checks, pair[0], {"darker": darker})
    for kind, check in checks.items():
        values = input_check.feature_distances(check, np.concatenate([pair[0], darker]))
        assert areas[kind]["darker"] == pytest.approx(roc_auc_score(np.arange(239) >= 199, values))
    found = {"mahalanobis": {"a": 0.5, "b": 0.8}, "nearest": {"a": 0.7, "b": 0.6}}
    assert input_fitting.best(found)[0] == "mahalanobis"
    found = {"mahalanobis": {"a": 0.2, "b": 0.8}, "nearest": {"a": 0.5, "b": 0.7}}
    assert input_fitting.best(found) == ("mahalanobis", {"mahalanobis": 0.65, "nearest": 0.6})


def test_kinds_are_compared_on_corruptions_that_the_page_does_not_count():
    for flag in (*medmnist_c.CORRUPTIONS, None):
        others = medmnist_c.other_corruptions(flag)
        assert len(others) >= 4 and not set(others) & set(medmnist_c.corruptions(flag))
        assert all(len(levels) == 5 for levels in others.values())


# -- the stage --------------------------------------------------------------------------------------------------------


@pytest.fixture
def prepared(tmp_path, monkeypatch):
    """Splits, and features of two seeds; what applies a network computes the same features."""
    for split, n, seed in (("train", 120, 0), ("val", 60, 1)):
        given, labels = pictures(n, seed)
        images.write_split(tmp_path / f"{split}.h5", split, DESCRIPTION, given, labels)
    for seed in (1, 2):
        with create_hdf5(tmp_path / f"features{seed}.h5", **DESCRIPTION.attributes()) as file:
            for split in ("train", "val"):
                file[f"{split}/features"] = network(images.read_images(tmp_path / f"{split}.h5")) * seed
    monkeypatch.setattr(fit_input_check, "applied", lambda args, settings: network)
    return tmp_path


def run(folder, name="out.h5", **settings):
    words = ["--features", *(str(folder / f"features{seed}.h5") for seed in (1, 2))]
    words += [word for split in ("train", "val") for word in (f"--{split}", str(folder / f"{split}.h5"))]
    arguments = fit_input_check.parser().parse_args([*words, "--input-check", str(folder / name), "--settings", "none"])
    fit_input_check.main(arguments, {**SETTINGS, **settings})
    return folder / name


def test_the_stage_writes_a_check_for_each_seed_and_the_same_bytes_again(prepared):
    path = run(prepared)
    assert path.read_bytes() == run(prepared, "again.h5").read_bytes()
    val = images.read_images(prepared / "val.h5")
    for seed in (1, 2):
        check, scores = input_checks.read(path, seed)
        np.testing.assert_allclose(input_check.scores(check, network(val) * seed, val), scores, atol=1e-9)
        assert np.sum(scores > 1) == 60 - 58  # ⌈61 × 0.95⌉
        assert check.kind == max(check.auroc, key=lambda kind: check.auroc[kind])
    with h5py.File(path) as file:
        areas = json.loads(file["seed2"].attrs["areas"])
    assert set(areas) == set(input_check.KINDS)
    assert set(areas["nearest"]) == {"shuffled", "negative", *medmnist_c.other_corruptions("breastmnist")}


def test_a_backbone_is_checked_once_for_all_seeds(prepared, monkeypatch):
    monkeypatch.undo()
    path = small_backbone.write(prepared / "backbone.onnx", size=16)
    taken = {"size": 16, "layout": "NCHW", "channels": 3, "scale": 1 / 255, "mean": [0.5] * 3, "std": [0.3] * 3}
    options = {"path": str(path), "sha256": None, "input": taken, "output": "features"}
    backbone = backbones.load(path, options, 1)
    with create_hdf5(prepared / "backbone.h5", **DESCRIPTION.attributes()) as file:
        for split in ("train", "val"):
            given = images.read_images(prepared / f"{split}.h5")
            file[f"{split}/features"] = averaged(backbone, given, ["horizontal_flip"])[0]
    words = ["--backbone", str(path), "--features", str(prepared / "backbone.h5"), "--settings", "none"]
    words += ["--train", str(prepared / "train.h5"), "--val", str(prepared / "val.h5")]
    arguments = fit_input_check.parser().parse_args([*words, "--input-check", str(prepared / "out.h5")])
    settings = {"backbone": options, "layers": [], "test_time_augmentation": ["horizontal_flip"], "seeds": [1]}
    fit_input_check.main(arguments, {**SETTINGS, **settings})
    check, scores = input_checks.read(prepared / "out.h5", 1)
    assert len(check.centre) == small_backbone.WIDTH and np.sum(scores > 1) == 2


def test_a_subset_of_the_training_images_is_fitted_on(prepared):
    whole, _ = input_checks.read(run(prepared), 1)
    part, _ = input_checks.read(run(prepared, "part.h5", fit_images=60), 1)
    assert len(whole.centre) == len(part.centre) and not np.array_equal(whole.centre, part.centre)


def test_features_of_other_images_are_named(prepared):
    given, labels = pictures(50, 1)
    images.write_split(prepared / "val.h5", "val", DESCRIPTION, given, labels)
    with pytest.raises(UserError, match="features1.h5: of other images than .*; delete it and run again"):
        run(prepared)


def test_a_file_that_is_no_check_is_named(prepared):
    path = run(prepared)
    with pytest.raises(UserError, match="out.h5: damaged or incomplete .*; delete it and run again"):
        input_checks.read(path, 3)
    with h5py.File(path, "a") as file:
        file["seed1"].attrs["kind"] = "another"
    with pytest.raises(UserError, match="out.h5: not what fit_input_check writes .*; delete it and run again"):
        input_checks.read(path, 1)


def test_what_is_written_is_what_is_read(tmp_path):
    check = replace(by_hand("nearest"), auroc={"nearest": 0.5})
    with create_hdf5(tmp_path / "x.h5") as file:
        input_checks.write(file, 7, check, np.array([0.1]), {"nearest": {"noise": 0.5}})
    found, scores = input_checks.read(tmp_path / "x.h5", 7)
    assert scores.tolist() == [0.1]
    for name, value in vars(check).items():
        np.testing.assert_array_equal(getattr(found, name), value)
