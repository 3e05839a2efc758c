"""The file that keeps the classifier studies: learning curves, the PCA plane and the tree, in HDF5."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from medfusion.files.hdf5 import create_hdf5, open_hdf5
from medfusion.files.images import Description
from medfusion.learning.studies import LearningCurve, Plane, TreeShape

NOTE = (
    "cross-validated accuracies are optimistic: the network that made the features was trained on the labels of the "
    "folds; the validation split was used to stop its training"
)


def write(
    path: str | Path,
    description: Description,
    seed: int,
    curves: Mapping[str, LearningCurve],
    plane: Plane,
    tree: TreeShape,
    left_out: str = "",
) -> None:
    """Write the studies, with what they must be read with in the attributes, and why there are no curves."""
    with create_hdf5(path, seed=seed, note=NOTE, left_out=left_out, **description.attributes()) as file:
        file.create_group("learning_curve")
        for name, curve in curves.items():
            for key, values in asdict(curve).items():
                file[f"learning_curve/{name}/{key}"] = values
        for key, values in vars(plane).items():
            if isinstance(values, dict):
                for name, array in values.items():
                    file.create_dataset(f"plane/{key}/{name}", data=array, compression="gzip")
            else:
                file[f"plane/{key}"] = values
        for key, values in vars(tree).items():
            file[f"tree/{key}"] = values


def read(path: str | Path) -> tuple[Description, int, dict[str, LearningCurve], Plane, TreeShape, str]:
    """The description, the seed, the curves by classifier, the plane, the tree, and why there are no curves."""
    with open_hdf5(path) as file:
        curves = {
            name: LearningCurve(**{key: np.asarray(values) for key, values in group.items()})
            for name, group in file["learning_curve"].items()
        }
        fields: dict[str, Any] = {
            key: {name: array[:] for name, array in item.items()} if hasattr(item, "items") else item[:]
            for key, item in file["plane"].items()
        }
        shape = {key: values[()] for key, values in file["tree"].items()}
        parts = curves, Plane(**fields), TreeShape(**shape), str(file.attrs["left_out"])
        return Description.of(file.attrs), int(file.attrs["seed"]), *parts
