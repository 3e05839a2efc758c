"""Galleries of single test images: errors, confused classes, disagreements, saliency maps."""

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import matplotlib
import numpy as np
from matplotlib.figure import Figure

from medfusion.figures.montage import CELL, Cell, message, montage_groups, strip
from medfusion.files.example_files import LEAST_FALL, PAIRS, TOP_ERRORS, Maps
from medfusion.naming import DisplayNames, class_names

Examples = Mapping[str, Any]
Images = Mapping[int, np.ndarray]  # uint8 (H, W, C) by index of the test split

COLOURS = "viridis"
OVERLAY = 0.6  # share of the map's colour; the rest is the image in grey
SIDE = 140  # of an image in dots, about
ACROSS = 6  # images
WHITE = 255


def errors(examples: Examples, images: Images, display: DisplayNames) -> Figure:
    """The most confident errors of the selected system."""
    title = f"{display.name}: {system_name(examples['best'], display)}, errors"
    if not examples["errors"]:
        return message(_all_right(examples, display), title)
    name = _names(display)
    cells = [(images[example["index"]], _true_and_taken(example, name), False) for example in examples["errors"]]
    return gallery([("", cells)], f"{title}: {_extent(len(cells), examples['wrong'])}, test n = {examples['n']:,}")


def top_errors(examples: Examples, images: Images) -> np.ndarray:
    """The first of the errors side by side, without words, uint8 (H, W, 3); one white dot where there are none."""
    found = [images[example["index"]] for example in examples["errors"][:TOP_ERRORS]]
    return strip(np.stack(found)) if found else np.full((1, 1, 3), WHITE, np.uint8)


def confused(examples: Examples, images: Images, display: DisplayNames) -> Figure:
    """The classes that the selected system confuses most often, a group each."""
    title = f"{display.name}: {system_name(examples['best'], display)}, most confused classes"
    if not examples["confused"]:
        return message(_all_right(examples, display), title)
    name = _names(display)
    groups = []
    for pair in examples["confused"][:PAIRS]:
        extent = f"{pair['count']:,} of {pair['of']:,} images"
        heading = f"{name(pair['true'])} taken for {name(pair['predicted'])}: {extent}"
        cells = [(images[example["index"]], f"{example['probability']:.2f}", False) for example in pair["images"]]
        groups.append((heading, cells))
    return gallery(groups, f"{title} with their probability, test n = {examples['n']:,}")


def disagreements(examples: Examples, images: Images, display: DisplayNames) -> Figure:
    """Images on which either the network or the SVM is right; red where their fusion is wrong."""
    studied, found = examples["studied"], examples["disagreements"]
    network = _part(studied, "cnn", display)
    title = f"{display.name}: {network} (seed {studied['seed']}), where network and SVM disagree"
    if not found:
        return message("There is no SVM to compare the network with.", title)
    name = _names(display)
    title += f" ({_part(studied, studied['svm'], display)}), test n = {examples['n']:,}"
    if studied["fusion"]:
        title += f"; red: their fusion ({_part(studied, studied['fusion'], display)}) is wrong"
    groups = []
    for key, heading in (("network_right", "network right, SVM wrong"), ("svm_right", "SVM right, network wrong")):
        row = next(row for row in found["table"] if row["network"] != row["svm"] and row["svm"] == (key == "svm_right"))
        count = {0: "no image", 1: "1 image"}.get(row["n"], f"{row['n']:,} images")
        settled = f", fusion right on {row['fusion']:,}" if studied["fusion"] and row["n"] else ""
        cells = [(images[example["index"]], _opinions(example, name), _unsettled(example)) for example in found[key]]
        groups.append((f"{heading}: {count}{settled}", cells))
    if not any(cells for _, cells in groups):
        return message("Network and SVM are right on the same images, and wrong on the same.", title)
    return gallery(groups, title)


def saliency(examples: Examples, images: Images, maps: Maps, display: DisplayNames) -> Figure:
    """For each class a right and a wrong example of the network: the image, Grad-CAM and occlusion over it."""
    studied = examples["studied"]
    name = _names(display)
    panes = 3 if maps.with_gradcam else 2
    empty = np.full((panes, *_enlarged(next(iter(images.values())), CELL).shape[:2], 3), WHITE, np.uint8)
    rows, columns = maps.gradcam.shape[1:]
    gradients = f"Grad-CAM on {rows} × {columns} positions, " if maps.with_gradcam else ""
    order = f"From the left: test image, {gradients}fall of probability where hidden"
    groups: list[tuple[str, list[Cell]]] = [(order, [])]
    for row in examples["classes"]:
        cells = []
        for kind in ("right", "wrong"):
            example = row[kind]
            if example is None:
                cells.append((empty, f"no {kind} example", False))
                continue
            gradcam, occlusion = maps.of(example["index"])
            scales = [(None, 0), *([(gradcam, 0)] if maps.with_gradcam else []), (occlusion, LEAST_FALL)]
            panels = [overlay(images[example["index"]], values, least) for values, least in scales]
            taken = "right" if kind == "right" else f"taken for {name(example['predicted'])}"
            lines = f"{taken}, {example['probability']:.2f}\nhiding a part: {_fall(occlusion)}"
            cells.append((np.stack(panels), lines, kind == "wrong"))
        groups.append((name(row["true"]), cells))
    ramp = np.repeat(_coloured(np.linspace(0, 1, 240))[None], 16, axis=0)
    title = f"{display.name}: saliency maps of {_part(studied, 'cnn', display)} (seed {studied['seed']})"
    most = f"most of the map (fall: {LEAST_FALL:g} at least)"
    return montage_groups(groups, 2, title, empty.shape[2], (ramp, "nothing", most))


