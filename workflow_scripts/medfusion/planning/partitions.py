"""Other splits of a data set's images: the folds of its cross-validation, and repetitions of a split that is ours.

Each is a data set of its own for every stage from training to evaluation, called {dataset}/{scheme}/{partition}.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from medfusion.planning.systems import Config
from medfusion.system_id import SystemId

SCHEMES = ("crossvalidation", "resplits")
ENSEMBLES = "ensembles"  # beside the folds: what these give together


@dataclass(frozen=True)
class Partition:
    """One way to divide a data set's images among train, val and test.

    dataset : whose images
    scheme : one of SCHEMES
    name : among those of its scheme
    settings : as `partitioning.divide` takes them: pool, seed, and folds and fold where the test split is a fold
    entry : the partition as an entry of `datasets`
    """

    dataset: str
    scheme: str
    name: str
    settings: Config
    entry: Config

    @property
    def path(self) -> str:
        """What stands for a data set in its paths."""
        return f"{self.dataset}/{self.scheme}/{self.name}"

    @property
    def repeat(self) -> int:
        """Of a fold, the repeat that it belongs to: the one seed of its models."""
        return next(iter(self.entry["models"].values()))["seeds"][0]


@dataclass(frozen=True)
class FoldEnsembles:
    """The systems of the folds of a data set's cross-validation, averaged over the folds of each repeat.

    dataset : whose images
    folds : for each repeat, the paths of its folds in order
    entry : an entry of `datasets` whose seeds are the repeats
    """

    dataset: str
    folds: dict[int, list[str]]
    entry: Config

    @property
    def path(self) -> str:
        """What stands for a data set in their paths."""
        return f"{self.dataset}/crossvalidation/{ENSEMBLES}"


def fold_ensembles(datasets: dict[str, Config]) -> dict[str, FoldEnsembles]:
    """The fold ensembles that a configuration asks for, by their path."""
    found = {}
    for dataset, entry in datasets.items():
        if (wanted := entry["crossvalidation"]) and wanted["ensembles"]:
            folds: dict[int, list[str]] = {repeat: [] for repeat in range(1, wanted["repeats"] + 1)}
            for fold in _folds(dataset, entry):
                folds[fold.repeat].append(fold.path)
            changed = {**_entry(entry, wanted["models"], seeds=list(folds)), "ensembles": {}}
            one = FoldEnsembles(dataset, folds, changed)
            found[one.path] = one
    return found


def partitions(datasets: dict[str, Config]) -> dict[str, Partition]:
    """Every partition that a configuration asks for, by its path."""
    found = [
        partition
        for dataset, entry in datasets.items()
        for of_scheme in (_folds, _resplits)
        for partition in of_scheme(dataset, entry)
    ]
    return {partition.path: partition for partition in found}


def asked_for(targets: Iterable[str]) -> tuple[str, ...]:
    """The schemes that some targets, names or paths, belong to."""
    targets = list(targets)
    return tuple(scheme for scheme in SCHEMES if any(scheme in target.split("/") for target in targets))


def _folds(dataset: str, entry: Config) -> Iterator[Partition]:
    if not (wanted := entry["crossvalidation"]):
        return
    for repeat in range(1, wanted["repeats"] + 1):
        # One seed a network: folds and repeats are the repetitions.
        changed = _entry(entry, wanted["models"], seeds=[repeat])
        for fold in range(1, wanted["folds"] + 1):
            division = {key: wanted[key] for key in ("pool", "folds")}
            division |= {"fold": fold, "seed": wanted["seed"] + repeat}
            yield Partition(dataset, "crossvalidation", f"repeat{repeat}-fold{fold}", division, changed)


def _resplits(dataset: str, entry: Config) -> Iterator[Partition]:
    if wanted := entry["resplits"]:
        changed = _entry(entry, wanted["models"])
        for number in range(1, wanted["number"] + 1):
            division = {"pool": ["train", "val", "test"], "seed": wanted["seed"] + number}
            yield Partition(dataset, "resplits", str(number), division, changed)


def _entry(entry: Config, names: list[str] | None, **more: Any) -> Config:
    """The entry of a data set with some of its models, and nothing but what is trained and evaluated."""
    kept = names or list(entry["models"])
    models = {name: {**entry["models"][name], "drop_near_duplicates_of": [], **more} for name in kept}
    ensembles = {
        name: members
        for name, members in entry["ensembles"].items()
        if all(SystemId.of(member).model in models for member in members)
        and sum(len(models[SystemId.of(member).model]["seeds"]) for member in members) > 1  # else the system itself
    }
    without: Config = {"derived": {}, "learning_curve": None, "primary": None, "published": [], "export": None}
    return {**entry, "models": models, "ensembles": ensembles, **without}
