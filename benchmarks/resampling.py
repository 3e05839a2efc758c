"""Bootstrap interval of an AUROC over Blood's classes, against scikit-learn's on each replicate."""

from pathlib import Path

import numpy as np
import timing

REPLICATES = 2000
SYSTEM = "compact_resnet/seed1/cnn_30_svm_70/fused.h5"
REPEATS = 3


def rows(results: Path) -> list[list[str]]:
    """The row of the report."""
    found = timing.compare("resampling", "test", REPEATS, str(results))
    ours, theirs = found.ours[0].found, found.theirs[0].found
    if not np.allclose(ours["limits"], theirs["limits"], rtol=0, atol=1e-12):
        raise SystemExit(f"error: the two sides find {ours['limits']} and {theirs['limits']}")
    low, high = ours["limits"]
    return [
        [
            f"AUROC of {REPLICATES:,} bootstrap replicates of {ours['images']:,} Blood images, mean over classes",
            "`roc_auc_score` of each class and replicate, with the same counts as weights",
            found.in_words(),
            str(REPEATS),
            f"both find {low:.5f} to {high:.5f}",
        ]
    ]


def ours(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, object]:
    """As the stages evaluate and compare_systems do."""
    from medfusion.evaluation.bootstrap import official_auroc, replicate_weights

    area = official_auroc(labels, probabilities, "multi-class")
    return limits(np.concatenate([area(weights) for weights in replicate_weights(labels, REPLICATES, 0)]))


def theirs(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, object]:
    """One replicate and class after another."""
    from sklearn.metrics import roc_auc_score

    from medfusion.evaluation.bootstrap import replicate_weights

    classes = range(probabilities.shape[1])
    areas = [
        np.mean([roc_auc_score(labels == i, probabilities[:, i], sample_weight=column) for i in classes])
        for weights in replicate_weights(labels, REPLICATES, 0)
        for column in weights.T
    ]
    return limits(np.array(areas))


def limits(areas: np.ndarray) -> dict[str, object]:
    """Of the 95 % interval."""
    return {"limits": np.quantile(areas, [0.025, 0.975]).tolist()}


def main() -> None:
    """One side."""
    args = timing.asked(__doc__)

    from medfusion.files import images, probabilities

    labels = images.read_labels(args.results / "blood/test_labels.h5")
    values = probabilities.read(args.results / "blood" / SYSTEM, "test")
    work = {"ours": ours, "theirs": theirs}[args.side]
    timing.side(lambda: {"images": len(labels), **work(labels, values)})


if __name__ == "__main__":
    main()
