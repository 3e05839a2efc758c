"""ROC and precision-recall curves with pointwise bands and operating points, and the net benefit of decisions."""

import math
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from medfusion.figures.figure_parts import GREY, class_colours, of, source_line
from medfusion.files.discriminations import RULES, Curve, Discrimination, operating_point
from medfusion.files.rankings import BASELINES
from medfusion.naming import class_names, percent, span
from medfusion.tasks import is_multi_label

MARKERS = dict(zip(RULES, "oD", strict=True))
AREAS = {"roc": ("auroc", "AUROC"), "precision_recall": ("average_precision", "average precision")}
AXES = {
    "roc": ("1 − specificity (false-positive rate)", "sensitivity (true-positive rate)"),
    "precision_recall": ("recall (sensitivity)", "precision"),
}
# Where a curve is steep, the corner of low false-positive rates is drawn larger.
CORNER, STEEP = 0.1, 0.9
WIDEST = 44  # letters of a line of the legend
LEAST_BENEFIT = -0.1  # of the axis, as a share of the highest: what harms more is not told apart


def curves(found: Discrimination) -> Figure:
    """The curves of the selected system, of its network alone and of the baseline.

    Of two classes they are those of the positive one, with the net benefit beside them; of more the means over all
    classes, and thin those of each class of the selected system.
    """
    beneficial, several = "net_benefit" in found.curves[0].bands, len(found.content["classes"]) > 1
    figure = Figure(figsize=(11 if beneficial else 9.5, 6 if several else 5), layout="constrained")
    panels = figure.subplots(1, 3 if beneficial else 2)
    for axes, name in zip(panels, AREAS, strict=False):
        x, y = AXES[name]
        _lines(axes, found, name)
        axes.set(xlabel=x, ylabel=y, xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    panels[0].set_title("ROC")
    panels[1].set_title("Precision and recall")
    at_corner = np.interp(CORNER, found.places["roc"], found.curves[0].bands["roc"][0])
    if at_corner >= STEEP:
        corner = panels[0].inset_axes((0.44, 0.1, 0.53, 0.5))
        _lines(corner, found, "roc")
        corner.set(xlim=(0, CORNER), ylim=(1 - 2 * CORNER, 1.002))
        corner.tick_params(labelsize=8)
    if not several:
        panels[1].axhline(found.prevalence, color=GREY, linestyle=":", linewidth=1)
    if beneficial:
        _net_benefit(panels[2], found)
    _legend(figure, list(_systems_said(found)), [*_classes_said(found), *_rules_said(found)], 2 if several else 1)
    source_line(figure, _source(found), "each class against the rest" if several else str(found.positive))
    return figure


def curve_numbers(found: Discrimination) -> pd.DataFrame:
    """The points of every curve that is drawn, with the limits of its band."""
    parts = []
    for curve in found.curves:
        for name, (value, low, high) in curve.bands.items():
            parts.append(_points(curve, name, "", found.places[name], value, low, high))
        for name, rows in curve.classes.items():
            if curve is found.curves[0]:
                for label, row in zip(found.content["classes"], rows, strict=True):
                    nothing = np.full(len(row), np.nan)
                    of = found.label_names[label]
                    parts.append(_points(curve, name, of, found.places[name], row, nothing, nothing))
    return pd.concat(parts, ignore_index=True)


def _points(
    curve: Curve, name: str, of: str, places: np.ndarray, value: np.ndarray, low: np.ndarray, high: np.ndarray
) -> pd.DataFrame:
    table = {"curve": name, "system": curve.address, "class": of, "x": places, "y": value, "low": low, "high": high}
    return pd.DataFrame(table)


def _looks(found: Discrimination) -> dict[str, dict[str, Any]]:
    """Colour and dashes of each system's line."""
    colours = sns.color_palette("colorblind")
    return {
        found.content["baseline"]: {"color": GREY, "linestyle": "-.", "linewidth": 1.2},
        found.content["network"]: {"color": colours[1], "linestyle": "--", "linewidth": 1.6},
        found.content["selected"]: {"color": colours[0], "linestyle": "-", "linewidth": 2.2},
    }


def _lines(axes: Axes, found: Discrimination, name: str) -> None:
    """The curves of all systems, thin those of each class of the selected one, and what decides where."""
    selected = found.curves[0]
    labels = found.content["classes"]
    for label, colour, row in zip(labels, _class_colours(found), selected.classes.get(name, ()), strict=False):
        look = {"color": colour, "linewidth": 0.8, "zorder": 2, "gid": of(found.label_names[label]), **_steps(name)}
        axes.plot(found.places[name], row, **look)
    for order, curve in reversed(list(enumerate(found.curves))):
        _band(axes, found, curve, name, order)
    if name == "roc":
        axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1)
    if len(found.content["classes"]) == 1:
        for curve in found.curves:
            _operating_points(axes, found, curve, name, _looks(found)[curve.address]["color"], 7)
        return
    _operating_points(axes, found, selected, name, None, 3)


