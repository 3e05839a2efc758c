"""How the memory of each stage grows with the number of images; writes docs/memory.md. `make bench-large`, an hour.

The whole workflow runs twice on generated blood cells, the second time on ten times as many.
"""

import argparse
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

import timing
import yaml

from medfusion.jobs.records import read_all

IMAGES = (20_000, 200_000)
TEXT = """\
# Memory and the number of images

Written by `make bench-large` on {date}: {machine}. The highest resident memory (MB) of any job of a stage, as the
kernel counts it, for generated blood cells of 28 × 28 pixels in three colours, 80 % of them to train on.

{table}
"""


def overlay(images: int) -> dict[str, Any]:
    """A report of one small network and every kind of classifier, with as little training as there can be."""
    tenth = images // 10
    model = {"network": "size_study", "seeds": [1], "train_images": "all", "fusions": [], "ablations": None}
    blood = {
        "source": "generated",
        "label": f"{images:,} generated blood cells",
        "generated": {"seed": 1, "train": images - 2 * tenth, "val": tenth, "test": tenth},
        "models": {
            **dict.fromkeys(("compact_resnet", "blood_cnn", "five_layer", "resnet28", "blood_cnn_10k")),
            "small": {**model, "classifiers": ["svm_rbf", "svm", "random_forest", "decision_tree"]},
        },
        "votes": {"vote_cnn": ["small/cnn"], "vote_svm": None, "vote_all_networks": None},
        "learning_curve": None,
        "published": [],
    }
    training = {"images": "both", "epochs": 2, "min_steps": 0}
    return {
        "results": f"results/bench/{images}",
        "datasets": {"breast": None, "blood": blood},
        "networks": {"size_study": {"options": {"widths": [8, 16, 32]}, "training": training}},
    }


def peaks(images: int) -> dict[str, float]:
    """Run the workflow; the highest memory of each stage in MB."""
    folder = timing.ROOT / "results" / "bench"
    shutil.rmtree(folder / str(images), ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{images}.yaml"
    path.write_text(yaml.safe_dump(overlay(images)), encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "-j", "2", "report", "--configfile", str(path)]
    subprocess.run(command, cwd=timing.ROOT, check=True)
    found: dict[str, float] = {}
    for record in read_all(folder / str(images)):
        found[record.stage] = max(record.memory_mb, found.get(record.stage, 0))
    return found


def main() -> None:
    """Run both and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs=2, default=IMAGES, metavar="N")
    parser.add_argument("--out", type=Path, default=timing.ROOT / "docs/memory.md")
    args = parser.parse_args()
    machine = timing.machine()
    few, many = (peaks(images) for images in args.images)
    order = sorted(many, key=many.__getitem__, reverse=True)
    rows = [[f"`{stage}`", f"{few[stage]:,.0f}", f"{many[stage]:,.0f}"] for stage in order]
    table = timing.table(["stage", *(f"{images:,} images" for images in args.images)], rows)
    args.out.write_text(TEXT.format(date=date.today().isoformat(), machine=machine, table=table), encoding="utf-8")
    print(table)


if __name__ == "__main__":
    main()
