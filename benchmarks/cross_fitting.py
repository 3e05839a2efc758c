"""Classifiers fitted on cross-fitted features: those of each training image from a network that has not seen it.

    snakemake -j 2 crossvalidation
    python benchmarks/cross_fitting.py breast breast_resnet

Reads what `snakemake crossvalidation` made of one repeat, and trains no network: in each fold the classifier is fitted
on the fold's training images, and measured on its test images, whose features are those of its own network. Features of
the training images are those of that network too ("own", as the workflow has it), or each image's from the network of
the fold that tests it: as they are ("others'"), or mapped to the fold's own by a rotation or a linear map, fitted on
images that both networks were trained on, without labels. "Log odds" are the networks' in place of features. Networks
of other folds were trained on the fold's test images, which the classifier sees through their features alone. A
temperature is chosen on the fold's validation images, as in the workflow. Prints a table in Markdown for
docs/tuning.md.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

import numpy as np
import timing
from scipy.linalg import orthogonal_procrustes

from medfusion.data.partitioning import divide
from medfusion.evaluation.crossvalidation import compare
from medfusion.evaluation.paired_tests import area
from medfusion.files import hdf5, pools
from medfusion.learning import classifiers
from medfusion.learning.calibration import log_losses, scale, temperature_of
from medfusion.learning.fusion import fuse
from medfusion.planning.plan import Plan

HEAD = ["fitted on", "C", "log loss", "AUROC", "accuracy", "half with the network: log loss", "better by (95 %)"]
RIDGE = 1.0  # of the linear map, times the mean variance of a feature
ODDS = 1e-4  # least probability whose log odds are taken


class Fold(NamedTuple):
    """What the network of a fold gives of all images of the pool, and which are its train, val and test.

    features : float (n, width); what the classifiers see beside the network's own (pixels) included
    probabilities : float (n, k)
    rows : by split, numbers of images
    """

    features: np.ndarray
    probabilities: np.ndarray
    rows: dict[str, np.ndarray]


def read(folder: Path, rows: dict[str, np.ndarray]) -> Fold:
    """The fold whose network's file lies in a folder."""
    n, parts = sum(map(len, rows.values())), {}
    for name in ("features", "probabilities"):
        with hdf5.open_hdf5(folder / "features.h5") as file:
            values = {split: file[f"{split}/{name}"][:] for split in rows}
        parts[name] = np.empty((n, values["test"].shape[1]))
        for split, own in rows.items():
            parts[name][own] = values[split]
    return Fold(parts["features"], parts["probabilities"], rows)


