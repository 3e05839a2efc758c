"""What systems and their parts are called in words: by labels of the configuration, or by what they are.

Files, folders and settings know a system by its address (`SystemId`): a label changes no result.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

from medfusion.naming import Names
from medfusion.planning import backbones
from medfusion.planning.systems import fusion_members, systems
from medfusion.system_id import SystemId

Config = dict[str, Any]

NETWORK = "network"  # the member cnn of a fusion, before its model is known
KINDS = {
    "svm": "SVM",
    "logistic_regression": "logistic regression",
    "random_forest": "random forest",
    "decision_tree": "decision tree",
}
KERNELS = {"linear": "linear SVM", "rbf": "RBF SVM", "poly": "polynomial SVM", "sigmoid": "sigmoid SVM"}
BASELINES = {"baselines/majority": "Majority class", "baselines/nearest_neighbour": "Nearest neighbour"}
ACRONYMS = ("CNN", "SVM", "RBF", "ResNet", "ViT", "MLP")
LONGEST = 60  # letters of a name that lists the members of an ensemble


def system_names(config: Config, dataset: str) -> Names:
    """The names of all systems of a data set that are ranked, and of the baselines, by address; all are different.

    Parameters
    ----------
    config : complete
    dataset : its key
    """
    entry, models, parts = config["datasets"][dataset], model_names(config, dataset), part_names(config, dataset)
    found = {
        f"{model}/{system}": _of_model(system, models[model], parts, bool(backbones.of_model(config, entry, model)))
        for model in entry["models"]
        for system in systems(entry, model)
    }
    labels = entry.get("ensemble_labels") or {}
    for name, members in (entry["ensembles"] or {}).items():
        found[f"ensembles/{name}"] = labels.get(name) or _of_ensemble(members, found, models)
    return Names(_told_apart({**found, **BASELINES}))


def model_names(config: Config, dataset: str) -> Names:
    """The names of a data set's models, by key."""
    names, given = {}, set()
    for key, model in config["datasets"][dataset]["models"].items():
        if model.get("label"):
            given.add(key)
        network = config.get("networks", {}).get(model["network"], {})
        # A model that the configuration does not name is called `default`.
        words = network.get("architecture", key) if key == "default" else key
        names[key] = model.get("label") or in_words(words)
    return Names(_told_apart(names, given))


def part_names(config: Config, dataset: str) -> Names:
    """The names of the classifiers and fusions of a data set's models, by key; `cnn` is the network."""
    used = dict.fromkeys(
        name
        for model in config["datasets"][dataset]["models"].values()
        for name in (*model["classifiers"], *model["fusions"])
    )
    classifiers = {key: config["classifiers"][key] for key in used if key in config["classifiers"]}
    given = {key for key in used if {**config["classifiers"], **config["fusions"]}[key].get("label")}
    names = {key: entry.get("label") or classifier_name(entry) for key, entry in classifiers.items()}
    names = {"cnn": NETWORK, **_told_apart(names, given)}
    for key in used:
        if key in config["fusions"]:
            fusion = config["fusions"][key]
            names[key] = fusion.get("label") or fusion_name(fusion, names)
    return Names(_told_apart(names, {"cnn", *classifiers, *given}))


def classifier_name(classifier: Mapping[str, Any]) -> str:
    """What a classifier is, by its kind and, of an SVM, its kernel.

    >>> classifier_name({"kind": "svm", "grid": {"C": [1], "kernel": ["rbf"]}})
    'RBF SVM'
    >>> classifier_name({"kind": "svm", "grid": {"C": [1, 10]}}), classifier_name({"kind": "random_forest", "grid": {}})
    ('SVM', 'random forest')
    """
    kernels = classifier["grid"].get("kernel", [])
    if classifier["kind"] == "svm" and len(kernels) == 1:
        return KERNELS.get(str(kernels[0]), KINDS["svm"])
    return KINDS.get(classifier["kind"], in_words(classifier["kind"]))


def fusion_name(fusion: Mapping[str, Any], members: Mapping[str, str]) -> str:
    """What a fusion is: its members, and where their weights come from.

    Parameters
    ----------
    members : their names

    >>> names = {"cnn": "network", "svm": "SVM", "forest": "random forest"}
    >>> fusion_name({"weights": {"cnn": 0.5, "svm": 0.5}}, names)
    'network + SVM, half each'
    >>> fusion_name({"weights": {"cnn": 0.3, "svm": 0.7}}, names)
    'network + SVM, 30 : 70'
    >>> fusion_name({"choose": ["cnn", "svm", "forest"], "step": 0.1}, names)
    'network + SVM + random forest, weights chosen on validation'
    """
    text = " + ".join(members.get(member, member) for member in fusion_members(dict(fusion)))
    weights = list(fusion.get("weights", {}).values())
    if not weights:
        return f"{text}, weights chosen on validation"
    if len(set(weights)) == 1:
        return f"{text}, {'half each' if len(weights) == 2 else 'equal weights'}"
    return f"{text}, {' : '.join(f'{round(100 * weight, 6):g}' for weight in weights)}"


def in_words(key: str) -> str:
    """A key as a name.

    >>> in_words("breast_resnet"), in_words("resnet28"), in_words("blood_cnn_10k"), in_words("five-layer")
    ('Breast ResNet', 'ResNet28', 'Blood CNN 10k', 'Five layer')
    """
    text = re.sub(r"[_-]+", " ", key).strip()
    for word in ACRONYMS:
        text = re.sub(rf"(?i)\b{word}(?=\b|\d)", word, text)
    return text[:1].upper() + text[1:]


def _of_model(system: str, model: str, parts: Mapping[str, str], frozen: bool) -> str:
    name = parts[system]
    if system == "cnn":
        return f"Linear head on {model}" if frozen else f"{model} alone"
    if name == NETWORK or name.startswith(f"{NETWORK} "):
        return model + name.removeprefix(NETWORK)
    return f"{model} + {name}" if " + " in name else f"{name[:1].upper()}{name[1:]} on {model}"


def _of_ensemble(members: list[str], names: Mapping[str, str], models: Mapping[str, str]) -> str:
    """A single network is called by its model alone: an ensemble is of all its seeds."""
    words = [
        models[model] if system == "cnn" else names[member]
        for member in members
        for model, _, system in [SystemId.of(member)]
    ]
    text = f"Ensemble of {' and '.join(words)}"
    return text if len(words) == 1 or len(text) <= LONGEST else f"Ensemble of {len(words)} systems"


def _told_apart(names: Mapping[str, str], given: Collection[str] = ()) -> dict[str, str]:
    """The same, with the key behind names that stand more than once.

    Those that were given stay, or else one whose key says the same: svm for SVM.
    """
    keys: dict[str, list[str]] = {}
    for key, name in names.items():
        keys.setdefault(name.casefold(), []).append(key)
    kept = set(given)
    for name, same in keys.items():
        spelt = [key for key in same if in_words(key).casefold() == name]
        kept.update(same if len(same) == 1 else [] if kept & {*same} else spelt)
    return {key: name if key in kept else f"{name} ({key})" for key, name in names.items()}
