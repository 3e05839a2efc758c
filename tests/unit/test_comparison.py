"""Tests of runs compared: configuration, measures, significance, reports and exit codes."""

import dataclasses
import io
import math
import subprocess
import sys
from pathlib import Path

import made_runs
import numpy as np
import pytest
import synthetic
from rich.console import Console
from scipy.stats import binom, norm, ttest_ind

from medfusion.errors import UserError
from medfusion.tools import comparison_report, finished, significance, snapshots
from medfusion.tools.comparison import ABSENT, compare, differences

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "workflow_scripts/templates"
N = made_runs.N
A, B = ("breast", "net", 1, "cnn"), ("breast", "net", 2, "cnn")


def run(tmp_path, name, systems, **options):
    """A made-up finished run: which images each system gets wrong."""
    return finished.read(made_runs.write_run(tmp_path / name, systems, **options))


def only(changes, system="net/cnn", split="test"):
    return next(change for change in changes if (change.system, change.split) == (system, split))


# -- configuration ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, [("a.b.c", 1, 2)]),
        ({"a": 1}, {"b": 2}, [("a", 1, ABSENT), ("b", ABSENT, 2)]),
        ({"a": None}, {"a": {"b": 1}}, [("a", None, {"b": 1})]),
        ({"a": {"b": 1}}, {}, [("a", {"b": 1}, ABSENT)]),
        ({"a": None}, {}, [("a", None, ABSENT)]),
        ({"a": [1, 2]}, {"a": [1, 3]}, [("a", [1, 2], [1, 3])]),
        ({"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": 1}, {"b": 3}]}, [("a.1.b", 2, 3)]),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1}, {"b": 2}]}, [("a.1", ABSENT, {"b": 2})]),
        ({"a": True}, {"a": 1}, [("a", True, 1)]),
        ({"a": 1.0}, {"a": 1}, [("a", 1.0, 1)]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 2, "b": 1}}, []),
    ],
)
def test_configurations_differ_where_their_values_do(old, new, expected):
    assert [(item.key, item.old, item.new) for item in differences(old, new)] == expected


def test_the_folders_of_a_run_are_no_difference(tmp_path):
    config = {**synthetic.config(), "results": "elsewhere", "data": "there"}
    first, second = run(tmp_path, "a", {A: {1}}), run(tmp_path, "b", {A: {1}}, config=config)
    assert compare(first, second).nothing_differs


# -- significance -----------------------------------------------------------------------------------------------------


def test_one_seed_with_predictions_is_tested_by_mcnemar(tmp_path):
    first, second = run(tmp_path, "a", {A: range(10)}), run(tmp_path, "b", {A: {10}})
    change = only(compare(first, second).changes)
    assert change.test.name == "McNemar, exact"
    assert change.p == pytest.approx(2 * binom.cdf(1, 11, 0.5))
    assert change.significant and change.change == pytest.approx(9 / N)


def test_all_seeds_of_either_run_are_tested_as_their_means_are_printed(tmp_path):
    third = ("breast", "net", 3, "cnn")
    first = run(tmp_path, "a", {A: range(10), B: range(8), third: {1}})
    second = run(tmp_path, "b", {A: {}, B: {}, ("breast", "net", 4, "cnn"): range(30)})
    change = only(compare(first, second).changes)
    assert change.test.name == "sign flips, exact, 3 seeds"
    # Over three seeds seven images gain one right answer, one gains two, twenty lose one: -11 by signs of 27 and a 2.
    assert change.change == pytest.approx(-11 / (3 * made_runs.N))
    ones = 2 * np.arange(28) - 27
    chances = binom.pmf(np.arange(28), 27, 0.5)
    assert change.p == pytest.approx(sum(chances[np.abs(ones + two) >= 11].sum() / 2 for two in (-2, 2)))


def test_runs_of_other_numbers_of_seeds_are_tested_over_all(tmp_path):
    first = run(tmp_path, "a", {A: range(4), B: range(4)})
    change = only(compare(first, run(tmp_path, "b", {B: {}})).changes)
    assert change.test.name == "sign flips, exact, over all seeds" and change.p == pytest.approx(2 * 0.5**4)


def test_of_a_mean_absolute_error_less_is_better(tmp_path):
    runs = []
    for name, error in (("a", 0.4), ("b", 0.9)):
        runs.append(run(tmp_path, name, {A: {}}))
        runs[-1].metrics.loc[len(runs[-1].metrics)] = {
            **runs[-1].metrics[runs[-1].metrics["split"] == "test"].iloc[0],
            "metric": "mae",
            "value": error,
        }
    assert only(compare(*runs, metric="mae").changes).worse
    assert not only(compare(*runs[::-1], metric="mae").changes).worse


def test_p_values_are_adjusted_over_all_systems_that_differ(tmp_path):
    other, same = ("breast", "net", 1, "svm"), ("breast", "net", 1, "forest")
    first = run(tmp_path, "a", {A: range(10), other: range(6), same: {3}})
    second = run(tmp_path, "b", {A: {}, other: {}, same: {3}})
    changes = compare(first, second).changes
    assert only(changes).p == pytest.approx(2 * 2 * 0.5**10)
    assert only(changes, "net/svm").p == pytest.approx(2 * 0.5**6)
    assert only(changes, "net/forest").p is None and only(changes, "net/forest").same


