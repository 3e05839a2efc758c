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
