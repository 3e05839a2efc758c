"""Sweeps: several values of configuration keys, a run for each combination, one table of what they measured."""

import copy
import hashlib
import itertools
import json
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from snakemake.utils import update_config

from medfusion.errors import UserError, first_line
from medfusion.evaluation.metrics import summarise_seeds
from medfusion.files.artifacts import hash_file, write_json, write_text
from medfusion.planning import config_text
from medfusion.planning.config import complete
from medfusion.planning.config_values import hint, printed
from medfusion.planning.jobs import jobs
from medfusion.planning.plan import Plan
from medfusion.planning.runs import hold_results
from medfusion.planning.systems import Config
from medfusion.report.page_components import Body, Cell, Row, Table
from medfusion.report.page_tables import number
from medfusion.reruns.identity import identity
from medfusion.tools import sharing
from medfusion.tools.comparison import LOWER_IS_BETTER
from medfusion.tools.finished import METRICS, POINT, tidy_metrics

FOLDER = "sweep"  # below the folder of results
MOST_POINTS = 200
ADDRESS = ["dataset", "model", "system"]
OURS = ("results", "data")  # keys that say where things lie


@dataclass(frozen=True)
class Point:
    """One combination of values.

    name : of its folder
    values : by dotted key
    overlay : what is laid on the configuration
    config : complete
    results : its folder of results
    """

    name: str
    values: dict[str, Any]
    overlay: Config
    config: Config
    results: str

    @property
    def overlay_file(self) -> Path:
        """Where its overlay is written: beside its folder."""
        return Path(f"{self.results}.yaml")

    @property
    def words(self) -> str:
        """Its values on one line, keys without what is the same for most of them: their last part."""
        return ", ".join(f"{key.rpartition('.')[2]} = {printed(value)}" for key, value in self.values.items())


# -- what is asked for ------------------------------------------------------------------------------------------------


def parse(argument: str) -> tuple[str, list[Any]]:
    """A key and its values, as typed: KEY=V1,V2,… in YAML.

    >>> parse("a.b=0.1,~,[1, 2]")
    ('a.b', [0.1, None, [1, 2]])

    Raises
    ------
    UserError
        If it is not of this form.
    """
    key, separator, text = argument.partition("=")
    if not separator or not re.fullmatch(r"[^.\s]+(\.[^.\s]+)*", key):
        raise UserError(f"{argument!r}: expected KEY=V1,V2,…, as in networks.breast_cnn.training.epochs=10,20")
    if key.partition(".")[0] in OURS:
        raise UserError(f"{key}: says where things lie, which a sweep does itself; choose another key")
    try:
        values = yaml.safe_load(f"[{text}]")
    except yaml.YAMLError as error:
        raise UserError(f"{key}: {text!r} is no list of YAML values ({first_line(error)})") from None
    if not values:
        raise UserError(f"{key}: no values; expected {key}=V1,V2,…")
    if len({json.dumps(value, sort_keys=True, default=str) for value in values}) < len(values):
        raise UserError(f"{key}: a value is there twice in {text!r}; expected each once")
    return key, values


def plan(arguments: Sequence[str], root: Path, overlays: Sequence[str]) -> tuple[Config, list[Point]]:
    """The complete configuration without a sweep, and the points of the cross product, all checked.

    Parameters
    ----------
    arguments : KEY=V1,V2,…
    root : the folder of config.yaml
    overlays : files that are laid on config.yaml first, in order

    Raises
    ------
    UserError
        If an argument, a file or the configuration of a point is wrong.
    """
    keys = [parse(argument) for argument in arguments]
    names = [key for key, _ in keys]
    check_names(names)
    if (size := math.prod(len(values) for _, values in keys)) > MOST_POINTS:
        raise UserError(f"{size} points are too many; expected at most {MOST_POINTS}")
    base, whole = configurations(root, overlays)
    combinations = itertools.product(*(values for _, values in keys))
    return whole, [point(dict(zip(names, values, strict=True)), base, whole) for values in combinations]


def check_names(names: Sequence[str]) -> None:
    """Refuse keys of which one is, or holds, another.

    Raises
    ------
    UserError
        Naming the key.
    """
    for one, other in itertools.permutations(names, 2):
        if one == other or other.startswith(f"{one}."):
            raise UserError(f"{other}: is asked for twice, or holds another key of the sweep; name each once")


def configurations(root: Path, overlays: Sequence[str]) -> tuple[Config, Config]:
    """The configuration as it is written, and complete: config.yaml below `root` with overlays on it, in order."""
    base: Config = {}
    files: list[str | Path] = [root / "config.yaml", *overlays]
    for path in files:
        config_text.check(path)
        update_config(base, yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {})
    return base, complete(base)


def point(values: dict[str, Any], base: Config, whole: Config) -> Point:
    """The point with these values by dotted key, of configurations as `configurations` returns them.

    Raises
    ------
    UserError
        If the configuration takes no such value.
    """
    name = _name(values)
    overlay: Config = {"results": f"{whole['results'].rstrip('/')}/{FOLDER}/{name}"}
    for key, value in values.items():
        part = overlay
        *sections, last = key.split(".")
        for section in sections:
            part = part.setdefault(section, {})
        part[last] = value
    config = copy.deepcopy(base)
    update_config(config, copy.deepcopy(overlay))
    return Point(name, values, overlay, complete(config), overlay["results"])


