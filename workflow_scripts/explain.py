"""Explain a result: the stage, settings, code, libraries, inputs, time and cost that made a file below results/."""

import argparse
import sys

from medfusion.errors import UserError
from medfusion.report.explanation import explain


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", nargs="+", help="a file below the folder of results, e.g. results/report.html")
    try:
        print("\n\n".join(explain(path) for path in parser.parse_args().path))
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
