"""The programs beside the stages, on the finished tiny workflow: none of them changes what it looks at."""

import re
import subprocess
import sys

import pandas as pd
import pytest

STEP = "fusions.cnn_svm_rbf_chosen.step"
SHA256 = "datasets.breast.sha256"


def program(project, name, *arguments):
    command = [sys.executable, f"workflow_scripts/{name}.py", *arguments]
    return subprocess.run(command, cwd=project.folder, capture_output=True, text=True, timeout=900)


def sweep(project, *arguments):
    return program(project, "sweep", *arguments, "--configfile", project.overlay.name)


def jobs(done):
    """The jobs to run of each point, as the sweep says."""
    return re.findall(r"^  (\d+ jobs to run.*)$", done.stdout, re.M)


def state(folder):
    """Every file below results but those of sweeps, with its bytes."""
    files = (path for path in folder.rglob("*") if path.is_file() and "sweep" not in path.relative_to(folder).parts)
    return {path: path.read_bytes() for path in files}


def test_a_finished_run_is_shown_kept_and_compared_with_what_was_kept(finished, tmp_path):
    before = state(finished.folder / "results")
    done = program(finished, "progress")
    assert done.returncode == 0 and re.search(r"A run of results ended: .* all \d+ jobs done", done.stdout)
    done = program(finished, "snapshot", "tiny", "--into", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert sum(path.stat().st_size for path in (tmp_path / "tiny").iterdir()) < 500_000
    done = program(finished, "compare", str(tmp_path / "tiny"), "results")
    assert done.returncode == 0 and "Nothing differs" in done.stdout and "Generated images" in done.stdout
    assert state(finished.folder / "results") == before


@pytest.mark.slow
@pytest.mark.long
def test_a_sweep_does_only_what_its_values_touch(rerun):
    results = rerun.folder / "results"
    before = state(results)
    done = sweep(rerun, f"{STEP}=0.05,0.25")
    assert done.returncode == 0, done.stdout + done.stderr
    assert jobs(done) == ["0 jobs to run", "5 jobs to run: 1 collect_metrics, 2 evaluate, 2 fuse"]
    table = pd.read_csv(results / "sweep/sweep.csv")
    chosen = table[(table["system"] == "cnn_svm_rbf_chosen") & (table["metric"] == "accuracy")]
    assert set(chosen[STEP]) == {0.05, 0.25} and len(chosen) == 2
    assert chosen["val_mean"].is_monotonic_decreasing
    assert "VALIDATION" in done.stdout and "VALIDATION" in (results / "sweep/sweep.md").read_text(encoding="utf-8")

    again = sweep(rerun, f"{STEP}=0.05,0.25", "--dry-run")
    assert again.returncode == 0 and jobs(again) == ["0 jobs to run"] * 2

    points = sorted(str(path.relative_to(rerun.folder)) for path in (results / "sweep").glob("step-*") if path.is_dir())
    compared = program(rerun, "compare", *points, "--tolerance", "1")
    assert compared.returncode == 0 and STEP in compared.stdout, compared.stdout + compared.stderr
    assert program(rerun, "compare", "results", points[0]).stdout.count("Nothing differs") == 1

    assert state(results) == before
    assert not rerun.planned()


@pytest.mark.slow
def test_a_search_asks_optuna_and_does_only_what_its_values_touch(rerun):
    pytest.importorskip("optuna", reason="no optuna: make optuna installs it")
    before = state(rerun.folder / "results")
    words = [f"{STEP}=0.05,0.25,0.5", "--trials", "4", "--sampler", "tpe"]
    done = sweep(rerun, *words, "--system", "blood/compact_resnet/cnn_svm_rbf_chosen")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(jobs(done)) <= {"0 jobs to run", "5 jobs to run: 1 collect_metrics, 2 evaluate, 2 fuse"}
    table = pd.read_csv(rerun.folder / "results/sweep/sweep.csv")
    chosen = table[(table["system"] == "cnn_svm_rbf_chosen") & (table["metric"] == "log_loss")]
    said = re.findall(r"^  validation log_loss of blood/compact_resnet/cnn_svm_rbf_chosen: (\S+)$", done.stdout, re.M)
    assert len(said) == 4 and len(chosen) == len(jobs(done)) == len(set(chosen[STEP])) >= 2
    assert {float(value) for value in said} == {float(f"{value:.6g}") for value in chosen["val_mean"]}
    assert sweep(rerun, *words, "--system", "blood/compact_resnet/cnn_svm_rbf_chosen").stdout.count("0 jobs") == len(
        chosen
    )
    assert state(rerun.folder / "results") == before


@pytest.mark.slow
@pytest.mark.long
def test_a_point_that_fails_is_said_and_the_others_go_on(rerun):
    done = sweep(rerun, f"{SHA256}={'a' * 64},~")
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.count("FAILED") == 1 and done.stdout.count("failed: sha256 = 'aaaa") == 1
    log = next((rerun.folder / "results/sweep").glob("sha256-aaaa*.log")).read_text(encoding="utf-8")
    assert "SHA-256" in log
    assert set(pd.read_csv(rerun.folder / "results/sweep/sweep.csv")[SHA256]) == {"~"}


def test_an_unknown_key_is_refused_before_anything_runs(project):
    done = sweep(project, "networks.breast_cnn.training.epoch=1")
    assert done.returncode == 1 and "did you mean 'epochs'" in done.stderr
    assert not (project.folder / "results").exists()


def test_a_run_ends_with_what_was_selected(rerun):
    page, log = rerun.folder / "results/report.html", rerun.folder / "logs/report.log"
    for options, told in (((), True), (("--logger", "rich"), False)):
        page.write_text("another", encoding="utf-8")
        done = rerun.snakemake("-j", "2", *options, "--forcerun", "report")
        *_, first, second, opened = (line for line in done.stderr.splitlines() if "selected" in line or "Open" in line)
        assert first.startswith(("blood: selected", "breast: selected")) and second.startswith("b")
        assert opened == "Open results/report.html"
        # Where bars are drawn, what jobs say is in their logs alone.
        assert " figures" in log.read_text(encoding="utf-8") and (" MB, " in done.stderr) == told
