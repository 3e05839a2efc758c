"""What corrupted training images cost on clean images and give on corrupted ones: on validation images alone.

Trains a model's network with some shares of corrupted training images (`training.corruptions`) and some seeds, and
prints a table in Markdown for docs/tuning.md. Needs the prepared images of a run: `snakemake -j 2 breast`, or by name
`snakemake -j 2 results/breast/images/train.h5`.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

import numpy as np
import timing

from medfusion.data import corruptions, medmnist_c
from medfusion.data.sampling import taken
from medfusion.evaluation.ablations import t_interval
from medfusion.files import images
from medfusion.learning import backend
from medfusion.learning.calibration import cross_validated, log_loss, scale
from medfusion.learning.features import apply, extractor
from medfusion.learning.training import train
from medfusion.learning.training_images import open_images

CONDITIONS = ("clean", "corrupted")
HEAD = ["corrupted share", "clean: log loss", "accuracy", "corrupted: log loss", "accuracy"]
Found = dict[str, tuple[float, float]]  # by condition, log loss and accuracy


def versions(pixels: np.ndarray, flag: str | None, severities: Sequence[int]) -> dict[str, list[np.ndarray]]:
    """Validation images as they are, and corrupted as test images are, by condition: uint8 (n, H, W, C) each."""
    large = corruptions.enlarged(pixels)
    worse = [
        corruptions.corrupted(large, pixels.shape[1:], name, level, levels[level - 1], range(len(pixels)))
        for name, levels in medmnist_c.corruptions(flag).items()
        for level in severities
    ]
    return {"clean": [pixels], "corrupted": worse}


def measured(
    network: Callable[[np.ndarray], np.ndarray], given: Mapping[str, Sequence[np.ndarray]], labels: np.ndarray
) -> Found:
    """Log loss and accuracy of each condition, means over its versions, with the temperature of clean images.

    The log loss of these is that of images which the temperature was not chosen on.
    """
    clean = network(given["clean"][0])
    temperature, without, within = cross_validated(clean, labels)
    said = [network(version) for version in given["corrupted"]]
    losses = [log_loss(scale(values, temperature), labels) for values in said]
    return {
        "clean": (without if temperature == 1 else within, float(np.mean(clean.argmax(axis=1) == labels))),
        "corrupted": (float(np.mean(losses)), float(np.mean([one.argmax(axis=1) == labels for one in said]))),
    }


def row(share: float, found: Sequence[Found], reference: Sequence[Found]) -> list[str]:
    """The means over seeds of one share; of losses, the difference to the reference with its 95 % interval."""
    cells = [f"{share:g}"]
    for condition in CONDITIONS:
        losses, accuracies = (np.array([one[condition][part] for one in found]) for part in (0, 1))
        text = f"{losses.mean():.4f}"
        if found is not reference:
            differences = losses - [one[condition][0] for one in reference]
            low, high = t_interval(differences.tolist(), 0.95)
            text += f" ({differences.mean():+.4f}, {low:+.4f} to {high:+.4f})"
        cells += [text, f"{accuracies.mean():.3f}"]
    return cells


def main() -> None:
    """Train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("model")
    parser.add_argument("--shares", type=float, nargs="+", default=[0, 0.5], help="the first is the reference")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--train-images", type=int, help="a stratified subset")
    parser.add_argument("--val-images", type=int, help="at most")
    parser.add_argument("--severities", type=int, nargs="+", default=[3])
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=NUMBER", help="other settings of the training")
    parser.add_argument("--configfile", nargs="+", default=[], metavar="FILE")
    args = parser.parse_args()
    config = timing.config(args.configfile)
    entry, folder = config["datasets"][args.dataset], Path(config["results"]) / args.dataset
    network = config["networks"][entry["models"][args.model]["network"]]
    more = {key: float(value) if "." in value else int(value) for key, value in (one.split("=") for one in args.set)}
    labels = images.read_labels(folder / "images/val.h5")
    chosen = taken(len(labels), args.val_images, 0)
    given = versions(images.read_images(folder / "images/val.h5")[chosen], entry["flag"], args.severities)
    found: dict[float, list[Found]] = {}
    for seed in args.seeds:
        for share in args.shares:
            training = {**network["training"], **more, "corruptions": share}
            backend.keras.backend.clear_session()  # names and memory of the network before
            backend.configure(threads=1, seed=seed)
            model = trained(folder, {**network, "training": training}, seed, args.train_images or "all")
            at = measured(lambda block, model=model: said(model, block, network), given, labels[chosen])
            found.setdefault(share, []).append(at)
            print(f"share {share:g}, seed {seed}: {at}", file=sys.stderr, flush=True)
    reference = found[args.shares[0]]
    print(timing.table(HEAD, [row(share, rows, reference) for share, rows in found.items()]))


def trained(
    folder: Path, network: dict[str, Any], seed: int, number: int | str, precision: str = "float32"
) -> backend.keras.Model:
    """A network with one seed, as train_cnn trains it."""
    drawn = folder / "augmented.h5" if network["training"]["images"] != "original" else None
    training_images = open_images(folder / "images/train.h5", drawn, number, seed)
    classes = len(images.describe(folder / "images/train.h5").label_names)
    val_images = open_images(folder / "images/val.h5")
    model, _ = train(training_images, val_images, network, classes, seed, lambda line: None, precision=precision)
    return extractor(model, ["features"])


def said(model: backend.keras.Model, block: np.ndarray, network: dict[str, Any]) -> np.ndarray:
    """Class probabilities of images, averaged over the network's views."""
    return apply(model, block, network["features"]["test_time_augmentation"])[1]


if __name__ == "__main__":
    main()
