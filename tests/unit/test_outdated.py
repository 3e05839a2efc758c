"""Tests of what must run again: found by content, told by settings files, and nobody else's file touched."""

import dataclasses
import json
import os
import socket
import time
from pathlib import Path

import pytest

from medfusion.errors import UserError
from medfusion.files.artifacts import temporary_name
from medfusion.reruns import records
from medfusion.reruns.outdated import Planned, Reruns
from medfusion.reruns.records import AGAIN, File, Record

DATA, IMAGES, NETWORK = "own/x.npz", "results/images.h5", "results/network.keras"
LONG_AGO = 1_000 * 10**9


def planned(stage="train", value=1, outputs=(NETWORK,)):
    identity = {"stage": stage, "config": {"value": value, "files": DATA}, "code": "c", "libraries": {}}
    return Planned(Path("results/settings", stage, f"{stage}.json"), identity, outputs)


PREPARE = planned("prepare", outputs=(IMAGES,))
TRAIN = planned()


def look(*jobs):
    return Reruns(jobs or (PREPARE, TRAIN), "results", "data")


def write(path, text, age):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)
    os.utime(path, ns=(age, age))


def record(job, inputs, age):
    """Write a job's settings and outputs, and its record, as if it had run."""
    write(job.settings, json.dumps(job.identity), age)
    for path in job.outputs:
        write(path, path, age + 1)
    files = [File.of(path) for path in inputs], [File.of(path) for path in job.outputs]
    records.write(job.record, Record(job.identity, [], File.of(job.settings), *files, "2026-01-01", 1.0, 1.0, 1.0))


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A user's file, images made of it, a network made of these: all long ago and as recorded."""
    monkeypatch.chdir(tmp_path)
    write(DATA, "data", LONG_AGO)
    record(PREPARE, [DATA], LONG_AGO + 10)
    record(TRAIN, [IMAGES], LONG_AGO + 20)


def everything():
    """Every path below this folder with kind, content and times."""
    return {
        path: (path.lstat().st_mode, path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else None)
        for path in Path().rglob("*")
    }


def test_what_is_as_recorded_need_not_run(made):
    before = everything()
    found = look()
    assert (found.reasons, found.changed, found.misleading) == ({}, [], 0)
    assert found.apply() == []
    assert everything() == before


def test_stand_ins_are_younger_than_results_from_the_future(made, tmp_path):
    later = time.time() + 10 * 365 * 86_400
    os.utime(NETWORK, (later, later))
    stand_ins = look(planned(value=2)).stand_ins(tmp_path)
    assert Path(stand_ins[str(TRAIN.settings)]).stat().st_mtime > later


def test_a_file_of_the_user_below_the_results_is_seen_when_it_is_replaced(made):
    own = "results/own.npz"
    write(own, "mine", LONG_AGO)
    record = records.read(PREPARE.record)
    records.write(PREPARE.record, dataclasses.replace(record, inputs=[*record.inputs, File.of(own)]))
    assert look().reasons == {}
    write(own, "other", LONG_AGO - 1)
    assert look().reasons[PREPARE.settings] == "results/own.npz has changed"


def test_looking_changes_nothing(made, tmp_path_factory):
    write(NETWORK, "damaged", LONG_AGO)
    write(DATA, "other", 1)
    write("results/.medfusion-1-00000000.network.keras", "half", 1)
    before = everything()
    found = look(PREPARE, planned(value=2))
    assert set(found.reasons) == {PREPARE.settings, TRAIN.settings}
    found.stand_ins(tmp_path_factory.mktemp("plan"))
    assert everything() == before


def test_files_of_other_age_get_their_recorded_time_back_and_users_keep_theirs(made):
    for path in (DATA, IMAGES, NETWORK, TRAIN.settings):
        os.utime(path, ns=(5, 5))
    found = look()
    assert found.changed == []
    assert found.apply() == []
    times = [os.stat(path).st_mtime_ns for path in (DATA, IMAGES, NETWORK, TRAIN.settings)]
    assert times == [5, LONG_AGO + 11, LONG_AGO + 21, LONG_AGO + 20]


def test_a_copy_that_mixed_the_ages_is_said_to_mislead(made):
    os.utime(IMAGES)
    assert look().misleading == 1


