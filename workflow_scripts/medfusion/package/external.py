"""An exported system on labelled images from elsewhere: what it is worth there, beside what its test split said."""

import math
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import PermutationMethod, chi2_contingency

from medfusion.data import npz
from medfusion.data.passed_over import PassedOver
from medfusion.data.pictures import Form
from medfusion.errors import UserError
from medfusion.evaluation import calibration_measures
from medfusion.evaluation.metrics import Measure, calibration_gaps, proportion, squared_errors
from medfusion.evaluation.paired_tests import area, area_interval
from medfusion.evaluation.reliability import bootstrapped
from medfusion.files import reliabilities
from medfusion.files.artifacts import read_record
from medfusion.learning.calibration import log_losses
from medfusion.package import contents, inputs
from medfusion.package.contents import ModelPackage
from medfusion.package.inputs import Item
from medfusion.package.predictor import Predictions

REPLICATES = 2000  # of the bootstrap, and of permutations
EXPECTED = 5  # images of a class in a sample, below which the chi-squared distribution is no good approximation
LABELS = {"images": "labels", "test_images": "test_labels"}  # arrays of an .npz file


def labelled(
    path: str, names: Sequence[str], form: Form, note: Callable[[str], None], array: str | None = None
) -> Iterator[tuple[Item, int]]:
    """Every image with its label: of a folder with a subfolder of pictures for each class, or of an .npz file.

    Parameters
    ----------
    path : of the folder or the file; a class may be missing from it
    names : of the classes, in label order
    form : what the networks take
    note : told what is passed over
    array : of the .npz file, "images" with "labels" or "test_images" with "test_labels"; None for the first there is

    Yields
    ------
    Each image, which may be refused (`Item.refusal`), and its label

    Raises
    ------
    UserError
        If a folder is no class of the system, none is, or an .npz file does not hold one label for each image.
    """
    if Path(path).is_dir():
        yield from _folders(path, names, form, note)
    elif path.lower().endswith(".npz") and Path(path).is_file():
        yield from _arrays(path, names, form, note, array)
    else:
        raise UserError(f"{path}: expected a folder with a subfolder for each class, or an .npz file")


def _folders(path: str, names: Sequence[str], form: Form, note: Callable[[str], None]) -> Iterator[tuple[Item, int]]:
    passed, entries = PassedOver(), sorted(Path(path).iterdir())
    labels = {_composed(name): label for label, name in enumerate(names)}
    folders = [entry for entry in entries if entry.is_dir()]
    known = [entry for entry in folders if _composed(entry.name) in labels]
    others = [entry.name for entry in folders if entry not in known and not passed.is_leftover(entry.name)]
    passed.others = sum(entry.is_file() for entry in entries)
    expected = f"expected subfolders named after the system's classes: {_quoted(names)}"
    if others:
        raise UserError(f"{path}: holds {_quoted(others)}, which is no class of the system; {expected}")
    if not known:
        raise UserError(f"{path}: holds no folder; {expected}")
    if str(passed):
        note(f"{path}: {passed}".replace("are no pictures by their names", "lie in no class's folder"))
    for entry in known:
        for item in inputs.items([str(entry)], form, note):
            yield item, labels[_composed(entry.name)]


def _composed(name: str) -> str:
    """A name in one form of Unicode: file systems and configurations may write ü in different ways."""
    return unicodedata.normalize("NFC", name)


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)


def _arrays(
    path: str, names: Sequence[str], form: Form, note: Callable[[str], None], array: str | None
) -> Iterator[tuple[Item, int]]:
    pairs = [pair for pair in LABELS.items() if array in (None, pair[0])] or [(str(array), "labels")]
    images, key, labels = npz.first_labels(path, pairs)
    if labels.ndim not in (1, 2) or not labels.size or labels.size != len(labels):
        raise UserError(f"{path}: {key} has the shape {labels.shape}; expected a label for each image")
    labels = labels.reshape(-1)
    if labels.dtype.kind not in "iu" or not np.isin(labels, np.arange(len(names))).all():
        raise UserError(f"{path}: {key} holds something other than class numbers; expected 0 to {len(names) - 1}")
    number = -1
    for number, item in enumerate(inputs.items([path], form, note, [images])):
        if item.refusal and item.name == path:  # the array, not one of its images
            raise UserError(f"{path}: {item.refusal}")
        if number < len(labels):
            yield item, int(labels[number])
    if number + 1 != len(labels):
        raise UserError(f"{path}: {number + 1:,} {images} and {len(labels):,} {key}; expected a label for each image")


