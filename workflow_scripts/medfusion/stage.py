"""What every stage program shares: arguments, settings, threads, progress, and the way it fails."""

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any

import threadpoolctl

from medfusion.artifacts import read_json
from medfusion.errors import UserError

# Rules send a stage's output to its log and open this descriptor to the terminal, for progress alone.
TERMINAL = 9

_terminal = None


def parser(description: str) -> argparse.ArgumentParser:
    """An argument parser that already knows --settings."""
    result = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument(
        "--settings",
        required=True,
        help="JSON file whose key 'config' holds the slice of config.yaml that this stage depends on",
    )
    return result


def run(main: Callable[[argparse.Namespace, dict[str, Any]], None], arguments: argparse.ArgumentParser) -> None:
    """Run a stage: parse arguments, read its settings, fix the thread count, turn a UserError into one line.

    Exits with 1 on a UserError, whose message goes to stderr; other exceptions keep their traceback, because
    they are ours to mend.
    """
    global _terminal
    args = arguments.parse_args()
    try:
        os.fstat(TERMINAL)
        _terminal = os.fdopen(TERMINAL, "w", buffering=1)
    except OSError:
        pass  # run by hand: the terminal is stdout already
    try:
        content = read_json(args.settings)
        if not isinstance(content, dict) or not isinstance(content.get("config"), dict):
            raise UserError(f"{args.settings}: expected a JSON object whose key 'config' holds the stage's settings")
        settings = content["config"]
        with threadpoolctl.threadpool_limits(settings.get("threads", 1)):
            main(args, settings)
    except UserError as error:
        sys.exit(f"error: {error}")


def progress(text: str) -> None:
    """Say where long work stands, in the log and on the terminal."""
    print(text, flush=True)
    if _terminal:
        print(text, file=_terminal, flush=True)


def pairs(values: list[str]) -> dict[str, str]:
    """Turn repeated NAME=PATH arguments into a dictionary that keeps their order."""
    result = {}
    for value in values:
        name, separator, path = value.partition("=")
        if not separator or name in result:
            raise UserError(f"argument {value!r}: expected NAME=PATH, each name once")
        result[name] = path
    return result
