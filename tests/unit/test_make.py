"""Tests of what make says before it starts anything."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="no make on this machine")


def made(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """What make says; not as part of the make that may run this test."""
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name and name != "MFLAGS"}
    return subprocess.run(["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True)


def asked(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What make would do."""
    return made("-n", *arguments)


def test_an_overlay_that_is_not_there_is_named():
    done = asked("report", "CONFIG=configs/demo.yaml configs/fall.yaml")
    assert done.returncode != 0 and not done.stdout
    assert "CONFIG=configs/fall.yaml: there is no such file" in done.stderr


def test_a_warning_of_the_documentation_fails_the_linters():
    assert "sphinx-build -W " in asked("lint").stdout


def test_overlays_are_handed_on_in_their_order():
    done = asked("report", "CONFIG=configs/surrogate.yaml configs/full.yaml")
    assert " report --configfile configs/surrogate.yaml configs/full.yaml" in done.stdout


@pytest.mark.parametrize("target", ["demo", "report"])
def test_bars_are_drawn_on_a_terminal_alone(target):
    assert "/snakemake --logger rich -j " in asked(target, "MAKE_TERMERR=/dev/tty").stdout
    assert "--logger" not in asked(target).stdout


@pytest.mark.parametrize("linked", [False, True])
def test_an_environment_of_somebody_else_stays(tmp_path, linked):
    folder, theirs = tmp_path / "project", tmp_path / "shared"
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "requirements.txt").touch()
    environment = theirs if linked else folder / ".venv"
    environment.mkdir()
    (environment / "pyvenv.cfg").write_text("home = /usr/bin\n", encoding="utf-8")
    if linked:
        (folder / ".venv").symlink_to(theirs)
    done = made("report", folder=folder)
    assert done.returncode != 0 and ".venv is not an environment that make made: move it elsewhere" in done.stderr
    assert [path.name for path in environment.iterdir()] == ["pyvenv.cfg"]
