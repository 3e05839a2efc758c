"""config.yaml: checked as a whole before any job starts, and completed with its defaults."""

import copy
import difflib
from collections.abc import Iterator
from typing import Any

import jsonschema

from medfusion.architectures import OPTIONS
from medfusion.datafiles import CLASSES
from medfusion.errors import UserError

Config = dict[str, Any]

_POSITIVE = {"type": "number", "exclusiveMinimum": 0}
_AT_LEAST_ONE = {"type": "integer", "minimum": 1}
_AT_LEAST_TWO = {"type": "integer", "minimum": 2}
_WEIGHTS = {"enum": ["balanced", None]}
_TREE = {
    "max_depth": {"type": ["integer", "null"], "minimum": 1},
    "min_samples_split": _AT_LEAST_TWO,
    "min_samples_leaf": _AT_LEAST_ONE,
    "max_features": {"anyOf": [{"enum": ["sqrt", "log2", None]}, {**_POSITIVE, "maximum": 1}]},
    "max_leaf_nodes": {"type": ["integer", "null"], "minimum": 2},
    "criterion": {"enum": ["gini", "entropy", "log_loss"]},
    "class_weight": _WEIGHTS,
}
# What scikit-learn takes, by kind of classifier and setting, as JSON schemas: wrong values are refused here, not by a
# job twenty minutes later.
GRID_VALUES = {
    "svm": {
        "C": _POSITIVE,
        "kernel": {"enum": ["linear", "rbf", "poly", "sigmoid"]},
        "gamma": {"anyOf": [{"enum": ["scale", "auto"]}, {"type": "number", "minimum": 0}]},
        "degree": {"type": "integer", "minimum": 0},
        "coef0": {"type": "number"},
        "class_weight": _WEIGHTS,
        "tol": _POSITIVE,
        "shrinking": {"type": "boolean"},
    },
    "random_forest": {"n_estimators": _AT_LEAST_ONE, **_TREE},
    "decision_tree": {**_TREE, "ccp_alpha": {"type": "number", "minimum": 0}},
}
# Sections whose entries an overlay switches off by setting them to null.
SWITCHABLE = ("datasets", "networks", "classifiers", "fusions")
# Names that folders beside a data set's models already have.
RESERVED_MODELS = {"images", "inspect", "audit", "votes", "floors", "learning_curve", "results", "studies"}


def complete(config: Config, schema: Config) -> Config:
    """Check a configuration, and return it with defaults filled in and switched-off entries removed.

    Parameters
    ----------
    config : as read from config.yaml and overlays; not changed
    schema : schemas/config.schema.yaml

    Raises
    ------
    UserError
        On anything that is wrong, one line for each fault, naming the key.
    """
    config = copy.deepcopy(config)
    if faults := [
        f"{section}: the name {name!r} is not text; put it in quotes" for section, name in _numeric_names(config)
    ]:
        raise UserError("\n".join(["config:", *(f"  {fault}" for fault in faults)]))
    _remove_switched_off(config)
    if faults := {_explain(error) for error in jsonschema.Draft202012Validator(schema).iter_errors(config)}:
        raise UserError("\n".join(["config:", *(f"  {fault}" for fault in sorted(faults))]))
    _fill_defaults(config)
    if faults := list(_inconsistencies(config)):
        raise UserError("\n".join(["config:", *(f"  {fault}" for fault in faults)]))
    return config


def systems(dataset: Config, model: str) -> list[str]:
    """The systems of a model: its network, its classifiers, its fusions."""
    entry = dataset["models"][model]
    return ["cnn", *entry["classifiers"], *entry["fusions"]]


def fusion_members(fusion: Config) -> list[str]:
    """The members of a fusion, in order."""
    return list(fusion["weights"] if "weights" in fusion else fusion["choose"])


def _numeric_names(config: Any, key: str = "top level") -> Iterator[tuple[str, Any]]:
    """Keys that YAML read as something else than text (1, yes, null), with the section that they are in."""
    for name, entry in config.items() if isinstance(config, dict) else ():
        if not isinstance(name, str):
            yield key, name
        yield from _numeric_names(entry, str(name) if key == "top level" else f"{key}.{name}")


