"""Tests of a model package with an input check: what `predict` says, what the page counts, what a forged one gets."""

import csv
import io
import json
import shutil
import sys
import zipfile

import numpy as np
import pytest
import small_package
from PIL import Image
from test_forged_package import rewritten, sealed

import apply_input_check
import predict
from medfusion.data import corruptions, medmnist_c
from medfusion.errors import UserError
from medfusion.files import images, input_check_trials
from medfusion.files.images import Description
from medfusion.learning import input_check
from medfusion.package import contents, input_checks, running
from medfusion.package.predictor import Predictor
from medfusion.report import input_check as told
from medfusion.report.page_components import Section


def smooth(n, channels=1, seed=0):
    """Pictures in shades that change slowly."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        coarse = rng.integers(70, 180, (4, 4, 3), dtype=np.uint8)
        found.append(np.asarray(Image.fromarray(coarse).resize((28, 28), Image.Resampling.BICUBIC)))
    return np.stack(found)[..., :channels]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of a model package with a check, what is in it, and images like those that it was fitted on."""
    folder, given = tmp_path_factory.mktemp("checked") / "package", smooth(120)
    package, _ = small_package.make(folder, images=given)
    return folder, small_package.add_check(folder, package, given), smooth(40, seed=1)


@pytest.fixture
def copied(made, tmp_path):
    return shutil.copytree(made[0], tmp_path / "copy")


def noise(n):
    return np.random.default_rng(0).integers(0, 256, (n, 28, 28, 1), dtype=np.uint8)


# -- what is said -----------------------------------------------------------------------------------------------------


def test_what_is_read_is_what_was_written(made):
    assert contents.read(made[0]) == made[1]


def test_strange_images_are_flagged_and_referred_and_others_are_not(made):
    folder, package, usual = made
    system = Predictor(folder)
    found = system.predict(np.concatenate([usual, noise(10), np.full((1, 28, 28, 1), 255, np.uint8)]))
    assert found.unlike[40:].all() and found.unlike[:40].mean() < 0.3
    np.testing.assert_array_equal(found.unlike, found.unlike_scores > input_check.LIMIT)
    unsure = found.probabilities.max(axis=1) < package.calibration.referral
    np.testing.assert_array_equal(found.referred, found.unlike | unsure)


def test_a_package_without_a_check_answers_as_before(made, tmp_path):
    folder, package, usual = made
    older, _ = small_package.make(tmp_path / "older", images=smooth(120))
    assert "input_check" not in json.loads((tmp_path / "older" / contents.RECORD).read_text())
    assert contents.read(tmp_path / "older") == older and older.input_check is None
    found = Predictor(tmp_path / "older").predict(usual)
    assert found.unlike is None and found.unlike_scores is None
    np.testing.assert_allclose(found.probabilities, Predictor(folder).predict(usual).probabilities, atol=1e-6)


