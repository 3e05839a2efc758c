"""How a result came to be, in words: for anybody who asks of a file where it is from."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import yaml

from medfusion.errors import UserError
from medfusion.files.artifacts import hash_file
from medfusion.jobs.costs import duration
from medfusion.reruns.fingerprint import code_hash, exists, library_versions
from medfusion.reruns.records import FOLDER, File, Record, ancestry, read_all


def explain(path: str | Path) -> str:
    """What made a file below a folder of results, from what, when and at what cost, as lines of text.

    The file itself need not be there any more. A settings file stands for the job that reads it.

    Raises
    ------
    UserError
        If no record names the file.
    """
    folder = _results(Path(path))
    records = [_moved(record, folder) for record in read_all(folder)]
    wanted = os.path.abspath(path)
    for record in sorted(records, key=lambda record: str(record.made), reverse=True):  # who made it last
        for file in (*record.outputs, record.settings):
            if os.path.abspath(file.path) == wanted:
                return "\n".join([file.path, *_job(record, file), *_lineage(record, records)])
    raise UserError(
        f"{path}: no record names it; expected a file that a finished job wrote (or the settings that it read). "
        "Is a job that makes it still to run? snakemake -n says so"
    )


def _results(path: Path) -> Path:
    """The folder of results that a file lies in."""
    for folder in Path(os.path.abspath(path)).parents:
        if (folder / FOLDER).is_dir():
            return folder
    raise UserError(f"{path}: not below a folder of results; expected something like results/report.html")


def _moved(record: Record, folder: Path) -> Record:
    """The record with its results where they are now, if the folder of results was moved, or is seen from elsewhere."""
    written_as = Path(record.settings.path).parents[2]  # {results}/settings/{stage}/{job}.json
    if os.path.abspath(written_as) == str(folder):
        return record

    def moved(file: File) -> File:
        inside = Path(file.path).is_relative_to(written_as)
        return replace(file, path=str(folder / Path(file.path).relative_to(written_as))) if inside else file

    inputs, outputs = ([moved(file) for file in files] for files in (record.inputs, record.outputs))
    return replace(record, settings=moved(record.settings), inputs=inputs, outputs=outputs)


def _job(record: Record, file: File) -> list[str]:
    identity = record.identity
    cost = f"{duration(record.seconds)}, processor {duration(record.cpu_seconds)}, {record.memory_mb:,.0f} MB"
    lines = [
        f"  state      {_state(file)}",
        f"  sha256     {file.sha256}",
        f"  stage      {record.stage}",
        f"  made       {record.made}",
        f"  cost       {cost}",
        *([f"  device     {record.device}"] if record.device else []),
        f"  code       {identity['code']} ({_code(record.stage, identity['code'])})",
        *(f"    {name} {code} ({_code(name, code)})" for name, code in identity.get("modules", {}).items()),
        "  libraries",
    ]
    installed = dict(identity["libraries"]) if not exists(record.stage) else {}
    for name in filter(exists, (record.stage, *identity.get("modules", {}))):
        installed |= library_versions(name)
    lines += [
        f"    {name} {version}{_note(installed.get(name), version)}" for name, version in identity["libraries"].items()
    ]
    lines += ["  settings", *_indented(yaml.safe_dump(identity["config"], sort_keys=False, allow_unicode=True))]
    lines += ["  inputs", *(_line(source) for source in record.inputs)] if record.inputs else ["  inputs     none"]
    lines += ["  outputs", *(_line(result) for result in record.outputs)]
    return [*lines, "  command", f"    {' '.join(record.command)}"]


def _code(stage: str, recorded: str) -> str:
    if not exists(stage):
        return f"{stage} is of another version, which this one does not have"
    return _compared(code_hash(stage), recorded)


def _lineage(record: Record, records: Sequence[Record]) -> list[str]:
    """The jobs that a job stands on, the earliest first, and what they cost together."""
    before = ancestry([file.path for file in record.inputs], records)
    if not before:
        return []
    jobs = sorted(before, key=lambda job: (job.made, job.settings.path))
    total = duration(sum(job.cpu_seconds for job in [*jobs, record]))
    lines = [f"    {job.made}  {job.stage:<17} {job.outputs[0].path}" for job in jobs]
    return ["  stands on", *lines, f"  processor time of all these jobs: {total}"]


def _state(file: File) -> str:
    if not Path(file.path).exists():
        return "not there any more"
    if file.untouched() or hash_file(file.path) == file.sha256:
        return "as it was made"
    return "CHANGED since it was made"


def _line(file: File) -> str:
    state = _state(file)
    return f"    {file.sha256}  {file.path}" + ("" if state == "as it was made" else f"  ({state})")


def _compared(now: str, then: str) -> str:
    return "as it is now" if now == then else f"now {now}: the code has changed since"


def _note(now: str | None, then: str) -> str:
    return "" if now == then else f" (now {now})"


def _indented(text: str) -> list[str]:
    return [f"    {line}" for line in text.splitlines()]
