"""The files that keep selected test images (examples.json), and their saliency maps (maps.h5)."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from medfusion.errors import UserError
from medfusion.files.artifacts import read_record
from medfusion.files.hdf5 import create_hdf5, open_hdf5
from medfusion.files.images import Description

KEYS = ("n", "generated", "best", "wrong", "errors", "confused", "studied", "disagreements", "classes")

SAMPLED_CLASSES = 12  # of which training images are shown there, at most
TOP_ERRORS = 3  # the most confident ones, with which the page opens
PAIRS = 3  # of confused classes whose images are shown
LEAST_FALL = 0.05  # of probability that has the brightest colour: smaller falls stay darker


def read_examples(path: str | Path) -> dict[str, Any]:
    """The selection of `select_examples`.

    Raises
    ------
    UserError
        If the file is another record.
    """
    return read_record(path, KEYS)


@dataclass(frozen=True)
class Maps:
    """Saliency maps of a network, image by image.

    indices : int64 (m,), of test images, ascending
    predicted : int64 (m,), the class that the maps are of
    gradcam : float32 (m, h, w), of the layer's own h × w positions; (m, 0, 0) of a backbone, which gives no gradients
    occlusion : float32 (m, H, W), fall of the class's probability where a pixel is hidden
    layer : name of the layer whose output Grad-CAM weighs; empty where there is no Grad-CAM
    patch, stride : pixels
    """

    indices: np.ndarray
    predicted: np.ndarray
    gradcam: np.ndarray
    occlusion: np.ndarray
    layer: str
    patch: int
    stride: int

    @property
    def with_gradcam(self) -> bool:
        """Whether there are Grad-CAM maps."""
        return bool(self.gradcam.size)

    def of(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Grad-CAM and occlusion map of a test image."""
        position = int(np.flatnonzero(self.indices == index)[0])
        return self.gradcam[position], self.occlusion[position]


def write_maps(path: str | Path, description: Description, maps: Maps) -> None:
    """Write maps; the attribute "grid" says how coarse Grad-CAM is."""
    content = {field.name: getattr(maps, field.name) for field in fields(Maps)}
    arrays = {name: values for name, values in content.items() if isinstance(values, np.ndarray)}
    attributes = {name: value for name, value in content.items() if name not in arrays}
    with create_hdf5(path, grid=maps.gradcam.shape[1:], **attributes, **description.attributes()) as file:
        for name, values in arrays.items():
            file[name] = values


def read_maps(path: str | Path, indices: list[int] | None = None) -> Maps:
    """Read maps.

    Parameters
    ----------
    indices : of the test images that there must be maps of

    Raises
    ------
    UserError
        If the file lacks one of these.
    """
    with open_hdf5(path) as file:
        read = {field.name: file[field.name][:] for field in fields(Maps) if field.type is np.ndarray}
        maps = Maps(**read, **{name: file.attrs[name] for name in ("layer", "patch", "stride")})
    if not set(indices or []) <= set(maps.indices.tolist()):
        raise UserError(f"{path}: of other images than the selected ones; delete it and run again")
    return maps


def mapped(examples: dict[str, Any]) -> list[tuple[int, int]]:
    """Index and predicted class of each selected image that gets maps, by index."""
    both = [row[kind] for row in examples["classes"] for kind in ("right", "wrong")]
    return sorted((example["index"], example["predicted"]) for example in both if example)


def selected(examples: dict[str, Any]) -> list[int]:
    """Indices of all selected images, ascending, each once."""
    found = {example["index"] for example in examples["errors"]} | {index for index, _ in mapped(examples)}
    found |= {example["index"] for pair in examples["confused"] for example in pair["images"]}
    for key in ("network_right", "svm_right") if examples["disagreements"] else ():
        found |= {example["index"] for example in examples["disagreements"][key]}
    return sorted(found)
