"""Every row of changes.py tried: the jobs that `snakemake -n` would run, against those that the row names."""

import contextlib
import os
import queue
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import changes
import numpy as np
import pytest
import yaml
from changes import Row
from conftest import EVERYTHING, Project, copy_project
from graph import Graph, job_graph, planned_jobs
from other_values import changed, ready
from specification import jobs

from medfusion.data import synthetic_images

pytestmark = pytest.mark.slow

WORKERS = 2


@dataclass(frozen=True)
class Trial:
    """One change of the finished project, and where its answer stands.

    edit : from a project to the new texts of its files
    library : whose version is another
    lost : whether .snakemake/ is deleted before
    long : whether the short form of the tests leaves it out
    """

    name: str
    row: Row
    edit: Callable[[Project], dict[str, str]]
    key: str = ""
    library: str = ""
    lost: bool = False
    long: bool = False


def _of_key(row: Row, key: str, lost: bool = False, long: bool = False) -> Trial:
    def edit(project: Project) -> dict[str, str]:
        before = project.config()
        assert ready(before, key) == before, f"{key}: cannot be changed alone in the small workflow"
        return {project.overlay.name: yaml.safe_dump(changed(before, key), sort_keys=False)}

    return Trial(key, Row("", "", (*row.runs, *changes.PAGES), row.keys), edit, key, lost=lost, long=long)


def _of_plan(row: Row, lost: bool) -> Trial:
    def edit(project: Project) -> dict[str, str]:
        config = project.config()
        row.edit(config)
        return {project.overlay.name: yaml.safe_dump(config, sort_keys=False)}

    return Trial(row.words, Row("", "", (*row.runs, *changes.PAGES)), edit, lost=lost, long=lost)


def _of_files(name: str, row: Row, long: bool = False) -> Trial:
    return Trial(name, row, lambda project: row.files(project.folder), long=long)


# The short form tries one key, one program and one module in so many; tests/unit/test_what_changes.py has the plan of
# every key, and what programs and modules import.
ONE_IN = 12
KEY_ONE_IN = 4


def _trials() -> Iterator[Trial]:
    for place, row in enumerate(changes.KEYS):
        for number, key in enumerate(row.samples):
            yield _of_key(row, key, long=number > 0 or place % KEY_ONE_IN > 0)
    for number, key in enumerate(("datasets.breast.models.breast_cnn.seeds", "networks.size_study.training.min_steps")):
        yield _of_key(next(row for row in changes.KEYS if key in row.samples), key, lost=True, long=number > 0)
    for row in changes.PLANS:
        yield from (_of_plan(row, lost) for lost in (False, True))
    yield from (_of_files(row.words, row) for row in changes.FILES)
    for number, program in enumerate(changes.SCRIPTS):
        name = f"workflow_scripts/{program}.py"
        yield _of_files(name, Row("", "", (program,), files=changes.meaning_of(name)), long=number % ONE_IN > 0)
    for number, (module, programs) in enumerate(changes.importers().items()):
        name = f"workflow_scripts/medfusion/{module.replace('.', '/')}.py"
        runs = (*programs, *changes.by_name(module))
        yield _of_files(name, Row("", "", runs, files=changes.meaning_of(name)), long=number % ONE_IN > 0)
    for number, (library, stages) in enumerate(changes.LIBRARIES.items()):
        yield Trial(
            f"{library}, another version", Row("", "", stages), lambda project: {}, library=library, long=number > 0
        )


TRIALS = {f"{trial.name}{', .snakemake deleted' if trial.lost else ''}": trial for trial in _trials()}


@dataclass
class Answers:
    """Jobs that were planned, and those that should have been, by trial; a fault in place of either."""

    graph: Graph
    planned: dict[str, set[str] | Exception] = field(default_factory=dict)
    expected: dict[str, set[str]] = field(default_factory=dict)
    afterwards: list[set[str]] = field(default_factory=list)


@pytest.fixture(scope="module")
def graph(finished) -> Graph:
    return job_graph(finished, EVERYTHING)


@pytest.fixture(scope="module")
def answers(finished, graph, tmp_path_factory, request) -> Answers:
    """All trials that the selected tests ask for, made by two threads, each with one copy of the finished project.

    A change is taken back before the next one, and nothing is run in between: so each trial also says that what was
    taken back left no trace.
    """
    found = Answers(graph)
    wanted = [item.callspec.params["name"] for item in request.session.items if item.originalname == TRIED]
    folder = tmp_path_factory.mktemp("copies")
    copies: queue.Queue[Project] = queue.Queue()
    for number in range(WORKERS):
        copies.put(_copy(finished, folder / str(number)))

    def attempt(name: str) -> None:
        project = copies.get()
        try:
            found.planned[name], found.expected[name] = _attempt(project, TRIALS[name], graph)
        except Exception as error:  # told by the trial's own test
            found.planned[name] = error
        finally:
            copies.put(project)

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(attempt, wanted))
        found.afterwards = list(pool.map(planned, [copies.get() for _ in range(WORKERS)]))
    return found


