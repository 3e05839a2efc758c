"""Tests of an exported system on labelled images from elsewhere: hand-counted measures, missing classes, bad input."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import memory_limits
import numpy as np
import pytest
import small_package
from PIL import Image
from scipy.stats import chi2_contingency
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, log_loss, roc_auc_score
from statsmodels.stats.proportion import proportion_confint

import evaluate_external
from medfusion.files.artifacts import read_json
from medfusion.package import contents, external
from medfusion.package.predictor import Predictor


@pytest.fixture(autouse=True)
def limits():
    with memory_limits.restored():
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Model packages of eight classes and of two, their images by brightness, and the labels of these."""
    folder, result = tmp_path_factory.mktemp("packages"), {}
    for kind, channels, classes in (("blood", 3, 8), ("breast", 1, 2)):
        rng = np.random.default_rng(classes)
        labels = np.arange(160) % classes
        images = rng.integers(0, 60, (160, 28, 28, channels)) + (labels * 190 // classes)[:, None, None, None]
        images = images.astype(np.uint8)
        package, _ = small_package.make(folder / kind, channels, classes, kind == "blood", images, labels)
        calibration = replace(package.calibration, temperature=0.8, marginal=0.6, referral=0.5)
        package = replace(package, calibration=calibration)
        files = {name: folder / kind / name for name in read_json(folder / kind / contents.RECORD)["files"]}
        tested = [
            {"metric": f"recall[{label}]", "value": 0.5, "low": 0.4, "high": 0.6, "n": 20} for label in range(classes)
        ]
        tested.append({"metric": "accuracy", "value": 0.987, "low": 0.95, "high": 0.99, "n": 20 * classes})
        contents.write(folder / kind, package, {"metrics": {"test": tested}, "ece_bins": 15, "confidence": 0.95}, files)
        result[kind] = folder / kind, package, images, labels
    return result


@pytest.fixture
def run(made, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def run(kind, *arguments):
        monkeypatch.setattr(sys, "argv", ["evaluate_external.py", str(made[kind][0]), *arguments])
        with pytest.raises(SystemExit) as end:
            evaluate_external.main()
        return end.value.code, *capsys.readouterr()

    return run


def folders(made, kind, chosen):
    """Some of a package's images as pictures in folders of their classes; below the current folder."""
    _, package, images, labels = made[kind]
    for number in chosen:
        place = Path("elsewhere", package.label_names[labels[number]])
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(images[number].squeeze()).save(place / f"{number:03}.png")
    order = sorted(chosen, key=lambda number: (package.label_names[labels[number]], number))
    return images[order], labels[order]


def by_name(content):
    return {row["metric"]: row for row in content["measures"]}


def test_measures_are_those_of_other_programs(run, made):
    images, labels = folders(made, "breast", range(60))
    code, out, err = run("breast", "elsewhere", "--out", "found.json")
    assert code == 0 and "60 images, 0 refused" in err and "Not a medical device" in err
    content = json.loads(Path("found.json").read_text())
    found, said = by_name(content), Predictor(made["breast"][0]).predict(images)
    right = said.labels == labels
    assert right.sum() > 0 and content["n"] == 60 and content["missing"] == []
    assert found["accuracy"]["value"] == right.mean()
    limits = proportion_confint(right.sum(), 60, method="wilson")
    assert (found["accuracy"]["low"], found["accuracy"]["high"]) == pytest.approx(limits)
    scores = said.probabilities
    assert found["auroc_after"]["value"] == pytest.approx(roc_auc_score(labels, scores[:, 1]))
    assert found["log_loss_after"]["value"] == pytest.approx(log_loss(labels, scores))
    assert found["brier_after"]["value"] == pytest.approx(brier_score_loss(labels, scores[:, 1]))
    assert found["balanced_accuracy"]["value"] == pytest.approx(balanced_accuracy_score(labels, said.labels))
    held = said.sets[np.arange(60), labels]
    assert found["marginal_coverage"]["value"] == held.mean()
    assert found["marginal_size"]["value"] == pytest.approx(said.sets.sum(axis=1).mean())
    assert found["abstention_rate"]["value"] == said.referred.mean()
    assert found["recall[0]"]["value"] == right[labels == 0].mean() and found["recall[0]"]["n"] == 30
    assert np.sum(content["confusion"]) == 60 and np.trace(content["confusion"]) == right.sum()
    assert found["accuracy"]["test"]["value"] == 0.987 and found["log_loss_after"]["test"] is None
    line = next(line for line in out.splitlines() if "accuracy" in line)
    assert f"{right.mean():.3f}" in line and "0.987" in line and "0.950 to 0.990" in line


def test_classes_may_be_missing(run, made):
    _, labels = folders(made, "blood", [n for n in range(80) if n % 8 in (0, 3, 5)])
    code, out, err = run("blood", "elsewhere", "--out", "found.json")
    content = json.loads(Path("found.json").read_text())
    found = by_name(content)
    assert code == 0 and "GENERATED" in err and content["generated"]
    assert content["missing"] == [f"class {n}" for n in (1, 2, 4, 6, 7)]
    assert "auroc_after" not in found and "no image of class 1, class 2, class 4" in err
    assert {name for name in found if name.startswith("recall")} == {"recall[0]", "recall[3]", "recall[5]"}
    recalls = [found[f"recall[{label}]"]["value"] for label in (0, 3, 5)]
    assert found["balanced_accuracy"]["value"] == pytest.approx(np.mean(recalls))
    assert content["class_mix"]["here"] == [10, 0, 0, 10, 0, 10, 0, 0]


def test_an_npz_file_says_the_same_as_its_pictures(run, made):
    images, labels = folders(made, "blood", range(40))
    np.savez("a.npz", images=images, labels=labels)
    np.savez("b.npz", test_images=images, test_labels=labels[:, None].astype(np.uint8))
    found = []
    for data in ("elsewhere", "a.npz", "b.npz"):
        assert run("blood", data, "--out", "found.json")[0] == 0
        found.append(json.loads(Path("found.json").read_text()) | {"data": ""})
    assert found[0] == found[1] == found[2]


def test_another_mix_of_classes_is_seen_and_the_same_is_not():
    same = external.class_mix(np.repeat([0, 1], [30, 70]), [60, 140])
    assert same["p"] > 0.9 and same["here"] == [30, 70] and same["test"] == [60, 140]
    other = external.class_mix(np.repeat([0, 1], [60, 40]), [60, 140])
    assert other["p"] == pytest.approx(chi2_contingency([[60, 40], [60, 140]], correction=False).pvalue)
    assert external.class_mix(np.array([0, 0, 1]), [40, 1, 0])["p"] > 0.01


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Path("elsewhere").mkdir(), "elsewhere: holds no folder; expected subfolders named after"),
        (
            lambda: Path("elsewhere/tumour").mkdir(parents=True),
            "elsewhere: holds 'tumour', which is no class of the system; expected subfolders named after the "
            "system's classes: 'malignant', 'normal, benign'",
        ),
        (lambda: None, "elsewhere: expected a folder with a subfolder for each class, or an .npz file"),
    ],
)
def test_bad_folders_are_one_line(run, make, said):
    make()
    code, out, err = run("breast", "elsewhere", "--out", "found.json")
    assert out == "" and code.startswith("error: ") and said in code and not Path("found.json").exists()


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"images": 5}, "x.npz: holds images; expected images with labels or test_images with test_labels"),
        ({"images": 5, "labels": 4}, "x.npz: 5 images and 4 labels; expected a label for each image"),
        ({"images": 5, "labels": 6}, "x.npz: 5 images and 6 labels; expected a label for each image"),
        ({"images": 5, "labels": np.full(5, 2)}, "labels holds something other than class numbers; expected 0 to 1"),
        (
            {"images": 5, "labels": np.zeros((5, 2), int)},
            "labels has the shape (5, 2); expected a label for each image",
        ),
        ({"images": 5, "labels": np.array(1)}, "labels has the shape (); expected a label for each image"),
        ({"images": 5, "labels": np.zeros(0, int)}, "labels has the shape (0,); expected a label for each image"),
        ({"images": np.zeros((5, 28, 28)), "labels": 5}, "images is float64 (5, 28, 28); expected uint8"),
        ({"images": 5, "labels": np.array(["a"] * 5)}, "labels holds something other than class numbers"),
        ({"images": 5, "labels": np.array([{}] * 5)}, "x.npz: labels holds Python objects, which are never loaded"),
    ],
)
def test_bad_files_are_one_line(run, made, arrays, said):
    images = made["breast"][2]
    short = {"images": images, "labels": np.zeros(160, int)}
    values = {name: short[name][:value] if isinstance(value, int) else value for name, value in arrays.items()}
    np.savez("x.npz", **values)
    code, out, err = run("breast", "x.npz")
    assert out == "" and code.startswith("error: ") and said in code


