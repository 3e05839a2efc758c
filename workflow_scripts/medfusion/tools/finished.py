"""A finished run as others look at it: from its folder of results, or from a snapshot of it."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from medfusion.errors import UserError, first_line
from medfusion.evaluation.metrics import predict
from medfusion.files import images, probabilities
from medfusion.files.artifacts import hash_file, read_json, read_record
from medfusion.files.metric_files import COLUMNS, TEXTS
from medfusion.files.tables import read_table
from medfusion.planning import config_text
from medfusion.planning.systems import Config
from medfusion.reruns import records
from medfusion.reruns.records import Record
from medfusion.tasks import is_multi_label
from medfusion.tools import snapshot_checks

METRICS = "metrics.csv"
FORMAT = 1  # of a snapshot
SNAPSHOT = "snapshot.json"  # of a snapshot's folder: what it holds besides configuration and metrics
CONFIG = "config.yaml"
CONFUSIONS = "confusions.json"
TEST_LABELS = "test_labels.h5"
POINT = "point.json"  # of a sweep's point whose page was not asked for: its configuration
KEY = ["dataset", "model", "seed", "system", "split", "metric"]
AGAIN = "type `snakemake -j 8 report` with the configuration of that run"

Address = tuple[str, str, int | None, str]  # data set, model, seed, system


@dataclass(frozen=True)
class TestSet:
    """The test images of one data set.

    name : of the data set; says so if the images were generated
    n : images
    sha256 : of their labels and pixels, in order
    """

    name: str
    generated: bool
    n: int
    sha256: str


@dataclass(frozen=True)
class Run:
    """What is known of a finished run.

    name : its folder, as it was named
    config : complete
    metrics : the tidy table of all measures (columns of metric_files.COLUMNS)
    libraries : version by name, of the stages that the metrics stand on
    code : code hash by stage, and by module that a program imports by name
    measured : when metrics.csv was made, ISO 8601, UTC
    tests : by data set
    commit : of the project when a snapshot was taken ("hash", "dirty", "code_changed"); None where unknown
    confusions : test confusion matrices by data set, group of systems and system
    outputs : for runs whose predictions are at hand, by address: file of probabilities, file of test labels
    """

    name: str
    config: Config
    metrics: pd.DataFrame
    libraries: dict[str, str]
    code: dict[str, str]
    measured: str
    tests: dict[str, TestSet]
    commit: dict[str, Any] | None = None
    confusions: dict[str, Any] = field(default_factory=dict)
    outputs: Mapping[Address, tuple[Path, Path]] = field(default_factory=dict)

    def correct(self, address: Address) -> np.ndarray | None:
        """Whether a system is right on each test image, bool (n,); None where its predictions are not at hand."""
        if address not in self.outputs:
            return None
        path, labels = self.outputs[address]
        task = images.describe(labels).task
        if is_multi_label(task):
            return None  # an image has no one right answer
        return predict(probabilities.read(path, "test"), task) == images.read_labels(labels)


def read(folder: str | Path) -> Run:
    """A finished run, checked against its own records.

    Parameters
    ----------
    folder : of results, or of a snapshot

    Raises
    ------
    UserError
        If it is neither, is not finished, or is not as its records or its manifest say.
    """
    path = Path(folder)
    if not path.is_dir():
        raise UserError(f"{folder}: no such folder; expected the results of a finished run, or a snapshot")
    if os.path.lexists(path / SNAPSHOT):
        return _read_snapshot(path)
    if not (path / records.FOLDER).is_dir():
        raise UserError(f"{folder}: neither the results of a run (no folder {records.FOLDER}) nor a snapshot")
    try:
        return _read_results(path)
    except (AttributeError, IndexError, KeyError, StopIteration, TypeError, ValueError) as error:
        # Records have checksums of their own, but anybody can write them.
        raise UserError(f"{folder}: its records are not those of a run of this program ({error!r})") from None


# -- a folder of results ----------------------------------------------------------------------------------------------


class _Results:
    """A folder of results, wherever it lies now, with the jobs that metrics.csv stands on."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.all = records.read_all(folder)
        self.table = self._only("collect_metrics")
        self.written_as = str(Path(self.table.outputs[0].path).parent)  # the folder's name when the jobs ran
        self.lineage = records.ancestry([self.table.outputs[0].path], self.all)

    def _only(self, stage: str) -> Record:
        found = [record for record in self.all if record.stage == stage]
        if not found:
            raise UserError(
                f"{self.folder}: not a finished run: {METRICS} was not made, or its record is lost; {AGAIN}"
            )
        return found[0]

    def inside(self, path: str) -> bool:
        """Whether a recorded path is one of the results."""
        return path.startswith(f"{self.written_as}{os.sep}")

    def at(self, path: str) -> Path:
        """Where a recorded result is now."""
        return self.folder / Path(path).relative_to(self.written_as)

    def check(self) -> None:
        """Refuse results that are being made anew, or that are not as their jobs wrote them."""
        made_by = records.makers(self.all)
        for record in self.lineage:
            if not records.satisfies(record, self.at(record.settings.path)):
                raise UserError(
                    f"{self.folder}: not a finished run: {self.at(record.outputs[0].path)} was made under other "
                    f"settings than {self.at(record.settings.path)} asks for now; {AGAIN}"
                )
            for file in record.inputs:
                if not self.inside(file.path):
                    continue
                maker = made_by.get(file.path)
                found = {out.path: out.sha256 for out in maker.outputs} if maker else {}
                if found.get(file.path) != file.sha256:
                    raise UserError(
                        f"{self.folder}: not a finished run: {self.at(file.path)} is not what {record.stage} read "
                        f"(it was begun anew, or is newer); {AGAIN}"
                    )
        for file in (self.table.outputs[0], *self.table.inputs):
            path = self.at(file.path)
            if not path.exists():
                raise UserError(f"{path}: missing; {AGAIN}")
            if hash_file(path) != file.sha256:
                raise UserError(f"{path}: damaged or edited (its SHA-256 is not the recorded one); {AGAIN}")

    def config(self) -> Config:
        """The complete configuration, from what printed it of these same metrics."""
        measured = {(file.path, file.sha256) for file in self.table.inputs}
        for record in self.all:
            seen = {(file.path, file.sha256) for file in record.inputs}
            if record.stage in ("report", "summarise") and measured <= seen:
                return record.identity["config"]["config"]
        point = self.folder / POINT
        if point.exists():
            content = read_record(point, ("config", METRICS))
            if content[METRICS] == self.table.outputs[0].sha256:
                return content["config"]
        raise UserError(f"{self.folder}: not a finished run: no page was made of its {METRICS}; {AGAIN}")


