"""Keep what a finished run was and what it measured, in a small folder that can be committed."""

import argparse

from medfusion import escaping
from medfusion.errors import UserError


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="Compare snapshots and runs with workflow_scripts/compare.py."
    )
    parser.add_argument("name", metavar="NAME", help="of the snapshot's folder")
    parser.add_argument("--results", default="results", help="folder of a finished run (default: results)")
    parser.add_argument("--into", default="snapshots", help="folder of snapshots (default: snapshots)")
    parser.add_argument("--replace", action="store_true", help="replace a snapshot of this name")
    args = parser.parse_args()

    from medfusion.tools import snapshots

    escaping.speak_utf8()
    try:
        escaping.say(str(snapshots.take(args.name, args.results, args.into, args.replace)))
    except UserError as error:
        escaping.stop(f"error: {error}")
    except OSError as error:
        escaping.stop(f"error: {error.filename or 'standard output'}: {error.strerror}")


if __name__ == "__main__":
    main()
