"""The machine that the jobs run on: which Python, and how many of them at once."""

import os
import sys
from pathlib import Path


def prefer_own_python() -> None:
    """Make `python` in a rule's command the one that runs Snakemake, whether its environment is active or not."""
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def share_of_cores(processors: int, cores: int | None) -> int:
    """Slots of `-j cores` for a job that keeps some processors busy.

    `-j 8` on two processors then runs two such jobs at once, not eight, which would only take memory. On a cluster,
    where there is no number of cores, it is the number itself.
    """
    if not cores:
        return processors
    return max(processors, cores * processors // (os.cpu_count() or 1))
