"""What a finished run cost beside the work itself, and what it takes to ask for it again."""

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import timing

from medfusion.jobs.costs import duration
from medfusion.reruns.records import Record, read_all

REPEATS = 5


def command(configfiles: Sequence[str], *more: str) -> list[str]:
    """What asks for the report."""
    overlays = ["--configfile", *configfiles] if configfiles else []
    return [sys.executable, "-m", "snakemake", "-j", "8", "report", *more, *overlays]


def finished(configfiles: Sequence[str]) -> bool:
    """Whether nothing of the report is left to do."""
    done = subprocess.run(command(configfiles, "-n"), cwd=timing.ROOT, capture_output=True, text=True, encoding="utf-8")
    return "Nothing to be done" in done.stdout + done.stderr


def rows(results: Path, configfiles: Sequence[str], processors: int) -> list[list[str]]:
    """The rows of the report on a finished run.

    Parameters
    ----------
    results : of the run
    configfiles : overlays that it was run with
    processors : that it could use
    """
    records = read_all(results)
    largest = max(records, key=lambda record: record.memory_mb)
    return [
        _span(records, processors),
        [
            "peak memory of any job",
            "1,500 MB",
            f"{largest.memory_mb:,.0f} MB",
            str(len(records)),
            f"`{largest.stage}`; the kernel's highest resident set",
        ],
        _again(configfiles),
    ]


def _span(records: Sequence[Record], processors: int) -> list[str]:
    """From the start of the first job to the end of the last."""
    ends = [datetime.fromisoformat(record.made).timestamp() for record in records]
    starts = [end - record.seconds for end, record in zip(ends, records, strict=True)]
    span = max(ends) - min(starts)
    worked = sum(record.cpu_seconds for record in records)
    available = span * processors
    return [
        f"the whole run, {len(records)} jobs of one thread, {processors} processors: overhead",
        f"the processors' time, {duration(available)}; the run took {duration(span)}",
        f"{1 - worked / available:.0%}",
        "1",
        "in no job: imports, once for all of them, Snakemake, processors that wait; fair if the run was one, on a "
        "machine of its own",
    ]


def _again(configfiles: Sequence[str]) -> list[str]:
    seconds = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        subprocess.run(command(configfiles), cwd=timing.ROOT, capture_output=True, check=True)
        seconds.append(time.perf_counter() - start)
    spread = f"{min(seconds[1:]):.1f} to {max(seconds[1:]):.1f} s"
    return [
        "the finished run asked for again: `snakemake -j 8 report`",
        "3 s",
        f"{statistics.median(seconds[1:]):.1f} s ({spread})",
        str(REPEATS),
        "wall time; nothing is to be done",
    ]