def _remove_switched_off(config: Config) -> None:
    holders = [config.get(section) for section in SWITCHABLE]
    datasets = config.get("datasets")
    for dataset in datasets.values() if isinstance(datasets, dict) else ():
        if isinstance(dataset, dict):
            holders += [dataset.get("models"), dataset.get("votes")]
    for holder in holders:
        if isinstance(holder, dict):
            for name in [name for name, entry in holder.items() if entry is None]:
                del holder[name]


def _fill_defaults(config: Config) -> None:
    defaults = config["defaults"]
    for network in config["networks"].values():
        network["options"] = network.get("options") or {}
        for part in ("training", "features"):
            network[part] = {**defaults[part], **(network.get(part) or {})}
    for name, classifier in config["classifiers"].items():
        config["classifiers"][name] = {**defaults["classifier"], **classifier}
    for fusion in config["fusions"].values():
        if "choose" in fusion:
            fusion.setdefault("step", 0.05)
            fusion.setdefault("criterion", "accuracy")
    for dataset in config["datasets"].values():
        for key in ("path", "sha256", "label", "label_names", "positive", "learning_curve"):
            dataset.setdefault(key, None)
        dataset.setdefault("published", [])
        dataset["votes"] = dataset.get("votes") or {}
        for model in dataset["models"].values():
            model.setdefault("train_images", "all")
            model.setdefault("classifiers", [])
            model.setdefault("fusions", [])


def _explain(error: jsonschema.ValidationError) -> str:
    """One line for a fault that the schema found."""
    key = ".".join(str(part) for part in error.absolute_path) or "top level"
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        unknown = [name for name in error.instance if name not in known]
        return "; ".join(f"{key}: unknown key {name!r}{_hint(str(name), known)}" for name in unknown)
    if error.validator == "enum":
        allowed = ", ".join(str(value) for value in error.validator_value)
        hint = _did_you_mean(str(error.instance), error.validator_value)
        return f"{key}: {error.instance!r} is not one of {allowed}{hint}"
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return f"{key}: lacks {', '.join(missing)}"
    if error.validator == "pattern" and "description" in error.schema:
        return f"{key}: {error.instance!r} is not a valid name; expected {error.schema['description']}"
    if error.validator == "anyOf":
        options = " or ".join(str(option.get("const", option.get("type"))) for option in error.validator_value)
        return f"{key}: {error.instance!r}; expected {options} in its range"
    return f"{key}: {error.message}"


def _hint(word: str, known: list[str]) -> str:
    return _did_you_mean(word, known) or f"; known: {', '.join(known)}"


