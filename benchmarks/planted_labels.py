"""How many wrong labels the label audit finds: some training labels are made wrong, and a network is trained on them.

    snakemake -j 2 results/breast/images/train.h5
    python benchmarks/planted_labels.py breast breast_resnet

Prints a table in Markdown for docs/statistics.md. Of networks that are trained on the images as they are, not on the
augmented set. Validation labels stay right.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

import h5py
import numpy as np
import timing
from sklearn.metrics import roc_auc_score

from medfusion.evaluation import label_audit
from medfusion.files import images
from medfusion.learning import backend, out_of_fold
from medfusion.learning.features import apply, extractor
from medfusion.learning.subsets import at_most
from medfusion.learning.training import train
from medfusion.learning.training_images import open_images

SHARE = 0.05  # of the labels that are made wrong
HEAD = ["probes see", "AUROC", "flagged", "wrong among them", "found"]


def main() -> None:
    """Plant, train, probe, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("model")
    parser.add_argument("--train-images", type=int, help="a stratified subset")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--configfile", nargs="+", default=[], metavar="FILE")
    args = parser.parse_args()
    config = timing.config(args.configfile)
    entry, folder = config["datasets"][args.dataset], Path(config["results"]) / args.dataset / "images"
    network = config["networks"][entry["models"][args.model]["network"]]
    if network["training"]["images"] != "original":
        parser.error(f"{args.model} is trained on the augmented set; expected training.images: original")
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary, "train.h5")
        wrong = planted(folder / "train.h5", path, args.train_images, args.seed)
        labels, classes = images.read_labels(path), len(images.describe(path).label_names)
        backend.configure(threads=1, seed=args.seed)
        model, _ = train(
            open_images(path, None, "all", args.seed),
            open_images(folder / "val.h5"),
            network,
            classes,
            args.seed,
            lambda line: print(line, file=sys.stderr),
        )
        found, _ = apply(
            extractor(model, network["features"]["layers"]),
            images.read_images(path),
            network["features"]["test_time_augmentation"],
        )
        views = {
            "pixels": [out_of_fold.pixels(path)],
            f"features of `{args.model}`": [out_of_fold.View(found.shape[1], found.__getitem__)],
        }
        views[", ".join(views)] = [view for (view,) in views.values()]
        print(f"{int(wrong.sum())} of {len(wrong):,} labels are wrong\n", file=sys.stderr)
        rows = []
        for name, seen in views.items():
            said = out_of_fold.predict(seen, labels, np.arange(len(labels)), classes, seed=0)
            judged = label_audit.judge(labels, said)
            flagged = judged["flagged"].to_numpy()
            right = f"{wrong[flagged].mean():.0%}" if flagged.any() else "–"
            area = roc_auc_score(wrong, -judged["score"])
            rows.append([name, f"{area:.2f}", str(flagged.sum()), right, f"{flagged[wrong].mean():.0%}"])
    print(timing.table(HEAD, rows))


def planted(source: Path, target: Path, number: int | None, seed: int) -> np.ndarray:
    """Write a training split of which some labels are another class's; bool array (n,), which."""
    rng, labels = np.random.default_rng(seed), images.read_labels(source)
    kept = at_most(labels, number, seed) if number else np.arange(len(labels))
    labels = labels[kept]
    wrong = np.zeros(len(labels), bool)
    wrong[rng.choice(len(labels), round(SHARE * len(labels)), replace=False)] = True
    classes = len(images.describe(source).label_names)
    shutil.copyfile(source, target)
    with h5py.File(target, "r+") as file:
        pixels = file["images"][:][kept]
        changed = np.where(wrong, (labels + rng.integers(1, classes, len(labels))) % classes, labels)
        for name, values in (("images", pixels), ("labels", changed.astype(file["labels"].dtype))):
            attributes = dict(file[name].attrs)
            del file[name]
            file.create_dataset(name, data=values).attrs.update(attributes)
    return wrong


if __name__ == "__main__":
    main()