@pytest.mark.parametrize("spoil", [lambda content: content[:-40], lambda content: b"\x93NUMPY" + content[:200]])
def test_a_damaged_file_is_one_line(run, made, spoil):
    np.savez("x.npz", images=made["breast"][2][:5], labels=np.zeros(5, int))
    Path("x.npz").write_bytes(spoil(Path("x.npz").read_bytes()))
    code, out, _ = run("breast", "x.npz")
    assert out == "" and code.startswith("error: x.npz: not a readable .npz file") and len(code.splitlines()) == 1


def test_what_lies_beside_the_classes_is_told(run, made):
    folders(made, "breast", range(10))
    Path("elsewhere/loose.png").write_bytes(b"")
    Path("elsewhere/.DS_Store").mkdir()
    code, _, err = run("breast", "elsewhere")
    assert code == 0 and "elsewhere: passed over: 1 files that lie in no class's folder" in err


def test_a_package_that_says_nothing_of_its_test_split_is_one_line(run, made, monkeypatch):
    folders(made, "breast", range(10))
    record = read_json(made["breast"][0] / contents.RECORD)
    for broken in ({}, {"test": [{"metric": "accuracy", "value": "x", "low": 0, "high": 1, "n": 3}]}, {"test": [7]}):
        monkeypatch.setattr(external, "read_record", lambda path, keys, broken=broken: record | {"metrics": broken})
        code, out, _ = run("breast", "elsewhere")
        assert out == "" and "holds no measures of a test split; export the system anew" in code


def test_refused_pictures_are_named_and_the_others_are_measured(run, made):
    folders(made, "breast", range(20))
    Path("elsewhere/malignant/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    code, _, err = run("breast", "elsewhere", "--out", "found.json")
    content = json.loads(Path("found.json").read_text())
    assert (
        code == 1
        and content["n"] == 20
        and [entry["file"] for entry in content["refused"]] == ["elsewhere/malignant/broken.png"]
    )
    assert "20 images, 1 refused" in err