def _copy(project: Project, folder: Path, copy: Callable = shutil.copy2) -> Project:
    shutil.copytree(project.folder, folder, symlinks=True, copy_function=copy)
    return Project(folder, folder / project.overlay.name)


def _attempt(project: Project, trial: Trial, graph: Graph) -> tuple[set[str], set[str]]:
    before = jobs(project.config())
    with _edited(project, trial.edit(project)), _lost(project) if trial.lost else contextlib.nullcontext():
        after = jobs(project.config())
        environment = _with_version(project.folder.parent, trial.library) if trial.library else {}
        found = planned(project, **environment)
    roots = trial.row.selected(before, trial.key) | trial.row.selected(after, trial.key)
    return found, (set(after) - set(before)) | (graph.following(roots) & set(after))


@contextlib.contextmanager
def _edited(project: Project, texts: dict[str, str]) -> Iterator[None]:
    originals = {name: (project.folder / name).read_bytes() for name in texts}
    for name, text in texts.items():
        (project.folder / name).write_text(text, encoding="utf-8")
    try:
        yield
    finally:
        for name, content in originals.items():
            (project.folder / name).write_bytes(content)


@contextlib.contextmanager
def _lost(project: Project) -> Iterator[None]:
    """Snakemake's own records put away for a while."""
    own, away = project.folder / ".snakemake", project.folder / ".away"
    own.rename(away)
    try:
        yield
    finally:
        shutil.rmtree(own)
        away.rename(own)


def _with_version(folder: Path, library: str) -> dict[str, str]:
    """The environment in which a library says that it is version 99."""
    place = folder / f"other-{library}"
    described = place / f"{library}-99.0.dist-info/METADATA"
    described.parent.mkdir(parents=True, exist_ok=True)
    described.write_text(f"Metadata-Version: 2.1\nName: {library}\nVersion: 99.0\n", encoding="utf-8")
    return {"PYTHONPATH": str(place)}


def planned(project: Project, *targets: str, **environment: str) -> set[str]:
    """The jobs that a dry run would run."""
    done = project.snakemake("-n", "-p", "-j", "8", *(targets or EVERYTHING), **environment)
    return planned_jobs(done.stdout + done.stderr)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long if trial.long else ()) for name, trial in TRIALS.items()]
)
def test_a_change_runs_the_jobs_of_its_row_and_no_others(answers, name):
    found = answers.planned[name]
    if isinstance(found, Exception):
        raise found
    missing, extra = answers.expected[name] - found, found - answers.expected[name]
    assert not missing, "stale results"
    assert not extra, "wasted time"


TRIED = test_a_change_runs_the_jobs_of_its_row_and_no_others.__name__


def test_all_changes_taken_back_leave_nothing_to_do(answers):
    assert answers.afterwards == [set()] * WORKERS


def test_the_finished_project_has_the_jobs_of_the_specification(finished, graph):
    assert set(graph.outputs) == set(jobs(finished.config()))


@pytest.mark.parametrize("copy", [shutil.copy2, shutil.copy], ids=["with their ages", "without their ages"])
def test_results_in_a_fresh_clone_are_up_to_date_and_changes_to_it_are_seen(finished, graph, tmp_path, copy):
    clone = copy_project(tmp_path / "clone", finished.overlay.name)
    shutil.copytree(finished.folder / "results", clone.folder / "results", copy_function=copy)
    assert finds_nothing_to_do(clone)
    trial = TRIALS["fusions.cnn_30_svm_70.weights.cnn"]
    found, expected = _attempt(clone, trial, graph)
    assert found == expected and found
    assert planned(clone) == set()


def finds_nothing_to_do(project: Project) -> bool:
    """Whether a run does nothing; where the ages of files mislead, a dry run says so."""
    said = project.snakemake("-n", "-j", "8", *EVERYTHING)
    misleads = "a copy, or a touch" in said.stderr + said.stdout
    assert misleads or planned(project) == set()
    done = project.snakemake("-j", "8", *EVERYTHING)
    assert planned(project) == set()
    return "Nothing to be done" in done.stderr + done.stdout