def test_without_predictions_seeds_are_tested_by_welch_and_single_runs_by_z(tmp_path):
    ensemble = ("breast", "ensembles", None, "v")
    runs = [
        run(tmp_path, "a", {A: range(10), B: range(12), ensemble: range(20)}),
        run(tmp_path, "b", {A: range(2), B: range(3), ensemble: range(4)}),
    ]
    kept = [finished.read(snapshots.take(f"s{i}", one.name, tmp_path)) for i, one in enumerate(runs)]
    for first, second in (kept, (runs[0], kept[1]), (kept[0], runs[1])):
        changes = compare(first, second).changes
        welch, z = only(changes).test, only(changes, "ensembles/v").test
        assert welch.name.startswith("Welch") and z.name.startswith("two-proportion z")
        assert welch.p == pytest.approx(ttest_ind([0.75, 0.7], [0.95, 0.925], equal_var=False).pvalue)
        statistic = (0.9 - 0.5) / math.sqrt(0.7 * 0.3 * 2 / N)
        assert z.p == pytest.approx(2 * norm.sf(statistic), rel=1e-6)


@pytest.mark.parametrize(
    ("metric", "old", "new", "name", "p"),
    [
        ("accuracy", [0.5, 0.5], [0.6, 0.6], "none: no spread over seeds", None),
        ("auroc", [0.5], [0.6, 0.7], "none: one seed", None),
        ("accuracy", [0.5], [0.5], "two-proportion z (weaker)", 1.0),
        ("accuracy", [1.0], [1.0], "two-proportion z (weaker)", 1.0),
    ],
)
def test_what_cannot_be_tested_says_why(metric, old, new, name, p):
    found = significance.unpaired(metric, old, new, (N, N))
    assert (found.name, found.p) == (name, p)


@pytest.mark.parametrize("other", ["images", "number"])
def test_other_test_images_are_said_loudly_and_never_tested(tmp_path, monkeypatch, other):
    first = run(tmp_path, "a", {A: range(10)})
    if other == "number":
        monkeypatch.setattr(made_runs, "N", 20)
    second = run(tmp_path, "b", {A: {}}, pixel=int(other == "images"))
    found = compare(first, second)
    change = only(found.changes)
    assert (change.p, change.test.p, change.significant) == (None, None, None)
    assert change.test.name == "none: other test images"
    report = comparison_report.report(found, 0.01, False)
    assert any(text.startswith("DIFFERENT TEST IMAGES of Breast") for text in report.warnings)
    assert not found.nothing_differs


# -- regression -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "tolerance", "worse"),
    [({0, 1}, 0.02, True), ({0, 1}, 0.025, False), ({0, 1}, 0.0, True), ({}, 0.0, False), ({5}, 0.0, False)],
)
def test_a_regression_is_a_mean_lower_by_more_than_the_tolerance(tmp_path, wrong, tolerance, worse):
    first, second = run(tmp_path, "a", {A: {0}}), run(tmp_path, "b", {A: wrong})
    found = compare(first, second, tolerance=tolerance)
    assert [change.system for change in found.regressions] == (["net/cnn"] if worse else [])
    assert comparison_report.report(found, tolerance, False).bad == worse


def test_the_mean_over_seeds_counts_not_a_single_seed(tmp_path):
    first, second = run(tmp_path, "a", {A: {0}, B: {0}}), run(tmp_path, "b", {A: {0, 1, 2}, B: {}})
    change = only(compare(first, second, tolerance=0.026).changes)
    assert change.change == pytest.approx(-0.5 / N) and not change.worse
    assert change.new.sd == pytest.approx(np.std([1 - 3 / N, 1], ddof=1))


def test_of_some_measures_lower_is_better(tmp_path):
    first, second = run(tmp_path, "a", {A: {0, 1, 2}}), run(tmp_path, "b", {A: {}})
    assert not compare(first, second, "brier").regressions
    assert compare(second, first, "brier").regressions


def test_a_measure_that_became_undefined_is_a_regression(tmp_path):
    first, second = run(tmp_path, "a", {A: {0}}), run(tmp_path, "b", {A: {0}})
    second.metrics.loc[:, "value"] = math.nan
    found = compare(first, second)
    assert found.regressions and only(found.changes).p is None
    assert not compare(second, second).regressions
    assert compare(second, second).nothing_differs


def test_systems_of_one_run_only_are_listed_and_count_where_that_is_asked_for(tmp_path):
    more = ("blood", "net", 1, "cnn")
    first, second = run(tmp_path, "a", {A: {0}, more: {0}}), run(tmp_path, "b", {A: {0}, ("breast", "n", 1, "s"): {}})
    found = compare(first, second)
    assert (found.only_old, found.only_new) == (["blood: net/cnn"], ["breast: n/s"])
    assert not comparison_report.report(found, 0.01, strict=False).bad
    assert comparison_report.report(found, 0.01, strict=True).bad
    assert not found.nothing_differs
    report = comparison_report.report(found, 0.01, strict=False)
    assert report.verdict.endswith(f"1 systems of {first.name} are not in {second.name}.")