def _did_you_mean(word: str, known: list[Any]) -> str:
    close = difflib.get_close_matches(word, [str(name) for name in known], 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _inconsistencies(config: Config) -> Iterator[str]:
    """What no schema can say: names that must exist elsewhere, sums, values that depend on others."""
    for name, network in config["networks"].items():
        yield from _network_faults(f"networks.{name}", network)
    for section in ("classifiers", "fusions"):
        if "cnn" in config[section]:
            yield f"{section}.cnn: the name stands for the network itself; choose another"
    for name, classifier in config["classifiers"].items():
        yield from _classifier_faults(f"classifiers.{name}", classifier)
    for name, fusion in config["fusions"].items():
        yield from _fusion_faults(f"fusions.{name}", fusion)
    for name, dataset in config["datasets"].items():
        yield from _dataset_faults(f"datasets.{name}", dataset, config)


def _network_faults(key: str, network: Config) -> Iterator[str]:
    if network["architecture"] not in OPTIONS:
        yield f"{key}.architecture: unknown {network['architecture']!r}{_hint(network['architecture'], list(OPTIONS))}"
        return
    known = list(OPTIONS[network["architecture"]])
    if network["training"]["reduce_lr"] and network["training"]["schedule"] == "one_cycle":
        yield f"{key}.training: reduce_lr has no place in a one_cycle schedule; set reduce_lr: ~ or schedule: constant"
    for option in network["options"]:
        if option not in known:
            yield f"{key}.options: {network['architecture']} has no option {option!r}{_hint(option, known)}"


def _classifier_faults(key: str, classifier: Config) -> Iterator[str]:
    known = GRID_VALUES[classifier["kind"]]
    for parameter, values in classifier["grid"].items():
        if parameter not in known:
            yield f"{key}.grid: {classifier['kind']} has no setting {parameter!r}{_hint(parameter, list(known))}"
            continue
        for error in jsonschema.Draft202012Validator({"items": known[parameter]}).iter_errors(values):
            yield _explain(error).replace(str(error.absolute_path[0]), f"{key}.grid.{parameter}", 1)
    if classifier["kind"] == "svm" and classifier["calibration"] == "none":
        yield f"{key}.calibration: an svm has scores, not probabilities; expected temperature or sigmoid"


def _fusion_faults(key: str, fusion: Config) -> Iterator[str]:
    if ("weights" in fusion) == ("choose" in fusion):
        yield f"{key}: expected either weights (fixed) or choose (members whose weights validation chooses)"
    elif "weights" in fusion:
        total = sum(fusion["weights"].values())
        if abs(total - 1) > 1e-9:
            yield f"{key}.weights: sum to {total:g}; expected 1"
    else:
        if abs(1 / fusion["step"] - round(1 / fusion["step"])) > 1e-6:
            yield f"{key}.step: {fusion['step']} does not divide 1; expected 0.05, 0.1, 0.25 or the like"
        if round(1 / fusion["step"]) ** (len(fusion["choose"]) - 1) > 100_000:
            yield f"{key}: too many weights to try; take a larger step or fewer members"


def _dataset_faults(key: str, dataset: Config, config: Config) -> Iterator[str]:
    if (dataset["source"] == "file") != (dataset["path"] is not None):
        yield f"{key}: source 'file' and path go together; set both or neither"
    if dataset["source"] in ("file", "surrogate") and not dataset["label"]:
        yield f"{key}.label: required with source {dataset['source']!r}: the name that tables and pages print"
    if (dataset["source"] == "generated") != ("generated" in dataset):
        yield f"{key}: source 'generated' and the key generated (seed and counts) go together; set both or neither"
    classes = CLASSES[dataset["flag"]]
    if dataset["positive"] is not None and dataset["positive"] >= classes:
        yield f"{key}.positive: {dataset['positive']} is no label of {dataset['flag']}; expected 0 to {classes - 1}"
    if dataset["label_names"] and len(dataset["label_names"]) != classes:
        yield f"{key}.label_names: {len(dataset['label_names'])} names; expected {classes}, one a class in label order"
    if dataset["augmentation"]["flip"] == "none" and not any(
        dataset["augmentation"][kind] for kind in ("rotation", "scale", "contrast")
    ):
        yield f"{key}.augmentation: changes nothing; networks that want no augmentation say images: original"
    for name, model in dataset["models"].items():
        yield from _model_faults(f"{key}.models.{name}", name, model, config)
    known = [f"{name}/{system}" for name in dataset["models"] for system in systems(dataset, name)]
    for vote, members in dataset["votes"].items():
        for member in members:
            if member not in known:
                yield f"{key}.votes.{vote}: unknown system {member!r}{_hint(member, known)}"
    if (curve := dataset["learning_curve"]) and curve["network"] not in config["networks"]:
        hint = _hint(curve["network"], list(config["networks"]))
        yield f"{key}.learning_curve.network: unknown {curve['network']!r}{hint}"


def _model_faults(key: str, name: str, model: Config, config: Config) -> Iterator[str]:
    if name in RESERVED_MODELS:
        yield f"{key}: the name is taken by a folder of the data set; choose another"
    for section, names in (
        ("networks", [model["network"]]),
        ("classifiers", model["classifiers"]),
        ("fusions", model["fusions"]),
    ):
        for used in names:
            if used not in config[section]:
                yield f"{key}: unknown {section[:-1]} {used!r}{_hint(used, list(config[section]))}"
    for fusion in model["fusions"]:
        if fusion in model["classifiers"] or fusion == "cnn":
            yield f"{key}: {fusion!r} names a fusion and another system; choose different names"
        members = fusion_members(config["fusions"][fusion]) if fusion in config["fusions"] else []
        for member in members:
            if member not in ["cnn", *model["classifiers"]]:
                yield (
                    f"{key}: fusion {fusion!r} has the member {member!r}, which is not among this model's systems: "
                    f"{', '.join(['cnn', *model['classifiers']])}"
                )
