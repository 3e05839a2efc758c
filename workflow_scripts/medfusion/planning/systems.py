"""What a configuration calls a system: a network, a classifier on its features, or a fusion of these."""

from typing import Any

Config = dict[str, Any]


def systems(dataset: Config, model: str) -> list[str]:
    """The systems of a model: its network, its classifiers, its fusions."""
    entry = dataset["models"][model]
    return ["cnn", *entry["classifiers"], *entry["fusions"]]


def fusion_members(fusion: Config) -> list[str]:
    """The members of a fusion, in order."""
    return list(fusion["weights"] if "weights" in fusion else fusion["choose"])


def classifiers_of(config: Config, system: str) -> list[str]:
    """The classifiers that a system consists of: itself, or a fusion's members but the network."""
    if system in config["classifiers"]:
        return [system]
    return [name for name in fusion_members(config["fusions"][system]) if name != "cnn"] if system != "cnn" else []
