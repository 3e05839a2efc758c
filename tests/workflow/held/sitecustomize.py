"""Lets the tests hold a job in its middle, or cut the power there (see `holding`); on PYTHONPATH for them alone.

The programs write under a temporary name, and rename: what is about to be renamed is written, and nobody has it yet.
Whatever Python calls os.rename or os.replace for passes here. HELD names a folder; in it, by what tests put there:

    {stage}  a pipe: before a job of that stage renames one of its outputs, it leaves {stage}.{pid} beside the pipe, and
             waits until nobody holds the pipe open for writing
    cut      a number: the rename of that number, of all in this folder, is that at which the process group is killed
    renames  a byte for each rename so far
    times    a line for each job that begins or ends: which, stage, process, seconds
"""

import atexit
import os
import signal
import sys
import time
from pathlib import Path

FOLDER = Path(os.environ.get("HELD", ""))
NOTED = set()  # processes whose begin is noted


def stage() -> str | None:
    """What job this process is; not known when it is started, because it may be a copy of another (jobs/warm.py)."""
    words = getattr(sys, "argv", [])
    program = Path(words[0]) if words else Path()
    if program.parent.name != "workflow_scripts" or program.stem == "keep_warm":
        return None
    # Drawings share a program, which is told their kind first.
    return f"draw_{words[1]}" if program.stem == "draw" and len(words) > 1 else program.stem


def append(name: str, text: str) -> int:
    """Add to a file of all processes; its size then."""
    with open(FOLDER / name, "a", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        return os.fstat(file.fileno()).st_size


def note(which: str) -> None:
    append("times", f"{which} {stage()} {os.getpid()} {time.monotonic()}\n")


def before(event: str, arguments: tuple) -> None:
    """What Python calls before whatever it tells its audit hooks of."""
    if event == "import" and os.getpid() not in NOTED and stage():
        NOTED.add(os.getpid())
        note("begin")
        atexit.register(note, "end")
    if event != "os.rename":
        return
    if (cut := FOLDER / "cut").exists() and append("renames", ".") == int(cut.read_text(encoding="ascii")):
        os.killpg(int(os.environ["HELD_GROUP"]), signal.SIGKILL)
        os.killpg(0, signal.SIGKILL)
    name, pipe = os.fspath(arguments[1]), FOLDER / str(stage())
    if stage() and pipe.is_fifo() and any(name in (word, word.partition("=")[2]) for word in sys.argv):
        try:
            # To open it waits for nobody: where the tests are gone, so is the end that holds it.
            with open(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), "rb") as waiting:
                os.set_blocking(waiting.fileno(), True)
                (FOLDER / f"{stage()}.{os.getpid()}").touch()
                waiting.read()
        except FileNotFoundError:  # let go in this moment
            pass


if "HELD" in os.environ:
    os.environ.setdefault("HELD_GROUP", str(os.getpgid(0)))  # of the run, not of what holds its jobs' libraries
    sys.addaudithook(before)
