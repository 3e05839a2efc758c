"""Imports of large packages, without what they import themselves for what no stage uses."""

import contextlib
import gc
import sys
from collections.abc import Iterator, Sequence
from typing import Any


@contextlib.contextmanager
def imported_quickly(without: Sequence[str]) -> Iterator[None]:
    """Let imports of packages fail as if they were not installed, and look for no garbage: imports leave none.

    Parameters
    ----------
    without : names of packages; one that is imported already stays
    """
    hidden = [name for name in without if name not in sys.modules]
    missing: dict[str, Any] = dict.fromkeys(hidden)  # None is Python's own mark
    sys.modules.update(missing)
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
        for name in hidden:
            del sys.modules[name]
