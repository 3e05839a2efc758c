"""Cross-validate models of config.yaml over training and validation split, to choose settings without the test split.

The images of both are dealt anew, near-duplicates into the same fold: each fold in turn is the test split, the next one
the validation split, the others are trained on. The whole workflow runs on these data sets, so that epochs, grids,
weights and temperatures are chosen as they always are. The same command again does nothing anew; after an edit it runs
what the edit touches.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

import numpy as np
import timing
import yaml
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import StratifiedGroupKFold

from medfusion.data import near_duplicates
from medfusion.files import images
from medfusion.files.tables import read_table

SEED = 0  # of the folds
MEASURES = {"accuracy": "accuracy", "auroc": "AUROC", "log_loss": "log loss"}


def main() -> None:
    """Deal, run, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", help="a data set of config.yaml")
    parser.add_argument("models", nargs="+", help="models of it")
    parser.add_argument("--folds", type=int, default=8, help="(default: 8)")
    parser.add_argument("--configfile", nargs="+", default=[], metavar="FILE", help="overlays")
    parser.add_argument("-j", "--cores", type=int, default=8, metavar="N", help="as for snakemake (default: 8)")
    args = parser.parse_args()
    config = timing.config(args.configfile)
    known = config["datasets"].get(args.dataset)
    if not known or not set(args.models) <= set(known["models"]):
        parser.error(f"expected a data set and models of it; config.yaml has {_known(config)}")
    if args.folds < 3:
        parser.error(f"--folds: {args.folds}; expected at least 3: to train, to validate and to test on")

    splits = [f"{config['results']}/{args.dataset}/images/{split}.h5" for split in ("train", "val")]
    _snakemake(args, splits, args.configfile)
    folder = timing.ROOT / config["results"] / "crossvalidation" / args.dataset
    folder.mkdir(parents=True, exist_ok=True)
    files = deal([timing.ROOT / path for path in splits], folder, args.folds, known["near_duplicates"])
    overlay, results = folder / "overlay.yaml", (folder / "results").relative_to(timing.ROOT)
    overlay.write_text(yaml.safe_dump(folds(config, args.dataset, args.models, files, results)), encoding="utf-8")
    _snakemake(args, [f"{results}/metrics.csv"], [*args.configfile, str(overlay)])
    print(table(timing.ROOT / results / "metrics.csv"))


def deal(paths: list[Path], folder: Path, number: int, threshold: float) -> list[Path]:
    """Write the labelled images of some files as so many .npz files, each with another fold to test on.

    Images whose pixels correlate by at least the threshold, directly or through others, are in one fold.
    """
    pixels = np.concatenate([block for path in paths for block in images.image_blocks(path)])
    labels = np.concatenate([images.read_labels(path) for path in paths])
    dealer = StratifiedGroupKFold(number, shuffle=True, random_state=SEED)
    parts = [part for _, part in dealer.split(labels, labels, groups(paths, pixels, threshold))]
    written = []
    for fold in range(number):
        chosen = {"test": parts[fold], "val": parts[(fold + 1) % number]}
        chosen["train"] = np.setdiff1d(np.arange(len(labels)), np.concatenate(list(chosen.values())))
        arrays = {}
        for split, rows in chosen.items():
            grey = pixels.shape[-1] == 1
            arrays[f"{split}_images"] = pixels[rows][..., 0] if grey else pixels[rows]
            arrays[f"{split}_labels"] = labels[rows][:, None].astype(np.uint8)
        written.append(folder / f"fold{fold + 1}.npz")
        np.savez(written[-1], **arrays)
    return written


def groups(paths: list[Path], pixels: np.ndarray, threshold: float) -> np.ndarray:
    """A number for each image, the same for near-duplicates: components of their graph."""
    splits = [near_duplicates.Split(path.stem, path, images.read_labels(path)) for path in paths]
    counts = [len(split.labels) for split in splits]
    starts = {split.name: start for split, start in zip(splits, np.cumsum([0, *counts[:-1]]), strict=True)}
    pairs, _ = near_duplicates.find(splits, threshold, listed=len(pixels) ** 2)
    first, second = (pairs[f"index_{side}"] + pairs[f"split_{side}"].map(starts) for side in "ab")
    _, alike = np.unique(pixels.reshape(len(pixels), -1), axis=0, return_inverse=True)  # of one colour: no correlation
    _, representative = np.unique(alike, return_index=True)
    rows = np.concatenate([first.to_numpy(int), np.arange(len(pixels))])
    columns = np.concatenate([second.to_numpy(int), representative[alike]])
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(len(pixels), len(pixels)))
    return connected_components(graph, directed=False)[1]


def folds(config: dict[str, Any], dataset: str, models: list[str], files: list[Path], results: Path) -> dict[str, Any]:
    """The overlay: a data set a fold in place of all others, with some of the models, and its folder of results."""
    entry = {key: value for key, value in config["datasets"][dataset].items() if key != "by_default"}  # no setting
    ensembles = {
        name: members
        for name, members in (entry["ensembles"] or {}).items()
        if all(member.partition("/")[0] in models for member in members)
    }
    others = {
        "source": "file",
        "sha256": None,
        "learning_curve": None,
        "published": [],
        "export": None,
        "ensembles": ensembles,
    }
    kept = {**entry, **others, "models": {name: entry["models"][name] for name in models}}
    dealt = {
        file.stem: {**kept, "path": str(file), "label": f"{dataset}, {file.stem} of {len(files)}, no test image"}
        for file in files
    }
    return {"results": str(results), "datasets": {**dict.fromkeys(config["datasets"]), **dealt}}


def table(path: Path) -> str:
    """Measures of each system: the mean over seeds and folds, and the standard deviation of a seed's mean."""
    found = read_table(path, ("value",), ("model", "system", "split", "metric"), ("seed",))
    found = found[(found["split"] == "test") & found["metric"].isin(MEASURES)]
    seeds = found.groupby(["model", "system", "metric", "seed"], dropna=False, sort=False)["value"].mean()
    rows = []
    for (model, system), one in seeds.groupby(["model", "system"], sort=False):
        cells = []
        for metric in MEASURES:
            values = one.xs(metric, level="metric")
            cells.append(f"{values.mean():.4f}" + (f" ± {values.std():.4f}" if len(values) > 1 else ""))
        rows.append([f"{model}/{system}", *cells, str(len(one) // len(MEASURES))])
    return timing.table(["system", *MEASURES.values(), "seeds"], rows)


def _snakemake(args: argparse.Namespace, targets: list[str], overlays: list[str]) -> None:
    command = [sys.executable, "-m", "snakemake", "-j", str(args.cores), *targets]
    done = subprocess.run([*command, *(["--configfile", *overlays] if overlays else [])], cwd=timing.ROOT)
    if done.returncode:
        sys.exit(done.returncode)


def _known(config: dict[str, Any]) -> str:
    return "; ".join(f"{name}: {', '.join(entry['models'])}" for name, entry in config["datasets"].items())


if __name__ == "__main__":
    main()
