"""All systems of one trained network at once: itself, classifiers on its features, fusions of these."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from medfusion.learning.calibration import scale
from medfusion.learning.classifiers import Fitted, probabilities
from medfusion.learning.fusion import fuse
from medfusion.tasks import as_stored

Network = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


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
