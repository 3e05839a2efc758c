"""From a MedMNIST .npz file to what the stages read: who it is, that it is sound, and its splits."""

from pathlib import Path
from typing import Any

import numpy as np

from medfusion import npz, sources
from medfusion.errors import UserError
from medfusion.images import Description
from medfusion.medmnist_info import INFO

Split = tuple[np.ndarray, np.ndarray]


def load(path: str | Path, settings: dict[str, Any]) -> tuple[Description, dict[str, Split]]:
    """Check a data set's file and take it apart.

    Parameters
    ----------
    path : the .npz file
    settings : of a data set in config.yaml: flag, size, source, label, sha256

    Returns
    -------
    description : with the name that tables and pages print
    splits : for train, val and test: images uint8 (n, H, W, C) and labels uint8 (n,)

    Raises
    ------
    UserError
        If the file is not what the settings say, or not in MedMNIST format.
    """
    flag, size = settings["flag"], settings["size"]
    sha256 = sources.hash_file(path, "sha256")
    if settings["sha256"] and settings["sha256"] != sha256:
        raise UserError(f"{path}: its SHA-256 is {sha256}; config.yaml expects {settings['sha256']}. Another file?")
    is_official = sources.hash_file(path, "md5") == sources.official(flag, size)[1]
    if settings["source"] == "official" and not is_official:
        raise UserError(
            f"{path}: not the official {flag} file, whose MD5 is {sources.official(flag, size)[1]}; delete it to "
            "download it again, or say in config.yaml what it is (source: file, path and label)"
        )
    arrays = npz.read(path)
    npz.check(path, arrays, flag, size, official_counts=settings["source"] in ("official", "surrogate"))
    generated = "generated images" in str(arrays.get("provenance", ""))
    name = INFO[flag]["python_class"] if is_official else settings["label"] or INFO[flag]["python_class"]
    description = Description(
        name=f"{name} (generated images)" if generated else name,
        flag=flag,
        task=INFO[flag]["task"],
        label_names=tuple(INFO[flag]["label"][str(i)] for i in range(len(INFO[flag]["label"]))),
        sha256=sha256,
        generated=generated,
    )
    splits = {}
    for split in npz.SPLITS:
        images = arrays[f"{split}_images"]
        splits[split] = (
            images[..., None] if images.ndim == 3 else images,
            arrays[f"{split}_labels"].reshape(-1).astype(np.uint8),
        )
    return description, splits
