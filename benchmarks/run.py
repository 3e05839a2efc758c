"""Measure what the workflow costs against what one would write without it; write docs/performance.md. `make bench`.

Needs the results of a run on real data: `make report`.
"""

import argparse
import functools
import os
import sys
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

import augmentation
import grids
import near_duplicates
import nearest
import reach
import starts
import throughput
import timing
import workflow

from medfusion.files.images import describe

HEAD = ["what", "against", "measured", "repeats", "notes"]
TEXT = """\
# Measured performance

Written by `make bench` on {date}: {machine}. A ratio is processor time of the other side divided by ours, both in turn
in processes of their own on the same inputs; the median of its repeats, with their range. Blood stands for
{data}.

{table}

How cost grows with the number and the size of images (`make bench-large`): [memory.md](memory.md#how-cost-grows).
"""


def main() -> None:
    """Run the benches and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("results"), help="of a finished run (default: results)")
    parser.add_argument("--configfile", nargs="+", default=[], metavar="FILE", help="overlays that it was run with")
    parser.add_argument("--processors", type=int, default=os.cpu_count(), help="that the run could use")
    names = ["throughput", "augmentation", "near_duplicates", "nearest", *grids.GRIDS, "reach", "workflow", "starts"]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="BENCH", help=", ".join(names))
    parser.add_argument("--out", type=Path, default=timing.ROOT / "docs/performance.md")
    args = parser.parse_args()
    results = args.results.resolve()
    images = results / "blood/images/train.h5"
    if not images.exists() or describe(images).generated:
        sys.exit(f"error: {args.results}: no run on real images of blood cells; run `make report` first")
    if "workflow" in args.only and not workflow.finished(args.configfile):
        sys.exit("error: the run is not finished, or was with other overlays; run `make report` first")
    benches = {
        "throughput": throughput.rows,
        "augmentation": lambda: augmentation.rows(results),
        "near_duplicates": lambda: near_duplicates.rows(results),
        "nearest": lambda: nearest.rows(results),
        **{name: functools.partial(grids.rows, name, results) for name in grids.GRIDS},
        "reach": lambda: reach.rows(results),
        "workflow": lambda: workflow.rows(results, args.configfile, args.processors),
        "starts": lambda: starts.rows(args.processors),
    }
    machine, rows = timing.machine(), []
    for name in args.only:
        print(f"{name} …", file=sys.stderr, flush=True)
        found = benches[name]()
        print(timing.table(HEAD, found), flush=True)
        rows += found
    table, data = timing.table(HEAD, rows), timing.config(args.configfile)["datasets"]["blood"]["label"]
    text = TEXT.format(date=date.today().isoformat(), machine=machine, data=data or "BloodMNIST", table=table)
    args.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
