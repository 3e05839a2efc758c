"""What classifiers and fusions make of a network that is useless: training labels are random.

    python benchmarks/useless_network.py --repeats 20

Features and probabilities of such a network are drawn: as if it had learnt its training labels by heart ("learnt"), or
nothing ("nothing"). The stages fit_grid and fuse of the configuration follow, with their own choices. Test labels are
of the same two classes, in the same shares. Prints a table in Markdown for docs/tuning.md: the log loss after the
temperature beside that of the base rates, and how often the page would say that a fusion adds something. "Towards the
shares": the same with a temperature that draws probabilities towards the classes' shares, not towards equal ones.
"""

import argparse
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

import numpy as np
import timing
from scipy.optimize import minimize_scalar

import fit_grid
import fuse
from medfusion.evaluation.ablations import t_interval
from medfusion.evaluation.paired_tests import area, loss_difference
from medfusion.files import images, probabilities
from medfusion.files.hdf5 import create_hdf5
from medfusion.jobs import stage
from medfusion.learning.calibration import log_losses, scale, temperature_of
from medfusion.planning.systems import fusion_members

SIZES = {"train": 546, "val": 78, "test": 156}  # those of BreastMNIST
SHARE = 0.27  # of class 0
WIDTH = 64
DESCRIPTION = images.Description("breastmnist", "binary-class", ("malignant", "normal"), "0" * 64, True)
HEAD = ["network", "system", "log loss over that of the base rates (95 %)", "range of probabilities", "AUROC"]
HEAD += ["towards the shares"]


def drawn(kind: str, folder: Path, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Write what such a network gives of each split; the labels."""
    labels = {split: (rng.random(size) > SHARE).astype(np.uint8) for split, size in SIZES.items()}
    said = {}
    with create_hdf5(folder / "features.h5", **DESCRIPTION.attributes()) as file:
        for split, own in labels.items():
            # What it makes of an image, at random; of training images, their labels if it has learnt them by heart.
            guess = np.float64(own if split == "train" else rng.random(len(own)) > SHARE)
            spread = 1.0 if kind == "learnt" else 0.0
            file[f"{split}/features"] = np.float32(rng.normal(size=(len(own), WIDTH)) + 2 * spread * guess[:, None])
            logits = np.log((1 - SHARE) / SHARE) + rng.normal(0, 0.3, len(own)) + spread * 3 * (2 * guess - 1)
            first = 1 / (1 + np.exp(logits))
            said[split] = np.column_stack([first, 1 - first])
            file[f"{split}/probabilities"] = np.float32(said[split])
        file.attrs["temperature"] = temperature_of(said["val"], labels["val"])
    for split in ("train", "val"):
        images.write_labels(folder / f"{split}.h5", split, DESCRIPTION, labels[split])
    return labels


def systems(folder: Path, model: dict, config: dict, seed: int) -> dict[str, Path]:
    """The files of all systems of a model, as the stages make them."""
    files = {"cnn": folder / "features.h5"}
    same = {"train_images": "all", "drop_near_duplicates_of": [], "seed": seed}
    for name in model["classifiers"]:
        classifier = {key: value for key, value in config["classifiers"][name].items() if key != "label"}
        settings = {"title": name, "classifier": {**classifier, "criterion": config["criterion"]}, **same}
        files[name] = folder / f"{name}.h5"
        given = {"features": files["cnn"], "train": folder / "train.h5", "val": folder / "val.h5", "groups": None}
        out = {"grid": folder / "x.csv", "best": folder / "x.json", "model": folder / "x.skops"}
        fit_grid.main(SimpleNamespace(**given, **out, probabilities=files[name]), settings)
    for name in model["fusions"]:
        entry = config["fusions"][name]
        settings = {"title": name, "members": fusion_members(entry), "criterion": config["criterion"]}
        settings |= {key: entry.get(key) for key in ("weights", "step")}
        files[name] = folder / f"{name}.h5"
        members = [files[member] for member in settings["members"]]
        fuse.main(
            SimpleNamespace(members=members, val=folder / "val.h5", fusion=folder / "x.json", fused=files[name]),
            settings,
        )
    return files


def over(values: list[float]) -> str:
    """The mean over draws with its interval."""
    low, high = t_interval(values, 0.95)
    return f"{np.mean(values):+.4f} ({low:+.4f} to {high:+.4f})"


def towards(shares: np.ndarray, values: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities (n, k) that at a high temperature are the shares (k,) of the classes."""
    odds = shares * scale(values / shares / (values / shares).sum(axis=1, keepdims=True), temperature)
    return odds / odds.sum(axis=1, keepdims=True)


def loss_towards(shares: np.ndarray, path: Path, labels: dict[str, np.ndarray]) -> float:
    """The log loss on test images, with the temperature that validation images choose."""
    val, test = (probabilities.read(path, split) for split in ("val", "test"))

    def on_validation(log_temperature: float) -> float:
        return log_losses(towards(shares, val, np.exp(log_temperature)), labels["val"]).mean()

    chosen = minimize_scalar(on_validation, bounds=(-4, 9), method="bounded").x
    return log_losses(towards(shares, test, np.exp(chosen)), labels["test"]).mean()


def main() -> None:
    """Draw, fit, fuse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--classifiers", nargs="+", default=["linear_probe_c001", "linear_probe", "svm_rbf", "svm"])
    parser.add_argument("--fusions", nargs="+", default=["cnn_50_linear_probe_c001_50", "cnn_svm_chosen"])
    parser.add_argument("--configfile", nargs="+", default=[], metavar="FILE")
    args = parser.parse_args()
    config, model = timing.config(args.configfile), {"classifiers": args.classifiers, "fusions": args.fusions}
    stage.progress = lambda line: None
    rows, claims = [], defaultdict(int)
    for kind in ("learnt", "nothing"):
        found = defaultdict(list)
        for seed in range(1, args.repeats + 1):
            with tempfile.TemporaryDirectory() as temporary:
                labels = drawn(kind, Path(temporary), np.random.default_rng(seed))
                rate = labels["train"].mean()
                base = log_losses(np.tile([1 - rate, rate], (SIZES["test"], 1)), labels["test"]).mean()
                losses = {}
                for name, path in systems(Path(temporary), model, config, seed).items():
                    values = scale(probabilities.read(path, "test"), probabilities.temperature(path))
                    losses[name] = log_losses(values, labels["test"])
                    spread = np.quantile(values[:, 1], [0.05, 0.95])
                    auroc = area(labels["test"], values, DESCRIPTION.task).value
                    other = loss_towards(np.array([1 - rate, rate]), path, labels) - base
                    found[name].append([losses[name].mean() - base, *spread, auroc, other])
                for name in args.fusions:
                    best = min(fusion_members(config["fusions"][name]), key=lambda one: losses[one].mean())
                    claims[name] += loss_difference(losses[name][None], losses[best][None], 0.95).high < 0
            print(f"{kind}, {seed} of {args.repeats}", file=sys.stderr, flush=True)
        for name, values in found.items():
            _, low, high, auroc, _ = np.mean(values, axis=0)
            cells = [over([value[place] for value in values]) for place in (0, 4)]
            rows.append([kind, f"`{name}`", cells[0], f"{low:.2f} to {high:.2f}", f"{auroc:.3f}", cells[1]])
    print(timing.table(HEAD, rows))
    for name in args.fusions:
        print(f"`{name}` adds something: {claims[name]} of {2 * args.repeats} repeats")


if __name__ == "__main__":
    main()
