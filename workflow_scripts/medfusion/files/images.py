"""The prepared images of one data set: HDF5 files that carry their own meaning."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import h5py
import numpy as np

from medfusion.files import hdf5
from medfusion.files.hdf5 import create_hdf5, open_hdf5

CHUNK_ROWS = 256  # images in a chunk of a file, at most …
CHUNK_BYTES = 2**20  # … and at most so many bytes


@dataclass(frozen=True)
class Description:
    """What a data set is, as every file made from it says; not what it is called, which is for pages to say.

    flag : MedMNIST's name of the data set it stands for; empty for a user's own
    task : MedMNIST's kind of task (medfusion/tasks.py)
    label_names : one per class, in label order
    sha256 : of the bytes of all images and labels, as `preparation.load` orders them
    generated : whether the images were drawn by a program
    bits : so many of 16 hold the values of pictures of 16 bits; None where there were none
    remarks : what a reader should know of the images and training labels before any result
    """

    flag: str
    task: str
    label_names: tuple[str, ...]
    sha256: str
    generated: bool
    bits: int | None = None
    remarks: tuple[str, ...] = ()

    def attributes(self) -> dict:
        """The description as HDF5 attributes."""
        texts = {key: json.dumps(getattr(self, key), ensure_ascii=False) for key in ("label_names", "remarks")}
        return {**vars(self), **texts, "bits": self.bits or 0}

    @classmethod
    def of(cls, attributes: h5py.AttributeManager) -> "Description":
        """The description that `attributes` hold."""
        fields = {key: attributes[key] for key in cls.__dataclass_fields__}
        for key in ("label_names", "remarks"):
            fields[key] = tuple(json.loads(fields[key]))
        fields["generated"] = bool(fields["generated"])
        fields["bits"] = int(fields["bits"]) or None
        return cls(**fields)


class Images(Protocol):
    """Images that need not all be in memory: an array, or what reads them from a file.

    shape : (n, H, W, C)
    """

    shape: tuple[int, ...]

    def __getitem__(self, rows: slice) -> np.ndarray:
        """The images of consecutive rows, uint8 (m, H, W, C)."""


class Selected:
    """Some images of several prepared files, read as they are asked for.

    Parameters
    ----------
    paths : files of images of one size
    rows : int64 (m,), numbers of images in ascending order, those of all files counted in a row
    """

    def __init__(self, paths: Sequence[str | Path], rows: np.ndarray):
        self._paths, self._rows, counts = list(paths), rows, []
        for path in paths:
            with open_hdf5(path) as file:
                counts.append(len(file["images"]))
                of_image = file["images"].shape[1:]
        self._starts = np.cumsum([0, *counts])
        self.shape: tuple[int, ...] = (len(rows), *of_image)

    def __getitem__(self, rows: slice) -> np.ndarray:
        """The images of consecutive places among those selected, uint8 (m, H, W, C)."""
        numbers, parts = self._rows[rows], []
        most = hdf5.block_rows(math.prod(self.shape[1:]))
        for path, start, stop in zip(self._paths, self._starts, self._starts[1:], strict=False):
            own = numbers[(numbers >= start) & (numbers < stop)] - start
            if len(own):
                with open_hdf5(path) as file:
                    # All between the first and the last of a block: single rows would each unpack a chunk.
                    for part in np.split(own, np.flatnonzero(np.diff(own // most)) + 1):
                        parts.append(file["images"][part[0] : part[-1] + 1][part - part[0]])
        return np.concatenate(parts) if parts else np.empty((0, *self.shape[1:]), np.uint8)


def chunk_rows(shape: Sequence[int]) -> int:
    """How many images of a shape (H, W, C) stand together in a file, and are read and unpacked as a whole.

    >>> chunk_rows((28, 28, 3)), chunk_rows((224, 224, 3))
    (256, 6)
    """
    return max(1, min(CHUNK_ROWS, CHUNK_BYTES // math.prod(shape)))


def slices(images: Images) -> Iterator[np.ndarray]:
    """Images in blocks of whole chunks, in order."""
    chunk = chunk_rows(images.shape[1:])
    rows = max(1, hdf5.block_rows(math.prod(images.shape[1:])) // chunk) * chunk
    for start in range(0, images.shape[0], rows):
        yield images[start : start + rows]


def write_split(
    path: str | Path, split: str, description: Description, images: Images, labels: np.ndarray | None
) -> None:
    """Write one split, in blocks: uint8 images (n, H, W, C) and, unless None, uint8 labels (n,) or (n, k)."""
    with create_hdf5(path, split=split, **description.attributes()) as file:
        _write_images(file, images)
        if labels is not None:
            file["labels"] = labels


def _write_images(file: h5py.File, images: Images) -> None:
    """In a function of its own: the dataset is closed at its end, before labels get their place in the file."""
    chunks = (min(chunk_rows(images.shape[1:]), images.shape[0]), *images.shape[1:])
    stored = file.create_dataset(
        "images", images.shape, np.uint8, chunks=chunks, compression="gzip", compression_opts=1
    )
    start = 0
    for block in slices(images):
        stored[start : start + len(block)] = block
        start += len(block)


def write_labels(path: str | Path, split: str, description: Description, labels: np.ndarray) -> None:
    """Write the labels of one split, uint8 (n,) or (n, k), in a file of their own."""
    with create_hdf5(path, split=split, **description.attributes()) as file:
        file["labels"] = labels


def describe(path: str | Path) -> Description:
    """The description of the data set that a prepared file belongs to."""
    with open_hdf5(path) as file:
        return Description.of(file.attrs)


def read_images(path: str | Path) -> np.ndarray:
    """All images of a prepared file, uint8 (n, H, W, C)."""
    with open_hdf5(path) as file:
        return file["images"][:]


def read_labels(path: str | Path) -> np.ndarray:
    """The labels of a prepared file, uint8 (n,); (n, k) for several at once."""
    with open_hdf5(path) as file:
        return file["labels"][:]


def image_blocks(path: str | Path, rows: int = hdf5.BLOCK) -> Iterator[np.ndarray]:
    """The images of a prepared file in blocks of at most `rows`, in order."""
    return hdf5.blocks(path, "images", rows)


def mean_colour(path: str | Path) -> np.ndarray:
    """The mean pixel of all images of a prepared file, uint8 (C,): what hides a part of an image."""
    sums, pixels = np.zeros(1, np.int64), 0
    for block in image_blocks(path):
        sums = sums + block.sum(axis=(0, 1, 2), dtype=np.int64)
        pixels += block[..., 0].size
    return np.rint(sums / pixels).astype(np.uint8)
