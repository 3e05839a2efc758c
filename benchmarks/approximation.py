"""What an SVM's approximation costs in accuracy and saves in time, on features that both can be fitted on.

Both are fitted on the same training images and scored on the same validation images: an exact SVM, and the linear
machine on Nyström features that takes its place beyond `fit_images` of config.yaml. The features are the largest
principal components of raw pixels, of the data set's own images, or a network's, where --features names a file.

    MEDMNIST_DATA=folder python benchmarks/approximation.py --out docs/approximation.md
"""

import argparse
import os
import statistics
import sys
import time
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

import numpy as np
import threadpoolctl
import timing
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from medfusion.data import npz
from medfusion.files import hdf5, images
from medfusion.learning import approximate
from medfusion.learning.subsets import at_most

COMPONENTS = 64  # principal components of the pixels
COMBINATIONS = ({"C": 1}, {"C": 10}, {"C": 1, "kernel": "linear"})
HEAD = [
    *("features", "training images", "SVM", "accuracy, exact", "accuracy, approximated", "difference"),
    *("seconds, exact", "seconds, approximated"),
]
TEXT = """\
# What approximating a large SVM costs

Written by `python benchmarks/approximation.py` on {date}: {machine}, one thread. {data}: accuracy on the {n} validation
images, and seconds to fit, of an exact SVM and of the linear machine on {components} Nyström features that takes its
place beyond `fit_images`. The difference is the mean over {seeds} draws of the features, with its range; one standard
error of an accuracy of 0.9 on so many images is {error:.4f}.

{table}
"""


def pixels(folder: Path) -> tuple[str, list[np.ndarray]]:
    """Name of the data; principal components and labels of the training and validation images of a file."""
    path = next(path for name in ("bloodmnist", "bloodmnist_surrogate") if (path := folder / f"{name}.npz").exists())
    arrays = npz.read(path)
    parts = []
    for split in ("train", "val"):
        labels = arrays[f"{split}_labels"].read().reshape(-1)
        parts += [npz.Images(arrays[f"{split}_images"])[:].reshape(len(labels), -1).astype(np.float32) / 255, labels]
    reduction = PCA(COMPONENTS, svd_solver="randomized", random_state=0).fit(parts[0])
    parts[0], parts[2] = reduction.transform(parts[0]), reduction.transform(parts[2])
    return f"{path.name}", parts


def network(features: Path, folder: Path) -> list[np.ndarray]:
    """A network's features and the labels of the training and validation images."""
    parts = []
    for split in ("train", "val"):
        labels = images.read_labels(folder / f"{split}.h5")
        parts += [hdf5.rows(features, f"{split}/features", np.arange(len(labels))), labels]
    return parts


def rows(name: str, parts: list[np.ndarray], sizes: list[int], components: int, seeds: int) -> list[list[str]]:
    """A row of the table for each size and combination."""
    found = []
    for size in sizes:
        chosen = at_most(parts[1], size, 0)
        features, labels, val_features, val_labels = parts[0][chosen], parts[1][chosen], parts[2], parts[3]
        for combination in COMBINATIONS:
            start = time.perf_counter()
            exact = make_pipeline(StandardScaler(), SVC(**combination, cache_size=500, break_ties=True)).fit(
                features, labels
            )
            seconds, accuracy = [time.perf_counter() - start], exact.score(val_features, val_labels)
            ours = []
            for seed in range(seeds):
                start = time.perf_counter()
                machine = approximate.fit(combination, features, labels, min(components, len(labels)), seed)
                seconds.append(time.perf_counter() - start)
                ours.append(machine.score(val_features, val_labels))
            differences = [value - accuracy for value in ours]
            extent = f"{min(differences):+.4f} to {max(differences):+.4f}"
            found.append([
                *(name, f"{len(labels):,}"),
                *(f"{combination.get('kernel', 'rbf')}, C = {combination['C']}", f"{accuracy:.4f}"),
                f"{statistics.mean(ours):.4f}",
                f"{statistics.mean(differences):+.4f} ({extent})",
                *(f"{seconds[0]:.1f}", f"{statistics.median(seconds[1:]):.1f}"),
            ])  # fmt: skip
            print(timing.table(HEAD, found[-1:]), file=sys.stderr, flush=True)
    return found


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("MEDMNIST_DATA"), help="folder with Blood's .npz")
    parser.add_argument(
        "--features", type=Path, nargs="*", default=[], help="features.h5 of networks, beside the pixels"
    )
    parser.add_argument("--images", type=Path, help="folder with train.h5 and val.h5 that the features are of")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[3000, 20000], help="training images (default: 3000, all)"
    )
    parser.add_argument("--components", type=int, default=1000, help="Nyström features (default: as config.yaml)")
    parser.add_argument("--seeds", type=int, default=3, help="draws of the Nyström features")
    parser.add_argument("--out", type=Path, help="file to write; else the table is printed alone")
    args = parser.parse_args()
    if not args.data:
        sys.exit(
            "error: no data; name a folder with bloodmnist.npz or bloodmnist_surrogate.npz: --data, or MEDMNIST_DATA"
        )
    machine = timing.machine()
    with threadpoolctl.threadpool_limits(1):
        data, parts = pixels(Path(args.data))
        found = rows(f"{COMPONENTS} principal components of the pixels", parts, args.sizes, args.components, args.seeds)
        for features in args.features:
            name = f"features of {features.parents[1].name}"
            found += rows(name, network(features, args.images), args.sizes, args.components, args.seeds)
    table, n = timing.table(HEAD, found), len(parts[3])
    print(table)
    if args.out:
        text = TEXT.format(
            date=date.today().isoformat(), machine=machine, data=data, n=f"{n:,}", table=table, seeds=args.seeds,
            components=f"{args.components:,}", error=(0.9 * 0.1 / n) ** 0.5,
        )  # fmt: skip
        args.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
