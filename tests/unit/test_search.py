"""Tests of searches: what may be proposed, by what it is proposed, and that test labels have no say."""

import contextlib
import io
import math
import sys
from pathlib import Path
from unittest import mock

import made_runs
import pytest

import sweep
from medfusion.errors import UserError
from medfusion.tools import finished, search, sweeps
from medfusion.tools.search import Range

ROOT = Path(__file__).resolve().parents[2]
RATE = "networks.breast_cnn.training.learning_rate"
EPOCHS = "networks.breast_cnn.training.epochs"


def test_ranges_and_lists_are_told_apart():
    space = search.parse(["a=0.1..1", "b=1..20", "c=1e-4..1.5e-2/log", "d=x,~", "e=-2..2.0", "f='1..2'"])
    assert space == {
        "a": Range(0.1, 1, False, False), "b": Range(1, 20, False, True), "c": Range(1e-4, 1.5e-2, True, False),
        "d": ["x", None], "e": Range(-2, 2, False, False), "f": ["1..2"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a=2..1"], "a: 2..1; expected a lower number before a higher one"),
        (["a=1..1"], "lower number before"),
        (["a=1..1e999"], "lower number before"),
        (["a=1..99999999999999999999"], "whole numbers of at most"),
        (["a=0..1/log"], "a: 0..1/log; on a log scale expected numbers above 0"),
        (["a..b=1..2"], "expected KEY=V1,V2"),
        (["results=1..2"], "says where things lie"),
        (["a.b=1..2", "a=3,4"], "name each once"),
        (["a=1..2", "a=3..4"], "name each once"),
        (["a=1,1"], "a value is there twice"),
    ],
)
def test_what_is_no_space_is_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        search.parse(arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([f"{RATE}=-0.1..0.1"], "learning_rate"),
        ([f"{EPOCHS}=1.5..3"], "epochs"),
        ([f"{RATE}=0.001..0.01", "evaluation.seed=1,x"], "evaluation.seed"),
        (["networks.breast_cnn.training.learning_rat=0.1..0.2"], "did you mean 'learning_rate'"),
    ],
)
def test_an_end_that_the_configuration_does_not_take_is_refused_before_anything_runs(arguments, message):
    with pytest.raises(UserError, match=message):
        search.check(search.parse(arguments), *sweeps.configurations(ROOT, []))


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("breast", "expected DATASET/MODEL/SYSTEM"),
        ("breat/breast_cnn/svm", "did you mean 'breast'"),
        ("breast/breast_cn/svm", "did you mean 'breast_cnn'"),
        ("breast/breast_cnn/svn", "did you mean 'svm'"),
        ("breast/ensembles/x", "has no system 'x'"),
    ],
)
def test_a_system_that_is_not_measured_is_refused(address, message):
    with pytest.raises(UserError, match=message):
        search.check_system(address, sweeps.configurations(ROOT, [])[1])


def test_systems_and_ensembles_have_an_address():
    whole = sweeps.configurations(ROOT, [])[1]
    for address in ("breast/breast_cnn/svm", "breast/breast_cnn/cnn", "breast/ensembles/ensemble_cnn"):
        assert "/".join(search.check_system(address, whole)) == address


def test_validation_decides_and_the_test_split_has_no_say(tmp_path):
    systems = {("breast", "net", 1, "cnn"): range(4), ("breast", "net", 2, "cnn"): range(8)}
    results = made_runs.write_run(tmp_path, systems)
    path = results / "metrics.csv"
    table = finished.tidy_metrics(path)
    table.loc[table["split"] == "test", "value"] = 1.0
    table.to_csv(path, index=False)
    assert search.validation(results, ("breast", "net", "cnn"), "accuracy") == pytest.approx(1 - 6 / made_runs.N)
    for system, metric in ((("breast", "net", "svm"), "accuracy"), (("breast", "net", "cnn"), "log_loss")):
        with pytest.raises(UserError, match=f"has no validation {metric} of {'/'.join(system)}"):
            search.validation(results, system, metric)


# -- asking ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def optuna():
    return pytest.importorskip("optuna", reason="no optuna: make optuna installs it")


SPACE = ["x=0.0001..1/log", "n=1..9", "kind=a,[b],~"]


def distance(values):
    """A loss whose least is at x = 0.01, n = 5, kind [b]."""
    return abs(math.log10(values["x"]) + 2) + abs(values["n"] - 5) / 4 + (values["kind"] != ["b"])


