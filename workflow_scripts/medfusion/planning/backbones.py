"""Frozen backbones in the configuration: networks of the architecture `onnx`, a file that is applied as it is.

The system `cnn` of a model with such a network is a classifier on its features: a linear head.
"""

import os
from collections.abc import Iterator

from medfusion.planning.config_values import printed, unreadable
from medfusion.planning.systems import Config

ARCHITECTURE = "onnx"
OPTIONS: Config = {
    "path": None,
    "sha256": None,
    "input": None,
    "output": None,
    "in_package": True,
    "pretrained_on": None,
}
INPUT: Config = {"size": None, "layout": "NCHW", "channels": 3, "scale": "1/255", "mean": 0, "std": 1}
HEAD = "cnn"  # the classifier that stands for the network itself
# The strength of its penalty: from hardly more than the classes' shares to hardly any.
HEAD_GRID = {"C": [0.0001, 0.001, 0.01, 0.1, 1]}


def is_frozen(network: Config) -> bool:
    """Whether an entry of `networks` is a backbone that is not trained."""
    return network["architecture"] == ARCHITECTURE


def fill(network: Config, features: Config) -> None:
    """Complete the entry of a backbone in place; numbers of channels are written out.

    Parameters
    ----------
    network : one that is sound in itself
    features : the section of `defaults`
    """
    options = {**OPTIONS, **network["options"]}
    options["path"] = os.path.expanduser(options["path"])
    taken = {**INPUT, **options["input"]}
    if taken["scale"] == INPUT["scale"]:
        taken["scale"] = 1 / 255
    for name in ("mean", "std"):
        if not isinstance(taken[name], list):
            taken[name] = [taken[name]] * taken["channels"]
    given = network.get("features") or {}
    network.update(
        options={**options, "input": taken},
        training=None,
        features={
            "layers": [],
            "test_time_augmentation": given.get("test_time_augmentation", features["test_time_augmentation"]),
        },
    )


def faults(key: str, network: Config, used: bool) -> Iterator[str]:
    """Faults of a complete backbone, one line each, as far as they are seen without reading its file.

    Parameters
    ----------
    used : whether a model has it; otherwise the file need not be there
    """
    path, taken = network["options"]["path"], network["options"]["input"]
    if used:
        yield from unreadable(f"{key}.options.path", path, "an ONNX file")
    for name in ("mean", "std"):
        if len(taken[name]) != taken["channels"]:
            yield (
                f"{key}.options.input.{name}: {printed(taken[name])}; expected one number, or {taken['channels']}, "
                "one a channel"
            )


def of_model(config: Config, dataset: Config, model: str) -> Config | None:
    """The entry of a configured model's network, if that is a backbone; none of an ensemble or a derived model."""
    entry = dataset["models"].get(model)
    network: Config | None = config["networks"][entry["network"]] if entry else None
    return network if network and is_frozen(network) else None


def described(config: Config, dataset: Config) -> Iterator[str]:
    """What the page says of each model of a data set whose network is a backbone."""
    for model in dataset["models"]:
        if network := of_model(config, dataset, model):
            options = network["options"]
            origin = f"pretrained on {options['pretrained_on']}" if options["pretrained_on"] else "pretrained"
            yield (
                f"Model {model}: the backbone {os.path.basename(options['path'])}, {origin}, is applied as it is. "
                f"Nothing in it is trained, so there are no training curves; {model}/{HEAD} is a linear head on its "
                "features. Whether test images, or others of the same patients, were among what it was pretrained on, "
                "nobody has checked here; if they were, its figures are too good."
            )


def head(config: Config) -> Config:
    """The settings of the linear head, as an entry of `classifiers` with its defaults."""
    return {
        **config["defaults"]["classifier"],
        "kind": "logistic_regression",
        "grid": HEAD_GRID,
        "selection": "validation",
        "calibration": "temperature",
    }


def settings(network: Config) -> Config:
    """What a job that applies a backbone depends on: its file, what that takes, and the name of its output."""
    return {key: network["options"][key] for key in ("path", "sha256", "input", "output")}


def megabytes(network: Config) -> int:
    """The size of a backbone's file; 0 where there is none any more, which its job will say."""
    try:
        return os.path.getsize(network["options"]["path"]) >> 20
    except OSError:
        return 0
