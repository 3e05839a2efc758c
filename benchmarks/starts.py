"""What it saves that jobs start as copies of a process with their libraries: the demo with and without it."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import timing

from medfusion.jobs.warm import COLD_VARIABLE
from medfusion.reruns.records import read_all

REPEATS = 3


def rows(processors: int) -> list[list[str]]:
    """The rows of the report, by runs in turn beside which nothing else may run.

    Parameters
    ----------
    processors : that they can use
    """
    pairs = [(_run(processors, "1"), _run(processors, "")) for _ in range(REPEATS)]
    jobs = pairs[0][0][2]
    return [
        [
            f"the demo from nothing, {jobs} jobs, {processors} processors: {what}",
            "each job imports its libraries",
            f"{statistics.median(ratios):.1f}× ({min(ratios):.1f} to {max(ratios):.1f})",
            str(REPEATS),
            f"{statistics.median(pair[0][place] for pair in pairs):.0f} s to "
            f"{statistics.median(pair[1][place] for pair in pairs):.0f} s",
        ]
        for place, what in enumerate(("wall time", "processor time of its jobs"))
        if (ratios := [anew[place] / copies[place] for anew, copies in pairs])
    ]


def _run(processors: int, cold: str) -> tuple[float, float, int]:
    """Seconds of a run, processor seconds of its jobs by their records, and how many they are."""
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder, "results")
        command = [sys.executable, "-m", "snakemake", "-j", str(4 * processors), "report", "--nolock"]
        command += ["--configfile", "configs/demo.yaml", "--config", f"results={results}"]
        start = time.monotonic()
        environment = {**os.environ, COLD_VARIABLE: cold}
        subprocess.run(command, cwd=timing.ROOT, env=environment, check=True, capture_output=True)
        seconds, records = time.monotonic() - start, read_all(results)
        return seconds, sum(record.cpu_seconds for record in records), len(records)
