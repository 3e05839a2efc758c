"""The machine that the jobs run on: which Python, and how many of them at once."""

import os
import sys
from pathlib import Path
from typing import Any

import psutil

from medfusion.keeping import FORCE_VARIABLE

# Of the machine's memory, what jobs may take together.
SHARE = 0.85


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


def force_jobs(settings: Any) -> None:
    """Let jobs do their work again where --force, --forceall or --forcerun asked for it, whatever their records say.

    Parameters
    ----------
    settings : Snakemake's DAG settings
    """
    if settings.forceall or settings.forcetargets or settings.forcerun:
        os.environ[FORCE_VARIABLE] = "1"


def limit_memory(resources: Any) -> None:
    """Lower the memory that all jobs may take together (mem_mb) to what this machine has.

    Parameters
    ----------
    resources : Snakemake's global resources, changed in place
    """
    limit = int(SHARE * psutil.virtual_memory().total / 2**20)
    given = resources.get("mem_mb")
    if given is not None and given.value > limit:
        resources["mem_mb"] = type(given)("mem_mb", limit)
