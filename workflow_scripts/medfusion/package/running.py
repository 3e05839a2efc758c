"""How a program works with a model package that anybody may have made: within bounds, and writing one file or none."""

import argparse
import contextlib
import os
import resource
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn, TypeVar

from medfusion import escaping
from medfusion.errors import UserError
from medfusion.files.artifacts import replacing

if TYPE_CHECKING:
    from medfusion.package.predictor import Predictor

T = TypeVar("T")
PATIENCE = 300  # seconds to load a model package and to try it on one image; an ensemble of many networks takes ten
MEMORY = 16 * 2**30  # bytes of address space, of which libraries reserve a few without using them


def parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """What the command line says, with options that every program has which takes a model package."""
    parser.add_argument(
        "--backbone",
        action="append",
        default=[],
        metavar="FILE",
        help="a pretrained backbone (.onnx) that PACKAGE needs and does not hold; once for each",
    )
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="of the processor")
    args = parser.parse_args()
    if not 1 <= args.threads <= 256:
        parser.error(f"--threads: {args.threads}; expected 1 to 256")
    return args


def run(work: Callable[[], int], threads: int, out: str | None) -> NoReturn:
    """End the program with what it did not manage: one line for an error, 1 if the work says that files were refused.

    Parameters
    ----------
    work : the number of files that were refused
    threads : of the processor
    out : file to write, for messages
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    try:
        _limit_memory()
        refused = work()
    except UserError as error:
        escaping.stop(f"error: {error}")
    except BrokenPipeError:  # nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        escaping.stop(f"error: {error.filename or out or 'standard output'}: {error.strerror}")
    except MemoryError:
        sys.exit("error: not enough memory")
    except KeyboardInterrupt:
        sys.exit("stopped before its end")
    sys.exit(1 if refused else 0)


def loaded(folder: str, threads: int, backbones: Sequence[str]) -> "Predictor":
    """The `Predictor` of a model package; what its answers must not be used for is said, and what may change them."""
    from medfusion.package import contents, predictor

    with _patience(PATIENCE, f"error: {folder}: not loaded within {PATIENCE} seconds; get the model package again"):
        found = predictor.Predictor(folder, threads, backbones)
    say(contents.WARNING)
    if found.package.generated:
        say(contents.GENERATED)
    for name in ("onnxruntime", "scikit-learn", "skops"):
        if (here := metadata.version(name)) != found.package.libraries.get(name):
            say(f"exported with {name} {found.package.libraries.get(name)}, here is {here}: results may differ")
    return found


def check_destination(out: str | None, inputs: Sequence[str], package: str) -> None:
    """Refuse to write over what the user has: a picture, another input, the package."""
    if out is None:
        return
    from medfusion.data.folders import OTHER_PICTURES, SUFFIXES

    path = Path(out)
    if not path.name or path.is_dir() or (path.exists() and not path.is_file()):
        raise UserError(f"--out: {out!r}; expected the name of a file")
    if path.suffix.lower() in {*SUFFIXES, *OTHER_PICTURES, ".npz"}:
        raise UserError(f"--out: {out} is named like images, which it would replace; expected .csv or .json")
    if path.resolve() in {Path(given).resolve() for given in inputs}:
        raise UserError(f"--out: {out} is an input; choose another file")
    if path.resolve().parent == Path(package).resolve():
        raise UserError(f"--out: {out} lies in the model package, which is to stay as it was exported; choose another")


@contextlib.contextmanager
def destination(path: str | None) -> Iterator[IO[str]]:
    """The file to write, whole or not at all, or the standard output."""
    if path is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    with (
        replacing(path) as temporary,
        open(temporary, "w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        yield file
        file.flush()


def with_bar(found: Iterable[T], total: int | None, every: int, out: str | None) -> Iterator[T]:
    """The same things one after another; of more than `every` it is shown how many are done, in a bar on a terminal.

    Parameters
    ----------
    total : how many there will be; None if nobody knows
    every : elsewhere a line is said for so many
    out : file that is written; without one, rows on the same terminal would tear a bar
    """
    torn = out is None and sys.stdout.isatty()
    if not sys.stderr.isatty() or torn or (total is not None and total <= every):
        for number, item in enumerate(found, 1):
            yield item
            if number % every == 0:
                say(f"{number} images")
        return
    from rich import progress
    from rich.console import Console

    columns = progress.BarColumn(), progress.MofNCompleteColumn(), "images", progress.TimeRemainingColumn()
    # What is said meanwhile comes above the bar.
    with progress.Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
        task = bar.add_task("", total=total)
        for item in found:
            yield item
            bar.advance(task)


def say(text: str) -> None:
    """Tell a person, beside the results."""
    escaping.say(text, sys.stderr)


def _limit_memory() -> None:
    """Let a model package that asks for more memory than any system needs be refused, not bring the machine down."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY or soft > MEMORY:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, hard))


@contextlib.contextmanager
def _patience(seconds: float, message: str) -> Iterator[None]:
    """End the program with a message where a block takes longer; what runs there may not listen to signals."""

    def end() -> None:
        escaping.say(message, sys.stderr)
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