@pytest.mark.parametrize("age", [10, LONG_AGO, 4_000_000_000 * 10**9])
def test_a_users_file_that_was_replaced_is_seen_however_old_it_looks_and_keeps_its_time(made, age):
    write(DATA, "atad", age)
    if age == LONG_AGO:
        write(DATA, "longer", age)
    found = look()
    assert found.reasons == {PREPARE.settings: f"{DATA} has changed"}
    found.apply()
    assert os.stat(DATA).st_mtime_ns == age
    assert PREPARE.settings.stat().st_mtime_ns > Path(IMAGES).stat().st_mtime_ns
    assert records.identity_in(PREPARE.settings) == PREPARE.identity
    assert not records.satisfies(records.read(PREPARE.record), PREPARE.settings)


def test_what_must_run_again_twice_for_one_reason_has_other_settings_each_time(made):
    texts = set()
    for _ in range(2):
        Path(NETWORK).unlink()
        look().apply()
        texts.add(TRAIN.settings.read_text())
        record_again = TRAIN.settings.read_bytes()
        record(TRAIN, [IMAGES], LONG_AGO + 20)
        TRAIN.settings.write_bytes(record_again)
    assert len(texts) == 2


def test_an_edit_and_its_taking_back(made):
    edited = planned(value=2)
    look(PREPARE, edited).apply()
    assert json.loads(TRAIN.settings.read_text())["config"]["value"] == 2
    assert TRAIN.settings.stat().st_mtime_ns > LONG_AGO + 10**9
    assert look().changed == []
    look().apply()
    assert AGAIN not in json.loads(TRAIN.settings.read_text())
    assert TRAIN.settings.stat().st_mtime_ns == LONG_AGO + 20
    assert records.satisfies(records.read(TRAIN.record), TRAIN.settings)


def test_results_that_were_altered_are_moved_aside_each_under_a_name_of_its_own(made):
    for text, aside in [("first", ".altered"), ("second", ".altered2"), ("third", ".altered3")]:
        Path(NETWORK).write_text(text)
        (note,) = look().apply()
        assert note.startswith(f"{NETWORK} is not what train wrote; moved to {NETWORK}{aside}")
        assert Path(NETWORK + aside).read_text() == text
        assert not Path(NETWORK).exists()


@pytest.mark.parametrize("mark", ["5", "[5]", "", "{", '["/etc/passwd"]', '["results/x/../../../thesis.txt"]'])
def test_a_job_that_was_begun_and_not_finished_runs_again_whatever_its_mark_holds(made, mark):
    TRAIN.record.unlink()
    TRAIN.record.with_suffix(".begun").write_text(mark)
    found = look()
    assert found.reasons == {TRAIN.settings: "it was begun and not finished"}
    assert found.apply() == []


def test_a_record_that_names_other_files_than_its_job_makes_is_nobodys(made):
    """Nothing of what it names is moved, touched or deleted."""
    write("thesis.txt", "mine", 7)
    Path("results/x").mkdir()
    path = "results/x/../../thesis.txt"
    old = records.read(TRAIN.record)
    for outputs in ([File(path, "0" * 64, 1, 1)], [*old.outputs, File(path, "0" * 64, 1, 1)]):
        records.write(TRAIN.record, Record(**{**vars(old), "outputs": outputs}))
        assert look().apply() == []
        assert (Path("thesis.txt").read_text(), os.stat("thesis.txt").st_mtime_ns) == ("mine", 7)


@pytest.mark.parametrize("linked", ["file", "folder"])
def test_what_a_link_leads_to_outside_the_results_is_left_alone(made, linked):
    write("elsewhere/network.keras", "mine", 7)
    if linked == "file":
        Path(NETWORK).unlink()
        Path(NETWORK).symlink_to(Path("elsewhere/network.keras").resolve())
        job = TRAIN
    else:
        Path("results/part").symlink_to(Path("elsewhere").resolve())
        job = planned(outputs=("results/part/network.keras",))
        old = records.read(TRAIN.record)
        files = [File("results/part/network.keras", "0" * 64, 1, 1)]
        records.write(job.record, Record(**{**vars(old), "outputs": files}))
    write("elsewhere/.medfusion-1-00000000.network.keras", "half", 7)
    found = look(job)
    assert job.settings in found.reasons
    assert found.apply() == []
    assert {path.name: path.stat().st_mtime_ns for path in Path("elsewhere").iterdir()} == {
        "network.keras": 7,
        ".medfusion-1-00000000.network.keras": 7,
    }


