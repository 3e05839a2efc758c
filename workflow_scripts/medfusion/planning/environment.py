"""The machine that the jobs run on: which Python, and how many of them at once."""

import contextlib
import ctypes.util
import importlib.util
import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil

from medfusion.errors import UserError
from medfusion.planning.runs import PlannedJob
from medfusion.reruns.fingerprint import modules

# Of the machine's memory, what jobs may take together.
SHARE = 0.85
NVIDIA = "/proc/driver/nvidia/gpus"  # a folder for each GPU that the driver runs
WINDOWS_DRIVER = "/usr/lib/wsl/lib/libcuda.so.1"  # what stands for it in Windows' Subsystem for Linux
SLOW_IMPORTS = ("tensorflow", "matplotlib")  # the slowest first
TRAINING = {"train_cnn", "learning_curve"}
# Megabytes of the machine's memory, not the GPU's, that CUDA's libraries take in a job that asks for a GPU: a guess,
# and plenty; no GPU was at hand to measure it.
CUDA_MEMORY = 4500
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


def by_attempt(first: int, attempt: int, limit: int | None = None) -> int:
    """Memory or time that a job asks for when it is tried again: as much again with each attempt.

    Parameters
    ----------
    first : what it asks for at first
    attempt : 1 at first
    limit : what it may ask for at most, unless it asks for more at first

    >>> [by_attempt(1500, attempt, limit=4000) for attempt in (1, 2, 3)], by_attempt(1500, 2, limit=1000)
    ([1500, 3000, 4000], 1500)
    """
    wanted = first * attempt
    return wanted if limit is None else max(first, min(wanted, limit))


def memory() -> int:
    """Megabytes of memory that this machine has, or that the container has that this process is in."""
    limits = [psutil.virtual_memory().total]
    for file in CONTAINER_LIMITS:
        with contextlib.suppress(OSError, ValueError):  # no container, or one without a limit ("max")
            limits.append(int(Path(file).read_text(encoding="ascii")))
    return min(limits) // 2**20


def memory_for_jobs() -> int:
    """Megabytes that jobs may take together on this machine."""
    return int(SHARE * memory())


def too_large(jobs: Iterable[PlannedJob], limit: int | None) -> str | None:
    """Which jobs need more memory than all jobs together may take, if any: Snakemake runs them, one at a time."""
    if limit is None:
        return None
    large = {job.rule: job.memory_mb for job in jobs if job.memory_mb and job.memory_mb > limit}
    if not large:
        return None
    return (
        f"Jobs may take {limit} MB of memory together (mem_mb); some need more alone: "
        f"{', '.join(f'{name} {need}' for name, need in sorted(large.items()))}. "
        "They run one at a time, and may fail; where there is more, say so: --resources mem_mb=…"
    )


def trains(jobs: Iterable[PlannedJob]) -> bool:
    """Whether a run trains a network."""
    return any(job.rule in TRAINING for job in jobs)


def library_sets(jobs: Iterable[PlannedJob], libraries: Mapping[str, Iterable[str]]) -> list[dict[str, str]]:
    """The stages of a run, with their programs, by the libraries that take seconds to import; if for two jobs or more.

    Not those of TensorFlow where it may use a GPU: copies of a process that imported it were tried without one only.

    Parameters
    ----------
    libraries : that a stage imports
    """
    stages: dict[str, list[str]] = {}
    for job in jobs:
        if job.rule in libraries:
            slowest = next((name for name in SLOW_IMPORTS if name in libraries[job.rule]), "")
            stages.setdefault(slowest, []).append(job.rule)
    if _gpus() and _has_cuda():
        stages.pop("tensorflow", None)
    return [{stage: modules(stage)[0] for stage in of_set} for of_set in stages.values() if len(of_set) > 1]


def training_device(jobs: Iterable[PlannedJob]) -> str | None:
    """On what the networks of a run are trained, in a line, without importing TensorFlow; None where none is trained.

    A GPU is taken where NVIDIA's driver runs one and the libraries are there that TensorFlow needs for it.
    """
    if not trains(jobs):
        return None
    names = ", ".join(_gpus())
    if names and _has_cuda():
        return f"Networks are trained on the GPU ({names})."
    if names:
        return f"There is an NVIDIA GPU ({names}), and this TensorFlow cannot use it: make gpu (docs/clusters.md)."
    return "Networks are trained on processors."


def _gpus() -> list[str]:
    """The kinds of NVIDIA's GPUs that are not hidden."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return []
    models = []
    for file in sorted(Path(NVIDIA).glob("*/information")):
        found = re.search(r"^Model:\s*(.+)$", file.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
        models.append(found[1].strip() if found else "NVIDIA GPU")
    if not models and os.path.exists(WINDOWS_DRIVER):
        models.append("NVIDIA GPU")
    return list(dict.fromkeys(models))


def _has_cuda() -> bool:
    """Whether CUDA's libraries are there, in this environment (`make gpu`) or on the system."""
    ours = importlib.util.find_spec("nvidia") and importlib.util.find_spec("nvidia.cudnn")
    return bool(ours or ctypes.util.find_library("cudnn"))
