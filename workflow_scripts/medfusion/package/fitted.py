"""The classifiers of a model package, in one skops file: a dictionary, empty for a network alone."""

from collections.abc import Mapping
from pathlib import Path

import skops.io
from sklearn.base import BaseEstimator

from medfusion.errors import UserError, first_line
from medfusion.files.archives import make_zip_reproducible
from medfusion.learning.classifiers import TRUSTED
from medfusion.learning.tempered import check_fitted
from medfusion.package import checks


def save(models: Mapping[str, BaseEstimator], path: str | Path) -> None:
    """Write fitted classifiers by name (no pickle); equal classifiers give equal bytes."""
    skops.io.dump(dict(models), path)
    make_zip_reproducible(path)


def load(path: str | Path) -> dict[str, BaseEstimator]:
    """Read fitted classifiers by name, refusing every type that ours do not hold.

    Raises
    ------
    UserError
        If the file is damaged or holds a type that is not trusted.
    """
    try:
        checks.check_archive(path)
        models = skops.io.load(path, trusted=TRUSTED)
        checks.check_classifiers(models)
        for model in models.values():
            check_fitted(model)
    except Exception as error:  # skops passes on whatever zipfile, json and numpy raise
        raise UserError(
            f"{path}: holds no classifiers of a model package ({first_line(error)}); get it again"
        ) from None
    return models
