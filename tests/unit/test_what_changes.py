"""Tests of what runs again: every key of config.yaml changed, every library, against the rows of changes.py."""

import json
import re
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import changes
import pytest
import yaml
from other_values import APPLICATION, BACKBONE, DERIVED, changed, get, leaves, ready
from specification import jobs, partition_jobs

from medfusion.planning import config as configuration
from medfusion.planning import precision
from medfusion.planning.config_models import schema
from medfusion.planning.job_settings import job_settings
from medfusion.planning.plan import Plan
from medfusion.reruns import fingerprint

ROOT = Path(__file__).resolve().parents[2]
BASE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
PATTERNS = [pattern for row in changes.KEYS for pattern in row.keys]
# The wildcards of each stage, as the rules name them; the others have dataset alone, or none.
WILDCARDS = {
    "download": ["file"],
    "fetch_weights": ["application"],
    "train_cnn": ["dataset", "model", "seed"],
    "extract_features": ["dataset", "model", "seed"],
    "corrupt_predict": ["dataset", "model", "seed"],
    "apply_backbone": ["dataset", "model"],
    "augment": ["dataset", "augmented"],
    "learning_curve": ["dataset", "repeat", "size"],
    "fit_grid": ["dataset", "model", "seed", "classifier"],
    "fuse": ["dataset", "model", "seed", "fusion"],
    "ensemble": ["dataset", "ensemble"],
    "evaluate": ["dataset", "group"],
    **dict.fromkeys(("draw_curves", "draw_grids", "draw_fusions", "fit_input_check"), ["dataset", "model"]),
    **dict.fromkeys(("collect_metrics", "report", "summarise"), []),
}


def unset_keys():
    """Keys that config.yaml leaves to `defaults`, or does not have, but which users may add."""
    options = {"breast_cnn": "dropout l2 batch_norm", "blood_cnn": "dropout dense_dropout batch_norm_momentum"}
    for network, names in options.items():
        yield from (f"networks.{network}.options.{name}" for name in names.split())
    for name, value in BACKBONE.items():
        inner = [f"{name}.{part}" for part in value] if isinstance(value, dict) else [name]
        yield from (f"networks.resnet28.options.{one}" for one in inner)
    yield from (f"networks.resnet28.options.{name}" for name in APPLICATION)
    yield from (f"networks.resnet28.options.fine_tune.{name}" for name in APPLICATION["fine_tune"])
    for network in BASE["networks"]:
        yield from (f"networks.{network}.training.{name}" for name in changes.TRAINING.split())
        yield from (f"networks.{network}.features.{name}" for name in ("layers", "test_time_augmentation"))
    for classifier in BASE["classifiers"]:
        yield from (f"classifiers.{classifier}.{name}" for name in ("label", *changes.CHOOSING.split()))
    yield from (f"fusions.{fusion}.label" for fusion in BASE["fusions"])
    yield "datasets.breast.primary"
    for dataset, entry in BASE["datasets"].items():
        yield from (f"datasets.{dataset}.models.{model}.label" for model in entry["models"])
        yield from (f"datasets.{dataset}.generated.{name}" for name in ("seed", "train", "val", "test"))
        yield f"datasets.{dataset}.metadata"
        yield from (f"datasets.{dataset}.split.{name}" for name in ("shares", "seed", "groups"))
    for scheme, names in changes.SCHEMES.items():
        yield from (f"datasets.breast.{scheme}.{name}" for name in names.split())
        yield from (f"datasets.{dataset}.{scheme}" for dataset in BASE["datasets"])
    for section in ("defaults", "networks.breast_cnn", "networks.compact_resnet"):
        yield from (f"{section}.training.{name}" for name in (*changes.NESTED, "early_stopping", "reduce_lr"))
    yield from ("datasets.blood.learning_curve", "datasets.blood.generated")
    yield from (f"defaults.dataset.augmentation.{name}" for name in changes.AUGMENTATION.split())
    yield from (f"datasets.breast.models.{DERIVED}.{name}" for name in ("base", "changes"))


KEYS = sorted({*leaves(BASE), *unset_keys()})


