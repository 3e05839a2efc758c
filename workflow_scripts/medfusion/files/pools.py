"""The images of a data set that are divided anew: what is known of them before they are."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from medfusion.files import image_groups, images
from medfusion.files.images import Description


@dataclass(frozen=True)
class Pool:
    """The images of some splits, numbered in a row.

    description : of the data set
    labels, groups : integers (n,); images of one group stay together
    sizes : numbers of images of train, val and test as given
    """

    description: Description
    labels: np.ndarray
    groups: np.ndarray
    sizes: list[int]

    def divided(self, settings: Mapping[str, Any]) -> Description:
        """The description of the images as `partition_images` divides them by its settings."""
        known = f"{self.description.sha256} {json.dumps(settings, sort_keys=True)}"
        return replace(self.description, sha256=hashlib.sha256(known.encode()).hexdigest())


def read(
    whole: Sequence[str | Path], test_labels: str | Path | None, groups: str | Path, splits: Sequence[str]
) -> Pool:
    """Read what is known of the images of some splits.

    Parameters
    ----------
    whole : prepared images of train, val and test
    test_labels : file of the labels of test, if that is one of the splits
    groups : which images stay together (.csv)
    splits : of which the pool consists, in order
    """
    labelled = dict(zip(image_groups.SPLITS, whole, strict=True))
    if test_labels:
        labelled["test"] = test_labels
    sizes = image_groups.sizes(whole)
    known = image_groups.read(groups, sizes)
    labels = np.concatenate([images.read_labels(labelled[split]) for split in splits])
    of_pool = np.concatenate([known[split] for split in splits])
    return Pool(images.describe(whole[0]), labels, of_pool, list(sizes.values()))
