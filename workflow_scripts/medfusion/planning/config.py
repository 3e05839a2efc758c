"""config.yaml: checked as a whole before any job starts, and completed with its defaults."""

import copy
import os
from collections.abc import Iterable
from typing import Any

from medfusion.errors import UserError
from medfusion.learning.architectures.registry import OPTIONS
from medfusion.planning import ablations, backbones, precision
from medfusion.planning.config_checks import inconsistencies, misspelt
from medfusion.planning.config_models.classifiers import STEP
from medfusion.planning.config_models.faults import faults
from medfusion.planning.config_values import unusable
from medfusion.planning.data_sets import fill_dataset
from medfusion.planning.partitions import SCHEMES
from medfusion.planning.systems import Config
from medfusion.system_id import SystemId

# Sections whose entries an overlay switches off by setting them to null.
SWITCHABLE = ("datasets", "networks", "classifiers", "fusions")


def complete(config: Config) -> Config:
    """Check a configuration, and return it with defaults filled in and switched-off entries removed.

    Relative paths are looked up from the working directory.

    Parameters
    ----------
    config : as read from config.yaml and overlays; not changed

    Raises
    ------
    UserError
        On anything that is wrong, one line for each fault, naming the key.
    """
    _refuse(unusable(config))
    config = copy.deepcopy(config)
    if isinstance(config, dict):
        _remove_switched_off(config)
    _refuse(faults(config))
    _refuse(misspelt(config))
    _fill_defaults(config)
    _refuse(inconsistencies(config))
    for network in config["networks"].values():
        network["options"] = {**OPTIONS.get(network["architecture"], {}), **network["options"]}
    config["compute"]["precision"] = precision.resolved(config["compute"]["precision"])
    for key in ("results", "data"):
        config[key] = os.path.normpath(config[key])  # ./results is results: rules and commands name files by it
    return _plain(config)


def _refuse(faults: Iterable[str]) -> None:
    if lines := list(dict.fromkeys(faults)):
        raise UserError("\n".join(["config:", *(f"  {line}" for line in lines)]))


def _remove_switched_off(config: Config) -> None:
    holders = [config.get(section) for section in SWITCHABLE]
    datasets = config.get("datasets")
    for dataset in datasets.values() if isinstance(datasets, dict) else ():
        if isinstance(dataset, dict):
            _switch_off_derived(dataset.get("models"))
            holders += [dataset.get("models"), dataset.get("ensembles")]
            _leave_out_of_comparisons(dataset)
    for holder in holders:
        if isinstance(holder, dict):
            for name in [name for name, entry in holder.items() if entry is None]:
                del holder[name]


def _switch_off_derived(models: Any) -> None:
    """A model that is switched off takes those with it that are derived from it."""
    off = {name for name, entry in models.items() if entry is None} if isinstance(models, dict) else set()
    for name in [name for name, entry in models.items() if isinstance(entry, dict)] if off else ():
        if str(models[name].get("base")) in off:
            models[name] = None


def _leave_out_of_comparisons(dataset: Config) -> None:
    """A model that is switched off is none of cross-validation or other splits; nor is it, or an ensemble, compared.

    Where none is left of those that a key names, that is switched off too.
    """
    models, ensembles = dataset.get("models"), dataset.get("ensembles")
    off = {name for name, entry in models.items() if entry is None} if isinstance(models, dict) else set()
    if isinstance(ensembles, dict):
        off |= {f"ensembles/{name}" for name, entry in ensembles.items() if entry is None}
    primary = dataset.get("primary")
    if isinstance(primary, dict) and isinstance(primary.get("compare"), list) and primary["compare"]:
        primary["compare"] = _compared(primary["compare"], off)
        if not primary["compare"]:
            dataset["primary"] = None
    for name in SCHEMES:
        scheme = dataset.get(name)
        if not isinstance(scheme, dict):
            continue
        if isinstance(scheme.get("models"), list) and off & set(map(str, scheme["models"])):
            scheme["models"] = [model for model in scheme["models"] if str(model) not in off]
            if not scheme["models"]:
                dataset[name] = None
        if isinstance(scheme.get("compare"), list):
            scheme["compare"] = _compared(scheme["compare"], off)


def _compared(pairs: list[Any], off: set[str]) -> list[Any]:
    """The pairs without those of a system that is switched off, or whose model is."""

    def are_on(pair: Any) -> bool:
        named = [str(system) for system in pair] if isinstance(pair, list) else []
        return not off & {*named, *(SystemId.of(system).model for system in named)}

    return [pair for pair in pairs if are_on(pair)]


def _plain(value: Any, key: str = "") -> Any:
    """A configuration in which whole numbers are written in one way, so that 1.0 for 1 is no other setting.

    Grids stay as they are: to scikit-learn 1.0 may mean all, and 1 one.

    >>> _plain({"rate": 1.0, "shares": [0.5, 2.0], "grid": {"max_features": [1.0]}})
    {'rate': 1, 'shares': [0.5, 2], 'grid': {'max_features': [1.0]}}
    """
    if isinstance(value, dict):
        return value if key == "grid" else {name: _plain(part, name) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _fill_defaults(config: Config) -> None:
    defaults = config["defaults"]
    for dataset in config["datasets"].values():
        fill_dataset(dataset, defaults)
    ablations.derive(config)
    for network in config["networks"].values():
        network["options"] = network.get("options") or {}
        if backbones.is_frozen(network):
            backbones.fill(network, defaults["features"])
            continue
        if network["options"].get("weights"):
            network["options"]["weights"] = os.path.expanduser(network["options"]["weights"])
        for part in ("training", "features"):
            network[part] = {**defaults[part], **(network.get(part) or {})}
    for name, classifier in config["classifiers"].items():
        config["classifiers"][name] = {**defaults["classifier"], **classifier}
    for fusion in config["fusions"].values():
        if "choose" in fusion:
            fusion.setdefault("step", STEP)
