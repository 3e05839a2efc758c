"""What each stage takes for large sets, memory and time; writes docs/memory.md. `make bench-large`, some hours.

The whole workflow runs on generated blood cells: on few and on many small images, and on some large ones. Without
--cases all three; a case named NUMBERxPIXELS is one of its own.
"""

import argparse
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

import cv2
import numpy as np
import timing
import yaml

from medfusion.data import synthetic_images
from medfusion.figures import drawn
from medfusion.files.archives import add_array, array_member
from medfusion.files.artifacts import replacing
from medfusion.reruns.records import read_all

CASES = ("16500x28", "165000x28", "20000x224")
LARGEST = 64  # pixels a side of images that the workflow's own generator draws; larger ones are enlarged from …
DRAWN = 28
SLOW = 10  # processor seconds in any case, from which the growth of a stage says anything
BOUND = 1500  # megabytes that a job of the default configuration may take
TEXT = """\
# Memory and time of large sets

Written by `make bench-large` on {date}: {machine}. Generated blood cells in three colours, 80 % of them to train on.
Those of more than {largest} pixels are drawn at {drawn}, enlarged and given noise; "–" was not run.

## Memory

The highest resident memory (MB) of any job of a stage, as the kernel counts it, and what its rule asks for (`mem_mb`).
{verdict}

{memory}

## Processor time

Seconds of all jobs of a stage together, start and imports included. Training is two epochs of a small network;
classifiers have the limits of the default configuration.

{time}

## How cost grows

Processor time an image, as a multiple of that of the first column: below 1 where a start, or a limit, is spread over
more images; 64 where it grows as the pixels do from 28 to 224 a side. Stages of {slow} seconds or more.

{growth}
"""


class Taken(NamedTuple):
    """Of all jobs of a stage: the highest memory in megabytes, the sum of processor seconds."""

    memory_mb: float
    cpu_seconds: float


