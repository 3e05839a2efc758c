"""The grids of config.yaml on real features: our search and fit, against what a user would write with scikit-learn.

Theirs is GridSearchCV over the same combinations with all processors, cross-validated on the training features with the
grid's folds, the winner fitted on all of them; the SVM with probability=True, because probabilities are wanted.
"""

import argparse
import statistics
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import threadpoolctl
import timing
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from medfusion.files import images
from medfusion.learning import classifiers, grid_search

GRIDS = {"svm": 1, "random_forest": 1, "decision_tree": 3}  # pairs of runs: the first two take minutes
FOLDS = {"svm": 5, "random_forest": 3, "decision_tree": 3}


def rows(name: str, results: Path) -> list[list[str]]:
    """The row of the report on one grid.

    Parameters
    ----------
    name : a key of `GRIDS`
    results : the results of a finished run on real data
    """
    found = timing.compare("grids", name, GRIDS[name], str(results))
    accuracy = [statistics.mean(run.found["validation"] for run in runs) for runs in (found.ours, found.theirs)]
    return [
        [
            f"grid of `{name}` on the features of `compact_resnet`, {found.ours[0].found['combinations']} combinations",
            f"`GridSearchCV(…, cv={FOLDS[name]}, n_jobs=-1)`" + " of `SVC(probability=True)`" * (name == "svm"),
            found.in_words(),
            str(GRIDS[name]),
            f"the same grid; the winner's validation accuracy {accuracy[0]:.4f}, on which ours was chosen, theirs "
            f"{accuracy[1]:.4f}",
        ]
    ]


def ours(settings: dict[str, Any], data: tuple[np.ndarray, ...]) -> dict[str, Any]:
    """As the stage fit_grid does."""
    with threadpoolctl.threadpool_limits(1):
        combinations, found = grid_search.search(settings, *data, seed=1, report=lambda line: None)
        best = grid_search.combinations_of(settings["grid"])[found[0]]
        model = classifiers.fit(settings, best, *data, seed=1)
        return {"combinations": len(combinations), "best": best, "validation": float(model.score(*data[2:]))}


def theirs(settings: dict[str, Any], data: tuple[np.ndarray, ...]) -> dict[str, Any]:
    """As a user would."""
    kind, grid = settings["kind"], settings["grid"]
    models = {
        "svm": make_pipeline(StandardScaler(), SVC(probability=True)),
        "random_forest": RandomForestClassifier(random_state=1),
        "decision_tree": DecisionTreeClassifier(random_state=1),
    }
    if kind == "svm":
        width = data[0].shape[1]
        grid = {"svc__C": grid["C"], "svc__gamma": [value / width for value in grid["relative_gamma"]]}
    search = GridSearchCV(models[kind], grid, cv=FOLDS[kind], n_jobs=-1).fit(*data[:2])
    return {
        "combinations": len(search.cv_results_["params"]),
        "best": search.best_params_,
        "validation": float(search.score(*data[2:])),
    }


def main() -> None:
    """One side of one grid."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("grid", choices=GRIDS)
    parser.add_argument("side", choices=("ours", "theirs"))
    parser.add_argument("results", type=Path)
    args = parser.parse_args()
    config = timing.config()
    settings = {**config["classifiers"][args.grid], "criterion": config["criterion"]}
    blood = args.results / "blood"
    with h5py.File(blood / "compact_resnet" / "seed1" / "features.h5") as file:
        features = {split: file[f"{split}/features"][:] for split in ("train", "val")}
    labels = {split: images.read_labels(blood / "images" / f"{split}.h5") for split in ("train", "val")}
    data = (features["train"], labels["train"], features["val"], labels["val"])
    timing.side(lambda: {"ours": ours, "theirs": theirs}[args.side](settings, data))


if __name__ == "__main__":
    main()
