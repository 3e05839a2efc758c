"""Faults: what is finished stays valid, and the next plain run completes to the same table."""

import hashlib
import http.server
import itertools
import resource
import shutil
import threading

import faults
import numpy as np
import pytest
from conftest import EVERYTHING
from faults import NEEDS_ROOT, PAGE, PLAIN, TABLE, completes, failed

from medfusion.data import synthetic_images
from medfusion.reruns import records
from medfusion.reruns.outdated import ALTERED

pytestmark = pytest.mark.slow

# The machine


@NEEDS_ROOT
@pytest.mark.parametrize("place", ["features", pytest.param("everything", marks=pytest.mark.long)])
def test_a_full_disk(rerun, finished, place):
    """On a small file system of its own: either the folder of the features, or the whole project."""
    features = faults.job(rerun, "extract_features", "breast")
    faults.forget(rerun, features)
    file = rerun.folder / features.outputs[0].path
    folder = file.parent if place == "features" else rerun.folder
    aside = shutil.move(folder, rerun.folder.parent / "aside")
    folder.mkdir()
    with faults.mounted("-t", "tmpfs", "-o", "size=256m", "tmpfs", place=folder):
        shutil.copytree(aside, folder, dirs_exist_ok=True)
        filler = folder / "filler"
        faults.fill(filler, leave=60_000)
        text = failed(rerun, *PLAIN)
        assert f"{features.outputs[0].path}: No space left on device; free some space and run again" in text
        assert not file.exists()
        filler.unlink()
        assert faults.remains(rerun) == []
        completes(rerun, finished)


@pytest.mark.long
def test_a_limit_on_the_size_of_files(rerun, finished):
    features = faults.job(rerun, "extract_features", "breast")
    faults.forget(rerun, features)
    (path,) = [file.path for file in features.outputs]
    limit = (60_000, resource.RLIM_INFINITY)
    with faults.running(rerun, *PLAIN, limits={resource.RLIMIT_FSIZE: limit}) as run:
        assert run.wait() != 0
        assert f"{path}: File too large; raise the limit on the size of files" in run.text
        assert "Traceback" not in run.text
    assert not (rerun.folder / path).exists()
    completes(rerun, finished)


@pytest.mark.parametrize("limit", [2000, pytest.param(1000, marks=pytest.mark.long)])
def test_jobs_keep_to_the_memory_that_they_may_take(rerun, finished, limit):
    """Two trainings would fit the processors; a job that is too large alone is announced, and runs alone."""
    needs = faults.declared_memory(rerun)
    jobs = [record for record in faults.recorded(rerun) if record.stage == "extract_features"]
    faults.forget(rerun, *jobs)
    with faults.running(rerun, *PLAIN, "--resources", f"mem_mb={limit}") as run:
        assert run.wait() == 0
        assert ("extract_features 1500" in run.text) == (limit < 1500)
        assert run.text.count("some need more alone") == (limit < 1500)
    assert needs["extract_features"] == 1500
    times = run.times()
    assert sum(stage == "extract_features" for stage, _, _ in times) == len(jobs) > 1
    for _, begin, _ in times:
        beside = [needs[stage] for stage, since, until in times if since <= begin < until]
        assert sum(beside) <= limit or len(beside) == 1
    completes(rerun, finished)


@pytest.mark.parametrize("folder", ["results", "results/breast"])
def test_folders_that_cannot_be_written_to(rerun, finished, folder):
    faults.forget(rerun, faults.job(rerun, "baselines", "breast"))
    with faults.read_only(rerun.folder / folder):
        text = failed(rerun, *PLAIN)
        assert ("results cannot be written to" if folder == "results" else "Write-protected output files") in text
    completes(rerun, finished)


