"""Images whose labels may be wrong, a few of each split."""

from typing import Any

import numpy as np

from medfusion.figures.drawn import Drawn
from medfusion.files.images import describe


def draw(settings: dict[str, Any], labels: str, images: list[str]) -> Drawn:
    """The figure `mislabelled`.

    Parameters
    ----------
    labels : table of the label audit (CSV)
    images : prepared images of train, val and test (HDF5)
    """
    from medfusion.figures import label_figures
    from medfusion.files import label_audits
    from medfusion.files.hdf5 import rows
    from medfusion.naming import display_names

    table = label_audits.read(labels)
    chosen = label_figures.chosen(table)
    pictures: dict[tuple[str, int], np.ndarray] = {}
    for split, path in zip(label_audits.SPLITS, images, strict=True):
        numbers = chosen[chosen["split"] == split]["index"].sort_values().to_numpy()
        pictures |= {(split, number): one for number, one in zip(numbers, rows(path, "images", numbers), strict=True)}
    return {
        "mislabelled": (
            label_figures.mislabelled(table, chosen, pictures, display_names(describe(images[0]), settings)),
            None,
        )
    }
