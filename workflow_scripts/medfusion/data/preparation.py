"""From a MedMNIST .npz file to what the stages read: who it is, that it is sound, and its splits."""

import hashlib
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from medfusion.data import npz, remarks, sources
from medfusion.data.datafiles import COUNTS, NAMES
from medfusion.data.expected import expected
from medfusion.errors import UserError
from medfusion.files import images
from medfusion.files.artifacts import hash_file
from medfusion.files.images import Description

LONGEST_TEXT = 2**16  # bytes of what says where images come from

Split = tuple[images.Images, np.ndarray]


def load(path: str | Path, settings: dict[str, Any]) -> tuple[Description, dict[str, Split]]:
    """Check a data set's file and take it apart.

    Parameters
    ----------
    path : the .npz file
    settings : of a data set in config.yaml: flag, size, source, sha256; without a flag also "own" (`expected`)

    Returns
    -------
    description : what the data are
    splits : for train, val and test: images uint8 (n, H, W, C) which are read in blocks, and
        labels uint8 (n,); (n, k) for several at once

    Raises
    ------
    UserError
        If the file is not what the settings say, or not in MedMNIST format.
    """
    flag, size = settings["flag"], settings["size"]
    if settings["sha256"] and settings["sha256"] != (found := hash_file(path)):
        raise UserError(f"{path}: its SHA-256 is {found}; config.yaml expects {settings['sha256']}. Another file?")
    if settings["source"] == "official" and hash_file(path, "md5") != (md5 := sources.official(flag, size)[1]):
        raise UserError(
            f"{path}: not the official {flag} file, whose MD5 is {md5}; delete it to "
            "download it again, or say in config.yaml what it is (source: file, path and label)"
        )
    arrays = npz.read(path)
    wanted = expected(settings)
    labels = npz.check(path, arrays, wanted, size, official_counts=settings["source"] in ("official", "surrogate"))
    wanted = wanted.settled(f"{path}: train_labels", labels["train"])
    if (positive := settings.get("own", {}).get("positive")) is not None and positive >= len(wanted.label_names):
        raise UserError(
            f"{path}: train_labels are 0 to {len(wanted.label_names) - 1}; config.yaml has positive: {positive} for it"
        )
    splits: dict[str, Split] = {split: (npz.Images(arrays[f"{split}_images"]), labels[split]) for split in npz.SPLITS}
    digest, one_colour = _looked_through(splits)
    counts = {split: len(values) for split, values in labels.items()}
    generated = "generated images" in _text(arrays.get("provenance"))
    said = remarks.of_one_colour(one_colour, counts)
    if flag and not generated:
        said += remarks.of_counts(counts, COUNTS[flag], NAMES[flag])
    elif wanted.multi_label and not flag:
        said += remarks.of_labels(labels["train"])
    description = Description(
        flag=flag or "",
        task=wanted.task,
        label_names=wanted.label_names,
        sha256=digest,
        generated=generated,
        remarks=tuple(said),
    )
    return description, splits


def _text(member: npz.Member | None) -> str:
    """What a member says that holds a text; nothing where it is absent, or more than a text."""
    if member is None or math.prod(member.shape) * member.dtype.itemsize > LONGEST_TEXT:
        return ""
    return str(member.read())


def _looked_through(splits: dict[str, Split]) -> tuple[str, Counter[str]]:
    """SHA-256 of what the file holds, whichever way it is packed, and each split's images of one colour."""
    digest = hashlib.sha256()
    one_colour: Counter[str] = Counter()
    for split, (pixels, labels) in splits.items():
        for block in images.slices(pixels):
            digest.update(np.ascontiguousarray(block).data)
            one_colour[split] += int(remarks.one_colour(block).sum())
        digest.update(labels.data)
    return digest.hexdigest(), one_colour