@cache
def identities(text):
    """For each job of a configuration (JSON text): where its results go, and its settings."""
    config = json.loads(text)
    plan = Plan(configuration.complete(config))
    of_stage = job_settings(plan)
    result = {}
    for job in jobs(config):
        stage, _, name = job.partition("/")
        names = WILDCARDS.get(stage, ["dataset"])
        values = name.split(".", max(len(names) - 1, 0))
        wildcards = dict(zip(names, values, strict=True)) if names else {}
        if stage == "evaluate":
            wildcards["group"] = wildcards["group"].replace(".", "/")
        place = config["data"] if stage in ("download", "fetch_weights") else plan.results
        settings = {"threads": config["compute"]["threads"], **of_stage[stage](SimpleNamespace(**wildcards))}
        result[job] = json.dumps([place, settings], sort_keys=True)
    return result


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with the files that other values of `path` name, on a processor without bfloat16."""
    monkeypatch.setenv(precision.HIDE_VARIABLE, "1")  # or `auto` and bfloat16 were the same
    for name in ("own.npz", "another.npz"):
        (tmp_path / name).touch()
    for name in ("more.csv", "another.csv"):
        (tmp_path / name).write_text("split,index,patient,site\ntest,0,p1,A\n", encoding="utf-8")
    for number in range(6):
        (tmp_path / f"own/{'ab'[number % 2]}").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"own/{'ab'[number % 2]}/{number}.png").touch()
    monkeypatch.chdir(tmp_path)


def row_of(key):
    """The one row that a key belongs to."""
    found = [row for row in changes.KEYS if any(changes.match(pattern, key) is not None for pattern in row.keys)]
    assert len(found) == 1, (
        f"config.yaml: {key} belongs to {len(found)} rows of tests/workflow/changes.py; expected one"
    )
    return found[0]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.usefixtures("folder")
def test_a_key_changes_the_jobs_that_its_row_names_and_no_others(key):
    row = row_of(key)
    before = ready(BASE, key)
    after = changed(before, key)
    assert get(after, key) != get(before, key)
    old, new = identities(json.dumps(before)), identities(json.dumps(after))
    expected = (
        row.selected(jobs(before), key) | row.selected(jobs(after), key) | {f"{page}/{page}" for page in changes.PAGES}
    )
    found = {job for job in set(old) & set(new) if old[job] != new[job]}
    assert found == expected & set(old) & set(new), f"not what the row {row.words!r} of tests/workflow/changes.py says"


@pytest.mark.parametrize("row", changes.PLANS, ids=lambda row: row.words)
def test_a_changed_plan_changes_the_jobs_that_its_row_names(row):
    overlay = yaml.safe_load((ROOT / "tests/workflow/tiny.yaml").read_text(encoding="utf-8"))
    before = changes.merged(BASE, overlay)
    after = changes.merged(before, {})
    row.edit(after)
    old, new = identities(json.dumps(before)), identities(json.dumps(after))
    expected = row.selected(jobs(before)) | row.selected(jobs(after)) | {f"{page}/{page}" for page in changes.PAGES}
    found = {job for job in set(old) & set(new) if old[job] != new[job]}
    assert found == expected & set(old) & set(new), f"not what the row {row.words!r} of tests/workflow/changes.py says"


def test_every_pattern_is_of_a_key_that_is_tried():
    assert [pattern for pattern in PATTERNS if not any(changes.match(pattern, key) is not None for key in KEYS)] == []


def test_the_rows_have_the_keys_of_the_models():
    general = {re.sub(r"\{\w+=(\w+)\}", r"\1", pattern) for pattern in PATTERNS}
    assert {re.sub(r"\{\w+\}", "*", pattern) for pattern in general} == set(keys(schema.whole())), (
        "a key of config.yaml needs a row in tests/workflow/changes.py: what runs again when it changes?"
    )


def keys(part, key=""):
    """The dotted keys of all values that a configuration may have, * for names that users choose, and for settings."""
    if key.endswith(".changes"):  # of a derived model: the keys of networks and augmentation once more
        yield key
        return
    options, children = schema.choices(part), []
    for option in options:
        of_names = [*option.get("patternProperties", {}).values(), option.get("additionalProperties")]
        children += [("*", child) for child in of_names if isinstance(child, dict)]
        children += option.get("properties", {}).items()
        if "items" in option and schema.resolved(option["items"]).get("type") == "object":
            children.append(("*", option["items"]))
    if not children or schema.nullable(part) or {"array", "object"} <= {option.get("type") for option in options}:
        yield re.sub(r"\.grid\.\w+$", ".grid.*", key)
    for name, child in children:
        yield from keys(child, f"{key}.{name}" if key else name)


@pytest.mark.parametrize("pattern", sorted({root for row in changes.KEYS for root in row.runs if "{" not in root}))
def test_every_stage_that_a_row_names_exists(pattern):
    assert pattern == "*" or pattern.split()[0] in changes.STAGES


def test_every_stage_has_jobs():
    ablated = ready(BASE, f"datasets.breast.models.{DERIVED}.base")
    breast = BASE["datasets"]["breast"]
    others = {
        "x": {**breast, "source": "generated", "metadata": "more.csv"},
        "several": {**breast, "flag": "chestmnist"},
    }
    others["folder"] = {**breast, "flag": None, "source": "folder"}
    backbone = {**BASE["networks"], "resnet28": {"architecture": "onnx"}}
    application = ready(BASE, "networks.resnet28.options.application")
    found = {*jobs(ablated), *jobs({**BASE, "datasets": others}), *jobs({**BASE, "networks": backbone})}
    found |= jobs(application).keys()
    crossvalidation = {"folds": 3, "repeats": 1, "ensembles": True}
    folds = partition_jobs({**BASE, "datasets": {"breast": {**breast, "crossvalidation": crossvalidation}}})
    assert {job.partition("/")[0] for job in {*found, *folds}} == set(changes.STAGES)


def test_a_module_counts_for_the_stages_that_import_it():
    for stage in changes.STAGES:
        files = fingerprint.closure(stage)[0]
        found = {
            ".".join(path.relative_to(changes.PACKAGE).with_suffix("").parts)
            for path in files
            if path.is_relative_to(changes.PACKAGE)
        }
        assert found == {module for module, stages in changes.importers().items() if stage in stages}, stage


def test_a_library_counts_for_the_stages_that_import_it():
    for stage in changes.STAGES:
        listed = fingerprint.library_versions(stage)
        own = {fingerprint.DISTRIBUTIONS.get(name, name) for name in changes.packages(stage)}
        assert own <= set(listed), stage


def test_the_documentation_has_the_table_of_the_rows():
    page = changes.PAGE.read_text(encoding="utf-8")
    assert page == changes.with_table(page), "run: python tests/workflow/changes.py --write"