def test_a_stage_that_raises(rerun, finished):
    """Our own fault is shown as such; what does not need the stage is done."""
    program = rerun.folder / "workflow_scripts/fuse.py"
    text = program.read_text(encoding="utf-8")
    rerun.edit("workflow_scripts/fuse.py", "\nif __name__", '\nraise RuntimeError("ours")\nif __name__')
    independent = faults.job(rerun, "baselines", "blood")
    faults.forget(rerun, independent)
    done = rerun.snakemake(*PLAIN, check=False)
    assert done.returncode != 0
    assert "RuntimeError: ours" in done.stdout + done.stderr
    assert all((rerun.folder / file.path).exists() for file in independent.outputs)
    assert faults.remains(rerun) == []
    program.write_text(text, encoding="utf-8")
    completes(rerun, finished)


# Damaged files

KINDS = {
    "npz": "results/breast/generated.npz",
    "images": "results/breast/images/train.h5",
    "augmented": "results/breast/augmented.h5",
    "network": "results/breast/breast_cnn/seed1/model.keras",
    "history": "results/breast/breast_cnn/seed1/history.csv",
    "features": "results/breast/breast_cnn/seed1/features.h5",
    "classifier": "results/breast/breast_cnn/seed1/decision_tree/model.skops",
    "grid": "results/breast/breast_cnn/seed1/svm/grid.csv",
    "probabilities": "results/breast/breast_cnn/seed1/svm/probabilities.h5",
    "metrics": "results/breast/breast_cnn/seed1/metrics.json",
    "table": TABLE,
}


def test_damaged_files_are_moved_aside_and_made_anew(rerun, finished):
    for path, how in zip(KINDS.values(), itertools.cycle(("truncated", "garbled", "emptied")), strict=False):
        faults.damage(rerun.folder / path, how)
        if how == "garbled":  # in place: the file's second name, beside the record, sees it too
            faults.damage(faults.second_name(rerun, path), how)
    rerun.snakemake("-n", "report")
    assert all((rerun.folder / path).exists() for path in KINDS.values())  # a plan moves nothing
    text = rerun.snakemake(*PLAIN).stderr
    for path in KINDS.values():
        assert f"{path} is not what" in text
        assert (rerun.folder / f"{path}{ALTERED}").exists()
    completes(rerun, finished)
    for path in (TABLE, KINDS["metrics"]):
        assert (rerun.folder / path).read_bytes() == (finished.folder / path).read_bytes()


@pytest.mark.long
def test_damage_that_no_plan_can_see_is_refused_by_the_next_stage_and_then_healed(rerun, finished):
    read = [path for path in KINDS.values() if path != TABLE]  # which is for people, and no stage reads
    for path in reversed(read):  # from the last stage to the first: what a reader needs is never out of date
        rerun.snakemake(*PLAIN)  # Snakemake touches what it has made; the next run gives it the recorded time again
        maker = next(r for r in faults.recorded(rerun) if path in {file.path for file in r.outputs})
        readers = [r for r in faults.recorded(rerun) if path in {file.path for file in r.inputs}]
        reader = min(readers, key=lambda record: record.seconds)
        faults.forget(rerun, reader)
        for name in (rerun.folder / path, faults.second_name(rerun, path)):
            faults.damage_unseen(name)
        wanted = reader.outputs[0].path
        text = failed(rerun, "-j", "8", wanted)
        assert f"{path}: not what {maker.stage} wrote (its SHA-256 differs): damaged or edited; run again" in text
        assert not (rerun.folder / wanted).exists()
        rerun.snakemake("-j", "8", wanted)
        faults.read_whole(rerun.folder / path)
    completes(rerun, finished)


GARBAGE = [b"", b"{", b"\xff\x00garbage", b"[]", b"{}"]


@pytest.mark.parametrize(
    ("files", "garbage"),
    [
        ("results/records/*/*.json", GARBAGE),
        ("results/settings/*/*.json", GARBAGE),
        (".snakemake/run.json", GARBAGE[2:3]),
        (".snakemake/metadata/**/*", GARBAGE[:2]),  # what a kill can leave of them
    ],
)
def test_garbage_in_the_books(rerun, finished, files, garbage):
    """Records and settings of ours, Snakemake's own notes: they are as good as none, or written anew."""
    paths = [path for path in sorted(rerun.folder.glob(files)) if path.is_file()]
    for number, path in enumerate(paths):
        path.write_bytes(garbage[number % len(garbage)])
    assert paths and not rerun.planned()
    for path in (TABLE, PAGE):
        (rerun.folder / path).unlink()
    rerun.snakemake("-j", "8", *EVERYTHING)
    for path in rerun.folder.glob("results/records/*/*.json"):
        if not records.read(path):  # nothing asked its job to run
            path.unlink()
    completes(rerun, finished)