def _read_results(folder: Path) -> Run:
    results = _Results(folder)
    results.check()
    config = results.config()
    metrics = tidy_metrics(folder / METRICS)
    confusions: dict[str, Any] = {}
    outputs: dict[Address, tuple[Path, Path]] = {}
    labels: dict[str, Path] = {}
    for record in results.lineage:
        if record.stage == "evaluate":
            _add_group(results, record, confusions, outputs, labels)
    return Run(
        name=str(folder),
        config=config,
        metrics=metrics,
        libraries=_united(record.identity["libraries"] for record in results.lineage),
        code=_united(
            {record.stage: record.identity["code"], **record.identity.get("modules", {})} for record in results.lineage
        ),
        measured=results.table.made,
        tests={key: _test_set(_name(metrics, key), path) for key, path in sorted(labels.items())},
        confusions=confusions,
        outputs=outputs,
    )


def _add_group(results: _Results, record: Record, confusions: dict, outputs: dict, labels: dict) -> None:
    """What one evaluation read and found."""
    content = read_record(results.at(record.outputs[0].path), ("dataset", "model", "seed", "systems"))
    key = content["dataset"]
    # The command begins with the probabilities of the settings' systems, in their order.
    names, files = record.identity["config"]["systems"], record.inputs
    truth = next(file for file in files if Path(file.path).name == TEST_LABELS)
    labels[key] = results.at(truth.path)
    group = content["model"] if content["seed"] is None else f"{content['model']}/{content['seed']}"
    found = confusions.setdefault(key, {}).setdefault(group, {})
    known = _as_recorded(labels[key], truth.sha256)
    for name, file in zip(names, files[: len(names)], strict=True):
        found[name] = content["systems"][name]["confusion"]
        path = results.at(file.path)
        if known and _as_recorded(path, file.sha256):
            outputs[key, content["model"], content["seed"], name] = path, labels[key]


