"""Tests of sweeps: what is asked for, the points, the table; the runs themselves are tested with the workflow."""

import subprocess
import sys
from pathlib import Path

import made_runs
import numpy as np
import pytest

from medfusion.errors import UserError
from medfusion.tools import finished, sweeps

ROOT = Path(__file__).resolve().parents[2]
RATE = "networks.breast_cnn.training.learning_rate"


@pytest.mark.parametrize("wrong", [("-j", "0"), ("--out", "x.md"), ("--out", ".")])
def test_what_cannot_end_well_is_refused_before_any_run(tmp_path, wrong):
    command = [sys.executable, str(ROOT / "workflow_scripts/sweep.py"), "evaluation.seed=0,1", *wrong]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and f"error: {wrong[0]}: {wrong[1]}; expected" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("argument", "key", "values"),
    [
        ("a=1", "a", [1]),
        ("a.b-c.d_e=0.001,0.0003", "a.b-c.d_e", [0.001, 0.0003]),
        ("a=x,y", "a", ["x", "y"]),
        ("a=~,{patience: 3}", "a", [None, {"patience": 3}]),
        ("a=[1],[1,2]", "a", [[1], [1, 2]]),
        ("a=true,'b=c'", "a", [True, "b=c"]),
    ],
)
def test_keys_and_values_are_yaml(argument, key, values):
    assert sweeps.parse(argument) == (key, values)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("a", "expected KEY=V1,V2"),
        ("=1", "expected KEY=V1,V2"),
        ("a..b=1", "expected KEY=V1,V2"),
        ("a=", "no values"),
        ("a=[1", "no list of YAML values"),
        ("a=1,1", "twice"),
        ("results=x", "says where things lie"),
        ("data=x", "says where things lie"),
    ],
)
def test_what_is_no_key_with_values_is_refused(argument, message):
    with pytest.raises(UserError, match=message):
        sweeps.parse(argument)


def test_points_are_the_cross_product_each_with_its_own_folder_and_whole_configuration():
    base, points = sweeps.plan([f"{RATE}=0.001,0.0003", "evaluation.replicates=100,200"], ROOT, [])
    assert [tuple(point.values.values()) for point in points] == [
        (0.001, 100), (0.001, 200), (0.0003, 100), (0.0003, 200),
    ]  # fmt: skip
    assert len({point.results for point in points}) == 4
    for point in points:
        assert point.results == point.config["results"] == f"results/sweep/{point.name}"
        assert point.config["networks"]["breast_cnn"]["training"]["learning_rate"] == point.values[RATE]
        assert point.config["networks"]["breast_cnn"]["training"]["epochs"] == 85
        assert point.config["evaluation"]["replicates"] == point.values["evaluation.replicates"]
    assert base["results"] == "results" and base["evaluation"]["replicates"] == 2000
    assert points[0].words == "learning_rate = 0.001, replicates = 100"


def test_overlays_come_before_the_values(tmp_path):
    overlay = tmp_path / "o.yaml"
    overlay.write_text("results: elsewhere/\nevaluation: {replicates: 300, seed: 7}\n")
    base, (point,) = sweeps.plan(["evaluation.replicates=100"], ROOT, [str(overlay)])
    assert base["evaluation"]["replicates"] == 300
    assert point.config["evaluation"] == {**base["evaluation"], "replicates": 100, "seed": 7}
    assert point.results.startswith("elsewhere/sweep/replicates-100-")


def test_an_entry_is_switched_off_as_in_an_overlay():
    _, points = sweeps.plan(["datasets.blood=~"], ROOT, [])
    assert list(points[0].config["datasets"]) == ["breast"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["networks.breast_cnn.training.learning_rat=0.1"], "did you mean 'learning_rate'"),
        (["networks.breast_cn.training.epochs=3"], "did you mean 'breast_cnn'"),
        (["networks.breast_cnn.training.epochs=3,many"], "expected a whole number"),
        (["evaluaton.seed=3"], "did you mean 'evaluation'"),
        (["evaluation.seed.x=3"], "evaluation.seed"),
        (["evaluation.seed=1", "evaluation.seed=2"], "asked for twice"),
        (["evaluation=1", "evaluation.seed=2"], "holds another key"),
        ([f"evaluation.seed={','.join(map(str, range(201)))}"], "201 points are too many"),
    ],
)
def test_what_the_configuration_does_not_know_is_refused_before_anything_runs(arguments, message):
    with pytest.raises(UserError, match=message):
        sweeps.plan(arguments, ROOT, [])


