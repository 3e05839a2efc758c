"""Runs through Slurm, on a cluster that is started for them on this machine: `make test-slurm`."""

import contextlib
import re
import shutil
import subprocess
import time
from itertools import pairwise
from pathlib import Path

import faults
import psutil
import pytest
import slurm_cluster
from conftest import EVERYTHING, copy_project

pytestmark = pytest.mark.slurm

OVERLAY = "clustered.yaml"
TIMED = re.compile(r"(grid\.csv|summary\.json|checklist\.md|report\.html|results\.md)$")  # what holds times or the date
LONG = 3600  # seconds: each job waits for the scheduler, and for two Snakemakes
# As a site would have it; smaller, because the cluster is one machine, and it answers at once.
PROFILE = (
    *("--workflow-profile", "profiles/slurm"),
    *("--default-resources", "step=1", "slurm_partition=nodes"),
    *("--cores", "2"),
    *("--resources", "step=1", "mem_mb=3000"),
    *("--slurm-init-seconds-before-status-checks", "1"),
)
# What faults are done to: a training with the features behind it, one submission.
FEATURES = "results/breast/breast_cnn/seed1/features.h5"


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
    """Two seeds' features, by this machine alone; not to be changed."""
    project = copy_project(tmp_path_factory.mktemp("local") / "project", OVERLAY)
    project.snakemake("-j", "8", FEATURES, FEATURES.replace("seed1", "seed2"))
    return project


@pytest.fixture
def untrained(local, slurm, tmp_path):
    """A copy of it without the training that faults are done to."""
    project = local.copy(tmp_path / "project")
    faults.forget(project, faults.job(project, "train_cnn", "seed1"), faults.job(project, "extract_features", "seed1"))
    return project


def completes(project, local) -> str:
    """Run through Slurm after a fault, and check that what was asked for is as on one machine; what was printed."""
    done = project.snakemake(*PROFILE, FEATURES)
    assert faults.remains(project) == []
    for name in (FEATURES, FEATURES.replace("features.h5", "model.keras")):
        assert (project.folder / name).read_bytes() == (local.folder / name).read_bytes()
    assert not squeue("%i")
    return done.stdout + done.stderr


def training(run) -> str:
    """Wait until the training is held in a Slurm job; that job's number."""
    run.middle_of("train_cnn")
    (number,) = squeue("%i")
    return number


def submitted(text: str) -> list[str]:
    """The numbers of the Slurm jobs that a run submitted, by what it printed."""
    return re.findall(r"submitted with SLURM jobid (\d+)", text)


def asked(number: str) -> dict[str, str]:
    """What Slurm knows of a job."""
    text = subprocess.run(["scontrol", "show", "job", number], capture_output=True, text=True, check=True).stdout
    return dict(word.split("=", 1) for word in text.split() if "=" in word)


