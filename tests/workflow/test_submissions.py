"""What profiles/slurm submits as one, by dry runs: no cluster and no plugin is needed for them."""

import os
import re
import subprocess
import sys

import pytest
import yaml
from conftest import EVERYTHING, ROOT

from medfusion.planning.environment import CUDA_MEMORY

PROFILE = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text(encoding="utf-8"))
# Submitted alone: what trains or applies a network, what is needed once, and what has a data set in its name.
ALONE = r"generate|learning_curve|corrupt_predict|(fit|apply)_input_check|export_package_\w+|write_try_page"


def planned(project, overlay: str, *options: str) -> tuple[int, int]:
    """Jobs, and submissions of jobs, that a dry run of everything plans."""
    command = [sys.executable, "-m", "snakemake", "-n", "-j", "8", *EVERYTHING, "--configfile", overlay, *options]
    done = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, timeout=300)
    text = done.stdout + done.stderr
    assert done.returncode == 0, text[-3000:]
    jobs = int(re.search(r"^total +(\d+)$", text, re.M)[1])
    local = len(re.findall(r"^(?:localrule|rule) \w+:|^Job \d+: Obtaining", text, re.M))
    single = len(re.findall(r"^Job \d+: ", text, re.M)) - len(re.findall(r"^Job \d+: Obtaining", text, re.M))
    return jobs - local, single + len(re.findall(r"Group job \w+ \(", text))


def grouping() -> list[str]:
    return [
        f"--{key}" if value is None else value
        for key in ("groups", "group-components")
        for value in (None, *PROFILE[key])
    ]


def test_no_rule_asks_for_a_gpu_by_itself():
    """Profiles do, for those rules that are to have one: of a rule that asks for none, a cluster may refuse it."""
    asking = re.compile(r"\bgpu\w*\s*=")
    assert [
        file.name for file in (ROOT / "rules").glob("*.smk") if asking.search(file.read_text(encoding="utf-8"))
    ] == []


RESOURCES = """
from medfusion.planning import snakemake_compat

config["compute"] = {{"threads": 1}}
include: "{rules}/resources.smk"

rule all:
    input: "train_cnn.txt", "fit_grid.txt"

rule train_cnn:
    output: "train_cnn.txt"
    resources:
        mem_mb=memory(lambda wildcards: 1500, "train_cnn"),
        runtime=minutes(120),
    shell: "echo {{resources.mem_mb}} {{resources.runtime}} > {{output}}"

rule fit_grid:
    output: "fit_grid.txt"
    resources:
        mem_mb=memory(1200),
        runtime=minutes(30),
    shell: "echo {{resources.mem_mb}} {{resources.runtime}} > {{output}}"
"""


@pytest.mark.parametrize(
    ("options", "memory"),
    [([], 1500), (["--set-resources", "train_cnn:gpu=1"], 1500 + CUDA_MEMORY)],
)
def test_who_asks_for_a_gpu_asks_for_the_memory_of_its_libraries(tmp_path, options, memory):
    (tmp_path / "Snakefile").write_text(RESOURCES.format(rules=ROOT / "rules"), encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "-c", "2", *options]
    path = os.pathsep.join(path for path in sys.path if path)
    subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, check=True, timeout=600)
    assert (tmp_path / "train_cnn.txt").read_text() == f"{memory} 120\n"
    assert (tmp_path / "fit_grid.txt").read_text() == "1200 30\n"


def test_many_seeds_are_few_submissions(project):
    """configs/full.yaml: ten seeds of every network."""
    jobs, ungrouped = planned(project, "configs/full.yaml")
    assert jobs == ungrouped > 600
    same, grouped = planned(project, "configs/full.yaml", *grouping())
    assert same == jobs
    # A network with a seed, those of the training-size study, corrupted images, input checks of each model, and of each
    # data set to be tried, exports, and pages to try: each on its own.
    alone = 90 + 30 + 4 + 9 + 2 + 2 + 2
    assert alone < grouped < alone + 30


@pytest.mark.parametrize("overlay", ["configs/demo.yaml", "configs/ablations.yaml"])
def test_no_group_waits_for_itself(project, overlay):
    """Snakemake refuses one that does."""
    jobs, grouped = planned(project, overlay, *grouping())
    assert grouped < jobs / 2


def test_every_rule_has_its_group_or_its_reason_to_be_alone(project):
    listed = project.snakemake("--list-rules", overlay=False).stdout.split()
    targets = {"all", "inspect", "audit", "export", "predictions", "breast", "blood"}
    targets |= {"crossvalidation", "resplits", "download", "fetch_weights"}  # the last two on this machine
    targets.add("stage")  # what the others are made from
    rules = {name for name in listed if name not in targets}
    grouped = {entry.partition("=")[0] for entry in PROFILE["groups"]}
    assert {name for name in rules - grouped if not re.fullmatch(ALONE, name)} == set()
    assert grouped <= rules


def test_pods_hold_what_slurm_takes_as_one():
    pods = yaml.safe_load((ROOT / "profiles/kubernetes/config.yaml").read_text(encoding="utf-8"))
    assert {key: pods[key] for key in ("groups", "group-components")} == {
        key: PROFILE[key] for key in ("groups", "group-components")
    }
