"""Tests of configurations as text: broken files and repeated keys, by file and line."""

import os
from pathlib import Path

import pytest
from configurations import OVERLAYS, ROOT

from medfusion.errors import UserError
from medfusion.planning import config_text

BOMB = "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{x: *a{i - 1}, y: *a{i - 1}}}\n" for i in range(1, 60))
# What the file holds, and what is said of it after its name.
FAULTS = {
    "a tab": (b"a:\n\tb: 1\n", ", line 2: not valid YAML (found character that cannot start any token)"),
    "an open bracket": (b"a: [1,\n", ", line 2: not valid YAML (did not find expected node content)"),
    "two documents": (b"a: 1\n---\nb: 2\n", ", line 2: not valid YAML (but found another document)"),
    "an unknown alias": (b"a: *b\n", ", line 1: not valid YAML (found undefined alias)"),
    "a key twice": (b"a: 1\nb: 2\na: 3\n", ", line 3: the key 'a' is there twice"),
    "a key twice in a list": (b"a:\n  - {b: 1,\n     b: 2}\n", ", line 3: the key 'b' is there twice"),
    "another encoding": ("a: ü\n".encode("latin-1"), ": not a readable YAML file in UTF-8 ('utf-8' codec"),
    "UTF-16": ("a: b\n".encode("utf-16"), ": not a readable YAML file in UTF-8 (it is in UTF-16; save it as UTF-8)"),
    "a number in base 8": (b"a:\n- 010\n", ", line 2: YAML reads 010 in base 8, as 8; write 10, 8, or put a text in"),
    "a time": (b"a: 1\nb: 1:30\n", ", line 2: YAML reads 1:30 in base 60, as 90; write 90, or put a text in quotes"),
    "a time with a point": (b"a: 1:30.5\n", ", line 1: YAML reads 1:30.5 in base 60, as 90.5; write 90.5, or"),
    "a list that holds itself": (b"a: &x [*x]\n", ": not a readable YAML file in UTF-8 (its aliases stand for more"),
    "aliases of aliases": (
        BOMB.encode(),
        ": not a readable YAML file in UTF-8 (its aliases stand for more than 100,000",
    ),
    "lists in lists": (
        b"a: " + b"[" * 5000 + b"]" * 5000,
        ": not a readable YAML file in UTF-8 (too many lists or sections",
    ),
    "too long a file": (b"#" * 1_000_001, ": not a readable YAML file in UTF-8 (longer than 1,000,000 bytes)"),
    "an unprintable character": (b"a: \x00\n", ": not a readable YAML file in UTF-8"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_names_file_and_line(fault, tmp_path):
    content, message = FAULTS[fault]
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        config_text.check(path)
    assert str(caught.value).startswith(f"{path}{message}")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="absent.yaml: not a readable YAML file"):
        config_text.check(tmp_path / "absent.yaml")


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["a folder", "a pipe"])
def test_what_is_no_file_is_named(make, tmp_path):
    make(tmp_path / "x")
    with pytest.raises(UserError, match=r"x: not a readable YAML file in UTF-8 \((a folder|no regular file)"):
        config_text.check(tmp_path / "x")


def test_files_of_a_command_line_are_checked(tmp_path):
    (tmp_path / "good.yaml").write_text("a: 1\n", encoding="utf-8")
    good, bad = str(tmp_path / "good.yaml"), str(tmp_path / "absent.yaml")
    for arguments in (["--configfile", good, bad, "-n"], ["-n", f"--configfiles={bad}"]):
        with pytest.raises(UserError, match="absent.yaml"):
            config_text.check_arguments(["-j", "8", "--config", "results=x", *arguments])
    config_text.check_arguments(["report", "--configfile", good, "--config", "a=b", "-n"])
    config_text.check_arguments(["--configfile"])


@pytest.mark.parametrize("target", ["absent", "folder", "report.html"])
def test_a_target_behind_an_overlay_is_taken_for_one(target, tmp_path):
    (tmp_path / "good.yaml").write_text("a: 1\n", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    (tmp_path / "report.html").write_text("<!doctype html>\n<html lang='en'>: a: b\n", encoding="utf-8")
    good, bad = str(tmp_path / "good.yaml"), str(tmp_path / target)
    config_text.check_overlays([good, good])
    with pytest.raises(UserError, match=f"{target}.*; --configfile takes all names after it: a target stands before"):
        config_text.check_overlays([good, bad])
    for paths in ([bad], [good, str(tmp_path / "absent.yaml")]):
        with pytest.raises(UserError) as other:
            config_text.check_overlays(paths)
        assert "--configfile" not in str(other.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: 1",
        "- a",
        "a: &x {b: 1}\nc: {<<: *x, d: *x}",
        "? [a, b]\n: 1",
        "a: 08",
        "a: 1_000",
        "a: '010'",
        "a: 0.5",
        "a: 12.30",
        "a: 0",
    ],
)
def test_whatever_is_yaml_passes(text, tmp_path):
    (tmp_path / "config.yaml").write_text(text)
    config_text.check(tmp_path / "config.yaml")


@pytest.mark.parametrize("path", [ROOT / "config.yaml", *OVERLAYS], ids=lambda path: path.stem)
def test_our_own_files_pass(path):
    config_text.check(path)
