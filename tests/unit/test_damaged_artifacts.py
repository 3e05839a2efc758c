"""Tests of damaged and mistaken artifacts: a stage program that reads one says so in one line."""

import argparse
import importlib
import json
import random

import h5py
import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier
from synthetic import comparisons, discrimination, maps, metrics, reliability, selection, write_ranking

import calibrate
from medfusion.errors import UserError
from medfusion.evaluation import label_audit
from medfusion.files import (
    calibrations,
    corrupted_files,
    example_files,
    fold_ensembles,
    images,
    label_audits,
    metric_files,
    pools,
    probabilities,
    tables,
)
from medfusion.files.artifacts import read_record, write_json
from medfusion.files.hdf5 import create_hdf5, open_hdf5
from medfusion.files.images import Description
from medfusion.learning import classifiers
from medfusion.system_id import SystemId

DESCRIPTION = Description("breastmnist", "binary-class", ("malignant", "normal"), "0" * 64, False)
NEAR = {"images": {"train": 12, "val": 12, "test": 12}, "opposite_labels": [["train", 0, "test", 1]]}
HISTORY = "epoch,loss,accuracy,val_loss,val_accuracy,learning_rate\n1,0.6,0.7,0.5,0.8,0.001\n2,0.5,0.8,0.4,0.8,0.001\n"
GRID = "C,log_loss,auroc,accuracy,seconds\n0.1,0.5,0.8,0.8,0.1\n1,0.4,0.9,0.9,0.2\n"


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A folder with one sound file of each kind."""
    monkeypatch.chdir(tmp_path)  # where the ledger of looks is
    rng = np.random.default_rng(0)
    labels = np.arange(12) % 2
    for split in ("train", "val", "test"):
        pixels = rng.integers(0, 256, (12, 28, 28, 1), dtype=np.uint8)
        images.write_split(tmp_path / f"{split}.h5", split, DESCRIPTION, pixels, None if split == "test" else labels)
    images.write_labels(tmp_path / "test_labels.h5", "test", DESCRIPTION, labels)
    values = np.full((12, 2), 0.5)
    probabilities.write(tmp_path / "probabilities.h5", DESCRIPTION, {"val": values, "test": values}, 1.0)
    with create_hdf5(tmp_path / "features.h5", **DESCRIPTION.attributes()) as file:
        for split in ("train", "val", "test"):
            file[f"{split}/features"] = rng.normal(size=(12, 4))
    classifiers.save(DecisionTreeClassifier().fit([[0], [1]], [0, 1]), tmp_path / "model.skops")
    (tmp_path / "history.csv").write_text(HISTORY)
    (tmp_path / "grid.csv").write_text(GRID)
    best = {"hyperparameters": {"C": 1}, "selection": "validation", "criterion": "log_loss", "compared_images": 9}
    write_json(tmp_path / "best.json", best)
    write_json(tmp_path / "metrics.json", metrics("net", 1, {"cnn": (0.8, 0.8)}))
    write_json(tmp_path / "comparisons.json", comparisons())
    write_ranking(tmp_path / "ranking.csv", [metrics("net", 1, {"cnn": (0.8, 0.8)})])
    across = {"first": "train", "second": "test", "indices": [1, 2]}
    write_json(tmp_path / "summary.json", {"threshold": 0.9, "splits": [across], **NEAR})
    curve = [{"weights": [w, 1 - w], "accuracy": w, "log_loss": w} for w in (0, 0.5, 1)]
    record = {"members": ["cnn", "svm"], "weights": [1, 0], "criterion": "accuracy", "curve": curve}
    write_json(tmp_path / "fusion.json", record)
    chosen = calibrations.Calibration(1.0, 0.5, (0.5, None), 0.5, 0.5)
    found = calibrations.Calibrations(
        "breast", "binary-class", 0, None, 0.9, 0.1, (6, 6), {SystemId("net", 1, "cnn"): chosen}
    )
    calibrations.write(tmp_path / "calibration.json", found)
    write_json(tmp_path / "reliability.json", RELIABILITY)
    (tmp_path / "groups.csv").write_text(
        "split,index,group\n" + "".join(f"{s},{i},{i}\n" for s in NEAR["images"] for i in range(12))
    )
    write_folds(tmp_path)
    label_audits.write_out_of_fold(tmp_path / "out_of_fold.h5", DESCRIPTION, 5, "net", values)
    judged = {split: label_audit.judge(labels, np.eye(2)[1 - labels] * 0.8 + 0.1) for split in NEAR["images"]}
    table = label_audit.audit(judged, NEAR["opposite_labels"])
    label_audits.write(tmp_path / "labels.csv", table, "toys", DESCRIPTION.label_names)
    write_json(tmp_path / "discrimination.json", discrimination())
    write_corrupted(tmp_path)
    rows = "".join(f"p{number},{('north', 'east')[number % 2]},test,{number}\n" for number in range(12))
    (tmp_path / "patients.csv").write_text(f"patient,site,split,index\n{rows}")
    write_json(tmp_path / "examples.json", selection())
    example_files.write_maps(tmp_path / "maps.h5", DESCRIPTION, maps())
    return tmp_path


def write_folds(folder):
    """What a system says in each of three folds and of the given test images, and its average over them."""
    pool = pools.read([folder / f"{split}.h5" for split in NEAR["images"]], None, folder / "groups.csv", POOLED)
    for division in DIVISIONS:
        values = np.full((8, 2), 0.5)
        path = folder / f"fold{division['fold']}.h5"
        probabilities.write(path, pool.divided({**division, "threads": 1}), {"test": values}, 1.0)
    given, members = {"cnn": np.full((12, 2), 0.5)}, np.full((3, 12, 2), 0.5)
    fold_ensembles.write_given(folder / "given_test.h5", DESCRIPTION, [given])
    found = fold_ensembles.FoldEnsemble(np.full((24, 2), 0.5), np.arange(24) % 3, pool.labels, members)
    fold_ensembles.write(folder / "folds.h5", DESCRIPTION, found, members[0], 1.0)


POOLED = ["train", "val"]
DIVISIONS = [{"pool": POOLED, "folds": 3, "fold": fold, "seed": 1} for fold in (1, 2, 3)]


def write_corrupted(folder):
    """What a network says of two versions of the test images, and a table of measures as corrupt_evaluate writes it."""
    with create_hdf5(folder / "corrupted.h5", **DESCRIPTION.attributes(), corruptions=["pixelate"]) as file:
        file["numbers"] = np.arange(12)
        for condition in (corrupted_files.UNTOUCHED, corrupted_files.Condition("pixelate", 1)):
            corrupted_files.append(file, condition, "cnn", np.full((12, 2), 0.5))
    places = [("clean", "0"), ("pixelate", "1"), ("all", "mean")]
    row = ("breast", "net", 1, "cnn")
    rows = [(*row, *place, metric, 0.5, 0.4, 0.6, 12) for place in places for metric in ("accuracy", "abstention_rate")]
    corrupted_files.write_table(folder / "corruptions.csv", pd.DataFrame(rows, columns=corrupted_files.COLUMNS))


RELIABILITY = reliability()
# For each stage program: its arguments, and settings; what is in braces is a file of the folder that it reads.
STYLE = {"style": "white", "name": "Own images", "label_names": None}
SHOWN = {"display_names": {"breast": {"name": "Own images"}}}
CLASSIFIER = {
    "kind": "svm",
    "grid": {"C": [1]},
    "selection": "validation",
    "criterion": "log_loss",
    "search_images": None,
    "fit_images": None,
}
CLASSIFIER |= {"fit_values": 10000, "nystroem_components": None, "nystroem_images": None}
COMPARISON = {"base": "net", "part": "member", "words": "alone", "system": "cnn", "seeds": [1]}
COMPARISON |= {"measured": ["net", "cnn"], "reference": ["net", "cnn"]}
PROGRAMS = {
    "draw_curves": ("--history {history.csv} --data {train.h5} --curves out.svg", {**STYLE, "seeds": [1]}),
    "draw_grids": (
        "--grid {grid.csv} --best {best.json} --data {train.h5} --grids out.svg",
        {**STYLE, "classifiers": [["svm", "SVM"]]},
    ),
    "draw_fusions": (
        "--fusion {fusion.json} --data {train.h5} --fusions out.svg",
        {**STYLE, "fusions": [["fusion", "a fusion"]], "members": {"cnn": "network", "svm": "SVM"}},
    ),
    "draw_results": (
        "--metrics {metrics.json} --ranking {ranking.csv} --comparisons {comparisons.json} --confusion out.svg "
        "--seeds out2.svg --differences out3.svg",
        {"style": "white", **SHOWN, "published": [], "source": "official"},
    ),
    "draw_ablations": (
        "--metrics {metrics.json} --contributions out.svg",
        {"style": "white", **SHOWN, "comparisons": [COMPARISON], "models": {}, "systems": {}},
    ),
    "draw_augmentation": ("--train {train.h5} --augmented {train.h5} --augmentation out.png", STYLE),
    "collect_metrics": ("--metrics {metrics.json} --table out.csv", SHOWN),
    "ensemble": ("--members {probabilities.h5} --val {val.h5} --fused out.h5", {"title": "ensemble"}),
    "fuse": (
        "--members {probabilities.h5} --val {val.h5} --fusion out.json --fused out.h5",
        {"title": "f", "members": ["cnn"], "weights": None, "step": 0.5, "criterion": "accuracy"},
    ),
    "fit_grid": (
        "--features {features.h5} --train {train.h5} --val {val.h5} --grid out.csv --best out.json --model out.skops "
        "--probabilities out.h5",
        {"title": "f", "seed": 1, "train_images": "all", "classifier": {**CLASSIFIER, "calibration": "temperature"}},
    ),
    "evaluate": (
        "--systems {probabilities.h5} --val {val.h5} --test-labels {test_labels.h5} --metrics out.json",
        {"title": "e", "dataset": "d", "model": "m", "seed": 1, "systems": ["cnn"], "positive": 0, "ece_bins": 2}
        | {"replicates": 100, "confidence": 0.95, "bootstrap_seed": 0},
    ),
    "rank_systems": (
        "--metrics {metrics.json} --systems {probabilities.h5} --val {val.h5} --ranking out.csv",
        {
            **{"dataset": "breast", "criterion": "log_loss", "systems": [["net", 1, "cnn"]]},
            **{"replicates": 20, "bootstrap_seed": 0},
        },
    ),
    "compare_systems": (
        "--ranking {ranking.csv} --systems {probabilities.h5} --test-labels {test_labels.h5} "
        "--near-duplicates {summary.json} --comparisons out.json",
        {"title": "c", "dataset": "breast", "systems": [["net", 1, "cnn"]], "fusions": {}, "primary": None}
        | {"replicates": 100, "confidence": 0.95, "bootstrap_seed": 0},
    ),
    "calibrate": (
        "--systems {probabilities.h5} --val {val.h5} --calibration out.json",
        {"dataset": "breast", "systems": [["net", 1, "cnn"]], "positive": 0, "sensitivity": 0.9}
        | {"coverage": 0.9, "abstention_rate": 0.1},
    ),
    "assess_reliability": (
        "--systems {probabilities.h5} --calibration {calibration.json} --ranking {ranking.csv} "
        "--test-labels {test_labels.h5} --reliability out.json",
        {"dataset": "breast", "systems": [["net", 1, "cnn"]], "ece_bins": 2}
        | {"replicates": 100, "confidence": 0.95, "bootstrap_seed": 0},
    ),
    "assess_discrimination": (
        "--systems {probabilities.h5} --baseline {probabilities.h5} --calibration {calibration.json} "
        "--ranking {ranking.csv} --test-labels {test_labels.h5} --discrimination out.json",
        {"dataset": "breast", "systems": [["net", 1, "cnn"]], "positive": 0, "prevalences": [0.1]}
        | {"replicates": 100, "confidence": 0.95, "bootstrap_seed": 0},
    ),
    "assess_slices": (
        "--systems {probabilities.h5} --ranking {ranking.csv} --images {train.h5} {val.h5} {test.h5} "
        "--test-labels {test_labels.h5} --metadata {patients.csv} --slices out.json --table out.csv",
        {"dataset": "breast", "systems": [["net", 1, "cnn"]], "positive": 0}
        | {"replicates": 100, "confidence": 0.95, "bootstrap_seed": 0},
    ),
    "draw_discrimination": ("--measured {discrimination.json} --roc out.svg", {"style": "white", **SHOWN}),
    "draw_reliability": (
        "--measured {reliability.json} --reliability out.svg --risk-coverage out2.svg --conformal out3.svg",
        {"style": "white", **SHOWN},
    ),
    "corrupt_evaluate": (
        "--corrupted {corrupted.h5} --calibration {calibration.json} --test-labels {test_labels.h5} "
        "--corruptions out.csv",
        {"dataset": "breast", "runs": [["net", 1, ["cnn"]]], "ece_bins": 2}
        | {"replicates": 100, "confidence": 0.95, "bootstrap_seed": 0},
    ),
    "draw_corruptions": (
        "--measured {corruptions.csv} --ranking {ranking.csv} --data {test.h5} --corruptions out.svg",
        {**STYLE, "systems": {}},
    ),
    "fit_input_check": (
        "--features {features.h5} --train {train.h5} --val {val.h5} --input-check out.h5",
        {"title": "c", "seeds": [1], "train_images": "all", "fit_images": None, "flagged": 0.05},
    ),
    "draw_corrupted": ("--images {test.h5} --corrupted out.png", {**STYLE, "flag": "breastmnist", "severities": [1]}),
    "inspect_images": (
        "--images {train.h5} {val.h5} {test.h5} --test-labels {test_labels.h5} --counts out.csv --pixels out2.csv "
        "--samples out3.png --montage out.png --means out2.png",
        {**STYLE, "seed": 0},
    ),
    "select_examples": (
        "--ranking {ranking.csv} --systems {probabilities.h5} --test-labels {test_labels.h5} --examples out.json",
        {"dataset": "breast", "systems": [["net", 1, "cnn"]]}
        | {"studied": {"model": "net", "seed": 1, "svm": None, "fusion": None}},
    ),
    "draw_examples": (
        "--examples {examples.json} --images {test.h5} --maps {maps.h5} --errors out.png --confused out2.png "
        "--disagreements out3.png --saliency out4.png --top-errors out5.png",
        STYLE,
    ),
    "predict_out_of_fold": (
        "--features {features.h5} --train {train.h5} --val {val.h5} --groups {groups.csv} --out-of-fold out.h5",
        {"title": "p", "seed": 0, "models": ["net"]},
    ),
    "audit_labels": (
        "--out-of-fold {out_of_fold.h5} --ranking {ranking.csv} --systems {probabilities.h5} --train {train.h5} "
        "--val {val.h5} --test-labels {test_labels.h5} --near-duplicates {summary.json} --labels out.csv "
        "--summary out2.json",
        {"dataset": "breast", "systems": [["net", 1, "cnn"]], "name": "toys", "label_names": None},
    ),
    "draw_mislabelled": ("--labels {labels.csv} --images {train.h5} {val.h5} {test.h5} --mislabelled out.png", STYLE),
    "ensemble_folds": (
        "--whole {train.h5} {val.h5} {test.h5} --groups {groups.csv} --out-of-fold {fold1.h5} {fold2.h5} {fold3.h5} "
        "--given {given_test.h5} {given_test.h5} {given_test.h5} --folds out.h5",
        {"title": "e", "system": "cnn", "divisions": DIVISIONS},
    ),
    "summarise_fold_ensembles": (
        "--ranking {ranking.csv} --reliability {reliability.json} --systems {folds.h5} --groups {groups.csv} "
        "--test-labels {test_labels.h5} --summary out.md",
        {"path": "breast", "name": "toys", "label_names": None, "systems": [["net", 1, "cnn"]], "folds": 3}
        | {"criterion": "accuracy", "confidence": 0.95},
    ),
    "study_classifiers": (
        "--features {features.h5} --train {train.h5} --val {val.h5} --tree {model.skops} --studies out.h5",
        {"seed": 1, "fit_images": None, "fit_values": 10000, "tree_sizes": 2, "folds": 2, "plane_images": 12},
    ),
}
READ = [
    (program, word[1:-1])
    for program, (arguments, _) in PROGRAMS.items()
    for word in dict.fromkeys(arguments.split())
    if word.startswith("{")
]


def run(program, folder):
    """Run a stage program's work on the files of a folder."""
    kind = program.removeprefix("draw_")
    module = importlib.import_module("draw" if kind != program else program)
    arguments, settings = PROGRAMS[program]
    words = [str(folder / word.strip("{}")) if "." in word else word for word in arguments.split()]
    if kind == program:
        args = module.parser().parse_args(["--settings", "x", *words])
    else:
        args = module.parser(kind).parse_args([kind, "--settings", "x", *words])
    assert isinstance(args, argparse.Namespace)
    module.main(args, {"threads": 1, **settings})


