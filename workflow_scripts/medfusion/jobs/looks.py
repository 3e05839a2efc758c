"""The ledger of looks at test splits: a line for each evaluation, in a file that outlives the results.

It lies in the folder that Snakemake runs in and is no output of any rule: lines are only ever added. Each holds an
object:

    at            when, ISO 8601, UTC
    date          the day on which the run began, UTC
    commit        of the project; null where it is not known, or outside a run
    changed       whether tracked files differed from that commit
    configuration  what names the settings, code and library versions of the whole run; null outside a run
    dataset       key of the data set
    test_labels   what names the test labels (`name_of`)
    n             test images
    read          the systems that were measured, as model/seed/system

Evaluations of one date, commit and configuration are one look, in however many jobs.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

LEDGER = Path("looks.jsonl")
# In the environment of every job of a run: what its lines have in common, as `of_run` says.
VARIABLE = "MEDFUSION_LOOK"
LONGEST = 1_000_000  # characters of a line that is read
NAMED = ("at", "date", "dataset", "test_labels")  # what every entry has as text


def of_run(identities: Iterable[Any], head: tuple[str, bool] | None) -> str:
    """What `VARIABLE` is to hold, a JSON object.

    Parameters
    ----------
    identities : of all jobs that the configuration asks for
    head : commit of the project, and whether tracked files differ from it; None where that is not known
    """
    digest = hashlib.sha256(json.dumps(list(identities), sort_keys=True).encode())
    commit, changed = head or (None, False)
    return json.dumps(
        {
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            **{"commit": commit, "changed": changed, "configuration": digest.hexdigest()[:12]},
        }
    )


def name_of(labels: np.ndarray) -> str:
    """What names test labels, (n,) or (n, k), by their content: 16 hex digits."""
    return hashlib.sha256(f"{labels.shape}".encode() + np.asarray(labels, np.uint8).tobytes()).hexdigest()[:16]


def record(dataset: str, labels: np.ndarray, read: list[str]) -> str | None:
    """Add a line; what kept it from being written, in words, or None.

    Parameters
    ----------
    dataset : key of the data set
    labels : its test labels, (n,) or (n, k)
    read : the systems that are measured
    """
    now = datetime.now(UTC)
    by_hand = {"date": f"{now:%Y-%m-%d}", "commit": None, "changed": False, "configuration": None}
    entry = {
        "at": now.isoformat(timespec="seconds"),
        **(json.loads(os.environ[VARIABLE]) if VARIABLE in os.environ else by_hand),
        "dataset": dataset,
        "test_labels": name_of(labels),
        "n": len(labels),
        "read": read,
    }
    try:
        _append(LEDGER, json.dumps(entry).encode())
    except OSError as error:
        return f"{LEDGER}: {os.strerror(error.errno or 0)}; this look at the test split is not recorded"
    return None


def _append(path: Path, line: bytes) -> None:
    """Add a line, by itself where another was cut short; several processes may do so at once."""
    # Never through a link: what it leads to is somebody else's.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    with open(descriptor, "r+b", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a file", str(path))
        with contextlib.suppress(OSError):  # some network file systems have no locks; one write is whole all the same
            fcntl.flock(file, fcntl.LOCK_EX)
        size = file.seek(0, os.SEEK_END)
        cut_short = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        file.write(b"\n" * cut_short + line + b"\n")


def read(path: Path = LEDGER) -> list[dict[str, Any]]:
    """All lines that are entries, in their order; what is none is passed over."""
    return list(_entries(path))


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    try:
        if not path.is_file():
            return
        with open(path, encoding="utf-8", errors="replace") as file:
            while line := file.readline(LONGEST):
                with contextlib.suppress(ValueError, RecursionError):
                    entry = json.loads(line)
                    if isinstance(entry, dict) and all(isinstance(entry.get(key), str) for key in NAMED):
                        yield entry
    except OSError:
        return


def before(dataset: str, entries: Iterable[dict[str, Any]]) -> int | None:
    """How often the test labels of a data set had been looked at before the last time; None if no look is recorded.

    Under whatever key: a data set that was renamed has the same labels. With another split it has others.
    """
    entries = list(entries)
    own = [entry.get("test_labels") for entry in entries if entry.get("dataset") == dataset]
    if not own:
        return None
    keys = ("date", "commit", "configuration")
    looks = {tuple(str(entry.get(key)) for key in keys) for entry in entries if entry.get("test_labels") == own[-1]}
    return len(looks) - 1