def test_touched_results_are_up_to_date(finished, tmp_path):
    project = _copy(finished, tmp_path / "project")
    for number, path in enumerate(sorted((project.folder / "results").rglob("*.*"))):
        if "records" not in path.parts:
            os.utime(path, (1_600_000_000 + number % 7, 1_600_000_000 + number * 31 % 1009))
    assert finds_nothing_to_do(project)


CHEAP = [
    f"results/{dataset}/{name}"
    for dataset in ("breast", "blood")
    for name in ("augmentation.png", "inspect/means.png", "baselines/majority.h5")
]


@pytest.fixture(scope="module")
def with_files(tmp_path_factory) -> tuple[Project, Graph]:
    """A project whose data are files, a user's own and one that lies in data/, and the graph of some cheap stages."""
    project = copy_project(tmp_path_factory.mktemp("files") / "project", "files.yaml")
    counts = {"train": 546, "val": 78, "test": 156}  # MedMNIST's
    for name, flag in (("data/breastmnist_surrogate.npz", "breastmnist"), ("own/blood.npz", "bloodmnist")):
        path = project.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **_images(flag, counts))
    project.snakemake("-j", "8", *CHEAP)
    assert planned(project, *CHEAP) == set()
    return project, job_graph(project, CHEAP)


def _images(flag: str, counts: dict[str, int], seed: int = 1) -> dict[str, np.ndarray]:
    return synthetic_images.generate(flag, 28, counts, seed=seed)


FILES = {"breast": "data/breastmnist_surrogate.npz", "blood": "own/blood.npz"}


@pytest.mark.parametrize("dataset", FILES)
def test_a_touched_data_file_runs_nothing(with_files, dataset):
    project, _ = with_files
    os.utime(project.folder / FILES[dataset])
    assert planned(project, *CHEAP) == set()


@pytest.mark.parametrize("dataset", FILES)
@pytest.mark.parametrize("older", [False, True], ids=["newer", "older"])
def test_a_replaced_data_file_runs_what_stands_on_it(with_files, dataset, older):
    project, graph = with_files
    path = project.folder / FILES[dataset]
    content, stat = path.read_bytes(), path.stat()
    arrays = dict(np.load(path))
    arrays["train_images"] = arrays["train_images"].copy()
    arrays["train_images"][0] ^= 1
    np.savez(path, **arrays)
    if older:
        os.utime(path, (1_600_000_000, 1_600_000_000))
    try:
        assert planned(project, *CHEAP) == graph.following({f"prepare/{dataset}"})
        assert planned(project, *CHEAP) == graph.following({f"prepare/{dataset}"}), "said once only"
    finally:
        path.write_bytes(content)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert planned(project, *CHEAP) == set()


@pytest.mark.parametrize("lost", [False, True], ids=["", ".snakemake deleted"])
def test_another_path_runs_what_stands_on_it(with_files, lost):
    project, graph = with_files
    other = project.folder / "own/other.npz"
    shutil.copy2(project.folder / FILES["blood"], other)
    os.utime(other, (1_600_000_000, 1_600_000_000))
    text = project.overlay.read_text(encoding="utf-8").replace("own/blood.npz", "own/other.npz")
    with _edited(project, {project.overlay.name: text}), _lost(project) if lost else contextlib.nullcontext():
        assert planned(project, *CHEAP) == graph.following({"prepare/blood"})
    assert planned(project, *CHEAP) == set()


def test_the_program_that_downloads_runs_for_downloads(with_files):
    project, graph = with_files
    with _edited(project, changes.meaning_of("workflow_scripts/download.py")(project.folder)):
        assert planned(project, *CHEAP) == graph.following({"download/breastmnist_surrogate"})
    assert planned(project, *CHEAP) == set()


def test_the_same_images_packed_otherwise_run_prepare_alone(with_files):
    """The last of these tests: it runs."""
    project, graph = with_files
    path = project.folder / FILES["blood"]
    np.savez_compressed(path, **np.load(path))
    assert planned(project, *CHEAP) == graph.following({"prepare/blood"})
    before = _made(project)
    project.snakemake("-j", "8", *CHEAP)
    after = _made(project)
    assert {job for job in before if before[job] != after[job]} == {"prepare/blood"}
    assert planned(project, *CHEAP) == set()


def _made(project: Project) -> dict[str, tuple[str, float]]:
    """When each job's results were made, and how long that took; as it was if they were kept."""
    folder = project.folder / "results/records"
    records = {str(path.relative_to(folder).with_suffix("")): path for path in folder.glob("*/*.json")}
    contents = {job: project.json(str(path.relative_to(project.folder))) for job, path in records.items()}
    return {job: (content["made"], content["seconds"]) for job, content in contents.items()}