def _name(values: dict[str, Any]) -> str:
    """A folder's name that people can read, and that no other values have."""
    parts = [f"{key.rpartition('.')[2]}-{json.dumps(value, default=str)}" for key, value in values.items()]
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", "_".join(parts)).strip("-.")[:40]
    digest = hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()
    return f"{readable}-{digest[:6]}"


# -- what came of it --------------------------------------------------------------------------------------------------


def write_overlay(point: Point) -> None:
    """Write a point's overlay, which also runs it by hand."""
    text = yaml.safe_dump(point.overlay, sort_keys=False, allow_unicode=True)
    write_text(point.overlay_file, f"# A point of a sweep: {point.words}\n{text}")


def share(point: Point, donors: Sequence[str]) -> int:
    """Take over what other runs have of a point's jobs; how many.

    Parameters
    ----------
    donors : folders of results

    Raises
    ------
    UserError
        If another run works on the point's results.
    """
    threads, planned = point.config["compute"]["threads"], jobs(Plan(point.config))
    identities = {
        Path(job.stage, f"{job.name}.json"): identity(job.stage, job.config, threads, job.modules) for job in planned
    }
    with hold_results(point.results):
        return sharing.share(point.results, identities, donors)


def keep_config(point: Point) -> None:
    """Note what configuration the point's metrics are of, for those who compare it."""
    digest = hash_file(Path(point.results, METRICS))
    write_json(Path(point.results, POINT), {"config": point.config, METRICS: digest})


def table(points: Sequence[Point]) -> pd.DataFrame:
    """Every measure of every system of finished points, the best on validation first.

    Returns
    -------
    One column for each key, then dataset (its name), model, system, metric, seeds (runs), val_mean, val_sd, val_n,
    test_mean, test_sd, test_n. Within a data set and metric, rows are in the order of validation alone: the test
    split is there to be read, never to choose by.
    """
    parts = []
    for point in points:
        metrics = tidy_metrics(Path(point.results, METRICS))
        address = ["dataset", "name", "model", "system", "metric"]
        rows = metrics.groupby([*address, "split"], sort=False).agg(
            seeds=("value", "size"),
            mean=("value", lambda values: summarise_seeds(values.to_numpy())[0]),
            sd=("value", lambda values: summarise_seeds(values.to_numpy())[1]),
            n=("n", "max"),
        )
        wide: Any = rows.unstack("split")  # columns of two levels
        part = pd.DataFrame({"seeds": wide["seeds"].max(axis=1).astype(int)})
        for split in ("val", "test"):
            for name in ("mean", "sd", "n"):
                part[f"{split}_{name}"] = wide[name][split]
        part = part.reset_index().drop(columns="dataset").rename(columns={"name": "dataset"})
        for position, (key, value) in enumerate(point.values.items()):
            part.insert(position, key, [printed(value)] * len(part))
        parts.append(part)
    if not parts:
        return pd.DataFrame()
    whole = pd.concat(parts, ignore_index=True)
    order = whole["val_mean"].where(whole["metric"].isin(LOWER_IS_BETTER), -whole["val_mean"])
    whole = whole.assign(order=order).sort_values(["dataset", "metric", "order"], kind="stable", ignore_index=True)
    return whole.drop(columns="order")


def shown_table(found: pd.DataFrame, keys: Sequence[str], metric: str) -> tuple[Table, list[str]]:
    """The table of one metric, for people, without systems that no point changes if there are others; and notes.

    Raises
    ------
    UserError
        If the metric was not measured.
    """
    known = list(dict.fromkeys(found["metric"]))
    if metric not in known:
        raise UserError(f"--metric: unknown {metric!r}{hint(metric, known)}")
    part = found[found["metric"] == metric]
    groups = part.groupby(ADDRESS, sort=False)
    differ = groups[["val_mean", "test_mean"]].nunique(dropna=False).max(axis=1) > 1
    touched = part[[differ[address] for address in zip(part["dataset"], part["model"], part["system"], strict=True)]]
    rows = part if touched.empty else touched
    head = [*keys, "data set", "system", "seeds", f"validation {metric}", f"test {metric}"]
    lines = [
        Row(
            [
                *(Cell(row[key]) for key in keys),
                Cell(row["dataset"]),
                Cell(f"{row['model']}/{row['system']}"),
                Cell(str(row["seeds"])),
                *(Cell(_value(row, split), sort=row[f"{split}_mean"]) for split in ("val", "test")),
            ]
        )
        for _, row in rows.iterrows()
    ]
    caption = (
        f"{metric}, mean ± sd over seeds. In the order of VALIDATION, the best first; the test split is there to be "
        "read, never to choose by"
    )
    notes = []
    if touched.empty and len(found[keys].drop_duplicates()) > 1:
        notes.append(f"No point changes the {metric} of any system.")
    elif hidden := len(groups) - len(rows.drop_duplicates(ADDRESS)):
        notes.append(f"{hidden} systems that no point changes are left out.")
    return Table(caption, head, [Body(lines)], numeric=len(keys) + 2), notes


def _value(row: pd.Series, split: str) -> str:
    text, sd = number(row[f"{split}_mean"]), row[f"{split}_sd"]
    return text if math.isnan(sd) else f"{text} ± {number(sd)}"


def donors(base: str, points: Sequence[Point]) -> list[str]:
    """The folders that points may take results from: the run without a sweep, then every point there is."""
    folder = Path(base, FOLDER)
    others = sorted(str(path) for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    mine = [point.results for point in points]
    return [base, *(path for path in mine if os.path.isdir(path)), *(path for path in others if path not in mine)]