@pytest.fixture
def answered(made, tmp_path, monkeypatch, capsys):
    """What `predict` says of usual images and of noise, as a table and as records."""
    folder, _, usual = made
    np.savez(tmp_path / "x.npz", images=np.concatenate([usual[:6], noise(3)]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(running, "_limit_memory", lambda: None)

    def run(kind, package=folder):
        monkeypatch.setattr(sys, "argv", ["predict.py", str(package), "x.npz", "--format", kind])
        with pytest.raises(SystemExit) as end:
            predict.main()
        assert end.value.code == 0
        return capsys.readouterr().out

    return run


def test_predict_tells_the_score_the_flag_and_why_it_refers(made, answered):
    folder, package, usual = made
    found = Predictor(folder).predict(np.concatenate([usual[:6], noise(3)]))
    records = json.loads(answered("json"))["images"]
    assert [record["unlike_training"] for record in records] == found.unlike.tolist()
    scores = np.maximum(found.unlike_scores, 0)
    np.testing.assert_allclose([record["unlike_score"] for record in records], scores, atol=1e-4)
    assert all(record["refer"] for record in records if record["unlike_training"])
    assert [("unlike the training images: referred" in record["notes"]) for record in records] == found.unlike.tolist()
    rows = list(csv.DictReader(io.StringIO(answered("csv"))))
    assert [row["unlike_training"] for row in rows] == ["yes" if flag else "no" for flag in found.unlike]
    assert [float(row["unlike_score"]) for row in rows] == [record["unlike_score"] for record in records]
    assert rows[-1]["refer"] == "yes" and rows[-1]["notes"] == "unlike the training images: referred"


def test_predict_has_no_such_column_for_a_package_without_a_check(answered, tmp_path):
    small_package.make(tmp_path / "older", images=smooth(120))
    assert "unlike" not in answered("csv", tmp_path / "older") + answered("json", tmp_path / "older")


# -- what is counted --------------------------------------------------------------------------------------------------


def tried(made, folder, others=None):
    """Run the stage on the usual images, and on some of another data set in colour."""
    package = made[1]
    description = Description(package.flag, package.task, package.label_names, "0" * 64, False)
    images.write_split(folder / "test.h5", "test", description, made[2], None)
    words = ["--package", str(made[0] / contents.RECORD), "--classifiers", str(made[0] / contents.CLASSIFIERS)]
    words += ["--input-check", str(made[0] / contents.INPUT_CHECK), "--networks", str(made[0] / "network.onnx")]
    words += ["--images", str(folder / "test.h5"), "--tried", str(folder / "tried.json"), "--settings", "none.json"]
    if others is not None:
        images.write_split(folder / "others.h5", "test", description, others, None)
        words += ["--others", str(folder / "others.h5")]
    settings = {"dataset": "breast", "flag": "breastmnist", "other": "blood" if others is not None else None}
    settings |= {"severities": [1, 5], "test_images": 20, "seed": 0, "threads": 1}
    apply_input_check.main(apply_input_check.parser().parse_args(words), settings)
    return input_check_trials.read(folder / "tried.json")


def test_the_counts_are_those_of_predict(made, tmp_path):
    found = tried(made, tmp_path, smooth(25, 3, 4))
    system, usual = Predictor(made[0]), made[2]
    trials = {(trial.condition, trial.severity): trial for trial in found.trials}
    names = medmnist_c.corruptions("breastmnist")
    expected = {("clean", 0), *((name, level) for name in names for level in (1, 5))}
    assert set(trials) == expected | {(name, 0) for name in ("noise", "white", "black", "other")}
    numbers = np.sort(np.random.default_rng(0).choice(40, 20, replace=False))
    darker = corruptions.corrupted(
        corruptions.enlarged(usual[numbers]), (28, 28, 1), "brightness_down", 5, names["brightness_down"][4], numbers
    )
    grey = np.stack([np.asarray(Image.fromarray(one).convert("L")) for one in smooth(25, 3, 4)])[..., None]
    chosen = np.sort(np.random.default_rng(0).choice(25, 20, replace=False))
    for key, given in (
        (("clean", 0), usual),
        (("brightness_down", 5), darker),
        (("other", 0), grey[chosen]),
        (("white", 0), np.full((1, 28, 28, 1), 255, np.uint8)),
    ):
        answers, trial = system.predict(given), trials[key]
        unsure = answers.probabilities.max(axis=1) < made[1].calibration.referral
        counts = (len(given), answers.unlike.sum(), unsure.sum(), answers.referred.sum())
        assert (trial.n, trial.flagged, trial.unsure, trial.referred) == counts, key
    assert trials["noise", 0].flagged == trials["noise", 0].n == 20 and trials["white", 0].n == 1


def test_the_same_bytes_again_and_no_other_data_set_is_none(made, tmp_path):
    found = tried(made, tmp_path)
    before = (tmp_path / "tried.json").read_bytes()
    assert found.other is None and "other" not in {trial.condition for trial in found.trials}
    tried(made, tmp_path)
    assert (tmp_path / "tried.json").read_bytes() == before


def test_a_package_without_a_check_cannot_be_tried(made, tmp_path):
    package, _ = small_package.make(tmp_path / "older", images=smooth(120))
    with pytest.raises(UserError, match="model_package.json: a model package without an input check"):
        tried((tmp_path / "older", package, made[2]), tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["trials"][0].update(flagged=10**6),
        lambda content: content["trials"][0].update(condition="noise"),
        lambda content: content["trials"][0].update(more=1),
        lambda content: content["networks"][0].update(kind="another"),
        lambda content: content["networks"].clear(),
        lambda content: content["networks"][0].update(auroc={}),
        lambda content: content.update(trials=7),
    ],
)
def test_counts_that_are_none_are_named(made, tmp_path, change):
    tried(made, tmp_path)
    content = json.loads((tmp_path / "tried.json").read_text())
    change(content)
    (tmp_path / "tried.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="tried.json: not what apply_input_check writes .*; delete it and run again"):
        input_check_trials.read(tmp_path / "tried.json")


def test_the_page_has_a_row_for_each_kind_of_images(made, tmp_path):
    found, section = tried(made, tmp_path, smooth(25, 3, 4)), Section("x", "Title")
    told.fill(section, found, 0.05, "Blood cells", 0.95, "Breast ultrasound")
    rows = {row.cells[0].text: row.cells for row in section.tables[0].bodies[0].rows}
    assert section.tables[0].head == [
        *("Images", "Flagged", "severity 1", "severity 5", "Low confidence", "Referred in all"),
    ]
    assert list(rows)[0] == "test images as they are" and list(rows)[-1] == "test images of Blood cells"
    trials = {(trial.condition, trial.severity): trial for trial in found.trials}
    for place, level in ((2, 1), (3, 5)):
        trial = trials["brightness_down", level]
        assert rows["brightness down"][place].sort == trial.flagged / trial.n
    both = [trials["brightness_down", level] for level in (1, 5)]
    assert rows["brightness down"][1].sort == sum(trial.flagged for trial in both) / 40
    assert rows["uniform noise"][1].text == "100.0\N{NO-BREAK SPACE}%" and rows["uniform noise"][2].text == "–"
    assert " to " in rows["uniform noise"][1].note and rows["white"][1].note == ""
    assert "about 5\N{NO-BREAK SPACE}% of images" in section.method[0] and "nearest neighbours" in section.method[1]


# -- forged ones ------------------------------------------------------------------------------------------------------


def refused(folder, words):
    sealed(folder)
    with pytest.raises(UserError) as caught:
        Predictor(folder)
    assert "\n" not in str(caught.value) and words in str(caught.value)
    assert str(caught.value).endswith(("get it again", "get the model package again"))


def with_array(name, change):
    def forge(members):
        array = np.lib.format.read_array(io.BytesIO(members[f"0/{name}.npy"]))
        file = io.BytesIO()
        np.save(file, change(array.copy()))
        members[f"0/{name}.npy"] = file.getvalue()

    return forge


def renamed(members):
    members["0/another.npy"] = members.pop("0/points.npy")


def header_alone(members):
    members["0/points.npy"] = members["0/points.npy"].replace(b"(60, 8)", b"(9**9,)")


FORGED = {
    "a value that is no number": with_array("points", lambda array: array * np.nan),
    "numbers of another type": with_array("points", lambda array: array.astype(np.float64)),
    "objects": with_array("centre", lambda array: array.astype(object)),
    "too few points": with_array("points", lambda array: array[:1]),
    "another width": with_array("points", lambda array: array[:, 1:]),
    "no square": with_array("whitening", lambda array: array[1:]),
    "a range without an inside": with_array("ranges", lambda array: array[::-1]),
    "ranges of other channels": with_array("ranges", lambda array: array[:, 1:]),
    "an array too few": lambda members: members.pop("0/mean.npy") and None,
    "another array": renamed,
    "another header": header_alone,
    "no array": lambda members: members.update({"0/mean.npy": b"text"}),
}


@pytest.mark.parametrize("name", FORGED)
def test_arrays_that_make_no_check_are_refused(copied, name):
    rewritten(copied / contents.INPUT_CHECK, FORGED[name])
    refused(copied, "input_check.npz: holds no input check of a model package")


def test_a_check_of_another_network_is_refused(copied):
    def other(members):
        for name, axis in (("centre", 0), ("directions", 0), ("mean", 0), ("points", 1)):
            with_array(name, lambda array, axis=axis: np.delete(array, 0, axis))(members)
        with_array("whitening", lambda array: array[1:, 1:])(members)
        with_array("overall", lambda array: array[:, 1:])(members)

    rewritten(copied / contents.INPUT_CHECK, other)
    refused(copied, "its parts do not fit together")


def test_a_packed_or_large_file_is_refused(copied, monkeypatch):
    path = copied / contents.INPUT_CHECK
    monkeypatch.setattr(input_checks, "MOST_BYTES", 100)
    refused(copied, "expected at most 100")
    monkeypatch.undo()
    rewritten(path, lambda members: None, zipfile.ZIP_DEFLATED)
    refused(copied, "compressed members")
    path.write_bytes(b"text")
    refused(copied, "holds no input check of a model package")


def changed(**fields):
    return lambda content: content["input_check"][0].update(fields)


RECORDS = {
    "kind": changed(kind="another"),
    "neighbour": changed(neighbour=-1),
    "pool": changed(pool=0),
    "a unit of nothing": changed(feature_units=[0, 0]),
    "a unit that is no number": changed(pixel_units=[0, float("nan")]),
    "three units": changed(pixel_units=[0, 1, 1]),
    "no areas": changed(auroc={}),
    "more": changed(more=1),
    "of two networks": lambda content: content["input_check"].append(content["input_check"][0]),
    "of none": lambda content: content.update(input_check=[]),
    "no list": lambda content: content.update(input_check=7),
    "no file": lambda content: content["files"].pop(contents.INPUT_CHECK),
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_whose_check_is_none_is_refused(copied, name):
    sealed(copied, RECORDS[name])
    with pytest.raises(UserError, match="not a model package of this program .*; export it again") as caught:
        Predictor(copied)
    assert "\n" not in str(caught.value)


def test_a_changed_or_missing_file_is_refused(copied):
    path = copied / contents.INPUT_CHECK
    content = bytearray(path.read_bytes())
    content[-300] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="input_check.npz: not as it was exported"):
        Predictor(copied)
    path.unlink()
    with pytest.raises(UserError, match="input_check.npz: is missing"):
        Predictor(copied)


def test_the_same_check_gives_the_same_bytes(made, tmp_path):
    package = made[1]
    found = input_checks.load(made[0] / contents.INPUT_CHECK, package.input_check, package.channels)
    input_checks.save(found, tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (made[0] / contents.INPUT_CHECK).read_bytes()
