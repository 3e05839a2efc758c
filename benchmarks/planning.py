"""What a plan costs, by its number of jobs: prints the table of docs/scale.md.

Seeds of all models multiply the jobs. Listing them, with their settings and what must run again, is this project's part
(`Plan`, `jobs`, `Reruns`); `snakemake -n`, for the smaller ones, is the whole. Processor seconds and peak memory, each
in a process of its own.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

import timing
import yaml

HEAD = ["seeds a model", "jobs", "listed", "memory", "`snakemake -n`", "memory"]


def overlay(seeds: int, results: str) -> dict:
    """What is laid over config.yaml."""
    whole = yaml.safe_load((timing.ROOT / "config.yaml").read_text(encoding="utf-8"))
    models = {dataset: entry["models"] for dataset, entry in whole["datasets"].items()}
    numbers = list(range(1, seeds + 1))
    return {
        "results": results,
        "datasets": {dataset: {"models": {name: {"seeds": numbers} for name in models[dataset]}} for dataset in models},
    }


def listed(file: Path) -> tuple[int, float]:
    """The number of jobs, and the seconds that it takes to know all of them."""
    from snakemake.utils import update_config

    from medfusion.planning import config as configuration
    from medfusion.planning.jobs import jobs
    from medfusion.planning.plan import Plan
    from medfusion.reruns.identity import identity
    from medfusion.reruns.outdated import Planned, Reruns

    whole = yaml.safe_load((timing.ROOT / "config.yaml").read_text(encoding="utf-8"))
    update_config(whole, yaml.safe_load(file.read_text(encoding="utf-8")))
    start = time.process_time()
    plan = Plan(configuration.complete(whole))
    settings = Path(plan.results, "settings")
    planned = [
        Planned(
            settings / job.stage / f"{job.name}.json",
            identity(job.stage, job.config, 1, job.modules),
            (f"{job.stage}/{job.name}",),
        )
        for job in jobs(plan)
    ]
    Reruns(planned, plan.results, plan.config["data"])
    return len(planned), time.process_time() - start


def whole(file: Path) -> float:
    """The seconds that Snakemake takes for a plan of the report."""
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "-n",
        "-j",
        "8",
        "report",
        "--quiet",
        "all",
        "--configfile",
        str(file),
    ]
    subprocess.run(command, cwd=timing.ROOT, check=True, capture_output=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 20, 60, 250, 600, 1510], metavar="N")
    parser.add_argument("--whole", type=int, default=60, metavar="N", help="seeds up to which Snakemake plans too")
    parser.add_argument("--one", nargs=2, metavar=("WHAT", "FILE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        what, file = args.one
        os.chdir(timing.ROOT)
        number, seconds = listed(Path(file)) if what == "listed" else (0, whole(Path(file)))
        who = resource.RUSAGE_SELF if what == "listed" else resource.RUSAGE_CHILDREN
        print(number, seconds, resource.getrusage(who).ru_maxrss // 1024)
        return
    rows = []
    for seeds in args.seeds:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "overlay.yaml")
            file.write_text(yaml.safe_dump(overlay(seeds, f"{folder}/results")), encoding="utf-8")
            found = []
            for what in ("listed", "whole") if seeds <= args.whole else ("listed",):
                command = [sys.executable, __file__, "--one", what, str(file)]
                text = subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout
                found.append([float(word) for word in text.split()])
        (number, seconds, memory), *more = found
        row = [str(seeds), f"{number:,.0f}", f"{seconds:.1f} s", f"{memory:,.0f} MB"]
        row += [f"{more[0][1]:.0f} s", f"{more[0][2]:,.0f} MB"] if more else ["", ""]
        print(timing.table(HEAD, [row]).splitlines()[-1], flush=True)
        rows.append(row)
    print(timing.table(HEAD, rows))


if __name__ == "__main__":
    main()
