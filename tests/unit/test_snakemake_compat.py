"""The contract with the installed Snakemake: what has no public way is there, and means what we think."""

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


def test_targets_and_overlays():
    found = asked(False, [SNAKEMAKE, "-j", "8", "report", "export", "--configfile", "a.yaml", "b.yaml"])
    assert (found.targets, found.configfiles) == (("report", "export"), ("a.yaml", "b.yaml"))


@pytest.mark.parametrize("dry", [True, False])
def test_snakemake_as_a_library_is_believed(dry):
    found = asked(dry, ["/somewhere/my_program.py", "-n"])
    assert (found.runs_jobs, found.dry_run) == (not dry, dry)


def test_started_as_a_module():
    assert not asked(False, ["/lib/site-packages/snakemake/__main__.py", "-n"]).runs_jobs
