"""Runs the examples in the docstrings of the library."""

import doctest
import importlib
from pathlib import Path

import pytest

import medfusion

FOLDER = Path(medfusion.__file__).parent
MODULES = sorted(
    ".".join(path.relative_to(FOLDER).with_suffix("").parts)
    for path in FOLDER.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_hold(name):
    failed, tried = doctest.testmod(importlib.import_module(f"medfusion.{name}"))
    assert tried > 0
    assert failed == 0
