"""Early cut-off, forced work and explanations, on the finished tiny workflow."""

import re
import shutil
import subprocess
import sys

import pytest
from conftest import EVERYTHING

from medfusion.reruns.records import read_all


def made(project):
    """When the outputs of each job were made, by settings file."""
    return {record.settings.path: record.made for record in read_all(project.folder / "results")}


def test_behind_a_stage_that_writes_the_same_bytes_nothing_is_computed(rerun):
    metrics, before = (rerun.folder / "results/metrics.csv").read_bytes(), made(rerun)
    rerun.edit(
        "workflow_scripts/medfusion/data/preparation.py",
        "    digest = hashlib.sha256()\n",
        '    digest = hashlib.new("sha256")\n',
    )
    planned = rerun.planned()
    assert planned["prepare"] == 2 and planned["train_cnn"] == 3
    done = rerun.snakemake("-j", "8", "report")
    after = made(rerun)
    assert {name.split("/")[2] for name in before if after[name] != before[name]} <= {"prepare"}
    assert "train_cnn: nothing it depends on has changed" in done.stderr + done.stdout
    assert (rerun.folder / "results/metrics.csv").read_bytes() == metrics
    assert not rerun.planned()


def test_force_does_the_work_again(rerun):
    target = "results/breast/ensembles/ensemble_svm/fused.h5"
    log = rerun.folder / "logs/breast/ensembles/ensemble_svm/fused.log"
    rerun.snakemake("-j", "2", "-f", target)
    assert "kept" not in log.read_text(encoding="utf-8")
    (rerun.folder / target).unlink()
    rerun.snakemake("-j", "2", target)
    assert "kept" in log.read_text(encoding="utf-8")


def test_every_file_below_results_is_explained(finished):
    results = finished.folder / "results"
    files = [path for path in results.rglob("*") if path.is_file() and "records" not in path.relative_to(results).parts]
    assert len(files) > 150
    command = [sys.executable, "workflow_scripts/explain.py", *(str(file) for file in files)]
    done = subprocess.run(command, cwd=finished.folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"^  code .*\(as it is now\)$", done.stdout, re.M)) == len(files)
    assert "CHANGED" not in done.stdout
    done = subprocess.run([*command[:2], "results/nothing.h5"], cwd=finished.folder, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("error: results/nothing.h5: no record names it")


@pytest.mark.slow
@pytest.mark.long  # test_run.py makes one model's files again
def test_two_runs_from_scratch_give_the_same_bytes_whatever_the_number_of_jobs(finished, project):
    """All but what holds times or the date: grids of classifiers, the page, the summary, the checklist."""
    project.snakemake("-j", "1", *EVERYTHING)
    timed = re.compile(r"(grid\.csv|summary\.json|checklist\.md|report\.html|results\.md)$")
    compared = 0
    for path in sorted((finished.folder / "results").rglob("*")):
        name = path.relative_to(finished.folder)
        if path.is_file() and not timed.search(path.name) and name.parts[1] != "records":
            assert (project.folder / name).read_bytes() == path.read_bytes(), name
            compared += 1
    assert compared > 150


@pytest.mark.slow
def test_results_restored_beside_a_fresh_clone_are_up_to_date(finished, project):
    for name in ("results", "logs"):  # times as the copy makes them
        shutil.copytree(finished.folder / name, project.folder / name, copy_function=shutil.copyfile)
    done = project.snakemake("-j", "8", *EVERYTHING)
    assert "Nothing to be done" in done.stderr + done.stdout
    assert not project.planned()
