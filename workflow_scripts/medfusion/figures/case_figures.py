"""Galleries of single test images: mistakes, confused classes, disagreements, where the network looks."""

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import matplotlib
import numpy as np
from matplotlib.figure import Figure

from medfusion.figures.montage import CELL, Cell, message, montage_groups
from medfusion.files.case_files import LEAST_FALL, PAIRS, Maps
from medfusion.naming import Shown, class_names

Cases = Mapping[str, Any]
Images = Mapping[int, np.ndarray]  # uint8 (H, W, C) by index of the test split

COLOURS = "viridis"
OVERLAY = 0.6  # share of the map's colour; the rest is the image in grey
SIDE = 140  # of an image in dots, about
ACROSS = 6  # images
WHITE = 255


def mistakes(cases: Cases, images: Images, shown: Shown) -> Figure:
    """The most confident mistakes of the selected system."""
    title = f"{shown.name}: {system_name(cases['best'])}, mistakes"
    if not cases["mistakes"]:
        return message(_all_right(cases), title)
    name = _names(shown)
    cells = [(images[case["index"]], _true_and_taken(case, name), False) for case in cases["mistakes"]]
    return _gallery([("", cells)], f"{title}: {_extent(len(cells), cases['wrong'])}, test n = {cases['n']:,}")


def confused(cases: Cases, images: Images, shown: Shown) -> Figure:
    """The classes that the selected system confuses most often, a group each."""
    title = f"{shown.name}: {system_name(cases['best'])}, most confused classes"
    if not cases["confused"]:
        return message(_all_right(cases), title)
    name = _names(shown)
    groups = []
    for pair in cases["confused"][:PAIRS]:
        extent = f"{pair['count']:,} of {pair['of']:,} images"
        heading = f"{name(pair['true'])} taken for {name(pair['predicted'])}: {extent}"
        cells = [(images[case["index"]], f"{case['probability']:.2f}", False) for case in pair["images"]]
        groups.append((heading, cells))
    return _gallery(groups, f"{title} with their probability, test n = {cases['n']:,}")


def disagreements(cases: Cases, images: Images, shown: Shown) -> Figure:
    """Images on which either the network or the SVM is right; red where their fusion is wrong."""
    studied, found = cases["studied"], cases["disagreements"]
    title = f"{shown.name}: {studied['model']} (seed {studied['seed']}), where network and SVM disagree"
    if not found:
        return message(f"{studied['model']} has no SVM to compare with its network.", title)
    name = _names(shown)
    title += f" ({studied['svm']}), test n = {cases['n']:,}"
    if studied["fusion"]:
        title += f"; red: their fusion {studied['fusion']} is wrong"
    groups = []
    for key, heading in (("network_right", "network right, SVM wrong"), ("svm_right", "SVM right, network wrong")):
        row = next(row for row in found["table"] if row["network"] != row["svm"] and row["svm"] == (key == "svm_right"))
        count = {0: "no image", 1: "1 image"}.get(row["n"], f"{row['n']:,} images")
        settled = f", fusion right on {row['fusion']:,}" if studied["fusion"] and row["n"] else ""
        cells = [(images[case["index"]], _opinions(case, name), _unsettled(case)) for case in found[key]]
        groups.append((f"{heading}: {count}{settled}", cells))
    if not any(cells for _, cells in groups):
        return message("Network and SVM are right on the same images, and wrong on the same.", title)
    return _gallery(groups, title)


def attention(cases: Cases, images: Images, maps: Maps, shown: Shown) -> Figure:
    """For each class a right and a wrong case of the network: the image, Grad-CAM and occlusion over it."""
    studied = cases["studied"]
    name = _names(shown)
    empty = np.full((3, *_enlarged(next(iter(images.values())), CELL).shape[:2], 3), WHITE, np.uint8)
    rows, columns = maps.gradcam.shape[1:]
    order = f"From the left: test image, Grad-CAM on {rows} × {columns} positions, fall of probability where hidden"
    groups: list[tuple[str, list[Cell]]] = [(order, [])]
    for row in cases["classes"]:
        cells = []
        for kind in ("right", "wrong"):
            case = row[kind]
            if case is None:
                cells.append((empty, f"no {kind} case", False))
                continue
            gradcam, occlusion = maps.of(case["index"])
            scales = ((None, 0), (gradcam, 0), (occlusion, LEAST_FALL))
            panels = [overlay(images[case["index"]], values, least) for values, least in scales]
            taken = "right" if kind == "right" else f"taken for {name(case['predicted'])}"
            lines = f"{taken}, {case['probability']:.2f}\nhiding a part: {_fall(occlusion)}"
            cells.append((np.stack(panels), lines, kind == "wrong"))
        groups.append((name(row["true"]), cells))
    ramp = np.repeat(_coloured(np.linspace(0, 1, 240))[None], 16, axis=0)
    title = f"{shown.name}: where {studied['model']} (seed {studied['seed']}) looks"
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


def system_name(system: Mapping[str, Any]) -> str:
    """A run of a system in words."""
    seed = "" if system["seed"] is None else f" (seed {system['seed']})"
    return f"{system['model']}/{system['system']}{seed}"


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


def _gallery(groups: list[tuple[str, list[Cell]]], title: str) -> Figure:
    """Groups of cells with a single image (H, W, C) each, sharp at its size."""
    framed = [
        (heading, [(_enlarged(image, SIDE)[None], caption, warning) for image, caption, warning in cells])
        for heading, cells in groups
    ]
    side = next(cells[0][0].shape[2] for _, cells in framed if cells)
    return montage_groups(framed, ACROSS, title, side)


def _names(shown: Shown) -> Callable[[int], str]:
    """The short name of a label, on one line."""
    names = class_names(shown.label_names, 10**6)
    return lambda label: names[label]


def _true_and_taken(case: Mapping[str, Any], name: Callable[[int], str]) -> str:
    return f"{name(case['true'])}\nas {name(case['predicted'])} {case['probability']:.2f}"


def _opinions(case: Mapping[str, Any], name: Callable[[int], str]) -> str:
    lines = [f"true: {name(case['true'])}"]
    for key, title in (("network", "CNN"), ("svm", "SVM"), ("fusion", "fusion")):
        if case[key]:
            lines.append(f"{title} {case[key]['probability']:.2f}: {name(case[key]['predicted'])}")
    return "\n".join(lines)


def _unsettled(case: Mapping[str, Any]) -> bool:
    return bool(case["fusion"]) and case["fusion"]["predicted"] != case["true"]


def _fall(occlusion: np.ndarray) -> str:
    """How far hiding a part changes the probability, as a range over the image."""
    low, high = -float(occlusion.max()), -float(occlusion.min())
    return f"{low:+.2f} to {high:+.2f}".replace("-", "\N{MINUS SIGN}")


def _extent(some: int, all_of_them: int) -> str:
    return f"all {some}" if some == all_of_them else f"the {some} most confident of {all_of_them:,}"


def _all_right(cases: Cases) -> str:
    return f"No mistakes: {system_name(cases['best'])} is right on all {cases['n']:,} test images."
