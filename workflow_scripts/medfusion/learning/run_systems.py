"""All systems of one trained network at once: itself, classifiers on its features, fusions of these."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from medfusion.files.artifacts import read_record
from medfusion.learning.calibration import scale
from medfusion.learning.classifiers import Fitted, load, probabilities
from medfusion.learning.fusion import fuse
from medfusion.tasks import as_stored

Network = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def read(
    settings: Mapping[str, Sequence[str]], classifiers: Sequence[str], fusions: Sequence[str]
) -> tuple[dict[str, Fitted], dict[str, dict[str, Any]]]:
    """The classifiers and fusions that `of_images` takes, by name.

    Parameters
    ----------
    settings : their names, "classifiers" and "fusions"
    classifiers, fusions : their files in that order
    """
    fitted = {name: load(path) for name, path in zip(settings["classifiers"], classifiers, strict=True)}
    keys = ("members", "temperatures", "weights")
    return fitted, {name: read_record(path, keys) for name, path in zip(settings["fusions"], fusions, strict=True)}


def of_images(
    images: np.ndarray, network: Network, classifiers: Mapping[str, Fitted], fusions: Mapping[str, Mapping[str, Any]]
) -> dict[str, np.ndarray]:
    """What each system says of images, as the stages do one after another: extract_features, fit_grid, fuse.

    Parameters
    ----------
    images : uint8 (n, H, W, C)
    network : from images to features and probabilities
    classifiers : by name, fitted on the network's features
    fusions : by name, what fusion.json says: members, their temperatures and weights

    Returns
    -------
    By system, "cnn" for the network itself: class probabilities, float64 (n, k), as files hold them
    """
    features, own = network(images)
    found = {"cnn": as_stored(own)}
    found |= {name: as_stored(probabilities(model, features)) for name, model in classifiers.items()}
    for name, record in fusions.items():
        members = zip(record["members"], record["temperatures"], strict=True)
        scaled = [scale(found[member], temperature) for member, temperature in members]
        found[name] = fuse(scaled, np.array(record["weights"]))
    return found
