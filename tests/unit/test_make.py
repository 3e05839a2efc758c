"""Tests of what make says before it starts anything."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="no make on this machine")


def asked(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What make would do; not as part of the make that may run this test."""
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name and name != "MFLAGS"}
    command = ["make", "-n", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_an_overlay_that_is_not_there_is_named():
    done = asked("report", "CONFIG=configs/demo.yaml configs/fall.yaml")
    assert done.returncode != 0 and not done.stdout
    assert "CONFIG=configs/fall.yaml: there is no such file" in done.stderr


def test_a_warning_of_the_documentation_fails_the_linters():
    assert "sphinx-build -W " in asked("lint").stdout


def test_overlays_are_handed_on_in_their_order():
    done = asked("report", "CONFIG=configs/surrogate.yaml configs/full.yaml")
    assert " report --configfile configs/surrogate.yaml configs/full.yaml" in done.stdout
