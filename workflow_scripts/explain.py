"""Explain a result: the stage, settings, code, libraries, inputs, time and cost that made a file below results/."""

import argparse
import os
import sys

from medfusion import escaping
from medfusion.errors import UserError
from medfusion.report.explanation import explain


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", nargs="+", help="a file below the folder of results, e.g. results/report.html")
    escaping.speak_utf8()
    try:
        escaping.say("\n\n".join(explain(path) for path in parser.parse_args().path))
    except UserError as error:
        escaping.stop(f"error: {error}")
    except BrokenPipeError:  # nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        escaping.stop(f"error: {error.filename or 'standard output'}: {error.strerror}")


if __name__ == "__main__":
    main()
