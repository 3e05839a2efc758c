"""What work costs, as ratios: both sides in turn, each in a process of its own, on the same inputs, several times."""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from joblib.externals.loky import get_reusable_executor
from snakemake.utils import update_config

from medfusion.planning.config import complete

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Run:
    """What one run of a side cost and found.

    cpu, wall : seconds of the work itself, imports and the reading of its inputs left out; cpu over all its processes
    found : what the side says of its result, by name
    """

    cpu: float
    wall: float
    found: dict[str, Any]


@dataclass(frozen=True)
class Comparison:
    """Two ways to the same end, measured in turn."""

    ours: list[Run]
    theirs: list[Run]

    def ratios(self) -> list[float]:
        """CPU time of theirs divided by ours, a pair of neighbouring runs each: above 1, ours is cheaper."""
        return [theirs.cpu / ours.cpu for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    def in_words(self) -> str:
        """The median ratio, with the range of several."""
        ratios = self.ratios()
        text = f"{statistics.median(ratios):.1f}×"
        return text if len(ratios) == 1 else f"{text} ({min(ratios):.1f} to {max(ratios):.1f})"


def compare(module: str, case: str, repeats: int, *arguments: str) -> Comparison:
    """Run "ours" and "theirs" of a case in turn.

    Parameters
    ----------
    module : a program of this folder that calls `side`
    case : handed to it
    repeats : pairs of runs
    arguments : more for the program
    """
    runs: dict[str, list[Run]] = {"ours": [], "theirs": []}
    for _ in range(repeats):
        for who, found in runs.items():
            found.append(_run([sys.executable, str(ROOT / "benchmarks" / f"{module}.py"), case, who, *arguments]))
    return Comparison(**runs)


def _run(command: Sequence[str]) -> Run:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow_scripts"), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, encoding="utf-8", check=True
    )
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def asked(description: str | None) -> argparse.Namespace:
    """What `compare` asks a program for: case, side, and the results of a finished run."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case")
    parser.add_argument("side", choices=("ours", "theirs"))
    parser.add_argument("results", type=Path)
    return parser.parse_args()


def side(work: Callable[[], Any], judge: Callable[[Any], dict[str, Any]] = lambda found: found) -> None:
    """Do the work of one side and print what `compare` reads; what it found is judged when the clock has stopped."""
    wall, cpu = time.perf_counter(), _cpu()
    found = work()
    get_reusable_executor().shutdown()  # joblib's workers outlive their work, and count when they have ended
    cost = {"cpu": _cpu() - cpu, "wall": time.perf_counter() - wall}
    print(json.dumps({**cost, "found": judge(found)}))


def config(overlays: Sequence[str] = ()) -> dict[str, Any]:
    """config.yaml with some overlays, complete."""
    first, *others = (yaml.safe_load((ROOT / name).read_text(encoding="utf-8")) for name in ("config.yaml", *overlays))
    for other in others:
        update_config(first, other)
    return complete(first)


def _cpu() -> float:
    """Processor seconds of this process and of its children that have ended."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in usage)


def machine() -> str:
    """What the figures were measured on."""
    name = platform.processor() or platform.machine()
    known = Path("/proc/cpuinfo")
    lines = known.read_text(encoding="utf-8").splitlines() if known.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{os.cpu_count()} processors ({names[0] if names else name}), Python {platform.python_version()}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows))
