"""Two finished runs side by side: what differs in configuration, libraries, code and measures."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from medfusion.errors import UserError
from medfusion.evaluation.comparisons import holm
from medfusion.planning.config_values import hint
from medfusion.tools.finished import KEY, Address, Run
from medfusion.tools.significance import LEVEL, Test, paired, unpaired

FOLDERS = ("results", "data")  # of the configuration: where things lie, not what they are
LOWER_IS_BETTER = ("brier", "ece", "log_loss", "mae")
SPLITS = ("test", "val")
EXACT = 1e-9  # values of metrics.csv have six digits


class Absent:
    """What a key has in a configuration that lacks it."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = Absent()


@dataclass(frozen=True)
class Edit:
    """One name with its values in the old and the new run; ABSENT where it is not there."""

    key: str
    old: Any
    new: Any


@dataclass(frozen=True)
class Value:
    """A measure over seeds: mean, sd (nan for one run), number of runs, images."""

    mean: float
    sd: float
    runs: int
    n: int


@dataclass(frozen=True)
class Change:
    """One measure of one system on one split in both runs.

    change : new mean minus old mean
    test : of the test split, where the runs allow one
    p : adjusted by Holm over all systems of both runs whose values differ; None where nothing was tested
    worse : whether the new mean is worse by more than the tolerance, or undefined where the old one is not
    """

    dataset: str
    system: str
    split: str
    old: Value
    new: Value
    change: float
    test: Test
    p: float | None
    worse: bool

    @property
    def same(self) -> bool:
        """Whether both runs have the same value over as many seeds."""
        return str(self.old) == str(self.new)  # in words, because nan equals nan there alone

    @property
    def significant(self) -> bool | None:
        """Whether the difference is beyond chance; None where that was not tested."""
        return None if self.p is None else self.p < LEVEL


@dataclass(frozen=True)
class RunComparison:
    """A run beside the reference.

    config, libraries, code, commits : differences
    changes : of the metric, test split first
    only_old, only_new : systems ("data set: model/system") of one run
    other_tests : data sets whose test images are not the same, with the reason
    other_metrics : metrics, besides the one compared, of which a value differs
    metric : the one compared
    """

    old: Run
    new: Run
    metric: str
    config: list[Edit]
    libraries: list[Edit]
    code: list[Edit]
    commits: list[Edit]
    changes: list[Change]
    only_old: list[str]
    only_new: list[str]
    other_tests: dict[str, str]
    other_metrics: list[str]

    @property
    def regressions(self) -> list[Change]:
        """Systems whose mean test value is worse by more than the tolerance."""
        return [change for change in self.changes if change.split == "test" and change.worse]

    @property
    def nothing_differs(self) -> bool:
        """Whether configuration, libraries, code, test images, systems and all values are the same."""
        parts = (self.config, self.libraries, self.code, self.only_old, self.only_new)
        return not any((*parts, self.other_tests, self.other_metrics)) and all(change.same for change in self.changes)


def compare(old: Run, new: Run, metric: str = "accuracy", tolerance: float = 0.01) -> RunComparison:
    """Everything in which a run differs from the reference.

    Parameters
    ----------
    old, new : the reference and the other run
    metric : as in metrics.csv
    tolerance : by how much a mean test value may be worse

    Raises
    ------
    UserError
        If a run has not measured the metric, or they have no system in common.
    """
    for run in (old, new):
        known = list(dict.fromkeys(run.metrics["metric"]))
        if metric not in known:
            raise UserError(f"--metric: {run.name} has no {metric!r}{hint(metric, known)}")
    values = [_values(run.metrics, metric) for run in (old, new)]
    other_tests = dict(_other_tests(old, new))
    addresses = [_systems(run) for run in (old, new)]
    changes = _changes(old, new, values, metric, tolerance, other_tests)
    if not changes:
        raise UserError(f"{new.name} has no system in common with {old.name}: there is nothing to compare")
    return RunComparison(
        old=old,
        new=new,
        metric=metric,
        config=list(differences(_without_folders(old.config), _without_folders(new.config))),
        libraries=list(differences(old.libraries, new.libraries)),
        code=list(differences(old.code, new.code)),
        commits=[Edit("commit", old.commit, new.commit)] if _other_commits(old, new) else [],
        changes=changes,
        only_old=[name for name in addresses[0] if name not in addresses[1]],
        only_new=[name for name in addresses[1] if name not in addresses[0]],
        other_tests=other_tests,
        other_metrics=[name for name in _other_metrics(old.metrics, new.metrics) if name != metric],
    )


def _other_commits(old: Run, new: Run) -> bool:
    return None not in (old.commit, new.commit) and old.commit != new.commit


# -- configuration ----------------------------------------------------------------------------------------------------


