"""What the corruptions look like: one test image under each, by severity."""

from typing import Any

from medfusion.figures.drawn import Drawn


def draw(settings: dict[str, Any], images: str) -> Drawn:
    """The figure `corrupted`, of the first of the prepared test images."""
    import numpy as np

    from medfusion.data import corruptions, medmnist_c
    from medfusion.figures import corruption_figures
    from medfusion.files.hdf5 import rows
    from medfusion.files.images import describe
    from medfusion.naming import data_name

    first = rows(images, "images", np.array([0]))
    large, levels = corruptions.enlarged(first), settings["severities"]
    versions = {}
    for name, parameters in medmnist_c.corruptions(settings["flag"]).items():
        worse = [
            corruptions.corrupted(large, first.shape[1:], name, level, parameters[level - 1], [0]) for level in levels
        ]
        versions[name] = np.concatenate([first, *worse])
    source = data_name(settings["name"], describe(images).generated)
    return {"corrupted": (corruption_figures.samples(versions, levels, f"{source}: a test image, corrupted"), None)}
