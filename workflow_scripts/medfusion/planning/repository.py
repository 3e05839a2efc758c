"""What git says of the project."""

import subprocess
from pathlib import Path

from medfusion.reruns.fingerprint import ROOT


def head(root: Path = ROOT) -> tuple[str, bool] | None:
    """The commit of the project, and whether tracked files differ from it.

    Parameters
    ----------
    root : workflow_scripts/

    Returns
    -------
    None where there is no git, or the project is not under it
    """
    if _git(root, "ls-files", "--error-unmatch", "../Snakefile") is None:
        return None
    changed = _git(root, "status", "--porcelain", "--untracked-files=no", "..")
    commit = _git(root, "rev-parse", "HEAD")
    return (commit, bool(changed)) if commit else None


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says; None where it is not there, or refuses."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, encoding="utf-8", errors="replace", timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