def differences(old: Any, new: Any, key: str = "") -> Iterator[Edit]:
    """Where two nested structures differ, by dotted key; what only one of them has is one difference.

    Lists of sections are compared entry by entry, other lists as a whole.

    >>> [str(item) for item in differences({"a": {"b": 1}, "c": [1]}, {"a": {"b": 2}, "c": [1, 2]})]
    ["Edit(key='a.b', old=1, new=2)", "Edit(key='c', old=[1], new=[1, 2])"]
    """
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in dict.fromkeys([*old, *new]):
            part = f"{key}.{name}" if key else str(name)
            yield from differences(old.get(name, ABSENT), new.get(name, ABSENT), part)
    elif _sections(old) and _sections(new):
        yield from differences(dict(enumerate(old)), dict(enumerate(new)), key)
    elif ABSENT in (old, new) or json.dumps(old, sort_keys=True) != json.dumps(new, sort_keys=True):
        yield Edit(key, old, new)


def _sections(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(entry, Mapping) for entry in value)


def _without_folders(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in FOLDERS}


# -- measures ---------------------------------------------------------------------------------------------------------


def _values(metrics: pd.DataFrame, metric: str) -> dict[tuple[str, str, str, str], pd.DataFrame]:
    """The rows of one metric by split, data set, model and system."""
    part = metrics[metrics["metric"] == metric]
    groups: Iterable[Any] = part.groupby(["split", "dataset", "model", "system"], sort=False)
    return dict(list(groups))


def _systems(run: Run) -> list[str]:
    rows = run.metrics[["dataset", "model", "system"]].drop_duplicates()
    return [f"{row.dataset}: {row.model}/{row.system}" for row in rows.itertuples()]


def _other_tests(old: Run, new: Run) -> Iterator[tuple[str, str]]:
    for key in old.tests.keys() & new.tests.keys():
        first, second = old.tests[key], new.tests[key]
        if first.n != second.n:
            yield key, f"n = {first.n:,} and {second.n:,}"
        elif first.sha256 != second.sha256:
            yield key, f"n = {first.n:,} in both, but other images or labels"


def _other_metrics(old: pd.DataFrame, new: pd.DataFrame) -> list[str]:
    """The metrics of which systems that both tables have do not have the same values."""
    both = old.merge(new, on=KEY, suffixes=("_old", "_new"))
    same = (both["value_old"] == both["value_new"]) | (both["value_old"].isna() & both["value_new"].isna())
    return list(dict.fromkeys(both.loc[~same, "metric"]))


def value(rows: pd.DataFrame) -> Value:
    """Mean and sd over the runs of one system."""
    values = rows["value"].to_numpy(float)
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
    return Value(float(np.mean(values)), sd, len(values), int(rows["n"].max()))


def _changes(
    old: Run,
    new: Run,
    values: Sequence[Mapping[tuple[str, str, str, str], pd.DataFrame]],
    metric: str,
    tolerance: float,
    other_tests: Mapping[str, str],
) -> list[Change]:
    changes = []
    for key in sorted(values[0].keys() & values[1].keys(), key=lambda key: (SPLITS.index(key[0]), *key[1:])):
        split, dataset, model, system = key
        rows = [part[key] for part in values]
        first, second = map(value, rows)
        test = Test("")
        if split == "test":
            test = Test("none: other test images") if dataset in other_tests else _test(old, new, key, rows, metric)
        sign = -1 if metric in LOWER_IS_BETTER else 1
        lost = math.isnan(second.mean) and not math.isnan(first.mean)
        change = second.mean - first.mean
        changes.append(
            Change(
                dataset,
                f"{model}/{system}",
                split,
                first,
                second,
                change,
                test,
                p=None,
                worse=lost or sign * change < -tolerance - EXACT,
            )
        )
    return _adjusted(changes)


def _test(old: Run, new: Run, key: tuple[str, str, str, str], rows: Sequence[pd.DataFrame], metric: str) -> Test:
    _, dataset, model, system = key
    runs, by_seed = (old, new), [dict(zip(_seeds(part), part["value"], strict=True)) for part in rows]
    if by_seed[0] == by_seed[1]:
        return Test("none: the same values")
    if metric == "accuracy":
        correct: list[Any] = [
            [_correct(run, (dataset, model, seed, system), accuracy) for seed, accuracy in known.items()]
            for run, known in zip(runs, by_seed, strict=True)
        ]
        if all(part is not None for parts in correct for part in parts):
            return paired(*correct)
    n, other_n = (int(part["n"].max()) for part in rows)
    return unpaired(metric, list(by_seed[0].values()), list(by_seed[1].values()), (n, other_n))


def _correct(run: Run, address: Address, accuracy: float) -> np.ndarray | None:
    """Which images a run got right; None where its predictions are not at hand, or do not give its accuracy."""
    found = run.correct(address)
    return found if found is not None and math.isclose(found.mean(), accuracy, abs_tol=1e-5) else None


def _seeds(rows: pd.DataFrame) -> list[int | None]:
    return [None if pd.isna(seed) else int(seed) for seed in rows["seed"]]


def _adjusted(changes: Sequence[Change]) -> list[Change]:
    """The changes with p values adjusted over the family of all that were tested."""
    tested = [i for i, change in enumerate(changes) if change.test.p is not None and not math.isnan(change.test.p)]
    result = list(changes)
    for i, p in zip(tested, holm(np.array([changes[i].test.p for i in tested])) if tested else [], strict=True):
        result[i] = replace(changes[i], p=float(p))
    return result