def test_names_of_folders_are_plain_stable_and_unique():
    names = [sweeps._name(values) for values in ({"a.x": 1}, {"b.x": 1}, {"a.x": "1"}, {"a.x": [1, {"y": "ü /$"}]})]
    assert len(set(names)) == len(names)
    assert all(name.replace("-", "").replace(".", "").isalnum() and name.isascii() for name in names)
    assert sweeps._name({"a.x": 1}) == names[0] == f"x-1-{names[0][-6:]}"


@pytest.fixture
def points(tmp_path, monkeypatch):
    """Three finished points; by validation the second is best, by test the third would be."""
    monkeypatch.chdir(tmp_path)
    found = []
    for value, wrong, on_test in ((1, 8, 8), (2, 2, 6), (3, 4, 0)):
        point = sweeps.Point(f"p{value}", {"a.x": value}, {"a": {"x": value}}, {"a": value}, f"results/sweep/p{value}")
        systems = {
            ("breast", "net", 1, "cnn"): range(wrong),
            ("breast", "net", 2, "cnn"): range(wrong + 2),
            ("breast", "baselines", None, "majority"): range(20),
        }
        made_runs.write_run(tmp_path / point.name, systems)
        path = tmp_path / point.name / "results/metrics.csv"
        table = finished.tidy_metrics(path)
        here = (table["split"] == "test") & (table["model"] == "net") & (table["metric"] == "accuracy")
        table.loc[here, "value"] = 1 - on_test / made_runs.N
        table.to_csv(path, index=False)
        (tmp_path / point.results).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / point.name / "results").rename(tmp_path / point.results)
        found.append(point)
    return found


def test_the_table_is_in_the_order_of_validation_never_of_the_test_split(points):
    table = sweeps.table(points)
    net = table[(table["model"] == "net") & (table["metric"] == "accuracy")]
    assert list(net["a.x"]) == ["2", "3", "1"]
    assert net["test_mean"].iloc[1] == 1.0 == net["test_mean"].max()
    assert net["val_mean"].iloc[0] == pytest.approx(1 - 3 / made_runs.N)
    assert net["val_sd"].iloc[0] == pytest.approx(np.std([2, 4], ddof=1) / made_runs.N)
    assert set(net["seeds"]) == {2} and set(net["val_n"]) == {made_runs.N}
    brier = table[(table["model"] == "net") & (table["metric"] == "brier")]
    assert list(brier["a.x"]) == ["2", "3", "1"]  # of which the lowest is the best


def test_systems_that_no_point_changes_are_left_out_for_people_alone(points):
    table = sweeps.table(points)
    assert "baselines" in set(table["model"])
    shown, notes = sweeps.shown_table(table, ["a.x"], "accuracy")
    assert notes == ["1 systems that no point changes are left out."] and len(shown.bodies[0].rows) == 3
    assert "VALIDATION" in shown.caption and shown.head[-2:] == ["validation accuracy", "test accuracy"]
    assert [cell.text for cell in shown.bodies[0].rows[0].cells] == [
        "2", "Breast", "net/cnn", "2", "0.925 ± 0.035", "0.850 ± 0.000",
    ]  # fmt: skip
    shown, notes = sweeps.shown_table(table[table["a.x"] == "1"], ["a.x"], "accuracy")
    assert notes == [] and len(shown.bodies[0].rows) == 2
    same = table[table["model"] == "baselines"]
    shown, notes = sweeps.shown_table(same, ["a.x"], "accuracy")
    assert notes == ["No point changes the accuracy of any system."] and len(shown.bodies[0].rows) == 3
    with pytest.raises(UserError, match="did you mean 'accuracy'"):
        sweeps.shown_table(table, ["a.x"], "accurac")


def test_a_finished_point_can_be_compared_although_it_has_no_page(points):
    Path(points[0].results, "records/report/report.json").unlink()
    with pytest.raises(UserError):
        finished.read(points[1].results)  # its table was edited
    made_runs.write_record(
        Path("."),
        "collect_metrics",
        "collect_metrics",
        [],
        [f"{points[0].results}/metrics.csv"],
        results=points[0].results,
    )
    sweeps.keep_config(points[0])
    assert finished.read(points[0].results).config == {"a": 1}


def test_donors_are_the_run_without_a_sweep_the_points_and_those_of_other_sweeps(points):
    Path("results/sweep/other").mkdir()
    Path("results/sweep/sweep.csv").touch()
    mine = [points[2], points[0]]
    assert sweeps.donors("results", mine) == [
        "results", points[2].results, points[0].results, "results/sweep/other", points[1].results,
    ]  # fmt: skip
    assert sweeps.donors("nothing", []) == ["nothing"]
