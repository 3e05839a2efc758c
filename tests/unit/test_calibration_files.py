"""Tests of calibration.json and reliability.json: what is written is read, anything else is one message."""

import dataclasses
import json

import pytest
import synthetic

from medfusion.errors import UserError
from medfusion.files import calibrations, reliabilities
from medfusion.files.artifacts import write_json
from medfusion.files.calibrations import Calibration, Calibrations
from medfusion.system_id import SystemId

CHOSEN = Calibrations(
    dataset="breast",
    task="binary-class",
    positive=0,
    sensitivity=0.9,
    coverage=0.9,
    abstention_rate=0.1,
    images=(21, 57),
    runs={
        SystemId("net", 1, "cnn"): Calibration(1.25, 0.1 + 0.2, (None, 0.75), 0.375, 0.625, 0.3, 0.25),
        SystemId("net", 2, "cnn"): Calibration(0.5, None, (0.5, 0.5), None, 0.5),
        SystemId("ensembles", None, "all"): Calibration(1.0, 0.5, (0.25, 1.0), 0.0, 0.75),
    },
)


def test_what_is_written_is_read_to_the_last_digit(tmp_path):
    calibrations.write(tmp_path / "calibration.json", CHOSEN)
    assert calibrations.read(tmp_path / "calibration.json") == CHOSEN


def test_without_a_recall_to_reach_it_is_read_so(tmp_path):
    balanced = dataclasses.replace(CHOSEN, sensitivity=None)
    calibrations.write(tmp_path / "calibration.json", balanced)
    assert calibrations.read(tmp_path / "calibration.json") == balanced


def test_the_format_is_the_documented_one(tmp_path):
    calibrations.write(tmp_path / "calibration.json", CHOSEN)
    content = json.loads((tmp_path / "calibration.json").read_text())
    assert set(content) == {
        "dataset",
        "task",
        "positive",
        "sensitivity",
        "coverage",
        "abstention_rate",
        "images",
        "systems",
    }
    assert all(f"    {key} " in calibrations.__doc__ for key in content)
    assert content["systems"]["ensembles/all"].keys() == {"all"}
    assert content["systems"]["net/cnn"]["1"] == {
        "temperature": 1.25,
        "marginal": 0.1 + 0.2,
        "by_class": [None, 0.75],
        "decision": 0.375,
        "referral": 0.625,
        "log_loss_without": 0.3,
        "log_loss_with": 0.25,
    }


def spoil(content, *keys, value):
    *parents, last = keys
    for key in parents:
        content = content[key]
    content[last] = value


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("images",), 3),
        (("images",), [21]),  # fewer classes than thresholds
        (("coverage",), "much"),
        (("sensitivity",), "much"),
        (("systems",), []),
        (("systems", "net/cnn"), None),
        (("systems", "net/cnn", "1"), {"temperature": 1.0}),
        (("systems", "net/cnn", "first"), {}),
        (("systems", "net/cnn", "1", "temperature"), 0),
        (("systems", "net/cnn", "1", "temperature"), None),
        (("systems", "net/cnn", "1", "by_class"), 0.5),
        (("systems", "net/cnn", "1", "referral"), "0.5"),
        (("systems", "net/cnn", "1", "marginal"), float("nan")),
    ],
)
def test_another_record_is_one_message(keys, value, tmp_path):
    path = tmp_path / "calibration.json"
    calibrations.write(path, CHOSEN)
    content = json.loads(path.read_text())
    spoil(content, *keys, value=value)
    write_json(path, content)
    with pytest.raises(UserError, match="calibration.json: not what calibrate writes .*; delete it and run again"):
        calibrations.read(path)


def test_reliability_of_another_data_set_is_one_message(tmp_path):
    write_json(tmp_path / "reliability.json", synthetic.reliability())
    with pytest.raises(UserError, match="reliability.json: of the data set 'breast', not of blood; delete it"):
        reliabilities.read(tmp_path / "reliability.json", {"blood": {"name": "Blood"}})


@pytest.mark.parametrize(
    ("keys", "value"), [(("groups",), []), (("groups",), [1]), (("drawn",), []), (("groups", 0), {})]
)
def test_another_reliability_is_one_message(keys, value, tmp_path):
    content = synthetic.reliability()
    spoil(content, *keys, value=value)
    write_json(tmp_path / "reliability.json", content)
    with pytest.raises(UserError, match="reliability.json: not what assess_reliability writes .*; delete it"):
        reliabilities.read(tmp_path / "reliability.json", {"breast": {"name": "Breast"}})


def test_names_of_data_and_classes_are_the_configurations(tmp_path):
    write_json(tmp_path / "reliability.json", synthetic.reliability(generated=True))
    found = reliabilities.read(tmp_path / "reliability.json", {"breast": {"name": "Own", "label_names": ["a", "b"]}})
    assert (found.name, found.label_names) == ("Own (generated images)", ("a", "b"))
    assert set(found.table["model"]) == {"net", "ensembles"}
