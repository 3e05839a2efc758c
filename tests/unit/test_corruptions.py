"""Tests of the corruptions of images, and of what is measured on corrupted ones."""

import math
import os
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score
from sklearn.tree import DecisionTreeClassifier

import corrupt_evaluate
from medfusion.data import corruptions, medmnist_c, sampling
from medfusion.data.medmnist_info import INFO
from medfusion.errors import UserError
from medfusion.evaluation import corruptions as measured
from medfusion.files import calibrations, corrupted_files, images, tables
from medfusion.files.calibrations import Calibration, Calibrations
from medfusion.files.corrupted_files import UNTOUCHED, Condition
from medfusion.files.hdf5 import create_hdf5
from medfusion.files.images import Description
from medfusion.learning import run_systems
from medfusion.learning.calibration import scale
from medfusion.system_id import SystemId

# A name with the severities of the first data set that has it.
EACH = {name: levels for of in medmnist_c.CORRUPTIONS.values() for name, levels in reversed(of.items())}
# As published: the fifth circle is wider than the fourth.
UNORDERED = {"black_corner"}
# Pixels of a size that divides those of a small image change nothing in it; words and noise are finer than these.
UNORDERED_SMALL = {"pixelate", "black_corner", "characters", "speckle_noise"}


def pictures(size, channels, n=12, seed=0):
    """Smooth pictures in all shades, each another."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(20, 236, (n, 8, 8, channels)).astype(np.float32)
    large = [
        cv2.resize(one, (size, size), interpolation=cv2.INTER_CUBIC).reshape(size, size, channels) for one in coarse
    ]
    return np.clip(np.rint(large), 0, 255).astype(np.uint8)


def corrupted(given, name, severity, numbers=None):
    large = corruptions.enlarged(given)
    parameter = EACH[name][severity - 1]
    return corruptions.corrupted(large, given.shape[1:], name, severity, parameter, numbers or range(len(given)))


def distances(given, name):
    found = [corrupted(given, name, severity) for severity in medmnist_c.SEVERITIES]
    assert all(one.dtype == np.uint8 and one.shape == given.shape for one in found)
    return [np.abs(one.astype(int) - given).mean() for one in found]


def test_every_data_set_of_medmnist_has_its_corruptions_in_five_severities():
    assert set(medmnist_c.CORRUPTIONS) <= set(INFO) and set(medmnist_c.CORRUPTIONS) == set(medmnist_c.ALEXNET)
    for flag, found in medmnist_c.CORRUPTIONS.items():
        assert set(found) == set(medmnist_c.ALEXNET[flag]) - {medmnist_c.CLEAN}
        assert all(len(levels) == 5 for levels in found.values())
    assert set(EACH) | set(medmnist_c.GENERAL) == set(corruptions.CORRUPTIONS)
    assert list(medmnist_c.corruptions("breastmnist")) == [
        *("pixelate", "jpeg_compression", "speckle_noise", "motion_blur"),
        *("brightness_up", "brightness_down", "contrast_down"),
    ]
    assert {*medmnist_c.corruptions("bloodmnist")} - {*medmnist_c.corruptions("breastmnist")} == {
        *("defocus_blur", "contrast_up", "saturate", "stain_deposit", "bubble"),
    }


@pytest.mark.parametrize("name", corruptions.CORRUPTIONS)
@pytest.mark.parametrize(("size", "channels"), [(28, 1), (28, 3), (224, 1), (224, 3)])
def test_a_severer_corruption_is_farther_from_the_image(name, size, channels):
    if name == "saturate" and channels == 1:
        pytest.skip("grey has no hue to saturate")
    found = distances(pictures(size, channels), name)
    assert found[-1] > 0
    if name not in (UNORDERED_SMALL if size == 28 else UNORDERED):
        # Of what is drawn at random (blots, bubbles, words) there may be a little less in a few images.
        slack = 0.8 if name in ("stain_deposit", "bubble", "characters") else 0.97
        assert all(later >= slack * earlier for earlier, later in zip(found, found[1:], strict=False))
        assert found[-1] > 1.2 * found[0]


@pytest.mark.parametrize("name", corruptions.CORRUPTIONS)
def test_an_image_is_corrupted_alike_in_any_block_and_otherwise_than_its_neighbour(name):
    given = pictures(28, 3, n=1).repeat(3, axis=0)
    whole = corrupted(given, name, 4)
    np.testing.assert_array_equal(whole[1:], corrupted(given[1:], name, 4, [1, 2]))
    np.testing.assert_array_equal(whole, corrupted(given, name, 4))
    drawn = {"gaussian_noise", "speckle_noise", "impulse_noise", "shot_noise", "motion_blur"}
    drawn |= {"stain_deposit", "bubble", "characters"}
    assert (whole[0] != whole[1]).any() == (name in drawn)


@pytest.mark.parametrize(("size", "channels"), [(28, 1), (28, 3), (64, 3), (128, 1), (224, 3)])
def test_the_way_to_224_pixels_and_back_changes_next_to_nothing(size, channels):
    given = pictures(size, channels)
    large = corruptions.enlarged(given)
    assert large.shape == (len(given), 224, 224, 3) and large.dtype == np.uint8
    back = np.stack([corruptions.shrunk(one, size, size, channels) for one in large])
    missed = np.abs(back.astype(int) - given)
    assert missed.max() <= 4 and missed.mean() < 0.2


@pytest.mark.parametrize("name", medmnist_c.GENERAL)
def test_images_of_any_size_and_form_are_corrupted(name):
    given = np.random.default_rng(0).integers(0, 256, (1, 30, 300, 1), dtype=np.uint8)
    large = corruptions.enlarged(given)
    assert large.shape == (1, 224, 300, 3) and corruptions.block_images((30, 300, 1)) == 2**25 // (224 * 300 * 3)
    worse = corruptions.corrupted(large, given.shape[1:], name, 5, medmnist_c.GENERAL[name][4], [0])
    assert worse.shape == given.shape and (worse != given).any()


def test_corruptions_do_what_they_say():
    grey = np.full((1, 224, 224, 3), 100, np.uint8)
    half = np.concatenate([np.zeros((224, 112, 3)), np.full((224, 112, 3), 200)], axis=1)[None].astype(np.uint8)

    def made(name, parameter, given=grey):
        return corruptions.corrupted(given, (224, 224, 3), name, 1, parameter, [0])[0].astype(float)

    assert (made("brightness_down", 0.5) == 50).all() and (made("brightness_up", 3) == 255).all()
    assert {*np.unique(made("contrast_down", 0.5, half))} == {50, 150}
    assert (made("gamma_corr_up", 2) == round(255 * (100 / 255) ** 2)).all()
    noise = made("gaussian_noise", 0.1) - 100
    assert abs(noise.mean()) < 0.5 and abs(noise.std() - 25.5) < 0.5
    assert abs(made("speckle_noise", 0.1).std() - 10) < 0.3
    assert abs(made("shot_noise", 50).std() - 255 * math.sqrt(100 / 255 / 50)) < 0.3
    impulses = made("impulse_noise", 0.2)
    assert abs(np.mean(impulses == 0) - 0.1) < 0.01 and abs(np.mean(impulses == 255) - 0.1) < 0.01
    # Blurs keep the mean and soften the edge; a defocus as far as its radius.
    for name, parameter in (("defocus_blur", (5, 0.1)), ("gaussian_blur", 13)):
        row = made(name, parameter, half)[112, :, 0]
        assert 0 < row[111] < row[112] < 200 and row[:104].max() == 0 and row[-104:].min() == 200
    assert made("motion_blur", (15, 8), half)[112, :, 0].mean() == pytest.approx(100, abs=6)
    assert (made("black_corner", 0.5)[0, 0] == 0).all() and (made("black_corner", 0.5)[112, 112] == 100).all()
    assert made("stain_deposit", (1, 24)).min() == 0
    assert made("bubble", (9, 10)).max() == round(100 * (1 - 130 / 255) + 130)
    assert made("saturate", 0.2)[..., 1].max() < 100  # red: grey gets a hue of its own, that of 0
    assert made("pixelate", 0.25, half)[112, :, 0].tolist() == half[0, 112, :, 0].tolist()


@pytest.mark.skipif("MEDMNIST_DATA" not in os.environ, reason="needs MEDMNIST_DATA")
@pytest.mark.parametrize(("flag", "file"), [("breastmnist", "breastmnist"), ("bloodmnist", "bloodmnist_surrogate")])
def test_real_images_get_worse_with_severity(flag, file):
    given = np.load(Path(os.environ["MEDMNIST_DATA"], f"{file}.npz"))["test_images"][:40]
    given = given[..., None] if given.ndim == 3 else given
    large = corruptions.enlarged(given)
    for name, levels in medmnist_c.corruptions(flag).items():
        found = []
        for severity, parameter in zip(medmnist_c.SEVERITIES, levels, strict=True):
            worse = corruptions.corrupted(large, (224, 224, 3), name, severity, parameter, range(40))
            found.append(np.abs(worse.astype(int) - large).mean())
        assert all(later > 0.9 * earlier for earlier, later in zip(found, found[1:], strict=False)), name
        assert found[-1] > 1.15 * found[0], name


# -- measures ----------------------------------------------------------------------------------------------------------

LABELS = np.array([0, 0, 0, 1])
# Confidences of .9 and .6: those of .6 are below the referral threshold; prediction sets hold one class.
CALIBRATION = Calibration(1.0, 0.5, (0.5, 0.5), None, 0.7)


def rows_of(predicted, sure=None, **changes):
    """All measures where these labels are predicted, with a confidence of .9, or .6 where it is not sure."""
    said = []
    for number, labels in enumerate(predicted):
        high = np.where(np.ones(len(labels)) if sure is None else sure[number], 0.9, 0.6)
        values = np.column_stack([1 - high, high])
        values[np.array(labels) == 0] = values[np.array(labels) == 0][:, ::-1]
        said.append((UNTOUCHED if not number else Condition("blur", number), values))
    options = {"ece_bins": 1, "replicates": 200, "confidence": 0.95, "seed": 0, **changes}
    return measured.measure(LABELS, said, CALIBRATION, "binary-class", **options)


def value_of(rows, corruption, severity, metric):
    (found,) = [one for name, level, one in rows if (name, level, one.metric) == (corruption, severity, metric)]
    return found


def test_measures_by_hand():
    rows = rows_of([[0, 0, 0, 1], [0, 0, 0, 0], [1, 1, 1, 0]], sure=[[1, 1, 1, 1], [1, 1, 1, 0], [0, 0, 1, 1]])

    def at(*place):
        return value_of(rows, *place).value

    assert [at("clean", "0", name) for name in ("accuracy", "balanced_error", "abstention_rate")] == [1, 0, 0]
    assert at("clean", "0", "ece") == pytest.approx(0.1)
    # One of the four is wrong, the only one of its class, and not sure of it: referred; its set is wrong.
    assert [at("blur", "1", name) for name in ("accuracy", "balanced_error", "coverage")] == [0.75, 0.5, 0.75]
    assert [at("blur", "1", name) for name in ("abstention_rate", "selective_accuracy")] == [0.25, 1]
    assert at("blur", "1", "ece") == pytest.approx(abs(0.75 - (3 * 0.9 + 0.6) / 4))
    assert [at("blur", "1", f"recall[{label}]") for label in (0, 1)] == [1, 0]
    assert [at("blur", "2", name) for name in ("accuracy", "balanced_error", "selective_accuracy")] == [0, 1, 0]
    for name in ("blur", "all"):
        assert at(name, "mean", "balanced_error") == 0.75
        assert at(name, "mean", "abstention_rate") == 0.375
    assert math.isinf(at("all", "mean", "relative_error"))  # nothing was wrong before
    assert value_of(rows, "blur", "1", "recall[1]").n == 1


def test_the_relative_error_is_that_of_corrupted_images_divided_by_that_of_others():
    rows = rows_of([[0, 0, 1, 1], [0, 1, 1, 1], [1, 1, 1, 1]])
    found = value_of(rows, "all", "mean", "relative_error")
    assert found.value == pytest.approx((1 / 3 + 1 / 2) / 2 / (1 / 6))
    assert math.isnan(found.low)  # there are replicates without any error


def test_the_balanced_error_is_scikit_learns():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 200)
    values = rng.dirichlet(np.ones(4), 200)
    rows = measured.measure(
        labels,
        [(UNTOUCHED, values)],
        Calibration(1.0, 0.5, (None,) * 4, None, 0.5),
        "multi-class",
        **{"ece_bins": 15, "replicates": 300, "confidence": 0.95, "seed": 0},
    )
    found = value_of(rows, "clean", "0", "balanced_error")
    assert found.value == pytest.approx(1 - balanced_accuracy_score(labels, values.argmax(axis=1)))
    assert found.low < found.value < found.high and found.high - found.low < 0.15


def test_a_class_without_images_has_no_recall_and_no_part_in_the_balanced_error():
    values = np.eye(3)[[0, 0, 2, 2]]
    rows = measured.measure(
        np.array([0, 0, 2, 0]),
        [(UNTOUCHED, values)],
        Calibration(1.0, 0.5, (None,) * 3, None, 0.5),
        "multi-class",
        **{"ece_bins": 2, "replicates": 20, "confidence": 0.95, "seed": 0},
    )
    assert value_of(rows, "clean", "0", "balanced_error").value == pytest.approx(1 / 6)
    assert not [one for _, _, one in rows if one.metric == "recall[1]"]


def test_probabilities_of_other_images_are_refused():
    with pytest.raises(ValueError, match=r"probabilities \(3, 2\) of 4 labels"):
        rows_of([[0, 0, 0]])


# -- files and programs ------------------------------------------------------------------------------------------------

DESCRIPTION = Description("breastmnist", "binary-class", ("malignant", "normal"), "0" * 64, False)
OPTIONS = {"ece_bins": 2, "replicates": 50, "confidence": 0.95, "bootstrap_seed": 0}


def test_one_network_s_systems_are_what_the_stages_say_one_after_another():
    rng = np.random.default_rng(0)
    features, own = rng.normal(size=(30, 3)), rng.dirichlet(np.ones(2), 30).astype(np.float32)
    tree = DecisionTreeClassifier(max_depth=2, random_state=0).fit(features, np.arange(30) % 2)
    fusion = {"members": ["cnn", "tree"], "temperatures": [2.0, 1.5], "weights": [0.25, 0.75]}
    found = run_systems.of_images(
        np.zeros((30, 1, 1, 1), np.uint8), lambda images: (features, own), {"tree": tree}, {"both": fusion}
    )
    np.testing.assert_array_equal(found["cnn"], own.astype(np.float64))
    expected = 0.25 * scale(own.astype(np.float64), 2.0) + 0.75 * scale(found["tree"], 1.5)
    np.testing.assert_allclose(found["both"], expected, atol=1e-7)
    assert list(found) == ["cnn", "tree", "both"]


def test_images_are_taken_by_chance_in_order_and_all_where_there_are_few():
    assert sampling.taken(5, 10, 0).tolist() == sampling.taken(5, None, 0).tolist() == [0, 1, 2, 3, 4]
    some = sampling.taken(100, 10, 0)
    assert len(set(some)) == 10 and (np.diff(some) > 0).all()
    assert some.tolist() == sampling.taken(100, 10, 0).tolist() != sampling.taken(100, 10, 1).tolist()


@pytest.fixture
def folder(tmp_path):
    """What corrupt_evaluate reads: half of the images are right as they are, a quarter when they are blurred."""
    labels = np.arange(8, dtype=np.uint8) % 2
    images.write_labels(tmp_path / "test_labels.h5", "test", DESCRIPTION, labels)
    numbers = np.array([0, 1, 4, 5])
    with create_hdf5(tmp_path / "corrupted.h5", **DESCRIPTION.attributes(), corruptions=["pixelate"]) as file:
        file["numbers"] = numbers
        for condition, right in ((UNTOUCHED, 2), (Condition("pixelate", 1), 1)):
            predicted = np.where(np.arange(4) < right, labels[numbers], 1 - labels[numbers])
            values = np.where(predicted[:, None] == np.arange(2), 0.8, 0.2)
            corrupted_files.append(file, condition, "cnn", values[:3])
            corrupted_files.append(file, condition, "cnn", values[3:])
    runs = {SystemId("net", 1, "cnn"): Calibration(1.0, 0.5, (None, None), None, 0.5)}
    chosen = Calibrations("breast", "binary-class", None, None, 0.9, 0.1, (4, 4), runs)
    calibrations.write(tmp_path / "calibration.json", chosen)
    return tmp_path


def evaluate(folder, seed=1):
    args = SimpleNamespace(
        corrupted=[folder / "corrupted.h5"],
        calibration=folder / "calibration.json",
        test_labels=folder / "test_labels.h5",
        corruptions=folder / "corruptions.csv",
    )
    corrupt_evaluate.main(args, {"dataset": "breast", "runs": [["net", seed, ["cnn"]]], **OPTIONS})
    return corrupted_files.read(args.corruptions)


def test_corrupted_images_are_measured_on_their_own_labels(folder):
    table = evaluate(folder)
    found = measured.Measured(table, "net/cnn")
    places = (("clean", "0"), ("pixelate", "1"), ("pixelate", "mean"), ("all", "mean"))
    assert [found.at(*place, "accuracy").value for place in places] == [0.5, 0.25, 0.25, 0.25]
    assert found.at("clean", "0", "accuracy").n == 4
    assert measured.names(table) == ["pixelate"]
    assert found.worst_class("pixelate", [1], 2) == (1, 0.5, 0.0)
    assert set(table["data"]) == {"breast"} and math.isnan(measured.Measured(table, "a/b").at("c", "0", "d").value)


def test_a_run_without_a_calibration_is_named(folder):
    with pytest.raises(UserError, match="calibration.json: lacks net/cnn, seed 2; delete it and run again"):
        evaluate(folder, seed=2)


def test_images_that_there_are_none_of_are_named(folder):
    images.write_labels(folder / "test_labels.h5", "test", DESCRIPTION, np.zeros(5, np.uint8))
    with pytest.raises(UserError, match=r"corrupted.h5: of more test images than there are \(5\)"):
        evaluate(folder)


def test_another_table_is_named(folder):
    table = evaluate(folder)
    (folder / "corruptions.csv").write_text(tables.csv_text(table[table["corruption"] != "all"]))
    with pytest.raises(UserError, match="not what corrupt_evaluate writes; delete it and run again"):
        corrupted_files.read(folder / "corruptions.csv")