def _as_recorded(path: Path, digest: str) -> bool:
    return path.is_file() and hash_file(path) == digest


def _name(metrics: pd.DataFrame, dataset: str) -> str:
    names = metrics.loc[metrics["dataset"] == dataset, "name"]
    return names.iloc[0] if len(names) else dataset


def _test_set(name: str, labels: Path) -> TestSet:
    """The fingerprint of test images and labels, by content, so that it does not depend on how HDF5 was written."""
    description, values = images.describe(labels), images.read_labels(labels)
    digest = sha256(np.asarray(values, np.uint8).tobytes())
    for block in images.image_blocks(labels.parent / "images/test.h5"):
        digest.update(f"{block.shape[1:]}".encode() + block.tobytes())
    return TestSet(name, description.generated, len(values), digest.hexdigest())


def _united(parts: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """All values of each name; more than one where a job was made before something changed that it does not see."""
    found: dict[str, set[str]] = {}
    for part in parts:
        for name, value in part.items():
            found.setdefault(name, set()).add(value)
    return {name: ", ".join(sorted(found[name])) for name in sorted(found)}


# -- a snapshot -------------------------------------------------------------------------------------------------------


def _read_snapshot(folder: Path) -> Run:
    try:
        snapshot_checks.check_file(folder / SNAPSHOT)
        content = read_record(folder / SNAPSHOT, list(snapshot_checks.Manifest.model_fields))
        snapshot_checks.check_content(folder / SNAPSHOT, content, snapshot_checks.Manifest)
    except UserError as error:  # whose advice is for results
        raise UserError(str(error).replace("delete it and run again", "take it anew")) from None
    expected = {CONFIG, CONFUSIONS, METRICS}
    if content["format"] != FORMAT:
        raise UserError(f"{folder / SNAPSHOT}: not a snapshot of this program; take it anew")
    if set(content["files"]) != expected:
        raise UserError(f"{folder / SNAPSHOT}: names other files than {', '.join(sorted(expected))}; take it anew")
    for name, digest in content["files"].items():
        path = folder / name
        if not path.is_file() or hash_file(path) != digest:
            raise UserError(
                f"{path}: missing or altered (its SHA-256 is not that of {SNAPSHOT}); take the snapshot anew"
            )
        snapshot_checks.check_file(path)
    config_text.check(folder / CONFIG)
    try:
        config = yaml.safe_load((folder / CONFIG).read_text(encoding="utf-8"))
    except (ValueError, yaml.YAMLError) as error:
        raise UserError(f"{folder / CONFIG}: not a readable configuration ({first_line(error)})") from None
    confusions = read_json(folder / CONFUSIONS)
    snapshot_checks.check_content(folder / CONFIG, config, dict[str, Any])
    snapshot_checks.check_content(folder / CONFUSIONS, confusions, snapshot_checks.Confusions)
    return Run(
        name=str(folder),
        config=config,
        metrics=tidy_metrics(folder / METRICS),
        tests={key: TestSet(**entry) for key, entry in content["tests"].items()},
        confusions=confusions,
        **{key: content[key] for key in ("libraries", "code", "measured", "commit")},
    )


def tidy_metrics(path: Path) -> pd.DataFrame:
    """The tidy table of a run, seed as Int64 and values as floats.

    Raises
    ------
    UserError
        If the file is missing, is another table, or holds a measure twice.
    """
    table = read_table(path, ["n"], TEXTS, [column for column in COLUMNS if column not in (*TEXTS, "confidence")])
    try:
        table = table.astype({"seed": "Int64", "value": float, "low": float, "high": float})
    except (ValueError, TypeError, OverflowError) as error:
        raise UserError(f"{path}: not the expected table ({first_line(error)})") from None
    if (twice := table[table.duplicated(KEY)]).size:
        raise UserError(f"{path}: line {twice.index[0] + 2} repeats a measure; expected each once")
    snapshot_checks.check_table(path, table)
    return table