def measures(
    labels: np.ndarray, found: Predictions, package: ModelPackage, confidence: float, ece_bins: int, seed: int = 0
) -> list[Measure]:
    """Measure a system on labelled images, of which some classes may be missing.

    Parameters
    ----------
    labels : int (n,), true classes; some may be missing
    found : what the system says of the images
    package : the system
    confidence : nominal coverage of the intervals
    ece_bins : of the calibration error

    Returns
    -------
    Under the names of `metrics.measure` and `reliability.measure`: shares of images with Wilson's interval, AUROC with
    DeLong's (of all classes; left out where one is missing), calibration slope and intercept with Wald's, the others
    with percentiles of a bootstrap stratified by class. Abstention is that of confidence alone, as on the page;
    "unlike_training" is the share that the input check flags, "referred" the share that it or low confidence refers
    """
    n, values, predicted = len(labels), found.probabilities, found.labels
    right, present = predicted == labels, np.unique(labels)
    counts = np.bincount(labels, minlength=values.shape[1])
    result = [proportion("accuracy", int(right.sum()), n, confidence)]
    if len(present) == values.shape[1]:
        own = area(labels, values, package.task)
        result.append(Measure("auroc_after", own.value, *area_interval(labels, own, confidence), n))
    columns = {
        "balanced_accuracy": right / counts[labels] / len(present),
        "brier_after": squared_errors(labels, values, package.task) / n,
        "log_loss_after": log_losses(values, labels) / n,
        "ece_after": calibration_gaps(labels, predicted, values, ece_bins) / n,
        "marginal_size": found.sets.sum(axis=1) / n,
    }
    summed = bootstrapped(columns, labels, REPLICATES, confidence, seed)
    result += [*summed, calibration_measures.slope(labels, values, confidence)]
    positive = package.positive
    if positive is not None and values.shape[1] == len(present) == 2:
        result.append(calibration_measures.intercept(labels == positive, values[:, positive], confidence))
    error = next(measure.value for measure in summed if measure.metric == "ece_after")
    certainty = values[np.arange(n), predicted]
    result += calibration_measures.of_chance(error, certainty, ece_bins, confidence, REPLICATES, seed)
    every, unsure = np.ones(n, bool), values.max(axis=1) < package.calibration.referral
    shares = {
        "marginal_coverage": (found.sets[np.arange(n), labels], every),
        "abstention_rate": (unsure, every),
        "selective_accuracy": (right, ~unsure),
    }
    if found.unlike is not None:
        shares |= {"unlike_training": (found.unlike, every), "referred": (found.referred, every)}
    if found.at_threshold is not None and positive is not None:
        is_positive, hits = labels == positive, found.at_threshold == (labels == positive)
        parts = {
            "sensitivity": is_positive,
            "specificity": ~is_positive,
            "ppv": found.at_threshold,
            "npv": ~found.at_threshold,
        }
        shares |= {f"{name}_chosen": (hits, part) for name, part in parts.items()}
    shares |= {f"recall[{label}]": (right, labels == label) for label in present}
    shares |= {f"precision[{label}]": (right, predicted == label) for label in np.unique(predicted)}
    return result + [
        proportion(name, int(held[part].sum()), int(part.sum()), confidence) for name, (held, part) in shares.items()
    ]


def class_mix(labels: np.ndarray, tested: Sequence[int]) -> dict[str, Any]:
    """Images by class here and in the system's test split, and how likely such a difference is by chance.

    Parameters
    ----------
    labels : int (n,), of the images here
    tested : images of each class in the test split

    Returns
    -------
    "here" and "test", numbers by label, and "p" of the chi-squared test (by permutations where classes are small)
    """
    here = np.bincount(labels, minlength=len(tested))
    table = np.array([here, tested])
    table = table[:, table.sum(axis=0) > 0]
    found = chi2_contingency(table, correction=False)
    if found.expected_freq.min() < EXPECTED:
        method = PermutationMethod(n_resamples=REPLICATES, rng=np.random.default_rng(0))
        found = chi2_contingency(table, correction=False, method=method)
    return {"here": here.tolist(), "test": list(tested), "p": float(found.pvalue)}


def evaluate(
    labels: np.ndarray, found: Predictions, package: ModelPackage, record: Mapping[str, Any]
) -> dict[str, Any]:
    """What a system is worth on labelled images, as JSON can hold it.

    Parameters
    ----------
    labels : int (n,), true classes
    found : what the system says of the images
    package, record : the system, and its whole record

    Returns
    -------
    "name" and "generated" of the system's data; "n"; "measures", rows with metric, value, low, high and n, and with
    "test" what the model package says of its own test split; "confusion", images by true and predicted class;
    "class_mix"; and "missing", names of classes without an image
    """
    tested = {row["metric"]: row for row in record["metrics"]["test"]}
    rows = reliabilities.rows(measures(labels, found, package, record["confidence"], record["ece_bins"]))
    k = len(package.label_names)
    confusion = np.zeros((k, k), int)
    np.add.at(confusion, (labels, found.labels), 1)
    recalls = [tested.get(f"recall[{label}]", {}).get("n", 0) for label in range(k)]
    return {
        "name": package.name,
        "generated": package.generated,
        "n": len(labels),
        "measures": [{**row, "test": tested.get(row["metric"])} for row in rows],
        "confusion": confusion.tolist(),
        "class_mix": class_mix(labels, recalls),
        "missing": [name for label, name in enumerate(package.label_names) if not (labels == label).any()],
    }


def record(folder: str | Path) -> dict[str, Any]:
    """The whole record of a model package that was read before.

    Raises
    ------
    UserError
        If it does not say what was measured on its test split.
    """
    path = Path(folder, contents.RECORD)
    try:
        found = read_record(path, ("metrics", "confidence", "ece_bins"))
        rows = [(row["metric"], row["value"], row["low"], row["high"]) for row in found["metrics"]["test"]]
        sound = all(isinstance(name, str) and all(_is_number(value) for value in values) for name, *values in rows)
        counts = [row["n"] for row in found["metrics"]["test"]] + [found["ece_bins"]]
        if not sound or not all(type(n) is int and n >= 0 for n in counts) or not 0.5 < found["confidence"] < 1:
            raise ValueError("measures that are none")
    except (UserError, KeyError, TypeError, ValueError):
        raise UserError(f"{path}: holds no measures of a test split; export the system anew") from None
    return found


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and math.isfinite(value))
