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
from medfusion.report.page_parts import CSV, Body, Cell, Picture, Row, Section, Table, data_uri
from medfusion.system_id import SystemId

SURE = 0.9  # a probability that asks for an explanation where the class is wrong
WORDS = {True: "right", False: "wrong"}
CAUTION = (
    "These maps show where evidence for a class lies, not why it is evidence, and not what a physician would look at. "
    "Maps of this kind can look sensible even for a network whose weights are random (Adebayo et al. 2018, “Sanity "
    "checks for saliency maps”), and a handful of images proves nothing about all others."
)

NO_GRADIENTS = (
    "There is no Grad-CAM: the network is a backbone that is applied as it is and gives no gradients; its "
    "probabilities are those of the linear head on its features."
)


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
        saliency.notes += [self._method(), CAUTION]

    def told(self, picture: Picture) -> Picture:
        """A gallery with the caption and the alternative text that its images call for; any other as it is."""
        told: dict[str, Callable[[], tuple[str, str]]] = {
            "errors": self._errors_told,
            "confused": self._confused_told,
            "disagreements": self._disagreements_told,
            "saliency": self._saliency_told,
        }
        kind = picture.name.rpartition("/")[2]
        if kind not in told:
            return picture
        caption, seen = told[kind]()
        data = f"{self._name}, test n = {self._examples['n']:,}"
        title = "Occlusion" if kind == "saliency" and not self._maps.with_gradcam else picture.title
        caption, alt = f"{caption} Data: {data}.", f"{title}. {seen} {data}."
        rows = self._rows(kind)
        numbers = data_uri(CSV, csv_text(pd.DataFrame(rows)).encode()) if rows else ""
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
            "(here and in the figures below: before the temperature); "
            f"{sure} of the {len(shown)} shown have {SURE:g} or more."
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
            f"{text} A fusion has most to win where only one is right: {self._part(studied['fusion'])} settles "
            f"{settled:,} of these {differ:,} rightly. In all the network is right on {network:,} images, "
            f"the SVM on {svm:,}, their fusion on {total:,}: it {verdict}."
        ]

    def _method(self) -> str:
        gradients = self._gradients() if self._maps.with_gradcam else NO_GRADIENTS
        return (
            f"{gradients} Occlusion (Zeiler & Fergus 2014) hides squares of {self._maps.patch} × {self._maps.patch} "
            f"pixels, {self._maps.stride} pixels apart, with the mean colour of the test images, and records how far "
            "the probability of the predicted class falls; such images are unlike all that the network was trained on."
        )

    def _gradients(self) -> str:
        rows, columns = self._maps.gradcam.shape[1:]
        height, width = self._maps.occlusion.shape[1:]
        return (
            f"Grad-CAM (Selvaraju et al. 2017) weighs the output of the layer {self._maps.layer}, the last before "
            f"pooling, by the gradient of the predicted class's score. That layer has {rows} × {columns} positions on "
            f"images of {height} × {width} pixels: one position stands for about {height / rows:.1f} × "
            f"{width / columns:.1f} pixels and sees more than these, so nothing finer can be read from it."
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
            f"{extent} of {self._best}, the surest first. Under each image stand its true class, the class that it was "
            "taken for, and the probability of that.",
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
            f"The pairs of classes that {self._best} confuses most often, with up to six images of each, the surest "
            "errors first; under each image the probability of the class that it was taken for.",
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
            f"Test images on which either {self._studied} or {self._part(studied['svm'])} "
            "is right, those first on which both are surest. Under each image its true class and what each says of it."
            f"{fusion}",
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
            middle = (
                f" Of the fall in all these maps {percent(share, 0)} lies in the middle quarter of the image's area."
            )
        return (
            f"For each class the surest right example (left) and the surest wrong example (right) of the network of "
            f"{self._studied}: test image, {grid}and the fall of the predicted class's "
            "probability where a part is hidden. Colours go from nothing to the largest value of each map (for the "
            f"fall {LEAST_FALL:g} at least); under the images the range of the change.{middle}",
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
        made = ", and what their fusion makes of it" if studied["fusion"] else ""
        caption = (
            f"{self._studied} and {self._part(studied['svm'])}{made} ({self._name}, test n = {n:,}); shares with "
            f"{percent(self._confidence)} Wilson intervals"
        )
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
        caption = (
            f"The classes that {self._best} confuses most often ({self._name}, test n = {self._examples['n']:,}); "
            "shares "
            f"of the true class with {percent(self._confidence)} Wilson intervals"
        )
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
