"""What a configuration calls a system: a network, a classifier on its features, or a fusion of these."""

from typing import Any

Config = dict[str, Any]


def all_models(dataset: Config) -> dict[str, Config]:
    """The models of a data set, and those that are derived from them by `base`."""
    return {**dataset["models"], **dataset["derived"]}


def systems(dataset: Config, model: str) -> list[str]:
    """The systems of a model: its network, its classifiers, its fusions."""
    entry = all_models(dataset)[model]
    return ["cnn", *entry["classifiers"], *entry["fusions"]]


def fusion_members(fusion: Config) -> list[str]:
    """The members of a fusion, in order."""
    return list(fusion["weights"] if "weights" in fusion else fusion["choose"])


def classifiers_of(config: Config, system: str) -> list[str]:
    """The classifiers that a system consists of: itself, or a fusion's members but the network."""
    if system in config["classifiers"]:
        return [system]
    return [name for name in fusion_members(config["fusions"][system]) if name != "cnn"] if system != "cnn" else []
