"""What activations in bfloat16 cost in log loss and save in time: on validation images alone.

Trains a model's network in float32 and in bfloat16, in turn, with some seeds, and prints a table in Markdown for
docs/tuning.md. Needs the prepared images of a run, by name `snakemake -j 2 results/blood/images/train.h5`.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

import numpy as np
import timing
from robustness import said, trained

from medfusion.evaluation.ablations import t_interval
from medfusion.files import images
from medfusion.learning import backend
from medfusion.learning.calibration import cross_validated

HEAD = ["precision", "log loss, by seed", "difference of the mean (95 %)", "accuracy", "processor seconds a seed"]


def main() -> None:
    """Train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("model")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--train-images", type=int, help="a stratified subset")
    parser.add_argument("--epochs", type=int, help="in place of the network's own")
    parser.add_argument("--configfile", nargs="+", default=[], metavar="FILE")
    args = parser.parse_args()
    config = timing.config(args.configfile)
    folder = Path(config["results"]) / args.dataset
    network = config["networks"][config["datasets"][args.dataset]["models"][args.model]["network"]]
    network["training"]["epochs"] = args.epochs or network["training"]["epochs"]
    pixels, labels = (read(folder / "images/val.h5") for read in (images.read_images, images.read_labels))
    found: dict[str, list[tuple[float, float, float]]] = {"float32": [], "bfloat16": []}
    for seed in args.seeds:
        for precision, measured in found.items():
            backend.keras.backend.clear_session()  # names and memory of the network before
            backend.configure(threads=1, seed=seed)
            start = time.process_time()
            model = trained(folder, network, seed, args.train_images or "all", precision)
            seconds = time.process_time() - start
            probabilities = said(model, pixels, network)
            temperature, without, within = cross_validated(probabilities, labels)
            loss = without if temperature == 1 else within
            measured.append((loss, float(np.mean(probabilities.argmax(axis=1) == labels)), seconds))
            print(f"{precision}, seed {seed}: {measured[-1]}", file=sys.stderr, flush=True)
    reference = np.array(found["float32"])
    rows = []
    for precision, measured in found.items():
        losses, accuracies, seconds = np.array(measured).T
        differences = losses - reference[:, 0]
        said_of = "–" if precision == "float32" else f"{differences.mean():+.4f}"
        if precision != "float32" and len(differences) > 1:
            low, high = t_interval(differences.tolist(), 0.95)
            said_of += f" ({low:+.4f} to {high:+.4f})"
        text = ", ".join(f"{loss:.4f}" for loss in losses)
        rows.append([precision, text, said_of, f"{accuracies.mean():.4f}", f"{np.median(seconds):.0f}"])
    print(timing.table(HEAD, rows))


if __name__ == "__main__":
    main()
