"""Coverage and size of prediction sets by three scores, on the test images of finished runs.

    python benchmarks/prediction_sets.py results/blood compact_resnet/seed1/cnn_linear_probe_chosen/fused.h5

"here": what the workflow does (adaptive, with 1 for the random number); "by probability": 1 - the probability of the
class, whose sets can be empty; "with 0": adaptive with 0 for the random number, the most probable class always added.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

import numpy as np
import timing

from medfusion.files import images, probabilities
from medfusion.learning import calibration
from medfusion.naming import percent

COVERAGES = (0.9, 0.95, 0.99)


def with_own(values: np.ndarray) -> np.ndarray:
    """The probability of each class and all more probable ones, (n, k)."""
    order = np.argsort(-values, axis=1, kind="stable")
    result = np.empty_like(values)
    np.put_along_axis(result, order, np.take_along_axis(values, order, axis=1).cumsum(axis=1), axis=1)
    return result


SCORES = {
    "here": lambda values: 1 - calibration.remaining(values),
    "by probability": lambda values: 1 - values,
    "with 0": with_own,
}


def main() -> None:
    """Print a row for each coverage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="results of a data set")
    parser.add_argument("file", help="probabilities of one of its systems, below that folder")
    args = parser.parse_args()
    labels = {
        "val": images.read_labels(args.folder / "images/val.h5"),
        "test": images.read_labels(args.folder / "test_labels.h5"),
    }
    values = {split: probabilities.read(args.folder / args.file, split) for split in labels}
    temperature = calibration.temperature_of(values["val"], labels["val"])
    values = {split: calibration.scale(found, temperature) for split, found in values.items()}
    every = {split: np.arange(len(found)) for split, found in labels.items()}
    top = values["test"] == values["test"].max(axis=1, keepdims=True)
    print(f"accuracy {np.mean(values['test'].argmax(axis=1) == labels['test']):.3f}, n = {len(top):,}")
    rows = []
    for coverage in COVERAGES:
        rows.append([percent(coverage)])
        for name, score in SCORES.items():
            own = score(values["val"])[every["val"], labels["val"]]
            threshold = calibration.conformal_threshold(own, coverage)
            sets = score(values["test"]) <= (np.inf if threshold is None else threshold)
            sets = sets | top if name == "with 0" else sets
            held, sizes = sets[every["test"], labels["test"]].mean(), sets.sum(axis=1)
            rows[-1].append(f"{held:.3f}, {sizes.mean():.3f} ({percent(np.mean(sizes == 0), 1)} empty)")
    print(timing.table(["intended", *SCORES], rows))


if __name__ == "__main__":
    main()