def rotation(source: np.ndarray, target: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The rotation (and shift) that brings features of images closest to others of the same images."""
    middles = source.mean(axis=0), target.mean(axis=0)
    turn, _ = orthogonal_procrustes(source - middles[0], target - middles[1])
    return lambda values: (values - middles[0]) @ turn + middles[1]


def linear(source: np.ndarray, target: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The linear map that does, by ridge regression."""
    middles = source.mean(axis=0), target.mean(axis=0)
    centred = source - middles[0]
    penalty = RIDGE * len(source) * centred.var(axis=0).mean() * np.eye(source.shape[1])
    weights = np.linalg.solve(centred.T @ centred + penalty, centred.T @ (target - middles[1]))
    return lambda values: (values - middles[0]) @ weights + middles[1]


def log_odds(values: np.ndarray) -> np.ndarray:
    """The logarithm of probabilities (n, k), its mean over the classes taken away."""
    logs = np.log(np.maximum(values, ODDS))
    return logs - logs.mean(axis=1, keepdims=True)


def fitted_on(kind: str, folds: list[Fold], number: int, place: np.ndarray, width: int) -> tuple[np.ndarray, ...]:
    """What the classifier of a fold is fitted on, and what it is asked about: numbers of all images (n, d) each.

    Parameters
    ----------
    kind : a row of the table
    place : (n,), by which fold each image is tested
    width : how many features are the network's; the others are the same for all networks
    """
    own, others = folds[number], np.empty_like(folds[number].features)
    if kind == "own":
        return own.features, own.features
    if kind.startswith("log odds"):
        said = np.empty_like(own.probabilities)
        for other, fold in enumerate(folds):
            said[place == other] = fold.probabilities[place == other]
        tail = [own.features[:, width:]] if kind.endswith("pixels") else []
        return np.hstack([log_odds(said), *tail]), np.hstack([log_odds(own.probabilities), *tail])
    for other, fold in enumerate(folds):
        held = place == other
        others[held] = fold.features[held]
        if other != number and kind != "others'":
            both = np.intersect1d(own.rows["train"], fold.rows["train"])
            way = {"others', rotated": rotation, "others', mapped": linear}[kind]
            mapped = way(fold.features[both, :width], own.features[both, :width])
            others[held, :width] = mapped(fold.features[held, :width])
    return others, own.features


KINDS = ("own", "others'", "others', rotated", "others', mapped", "log odds", "log odds and pixels")


def main() -> None:
    """Fit, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("model")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--C", type=float, nargs="+", default=[0.001, 0.01, 0.1])
    parser.add_argument("--configfile", nargs="+", default=[], metavar="FILE")
    args = parser.parse_args()
    plan = Plan(timing.config(args.configfile))
    root = Path(plan.results, args.dataset)
    pool = pools.read(
        [root / f"images/{split}.h5" for split in ("train", "val", "test")], None, root / "groups.csv", ["train", "val"]
    )
    names, folds, place = pool.description.label_names, [], np.empty(len(pool.labels), int)
    for path, partition in plan.of_scheme(args.dataset, "crossvalidation").items():
        if partition.repeat == args.repeat:
            rows = divide(pool.labels, pool.groups, pool.sizes, partition.settings, names)
            place[rows["test"]] = len(folds)
            folds.append(read(Path(plan.seed_folder(path, args.model, args.repeat)), rows))
    with hdf5.open_hdf5(root / "images/train.h5") as file:
        pixels = int(np.prod(file["images"].shape[1:]))
    layers = plan.config["networks"][plan.entries[args.dataset]["models"][args.model]["network"]]["features"]["layers"]
    width = folds[0].features.shape[1] - (pixels if "rescaling" in layers else 0)
    print(f"{len(folds)} folds, {len(place)} images, {width} features and {pixels} pixels", file=sys.stderr)
    found = {"– (the network)": [measured(fold, fold.probabilities, pool.labels) for fold in folds]}
    halves = {}
    for kind in KINDS:
        for cost in args.C:
            key = kind, cost
            found[key], halves[key] = [], []
            for number, fold in enumerate(folds):
                fitted, asked = fitted_on(kind, folds, number, place, width)
                train = fold.rows["train"]
                settings = ("logistic_regression", {"C": cost}, args.repeat)
                model = classifiers.fitted(*settings, fitted[train], pool.labels[train])
                said = classifiers.probabilities(model, asked)
                found[key].append(measured(fold, said, pool.labels))
                halves[key].append(measured(fold, said, pool.labels, fold.probabilities))
    tested = np.mean([len(fold.rows["test"]) for fold in folds])
    ratio = tested / (len(place) - tested)
    table = []
    for key, values in found.items():
        own = np.array(values).mean(axis=0)
        cells = [f"{value:.{digits}f}" for value, digits in zip(own, (4, 3, 3), strict=True)]
        if key in halves:
            half = np.array(halves[key])[:, 0]
            gains = np.array(found["own", key[1]])[:, 0] - np.array(values)[:, 0]
            gain = compare(gains.tolist(), ratio, 0.01, 0.95)
            more = f"{gain.mean:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})" if key[0] != "own" else ""
            table.append([key[0], f"{key[1]:g}", *cells, f"{half.mean():.4f}", more])
        else:
            table.append([key, "", *cells, "", ""])
    print(timing.table(HEAD, table))


def measured(
    fold: Fold, said: np.ndarray, labels: np.ndarray, network: np.ndarray | None = None
) -> tuple[float, float, float]:
    """Log loss, AUROC and accuracy on a fold's test images, after a temperature that its validation images choose.

    Parameters
    ----------
    said : probabilities of all images
    network : those of the network, if half of these is added
    """

    def scaled(values: np.ndarray) -> np.ndarray:
        val = fold.rows["val"]
        return scale(values, temperature_of(values[val], labels[val]))

    values = scaled(said)
    if network is not None:
        values = scaled(fuse([values, scaled(network)], np.array([0.5, 0.5])))
    test = fold.rows["test"]
    task = "binary-class" if values.shape[1] == 2 else "multi-class"
    return (
        float(log_losses(values[test], labels[test]).mean()),
        area(labels[test], values[test], task).value,
        float(np.mean(values[test].argmax(axis=1) == labels[test])),
    )


if __name__ == "__main__":
    main()
