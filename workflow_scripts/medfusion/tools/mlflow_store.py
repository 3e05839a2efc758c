"""A finished run as runs of MLflow, in the folder that it calls a file store.

The files are written by hand, because MLflow's own client writes one value after another into the place where others
read, and leaves half of them behind when it is stopped. A test reads what comes out with MLflow.
"""

import json
import math
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from medfusion.errors import UserError
from medfusion.files.artifacts import temporary_name
from medfusion.tools.finished import Address, Run

META = "meta.yaml"
FINISHED, LOCAL = 3, 4  # MLflow's numbers for the state of a run, and for where its program lay
LONGEST_VALUE = 6000  # characters of a parameter
GENERATED = "GENERATED images, drawn by a program: these figures say nothing about real ones."
UNFIT = re.compile(r"[^\w. -]")  # of names, all but what MLflow takes everywhere


@dataclass(frozen=True)
class Kept:
    """One system of a run, as MLflow is to have it.

    parameters : text by name
    measures : value by name
    tags : text by name
    files : content by name
    """

    name: str
    parameters: Mapping[str, str]
    measures: Mapping[str, float]
    tags: Mapping[str, str]
    files: Mapping[str, str]


def write(run: Run, folder: str | Path, name: str) -> Path:
    """Write a finished run as an experiment with one run for each system and seed; all of it or nothing.

    Parameters
    ----------
    folder : of the store; made if it is not there
    name : of the experiment

    Returns
    -------
    The experiment's folder.

    Raises
    ------
    UserError
        If the folder is something else than a store, or holds an experiment of that name.
    """
    folder = Path(folder).resolve()  # where a link leads
    _check(folder, name)
    try:
        found = list(systems(run))
    except (AttributeError, KeyError, TypeError) as error:
        raise UserError(f"{run.name}: its configuration is not one of this workflow ({error!r})") from None
    number = str(int(sha256(f"{name}\n{run.measured}".encode()).hexdigest()[:15], 16))
    if (folder / number).exists():
        raise UserError(f"{folder / number}: exists; choose another name with --name, or another folder")
    fresh = not folder.exists() or not any(folder.iterdir())
    target = folder if fresh else folder / number
    temporary = temporary_name(target)
    try:
        if fresh:  # what MLflow itself puts into a new store
            _write_experiment(temporary / "0", folder / "0", "Default", _milliseconds(run.measured))
        experiment = temporary / number if fresh else temporary
        _write_experiment(experiment, folder / number, name, _milliseconds(run.measured))
        for kept in found:
            _write_run(experiment, folder / number, kept, _milliseconds(run.measured))
        os.replace(temporary, target)  # takes the place of an empty folder, of no other
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder / number


def _check(folder: Path, name: str) -> None:
    """Refuse a folder of something else, and an experiment that is there."""
    if not name.strip() or len(name) > 500:
        raise UserError(f"--name: {name[:60]!r}; expected 1 to 500 characters")
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UserError(f"{folder}: is no folder; expected MLflow's file store, or a name that is not taken")
    metas = [*folder.glob(f"*/{META}"), *folder.glob(f".trash/*/{META}")]
    if not metas and (others := sorted(path.name for path in folder.iterdir() if path.name != ".trash")):
        raise UserError(f"{folder}: holds {others[0]}, and is not MLflow's file store; name a new or an empty folder")
    for meta in metas:
        try:
            known = yaml.safe_load(meta.read_text(encoding="utf-8"))["name"]
        except (KeyError, TypeError, ValueError, yaml.YAMLError):
            continue  # not for us to mend
        if known == name:
            where = "; it is in MLflow's bin, .trash" if meta.parents[1].name == ".trash" else ""
            raise UserError(f"{folder}: holds an experiment {name!r}{where}; choose another name with --name")


def systems(run: Run) -> Iterator[Kept]:
    """Every system of a run, with each of its seeds, as MLflow is to have it."""
    address: Any
    for address, rows in run.metrics.groupby(["dataset", "model", "seed", "system"], sort=False, dropna=False):
        dataset, model, seed, system = address
        yield _kept(run, (dataset, model, None if pd.isna(seed) else int(seed), system), rows)


