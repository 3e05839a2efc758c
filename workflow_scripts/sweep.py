"""Run the workflow with several values of configuration keys, and put what was measured into one table.

Each combination of values is a run in a folder of its own, results/sweep/POINT. What a run before it has made already
is taken over, so that only the jobs that a value touches are done. The same command again does nothing anew.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

from medfusion import escaping
from medfusion.errors import UserError

ROOT = Path(__file__).resolve().parents[1]
EPILOG = """\
example:
  python workflow_scripts/sweep.py networks.breast_cnn.training.learning_rate=0.001,0.0003 evaluation.seed=0,1

The table is in the order of validation. Choosing by the test split would make its figures too good.
Ends with 1 if a point failed; the others are run and listed all the same."""


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "keys", metavar="KEY=V1,V2,…", nargs="+", help="a key of config.yaml by its dotted path; YAML values"
    )
    parser.add_argument("--configfile", nargs="+", action="extend", default=[], metavar="FILE", help="overlays")
    parser.add_argument(
        "--target", choices=["metrics", "report"], default="metrics", help="what each run makes (default: metrics)"
    )
    parser.add_argument("-j", "--cores", type=int, default=8, metavar="N", help="as for snakemake (default: 8)")
    parser.add_argument(
        "-n",
        "--dry-run",
        action="store_true",
        help="say which jobs would run, and run none; the points' folders are made all the same",
    )
    parser.add_argument("--metric", default="accuracy", help="that is printed (default: accuracy); the CSV holds all")
    parser.add_argument(
        "--out", metavar="FILE", help="CSV file; beside it the same as Markdown (default: results/sweep/sweep.csv)"
    )
    args = parser.parse_args()
    if args.cores < 1:
        parser.error(f"-j: {args.cores}; expected at least 1")
    if args.out and (Path(args.out).suffix.lower() != ".csv" or Path(args.out).is_dir()):
        parser.error(f"--out: {args.out}; expected the name of a file that ends in .csv")
    escaping.speak_utf8()

    from medfusion.tools import sweeps

    try:
        base, points = sweeps.plan(args.keys, ROOT, args.configfile)
        results = base["results"].rstrip("/")
        failed = _run_all(sweeps, results, points, args)
        if not args.dry_run:
            _account(sweeps, [point for point in points if point not in failed], failed, results, args)
    except UserError as error:
        escaping.stop(f"error: {error}")
    except OSError as error:
        escaping.stop(f"error: {error.filename or 'standard output'}: {error.strerror}")
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on where it stopped")
    sys.exit(bool(failed))


def _run_all(sweeps, results, points, args):
    """Run every point, one after another; those that failed."""
    failed = []
    for number, point in enumerate(points, 1):
        sweeps.write_overlay(point)
        log = Path(f"{point.results}.log")
        target = f"{point.results}/{'metrics.csv' if args.target == 'metrics' else 'report.html'}"
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "-j", str(args.cores)]
        command += [target, "--configfile", *args.configfile, str(point.overlay_file)]
        escaping.say(f"point {number} of {len(points)}: {point.words}")
        sweeps.share(point, sweeps.donors(results, points))
        jobs = _planned(command, log)
        if jobs is None:
            failed.append(point)
            continue
        escaping.say(f"  {sum(jobs.values())} jobs to run{_in_words(jobs)}")
        if args.dry_run:
            continue
        if _snakemake(command, log) != 0:  # whatever was planned: a plan goes by ages, a run by content
            failed.append(point)
            escaping.say(f"  FAILED: {log} says why")
        else:
            sweeps.keep_config(point)
    return failed


def _planned(command, log):
    """The jobs that would run, by rule; None if they cannot be planned, which the log then tells."""
    done = subprocess.run([*command, "-n"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    told = done.stdout.decode(errors="backslashreplace")
    if done.returncode:
        log.write_text(told, encoding="utf-8")
        escaping.say(f"  FAILED before its first job: {log} says why")
        return None
    stats = re.search(r"^Job stats:\njob +count\n-+ +-+\n(.*?)^total", told, re.M | re.S)
    lines = [line.split() for line in stats[1].splitlines()] if stats else []
    return {name: int(count) for name, count in lines}


def _in_words(jobs):
    return ": " + ", ".join(f"{count} {name}" for name, count in sorted(jobs.items())) if jobs else ""


def _snakemake(command, log):
    """Run Snakemake to its end, its words in the log; also at Ctrl-C, which it hears itself and puts in order."""
    with open(log, "w", encoding="utf-8") as file, subprocess.Popen(command, stdout=file, stderr=file) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.wait()
            raise


def _account(sweeps, finished, failed, results, args):
    """Print the table and write it down."""
    from medfusion.files.artifacts import write_text
    from medfusion.files.tables import csv_text
    from medfusion.tools import accounts

    for point in failed:
        escaping.say(f"failed: {point.words} ({point.results}.log)")
    if not finished:
        return
    found = sweeps.table(finished)
    out = Path(args.out or os.path.join(results, sweeps.FOLDER, "sweep.csv"))
    write_text(out, csv_text(found, float_format="%.6g"))
    shown, notes = sweeps.shown_table(found, list(finished[0].values), args.metric)
    notes += [f"Failed, and not in the table: {point.words}." for point in failed]
    parts = [f"**{escaping.markdown(shown.caption)}**", accounts.markdown_table(shown), *map(escaping.markdown, notes)]
    text = "\n\n".join(parts)
    write_text(out.with_suffix(".md"), f"{text}\n")
    terminal = accounts.console()
    terminal.print(accounts.rich_table(shown))
    for note in notes:
        terminal.print(accounts.plain(note))
    terminal.print(accounts.plain(f"all measures: {out}, {out.with_suffix('.md')}"))


if __name__ == "__main__":
    main()
