"""The pictures of README and documentation, made anew from the finished run. Skipped where there is no browser."""

import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import chromium
import numpy as np
import pytest
from PIL import Image

from medfusion.errors import UserError
from medfusion.tools import web_runtime

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs"))

import pictures  # noqa: E402

SIZES = {"report.png": (1280, 1100), "try.png": (1000, 900)}


def check(folder):
    """The words of the terminal, if all pictures are small, whole, and show something."""
    for name, size in SIZES.items():
        assert (folder / name).stat().st_size < pictures.LARGEST
        with Image.open(folder / name) as picture:
            assert picture.size == size
            assert np.asarray(picture.convert("L")).std() > 10
    text = (folder / "terminal.svg").read_text(encoding="utf-8")
    assert len(text) < pictures.LARGEST and "@font-face" not in text
    words = " ".join("".join(ElementTree.fromstring(text).itertext()).split())
    assert re.search(r"\$ make report \w+: selected .* test accuracy 0\.\d{3} .* Open results/report.html", words)
    assert "not for clinical use: nobody may be diagnosed with it" in words
    assert "ranking.csv state as it was made" in words
    return words


def test_those_that_are_shown_are_small_and_whole():
    check(ROOT / "docs")
    shown = "".join(path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
    assert [name for name in (*SIZES, "terminal.svg") if f"{name})" not in shown] == []


@chromium.NEEDS_BROWSER
def test_one_command_makes_them_from_a_finished_run(finished, tmp_path):
    try:
        web_runtime.obtain(ROOT / "data")
    except UserError as error:
        pytest.skip(str(error))
    pictures.make(finished.folder / "results", tmp_path, ROOT / "data")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.png", "terminal.svg", "try.png"]
    words = check(tmp_path)
    assert "GENERATED images" in words and str(finished.folder) not in words


def test_what_is_missing_is_named_and_nothing_is_made(finished, tmp_path):
    (tmp_path / "results").mkdir()
    for results, into, message in (
        (tmp_path / "results", tmp_path, "report.html: missing; type `snakemake -j 8 report export` first"),
        (finished.folder / "results", tmp_path / "none", "no such folder; --into names where"),
    ):
        with pytest.raises(UserError, match=message):
            pictures.make(results, into, ROOT / "data")
    with pytest.raises(UserError, match=r"other/try/system.json: missing"):
        pictures.make(finished.folder / "results", tmp_path, ROOT / "data", "other")
    assert [path.name for path in tmp_path.iterdir()] == ["results"]
