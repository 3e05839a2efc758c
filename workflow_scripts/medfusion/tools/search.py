"""A search in place of a grid: Optuna proposes the next point of a sweep by what validation said of those before it."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medfusion.errors import UserError
from medfusion.planning.config_values import hint
from medfusion.planning.systems import Config, all_models, systems
from medfusion.tools import sweeps
from medfusion.tools.comparison import LOWER_IS_BETTER
from medfusion.tools.finished import METRICS, tidy_metrics

SEED = 0  # of the sampler, so that the same command asks for the same points
DIGITS = 4  # of a number that is drawn from a range: more than a measure can tell apart
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
RANGE = re.compile(rf"(?P<low>{NUMBER})\.\.(?P<high>{NUMBER})(?P<log>/log)?")


@dataclass(frozen=True)
class Range:
    """Numbers from low to high, both among them; whole ones if both are, evenly on a log scale if so asked."""

    low: float
    high: float
    log: bool
    whole: bool


Space = Mapping[str, Range | list[Any]]  # by dotted key; a list: one of these values


def parse(arguments: Sequence[str]) -> Space:
    """What may be proposed, as typed: KEY=V1,V2,… as for a grid, or KEY=LOW..HIGH, with /log behind it on a log scale.

    >>> parse(["a.rate=0.001..0.1/log", "a.kind=x,~"])["a.rate"]
    Range(low=0.001, high=0.1, log=True, whole=False)

    Raises
    ------
    UserError
        If an argument is of no such form.
    """
    space: dict[str, Range | list[Any]] = {}
    for argument in arguments:
        key, _, text = argument.partition("=")
        found = RANGE.fullmatch(text.strip())
        if not found:
            key, values = sweeps.parse(argument)
            sweeps.check_names([*space, key])
            space[key] = values
            continue
        sweeps.parse(f"{key}=0")  # whether it is a key
        sweeps.check_names([*space, key])
        low, high = float(found["low"]), float(found["high"])
        whole = all(re.fullmatch(r"[-+]?\d+", found[end]) for end in ("low", "high"))
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise UserError(f"{key}: {text}; expected a lower number before a higher one")
        if whole and max(-low, high) > 2**53:  # beyond which a float is no exact whole number
            raise UserError(f"{key}: {text}; expected whole numbers of at most 2^53")
        if found["log"] and low <= 0:
            raise UserError(f"{key}: {text}; on a log scale expected numbers above 0")
        space[key] = Range(low, high, bool(found["log"]), whole)
    return space


def check(space: Space, base: Config, whole: Config) -> None:
    """Refuse values that the configuration does not take: each value and both ends of a range, others at their first.

    Raises
    ------
    UserError
        Naming the key.
    """
    ends = {key: _ends(one) if isinstance(one, Range) else one for key, one in space.items()}
    first = {key: values[0] for key, values in ends.items()}
    for key, values in ends.items():
        for value in values:
            sweeps.point({**first, key: value}, base, whole)


def _ends(one: Range) -> list[Any]:
    return [int(one.low), int(one.high)] if one.whole else [one.low, one.high]


def check_system(address: str, config: Config) -> tuple[str, str, str]:
    """The data set, model and system of an address, if the configuration has them.

    Raises
    ------
    UserError
        Naming what is unknown, and what was meant if that is plain.
    """
    dataset, *rest = address.split("/")
    if len(rest) != 2:
        raise UserError(f"--system: {address!r}; expected DATASET/MODEL/SYSTEM, as in breast/breast_cnn/svm")
    if dataset not in config["datasets"]:
        raise UserError(f"--system: unknown data set {dataset!r}{hint(dataset, list(config['datasets']))}")
    entry, (model, system) = config["datasets"][dataset], rest
    if model not in (known := [*all_models(entry), "ensembles"]):
        raise UserError(f"--system: {dataset} has no model {model!r}{hint(model, known)}")
    if system not in (known := list(entry["ensembles"]) if model == "ensembles" else systems(entry, model)):
        raise UserError(f"--system: {dataset}/{model} has no system {system!r}{hint(system, known)}")
    return dataset, model, system


def validation(results: str | Path, system: tuple[str, str, str], metric: str) -> float:
    """The mean of a measure over a system's seeds on the validation split, from a finished point's metrics.csv.

    Raises
    ------
    UserError
        If it was not measured.
    """
    table = tidy_metrics(Path(results, METRICS))
    of_split = table[(table["split"] == "val") & (table["metric"] == metric)]
    rows = of_split[(of_split[["dataset", "model", "system"]] == list(system)).all(axis=1)]
    if rows.empty or rows["value"].isna().any():
        raise UserError(f"{results}: has no validation {metric} of {'/'.join(system)}; choose another system")
    return float(rows["value"].mean())


class Search:
    """Optuna's ask and tell: values to try, one after another.

    Parameters
    ----------
    sampler : "tpe" or "random"; "tpe" draws its first ten points at random (Bergstra et al. 2011)
    metric : what is told; whether less of it is better is known by its name

    Raises
    ------
    UserError
        If Optuna is not installed.
    """

    def __init__(self, space: Space, sampler: str, metric: str):
        try:
            import optuna
        except ImportError:
            raise UserError(
                "--trials: needs the package optuna, which is not installed; `make optuna` adds it"
            ) from None
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        samplers = {"tpe": optuna.samplers.TPESampler, "random": optuna.samplers.RandomSampler}
        direction = "minimize" if metric in LOWER_IS_BETTER else "maximize"
        self._study = optuna.create_study(sampler=samplers[sampler](seed=SEED), direction=direction)
        self._failed = optuna.trial.TrialState.FAIL
        self._space = space
        self._trial: Any = None

    def ask(self) -> dict[str, Any]:
        """The values to try next, by dotted key."""
        self._trial = self._study.ask()
        return {key: self._drawn(key, one) for key, one in self._space.items()}

    def _drawn(self, key: str, one: Range | list[Any]) -> Any:
        if isinstance(one, list):  # by place: a value may be a list
            return one[self._trial.suggest_categorical(key, list(range(len(one))))]
        if one.whole:
            return self._trial.suggest_int(key, int(one.low), int(one.high), log=one.log)
        value = self._trial.suggest_float(key, one.low, one.high, log=one.log)
        return min(max(float(f"{value:.{DIGITS}g}"), one.low), one.high)

    def tell(self, value: float | None) -> None:
        """What validation says of the values asked for last; None if they failed."""
        if value is None:
            self._study.tell(self._trial, state=self._failed)
        else:
            self._study.tell(self._trial, value)
