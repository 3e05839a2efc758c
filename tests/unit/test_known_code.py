"""Tests of what is kept of all stages between runs: the same as is found anew, and never after a source has changed."""

import json
import sys

import pytest

from medfusion.reruns import fingerprint, known_code

STAGES = ("train_cnn", "draw_results", "report", "medfusion.learning.architectures.resnet28")


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """The file that is kept, in a folder of its own; and a function that asks as a new process does."""
    file = tmp_path / "known.json"
    monkeypatch.setattr(known_code, "_kept_file", lambda: file)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)

    def ask():
        for cached in (known_code._all_stages, known_code.library_versions, known_code._version):
            cached.cache_clear()
        return {stage: (known_code.code_hash(stage), known_code.library_versions(stage)) for stage in STAGES}

    yield file, ask
    for cached in (known_code._all_stages, known_code.library_versions, known_code._version):
        cached.cache_clear()


EXPECTED = {stage: (fingerprint.code_hash(stage), fingerprint.library_versions(stage)) for stage in STAGES}


def test_what_is_kept_is_what_is_found(kept, monkeypatch):
    file, ask = kept
    assert ask() == EXPECTED and file.exists()
    monkeypatch.setattr(fingerprint, "code_hash", None)  # not asked any more
    monkeypatch.setattr(fingerprint, "library_versions", None)
    assert ask() == EXPECTED
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_when_a_source_has_changed_it_is_found_anew(kept, monkeypatch):
    file, ask = kept
    ask()
    content = json.loads(file.read_text(encoding="utf-8"))
    stale = {stage: ["0" * 16, names] for stage, (_, names) in content["stages"].items()}
    file.write_text(json.dumps({**content, "stages": stale}), encoding="utf-8")
    assert ask()["report"][0] == "0" * 16
    monkeypatch.setattr(known_code, "_sources", lambda root: "others")
    assert ask() == EXPECTED


def test_a_hash_of_sources_sees_content_and_names(tmp_path):
    (tmp_path / "a.py").write_text("1")
    seen = {known_code._sources(tmp_path)}
    (tmp_path / "a.py").write_text("2")
    seen.add(known_code._sources(tmp_path))
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    seen.add(known_code._sources(tmp_path))
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/b.html").write_text("")
    seen.add(known_code._sources(tmp_path))
    assert len(seen) == 4


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"sources": 1}', '{"sources": "", "stages": [1]}', "\x00\xff"]
)
def test_what_is_no_file_of_ours_is_found_anew(kept, text):
    file, ask = kept
    file.write_text(text, encoding="utf-8")
    assert ask() == EXPECTED


def test_where_nothing_can_be_kept_it_is_found_anew(kept, monkeypatch):
    file, ask = kept
    monkeypatch.setattr(known_code, "_kept_file", lambda: file.parent / "none" / "known.json")
    assert ask() == EXPECTED
    monkeypatch.setattr(known_code, "_kept_file", lambda: file)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert ask() == EXPECTED
    assert not file.exists()


def test_an_unfinished_file_stops_only_those_who_use_it(tmp_path):
    (tmp_path / "sound.py").write_text("LIMIT = 1\n")
    (tmp_path / "unfinished.py").write_text("def main(\n")
    assert set(known_code._look(tmp_path)) == {"sound"}


def test_a_library_that_went_away_is_named(kept):
    file, ask = kept
    ask()
    content = json.loads(file.read_text(encoding="utf-8"))
    content["stages"]["report"][1].append("not-installed-anywhere")
    file.write_text(json.dumps(content), encoding="utf-8")
    assert ask()["report"] == EXPECTED["report"]  # the kept names are not believed


def test_a_stage_that_is_not_there_has_no_hash():
    assert known_code.code_hash("no_such_stage") == fingerprint.code_hash("no_such_stage")
