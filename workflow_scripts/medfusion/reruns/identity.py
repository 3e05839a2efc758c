"""What a job depends on besides its input files: its settings, the meaning of its code, its libraries' versions."""

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

from medfusion.reruns.known_code import code_hash, library_versions


def identity(stage: str, config: dict[str, Any], threads: int, modules: Iterable[str] = ()) -> dict[str, Any]:
    """What the settings file of a job holds: "stage", "config" (with the threads), "code", "libraries", and "modules".

    Parameters
    ----------
    stage : the name of its program
    config : its part of the configuration
    threads : processor threads a job, which every result depends on
    modules : those that the program imports by name, as its settings say; "modules" has a hash for each, and is not
        there where there are none

    Raises
    ------
    UserError
        If a library that the program imports is not installed.
    """
    settings = json.loads(json.dumps({"threads": threads, **config}))  # as read from a file: with lists for tuples
    return {"config": settings, **_of_code(stage, tuple(modules))}


@cache
def _of_code(stage: str, modules: tuple[str, ...]) -> dict[str, Any]:
    """What jobs of the same code have in common, and share: not to be changed."""
    libraries = {name: version for start in (stage, *modules) for name, version in library_versions(start).items()}
    imported = {"modules": {module: code_hash(module) for module in modules}} if modules else {}
    return {"stage": stage, "code": code_hash(stage), **imported, "libraries": libraries}