def overlay(image: np.ndarray, values: np.ndarray | None, least: float = 0) -> np.ndarray:
    """An enlarged image, RGB uint8 (h, w, 3), with a map over it unless None; the map's own positions stay visible.

    Colours go from 0, for negative values too, to the map's largest value, or to `least` if that is larger.
    """
    picture = np.broadcast_to(image, (*image.shape[:2], 3))
    if values is None:
        return _enlarged(picture, CELL)
    grey = picture.astype(float) @ (0.299, 0.587, 0.114)  # luma of ITU-R BT.601
    grey = _enlarged(np.rint(grey).astype(np.uint8)[..., None], CELL)
    share = np.maximum(values, 0) / max(values.max(), least, np.finfo(np.float32).tiny)
    share = cv2.resize(share.astype(np.float32), grey.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    return np.rint(OVERLAY * _coloured(share) + (1 - OVERLAY) * grey).astype(np.uint8)


def system_name(system: Mapping[str, Any], display: DisplayNames) -> str:
    """A run of a system in words."""
    seed = "" if system["seed"] is None else f" (seed {system['seed']})"
    return f"{_part(system, system['system'], display)}{seed}"


def _part(of: Mapping[str, Any], system: str, display: DisplayNames) -> str:
    """The name of a system of the model that a record speaks of."""
    return display.systems[f"{of['model']}/{system}"]


def _coloured(share: np.ndarray) -> np.ndarray:
    """RGB uint8 (…, 3) of shares 0 … 1."""
    return matplotlib.colormaps[COLOURS](share, bytes=True)[..., :3]


def _enlarged(image: np.ndarray, side: int) -> np.ndarray:
    """An image (H, W, C) brought near a side in dots: enlarged by a whole number, or reduced."""
    height, width, channels = image.shape
    factor = round(side / max(height, width))
    if factor:
        return image.repeat(factor, axis=0).repeat(factor, axis=1)
    size = (round(width * side / max(height, width)), round(height * side / max(height, width)))
    return cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_AREA).reshape(*size[::-1], channels)


def gallery(groups: list[tuple[str, list[Cell]]], title: str) -> Figure:
    """Groups of cells with a single image (H, W, C) each, sharp at its size."""
    framed = [
        (heading, [(_enlarged(image, SIDE)[None], caption, warning) for image, caption, warning in cells])
        for heading, cells in groups
    ]
    side = next(cells[0][0].shape[2] for _, cells in framed if cells)
    return montage_groups(framed, ACROSS, title, side)


def _names(display: DisplayNames) -> Callable[[int], str]:
    """The short name of a label, on one line."""
    names = class_names(display.label_names, 10**6)
    return lambda label: names[label]


def _true_and_taken(example: Mapping[str, Any], name: Callable[[int], str]) -> str:
    return f"{name(example['true'])}\nas {name(example['predicted'])} {example['probability']:.2f}"


def _opinions(example: Mapping[str, Any], name: Callable[[int], str]) -> str:
    lines = [f"true: {name(example['true'])}"]
    for key, title in (("network", "network"), ("svm", "SVM"), ("fusion", "fusion")):
        if example[key]:
            lines.append(f"{title} {example[key]['probability']:.2f}: {name(example[key]['predicted'])}")
    return "\n".join(lines)


def _unsettled(example: Mapping[str, Any]) -> bool:
    return bool(example["fusion"]) and example["fusion"]["predicted"] != example["true"]


def _fall(occlusion: np.ndarray) -> str:
    """How far hiding a part changes the probability, as a range over the image."""
    low, high = -float(occlusion.max()), -float(occlusion.min())
    return f"{low:+.2f} to {high:+.2f}".replace("-", "\N{MINUS SIGN}")


def _extent(some: int, all_of_them: int) -> str:
    return f"all {some}" if some == all_of_them else f"the {some} most confident of {all_of_them:,}"


def _all_right(examples: Examples, display: DisplayNames) -> str:
    return f"No errors: {system_name(examples['best'], display)} is right on all {examples['n']:,} test images."
