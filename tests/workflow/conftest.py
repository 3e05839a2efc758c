"""A copy of the project to run the workflow in, and what its runs say."""

import fcntl
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import yaml
from changes import merged

ROOT = Path(__file__).resolve().parents[2]
EVERYTHING = ("report", "summarise", "predictions", "export")  # the targets that make every file
DAY = 86_400  # seconds
PARTS = ["Snakefile", "config.yaml", "configs", "schemas", "rules", "captions", "profiles", "workflow_scripts"]


class Project:
    """A copy of the project in a folder of its own.

    patience : seconds that a run may take
    """

    patience = 3600

    def __init__(self, folder: Path, overlay: Path):
        self.folder = folder
        self.overlay = overlay

    def snakemake(
        self, *arguments: str, check: bool = True, overlay: bool = True, **environment: str
    ) -> subprocess.CompletedProcess:
        """Run `snakemake` with the arguments and environment variables, and the overlay unless told otherwise."""
        command = [sys.executable, "-m", "snakemake", *arguments]
        if overlay:
            command += ["--configfile", str(self.overlay)]
        done = subprocess.run(
            command,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=self.patience,
            env={**os.environ, **environment},
        )
        assert not check or done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
        return done

    def planned(self, target: str = "report") -> Counter:
        """The jobs that a dry run would run, by rule."""
        text = self.snakemake("-n", "-j", "8", target)
        table = re.search(r"^Job stats:\njob +count\n-+ +-+\n(.*?)^total", text.stdout + text.stderr, re.M | re.S)
        if not table:
            return Counter()
        rows = (line.split() for line in table[1].splitlines())
        return Counter({row[0]: int(row[1]) for row in rows if row})

    def files(self, *targets: str) -> list[dict[str, str]]:
        """Every file that the targets stand on: its rule and the files that it is made from."""
        lines = self.snakemake(*targets, "--detailed-summary").stdout.splitlines()
        header = lines[0].split("\t")
        return [dict(zip(header, line.split("\t"), strict=True)) for line in lines[1:]]

    def config(self, overlay: bool = True) -> dict:
        """The configuration as Snakemake reads it: config.yaml with the overlay on top, unless told otherwise."""
        result = yaml.safe_load((self.folder / "config.yaml").read_text(encoding="utf-8"))
        if overlay:
            return merged(result, yaml.safe_load(self.overlay.read_text(encoding="utf-8")))
        return result

    def lay_over(self, name: str) -> None:
        """Lay another of the tests' overlays over the project's own."""
        more = yaml.safe_load((Path(__file__).parent / name).read_text(encoding="utf-8"))
        own = yaml.safe_load(self.overlay.read_text(encoding="utf-8"))
        self.overlay.write_text(yaml.safe_dump(merged(own, more), sort_keys=False), encoding="utf-8")

    def copy(self, folder: Path) -> "Project":
        """A copy with all results, to change something in."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Project(folder, folder / self.overlay.name)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text in a file of the copy."""
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {name}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def json(self, name: str):
        return json.loads((self.folder / name).read_text(encoding="utf-8"))


def copy_project(folder: Path, overlay: str) -> Project:
    """A copy of what the workflow needs."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / part)
    shutil.copy2(Path(__file__).parent / overlay, folder / overlay)
    return Project(folder, folder / overlay)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh copy of the project, nothing run in it."""
    return copy_project(tmp_path / "project", "tiny.yaml")


def key_of(overlay: str) -> str:
    """What a finished run depends on, as one word: the parts of the project, the overlay, Python and its libraries."""
    digest = hashlib.sha256(sys.version.encode())
    for word in sorted(f"{one.metadata['Name']} {one.version}" for one in importlib.metadata.distributions()):
        digest.update(word.encode())
    files = [Path(__file__).parent / overlay]
    files += [path for part in PARTS for path in [ROOT / part, *(ROOT / part).rglob("*")] if path.is_file()]
    for path in sorted(path for path in files if "__pycache__" not in path.parts):
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def seen(folder: Path) -> str:
    """Name, size and time of all results, as one text."""
    files = sorted(path for path in (folder / "results").rglob("*") if path.is_file())
    return "".join(f"{path.relative_to(folder)} {path.stat().st_size} {path.stat().st_mtime_ns}\n" for path in files)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the project in which the tiny workflow ran to its end; not to be changed.

    Made by one test process, and kept beside pytest's folders for the next call of pytest: as long as nothing that it
    depends on has changed, and nobody has changed its results.
    """
    common = tmp_path_factory.getbasetemp().parent
    if "PYTEST_XDIST_WORKER" in os.environ:
        common = common.parent
    kept = common / "finished"
    kept.mkdir(exist_ok=True)
    folder, done = kept / key_of("tiny.yaml") / "project", kept / key_of("tiny.yaml") / "done"
    with open(kept / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists() or done.read_text(encoding="utf-8") != seen(folder):
            for other in kept.iterdir():
                if other.is_dir() and other.stat().st_mtime < time.time() - DAY or other == folder.parent:
                    shutil.rmtree(other)
            copy_project(folder, "tiny.yaml").snakemake("-j", "8", *EVERYTHING)
            done.write_text(seen(folder), encoding="utf-8")
    return Project(folder, folder / "tiny.yaml")


@pytest.fixture
def rerun(finished: Project, tmp_path: Path) -> Project:
    """A copy of the finished project, with all its results, to change something in."""
    return finished.copy(tmp_path / "project")
