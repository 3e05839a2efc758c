"""What a job depends on besides its input files: its settings, the meaning of its code, its libraries' versions."""

import json
from functools import cache
from typing import Any

from medfusion.reruns.known_code import code_hash, library_versions


def identity(stage: str, config: dict[str, Any], threads: int) -> dict[str, Any]:
    """What the settings file of a job holds: "stage", "config" (with the threads), "code" and "libraries".

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
    settings = json.loads(json.dumps({"threads": threads, **config}))  # as read from a file: with lists for tuples
    return {"config": settings, **_of_stage(stage)}


@cache
def _of_stage(stage: str) -> dict[str, Any]:
    """What all jobs of a stage have in common, and share: not to be changed."""
    return {"stage": stage, "code": code_hash(stage), "libraries": library_versions(stage)}
