"""Training images beside some of their augmented copies."""

from typing import Any

import numpy as np

from medfusion.figures.drawn import Drawn
from medfusion.files import images
from medfusion.files.hdf5 import open_hdf5
from medfusion.naming import data_name

SHOWN = 8  # images, a row each
COPIES = 9  # at most, a column each


def draw(settings: dict[str, Any], train: str, augmented: str) -> Drawn:
    """The figure `augmentation`, from prepared training images and the augmented set (HDF5)."""
    from medfusion.figures.montage import montage_rows

    name = data_name(settings["name"], images.describe(train).generated)
    with open_hdf5(train) as originals, open_hdf5(augmented) as copies:
        rows = [
            (f"image {i}", np.concatenate([originals["images"][i : i + 1], copies["images"][i, :COPIES]]))
            for i in range(min(SHOWN, len(originals["images"])))
        ]
    title = f"{name}: training images (first column) and their augmented copies"
    return {"augmentation": (montage_rows(rows, title), None)}
