"""How often the intervals that the page prints hold the true value, in simulated test splits.

A "system" gives each image a score of each class: normal, and higher for its own class. Its true measures are those of
a million images. Prints a table for docs/statistics.md: python benchmarks/coverage.py
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

import numpy as np
import timing
from scipy.special import softmax

from medfusion.evaluation import metrics

CONFIDENCE = 0.95
TRUTH = 1_000_000  # images
MEASURES = (
    "accuracy",
    "auroc",
    "balanced_accuracy",
    "macro_f1",
    "mcc",
    "brier",
    "log_loss",
    "recall[0]",
    "precision[0]",
)
# Images of each class, as in the official test splits, and how far the classes lie apart.
SPLITS = {
    "Breast": ((42, 114), 1.6, "binary-class"),
    "Blood": ((244, 624, 311, 579, 243, 284, 666, 470), 3.5, "multi-class"),
}


def drawn(counts: tuple[int, ...], apart: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Labels (n,) and probabilities (n, k) of one test split."""
    labels = np.repeat(np.arange(len(counts)), counts)
    scores = rng.normal(size=(len(labels), len(counts)))
    scores[np.arange(len(labels)), labels] += apart
    return labels, softmax(apart * scores, axis=1)


def truth(counts: tuple[int, ...], apart: float, task: str) -> dict[str, float]:
    """The measures of so many images that nothing is left to chance."""
    times = TRUTH // sum(counts)
    labels, probabilities = drawn(tuple(count * times for count in counts), apart, np.random.default_rng(0))
    found = metrics.measure(labels, probabilities, task, replicates=1, confidence=CONFIDENCE)
    return {row.metric: row.value for row in found}


def coverage(name: str, splits: int, replicates: int) -> Iterator[tuple[str, float, float]]:
    """Of each measure, the share of intervals that hold the truth, and its own standard error."""
    counts, apart, task = SPLITS[name]
    true, held = truth(counts, apart, task), dict.fromkeys(MEASURES, 0)
    for number in range(splits):
        labels, probabilities = drawn(counts, apart, np.random.default_rng([1, number]))
        found = metrics.measure(labels, probabilities, task, replicates=replicates, confidence=CONFIDENCE, seed=number)
        for row in found:
            if row.metric in held:
                held[row.metric] += row.low <= true[row.metric] <= row.high
    for measure, count in held.items():
        share = count / splits
        yield measure, share, (share * (1 - share) / splits) ** 0.5


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=2000, help="simulated test splits of each kind")
    parser.add_argument("--replicates", type=int, default=1000, help="of the bootstrap")
    args = parser.parse_args()
    found = {name: list(coverage(name, args.splits, args.replicates)) for name in SPLITS}
    rows = [
        [f"`{measure}`", *(f"{found[name][row][1]:.3f} ± {found[name][row][2]:.3f}" for name in SPLITS)]
        for row, measure in enumerate(MEASURES)
    ]
    heads = [f"{name}, n = {sum(counts):,}" for name, (counts, _, _) in SPLITS.items()]
    print(timing.table([f"{CONFIDENCE:.0%} interval of", *heads], rows))


if __name__ == "__main__":
    main()