def squeue(columns: str) -> list[str]:
    """A line for each job that waits or runs."""
    command = ["squeue", "--noheader", "--states=PENDING,RUNNING,COMPLETING", f"--format={columns}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_the_cluster_leaves_nothing_behind():
    if reason := slurm_cluster.lacking():
        pytest.skip(reason)
    with slurm_cluster.cluster() as environment:
        folder = Path(environment["SLURM_CONF"]).parent
        command = ["sbatch", "--wrap", "srun -n1 sleep 600", "--output", "/dev/null"]
        slurm_cluster.ask(*command, environment=environment)
        wanted, names = {"munged", "slurmctld", "slurmd", "slurmstepd", "sleep"}, set()
        while not wanted <= names:
            time.sleep(0.1)
            before = slurm_cluster.processes(folder)
            with contextlib.suppress(psutil.NoSuchProcess):  # between two of Slurm's
                names = {process.name() for process in before}
    assert not any(process.is_running() for process in before)
    assert slurm_cluster.processes(folder) == []
    assert not folder.exists()


def test_a_job_that_is_cancelled(untrained, local):
    with faults.running(untrained, *PROFILE, FEATURES, "--retries", "0", hold=["train_cnn"]) as run:
        number = training(run)
        subprocess.run(["scancel", number], check=True)
        assert run.wait() != 0
        text = run.text
    assert "Traceback" not in text
    assert "Error in group network" in text and "rule train_cnn" in text
    assert re.search(rf"JOB {number} ON \S+ CANCELLED", text)
    assert faults.remains(untrained) == []
    assert not squeue("%i")
    completes(untrained, local)


@pytest.mark.long
def test_a_job_over_its_memory_comes_back_with_more(untrained, local):
    for rule in ("train_cnn", "extract_features"):  # TensorFlow alone takes more than 250 MB
        untrained.edit("rules/networks.smk", f'memory(1500, "{rule}")', f'memory(250, "{rule}")')
    text = completes(untrained, local)
    assert "exceeded memory limit" in text and "Trying to restart job" in text
    assert "Traceback" not in text
    jobs = [asked(number) for number in submitted(text)]
    assert len(jobs) in (2, 3)
    # The longest of a training and its features, with the two Snakemakes; and the time of both.
    assert [job["MinMemoryNode"] for job in jobs] == ["550M", "1100M", "1650M"][: len(jobs)]
    assert [job["TimeLimit"] for job in jobs] == ["02:30:00", "05:00:00", "07:30:00"][: len(jobs)]
    assert [job["JobState"] for job in jobs] == ["FAILED"] * (len(jobs) - 1) + ["COMPLETED"]


@pytest.mark.long
def test_without_retries_a_job_over_its_memory_ends_the_run(untrained, local):
    little = ("--set-resources", "train_cnn:mem_mb=320", "extract_features:mem_mb=320")
    done = untrained.snakemake(*PROFILE, FEATURES, "--retries", "0", *little, check=False)
    text = done.stdout + done.stderr
    assert done.returncode != 0
    assert "Traceback" not in text
    assert "Error in group network" in text and "rule train_cnn" in text
    assert "exceeded memory limit" in text
    assert faults.remains(untrained) == []
    completes(untrained, local)


@pytest.mark.long
def test_a_node_that_goes_down(untrained, local, slurm):
    """Slurm finds out, and gives its job to another node; for the run it only took longer."""
    folder = Path(slurm["SLURM_CONF"]).parent
    with faults.running(untrained, *PROFILE, FEATURES, hold=["train_cnn"]) as run:
        number = training(run)
        node = asked(number)["NodeList"]
        slurm_cluster.crash(folder, node, number)
        run.let_go("train_cnn")
        assert run.wait() == 0, run.text[-3000:]
    assert slurm_cluster.ask("sinfo", "-h", "-n", node, "-o", "%T", environment=slurm).startswith("down")
    job = asked(number)
    assert (job["JobState"], job["Restarts"]) == ("COMPLETED", "1")
    assert job["NodeList"] != node
    slurm_cluster.bring_back(folder, node, slurm)
    assert "Nothing to be done" in completes(untrained, local)  # what was half written is removed, too


def test_a_group_asks_for_what_its_jobs_take_one_after_another(slurm, tmp_path):
    project = copy_project(tmp_path / "project", OVERLAY)
    files = ("inspect/counts.csv", "audit/summary.json", "baselines/majority.h5")
    with faults.running(project, *PROFILE, *(f"results/breast/{file}" for file in files)) as run:
        assert run.wait() == 0, run.text[-3000:]
        group = ("inspect_images", "audit_duplicates", "baselines")
        times = sorted((begin, end) for stage, begin, end in run.times() if stage in group)
        (job,) = (asked(number) for number in submitted(run.text) if "baselines" in asked(number)["Comment"])
    assert len(times) == 3
    assert all(end <= begin for (_, end), (begin, _) in pairwise(times))
    declared = [faults.declared_memory(project)[stage] + 300 for stage in group]
    assert (job["NumCPUs"], job["MinMemoryNode"]) == ("1", f"{max(declared)}M")
    assert job["TimeLimit"] == "00:40:00"  # 10, 20 and 10 minutes


@pytest.mark.long
def test_a_run_that_is_killed_leaves_no_jobs_to_the_next(untrained, local):
    """Snakemake alone is killed; its jobs are cancelled before the next plans its own."""
    with faults.running(untrained, *PROFILE, FEATURES, hold=["train_cnn"]) as run:
        training(run)
        run.kill()
        assert squeue("%i")
        text = completes(untrained, local)
    assert "still in Slurm's queue: they were cancelled" in text
    assert "the lock was removed" in text


@pytest.mark.long
def test_jobs_that_ask_for_a_gpu_get_it_and_wait_for_each_other(untrained, local):
    """The cluster counts one; nothing computes on it."""
    other = FEATURES.replace("seed1", "seed2")
    for stage in ("train_cnn", "extract_features"):
        faults.forget(untrained, faults.job(untrained, stage, "seed2"))
    gpu = ("--set-resources", "train_cnn:gpu=1", "extract_features:gpu=1")
    done = untrained.snakemake(*PROFILE, FEATURES, other, *gpu)
    assert (untrained.folder / other).read_bytes() == (local.folder / other).read_bytes()
    numbers = submitted(done.stdout + done.stderr)
    assert len(numbers) == 2
    times = []
    for number in numbers:
        job = asked(number)
        assert job["TresPerJob"] == "gres:gpu:1"
        times.append([job[name] for name in ("StartTime", "EndTime")])
    first, second = sorted(times)
    assert first[1] <= second[0]


@pytest.mark.long
def test_everything_is_as_on_one_machine(slurm, local, tmp_path):
    project = copy_project(tmp_path / "project", OVERLAY)
    project.patience = LONG
    done = project.snakemake(*PROFILE, *EVERYTHING)
    local = local.copy(tmp_path / "local")
    local.snakemake("-j", "8", *EVERYTHING)
    compared = 0
    for path in sorted((local.folder / "results").rglob("*")):
        name = path.relative_to(local.folder)
        if path.is_file() and not TIMED.search(path.name) and name.parts[1] != "records":
            assert (project.folder / name).read_bytes() == path.read_bytes(), name
            compared += 1
    assert compared > 60
    assert faults.remains(project) == []
    settings = [{record.settings.path for record in faults.recorded(run)} for run in (project, local)]
    assert settings[0] == settings[1]
    assert 0 < (done.stdout + done.stderr).count("has been submitted with SLURM jobid") < len(settings[0]) / 2
    # Without Slurm, and without Snakemake's own records, all is up to date.
    assert not project.planned()
    shutil.rmtree(project.folder / ".snakemake")
    assert not project.planned()
