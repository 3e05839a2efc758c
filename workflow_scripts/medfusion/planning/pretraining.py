"""Networks that are trained on from weights: where these are, what page and card say of them, what does not fit."""

import os
from collections.abc import Iterator

from medfusion.learning.keras_applications import APPLICATIONS, IMAGENET, smallest
from medfusion.planning.config_values import unreadable
from medfusion.planning.systems import Config, all_models


def weights(network: Config, data: str) -> str | None:
    """The file that a network starts from, in the folder of downloads if it is one; None of random weights."""
    options = network["options"]
    if options.get("weights") == IMAGENET:
        return f"{data}/{APPLICATIONS[options['application']].file}"
    path: str | None = options.get("weights")
    return path


def fetched(network: Config) -> str | None:
    """The network of keras.applications whose weights are downloaded for this one."""
    options = network["options"]
    return options["application"] if options.get("weights") == IMAGENET else None


def learns_features(network: Config) -> bool:
    """Whether more than a new last layer is trained: the whole of random weights, or what is fine-tuned."""
    return not network["options"].get("weights") or bool(network["options"]["fine_tune"])


def pretrained_on(network: Config) -> str | None:
    """What a network saw before it was trained here, in words; None where it saw nothing."""
    options = network["options"]
    if not options.get("weights"):
        return None
    known = "ImageNet" if options["weights"] == IMAGENET else f"what {os.path.basename(options['weights'])} saw"
    return options["pretrained_on"] or known


def described(config: Config, dataset: Config) -> Iterator[str]:
    """What the page says of each model of a data set whose network was pretrained."""
    for model, entry in all_models(dataset).items():
        network = config["networks"][entry["network"]]
        if network["architecture"] == "keras_application" and (origin := pretrained_on(network)):
            tuned = "fine-tuned" if network["options"]["fine_tune"] else "kept as it is, with a new last layer"
            yield (
                f"Model {model}: {network['options']['application']}, pretrained on {origin}, is {tuned}. Whether test "
                "images, or others of the same patients, were among what it was pretrained on, nobody has checked "
                "here; if they were, its figures are too good."
            )


def faults(network: Config, used: bool) -> Iterator[str]:
    """Faults of a network's file of weights, as far as they are seen without reading it; it may lack if not used."""
    path = network["options"].get("weights")
    if used and path not in (None, IMAGENET):
        yield from unreadable("options.weights", path, "a file of weights, or imagenet")


def size_faults(network: Config, dataset: str, side: int) -> Iterator[str]:
    """Whether a network of keras.applications takes a data set's images, `side` pixels a side."""
    options = network["options"]
    if (name := options.get("application")) not in APPLICATIONS:  # none, or already named
        return
    size, least = options.get("input_size") or side, smallest(name)
    if size < least:
        yield f"options.input_size: {size} pixels a side; {name} takes {least} or more, for {dataset} too"
    elif size < side:
        yield f"options.input_size: {size}; expected at least the {side} pixels of {dataset}: images are enlarged"
