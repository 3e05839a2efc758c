"""Other splits of a data set's images: which there are, what stays together, what is written."""

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from configurations import completed

from medfusion.data import duplicate_groups
from medfusion.data.partitioning import divide
from medfusion.errors import UserError
from medfusion.files import image_groups, images
from medfusion.learning.subsets import training_rows
from medfusion.planning.jobs import jobs
from medfusion.planning.partitions import SCHEMES, asked_for
from medfusion.planning.plan import Plan

ROOT = Path(__file__).resolve().parents[2]
DESCRIPTION = images.Description("breastmnist", "binary-class", ("a", "b"), "0" * 64, False)
NAMES = ("a", "b")
SIZES = (70, 10, 20)


def complete_config(overlay):
    return completed(yaml.safe_dump(overlay))


@pytest.fixture
def labels():
    return np.repeat([0, 1], [30, 70])


@pytest.fixture
def groups():
    """Each three images that follow one another."""
    return np.arange(100) // 3


def test_every_image_is_tested_on_once_in_all_folds(labels, groups):
    settings = {"seed": 1, "folds": 5}
    folds = [divide(labels, groups, SIZES, {**settings, "fold": fold}, NAMES) for fold in range(1, 6)]
    assert sorted(np.concatenate([fold["test"] for fold in folds])) == list(range(100))
    for fold in folds:
        assert sorted(np.concatenate(list(fold.values()))) == list(range(100))
        for first, second in (("train", "val"), ("train", "test"), ("val", "test")):
            assert not set(groups[fold[first]]) & set(groups[fold[second]])
        # Of what is not tested on an eighth validates, as in the given split.
        assert len(fold["val"]) == pytest.approx(10, abs=3)
        for split in fold.values():
            assert set(labels[split]) == {0, 1}


def test_another_split_has_the_shares_of_the_given_one(labels, groups):
    found = divide(labels, groups, SIZES, {"seed": 1}, NAMES)
    assert [len(found[split]) for split in ("train", "val", "test")] == pytest.approx(SIZES, abs=2)
    for split, size in zip(found.values(), SIZES, strict=True):
        assert np.mean(labels[split]) == pytest.approx(0.7, abs=2 / size)


