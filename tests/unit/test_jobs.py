"""Tests of the list of all jobs, against the one that tests/workflow/specification.py writes down a second time."""

import ast
import copy
from types import SimpleNamespace

import pytest
import yaml
from configurations import ROOT, completed
from snakemake.utils import update_config
from specification import jobs as specified
from specification import partition_jobs

from medfusion.planning.config import complete
from medfusion.planning.jobs import job_name, jobs
from medfusion.planning.partitions import SCHEMES
from medfusion.planning.plan import Plan

TESTS = "tests/workflow"


@pytest.mark.parametrize(
    "overlays",
    [
        (),
        ("configs/demo.yaml",),
        ("configs/full.yaml",),
        (f"{TESTS}/tiny.yaml",),
        (f"{TESTS}/tiny.yaml", f"{TESTS}/ablated.yaml"),
    ],
)
def test_the_jobs_of_a_configuration(overlays):
    config = {}
    for path in ("config.yaml", *overlays):
        update_config(config, yaml.safe_load((ROOT / path).read_text(encoding="utf-8")))
    expected = specified(copy.deepcopy(config))
    found = jobs(Plan(complete(config)))
    names = [f"{job.stage}/{job.name}" for job in found]
    assert sorted(names) == sorted(expected)


def test_the_jobs_of_other_splits():
    config = {}
    for path in ("config.yaml", f"{TESTS}/tiny.yaml", f"{TESTS}/partitioned.yaml"):
        update_config(config, yaml.safe_load((ROOT / path).read_text(encoding="utf-8")))
    expected = partition_jobs(copy.deepcopy(config))
    plan = Plan(complete(config))
    others = {f"{job.stage}/{job.name}" for job in jobs(plan)}
    found = {f"{job.stage}/{job.name}" for job in jobs(plan, SCHEMES)}
    assert found - others == expected and others < found


def test_a_folder_of_results_called_like_a_group_changes_no_inputs():
    found = {}
    for results in ("results", "x/learning_curve/results"):
        planned = Plan(completed(f"results: {results}"))
        wildcards = SimpleNamespace(dataset="blood")
        for group in (planned.ranked_metrics, planned.curve_metrics):
            found.setdefault(group.__name__, []).append([path.removeprefix(results) for path in group(wildcards)])
    assert all(first == second != [] for first, second in found.values())


def paired_with_files():
    """Stages, with the settings that their programs pair with files by their order: zip(settings["…"], files)."""
    programs = {path.stem: path for path in (ROOT / "workflow_scripts").glob("*.py")}
    drawn = (ROOT / "workflow_scripts/medfusion/figures/drawn").glob("[a-z]*.py")
    for stage, path in {**programs, **{f"draw_{path.stem}": path for path in drawn}}.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "zip":
                for part in ast.walk(node.args[0]):
                    if isinstance(part, ast.Subscript) and ast.unparse(part.value).endswith("settings"):
                        yield stage, ast.literal_eval(part.slice)


def test_settings_that_are_paired_with_files_keep_their_order():
    # A settings file is written with sorted keys: a mapping in it would be paired with the files of others.
    found = {(job.stage, key): value for job in jobs(Plan(completed())) for key, value in job.config.items()}
    pairs = set(paired_with_files())
    assert {("export_package", "input_checks"), ("draw_grids", "classifiers"), ("evaluate", "systems")} < pairs
    assert [pair for pair in sorted(pairs) if not isinstance(found[pair], list)] == []


def test_no_two_jobs_of_a_stage_share_a_name():
    assert job_name("evaluate", ["blood", "a/seed1"]) == "blood.a.seed1"
    assert job_name("report", []) == "report"