def _kept(run: Run, address: Address, rows: pd.DataFrame) -> Kept:
    dataset, model, seed, system = address
    group = model if seed is None else f"{model}/{seed}"
    # MLflow shows what is before the slash as a heading. Each measure is a file of its own there.
    measures = {
        f"{row['split']}/{UNFIT.sub('', str(row['metric']).replace('[', '.'))}": float(row["value"])
        for row in rows.to_dict("records")
        if math.isfinite(row["value"])
    }
    files = {
        "config.yaml": yaml.safe_dump(run.config, sort_keys=True, allow_unicode=True),
        "metrics.csv": rows.to_csv(index=False, lineterminator="\n"),
        "libraries.json": json.dumps(run.libraries, indent=1),
    }
    if (confusion := run.confusions.get(dataset, {}).get(group, {}).get(system)) is not None:
        files["confusion.json"] = json.dumps({"split": "test", "rows are true classes": confusion})
    test = run.tests.get(dataset)
    generated = test is not None and test.generated
    note = f"{rows['name'].iloc[0]}. Each measure with its interval and its n is in the artifact metrics.csv."
    tags = {
        "mlflow.source.name": run.name,
        "mlflow.note.content": f"{GENERATED} {note}" if generated else note,
        "generated": str(generated).lower(),
        "measured": run.measured,
        **{f"n {split}": str(part["n"].max()) for split, part in rows.groupby("split")},
    }
    if run.commit and run.commit.get("hash"):
        tags["mlflow.source.git.commit"] = run.commit["hash"]
    name = f"{dataset}/{group}/{system}"
    parameters = {name: text for name, text in _parameters(run.config, address) if len(text) <= LONGEST_VALUE}
    return Kept(name, parameters, measures, tags, files)


def _parameters(config: Mapping[str, Any], address: Address) -> Iterator[tuple[str, str]]:
    """The part of the configuration that a system's name leads to; all of it is in the run's config.yaml."""
    dataset, model, seed, system = address
    yield from {"dataset": dataset, "model": model, "system": system}.items()
    if seed is not None:
        yield "seed", str(seed)
    entry = config["datasets"].get(dataset, {})
    for key in ("source", "size", "flag"):
        if key in entry:
            yield f"data.{key}", str(entry[key])
    own = {**entry.get("models", {}), **entry.get("derived", {})}.get(model, {})
    yield from _flat("model", {key: own[key] for key in own if key not in ("classifiers", "fusions", "seeds")})
    yield from _flat("network", config["networks"].get(own.get("network"), {}))
    for kind, names in (("classifier", "classifiers"), ("fusion", "fusions")):
        if system in own.get(names, ()):
            yield from _flat(kind, config[names].get(system, {}))
    if model == "ensembles":
        yield from _flat("ensemble", entry.get("ensembles", {}).get(system, {}))


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """The leaves of nested settings, by dotted name.

    >>> list(_flat("a", {"b": {"c": 1}, "d": [1, None]}))
    [('a.b.c', '1'), ('a.d', '[1, null]')]
    """
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{name}.{UNFIT.sub('_', str(key))}"[:200], inner)
    else:
        yield name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _milliseconds(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


def _write_experiment(folder: Path, place: Path, name: str, moment: int) -> None:
    """Write what MLflow asks of an experiment that is to lie in `place`."""
    content = {
        "artifact_location": place.as_uri(),
        "creation_time": moment,
        "experiment_id": place.name,
        "last_update_time": moment,
        "lifecycle_stage": "active",
        "name": name,
    }
    folder.mkdir(parents=True)
    _write_meta(folder, content)


def _write_run(experiment: Path, place: Path, kept: Kept, moment: int) -> None:
    number = sha256(f"{place.name}\n{kept.name}".encode()).hexdigest()[:32]
    folder = experiment / number
    content = {
        "artifact_uri": (place / number / "artifacts").as_uri(),
        "end_time": moment,
        "entry_point_name": "",
        "experiment_id": place.name,
        "lifecycle_stage": "active",
        "run_id": number,
        "run_name": kept.name,
        "run_uuid": number,
        "source_name": "",
        "source_type": LOCAL,
        "source_version": "",
        "start_time": moment,
        "status": FINISHED,
        "tags": [],
        "user_id": "",
    }
    for part, texts in (
        ("params", kept.parameters),
        ("tags", {"mlflow.runName": kept.name, **kept.tags}),
        ("metrics", {name: f"{moment} {value!r} 0\n" for name, value in kept.measures.items()}),
        ("artifacts", kept.files),
    ):
        for name, text in texts.items():
            path = folder / part / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="")
    _write_meta(folder, content)


def _write_meta(folder: Path, content: Mapping[str, Any]) -> None:
    text = yaml.safe_dump(content, sort_keys=True, allow_unicode=True)
    (folder / META).write_text(text, encoding="utf-8")
