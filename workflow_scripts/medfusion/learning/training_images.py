"""The images that a network is trained on: all of them or a stratified subset, as they are or augmented."""

from pathlib import Path

import numpy as np

from medfusion.files import images
from medfusion.files.hdf5 import open_hdf5
from medfusion.learning.subsets import stratified_subset


def read(
    path: str | Path, bank: str | Path | None, drawn: str, number: int | str, seed: int
) -> tuple[list[np.ndarray], np.ndarray]:
    """The versions of the training images that epochs draw from, in turn, and their labels.

    Parameters
    ----------
    path : prepared training images (HDF5)
    bank : augmented copies of them (HDF5); None if none are drawn
    drawn : "augmented", "original" or "both"
    number : of images, a stratified subset; or "all"
    seed : of the subset

    Returns
    -------
    planes : each uint8 (n, H, W, C)
    labels : (n,)
    """
    labels = images.read_labels(path)
    chosen = np.arange(len(labels)) if number == "all" else stratified_subset(labels, number, seed)
    planes = [] if drawn == "augmented" else [images.read_images(path)[chosen]]
    if bank:
        with open_hdf5(bank) as file:
            planes += [file["images"][:, copy][chosen] for copy in range(file["images"].shape[1])]
    return planes, labels[chosen]
