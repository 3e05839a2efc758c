"""What changed on disk since jobs wrote their records, looked at when jobs are planned.

Snakemake goes by the age of files. Ages lie: a copy of a folder of results mixes them, a file that is touched seems
new, another one put in its place may seem old, a damaged one seems done. Here ages are put right by content; files
whose size and age are as recorded are not read.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

from medfusion.errors import UserError
from medfusion.files.artifacts import writer_of
from medfusion.jobs.records import File, Record

ALTERED = ".altered"


def reconcile(records: Iterable[Record], results: str | Path) -> list[str]:
    """Put the ages of results and of the data that they were made from right.

    A file whose bytes are as recorded gets its recorded time back. A result whose bytes are not, because it was damaged
    or edited, is moved aside to {name}.altered, so that it is made anew. Data and settings whose bytes are not as
    recorded count as new from now on, however old they are.

    Parameters
    ----------
    records : of all jobs
    results : the folder of results; outputs elsewhere (downloads) belong to the user and are treated as data

    Returns
    -------
    One line for each result that was moved aside.
    """
    records = list(records)
    inside = f"{Path(results)}{os.sep}"
    outputs = {
        file.path: (file, record) for record in records for file in record.outputs if file.path.startswith(inside)
    }
    moved = []
    for file, record in outputs.values():
        if _restored(file) is False:
            aside = f"{file.path}{ALTERED}"
            os.replace(file.path, aside)
            moved.append(f"{file.path} is not what {record.stage} wrote; moved to {aside}; it is made anew")
    for seen in _sources(records, set(outputs)):
        if all(file.untouched() for file in seen):
            continue
        if len({file.sha256 for file in seen}) > 1 or _restored(min(seen, key=lambda file: file.mtime_ns)) is False:
            with contextlib.suppress(OSError):
                os.utime(seen[0].path)
    for record in records:
        if _restored(record.settings) is False:
            os.utime(record.settings.path)
    return moved


def remove_unfinished(results: str | Path, data: str | Path) -> None:
    """Remove what processes that were killed had begun to write: below the results, and where downloads go."""
    for path in [*Path(results).rglob(".*"), *Path(data).glob(".*")]:
        writer = writer_of(path)
        if writer is not None and not psutil.pid_exists(writer):
            path.unlink(missing_ok=True)


def restore_benchmark(path: str | Path, record: Record | None) -> None:
    """Write the benchmark file of a recorded job if it is missing.

    Snakemake runs a job that is asked for by its name, though its results are there, if its benchmark is not.
    """
    path = Path(path)
    if record is None or path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {"s": record.seconds, "max_rss": record.memory_mb, "cpu_time": record.cpu_seconds}
    path.write_text("\t".join(columns) + "\n" + "\t".join(map(str, columns.values())) + "\n", encoding="utf-8")


def _sources(records: Iterable[Record], made: set[str]) -> Iterator[list[File]]:
    """Inputs that no job made, as each job that read them saw them."""
    seen: dict[str, list[File]] = {}
    for record in records:
        for file in record.inputs:
            if file.path not in made:
                seen.setdefault(file.path, []).append(file)
    return iter(seen.values())


def _restored(file: File) -> bool | None:
    """Give a file its recorded time if it has its recorded bytes; False if it has others, None if it is not there."""
    if file.untouched():
        return True
    try:
        found = File.of(file.path)
    except (OSError, UserError):
        return None
    if found.sha256 != file.sha256:
        return False
    with contextlib.suppress(OSError):  # somebody else's file
        os.utime(file.path, ns=(file.mtime_ns, file.mtime_ns))
    return True
