"""What a job depends on besides its input files: its settings, the meaning of its code, its libraries' versions."""

import json
from functools import cache
from typing import Any

from medfusion.planning.fingerprint import code_hash, library_versions


def identity(stage: str, config: dict[str, Any], threads: int) -> dict[str, Any]:
    """What the settings file of a job holds.

    Parameters
    ----------
    stage : the name of its program
    config : its part of the configuration
    threads : processor threads a job, which every result depends on

    Raises
    ------
    UserError
        If a library that the program imports is not installed.
    """
    content = {"config": {"threads": threads, **config}, **_of_stage(stage)}
    return json.loads(json.dumps(content))  # as it is read from a file: with lists for tuples


@cache
def _of_stage(stage: str) -> dict[str, Any]:
    """What all jobs of a stage have in common; found once, because it means to parse all their modules."""
    return {"stage": stage, "code": code_hash(stage), "libraries": library_versions(stage)}