def test_runs_that_have_nothing_in_common_are_refused(tmp_path):
    first, second = run(tmp_path, "a", {A: {0}}), run(tmp_path, "b", {("breast", "other", 1, "cnn"): {0}})
    with pytest.raises(UserError, match="has no system in common with"):
        compare(first, second)


def test_an_unknown_metric_is_refused_with_what_was_meant(tmp_path):
    first = run(tmp_path, "a", {A: {0}})
    with pytest.raises(UserError, match="did you mean 'accuracy'"):
        compare(first, first, "acuracy")  # codespell:ignore


# -- reports ----------------------------------------------------------------------------------------------------------


def nasty():
    config = synthetic.config()
    config["report"]["title"] = "<script>alert(1)</script> a|b [bold]x[/bold]"
    return config


def printed(report):
    terminal = Console(width=160, record=True, file=io.StringIO(), highlight=False)
    comparison_report.show([report], terminal)
    return terminal.export_text()


def test_every_account_says_what_differs_and_escapes_it(tmp_path):
    first = run(tmp_path, "a", {A: range(10)})
    second = run(tmp_path, "b", {A: {}}, config=nasty(), libraries={"python": "3.11", "numpy": "2.1"})
    report = comparison_report.report(compare(second, first), 0.01, False)
    assert report.bad and report.verdict.startswith("REGRESSION")
    text, markdown, page = (
        printed(report),
        comparison_report.markdown([report]),
        comparison_report.html([report], TEMPLATES),
    )
    for part in ("REGRESSION", "report.title", "numpy", "2.1", "0.750", "-0.250", "McNemar", "brier"):
        assert all(part in one for one in (text, markdown, page)), part
    assert "[bold]x[/bold]" in text
    assert "<script>" not in page and "<script>" not in markdown and "a\\|b" in markdown
    for block in markdown.split("\n\n"):
        if block.startswith("|"):
            assert len({line.replace("\\|", "").count("|") for line in block.splitlines()}) == 1
    assert "http" not in page and '<link rel="icon" href="data:,">' in page


def test_no_difference_is_said_clearly(tmp_path):
    first, second = run(tmp_path, "a", {A: {0}}), run(tmp_path, "b", {A: {0}})
    report = comparison_report.report(compare(first, second), 0.01, True)
    assert report.verdict.startswith("Nothing differs") and not report.tables and not report.bad


def test_other_measures_that_differ_are_named(tmp_path):
    first, second = run(tmp_path, "a", {A: {0}}), run(tmp_path, "b", {A: {0}})
    second.metrics.loc[second.metrics["metric"] == "brier", "value"] = 0.3
    found = compare(first, second)
    assert found.other_metrics == ["brier"] and not found.nothing_differs
    assert any("brier" in note for note in comparison_report.report(found, 0.01, False).notes)


def test_generated_images_are_named(tmp_path):
    first = run(tmp_path, "a", {A: {0}}, generated=True)
    assert "Generated images" in comparison_report.report(compare(first, first), 0.01, False).warnings[0]


def test_commits_are_compared_where_both_are_known(tmp_path):
    first = run(tmp_path, "a", {A: {0}})
    known = [dataclasses.replace(first, commit=commit) for commit in commits()]
    assert compare(first, known[0]).commits == []
    report = comparison_report.report(compare(*known), 0.01, False)
    assert report.tables[0].bodies[0].rows[0].cells[1].text == "a" * 12
    assert report.tables[0].bodies[0].rows[0].cells[2].text == f"{'b' * 12} with changes"
    assert any("the commit alone does not hold its code" in text for text in report.warnings)


def commits():
    return (
        {"hash": "a" * 40, "dirty": False, "code_changed": []},
        {"hash": "b" * 40, "dirty": True, "code_changed": []},
    )


# -- the program ------------------------------------------------------------------------------------------------------


def program(*arguments):
    command = [sys.executable, str(ROOT / "workflow_scripts/compare.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_program_guards_against_regressions(tmp_path):
    first, second = (run(tmp_path, name, {A: wrong}).name for name, wrong in (("a", range(4)), ("b", {})))
    done = program(first, second, "--html", tmp_path / "x.html", "--markdown", tmp_path / "x.md")
    assert done.returncode == 0 and "No regression" in done.stdout
    assert (tmp_path / "x.html").exists() and (tmp_path / "x.md").read_text().startswith("## ")
    done = program(second, first, second)
    assert done.returncode == 1 and "REGRESSION" in done.stdout and "Nothing differs" in done.stdout


@pytest.mark.parametrize("arguments", [("a",), ("nothing", "nothing"), ("a", "b", "--tolerance", "-1")])
def test_bad_input_ends_with_two(tmp_path, arguments):
    done = program(*arguments)
    assert done.returncode == 2 and "error: " in done.stderr and "Traceback" not in done.stderr
