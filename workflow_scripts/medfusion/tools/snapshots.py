"""Snapshots: what a finished run was and what it measured, in a small folder that can be committed."""

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from medfusion.errors import UserError
from medfusion.files import images
from medfusion.files.artifacts import hash_file, temporary_name, write_json, write_text
from medfusion.jobs import looks
from medfusion.jobs.looks import LEDGER
from medfusion.planning.repository import head
from medfusion.reruns.fingerprint import ROOT, code_hash, exists
from medfusion.tools import finished
from medfusion.tools.finished import CONFIG, CONFUSIONS, FORMAT, METRICS, SNAPSHOT, Run


def take(name: str, results: str | Path, into: str | Path, replace: bool = False) -> Path:
    """Copy what is small of a finished run into a folder of its own; deterministic but for the date.

    Parameters
    ----------
    name : of the snapshot's folder
    results : the folder of results
    into : the folder of snapshots
    replace : whether a snapshot of this name may be replaced

    Returns
    -------
    The snapshot's folder.

    Raises
    ------
    UserError
        If the run is not finished or is damaged, or the name cannot be used.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise UserError(f"NAME: {name!r}; expected letters, digits, '.', '_' and '-', a letter or digit first")
    folder = Path(into, name)
    if folder.exists():
        if not (folder / SNAPSHOT).is_file():
            raise UserError(f"{folder}: exists, and is no snapshot; choose another name")
        if not replace:
            raise UserError(f"{folder}: exists; choose another name, or say --replace")
        known = {SNAPSHOT, CONFIG, CONFUSIONS, METRICS, LEDGER.name}
        if others := sorted({file.name for file in folder.iterdir()} - known):
            raise UserError(f"{folder}: holds {others[0]}, which is no part of a snapshot; move it away first")
    if Path(results, SNAPSHOT).exists():
        raise UserError(f"{results}: is a snapshot itself; copy its folder")
    _write(finished.read(results), Path(results), folder)
    return folder


def _write(run: Run, results: Path, folder: Path) -> None:
    """Write all files beside the snapshot's place, and rename the folder when it is whole."""
    temporary = temporary_name(folder)
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        text = yaml.safe_dump(run.config, sort_keys=True, allow_unicode=True, width=110)
        write_text(temporary / CONFIG, text)
        write_json(temporary / CONFUSIONS, run.confusions)
        own = {looks.name_of(images.read_labels(labels)) for _, labels in run.outputs.values()}
        if kept := [entry for entry in looks.read() if entry.get("test_labels") in own]:
            lines = (json.dumps(entry) + "\n" for entry in kept)
            write_text(temporary / LEDGER.name, "".join(lines))
        shutil.copyfile(results / METRICS, temporary / METRICS)
        content = {
            "format": FORMAT,
            "taken": datetime.now(UTC).isoformat(timespec="seconds"),
            "measured": run.measured,
            "commit": commit(run.code),
            "code": run.code,
            "libraries": run.libraries,
            "generated": sorted(key for key, test in run.tests.items() if test.generated),
            "tests": {key: asdict(test) for key, test in run.tests.items()},
            "files": {name: hash_file(temporary / name) for name in (CONFIG, CONFUSIONS, METRICS)},
        }
        write_json(temporary / SNAPSHOT, content)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def commit(code: Mapping[str, str], root: Path = ROOT) -> dict[str, Any] | None:
    """The commit of the project; None where there is no git, or the project is not under it.

    Parameters
    ----------
    code : code hash by stage, and by module that a program imports by name, of the run
    root : workflow_scripts/

    Returns
    -------
    hash : of the commit
    dirty : whether tracked files differ from it
    code_changed : those of them whose code is not any more what it was in the run, so that the commit does not hold it
    """
    found = head(root)
    if found is None:
        return None
    return {
        "hash": found[0],
        "dirty": found[1],
        "code_changed": sorted(
            stage for stage, then in code.items() if not exists(stage, root) or code_hash(stage, root) != then
        ),
    }