def spoilt(whole):
    """What may be left of a file."""
    yield from (None, b"", whole[: len(whole) // 2], whole[:-100], bytes(len(whole)), b"\x89PNG\r\n\x1a\n")
    yield from (b"null", b"[]", b"{}", b'[{"a": 1}]', b"[" * 100_000, b"a,b\n1,2\n", b"a,b\n1,2,3\n", b"\xff\xfe\xfd\n")


@pytest.mark.parametrize(("program", "name"), READ)
@pytest.mark.filterwarnings("ignore")
def test_a_spoilt_file_is_one_line_that_names_it_and_no_file_is_half_written(program, name, made):
    path = made / name
    for content in spoilt(path.read_bytes()):
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(UserError) as caught:
            run(program, made)
        assert name in str(caught.value) and "\n" not in str(caught.value)
        assert not list(made.glob(".*"))  # what is not whole has a hidden name


@pytest.mark.parametrize(
    "program",
    [
        "draw_curves",
        "draw_grids",
        "draw_fusions",
        "draw_results",
        "collect_metrics",
        "ensemble",
        "evaluate",
        "rank_systems",
        "compare_systems",
        "calibrate",
        "assess_reliability",
        "draw_reliability",
        "assess_discrimination",
        "assess_slices",
        "draw_discrimination",
        "corrupt_evaluate",
        "draw_corrupted",
        "select_examples",
        "draw_examples",
        "predict_out_of_fold",
        "audit_labels",
        "draw_mislabelled",
        "ensemble_folds",
        "summarise_fold_ensembles",
    ],
)
def test_sound_files_are_read(program, made):
    run(program, made)
    assert list(made.glob("out.*"))


@pytest.mark.parametrize(
    "text",
    ["epoch,loss\n1,0.5\n", HISTORY.splitlines()[0] + "\n", HISTORY.replace("0.5", "low"), HISTORY.replace("0.5", "")],
    ids=["columns", "rows", "words", "gaps"],
)
def test_a_table_that_is_not_the_expected_one_is_named(text, tmp_path):
    (tmp_path / "history.csv").write_text(text)
    with pytest.raises(UserError, match="history.csv: not the expected table .*; delete it and run again"):
        tables.read_table(tmp_path / "history.csv", ("epoch", "loss", "accuracy", "val_loss", "val_accuracy"))


def test_a_record_that_lacks_a_key_is_named(tmp_path):
    write_json(tmp_path / "a.json", {"hyperparameters": 1})
    with pytest.raises(UserError, match="a.json: lacks selection, kind; delete it and run again"):
        read_record(tmp_path / "a.json", ("hyperparameters", "selection", "kind"))


def test_metrics_that_are_a_list_are_named(tmp_path):
    (tmp_path / "metrics.json").write_text(json.dumps([{"dataset": "x"}]))
    with pytest.raises(UserError, match="metrics.json: holds no record"):
        metric_files.read_metrics([tmp_path / "metrics.json"], {})


def test_a_run_that_nothing_was_chosen_for_is_named(made):
    content = json.loads((made / "calibration.json").read_text())
    content["systems"]["net/cnn"] = {"2": content["systems"]["net/cnn"]["1"]}
    write_json(made / "calibration.json", content)
    with pytest.raises(UserError, match="calibration.json: lacks net/cnn, seed 1; delete it and run again"):
        run("assess_reliability", made)


def test_without_a_coverage_calibrate_chooses_one_above_the_accuracy(made):
    labels = np.arange(12) % 2
    values = np.where(np.eye(2)[labels] == 1, 0.7, 0.3)
    values[:2] = values[:2, ::-1]  # 10 of 12 are right
    probabilities.write(made / "probabilities.h5", DESCRIPTION, {"val": values}, 1.0)
    arguments, settings = PROGRAMS["calibrate"]
    words = [str(made / word.strip("{}")) if "." in word else word for word in arguments.split()]
    args = calibrate.parser().parse_args(["--settings", "x", *words])
    calibrate.main(args, {**settings, "coverage": None})
    assert calibrations.read(made / "out.json").coverage == 0.9


def test_probabilities_of_other_images_are_named(made):
    probabilities.write(made / "probabilities.h5", DESCRIPTION, {"val": np.full((9, 2), 0.5)}, 1.0)
    with pytest.raises(
        UserError, match=r"probabilities.h5: expected 12 rows of at least 2 probabilities, got \(9, 2\)"
    ):
        run("calibrate", made)


def test_probabilities_that_are_no_numbers_are_named(tmp_path):
    probabilities.write(tmp_path / "x.h5", DESCRIPTION, {"val": np.array([[np.nan, 1]])}, 1.0)
    with pytest.raises(UserError, match="x.h5: what it holds for the split 'val' are no probabilities"):
        probabilities.read(tmp_path / "x.h5", "val")


@pytest.mark.parametrize("fault", [KeyError("a"), ValueError("b"), TypeError("c"), OSError("d")])
def test_a_fault_of_ours_while_a_file_is_open_is_not_blamed_on_it(fault, made):
    with pytest.raises(type(fault)) as caught, open_hdf5(made / "train.h5"):
        raise fault
    assert caught.value is fault


def test_no_byte_changed_in_an_hdf5_file_is_a_traceback(made):
    whole = (made / "train.h5").read_bytes()
    with h5py.File(made / "train.h5") as file:
        assert file["images"].shape == (12, 28, 28, 1)
    for seed in range(150):
        chance = random.Random(seed)
        content = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        (made / "x.h5").write_bytes(content)
        for read in (images.describe, images.read_images, images.read_labels):
            try:
                read(made / "x.h5")
            except UserError as error:
                assert "x.h5" in str(error) and "\n" not in str(error)


def test_texts_of_a_table_are_read_as_they_are(tmp_path):
    """Classes that are called like numbers, truths, or nothing."""
    names = ["NA", "None", "007", "2.50", "true", ""]
    (tmp_path / "t.csv").write_text("n,name\n" + "".join(f"1,{name}\n" for name in names))
    assert tables.read_table(tmp_path / "t.csv", ["n"], ["name"])["name"].tolist() == names
