"""What the page is told of one data set, read from its files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from medfusion import display_names
from medfusion.evaluation import ranking
from medfusion.files import (
    corrupted_files,
    discriminations,
    input_check_trials,
    label_audits,
    rankings,
    reliabilities,
    slice_files,
)
from medfusion.files.artifacts import read_record
from medfusion.files.comparison_files import Comparisons, read_comparisons
from medfusion.files.metric_files import Metrics, tidy
from medfusion.files.tables import read_table
from medfusion.naming import Names, percent
from medfusion.report.page_examples import ExamplePages
from medfusion.system_id import SystemId
from medfusion.tasks import is_multi_label

Config = dict[str, Any]


@dataclass(frozen=True)
class ReportData:
    """One data set's measures, and whichever of its other files there are.

    Attributes
    ----------
    key, entry : of the data set in the configuration
    config : the configuration, complete
    first : the contents of its first metrics.json
    measures : tidy metrics of all of them
    systems, baselines : in the order of their ranks, the selected one first
    confidence : of intervals, as a text
    figures, tables : paths by name: the path below the data set's folder without suffix
    captions : of figures, by their names
    names, model_names : of systems by address, and of models by key
    confusion : test images of the selected system by true and predicted class, mean over its runs
    counts : images of each class and split
    audit : counts of near-duplicates
    labels : what the label audit counted, and its table
    choices, weights : what validation chose for classifiers and fusions
    """

    key: str
    config: Config
    entry: Config
    first: Metrics
    measures: pd.DataFrame
    systems: list[rankings.RankedSystem]
    baselines: list[rankings.RankedSystem]
    confidence: str
    figures: dict[str, str]
    tables: dict[str, str]
    captions: dict[str, str]
    names: Names
    model_names: Names
    confusion: np.ndarray | None
    counts: pd.DataFrame | None
    audit: dict[str, Any] | None
    compared: Comparisons | None
    discrimination: discriminations.Discrimination | None
    reliability: reliabilities.Reliability | None
    choices: dict[SystemId, dict[str, Any]]
    weights: dict[SystemId, dict[str, Any]]
    examples: ExamplePages | None
    corruptions: pd.DataFrame | None
    input_check: input_check_trials.Trials | None
    slices: slice_files.Assessed | None
    labels: tuple[dict[str, Any], pd.DataFrame] | None

    @property
    def name(self) -> str:
        """What the data set is called."""
        return self.first["name"]


def gather(
    key: str, settings: Config, contents: Sequence[Metrics], figures: Mapping[str, str], tables: Mapping[str, str]
) -> ReportData:
    """Read what there is of a data set.

    Parameters
    ----------
    key : of the data set
    settings : of the page: the complete configuration, and the captions of figures
    contents : of its metrics.json files
    figures, tables : of all data sets: paths by name, the path below the results folder without suffix

    Raises
    ------
    UserError
        If a file is missing or not what it should be.
    """
    config, first, measures, own = settings["config"], contents[0], tidy(contents), _below(key, tables)
    name, label_names = first["name"], first["label_names"]
    ranked = rankings.read(own["ranking"], ranking.candidates(measures, config["datasets"][key]["derived"]))
    weights = _of_runs(own, "fusion", ("members", "weights", "curve"))
    counts = audit = compared = discrimination = reliability = examples = corruptions = None
    input_check = slices = labels = None
    names = display_names.system_names(config, key)
    called = {key: {"name": name, "label_names": label_names, "systems": names}}
    if "inspect/counts" in own:
        counts = read_table(own["inspect/counts"], ("n", "label"), ("split", "name"))
    if "audit/summary" in own:
        audit = read_record(own["audit/summary"], ("splits", "threshold", "images", "constant_images"))
    if "comparisons" in own:
        compared = read_comparisons(own["comparisons"])
    if "discrimination/discrimination" in own:
        discrimination = discriminations.read(own["discrimination/discrimination"], called)
    if "reliability/reliability" in own:
        reliability = reliabilities.read(own["reliability/reliability"], called)
    if "examples/examples" in own:
        paths = own["examples/examples"], own["examples/maps"]
        examples = ExamplePages(*paths, label_names, name, config["evaluation"]["confidence"], weights, names)
    if "corruptions" in own:
        corruptions = corrupted_files.read(own["corruptions"])
    if "input_check" in own:
        input_check = input_check_trials.read(own["input_check"])
    if "slices" in own:
        slices = slice_files.read(own["slices"])
    if "audit/labels" in own:
        labels = label_audits.read_summary(own["audit/label_summary"]), label_audits.read(own["audit/labels"])
    return ReportData(
        key=key,
        config=config,
        entry=config["datasets"][key],
        first=first,
        measures=measures,
        systems=ranked.systems,
        baselines=ranked.baselines,
        confidence=percent(config["evaluation"]["confidence"]),
        figures=_below(key, figures),
        tables=own,
        captions=settings["captions"],
        names=names,
        model_names=display_names.model_names(config, key),
        confusion=_confusion(contents, ranked.systems[0]),
        counts=counts,
        audit=audit,
        compared=compared,
        discrimination=discrimination,
        reliability=reliability,
        choices=_of_runs(own, "best", ("hyperparameters", "selection")),
        weights=weights,
        examples=examples,
        corruptions=corruptions,
        input_check=input_check,
        slices=slices,
        labels=labels,
    )


def _confusion(contents: Sequence[Metrics], selected: rankings.RankedSystem) -> np.ndarray | None:
    """The mean over runs, (k, k); nothing where an image may have several labels."""
    if is_multi_label(contents[0]["task"]):
        return None
    return ranking.confusions(contents, selected).mean(axis=0)


def _below(key: str, paths: Mapping[str, str]) -> dict[str, str]:
    """The files of one data set, by the rest of their names."""
    return {name.partition("/")[2]: path for name, path in paths.items() if name.partition("/")[0] == key}


def _of_runs(own: Mapping[str, str], kind: str, keys: Sequence[str]) -> dict[SystemId, dict[str, Any]]:
    """The records of a kind, by model, seed and classifier or fusion."""
    found = {}
    for name, path in own.items():
        parts = name.split("/")
        if len(parts) == 4 and parts[-1] == kind:
            found[SystemId.of_run(name.rpartition("/")[0])] = read_record(path, keys)
    return found
