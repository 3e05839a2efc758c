"""Reading a MedMNIST .npz file that somebody may have made by hand: every array is checked, nothing is unpickled."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from medfusion.errors import UserError
from medfusion.medmnist_info import INFO

SPLITS = ("train", "val", "test")


def read(path: str | Path) -> dict[str, np.ndarray]:
    """Read the arrays of an .npz file without unpickling.

    Raises
    ------
    UserError
        If it is not an .npz file, lacks a MedMNIST array, or holds objects.
    """
    try:
        loaded = np.load(path, allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            raise UserError(f"{path}: a single .npy array; expected a .npz file in MedMNIST format")
        with loaded as file:
            expected = [f"{split}_{part}" for split in SPLITS for part in ("images", "labels")]
            if missing := [key for key in expected if key not in file.files]:
                raise UserError(f"{path}: lacks {', '.join(missing)}; a MedMNIST file holds {', '.join(expected)}")
            wanted = [*expected, *(key for key in ("provenance",) if key in file.files)]
            return {key: _array(path, file, key) for key in wanted}
    except (OSError, ValueError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: not a readable .npz file ({error}); get it again") from None


def _array(path: str | Path, file: np.lib.npyio.NpzFile, key: str) -> np.ndarray:
    try:
        array = file[key]
    except (ValueError, OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        if "allow_pickle" in str(error):
            raise UserError(f"{path}: {key} holds Python objects, which are never loaded; expected uint8") from None
        raise UserError(f"{path}: {key} cannot be read ({error}); the file is damaged, get it again") from None
    if not isinstance(array, np.ndarray):
        raise UserError(f"{path}: {key} is no array; expected one in .npy format inside the .npz file")
    return array


def check(path: str | Path, arrays: dict[str, np.ndarray], flag: str, size: int, official_counts: bool) -> None:
    """Check the arrays of a file against what MedMNIST says of the data set.

    Parameters
    ----------
    arrays : as `read` returns them: images uint8 (n, size, size[, 3]), labels uint8 (n, 1)
    flag, size : MedMNIST's name of the data set, and the image side in pixels
    official_counts : whether each split must have the official number of images

    Raises
    ------
    UserError
        On the first thing that is wrong, naming the array.
    """
    info = INFO[flag]
    shape = (size, size) if info["n_channels"] == 1 else (size, size, 3)
    classes = len(info["label"])
    for split in SPLITS:
        images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]
        if images.dtype != np.uint8:
            raise UserError(f"{path}: {split}_images has dtype {images.dtype}; expected uint8 (0 to 255)")
        if images.shape[1:] != shape:
            raise UserError(f"{path}: {split}_images has shape {images.shape}; expected (n, {str(shape)[1:-1]})")
        if len(images) == 0:
            raise UserError(f"{path}: {split}_images holds no image; every split needs some of each class")
        if labels.dtype.kind not in "ui" or labels.shape not in [(len(images), 1), (len(images),)]:
            raise UserError(
                f"{path}: {split}_labels is {labels.dtype} {labels.shape}; "
                f"expected uint8 ({len(images)}, 1), one per image"
            )
        present = np.unique(labels)
        if present[0] < 0 or present[-1] >= classes:
            outside = present[(present < 0) | (present >= classes)]
            raise UserError(f"{path}: {split}_labels holds {outside.tolist()}; expected 0 to {classes - 1}")
        if len(present) < classes:
            absent = sorted(set(range(classes)) - set(present.tolist()))
            raise UserError(f"{path}: {split}_labels has no image of class {absent}; every split needs each class")
        expected = info["n_samples"][split]
        if official_counts and len(images) != expected:
            raise UserError(f"{path}: {split} has {len(images)} images; MedMNIST's {flag} has {expected}")