def _band(axes: Axes, found: Discrimination, curve: Curve, name: str, order: int) -> None:
    value, low, high = curve.bands[name]
    look, places = _looks(found)[curve.address], found.places[name]
    axes.plot(places, value, zorder=4 - order, gid=of(found.names[curve.address]), **look, **_steps(name))
    step: Literal["pre"] | None = "pre" if _steps(name) else None
    axes.fill_between(places, low, high, color=look["color"], alpha=0.15, linewidth=0, step=step, zorder=1)


def _steps(name: str) -> dict[str, Any]:
    """Precision is that of the threshold that reaches a recall, up to there."""
    return {"drawstyle": "steps-pre"} if name == "precision_recall" else {}


def _operating_points(axes: Axes, found: Discrimination, curve: Curve, name: str, colour: Any, size: float) -> None:
    """Where the thresholds lie that decide; in the colours of the classes if no other is given."""
    for shade, label in zip(_class_colours(found), found.content["classes"], strict=True):
        for rule, marker in MARKERS.items():
            if point := operating_point(found, curve.address, rule, label):
                found_of_all = point.sensitivity
                x, y = (1 - point.specificity, found_of_all) if name == "roc" else (found_of_all, point.precision)
                edge: dict[str, Any] = {"mec": "black", "mew": size / 7, "markersize": size, "zorder": 6}
                axes.plot([x], [y], marker, color=colour or shade, **edge)


def _net_benefit(axes: Axes, found: Discrimination) -> None:
    """Decision curves, beside calling every image positive, and none."""
    places, prevalence = found.places["net_benefit"], found.prevalence
    for order, curve in reversed(list(enumerate(found.curves))):
        _band(axes, found, curve, "net_benefit", order)
    everyone = prevalence - (1 - prevalence) * places / (1 - places)
    axes.plot(places, everyone, color="black", linewidth=0.9, label=f"call every image {found.positive}")
    axes.axhline(0, color="black", linewidth=0.9, linestyle=":", label="call none")
    axes.set_title("Net benefit")
    axes.set(xlabel="threshold on the probability", ylabel="net benefit", xlim=(0, 1))
    axes.set_ylim(LEAST_BENEFIT * prevalence, 1.1 * prevalence)
    axes.legend(loc="upper right", fontsize=9)


# -- the legend -------------------------------------------------------------------------------------------------------


def _legend(figure: Figure, systems: Sequence[Line2D], others: Sequence[Line2D], columns: int) -> None:
    """The systems in a column above the figure, and beside it the others in some; short ones are filled up."""
    size = math.ceil(len(others) / columns)
    parts = [systems, *(others[start : start + size] for start in range(0, len(others), size))]
    rows, nothing = max(map(len, parts)), Line2D([], [], linestyle="none", label=" ")
    handles = [handle for part in parts for handle in (*part, *[nothing] * (rows - len(part)))]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(parts), frameon=False, fontsize=9)


def _systems_said(found: Discrimination) -> Iterator[Line2D]:
    for curve in found.curves:
        name = "\n".join(textwrap.wrap(f"{found.names[curve.address]} ({_seeds(curve)})", WIDEST))
        yield Line2D([], [], **_looks(found)[curve.address], label=f"{name}\n{_areas(found, curve)}")


def _areas(found: Discrimination, curve: Curve) -> str:
    """The areas under the curves of a system, with their intervals."""
    parts = []
    for metric, title in AREAS.values():
        if area := found.score(curve.address, metric):
            parts.append(f"{title} {area.mean:.3f} ({area.low:.3f} to {area.high:.3f})")
    return ",\n".join(parts)


def _classes_said(found: Discrimination) -> Iterator[Line2D]:
    """The classes of the selected system, with AUROC and average precision."""
    if len(found.content["classes"]) == 1:
        return
    names = class_names(found.label_names, 28, 1)
    for colour, label in zip(_class_colours(found), found.content["classes"], strict=True):
        scores = [found.score(found.content["selected"], f"{metric}[{label}]") for metric, _ in AREAS.values()]
        said = ", ".join(f"{score.mean:.3f}" for score in scores if score is not None)
        yield Line2D([], [], color=colour, linewidth=0.8, label=f"{names[label]}: {said}")


def _rules_said(found: Discrimination) -> Iterator[Line2D]:
    one = len(found.content["classes"]) == 1 or is_multi_label(found.content["task"])
    look: dict[str, Any] = {"color": "white", "mec": "black", "mfc": "0.6", "markersize": 7}
    yield Line2D([], [], marker="o", label="at a probability of 0.5" if one else "the most probable class", **look)
    if any(operating_point(found, found.content["selected"], "chosen", label) for label in found.content["classes"]):
        yield Line2D([], [], marker="D", label="at the threshold chosen on validation", **look)
    yield Line2D([], [], color=GREY, linestyle=":", label="chance")


def _class_colours(found: Discrimination) -> list[Any]:
    return list(class_colours(len(found.content["classes"])))


def _seeds(curve: Curve) -> str:
    if curve.seeds == [None]:
        return "no seed" if curve.address.startswith(f"{BASELINES}/") else "ensemble over seeds"
    return span(curve.seeds, "seed", "seeds")


def _source(found: Discrimination) -> str:
    bands = f"{percent(found.content['confidence'])} bands, pointwise"
    return f"{found.name} · test n = {found.content['images']:,} · {bands}"