def test_seeds_divide_otherwise_and_the_same_seed_the_same(labels, groups):
    one, same, other = (divide(labels, groups, SIZES, {"seed": seed}, NAMES)["test"] for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_too_few_groups_of_a_class_are_said(labels):
    said = (
        "^crossvalidation: images cannot be split anew, near-duplicates kept together: class 'a': its 30.*fewer folds"
    )
    with pytest.raises(UserError, match=said):
        divide(labels, np.where(labels, np.arange(100), 0), SIZES, {"seed": 1, "folds": 5, "fold": 1}, NAMES)


@pytest.fixture
def whole(tmp_path):
    """Images by chance, and some that belong together: mirrored, turned, brighter, of one colour."""
    rng = np.random.default_rng(0)
    arrays = {name: rng.integers(20, 200, (n, 12, 12, 1), dtype=np.uint8) for name, n in zip(
        ("train", "val", "test"), (20, 6, 8), strict=True)}  # fmt: skip
    train, val, test = arrays.values()
    val[1] = train[3][:, ::-1]  # mirrored
    test[2] = np.rot90(val[1], 1) + 20  # that turned, and brighter: belongs to train 3 through it
    test[5] = train[7]
    train[0] = test[7] = 77  # of one colour
    train[1] = 78
    paths = []
    for name, pixels in arrays.items():
        paths.append(tmp_path / f"{name}.h5")
        given = None if name == "test" else (np.arange(len(pixels)) % 2).astype(np.uint8)
        images.write_split(paths[-1], name, DESCRIPTION, pixels, given)
    images.write_labels(tmp_path / "test_labels.h5", "test", DESCRIPTION, (np.arange(8) % 2).astype(np.uint8))
    return paths


def test_turned_images_belong_together(whole):
    found = duplicate_groups.groups(whole, 0.95)
    assert len(found) == 34
    assert found[3] == found[20 + 1] == found[26 + 2]
    assert found[7] == found[26 + 5]
    assert found[0] == found[26 + 7] != found[1]
    assert len(np.unique(found)) == 34 - 2 - 1 - 1
    assert [*dict.fromkeys(found)] == list(range(30)), "numbered by their first image"


def test_what_a_user_keeps_together_is_joined(whole, tmp_path):
    (tmp_path / "pictures.csv").write_text(
        "split,index,label,group,path\ntrain,0,0,p1,a\nval,5,1,p1,b\ntrain,2,0,,c\ntest,0,0,,d\n", encoding="utf-8"
    )
    known = image_groups.of_pictures(tmp_path / "pictures.csv", whole)
    assert known[0] == known[25] and known[2] != known[26]
    found = duplicate_groups.groups(whole, 0.95, known)
    assert found[0] == found[25] == found[26 + 7]  # the last by its bytes
    assert len(np.unique(found)) == 29


def test_groups_are_of_their_images(whole, tmp_path):
    image_groups.write(tmp_path / "groups.csv", whole, np.arange(34)[::-1])
    found = image_groups.read(tmp_path / "groups.csv", image_groups.sizes(whole))
    assert found["val"].tolist() == [13, 12, 11, 10, 9, 8]
    with pytest.raises(UserError, match=r"groups\.csv: of other images than those that are prepared"):
        image_groups.read(tmp_path / "groups.csv", {"train": 21})


def test_near_duplicates_of_other_splits_are_left_out(whole, tmp_path):
    """Of train 0, 3 and 7 there are others: 0 and 7 in test, 3 in val and, through that, in test."""
    image_groups.write(tmp_path / "groups.csv", whole, duplicate_groups.groups(whole, 0.95))
    for splits, expected in ((["val", "test"], [0, 3, 7]), (["val"], [3]), (["test"], [0, 3, 7])):
        found = image_groups.duplicated(tmp_path / "groups.csv", 20, splits)
        assert np.flatnonzero(found).tolist() == expected
    labels = np.arange(20) % 2
    assert training_rows(labels, "all", 0, found).tolist() == sorted(set(range(20)) - {0, 3, 7})
    assert not set(training_rows(labels, 10, 0, found)) & {0, 3, 7}
    assert training_rows(labels, "all", 0).tolist() == list(range(20))
    with pytest.raises(UserError, match="drop_near_duplicates_of: leaves no training image of label 1"):
        training_rows(labels, "all", 0, labels == 1)
    with pytest.raises(UserError, match="train_images: 18; expected at most 17, as many as drop_near_duplicates_of"):
        training_rows(labels, 18, 0, found)


def test_selected_images_are_those_of_the_files(whole):
    everything = np.concatenate([images.read_images(path) for path in whole])
    rows = np.array([0, 3, 19, 20, 24, 26, 33])
    found = images.Selected(whole, rows)
    assert found.shape == (7, 12, 12, 1)
    assert np.array_equal(found[0:7], everything[rows])
    assert np.array_equal(found[2:4], everything[rows[2:4]])


def test_of_images_far_apart_a_block_is_read_at_once(whole, monkeypatch):
    """However few are selected: those of one fold of a hundred lie all over the files."""
    read, plain = [], h5py.Dataset.__getitem__

    def noted(dataset, key):
        found = plain(dataset, key)
        read.append(len(found))
        return found

    everything = np.concatenate([images.read_images(path) for path in whole])
    rows = np.array([0, 1, 7, 19, 20, 33])
    monkeypatch.setattr(images.hdf5, "block_rows", lambda size: 4)
    monkeypatch.setattr(h5py.Dataset, "__getitem__", noted)
    assert np.array_equal(images.Selected(whole, rows)[0:6], everything[rows])
    assert sum(read) == 2 + 1 + 1 + 1 + 1


@pytest.mark.parametrize("pool", [["train", "val"], ["train", "val", "test"]])
def test_a_partition_is_a_prepared_data_set(whole, tmp_path, pool):
    image_groups.write(tmp_path / "groups.csv", whole, duplicate_groups.groups(whole, 0.95))
    division = {"pool": pool, "folds": 3, "fold": 2, "seed": 1}
    (tmp_path / "settings.json").write_text(json.dumps({"config": division}), encoding="utf-8")
    out = tmp_path / "fold"
    out.mkdir()
    command = ["--whole", *whole, "--groups", tmp_path / "groups.csv", "--settings", tmp_path / "settings.json"]
    command += ["--whole-test-labels", tmp_path / "test_labels.h5"] if "test" in pool else []
    command += ["--images", *(out / f"{split}.h5" for split in ("train", "val", "test"))]
    command += ["--test-labels", out / "test_labels.h5"]
    program = ROOT / "workflow_scripts/partition_images.py"
    subprocess.run([sys.executable, program, *map(str, command)], check=True, cwd=tmp_path, capture_output=True)
    of_pool = [(path, n) for path, n in zip(whole, (20, 6, 8), strict=True) if path.stem in pool]
    pooled = np.concatenate([images.read_images(path) for path, _ in of_pool])
    given = np.concatenate([np.arange(n) % 2 for _, n in of_pool])
    found, found_labels = [], []
    for split in ("train", "val", "test"):
        found.append(images.read_images(out / f"{split}.h5"))
        found_labels.append(images.read_labels(out / ("test_labels.h5" if split == "test" else f"{split}.h5")))
        described = images.describe(out / f"{split}.h5")
        assert described.label_names == NAMES and described.sha256 != DESCRIPTION.sha256
    with h5py.File(out / "test.h5") as file:
        assert "labels" not in file
    key = {image.tobytes() + bytes([label]) for image, label in zip(pooled, given, strict=True)}
    of_fold = [
        image.tobytes() + bytes([label])
        for image, label in zip(np.concatenate(found), np.concatenate(found_labels), strict=True)
    ]
    assert set(of_fold) == key and len(of_fold) == len(pooled)


@pytest.fixture
def planned():
    wanted = {"folds": 3, "repeats": 2, "models": ["breast_cnn"], "compare": []}
    config = complete_config({"datasets": {"breast": {"crossvalidation": wanted, "resplits": {"number": 2}}}})
    return Plan(config)


def test_each_fold_and_each_split_is_a_data_set_of_its_own(planned):
    assert list(planned.partitions) == [
        *(f"breast/crossvalidation/repeat{repeat}-fold{fold}" for repeat in (1, 2) for fold in (1, 2, 3)),
        "breast/resplits/1",
        "breast/resplits/2",
    ]
    fold = planned.partitions["breast/crossvalidation/repeat2-fold3"]
    assert fold.settings == {"pool": ["train", "val"], "folds": 3, "fold": 3, "seed": 2}
    assert list(fold.entry["models"]) == ["breast_cnn"] and fold.entry["models"]["breast_cnn"]["seeds"] == [2]
    assert fold.entry["ensembles"] == {}  # of one seed they are the system itself
    other = planned.partitions["breast/resplits/2"]
    assert other.settings == {"pool": ["train", "val", "test"], "seed": 2}
    assert other.entry["models"]["breast_cnn"]["seeds"] == [1, 2, 3, 4, 5]
    assert set(other.entry["ensembles"]) == set(planned.datasets["breast"]["ensembles"])


def test_their_jobs_are_listed_where_they_are_asked_for(planned):
    everything, without = jobs(planned, SCHEMES), jobs(planned)
    assert not [job for job in without if "/" in job.wildcards.get("dataset", "") or "scheme" in job.wildcards]
    of_folds = [job for job in jobs(planned, ["crossvalidation"]) if "/" in job.wildcards.get("dataset", "")]
    assert {job.wildcards["dataset"].split("/")[1] for job in of_folds} == {"crossvalidation"}
    trained = [job for job in of_folds if job.stage == "train_cnn"]
    assert len(trained) == 6
    names = [(job.stage, job.name) for job in everything]
    assert len(names) == len(set(names))


def test_what_targets_ask_for():
    assert asked_for(["report", "results/breast/crossvalidation/summary.md"]) == ("crossvalidation",)
    assert asked_for(["resplits"]) == ("resplits",)
    assert asked_for(["breast"]) == ()
    assert asked_for(["resplits2", "my_crossvalidation/report.html"]) == ()  # a data set, a folder of results


def test_pairs_of_models_that_are_switched_off_are_left_out():
    config = complete_config(
        {"datasets": {"breast": {"models": {"breast_resnet_deep": None}, "ensembles": {"ensemble_resnets": None}}}}
    )
    compared = config["datasets"]["breast"]["crossvalidation"]["compare"]
    assert config["datasets"]["breast"]["crossvalidation"]["models"] == ["breast_cnn", "breast_resnet"]
    assert len(compared) == 2 and not any("deep" in name for pair in compared for name in pair)


def test_primary_comparisons_of_what_is_switched_off_are_left_out():
    first = ["breast_resnet/cnn_50_linear_probe_c001_50", "breast_cnn/svm_linear"]
    off = {"ensembles": {"ensemble_resnets": None}}
    config = complete_config({"datasets": {"breast": {**off, "primary": {"compare": [first]}}}})
    assert config["datasets"]["breast"]["primary"] == {"measure": "auroc", "compare": [first]}
    config = complete_config({"datasets": {"breast": off}})
    assert first in config["datasets"]["breast"]["primary"]["compare"]
    assert not any("ensembles/ensemble_resnets" in pair for pair in config["datasets"]["breast"]["primary"]["compare"])
    pair = ["ensembles/ensemble_resnets", "breast_cnn/cnn"]
    config = complete_config({"datasets": {"breast": {**off, "primary": {"compare": [pair]}}}})
    assert config["datasets"]["breast"]["primary"] is None


def test_a_scheme_whose_models_are_all_switched_off_is_none():
    off = dict.fromkeys(("breast_cnn", "breast_resnet", "breast_resnet_deep"))
    breast = {
        "models": {**off, "own": {"network": "breast_cnn"}},
        "ensembles": dict.fromkeys(("ensemble_cnn", "ensemble_svm", "ensemble_resnet", "ensemble_resnets")),
    }
    assert complete_config({"datasets": {"breast": breast}})["datasets"]["breast"]["crossvalidation"] is None


def test_models_that_want_more_images_than_a_fold_has_are_named():
    """Of 13,671 images in training and validation split; 13,671 × 4/5 × 11,959/13,671 are 9,567."""
    said = r"blood\.crossvalidation\.models: 'blood_cnn_10k' is trained on 10000 images .* about 9567 to train on"
    with pytest.raises(UserError, match=said):
        complete_config({"datasets": {"blood": {"crossvalidation": {}}}})
    ten = {"crossvalidation": {"folds": 10}, "resplits": {"number": 2}}
    complete_config({"datasets": {"blood": ten}})


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"models": ["breast_cn"], "compare": []}, "crossvalidation.models: unknown model 'breast_cn'"),
        ({"compare": [["breast_cnn/cn", "breast_cnn/svm"]]}, "crossvalidation.compare: unknown system 'breast_cnn/cn'"),
        ({"compare": [["breast_cnn/cnn", "breast_cnn/cnn"]]}, "breast_cnn/cnn with itself; expected two systems"),
        ({"folds": 2}, "crossvalidation.folds"),
        ({"pool": ["test"]}, "crossvalidation.pool"),
        ({"fold": 2}, "crossvalidation"),
    ],
)
def test_bad_values_are_named(entry, said):
    with pytest.raises(UserError, match=said.replace("(", r"\(")):
        complete_config({"datasets": {"breast": {"crossvalidation": entry}}})
