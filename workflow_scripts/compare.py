"""Compare finished runs, or snapshots of them, with the first: what differs in configuration, libraries and measures.

Ends with 1 if a mean test value is worse than in the first run by more than the tolerance, so that it can guard a pull
request; with 2 if a run cannot be read.
"""

import argparse
import sys
from pathlib import Path

from medfusion import escaping
from medfusion.errors import UserError

TEMPLATES = Path(__file__).parent / "templates"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", metavar="RUN", nargs="+", help="folder of a finished run, or a snapshot; two or more")
    parser.add_argument("--tolerance", type=float, default=0.01, help="how much worse is no regression (default: 0.01)")
    parser.add_argument("--metric", default="accuracy", help="as in metrics.csv (default: accuracy)")
    parser.add_argument("--strict", action="store_true", help="systems in one run only are a regression too")
    parser.add_argument("--all", action="store_true", help="print rows of what did not change too")
    parser.add_argument("--markdown", metavar="FILE", help="write the comparison as Markdown too")
    parser.add_argument("--html", metavar="FILE", help="write the comparison as one page too")
    args = parser.parse_args()
    if len(args.run) < 2:
        parser.error("expected two runs or more; the first is the reference")
    if not 0 <= args.tolerance < float("inf"):
        parser.error(f"--tolerance: {args.tolerance}; expected a number of at least 0")

    escaping.speak_utf8()

    from medfusion.files.artifacts import write_text
    from medfusion.tools import comparison, comparison_report, finished, terminal

    try:
        reference, *others = [finished.read(run) for run in args.run]
        found = [comparison.compare(reference, other, args.metric, args.tolerance) for other in others]
        reports = [comparison_report.report(one, args.tolerance, args.strict, args.all) for one in found]
        comparison_report.show(reports, terminal.console())
        if args.markdown:
            write_text(args.markdown, comparison_report.markdown(reports))
        if args.html:
            write_text(args.html, comparison_report.html(reports, TEMPLATES))
    except UserError as error:
        escaping.stop(f"error: {error}", 2)
    except OSError as error:
        escaping.stop(f"error: {error.filename or 'standard output'}: {error.strerror}", 2)
    sys.exit(any(one.bad for one in reports))


if __name__ == "__main__":
    main()
