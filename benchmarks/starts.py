"""What it saves that jobs start as copies of a process with their libraries: the whole demo with and without, in turn.

Prints a table: seconds of either run, the processor seconds of its jobs by their records, and the ratios, each the
median of the repeats. Nothing else may run beside it.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

import timing

from medfusion.jobs.warm import COLD_VARIABLE


def run(cores: int, environment: dict[str, str]) -> tuple[float, float]:
    """Seconds of a run of the demo from nothing, and processor seconds of its jobs."""
    with tempfile.TemporaryDirectory() as results:
        command = [sys.executable, "-m", "snakemake", "-j", str(cores), "report", "--nolock", "--quiet", "all"]
        command += ["--configfile", "configs/demo.yaml", "--config", f"results={results}"]
        start = time.monotonic()
        subprocess.run(command, cwd=timing.ROOT, env={**os.environ, **environment}, check=True, capture_output=True)
        seconds = time.monotonic() - start
        records = Path(results, "records").glob("*/*.json")
        return seconds, sum(json.loads(path.read_text(encoding="utf-8"))["cpu_seconds"] for path in records)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cores", type=int, default=2 * (os.cpu_count() or 1), help="-j of Snakemake")
    args = parser.parse_args()
    pairs = [(run(args.cores, {COLD_VARIABLE: "1"}), run(args.cores, {COLD_VARIABLE: ""})) for _ in range(args.repeats)]
    print("| | each anew | copies | ratio |\n| --- | --- | --- | --- |")
    for place, name in enumerate(("seconds of the run", "processor seconds of its jobs")):
        anew, copies = ([pair[side][place] for pair in pairs] for side in (0, 1))
        ratios = [one / other for one, other in zip(anew, copies, strict=True)]
        print(
            f"| {name} | {statistics.median(anew):.0f} | {statistics.median(copies):.0f} "
            f"| {statistics.median(ratios):.2f}× ({min(ratios):.2f} to {max(ratios):.2f}) |"
        )


if __name__ == "__main__":
    main()
