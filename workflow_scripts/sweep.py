"""Run the workflow with several values of configuration keys, and put what was measured into one table.

Each combination of values is a run in a folder of its own, results/sweep/POINT. What a run before it has made already
is taken over, so that only the jobs that a value touches are done. The same command again does nothing anew. With
--trials so many combinations are tried, each proposed by what validation said of those before it.
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
  python workflow_scripts/sweep.py networks.breast_cnn.training.learning_rate=0.0001..0.01/log \\
    --trials 20 --sampler tpe --system breast/breast_cnn/svm

The table is in the order of validation. Choosing by the test split would make its figures too good.
Ends with 1 if a point failed; the others are run and listed all the same."""


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "keys",
        metavar="KEY=V1,V2,…",
        nargs="+",
        help="a key of config.yaml by its dotted path; YAML values; with --trials also KEY=LOW..HIGH, LOW..HIGH/log",
    )
    parser.add_argument(
        "--trials", type=int, metavar="N", help="try so many points that Optuna proposes (make optuna), not all"
    )
    parser.add_argument(
        "--sampler", choices=["tpe", "random"], help="with --trials: how they are proposed (default: tpe)"
    )
    parser.add_argument(
        "--system",
        metavar="DATASET/MODEL/SYSTEM",
        help="with --trials: whose validation decides, by the configuration's criterion",
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
    if args.trials is None and (args.sampler or args.system):
        parser.error(f"{'--sampler' if args.sampler else '--system'}: is for --trials alone")
    if args.trials is not None:
        if not 1 <= args.trials <= 200:
            parser.error(f"--trials: {args.trials}; expected 1 to 200")
        if args.system is None:
            parser.error("--trials: whose validation decides? Name a system: --system DATASET/MODEL/SYSTEM")
        if args.dry_run:
            parser.error("-n: which points --trials asks for depends on what is measured; leave one of them out")
    escaping.speak_utf8()

    from medfusion.tools import sweeps

    try:
        if args.trials is None:
            base, points = sweeps.plan(args.keys, ROOT, args.configfile)
            results = base["results"].rstrip("/")
            failed = _run_all(sweeps, results, points, args)
        else:
            results, points, failed = _search(sweeps, args)
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
        escaping.say(f"point {number} of {len(points)}: {point.words}")
        if not _run(sweeps, results, point, points, args):
            failed.append(point)
    return failed


def _search(sweeps, args):
    """Run the points that are proposed, one after another; the folder of results, the points, those that failed."""
    from medfusion.tools import search

    space = search.parse(args.keys)
    base, whole = sweeps.configurations(ROOT, args.configfile)
    system, metric = search.check_system(args.system, whole), whole["criterion"]
    search.check(space, base, whole)
    proposals = search.Search(space, args.sampler or "tpe", metric)
    results, points, failed = whole["results"].rstrip("/"), [], []
    for number in range(1, args.trials + 1):
        point = sweeps.point(proposals.ask(), base, whole)
        escaping.say(f"trial {number} of {args.trials}: {point.words}")
        if point.name not in {known.name for known in points}:
            points.append(point)
            if not _run(sweeps, results, point, points, args):
                failed.append(point)
        value = None if point in failed else search.validation(point.results, system, metric)
        proposals.tell(value)
        if value is not None:
            escaping.say(f"  validation {metric} of {args.system}: {value:.6g}")
    return results, points, failed


def _run(sweeps, results, point, points, args):
    """Run one point, or plan it for a dry run; whether that went well."""
    sweeps.write_overlay(point)
    log = Path(f"{point.results}.log")
    target = f"{point.results}/{'metrics.csv' if args.target == 'metrics' else 'report.html'}"
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "-j", str(args.cores)]
    command += [target, "--configfile", *args.configfile, str(point.overlay_file)]
    sweeps.share(point, sweeps.donors(results, points))
    jobs = _planned(command, log)
    if jobs is None:
        return False
    escaping.say(f"  {sum(jobs.values())} jobs to run{_in_words(jobs)}")
    if args.dry_run:
        return True
    if _snakemake(command, log) != 0:  # whatever was planned: a plan goes by ages, a run by content
        escaping.say(f"  FAILED: {log} says why")
        return False
    sweeps.keep_config(point)
    return True


def _planned(command, log):
    """The jobs that would run, by rule; None if they cannot be planned, which the log then tells."""
    done = subprocess.run([*command, "-n"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = done.stdout.decode(errors="backslashreplace")
    if done.returncode:
        log.write_text(text, encoding="utf-8")
        escaping.say(f"  FAILED before its first job: {log} says why")
        return None
    stats = re.search(r"^Job stats:\njob +count\n-+ +-+\n(.*?)^total", text, re.M | re.S)
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
    from medfusion.tools import terminal

    for point in failed:
        escaping.say(f"failed: {point.words} ({point.results}.log)")
    if not finished:
        return
    found = sweeps.table(finished)
    out = Path(args.out or os.path.join(results, sweeps.FOLDER, "sweep.csv"))
    write_text(out, csv_text(found, float_format="%.6g"))
    shown, notes = sweeps.shown_table(found, list(finished[0].values), args.metric)
    notes += [f"Failed, and not in the table: {point.words}." for point in failed]
    parts = [f"**{escaping.markdown(shown.caption)}**", terminal.markdown_table(shown), *map(escaping.markdown, notes)]
    text = "\n\n".join(parts)
    write_text(out.with_suffix(".md"), f"{text}\n")
    console = terminal.console()
    console.print(terminal.rich_table(shown))
    for note in notes:
        console.print(terminal.plain(note))
    console.print(terminal.plain(f"all measures: {out}, {out.with_suffix('.md')}"))


if __name__ == "__main__":
    main()