@pytest.mark.parametrize("name", ["settings", "records"])
def test_books_that_lie_elsewhere_are_refused(made, name):
    Path("results", name).rename("elsewhere")
    Path("results", name).symlink_to(Path("elsewhere").resolve())
    with pytest.raises(UserError, match="leads out of results"):
        look()


def test_names_of_other_programs_and_users_stay(made):
    foreign = ["data/.2024.x.npz", "results/.1999.photos.tar", "results/.123.x/file", "data/.20231231120000.jpg"]
    foreign += ["results/.medfusion-notes", f"results/{temporary_name(Path('thesis.txt')).name}"]
    half = [temporary_name(Path(path)) for path in (IMAGES, NETWORK, TRAIN.settings, TRAIN.record)]
    for path in (*foreign, *half):
        write(path, "", 7)
    Path(temporary_name(Path(IMAGES)).parent, ".medfusion-1-00000000.images.h5").mkdir()
    look().apply()
    assert not any(path.exists() for path in half)
    assert all(Path(path).exists() for path in foreign)
    assert Path("results/.medfusion-1-00000000.images.h5").is_dir()


def test_what_another_run_downloads_stays(made):
    job = planned("download", outputs=("results/downloads/x.json", "data/x.npz"))
    space = temporary_name(Path("x")).name.split("-")[2].partition(".")[0]
    alive, dead, unseen = (f"data/.medfusion-{pid}-{where}.x.npz" for pid, where in
                           [(os.getpid(), space), (2**22 + 1, space), (2**22 + 1, "00000000")])  # fmt: skip
    for path in (alive, dead, unseen):
        write(path, "", 7)
    look(job).apply()
    assert [os.path.exists(path) for path in (alive, dead, unseen)] == [True, False, True]


def test_a_download_that_was_removed_is_asked_for_when_somebody_must_read_it(made):
    download = planned("download", outputs=("results/downloads/x.json", DATA))
    record(download, [], LONG_AGO)
    write(DATA, "data", LONG_AGO)
    record(download, [], LONG_AGO)
    record(PREPARE, [DATA], LONG_AGO + 10)
    Path(DATA).unlink()
    assert look(download, PREPARE).changed == []
    assert set(look(download, planned("prepare", 2, (IMAGES,))).reasons) == {download.settings, PREPARE.settings}


def pipe(path):
    os.mkfifo(path)


def bound(path):
    socket.socket(socket.AF_UNIX).bind(str(path))


@pytest.mark.parametrize("make", [os.mkdir, pipe, bound], ids=["folder", "pipe", "socket"])
@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_what_is_no_file_where_one_is_written_is_named(made, make, place):
    path = TRAIN.places[place]
    path.unlink(missing_ok=True)
    make(path)
    with pytest.raises(UserError, match=f"{path}: not a file, and train writes one there; move it away"):
        look()


def test_lost_books_leave_what_has_its_settings_to_its_age(made):
    TRAIN.record.unlink()
    assert look().reasons == {}
    assert set(look(planned(value=2)).reasons) == {TRAIN.settings}


def test_a_plan_that_writes_nothing_has_stand_ins_for_new_settings(made, tmp_path_factory):
    new = planned("draw", outputs=("results/figure.svg",))
    found = look(PREPARE, planned(value=2), new)
    folder = tmp_path_factory.mktemp("plan")
    stand_ins = found.stand_ins(folder)
    assert found.changed == [TRAIN.settings, new.settings]
    for job in (TRAIN, new):
        stand_in = Path(stand_ins[str(job.settings)])
        assert stand_in == folder / "settings" / job.stage / job.settings.name
        assert stand_in.stat().st_mtime > time.time() + 3000 and stand_ins[str(job.settings)].flags == {"local": True}
    assert stand_ins[str(PREPARE.settings)] == str(PREPARE.settings)
    assert stand_ins[str(PREPARE.settings)].flags == {"ancient": True, "local": True}
    stand_ins = found.stand_ins(None)
    assert (stand_ins[str(TRAIN.settings)], stand_ins[str(new.settings)]) == (str(TRAIN.settings), [])