def asked(trials, sampler, fails=()):
    proposals, found = search.Search(search.parse(SPACE), sampler, "log_loss"), []
    for number in range(trials):
        found.append(proposals.ask())
        proposals.tell(None if number in fails else distance(found[-1]))
    return found


def test_proposals_are_within_the_space_and_the_same_each_time(optuna):
    found = asked(30, "tpe")
    assert found == asked(30, "tpe") and found[:12] == asked(12, "tpe")
    assert found != asked(30, "random")
    assert {str(values["kind"]) for values in found} == {"a", "['b']", "None"}
    for values in found:
        assert 1e-4 <= values["x"] <= 1 and values["x"] == float(f"{values['x']:.4g}")
        assert isinstance(values["n"], int) and 1 <= values["n"] <= 9


def test_what_was_told_draws_later_proposals_to_the_best(optuna):
    found = [distance(values) for values in asked(60, "tpe")]
    drawn = [distance(values) for values in asked(60, "random")]
    assert sum(found[30:]) < 0.6 * sum(drawn[30:])
    assert sum(found[30:]) < 0.6 * sum(found[:10]) * 3


def test_a_higher_accuracy_is_better(optuna):
    proposals = search.Search(search.parse(["x=0.01..1"]), "tpe", "accuracy")
    found = []
    for _ in range(40):
        found.append(proposals.ask()["x"])
        proposals.tell(found[-1])
    assert sum(found[-10:]) / 10 > 0.8


def test_a_failed_point_is_told_and_the_search_goes_on(optuna):
    assert len(asked(15, "tpe", fails={0, 3, 12})) == 15


def test_without_optuna_it_is_said_what_adds_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UserError, match="needs the package optuna, which is not installed; `make optuna` adds it"):
        search.Search({}, "tpe", "accuracy")


# -- the program, with runs that are made up ---------------------------------------------------------------------------


def swept(*words):
    """What the program says, and how it ends."""
    said, errors, status = io.StringIO(), io.StringIO(), 0
    argv = mock.patch.object(sys, "argv", ["sweep.py", *words])
    with argv, contextlib.redirect_stdout(said), contextlib.redirect_stderr(errors):
        try:
            sweep.main()
        except SystemExit as end:
            status = end.code
    return (1 if isinstance(status, str) else int(status)), said.getvalue(), f"{errors.getvalue()}{status}"


def test_the_program_runs_what_is_proposed_and_once_alone(optuna, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = []

    def made_up(sweeps_, results, point, points, args):
        """A run in which more epochs are better on validation, up to 60; the fewest fail."""
        epochs = point.values[EPOCHS]
        ran.append(epochs)
        if epochs < 20:
            return False
        systems = {("breast", "breast_cnn", 1, "cnn"): range(abs(60 - epochs) // 4)}
        made_runs.write_run(tmp_path / f"made{len(ran)}", systems)
        Path(point.results).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"made{len(ran)}/results").rename(point.results)
        return True

    monkeypatch.setattr(sweep, "_run", made_up)
    Path("own.yaml").write_text("criterion: accuracy\n", encoding="utf-8")
    words = [f"{EPOCHS}=10,20,60,61", "--trials", "12", "--sampler", "tpe", "--system", "breast/breast_cnn/cnn"]
    status, said, errors = swept(*words, "--configfile", "own.yaml")
    assert set(ran) == {10, 20, 60, 61} and len(ran) == 4  # a point that is proposed again is not run again
    assert status == 1 and "failed: epochs = 10" in said, errors
    assert said.count("trial ") == 12 and "validation accuracy of breast/breast_cnn/cnn: 0.75" in said
    table = Path("results/sweep/sweep.csv").read_text(encoding="utf-8").splitlines()
    assert table[1].split(",")[0] in ("60", "61")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--sampler", "tpe"], "--sampler: is for --trials alone"),
        (["--system", "a/b/c"], "--system: is for --trials alone"),
        (["--trials", "0", "--system", "a/b/c"], "--trials: 0; expected 1 to 200"),
        (["--trials", "3"], "--trials: whose validation decides?"),
        (["--trials", "3", "--system", "a/b/c", "-n"], "-n: which points"),
        (["--trials", "3", "--sampler", "best", "--system", "a/b/c"], "--sampler"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    status, _, errors = swept("evaluation.seed=0,1", *words)
    assert status == 2 and message in errors
    assert not list(tmp_path.iterdir())


def test_a_range_needs_trials(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, _, errors = swept("evaluation.replicates=100..200")
    assert status == 1 and "100..200" in errors and not list(tmp_path.iterdir())
