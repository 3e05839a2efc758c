"""What `predict` writes: a row or record an image, as they come, in CSV or JSON."""

import csv
import json
from collections.abc import Mapping, Sequence
from typing import IO, Any

from medfusion.escaping import cells
from medfusion.package import contents
from medfusion.package.contents import ModelPackage
from medfusion.package.inputs import Item
from medfusion.package.predictor import Predictions

UNLIKE = "unlike the training images: referred"


def records(package: ModelPackage, given: Sequence[Item], predictions: Predictions) -> list[dict[str, Any]]:
    """One record for each image.

    Parameters
    ----------
    package : whose class names are used
    given : the images, none of them refused
    predictions : for the same images
    """
    names = package.label_names
    result = []
    for row, item in enumerate(given):
        values = predictions.probabilities[row]
        record = {
            "image": item.name,
            "label": int(predictions.labels[row]),
            "class": names[predictions.labels[row]],
            "probabilities": {name: round(float(value), 6) for name, value in zip(names, values, strict=True)},
            "prediction_set": [name for name, held in zip(names, predictions.sets[row], strict=True) if held],
            "refer": bool(predictions.referred[row]),
            "notes": list(item.notes),
        }
        if predictions.unlike is not None and predictions.unlike_scores is not None:
            record["unlike_training"] = bool(predictions.unlike[row])
            record["unlike_score"] = round(max(0.0, float(predictions.unlike_scores[row])), 4)
            if record["unlike_training"]:
                record["notes"].append(UNLIKE)
        if predictions.at_threshold is not None:
            record["at_threshold"] = bool(predictions.at_threshold[row])
        result.append(record)
    return result


class CsvWriter:
    """Rows with a header; refused files are no rows."""

    def __init__(self, file: IO[str], package: ModelPackage):
        self._names = package.label_names
        self._threshold = package.calibration.decision is not None
        self._writer = csv.writer(file, lineterminator="\n")
        head = ["image", "label", "class", *(f"p({name})" for name in self._names), "prediction_set", "refer"]
        self._checked = package.input_check is not None
        head += ["unlike_training", "unlike_score"] if self._checked else []
        if self._threshold and package.positive is not None:
            head.append(f"{self._names[package.positive]} at threshold")
        self._write([*head, "notes"])

    def _write(self, row: Sequence[Any]) -> None:
        self._writer.writerow(cells(row))

    def add(self, given: Sequence[Mapping[str, Any]]) -> None:
        """Write some records."""
        for record in given:
            row = [record["image"], record["label"], record["class"]]
            row += [f"{record['probabilities'][name]:.6f}" for name in self._names]
            row += ["; ".join(record["prediction_set"]), _yes(record["refer"])]
            row += [_yes(record["unlike_training"]), f"{record['unlike_score']:.4f}"] if self._checked else []
            row += [_yes(record["at_threshold"])] if self._threshold else []
            self._write([*row, "; ".join(record["notes"])])

    def end(self, refused: Sequence[Item]) -> None:
        """Nothing more."""


class JsonWriter:
    """One object: what answers, the images' records, and what was refused."""

    def __init__(self, file: IO[str], package: ModelPackage):
        self._file = file
        self._first = True
        head = {
            "warning": contents.WARNING,
            "data": package.name,
            "generated": package.generated,
            "classes": package.label_names,
        }
        file.write(_text(head).removesuffix("}") + ',\n"images": [')

    def add(self, given: Sequence[Mapping[str, Any]]) -> None:
        """Write some records."""
        for record in given:
            self._file.write(("\n" if self._first else ",\n") + _text(record))
            self._first = False

    def end(self, refused: Sequence[Item]) -> None:
        """Write what was refused, and the end."""
        listed = ",\n".join(_text({"file": item.name, "reason": item.refusal}) for item in refused)
        self._file.write("\n],\n" + f'"refused": [{listed}]}}\n')


WRITERS = {"csv": CsvWriter, "json": JsonWriter}


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _yes(value: bool) -> str:
    return "yes" if value else "no"
