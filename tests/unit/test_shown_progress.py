"""Tests of what is shown of long work: of how many pictures predict is done with some, and a training's curve."""

import io
import math
import re
import sys

import pytest

from medfusion.learning.sparkline import sparkline
from medfusion.package import inputs, running


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("total", [600, None])
def test_elsewhere_than_on_a_terminal_lines_count(capsys, total):
    assert list(running.with_bar(range(600), total, 256, None)) == list(range(600))
    assert capsys.readouterr().err.splitlines() == ["256 images", "512 images"]


@pytest.mark.parametrize("total", [600, None])
def test_a_terminal_has_a_bar_and_keeps_what_is_said(monkeypatch, total):
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setenv("TERM", "xterm")
    found = []
    for number in running.with_bar(range(600), total, 256, None):
        found.append(number)
        if number == 300:
            running.say("refused: x.png: no picture")
    assert found == list(range(600)) and "refused: x.png: no picture\n" in terminal.getvalue()
    assert f"600/{total or '?'} images" in re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue())
    assert sys.stderr is terminal


def test_rows_on_the_terminal_are_not_torn_by_a_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert len(list(running.with_bar(range(300), 300, 256, None))) == 300
    assert terminal.getvalue() == "256 images\n"


def test_few_images_have_no_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    assert list(running.with_bar(range(20), 20, 256, "x.csv")) == list(range(20)) and terminal.getvalue() == ""


def test_pictures_are_counted_as_they_will_be_read(tmp_path):
    for name in ("a.png", "deep/b.JPG", "deep/._b.jpg", "notes.txt", ".hidden/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    read = list(inputs.items([str(tmp_path)], inputs.Form(None, 28, 3, None), lambda note: None))
    assert inputs.count([str(tmp_path), str(tmp_path / "a.png"), "not/there.png"]) == len(read) + 2 == 4
    assert inputs.count([str(tmp_path), "x.npz"]) is None


def test_a_curve_keeps_its_shape_in_few_blocks():
    falling = [1 / epoch for epoch in range(1, 200)]
    line = sparkline(falling)
    assert len(line) == 30 and line[0] == "█" and line[-1] == "▁" and list(line) == sorted(line, reverse=True)
    assert sparkline([1.0, math.nan, 2.0]) == "▁ █" and sparkline([math.inf]) == " "
