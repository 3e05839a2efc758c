"""What the page says of single test images: the sections of errors and of saliency maps."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from medfusion.files.example_files import LEAST_FALL, PAIRS, Maps, mapped, read_examples, read_maps
from medfusion.files.tables import csv_text
from medfusion.naming import class_names, percent
from medfusion.report.page_components import CSV, Body, Cell, Picture, Row, Section, Table, text_uri
from medfusion.system_id import SystemId

SURE = 0.9  # a probability that asks for an explanation where the class is wrong
WORDS = {True: "right", False: "wrong"}
CAUTION = (
    "Maps show where evidence for a class lies, not why, and not what a physician would look at; they can look "
    "sensible even for random weights (Adebayo et al. 2018)."
)

NO_GRADIENTS = "There is no Grad-CAM: the backbone is applied as it is and gives no gradients."


class ExamplePages:
    """The words, tables and captions about the single test images of one data set.

    Parameters
    ----------
    examples, maps : paths of what select_examples and map_saliency wrote
    label_names : one per class
    name : of the data set
    confidence : of intervals, 0 … 1
    weights : of the fusions whose weights were chosen: what fusion.json holds
    systems : names of systems, by address
    """

    def __init__(
        self,
        examples: str,
        maps: str,
        label_names: Sequence[str],
        name: str,
        confidence: float,
        weights: Mapping[SystemId, Mapping[str, Any]],
        systems: Mapping[str, str],
    ):
        self._examples = read_examples(examples)
        self._maps = read_maps(maps, [index for index, _ in mapped(self._examples)])
        self._names = class_names(label_names, 10**6)
        self._name = name
        self._confidence = confidence
        self._systems = systems
        studied = self._examples["studied"]
        self._alone = _only_member(weights.get(SystemId(studied["model"], studied["seed"], studied["fusion"])))

    def fill(self, errors: Section, saliency: Section) -> None:
        """Add notes and tables to both sections."""
        errors.notes += self._of_best()
        errors.notes += self._of_fusion()
        if self._examples["disagreements"]:
            errors.tables.append(self._agreement())
        if self._examples["confused"]:
            errors.tables.append(self._confused())
        saliency.notes.append(CAUTION)
        saliency.method.append(self._method())

    def captioned(self, picture: Picture) -> Picture:
        """A gallery with the caption and the alternative text that its images call for; any other as it is."""
        captions: dict[str, Callable[[], tuple[str, str]]] = {
            "errors": self._errors_told,
            "confused": self._confused_told,
            "disagreements": self._disagreements_told,
            "saliency": self._saliency_told,
        }
        kind = picture.name.rpartition("/")[2]
        if kind not in captions:
            return picture
        caption, seen = captions[kind]()
        title = "Occlusion" if kind == "saliency" and not self._maps.with_gradcam else picture.title
        n = f"n = {self._examples['n']:,}"
        caption, alt = f"{caption} Test {n}.", f"{title}. {seen} {self._name}, test {n}."
        rows = self._rows(kind)
        numbers = text_uri(CSV, csv_text(pd.DataFrame(rows))) if rows else ""
        return replace(picture, title=title, caption=caption, alt=alt, numbers=numbers)

    def _rows(self, kind: str) -> list[dict[str, Any]]:
        """The numbers behind a gallery, a row for what is said of an image."""
        if kind == "errors":
            return [self._row(example) for example in self._examples["errors"]]
        if kind == "confused":
            return [self._row(example) for pair in self._examples["confused"][:PAIRS] for example in pair["images"]]
        if kind == "saliency":
            examples = [row[word] for row in self._examples["classes"] for word in ("right", "wrong")]
            return [self._row(example) for example in examples if example]
        found = self._examples["disagreements"] or {"network_right": [], "svm_right": []}
        return [
            {"system": self._examples["studied"].get(part, "cnn"), **self._row(example[part])}
            for key in ("network_right", "svm_right")
            for example in found[key]
            for part in ("network", "svm", "fusion")
            if example[part]
        ]

    def _row(self, example: dict[str, Any]) -> dict[str, Any]:
        names = {key: self._names[example[key]] for key in ("true", "predicted")}
        return {"index": example["index"], **names, "probability": example["probability"]}

    @property
    def most_confident_errors(self) -> tuple[list[dict[str, Any]], int | None]:
        """The selected system's most confident errors, and the seed of its run (None for an ensemble)."""
        return self._examples["errors"], self._examples["best"]["seed"]

    # -- sentences ----------------------------------------------------------------------------------------------------

    @property
    def _best(self) -> str:
        best = self._examples["best"]
        run = "" if best["seed"] is None else f" (seed {best['seed']})"
        return self._systems[f"{best['model']}/{best['system']}"] + run

    @property
    def _studied(self) -> str:
        return f"{self._part('cnn')} (seed {self._examples['studied']['seed']})"

    def _part(self, system: str) -> str:
        """The name of a system of the studied model."""
        return self._systems[f"{self._examples['studied']['model']}/{system}"]

    def _of_best(self) -> list[str]:
        wrong, n, shown = self._examples["wrong"], self._examples["n"], self._examples["errors"]
        text = f"{self._best}, the selected system, is wrong on {wrong:,} of {n:,} test images"
        if not wrong:
            return [f"{text}."]
        sure = sum(example["probability"] >= SURE for example in shown)
        return [
            f"{text} ({percent(wrong / n, 1)}). The surest error has a probability of {shown[0]['probability']:.2f} "
            f"(here: before the temperature); {sure} of the {len(shown)} shown have {SURE:g} or more."
        ]

    def _of_fusion(self) -> list[str]:
        found, studied = self._examples["disagreements"], self._examples["studied"]
        if not found:
            return [f"There is no SVM that {self._part('cnn')} could be compared with."]
        counts = {(row["network"], row["svm"]): row for row in found["table"]}
        one_right = [counts[True, False], counts[False, True]]
        differ = sum(row["n"] for row in one_right)
        text = (
            f"{self._studied} and {self._part(studied['svm'])} are both right on {counts[True, True]['n']:,} "
            f"images, both wrong on {counts[False, False]['n']:,}, and only one is right on {differ:,} "
            f"(the network on {one_right[0]['n']:,}, the SVM on {one_right[1]['n']:,})."
        )
        if not studied["fusion"]:
            return [text]
        if self._alone:
            alone = self._part(self._alone)
            return [
                f"{text} On validation {self._part(studied['fusion'])} gave {alone} all the weight: it is {alone} "
                "under another name, and fuses nothing."
            ]
        settled = sum(row["fusion"] for row in one_right)
        total = sum(row["fusion"] for row in found["table"])
        network, svm = (counts[True, True]["n"] + row["n"] for row in one_right)
        gain = total - max(network, svm)
        verdict = (
            f"gains {_images(gain)} over the better of the two"
            if gain > 0
            else f"loses {_images(-gain)} against the better of the two"
            if gain < 0
            else "is right as often as the better of the two"
        )
        return [
            f"{text} {self._part(studied['fusion'])} settles {settled:,} of these {differ:,} rightly. "
            f"In all the network is right on {network:,} images, "
            f"the SVM on {svm:,}, their fusion on {total:,}: it {verdict}."
        ]

    def _method(self) -> str:
        gradients = self._gradients() if self._maps.with_gradcam else NO_GRADIENTS
        return (
            f"{gradients} Occlusion (Zeiler & Fergus 2014): squares of {self._maps.patch} × {self._maps.patch} "
            f"pixels, {self._maps.stride} apart."
        )

    def _gradients(self) -> str:
        rows, columns = self._maps.gradcam.shape[1:]
        height, width = self._maps.occlusion.shape[1:]
        return (
            f"Grad-CAM (Selvaraju et al. 2017): layer {self._maps.layer}, {rows} × {columns} positions on images of "
            f"{height} × {width} pixels, so about {height / rows:.1f} × {width / columns:.1f} pixels each: nothing "
            "finer can be read from it."
        )

    # -- captions: what stands under a figure, and what is seen in it ------------------------------------------------

    def _errors_told(self) -> tuple[str, str]:
        shown, wrong = len(self._examples["errors"]), self._examples["wrong"]
        if not shown:
            return f"{self._best} makes no error on the test images.", "A sentence: there are no errors."
        extent = f"The {shown} most confident of {wrong:,} errors" if shown < wrong else f"All {_count(shown)}"
        kinds = Counter((example["true"], example["predicted"]) for example in self._examples["errors"]).most_common()
        seen = "; ".join(f"{n} × {self._names[true]} as {self._names[taken]}" for (true, taken), n in kinds)
        return (
            f"{extent} of {self._best}, the surest first; under each its true class, what it was taken for, and the "
            "probability of that.",
            f"{shown} images: {seen}.",
        )

    def _confused_told(self) -> tuple[str, str]:
        pairs = self._examples["confused"][:PAIRS]
        if not pairs:
            return f"{self._best} confuses no classes on the test images.", "A sentence: no classes are confused."
        seen = "; ".join(
            f"{self._names[pair['true']]} taken for {self._names[pair['predicted']]}, {_images(pair['count'])} of "
            f"{pair['of']:,}"
            for pair in pairs
        )
        return (
            f"By {self._best}, up to six images of each pair, the surest errors first; under each the probability of "
            "the wrong class.",
            f"{seen[0].upper()}{seen[1:]}.",
        )

    def _disagreements_told(self) -> tuple[str, str]:
        studied, found = self._examples["studied"], self._examples["disagreements"]
        if not found:
            return "There is no SVM to compare the network with.", "A sentence: there is no SVM to compare with."
        alone = {key: len(found[key]) for key in ("network_right", "svm_right")}
        if not any(alone.values()):
            same = f"{self._studied} and {self._part(studied['svm'])} are right on the same images."
            return same, "A sentence: both are right on the same images."
        fusion = f" Red: their fusion ({self._part(studied['fusion'])}) is wrong." if studied["fusion"] else ""
        shown = f"{_images(alone['network_right'])} that the network alone gets right"
        shown += f", {alone['svm_right']} that the SVM alone gets right"
        return (
            f"Only {self._studied} or only {self._part(studied['svm'])} is right, those first on which both are "
            f"surest; under each its true class and what each says.{fusion}",
            f"{shown[0].upper()}{shown[1:]}.",
        )

    def _saliency_told(self) -> tuple[str, str]:
        rows = self._examples["classes"]
        right, wrong = (sum(row[kind] is not None for row in rows) for kind in ("right", "wrong"))
        grid = "Grad-CAM on its own {} × {} positions, ".format(*self._maps.gradcam.shape[1:])
        grid, coloured = (grid, "two coloured maps") if self._maps.with_gradcam else ("", "a coloured map")
        share = central_share(self._maps)
        middle = ""
        if share is not None:
            middle = f" Of the fall in all maps {percent(share, 0)} lies in the middle quarter of the area."
        return (
            f"The surest right (left) and wrong (right) example of each class by {self._studied}: test image, {grid}"
            "fall of the probability where a part is hidden. Colours: up to each map's largest value (of falls "
            f"{LEAST_FALL:g} at least); below: range of the change.{middle}",
            f"{right} right and {wrong} wrong examples of {len(rows)} classes, with {coloured} each.{middle}",
        )

    # -- tables -------------------------------------------------------------------------------------------------------

    def _agreement(self) -> Table:
        studied, n = self._examples["studied"], self._examples["n"]
        rows = []
        for row in self._examples["disagreements"]["table"]:
            words = f"network {WORDS[row['network']]}, SVM {WORDS[row['svm']]}"
            cells = [Cell(words), self._share(row["n"], n)]
            cells += [self._share(row["fusion"], row["n"])] if studied["fusion"] else []
            rows.append(Row(cells))
        bodies = [Body(rows)]
        if studied["fusion"]:
            right = sum(row["fusion"] for row in self._examples["disagreements"]["table"])
            bodies.append(Body([Row([Cell("all"), Cell(f"{n:,}", sort=n), self._share(right, n)], "baseline")]))
        head = ["Test images on which", "Images"]
        head += [f"{self._part(studied['fusion'])} is right on"] if studied["fusion"] else []
        made = " and their fusion" if studied["fusion"] else ""
        caption = f"{self._studied}, {self._part(studied['svm'])}{made} ({self._name}, test n = {n:,})"
        return Table(caption, head, bodies)

    def _confused(self) -> Table:
        rows = [
            Row(
                [
                    Cell(self._names[pair["true"]]),
                    Cell(self._names[pair["predicted"]]),
                    Cell(f"{pair['count']:,}", sort=pair["count"]),
                    self._share(pair["count"], pair["of"], "{share}", "of {total}, {interval}"),
                ]
            )
            for pair in self._examples["confused"]
        ]
        caption = f"Classes that {self._best} confuses most ({self._name}, test n = {self._examples['n']:,})"
        return Table(caption, ["True class", "Taken for", "Images", "Of the true class"], [Body(rows)], numeric=2)

    def _share(
        self, count: int, total: int, text: str = "{count}", note: str = "{share} of {total}, {interval}"
    ) -> Cell:
        """A count of a total, as text and a note under it, in which the share and its interval may stand."""
        if not total:
            return Cell("–", sort=0)
        low, high = proportion_confint(count, total, alpha=1 - self._confidence, method="wilson")
        words = {
            "count": f"{count:,}",
            "total": f"{total:,}",
            "share": percent(count / total, 1),
            "interval": f"{percent(low, 1)} to {percent(high, 1)}",
        }
        return Cell(text.format(**words), note.format(**words), count / total if "share" in text else count)


def _only_member(fusion: Mapping[str, Any] | None) -> str:
    """The member that has all the weight of a fusion; nothing where several have some."""
    members = zip(fusion["members"], fusion["weights"], strict=True) if fusion else ()
    names = [member for member, weight in members if weight > 0]
    return names[0] if len(names) == 1 else ""


def central_share(maps: Maps) -> float | None:
    """The share of all maps' fall of probability that lies in the middle half of height and width; None without any."""
    fall = np.maximum(maps.occlusion.astype(np.float64), 0)
    height, width = fall.shape[1:]
    rows, columns = (slice(length // 4, length - length // 4) for length in (height, width))
    total = fall.sum()
    return float(fall[:, rows, columns].sum() / total) if total else None


def _images(number: int) -> str:
    return f"{number:,} {'image' if number == 1 else 'images'}"


def _count(number: int) -> str:
    return f"{number:,} {'error' if number == 1 else 'errors'}"
