"""input_check.h5, of a model: its input checks, one for each seed, and how well each kind of them did.

seed{seed}/{array}   the arrays of `learning.input_check.InputCheck`; the rest of it are attributes of the group
seed{seed}/val       scores of the validation images, float64 (n,)
seed{seed}           an attribute `areas`, JSON: by kind, and by what was done to validation images, the AUROC
"""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from medfusion.errors import UserError
from medfusion.files.hdf5 import open_hdf5
from medfusion.learning.input_check import ARRAYS, KINDS, InputCheck

NUMBERS = ("kind", "neighbour", "pool")
UNITS = ("feature_units", "pixel_units")


def write(file: h5py.File, seed: int, check: InputCheck, val: np.ndarray, areas: dict[str, dict[str, float]]) -> None:
    """Add the check of one seed to an open file.

    Parameters
    ----------
    val : scores of the validation images, float64 (n,)
    areas : as `input_fitting.fit` returns them
    """
    group = file.create_group(f"seed{seed}")
    for name in ARRAYS:
        group[name] = getattr(check, name)
    group["val"] = val
    group.attrs.update({name: getattr(check, name) for name in (*NUMBERS, *UNITS)})
    group.attrs["auroc"], group.attrs["areas"] = json.dumps(check.auroc), json.dumps(areas)


def read(path: str | Path, seed: int) -> tuple[InputCheck, np.ndarray]:
    """The check of one seed, and the scores of the validation images, float64 (n,).

    Raises
    ------
    UserError
        If the file is missing, is damaged, or holds something else.
    """
    with open_hdf5(path) as file:
        group = file[f"seed{seed}"]
        fields: dict[str, Any] = {name: group[name][:] for name in ARRAYS}
        fields |= {name: group.attrs[name] for name in (*NUMBERS, *UNITS)}
        auroc, val = group.attrs["auroc"], group["val"][:]
    try:
        fields |= {name: int(fields[name]) for name in NUMBERS[1:]}
        fields |= {name: (float(fields[name][0]), float(fields[name][1])) for name in UNITS}
        if fields["kind"] not in KINDS:
            raise ValueError(f"kind {fields['kind']!r}")
        return InputCheck(**fields, auroc={name: float(value) for name, value in json.loads(auroc).items()}), val
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise UserError(f"{path}: not what fit_input_check writes ({error!r}); delete it and run again") from None
