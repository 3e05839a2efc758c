"""What the workflow promises whoever shares a machine, a folder or a disk with it, tried from outside.

Stale results are seen whatever the disk does; nobody else's files are moved, touched or deleted; a dry run writes
nothing; what a home, a folder or a locale holds changes no byte.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import faults
import numpy as np
import pytest
import yaml
from conftest import ROOT, Project, copy_project
from faults import NEEDS_ROOT, PAGE, PLAIN, TABLE, failed

pytestmark = pytest.mark.slow

IMAGES = "results/own/images/train.h5"
REPLICATES = 137  # nowhere else is this number
PAST = 1_000_000_000  # 2001, in seconds since 1970


def state(folder: Path) -> dict[str, tuple]:
    """Everything below a folder: of folders that they are there, of files bytes, mode and time.

    Not what Python compiles. Of Snakemake's own folder, whose empty parts it makes at every start, the files that
    say who runs and what was made.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        name, stat = path.relative_to(folder), path.lstat()
        if "__pycache__" in name.parts or name.parts[0] == ".snakemake" and not is_told_by(name):
            continue
        if name.parts[0] == ".snakemake" and path.is_dir():
            continue
        if path.is_symlink() or not path.is_file():
            found[str(name)] = (stat.st_mode, path.is_symlink() and os.readlink(path))
        else:
            found[str(name)] = (stat.st_mode, stat.st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
    return found


def is_told_by(name: Path) -> bool:
    return len(name.parts) > 1 and name.parts[1] in ("locks", "run.json", "jobs.json", "metadata", "incomplete")


def same(before: dict[str, tuple], after: dict[str, tuple]) -> None:
    """Check that nothing came, went, or changed; in a few words if not."""
    assert sorted(set(after) - set(before)) == [], "came"
    assert sorted(set(before) - set(after)) == [], "went"
    assert [name for name in before if before[name] != after[name]] == [], "changed"


def set_in(project: Project, **values) -> None:
    """Set values of the overlay, given by their keys with __ for a dot."""
    overlay = yaml.safe_load(project.overlay.read_text(encoding="utf-8"))
    for key, value in values.items():
        *holders, last = key.split("__")
        holder = overlay
        for name in holders:
            holder = holder.setdefault(name, {})
        holder[last] = value
    project.overlay.write_text(yaml.safe_dump(overlay, sort_keys=False), encoding="utf-8")


def printed(done: subprocess.CompletedProcess) -> str:
    text = done.stdout + done.stderr
    assert "Traceback" not in text, text[-3000:]
    return text


def images(path: Path, seed: int = 0) -> None:
    """A file of small pictures of two classes, without a flag."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for split, n in (("train", 20), ("val", 10), ("test", 10)):
        arrays[f"{split}_images"] = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        arrays[f"{split}_labels"] = (np.arange(n) % 2).astype(np.uint8)[:, None]
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Project:
    """A project with a data file of a user's own, read and taken apart; not to be changed."""
    project = copy_project(tmp_path_factory.mktemp("prepared") / "project", "files.yaml")
    project.overlay.write_text(
        "datasets: {breast: ~, blood: ~, own: {source: file, path: own/images.npz, label: Own images}}\n",
        encoding="utf-8",
    )
    images(project.folder / "own/images.npz")
    project.snakemake("-j", "2", IMAGES)
    return project


@pytest.fixture
def own(prepared, tmp_path) -> Project:
    return prepared.copy(tmp_path / "project")


# Stale results


@NEEDS_ROOT
def test_a_changed_setting_on_a_full_disk_is_one_line_and_an_error(rerun):
    results = rerun.folder / "results"
    aside = shutil.move(results, rerun.folder.parent / "aside")
    results.mkdir()
    with faults.mounted("-t", "tmpfs", "-o", "size=256m", "tmpfs", place=results):
        shutil.copytree(aside, results, dirs_exist_ok=True)
        faults.fill(results / "filler", leave=0)
        set_in(rerun, evaluation__replicates=REPLICATES)
        text = failed(rerun, *PLAIN)
        assert "Nothing to be done" not in text
        assert len([line for line in text.splitlines() if "No space left" in line]) == 1
        (results / "filler").unlink()
        assert rerun.planned()["evaluate"] == 8


def test_a_changed_setting_where_nothing_can_be_written_is_one_line_and_an_error(rerun):
    set_in(rerun, evaluation__replicates=REPLICATES)
    for folder in ("results", "results/settings"):
        with faults.read_only(rerun.folder / folder):
            text = failed(rerun, *PLAIN)
            assert "Nothing to be done" not in text, folder
            assert re.search(rf"{folder}\b.*(Read-only|cannot be written|ermission denied)", text), folder
    assert rerun.planned()["evaluate"] == 8


@pytest.mark.parametrize("place", ["older", "older and somebody else's, where nothing can be written", "behind a link"])
def test_another_data_file_is_seen_and_its_time_stays(own, place):
    folder, path = own.folder / "own", own.folder / "own/images.npz"
    if place == "behind a link":
        images(folder / "others.npz", seed=1)
        os.utime(folder / "others.npz", (PAST, PAST))
        path.unlink()
        path.symlink_to("others.npz")
    else:
        images(path, seed=1)
        os.utime(path, (PAST, PAST))
    with contextlib.ExitStack() as stack:
        if "where nothing" in place:
            if os.geteuid() == 0:
                os.chown(path, 12345, 12345)
            stack.enter_context(faults.read_only(folder))
        before = state(folder)
        assert own.planned(IMAGES) == {"prepare": 1}
        assert own.planned(IMAGES) == {"prepare": 1}, "said once only"
        text = printed(own.snakemake("-j", "2", IMAGES))
        assert "rule prepare" in text or "checking the data" in text
        assert own.planned(IMAGES) == {}
        same(before, state(folder))
        assert path.stat().st_mtime == PAST


def test_a_data_file_that_is_touched_runs_nothing_and_keeps_its_time(own):
    path = own.folder / "own/images.npz"
    for seconds in (PAST, 2_000_000_000):
        os.utime(path, (seconds, seconds))
        assert own.planned(IMAGES) == {}
        assert path.stat().st_mtime == seconds


@pytest.mark.long
def test_after_a_touch_only_settings_under_which_results_were_made_are_shown(rerun, tmp_path):
    set_in(rerun, evaluation__replicates=REPLICATES)
    rerun.snakemake("-j", "8", "--touch", "report", "summarise")
    command = [sys.executable, "workflow_scripts/snapshot.py", "touched", "--into", str(tmp_path)]
    done = subprocess.run(command, cwd=rerun.folder, capture_output=True, text=True)
    printed(done)
    if done.returncode == 0:
        kept = yaml.safe_load((tmp_path / "touched/config.yaml").read_text(encoding="utf-8"))
        assert kept["evaluation"]["replicates"] in replicates(rerun)
    rerun.snakemake("-j", "8", "report", "summarise")
    rerun.snakemake("-j", "8", "-f", PAGE)
    assert len(replicates(rerun)) == 1
    (said,) = set(re.findall(r"replicates: (\d+)", (rerun.folder / PAGE).read_text(encoding="utf-8")))
    assert int(said) in replicates(rerun)


def replicates(project: Project) -> set[int]:
    """With how many replicates everything was evaluated, by the records."""
    files = (project.folder / "results/records/evaluate").glob("*.json")
    return {json.loads(file.read_text(encoding="utf-8"))["identity"]["config"]["replicates"] for file in files}


def test_a_page_that_was_edited_is_made_anew_or_the_documentation_says_that_it_is_not(rerun):
    with open(rerun.folder / PAGE, "a", encoding="utf-8") as page:
        page.write("<!-- mine -->")
    said = " ".join((ROOT / "docs/what-runs-again.md").read_text(encoding="utf-8").split())
    assert rerun.planned()["report"] or re.search(r"not seen[^.]*report\.html[^.]*(edited|by hand)", said)


def test_every_edit_of_a_result_is_kept(rerun):
    path = rerun.folder / "results/breast/audit/summary.json"
    whole = path.read_bytes()
    for edit in (b'{"first": 1}', b'{"second": 2}', b'{"third": 3}'):
        path.unlink()
        path.write_bytes(edit)
        rerun.snakemake("-j", "2", str(path.relative_to(rerun.folder)))
        assert path.read_bytes() == whole
    kept = {file.read_bytes() for file in path.parent.glob("summary.json.altered*")}
    assert kept == {b'{"first": 1}', b'{"second": 2}', b'{"third": 3}'}


# Other people's files


def test_a_record_that_names_files_outside_the_results_moves_none(rerun, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (rerun.folder / "results/link").symlink_to(outside)
    mine = rerun.folder / "mine"
    mine.mkdir()
    names = ["../thesis.txt", "thesis.txt", "results/x/../../thesis.txt", "results/../../thesis.txt"]
    names += ["results/link/thesis.txt", "results/../mine/thesis.txt", str(mine / "thesis.txt"), "data/thesis.txt"]
    (rerun.folder / "data").mkdir(exist_ok=True)
    record = rerun.json("results/records/baselines/breast.json")
    before = {}
    for number, name in enumerate(names):
        path = Path(os.path.normpath(rerun.folder / name))
        path.write_text(f"thesis {number}", encoding="utf-8")
        os.utime(path, (PAST, PAST))
        before[path] = path.read_bytes()
        write_record(rerun, f"forged{number}", record, name)
    printed(rerun.snakemake("-n", "report"))
    printed(rerun.snakemake(*PLAIN))
    assert before == {path: path.read_bytes() for path in before}
    assert {path.stat().st_mtime for path in before} == {PAST}
    for folder in (outside, mine, rerun.folder / "data"):
        assert [path.name for path in folder.iterdir()] == ["thesis.txt"]


def write_record(project: Project, name: str, record: dict, output: str) -> None:
    """A record that says that its job made another file, with a checksum that holds."""
    content = {key: value for key, value in record.items() if key != "checksum"}
    content["outputs"] = [{**content["outputs"][0], "path": output}]
    content["settings"] = {**content["settings"], "path": f"results/settings/baselines/{name}.json"}
    content["checksum"] = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    path = project.folder / f"results/records/baselines/{name}.json"
    path.write_text(json.dumps(content, indent=1, sort_keys=True), encoding="utf-8")


OTHERS = [
    *("data/.2024.mydata.npz", "data/.20231231120000.jpg", "data/.4000000.breastmnist.npz.bak"),
    *("results/breast/.1999.photos.tar", "results/breast/.4000000.notes", "results/.4000000.report.html.old"),
    *("results/breast/.123.x/inside", "results/breast/report.html.altered", "results/records/.4000000.mine"),
]


def test_names_that_look_like_leftovers_are_left_alone(rerun):
    for name in OTHERS:
        (rerun.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (rerun.folder / name).write_text("mine", encoding="utf-8")
    os.mkfifo(rerun.folder / "results/breast/.4000000.pipe")
    faults.forget(rerun, faults.job(rerun, "baselines", "breast"))
    for arguments in (("-n", "report"), PLAIN):
        printed(rerun.snakemake(*arguments))
        assert [name for name in OTHERS if not (rerun.folder / name).exists()] == []
        assert (rerun.folder / "results/breast/.4000000.pipe").is_fifo()


def test_garbage_among_the_books_is_never_a_traceback_or_a_hang(rerun):
    records = rerun.folder / "results/records"
    (records / "fuse/garbage.json").mkdir()
    (records / "fuse/more.json/deeper").mkdir(parents=True)
    os.mkfifo(records / "fuse/pipe.json")
    (records / "fuse/link.json").symlink_to("link.json")
    for name, text in {"five": "5", "text": '"results/x"', "numbers": "[1, 2]", "null": "[null]", "none": ""}.items():
        (records / f"fuse/{name}.begun").write_text(text, encoding="utf-8")
    os.mkfifo(records / "fuse/pipe.begun")
    # Of jobs that there are, too.
    own = [path for path in sorted((records / "draw_curves").glob("*.json")) if path.is_file()]
    (own[0].with_suffix(".begun")).write_text("5", encoding="utf-8")
    own[0].unlink()
    own[1].unlink()
    own[1].mkdir()
    with ends_within(60):
        assert "not a file, and draw_curves writes one there" in failed(rerun, "-n", "report")
    own[1].rmdir()
    with ends_within(400):
        printed(rerun.snakemake(*PLAIN))


@pytest.mark.parametrize("kind", ["pipe", "folder", "link to itself"])
def test_in_place_of_a_result_stands_what_is_no_file(rerun, kind):
    path = rerun.folder / "results/breast/baselines/majority.h5"
    path.unlink()
    {"pipe": os.mkfifo, "folder": Path.mkdir, "link to itself": lambda path: path.symlink_to(path.name)}[kind](path)
    with ends_within(60):
        printed(rerun.snakemake("-n", "report", check=False))
    with ends_within(400):
        done = rerun.snakemake(*PLAIN, check=False)
    text = printed(done)
    assert path.is_file() if done.returncode == 0 else "results/breast/baselines/majority.h5" in text


@contextlib.contextmanager
def ends_within(seconds: int):
    """Fail where the block hangs: nothing here takes so long, even on a busy machine."""

    def stop(*_):
        raise AssertionError(f"it hangs: not over after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


# Dry runs


def test_a_dry_run_makes_nothing_where_nothing_was(project):
    before = state(project.folder)
    for more in ((), ("--config", "results=nn"), ("--config", "results=a/b/c"), ("--config", "data=dd")):
        project.snakemake("-n", "report", *more)
        same(before, state(project.folder))


def test_a_dry_run_changes_nothing_where_much_is_to_be_done(rerun):
    """Changed settings, what a kill left, a damaged result, touched files, and another's lock."""
    set_in(rerun, evaluation__replicates=REPLICATES)
    faults.forget(rerun, faults.job(rerun, "train_cnn"))
    leftover = rerun.folder / "results/breast/breast_cnn/seed1/.4000000.model.keras"
    leftover.write_bytes(b"half")
    (rerun.folder / "results/breast/inspect/counts.csv").write_text("mine\n", encoding="utf-8")
    os.utime(rerun.folder / TABLE)
    locks = rerun.folder / ".snakemake/locks"
    locks.mkdir(exist_ok=True)
    for name in ("0.input.lock", "0.output.lock"):
        (locks / name).write_text("results/report.html\n", encoding="utf-8")
    before = state(rerun.folder)
    for more in ((), ("--config", "results=nn"), ("--forceall",)):
        printed(rerun.snakemake("-n", "report", *more))
        same(before, state(rerun.folder))
    printed(rerun.snakemake("report", "--summary"))
    printed(rerun.snakemake("report", "--dag"))
    same(before, state(rerun.folder))


# Two at once


def test_two_clones_with_one_folder_of_results_are_not_at_work_at_once(tmp_path):
    clones = []
    for number, epochs in enumerate((1, 2)):
        clones.append(copy_project(tmp_path / f"clone{number}/project", "tiny.yaml"))
        set_in(clones[-1], results=str(tmp_path / "shared"), networks__breast_cnn__training__epochs=epochs)
    target = str(tmp_path / "shared/breast/baselines/majority.h5")
    with faults.running(clones[0], "-j", "2", target, hold=["prepare"]) as run:
        run.middle_of("prepare")
        before = state(tmp_path / "shared")
        text = failed(clones[1], "-j", "2", target)
        assert str(tmp_path / "shared") in text
        printed(clones[1].snakemake("-n", target, check=False))
        same(before, state(tmp_path / "shared"))
        run.let_go()
        assert run.wait() == 0, run.text
    printed(clones[1].snakemake("-j", "2", target))


@NEEDS_ROOT
@pytest.mark.skipif(
    not shutil.which("unshare")
    or subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", "true"], capture_output=True).returncode != 0,
    reason="processes cannot be told apart on this machine (unshare)",
)
def test_a_container_with_the_same_host_name_leaves_a_living_run_alone(rerun):
    faults.forget(rerun, faults.job(rerun, "baselines", "breast"))
    apart = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-m", "snakemake"]
    with faults.running(rerun, *PLAIN, hold=["baselines"]) as run:
        job = run.middle_of("baselines")
        before = state(rerun.folder)
        for arguments in (["-n", "report"], [*PLAIN]):
            command = [*apart, *arguments, "--configfile", str(rerun.overlay)]
            done = subprocess.run(command, cwd=rerun.folder, capture_output=True, text=True)
            printed(done)
            assert done.returncode == 0 or "-n" not in arguments
            assert done.returncode != 0 or "-n" in arguments
            same(before, state(rerun.folder))
            assert faults.works(job)
        run.let_go()
        assert run.wait() == 0, run.text


# What is around a run


def test_no_home_folder_or_locale_changes_a_byte(rerun, tmp_path):
    """A network trained, and figures drawn, where all that a library reads by itself is set to something else."""
    home = tmp_path / "home"
    hostile = {"floatx": "float16", "epsilon": 0.1, "backend": "torch", "image_data_format": "channels_first"}
    matplotlibrc = "figure.dpi: 37\nfont.size: 23\naxes.facecolor: red\nsvg.fonttype: path\nlines.linewidth: 9\n"
    for folder in (home / ".keras", home / ".config/matplotlib", tmp_path / "other", rerun.folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "keras.json").write_text(json.dumps(hostile), encoding="utf-8")
        (folder / "matplotlibrc").write_text(matplotlibrc, encoding="utf-8")
    names = ["breast_cnn/seed1/model.keras", "breast_cnn/seed1/history.csv", "breast_cnn/curves.svg"]
    names = [f"results/breast/{name}" for name in (*names, "inspect/means.png", "inspect/counts.csv")]
    before = {name: (rerun.folder / name).read_bytes() for name in names}
    for stage in ("train_cnn", "draw_curves", "inspect_images"):
        faults.forget(rerun, faults.job(rerun, stage, "breast"))
    assert not any((rerun.folder / name).exists() for name in names)
    around = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "MPLCONFIGDIR": str(tmp_path / "other")}
    around |= {"KERAS_HOME": str(home / ".keras"), "KERAS_BACKEND": "torch", "MATPLOTLIBRC": str(tmp_path / "other")}
    around |= {"LC_ALL": "C", "LANG": "tr_TR", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "TZ": "Asia/Tokyo"}
    around |= {"PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "2", "MPLBACKEND": "svg"}
    printed(rerun.snakemake("-j", "2", *names, **around))
    assert [name for name in names if (rerun.folder / name).read_bytes() != before[name]] == []


def test_it_is_a_module_of_another_workflow(tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    project = copy_project(tmp_path / "a fusion", "tiny.yaml")
    text = f'configfile: "{project.folder}/config.yaml"\n\n\nmodule fusion:\n'
    text += f'    snakefile: "{project.folder}/Snakefile"\n    config: config\n\n\nuse rule * from fusion as fusion_*\n'
    (folder / "Snakefile").write_text(text, encoding="utf-8")
    outer = Project(folder, project.overlay)
    done = printed(outer.snakemake("-n", "-j", "2", "results/report.html"))
    assert re.search(r"^fusion_train_cnn +3$", done, re.M)
    outer.snakemake("-j", "2", "results/breast/inspect/counts.csv")
    assert (folder / "results/breast/inspect/counts.csv").exists()
    assert "Nothing to be done" in printed(outer.snakemake("-n", "-j", "2", "results/breast/inspect/counts.csv"))
    moved = text.replace("    config: config\n", '    config: config\n    prefix: "sub"\n')
    (folder / "Snakefile").write_text(moved, encoding="utf-8")
    assert "in the module's config name other folders" in failed(outer, "-n", "-j", "2")


@pytest.mark.parametrize("name", ["a b $(touch pwned)", "it's `touch pwned` & {}; *"])
def test_it_runs_from_any_folder_whatever_its_own_is_called(tmp_path, name):
    project = copy_project(tmp_path / name, "tiny.yaml")
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    outer = Project(elsewhere, project.overlay)
    target = "results/breast/inspect/counts.csv"
    outer.snakemake("-s", str(project.folder / "Snakefile"), "-j", "2", target)
    assert (elsewhere / target).exists()
    assert "Nothing to be done" in printed(outer.snakemake("-s", str(project.folder / "Snakefile"), "-n", target))
    assert not list(tmp_path.rglob("pwned"))
    assert not (project.folder / "results").exists()


def test_a_folder_that_looks_like_a_wildcard_is_refused_in_a_line_but_from_inside(tmp_path):
    project = copy_project(tmp_path / "a {more}", "tiny.yaml")
    outer = Project(tmp_path, project.overlay)
    assert "Snakemake takes {more} for a wildcard" in failed(outer, "-s", str(project.folder / "Snakefile"), "-n")
    assert "inspect_images" in printed(project.snakemake("-n", "results/breast/inspect/counts.csv"))


# Targets


def test_without_a_number_of_jobs_it_runs(project):
    printed(project.snakemake("results/breast/generated.npz"))
    assert (project.folder / "results/breast/generated.npz").exists()


def test_what_a_target_cannot_serve_stops_no_other_target(own):
    (own.folder / IMAGES).unlink()
    text = printed(own.snakemake("-j", "2", IMAGES, "predictions"))
    assert (own.folder / IMAGES).exists()
    assert [line for line in text.splitlines() if "predictions" in line and "without own" in line]
    text = printed(own.snakemake("-n", "report", "export", "predictions"))
    assert re.search(r"^report +1$", text, re.M) and re.search(r"^export_package\S* +1$", text, re.M)
    text = failed(own, "-n", "predictions")
    assert len([line for line in text.splitlines() if "predictions" in line and "own" in line]) == 1
