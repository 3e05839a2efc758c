"""The machine that the jobs run on: which Python, and how many of them at once."""

import contextlib
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil

from medfusion.errors import UserError
from medfusion.jobs.keeping import FORCE_VARIABLE

# Of the machine's memory, what jobs may take together.
SHARE = 0.85
# Megabytes of the two Snakemakes of a job that was submitted: the one that the scheduler starts, and the one that this
# starts to run the command. Each had 140 when it was measured.
BESIDE_PROGRAM = 300
# Where Linux tells what a container may take (cgroups, version 2 and 1).
CONTAINER_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def prefer_own_python() -> None:
    """Make `python` in a rule's command the one that runs Snakemake, whether its environment is active or not."""
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def programs(project: Path) -> Path:
    """The folder of the stages' programs, as one would type it where possible, so that a printed command works by hand.

    Raises
    ------
    UserError
        If Snakemake would take a part of its path for a wildcard.
    """
    if project.samefile(Path.cwd()):
        return Path("workflow_scripts")
    return without_wildcards(project, "rename the folder, or start Snakemake inside it") / "workflow_scripts"


def without_wildcards(folder: Path, way_out: str) -> Path:
    """A folder as it is given.

    Raises
    ------
    UserError
        If Snakemake would take a part of its path for a wildcard.
    """
    if found := re.search(r"\{\s*\w[^{}]*\}", str(folder)):
        raise UserError(f"{folder}: Snakemake takes {found[0]} for a wildcard; {way_out}")
    return folder


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


def memory() -> int:
    """Megabytes of memory that this machine has, or that the container has that this process is in."""
    limits = [psutil.virtual_memory().total]
    for file in CONTAINER_LIMITS:
        with contextlib.suppress(OSError, ValueError):  # no container, or one without a limit ("max")
            limits.append(int(Path(file).read_text(encoding="ascii")))
    return min(limits) // 2**20


def limit_memory(resources: Any) -> None:
    """Lower the memory that all jobs may take together (mem_mb) to what this machine has.

    Parameters
    ----------
    resources : Snakemake's global resources, changed in place
    """
    limit = int(SHARE * memory())
    given = resources.get("mem_mb")  # without a value where there is no limit
    if given.value is not None and given.value > limit:
        resources["mem_mb"] = type(given)("mem_mb", limit)


def leave_room_beside(rules: Iterable[Any]) -> None:
    """Raise the memory of jobs that are submitted: two Snakemakes stay beside a program, and a scheduler counts them.

    Parameters
    ----------
    rules : Snakemake's, changed in place; those that declare no memory are left alone
    """
    for rule in rules:
        if need := _declared_memory(rule):
            rule.resources["mem_mb"] = type(rule.resources["mem_mb"])("mem_mb", need + BESIDE_PROGRAM)


def _declared_memory(rule: Any) -> int | None:
    """The megabytes that a rule declares; None for none, or for what Snakemake is to guess from the inputs."""
    resource = rule.resources.get("mem_mb")
    return None if resource is None or resource.is_evaluable() else resource.value


def too_large(jobs: Iterable[Any], resources: Any) -> str | None:
    """Which jobs need more memory than all jobs together may take, if any: Snakemake runs them, one at a time.

    Parameters
    ----------
    jobs : Snakemake's jobs
    resources : its global resources
    """
    limit = resources.get("mem_mb").value
    if limit is None:
        return None
    needs = {job.rule.name: _declared_memory(job.rule) for job in jobs}
    if not (large := [f"{name} {need}" for name, need in sorted(needs.items()) if need and need > limit]):
        return None
    return (
        f"Jobs may take {limit} MB of memory together (mem_mb); some need more alone: {', '.join(large)}. "
        "They run one at a time, and may fail; where there is more, say so: --resources mem_mb=…"
    )
