"""Runs through Slurm, on a cluster of one machine that is started for them: `make test-slurm`."""

import re
import shutil
import subprocess
import time

import faults
import pytest
import slurm_cluster
from conftest import EVERYTHING, copy_project
from faults import TABLE

pytestmark = pytest.mark.slurm

OVERLAY = "clustered.yaml"
TIMED = re.compile(r"(grid\.csv|report\.html|results\.md)$")  # what holds times
# As a site would have it; smaller, because the cluster is one machine, and it answers at once.
PROFILE = (
    "--workflow-profile",
    "profiles/slurm",
    "--cores",
    "2",
    "--resources",
    "mem_mb=4000",
    "--slurm-init-seconds-before-status-checks",
    "1",
)


@pytest.fixture(scope="module")
def slurm():
    """The cluster's environment variables, in this process too."""
    with pytest.MonkeyPatch.context() as patch:
        try:
            with slurm_cluster.cluster() as environment:
                for name, value in environment.items():
                    patch.setenv(name, value)
                yield environment
        except slurm_cluster.CannotStart as error:
            pytest.skip(str(error))


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """The same study run by this machine alone; not to be changed."""
    project = copy_project(tmp_path_factory.mktemp("local") / "project", OVERLAY)
    project.snakemake("-j", "8", *EVERYTHING)
    return project


@pytest.fixture(scope="module")
def submitted(slurm, tmp_path_factory):
    """The study run through sbatch, and what that printed; not to be changed."""
    project = copy_project(tmp_path_factory.mktemp("submitted") / "project", OVERLAY)
    done = project.snakemake(*PROFILE, *EVERYTHING)
    return project, done.stdout + done.stderr


@pytest.fixture
def rerun(submitted, tmp_path):
    return submitted[0].copy(tmp_path / "project")


def test_everything_is_as_on_one_machine(submitted, local):
    project, text = submitted
    compared = 0
    for path in sorted((local.folder / "results").rglob("*")):
        name = path.relative_to(local.folder)
        if path.is_file() and not TIMED.search(path.name) and name.parts[1] != "records":
            assert (project.folder / name).read_bytes() == path.read_bytes(), name
            compared += 1
    assert compared > 60
    assert faults.remains(project) == []
    assert {record.settings.path for record in faults.recorded(project)} == {
        record.settings.path for record in faults.recorded(local)
    }
    submissions = text.count("has been submitted with SLURM jobid")
    assert 0 < submissions < len(faults.recorded(project)) / 2


def test_what_slurm_made_is_up_to_date_without_slurm(rerun):
    assert not rerun.planned()
    shutil.rmtree(rerun.folder / ".snakemake")
    assert not rerun.planned()


def completes(project, local) -> str:
    """Run plainly through Slurm after a fault, and check that all is there and as on one machine."""
    done = project.snakemake(*PROFILE, "report")
    assert faults.remains(project) == []
    assert (project.folder / TABLE).read_bytes() == (local.folder / TABLE).read_bytes()
    assert not project.planned()
    return done.stdout + done.stderr


def begun(run, stage: str) -> str:
    """Wait until a program of a stage works in some Slurm job; that job's number."""
    while run.alive:
        for path in (run.folder / "results/records" / stage).glob("*.begun"):
            for line in squeue("%i %T"):
                number, state = line.split()
                if state == "RUNNING" and path.exists():
                    return number
        time.sleep(0.05)
    raise AssertionError(f"{stage} did not run: {run.text[-3000:]}")


def squeue(columns: str) -> list[str]:
    done = subprocess.run(["squeue", "--noheader", f"--format={columns}"], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_a_job_that_is_cancelled(rerun, local):
    faults.forget(rerun, *(record for record in faults.recorded(rerun) if record.stage == "train_cnn"))
    with faults.running(rerun, *PROFILE, "report") as run:
        number = begun(run, "train_cnn")
        subprocess.run(["scancel", number], check=True)
        assert run.wait() != 0
        text = run.text
    assert "Traceback" not in text
    assert re.search(rf"SLURM-job '{number}' failed, SLURM status is: 'CANCELLED'", text)
    assert "train_cnn" in text
    assert faults.remains(rerun) == []
    assert not squeue("%i")
    completes(rerun, local)


def test_a_job_over_its_memory(rerun, local):
    faults.forget(rerun, *(record for record in faults.recorded(rerun) if record.stage == "train_cnn"))
    done = rerun.snakemake(
        *PROFILE, "--set-resources", "train_cnn:mem_mb=20", "extract_features:mem_mb=20", "report", check=False
    )
    text = done.stdout + done.stderr
    assert done.returncode != 0
    assert "Traceback" not in text
    assert re.search(r"SLURM-job '\d+' failed, SLURM status is: '(FAILED|OUT_OF_MEMORY)'", text)
    assert "exceeded memory limit" in text
    assert faults.remains(rerun) == []
    assert not squeue("%i")
    completes(rerun, local)


def test_a_run_that_is_killed_leaves_no_jobs_to_the_next(rerun, local):
    """Snakemake alone is killed; its jobs are cancelled before the next plans its own."""
    faults.forget(rerun, *(record for record in faults.recorded(rerun) if record.stage == "train_cnn"))
    with faults.running(rerun, *PROFILE, "report") as run:
        begun(run, "train_cnn")
        run.kill()
        assert squeue("%i")
        text = completes(rerun, local)
    assert "still in Slurm's queue: they were cancelled" in text
    assert "the lock was removed" in text


def test_the_cluster_leaves_nothing_behind():
    with slurm_cluster.cluster() as environment:
        folder = slurm_cluster.Path(environment["SLURM_CONF"]).parent
        command = ["sbatch", "--wrap", "srun -n1 sleep 600", "--output", "/dev/null"]
        slurm_cluster.ask(*command, environment=environment)
        while "R" not in slurm_cluster.ask("squeue", "-h", "-o", "%t", environment=environment):
            time.sleep(0.1)
        time.sleep(1)
        assert len(slurm_cluster.processes(folder)) > 4
    assert slurm_cluster.processes(folder) == []
    assert not folder.exists()
