"""What every stage program shares: arguments, settings, threads, progress, early cut-off, and the way it fails."""

import argparse
import contextlib
import errno
import gc
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import threadpoolctl

from medfusion import escaping
from medfusion.errors import UserError
from medfusion.files.artifacts import read_json
from medfusion.reruns.early_cutoff import Job
from medfusion.reruns.records import AGAIN

# Rules send a stage's output to its log and open this descriptor to the terminal, for progress alone.
TERMINAL = 9
# Set where bars on the terminal say it: progress is in the log alone then.
BARS_VARIABLE = "MEDFUSION_BARS"
STOPPING = (signal.SIGTERM, signal.SIGINT)
# Read by libraries that are imported after the stage has started.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# What the system says when it is not the program that is at fault, and what to do then.
REMEDIES = {
    errno.ENOSPC: "free some space and run again",
    errno.EDQUOT: "free some space or ask for more, and run again",
    errno.EFBIG: "raise the limit on the size of files, and run again",
    errno.EROFS: "name a folder that can be written to in config.yaml (results)",
    errno.EACCES: "make it accessible, or name another folder in config.yaml",
    errno.ENOMEM: "run fewer jobs at once (-j), or lower mem_mb in the profile",
    errno.EIO: "the disk, or the way to it, is at fault; check it and run again",
    errno.ESTALE: "the disk, or the way to it, is at fault; check it and run again",
}

_terminal = None


class Input(str):
    """An argument's type: a file that the stage reads."""


class Output(str):
    """An argument's type: a file that the stage writes."""


class Parser(argparse.ArgumentParser):
    """An argument parser that knows which arguments name files that are read, and which name files that are written."""

    def add_input(self, flag: str, *, required: bool = True, **options: Any) -> None:
        """Add an argument that names files to read."""
        self.add_argument(flag, type=Input, required=required, **options)

    def add_output(self, flag: str, **options: Any) -> None:
        """Add an argument that names files to write."""
        self.add_argument(flag, type=Output, required=True, **options)


def parser(description: str) -> Parser:
    """An argument parser that already knows --settings."""
    result = Parser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument(
        "--settings",
        required=True,
        help="JSON file whose key 'config' holds the part of config.yaml that this stage depends on",
    )
    return result


def run(
    main: Callable[[argparse.Namespace, dict[str, Any]], None], arguments: argparse.ArgumentParser, keep: bool = True
) -> None:
    """Run a stage: parse arguments, read its settings, fix the thread count, turn a UserError into one line.

    If nothing that the stage depends on has changed since its outputs were made, they are kept and `main` is not
    called; so `main` imports what takes seconds to import. Not so where `keep` is false.

    Exits with 1 on a UserError, a fault of the machine (a full disk) or a signal to stop, with a message on stderr;
    other exceptions keep their traceback, because they are ours to mend.
    """
    global _terminal
    escaping.speak_utf8()
    args = arguments.parse_args()
    for number in STOPPING:
        if signal.getsignal(number) != signal.SIG_IGN:  # as a shell has it for what it starts in the background
            signal.signal(number, _interrupt)
    try:
        os.fstat(TERMINAL)
        _terminal = os.fdopen(TERMINAL, "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    except OSError:
        pass  # run by hand: the terminal is stdout already
    try:
        content = read_json(args.settings)
        if not isinstance(content, dict) or not isinstance(content.get("config"), dict):
            raise UserError(f"{args.settings}: expected a JSON object whose key 'config' holds the stage's settings")
        content.pop(AGAIN, None)
        job = Job(args.settings, content, _files(args, Input), _files(args, Output), keep)
        if job.kept():
            progress(f"{content['stage']}: nothing it depends on has changed; {', '.join(_files(args, Output))} kept")
            return
        job.begin()
        settings = content["config"]
        threads = settings.get("threads", 1)
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
        with threadpoolctl.threadpool_limits(threads):
            main(args, settings)
        job.finish()
        gc.freeze()  # what is left goes with the process: to search it for garbage takes up to a second at its end
    except UserError as error:
        _stop(f"error: {error}")
    except MemoryError as error:
        _stop(f"error: not enough memory ({error}); run fewer jobs at once (-j), or lower mem_mb in the profile")
    except OSError as error:
        if error.errno not in REMEDIES:
            raise
        place = f"{error.filename}: " if error.filename else ""
        _stop(f"error: {place}{os.strerror(error.errno)}; {REMEDIES[error.errno]}")
    except KeyboardInterrupt:
        _stop("stopped before its end; run again")


def _interrupt(number: int, frame: object) -> NoReturn:
    """Stop in order: half-written files are removed. A second signal, of who killed a whole family, is no other."""
    for other in STOPPING:
        signal.signal(other, signal.SIG_IGN)
    raise KeyboardInterrupt


def progress(text: str) -> None:
    """Say where long work stands, in the log and, where no bars are drawn, on the terminal."""
    with contextlib.suppress(OSError):  # the disk is full: the results will tell
        escaping.say(text)
    if BARS_VARIABLE not in os.environ:
        _tell(text)


def _tell(text: str) -> None:
    if _terminal:
        with contextlib.suppress(OSError):  # nobody listens any more: Snakemake was killed
            escaping.say(text, _terminal)


def _stop(message: str) -> NoReturn:
    """End with a message; on the terminal if the log cannot take it, because the disk is full."""
    try:
        escaping.say(message, sys.stderr)
    except OSError:
        _tell(message)
    sys.exit(1)


def _files(args: argparse.Namespace, kind: type[str]) -> list[str]:
    """The paths of all arguments of a kind, in the order in which the program declares them."""
    values = []
    for value in vars(args).values():
        values += value if isinstance(value, list) else [value]
    return [str(value) for value in values if isinstance(value, kind)]
