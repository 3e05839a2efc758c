"""Measure parts of the library against what a user would write without it, on the same inputs, as ratios of CPU time.

Each pair is run in turn, several times; the median ratio is printed as a Markdown table. Run by `make bench`.
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import threadpoolctl

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

from sklearn.ensemble import RandomForestClassifier

from medfusion.data import phantoms
from medfusion.learning import backend, classifiers
from medfusion.learning.augmentation import augment

REPEATS = 5


def cpu_seconds(work: Callable[[], object]) -> float:
    """Processor time of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def augmentation_pair() -> tuple[Callable, Callable]:
    """A bank of 4 copies, against Keras preprocessing layers over the same images."""
    images = phantoms.generate("bloodmnist", 28, {"train": 2000, "val": 8, "test": 8}, 0)["train_images"]
    settings = {"flip": "horizontal", "rotation": 36, "scale": 0.1, "contrast": 0}
    layers = backend.keras.layers
    keras_layers = backend.keras.Sequential(
        [
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.1, fill_mode="reflect"),
            layers.RandomZoom(0.1, fill_mode="reflect"),
        ]
    )
    keras_layers(images[:8], training=True)

    def ours() -> None:
        for copy in range(4):
            augment(images, settings, np.random.default_rng(copy))

    def theirs() -> None:
        for _ in range(4):
            for start in range(0, len(images), 128):
                keras_layers(images[start : start + 128].astype(np.float32), training=True)

    return ours, theirs


def forest_pair() -> tuple[Callable, Callable]:
    """A grid of forests that share their trees, against each cell grown from scratch."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 8, 1500)
    features = (rng.normal(size=(1500, 64)) + labels[:, None] * rng.normal(size=64) * 0.2).astype(np.float32)
    settings = {
        "kind": "random_forest",
        "grid": {"n_estimators": [50, 100, 200], "max_depth": [None, 10]},
        "selection": "validation",
        "search_images": None,
    }
    data = (features[:1000], labels[:1000], features[1000:], labels[1000:])

    def ours() -> None:
        classifiers.search(settings, *data, seed=0, report=lambda line: None)

    def theirs() -> None:
        for cell in classifiers.grid_cells(settings["grid"]):
            RandomForestClassifier(**cell, random_state=0).fit(*data[:2]).score(*data[2:])

    return ours, theirs


PAIRS = {
    "augmented bank of 4 copies / Keras preprocessing layers": augmentation_pair,
    "grid of forests that share trees / each from scratch": forest_pair,
}


def main() -> None:
    """Print the median and the range of the ratio for each pair."""
    backend.configure(threads=1, seed=0)
    print("| ours / without us | CPU time ratio (median) | range | repeats |\n| --- | --- | --- | --- |")
    with threadpoolctl.threadpool_limits(1):
        for name, make in PAIRS.items():
            ours, theirs = make()
            ratios = [cpu_seconds(ours) / cpu_seconds(theirs) for _ in range(REPEATS)]
            print(f"| {name} | {statistics.median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f} | {REPEATS} |")


if __name__ == "__main__":
    main()
