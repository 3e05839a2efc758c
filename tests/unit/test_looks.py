"""Tests of the ledger of looks at test splits: what is added, counted and kept, and what it bears."""

import json
import os
import subprocess
import sys
from pathlib import Path

import made_runs
import numpy as np
import pytest

from medfusion.jobs import looks
from medfusion.tools import snapshots

LABELS = np.array([0, 1, 1, 0])
LIBRARY = str(Path(looks.__file__).parents[2])
ADDING = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from medfusion.jobs import looks
for number in range(25):
    assert looks.record("breast", np.array([0, 1]), [f"{sys.argv[2]}/{number}/" + 300 * "x"]) is None
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(looks.VARIABLE, raising=False)
    return tmp_path


def look(monkeypatch, date="2026-01-01", commit="c", configuration="one", dataset="breast", labels=LABELS):
    of_run = json.loads(looks.of_run([], (commit, False)))
    monkeypatch.setenv(looks.VARIABLE, json.dumps({**of_run, "date": date, "configuration": configuration}))
    assert looks.record(dataset, labels, ["net/seed1/cnn"]) is None


def before(dataset="breast"):
    return looks.before(dataset, looks.read())


def test_a_line_says_when_with_what_and_what_was_read(monkeypatch):
    look(monkeypatch)
    (line,) = looks.LEDGER.read_text().splitlines()
    entry = json.loads(line)
    assert entry.pop("at").endswith("+00:00")
    assert entry == {
        **{"date": "2026-01-01", "commit": "c", "changed": False, "configuration": "one"},
        **{"dataset": "breast", "test_labels": looks.name_of(LABELS), "n": 4, "read": ["net/seed1/cnn"]},
    }


def test_outside_a_run_it_is_recorded_all_the_same():
    assert looks.record("breast", LABELS, []) is None
    (entry,) = looks.read()
    assert (entry["commit"], entry["configuration"]) == (None, None) and entry["date"] == entry["at"][:10]


def test_jobs_of_one_run_are_one_look_and_anything_else_is_another(monkeypatch):
    assert before() is None
    for dataset in ("breast", "breast", "blood"):
        look(monkeypatch, dataset=dataset, labels=LABELS if dataset == "breast" else LABELS[::-1][:3])
    assert (before(), before("blood")) == (0, 0)
    for number, other in enumerate(({"date": "2026-01-02"}, {"commit": "d"}, {"configuration": "two"}), 1):
        look(monkeypatch, **other)
        look(monkeypatch, **other)
        assert before() == number
    assert before("blood") == 0 and before("own") is None


def test_another_split_begins_anew_and_another_name_does_not(monkeypatch):
    look(monkeypatch)
    look(monkeypatch, configuration="two", dataset="renamed")
    assert before("renamed") == 1
    look(monkeypatch, configuration="three", labels=1 - LABELS)
    assert before() == 0
    assert looks.name_of(np.eye(2, dtype=int)) != looks.name_of(np.array([1, 0, 0, 1]))


def test_the_name_of_a_run_follows_from_its_jobs():
    one = [{"stage": "evaluate", "code": "a"}]
    assert looks.of_run(one, None) == looks.of_run([dict(reversed(one[0].items()))], None)
    assert looks.of_run(one, None) != looks.of_run([{"stage": "evaluate", "code": "b"}], None)


def test_without_git_a_run_has_no_commit():
    assert {"commit": None, "changed": False}.items() <= json.loads(looks.of_run([], None)).items()
    assert {"commit": "c", "changed": True}.items() <= json.loads(looks.of_run([], ("c", True))).items()


def test_many_processes_add_at_once_and_no_line_is_lost():
    added = [subprocess.Popen([sys.executable, "-c", ADDING, LIBRARY, str(number)]) for number in range(4)]
    assert [process.wait() for process in added] == [0] * 4
    found = [entry["read"][0].split("/")[:2] for entry in looks.read()]
    assert sorted(found) == sorted([str(process), str(number)] for process in range(4) for number in range(25))


GARBAGE = [b"\xff\xfe\0", b"{", b"[]", b"null", b"[" * 100_000, b'"' + b"x" * 1000]
GARBAGE += [b'{"at": "a", "date": "2026-01-01", "dataset": "breast", "test_labels": ["a"]}']


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_is_passed_over_and_a_line_that_was_cut_short_spoils_no_other(garbage, monkeypatch):
    look(monkeypatch)
    with open(looks.LEDGER, "ab") as file:
        file.write(garbage)  # without an end of line
    look(monkeypatch, configuration="two")
    assert len(looks.read()) == 2 and before() == 1
    assert garbage in looks.LEDGER.read_bytes()


@pytest.mark.parametrize("kind", ["folder", "pipe", "link", "read-only folder"])
def test_where_it_cannot_be_written_that_is_said_and_nothing_else_happens(kind, here, monkeypatch):
    if kind == "read-only folder":

        def refuse(*_):
            raise PermissionError(13, "Permission denied", "looks.jsonl")

        monkeypatch.setattr(looks.os, "open", refuse)  # root may write anywhere
    else:
        make = {"folder": Path.mkdir, "pipe": os.mkfifo, "link": lambda path: path.symlink_to(here / "mine.txt")}
        (here / "mine.txt").write_text("mine")
        make[kind](looks.LEDGER)
    said = looks.record("breast", LABELS, [])
    assert said.startswith("looks.jsonl: ") and said.endswith("; this look at the test split is not recorded")
    assert kind in ("folder", "pipe") or kind == "read-only folder" or (here / "mine.txt").read_text() == "mine"
    assert looks.read() == []


def test_snapshots_keep_the_lines_of_their_own_test_labels(here, monkeypatch):
    results = made_runs.write_run(here, {("breast", "net", 1, "cnn"): {0, 1}})
    look(monkeypatch, labels=made_runs.labels("breast"))
    look(monkeypatch, dataset="other")
    folder = snapshots.take("one", results, here / "into")
    (kept,) = looks.read(folder / looks.LEDGER)
    assert kept["dataset"] == "breast"
    snapshots.take("one", results, here / "into", replace=True)
    looks.LEDGER.unlink()
    assert not (snapshots.take("two", results, here / "into") / looks.LEDGER).exists()
