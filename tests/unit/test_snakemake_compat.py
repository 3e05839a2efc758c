"""The contract with the installed Snakemake: what has no public way is there, and means what we think."""

import json
import os
import subprocess
import sys

import pytest
from snakemake.cli import get_argument_parser

from medfusion.planning.snakemake_compat import ALTER, WITHOUT_JOBS, asked

SNAKEMAKE = "/somewhere/bin/snakemake"


def test_every_option_is_one_of_snakemakes():
    options = get_argument_parser().parse_args([])
    assert [name for name in WITHOUT_JOBS if not hasattr(options, name)] == []
    assert set(ALTER) <= set(WITHOUT_JOBS)


@pytest.mark.parametrize(
    "command",
    [
        "-n",
        "--dry-run report",
        "-np",
        "report --dag",
        "report --rulegraph mermaid-js",
        "--lint",
        "--lint json",
        "-S",
        "-D",
        "--list-rules",
        "--unlock",
        "--touch -j 1",
        "--report archive.html",
        "--archive archive.tar.gz",
        "--cleanup-metadata results/x",
        "--delete-all-output",
        "--list-changes code",
        "--containerize",
    ],
)
def test_what_runs_no_jobs(command):
    found = asked(False, [SNAKEMAKE, *command.split()])
    assert not found.runs_jobs
    assert found.dry_run == (command.split()[0] in ("-n", "--dry-run", "-np"))


@pytest.mark.parametrize(
    ("command", "alters"),
    [
        *((command, True) for command in ("--unlock", "--touch -j 1", "--delete-all-output", "--cleanup-metadata x")),
        *((command, False) for command in ("-n", "--dag", "-n --delete-all-output", "-j 8", "--summary")),
    ],
)
def test_what_alters_results_without_running_jobs(command, alters):
    assert asked(False, [SNAKEMAKE, *command.split()]).alters == alters


@pytest.mark.parametrize(
    "command",
    ["", "-j 8", "-j 8 report", "--cores all report -F", "report --until train_cnn", "report --forcerun train_cnn"],
)
def test_what_runs_jobs(command):
    assert asked(False, [SNAKEMAKE, *command.split()]).runs_jobs


@pytest.mark.parametrize(
    ("command", "lists"),
    [("-n", True), ("report -n -q", True), ("-n --dag", False), ("-n --summary", False), ("-n --unlock", False)]
    + [("-j 8", False), ("--dag", False)],
)
def test_what_lists_jobs_and_nothing_else(command, lists):
    assert asked(False, [SNAKEMAKE, *command.split()]).lists_jobs == lists


def test_targets_and_overlays():
    found = asked(False, [SNAKEMAKE, "-j", "8", "report", "export", "--configfile", "a.yaml", "b.yaml"])
    assert (found.targets, found.configfiles) == (("report", "export"), ("a.yaml", "b.yaml"))


def test_bars_on_the_terminal():
    assert asked(False, [SNAKEMAKE, "--logger", "rich", "-j", "8", "report"]).bars
    assert not asked(False, [SNAKEMAKE, "-j", "8", "report"]).bars


@pytest.mark.parametrize("dry", [True, False])
def test_snakemake_as_a_library_is_believed(dry):
    found = asked(dry, ["/somewhere/my_program.py", "-n"])
    assert (found.runs_jobs, found.dry_run) == (not dry, dry)


def test_started_as_a_module():
    assert not asked(False, ["/lib/site-packages/snakemake/__main__.py", "-n"]).runs_jobs


WORKFLOW = """
import json
from medfusion.planning import snakemake_compat

onstart:
    snakemake_compat.start_without_limit(workflow)
    found = {
        "jobs": [vars(job) for job in snakemake_compat.jobs_to_run(workflow)],
        "limit": snakemake_compat.memory_limit(workflow),
        "forces": snakemake_compat.forces_jobs(workflow),
        "name": snakemake_compat.name_in_queue(workflow),
        "on gpu": [name for name in ("first", "second", "all") if snakemake_compat.asks_for_gpu(workflow, name)],
        "in storage": snakemake_compat.in_storage(rules.second.output.out),
    }
    with open("found.json", "w") as file:
        json.dump(found, file)

rule all:
    input: "second.txt"

rule second:
    input: settings="settings/second.json", first="first.txt"
    output: out="second.txt"
    shell: "cp {input.first} {output.out}"

rule first:
    input: settings="settings/first.json"
    output: "first.txt"
    threads: 2
    resources: mem_mb=300
    shell: "cp {input.settings} {output}"
"""


@pytest.mark.parametrize(
    ("limit", "on_gpu", "options"),
    [
        (900, [], ["--resources", "mem_mb=900"]),
        (None, [], []),
        (None, [], ["-F"]),
        (None, [], ["-f"]),
        (None, [], ["-R", "first"]),
        (900, ["first"], ["--resources", "mem_mb=900", "--set-resources", "first:gpu=1", "second:gpu=0"]),
        (900, ["second"], ["--resources", "mem_mb=900", "--set-resources", "first:mem_mb=3", "second:gres=gpu:a100:1"]),
    ],
)
def test_a_run_knows_its_jobs_before_they_start(tmp_path, limit, on_gpu, options):
    (tmp_path / "settings").mkdir()
    for name in ("first", "second"):
        (tmp_path / f"settings/{name}.json").write_text("{}")
    (tmp_path / "Snakefile").write_text(WORKFLOW)
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "-c", "2", *options],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    assert (found["limit"], found["name"], found["in storage"]) == (limit, None, False)
    assert found["on gpu"] == on_gpu
    assert found["forces"] == (limit is None and options != [])
    first, second = found["jobs"][:2]
    assert first == {
        "rule": "first",
        "settings": "settings/first.json",
        "output": "first.txt",
        "threads": 2,
        "memory_mb": 3 if "first:mem_mb=3" in options else 300,
        "needs": [],
    }
    assert (second["rule"], second["memory_mb"], second["needs"]) == ("second", None, ["settings/first.json"])
    assert (tmp_path / "second.txt").is_file()


DRY_RUN = """
import atexit
from medfusion.planning import snakemake_compat

atexit.register(lambda: print("jobs:", [job.rule for job in snakemake_compat.jobs_of_dry_run(workflow)]))
"""


@pytest.mark.parametrize(
    ("targets", "jobs"), [([], ["first", "second"]), (["first.txt"], ["first"]), (["nobody.txt"], [])]
)
def test_a_dry_run_knows_its_jobs_at_its_end(tmp_path, targets, jobs):
    (tmp_path / "settings").mkdir()
    for name in ("first", "second"):
        (tmp_path / f"settings/{name}.json").write_text("{}")
    (tmp_path / "Snakefile").write_text(DRY_RUN + WORKFLOW[WORKFLOW.index("rule all") :])
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *targets, "-n", "--quiet"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode == 0) == bool(jobs)
    assert f"jobs: {jobs}" in done.stdout and "Traceback" not in done.stderr