@pytest.mark.parametrize("path", ["results/metrics.csv", "results/breast/breast_cnn/seed1/model.keras"])
def test_a_result_that_was_deleted_comes_back_though_nothing_needs_it(rerun, finished, path):
    (rerun.folder / path).unlink()
    assert rerun.planned()
    completes(rerun, finished)
    assert (rerun.folder / path).read_bytes() == (finished.folder / path).read_bytes()


# The network

OFFICIAL = """
datasets:
  blood: ~
  breast:
    augmentation: {copies: 2}
    models:
      breast_cnn: {seeds: [1], classifiers: [svm_linear], fusions: []}
    ensembles: {ensemble_cnn: ~, ensemble_svm: ~}
    learning_curve: ~
networks:
  breast_cnn: {training: {epochs: 1}}
evaluation: {replicates: 100}
studies: {plane_images: 60}
"""


class Server(http.server.ThreadingHTTPServer):
    """A server on this machine that gives one file, or has a fault."""

    def __init__(self, content):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.fault = content, None
        self.over = threading.Event()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    """What the server does when it is asked, by its fault."""

    def do_GET(self):
        content, fault = self.server.content, self.server.fault
        self.send_response(404 if fault == "404" else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if fault == "wrong bytes":
            content = bytes(len(content))
        half = len(content) // 2 if fault in ("drops", "stalls") else len(content)
        self.wfile.write(content[:half])
        if fault == "stalls":
            self.server.over.wait()

    def log_message(self, *_):
        pass


@pytest.fixture
def official(project, tmp_path, monkeypatch):
    """A project that takes generated images for the official file, and asks a server of ours for it."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "MEDMNIST_DATA"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "breastmnist.npz"
    np.savez(file, **synthetic_images.generate("breastmnist", 28, {"train": 546, "val": 78, "test": 156}, seed=1))
    server = Server(file.read_bytes())
    url, md5 = f"http://127.0.0.1:{server.server_port}/breastmnist.npz", hashlib.md5(server.content).hexdigest()
    with open(project.folder / "workflow_scripts/medfusion/data/medmnist_info.py", "a", encoding="utf-8") as module:
        module.write(f'\nINFO["breastmnist"].update(url="{url}", MD5="{md5}")\n')
    project.edit("workflow_scripts/medfusion/data/sources.py", "STALL = 60", "STALL = 1")
    project.overlay = project.folder / "official.yaml"
    project.overlay.write_text(OFFICIAL, encoding="utf-8")
    project.server = server
    yield project
    server.over.set()
    server.shutdown()
    server.server_close()


def test_a_network_at_fault(official):
    """However it fails, nothing is left, and the ways out are named; when it works again, all completes."""
    reasons = {"drops": "Connection broken", "stalls": "timed out", "404": "404 Client Error", "wrong bytes": "hash"}
    data = official.folder / "data"
    for fault, reason in reasons.items():
        official.server.fault = fault
        text = failed(official, "-j", "1", "results/downloads/breastmnist.json")
        assert reason in text and "Ways out:" in text
        assert not list(data.glob("*"))
    official.server.fault = None
    with faults.running(official, "-j", "1", "results/downloads/breastmnist.json", hold=["download"]) as run:
        run.middle_of("download").kill()
        assert run.wait() != 0
    assert len(list(data.glob("*"))) == 1
    official.snakemake("-j", "1", "results/breast/images/train.h5")
    assert [path.name for path in data.glob("*")] == ["breastmnist.npz"]
    assert faults.remains(official) == []
    done = official.snakemake("-n", "results/breast/images/train.h5")
    assert "Nothing to be done" in done.stdout + done.stderr
