"""Measure what the workflow costs against what one would write without it; write docs/performance.md. `make bench`.

Needs the results of a finished run on real data: `make report`.
"""

import argparse
import sys
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

import augmentation
import grids
import reach
import throughput
import timing
import workflow

HEAD = ["what", "against", "measured", "repeats", "notes"]
TEXT = """\
# Measured performance

Written by `make bench` on {date}: {machine}. A ratio is processor time of the other side divided by ours, both in turn
in processes of their own on the same inputs, imports left out; the median of its repeats, with their range.

{table}
"""


def main() -> None:
    """Run every bench and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("results"), help="of a finished run (default: results)")
    parser.add_argument("--configfile", nargs="+", default=[], metavar="FILE", help="overlays that it was run with")
    parser.add_argument("--out", type=Path, default=timing.ROOT / "docs/performance.md")
    args = parser.parse_args()
    results = args.results.resolve()
    if not (results / "blood/compact_resnet/seed1/features.h5").exists():
        sys.exit(f"error: {args.results}: no finished run with BloodMNIST; run `make report` first")
    benches = {
        "throughput": throughput.rows,
        "augmentation": lambda: augmentation.rows(results),
        "grids": lambda: grids.rows(results),
        "reach": lambda: reach.rows(results),
        "workflow": lambda: workflow.rows(results, args.configfile),
    }
    rows = []
    for name, bench in benches.items():
        print(f"{name} …", file=sys.stderr, flush=True)
        found = bench()
        print(timing.table(HEAD, found), flush=True)
        rows += found
    text = TEXT.format(date=date.today().isoformat(), machine=timing.machine(), table=timing.table(HEAD, rows))
    args.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
