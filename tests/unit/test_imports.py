"""Imports without what no stage uses: hidden for their time alone."""

import gc
import importlib.util
import sys

import pytest

from medfusion.learning.imports import imported_quickly


def test_a_package_is_missing_within_and_found_afterwards(monkeypatch):
    monkeypatch.delitem(sys.modules, "this", raising=False)
    with imported_quickly(without=("this",)):
        with pytest.raises(ImportError, match="this"):
            import this  # noqa: F401
        assert not gc.isenabled()
    assert "this" not in sys.modules and importlib.util.find_spec("this") and gc.isenabled()


def test_what_is_imported_already_stays():
    with imported_quickly(without=("pytest",)):
        assert sys.modules["pytest"] is pytest


def test_who_collects_no_garbage_goes_on_so_even_after_an_error():
    gc.disable()
    try:
        with pytest.raises(ImportError), imported_quickly(without=()):
            raise ImportError("a package is missing")
        assert not gc.isenabled()
    finally:
        gc.enable()
