"""What `fingerprint` finds out of all stages, kept between runs: to parse every module takes longer than a small plan.

Kept beside Python's own compiled files, and like these found anew when a source has changed.
"""

import contextlib
import hashlib
import importlib.util
import json
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

from medfusion.errors import UserError
from medfusion.files.artifacts import temporary_name
from medfusion.reruns import fingerprint

# By stage, or module that a program imports by name: the hash of its code, and the distributions behind it.
Known = dict[str, tuple[str, list[str]]]


def code_hash(stage: str) -> str:
    """As `fingerprint.code_hash`."""
    known = _all_stages().get(stage)
    return known[0] if known else fingerprint.code_hash(stage)


@cache
def library_versions(stage: str) -> dict[str, str]:
    """As `fingerprint.library_versions`: the versions are looked up, not kept."""
    known = _all_stages().get(stage)
    try:
        versions = {name: _version(name) for name in known[1]} if known else None
    except metadata.PackageNotFoundError:  # gone since: who looks again says so
        versions = None
    if versions is None:
        return fingerprint.library_versions(stage)
    return {"python": f"{sys.version_info.major}.{sys.version_info.minor}", **versions}


@cache
def _all_stages() -> Known:
    file, sources = _kept_file(), _sources(fingerprint.ROOT)
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # none, or none that we wrote
        kept = json.loads(file.read_text(encoding="utf-8"))
        if kept["sources"] == sources:
            return {stage: (code, names) for stage, (code, names) in kept["stages"].items()}
    found = _look(fingerprint.ROOT)
    if not sys.dont_write_bytecode:
        _keep(file, json.dumps({"sources": sources, "stages": found}))
    return found


@cache
def _version(distribution: str) -> str:
    return metadata.version(distribution)


def _kept_file() -> Path:
    return Path(importlib.util.cache_from_source(__file__)).with_suffix(".json")


def _sources(root: Path) -> str:
    """A hash of everything that the answers depend on."""
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted([*root.rglob("*.py"), *root.glob("templates/*")]):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root)}\n{len(content)}\n".encode() + content)
    return digest.hexdigest()


def _look(root: Path) -> Known:
    found: Known = {}
    names = [path.stem for path in root.glob("*.py")]
    names += [f"draw_{path.stem}" for path in root.glob("medfusion/figures/drawn/[!_]*.py")]
    by_name = root.glob("medfusion/learning/architectures/[!_]*.py")
    names += [".".join(path.relative_to(root).with_suffix("").parts) for path in by_name]
    for stage in sorted(names):
        # A library is not installed, or a file is not finished, which matters to those who use the stage.
        with contextlib.suppress(UserError, SyntaxError, ValueError):
            libraries = [name for name in fingerprint.library_versions(stage, root) if name != "python"]
            found[stage] = fingerprint.code_hash(stage, root), libraries
    return found


def _keep(file: Path, text: str) -> None:
    temporary = temporary_name(file)
    with contextlib.suppress(OSError):  # read-only, full, or without compiled files: found anew each time
        try:
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)