def counts(images: int) -> dict[str, int]:
    """Images of each split."""
    return {"train": images - 2 * (images // 10), "val": images // 10, "test": images // 10}


def draw_enlarged(path: Path, images: int, side: int) -> None:
    """Write generated images that are drawn small, enlarged, and given noise: to draw them large would take hours."""
    drawn = synthetic_images.Drawing("bloodmnist", DRAWN, counts(images), seed=1)
    rng = np.random.default_rng(1)
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for split, count in counts(images).items():
            with array_member(archive, f"{split}_images", np.uint8, (count, side, side, 3)) as member:
                for block in drawn.images(split):
                    for image in block:
                        large = cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC)
                        noise = rng.integers(-8, 9, large.shape, np.int16)
                        member.write(np.clip(large + noise, 0, 255).astype(np.uint8))
            add_array(archive, f"{split}_labels", drawn.labels[split])
        add_array(archive, "provenance", drawn.provenance)


def overlay(images: int, side: int) -> dict[str, Any]:
    """A report of one small network and every kind of classifier, with as little training as there can be."""
    model = {"network": "size_study", "seeds": [1], "train_images": "all", "fusions": []}
    # An epoch or two, of batches that do not grow with the images' pixels.
    training = {
        "images": "both",
        "epochs": 2,
        "original_epochs": 1,
        "min_steps": 0,
        "batch_size": 64 if side < 100 else 16,
    }
    large = {"source": "file", "path": f"results/bench/{images}x{side}.npz"}
    cells = {
        "flag": "bloodmnist",
        **({"source": "generated", "generated": {"seed": 1, **counts(images)}} if side <= LARGEST else large),
        "size": side,
        "label": f"{images:,} generated blood cells",
        "augmentation": {"copies": 1},
        "models": {"small": {**model, "classifiers": ["svm_rbf", "svm", "random_forest", "decision_tree"]}},
        "ensembles": {"ensemble_cnn": ["small/cnn"]},
    }
    widths = [8, 16, 32] if side < 100 else [8, 16, 32, 32, 32]
    return {
        "results": f"results/bench/{images}x{side}",
        "datasets": {"breast": None, "blood": None, "cells": cells},
        "networks": {"size_study": {"options": {"widths": widths}, "training": training}},
    }


def run(case: str, target: str) -> dict[str, Taken]:
    """Run the workflow; what each stage that has ended took."""
    folder = timing.ROOT / "results" / "bench"
    shutil.rmtree(folder / case, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{case}.yaml"
    images, side = map(int, case.split("x"))
    path.write_text(yaml.safe_dump(overlay(images, side)), encoding="utf-8")
    if side > LARGEST:
        draw_enlarged(folder / f"{case}.npz", images, side)
    command = [sys.executable, "-m", "snakemake", "-j", "2", target, "--configfile", str(path)]
    subprocess.run(command, cwd=timing.ROOT, check=True)
    return taken(folder / case)


def taken(results: Path) -> dict[str, Taken]:
    """What each stage with a record in a folder of results took."""
    found: dict[str, Taken] = {}
    for record in read_all(results):
        before = found.get(record.stage, Taken(0, 0))
        found[record.stage] = Taken(max(record.memory_mb, before.memory_mb), record.cpu_seconds + before.cpu_seconds)
    return found


def asked() -> dict[str, int]:
    """What each rule asks for, in MB."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in (timing.ROOT / "rules").glob("*.smk"))
    (default,) = re.findall(r"^rule stage:.*?mem_mb=memory\((\d+)\)", text, re.M | re.S)
    found = {f"draw_{kind}": int(default) for kind in drawn.DRAWN}
    for rule in re.split(r"\n(?= *(?:use )?rule\b)", text):
        if stage := re.search(r'stage\("(\w+)"\)', rule):
            own = re.search(r"mem_mb=(?:lambda wildcards: )?memory\((\d+)", rule)
            found[stage[1]] = int(own[1] if own else default)
    return found


def verdict(found: Iterable[dict[str, Taken]], limits: dict[str, int]) -> str:
    """Which stages took more than their rule asks for, or than any job may."""
    over = sorted({
        stage
        for case in found
        for stage, one in case.items()
        if one.memory_mb > min(limits.get(stage, BOUND), BOUND)
    })  # fmt: skip
    if not over:
        return f"No stage took more than its rule asks for, or than {BOUND:,} MB."
    return f"More than its rule asks for, or than {BOUND:,} MB, took: {', '.join(f'`{stage}`' for stage in over)}."


def stages(found: list[dict[str, Taken]], names: list[str], what: str, limits: dict[str, int] | None = None) -> str:
    """A table of what each stage took in each case, the most first, and the limits if there are any."""
    most = {
        stage: max(getattr(case[stage], what) for case in found if stage in case) for case in found for stage in case
    }
    rows = [
        [
            f"`{stage}`",
            *(f"{getattr(case[stage], what):,.0f}" if stage in case else "–" for case in found),
            *([f"{limits[stage]:,}"] if limits else []),
        ]
        for stage in sorted(most, key=most.__getitem__, reverse=True)
    ]
    return timing.table(["stage", *names, *(["`mem_mb`"] if limits else [])], rows)


def growth(found: list[dict[str, Taken]], images: list[int], names: list[str]) -> str:
    """A table of each slow stage's processor time an image in each case, over that in the first."""
    rows = []
    for stage in found[0]:
        seconds = [case[stage].cpu_seconds if stage in case else None for case in found]
        if max(filter(None, seconds), default=0) >= SLOW and seconds[0]:
            each = [None if took is None else took / number for took, number in zip(seconds, images, strict=True)]
            rows.append([f"`{stage}`", *("–" if one is None else f"{float(f'{one / each[0]:.2g}'):g}" for one in each)])
    return timing.table(["stage", *names], sorted(rows))


def main() -> None:
    """Run all cases and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", default=CASES, metavar="NUMBERxPIXELS")
    parser.add_argument("--target", default="report", help="what is made (default: report)")
    parser.add_argument("--finished", action="store_true", help="take the records of earlier runs")
    parser.add_argument("--out", type=Path, default=timing.ROOT / "docs/memory.md")
    args = parser.parse_args()
    machine, limits = timing.machine(), asked()
    if args.finished:
        found = [taken(timing.ROOT / "results" / "bench" / case) for case in args.cases]
    else:
        found = [run(case, args.target) for case in args.cases]
    said = verdict(found, limits)
    names = [f"{int(images):,} of {side} × {side}" for images, side in (case.split("x") for case in args.cases)]
    memory = stages(found, names, "memory_mb", limits)
    time = stages(found, names, "cpu_seconds")
    grows = growth(found, [int(case.split("x")[0]) for case in args.cases], names)
    text = TEXT.format(
        date=date.today().isoformat(),
        machine=machine,
        memory=memory,
        time=time,
        growth=grows,
        slow=SLOW,
        verdict=said,
        largest=LARGEST,
        drawn=DRAWN,
    )
    args.out.write_text(text, encoding="utf-8")
    print(memory, said, time, grows, sep="\n")


if __name__ == "__main__":
    main()
