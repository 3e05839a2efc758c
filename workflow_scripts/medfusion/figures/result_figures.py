"""Test results: confusion matrices, each system's seeds beside published figures, and which systems differ."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from medfusion.evaluation.ranking import interval_of_mean
from medfusion.figures.figure_parts import GREY, empty_figure, heat_map_figure, of, source_line
from medfusion.files.comparison_files import Comparisons, is_baseline
from medfusion.naming import class_names, percent

PUBLISHED = "#d55e00"
DIFFERENT = "#d55e00"
MEASURES = {"accuracy": "accuracy", "auroc": "AUROC"}


def confusions(matrices: Mapping[str, np.ndarray], label_names: Sequence[str], source: str) -> Figure:
    """Confusion matrices: the mean count over the seeds of each system, and its share of the true class.

    Parameters
    ----------
    matrices : by the system's title, counts (seeds, k, k); rows true, columns predicted
    label_names : one per class
    source : name of the data and n
    """
    names = class_names(label_names, 12)
    classes = len(names)
    across = min(len(matrices), 3 if classes <= 3 else 2)
    down = -(-len(matrices) // across)
    side = 1.6 + 0.55 * classes if classes > 3 else 2.9
    size = 11 if classes <= 3 else 7.5
    figure = heat_map_figure(max(across * side, 5.2), down * (side + 0.5) + 0.3)
    grid = figure.subplots(down, across, squeeze=False).ravel()
    for axes, (title, counts) in zip(grid, matrices.items(), strict=False):
        mean = np.asarray(counts).mean(axis=0)
        share = mean / np.maximum(mean.sum(axis=1, keepdims=True), 1)
        number = "{:.0f}" if len(counts) == 1 else "{:.1f}"
        pairs = zip(mean.ravel(), share.ravel(), strict=True)
        texts = [f"{number.format(count)}\n{part:.0%}" if count else "·" for count, part in pairs]
        look = {"cmap": "Blues", "vmin": 0, "vmax": 1, "cbar": False, "square": True, "linewidths": 0.5}
        cells = {"annot": np.reshape(texts, share.shape), "fmt": "", "annot_kws": {"fontsize": size}}
        sns.heatmap(share, ax=axes, xticklabels=names, yticklabels=names, **look, **cells)
        axes.set(title=title, xlabel="predicted", ylabel="true")
        axes.tick_params(axis="y", rotation=0)
        axes.tick_params(axis="x", rotation=90 if classes > 3 else 0)
        if classes > 3:
            axes.tick_params(labelsize=8.5)
    for axes in grid[len(matrices) :]:
        axes.remove()
    source_line(figure, source, "count (mean over seeds) and share of the true class")
    return figure


def confusion_numbers(matrices: Mapping[str, np.ndarray], label_names: Sequence[str]) -> pd.DataFrame:
    """The numbers of `confusions`: one row for each system, run, true and predicted class.

    Parameters
    ----------
    matrices : by system, counts (runs, k, k); rows true, columns predicted
    """
    rows = []
    for system, counts in matrices.items():
        for run, matrix in enumerate(np.asarray(counts), start=1):
            for true, predicted in np.ndindex(matrix.shape):
                rows.append((system, run, label_names[true], label_names[predicted], int(matrix[true, predicted])))
    return pd.DataFrame(rows, columns=["system", "run", "true", "predicted", "images"])


def seeds(
    runs: pd.DataFrame,
    baselines: Mapping[str, float],
    published: Sequence[Mapping[str, Any]],
    names: Mapping[str, str],
    images: str,
    source: str,
    measure: str = "accuracy",
) -> Figure:
    """A test measure of each system: every seed, mean and sd, the interval, and figures from elsewhere.

    Parameters
    ----------
    runs : columns system (address), value, low, high, confidence: one row a run, systems in the order to draw
    baselines : the measure of systems that learn nothing, by address
    published : "name", the measure and, where it is that system's figure, "system"; not drawn beside generated images
    names : of systems, by address
    images : where the images are from, as in the configuration: "official", "surrogate", "file", "folder" or
        "generated"
    source : name of the data and n
    measure : "accuracy" or "auroc", of all that is given
    """
    published = [] if images == "generated" else published
    systems = list(dict.fromkeys(runs["system"]))
    elsewhere = [row for row in published if row.get("system") not in systems]
    rows = len(systems) + len(elsewhere)
    figure = Figure(figsize=(9.5, 1.6 + 0.3 * rows), layout="constrained")
    axes = figure.subplots()
    blue = sns.color_palette("colorblind")[0]
    for position, system in enumerate(systems):
        part = runs[runs["system"] == system]
        mean, sd = part["value"].mean(), part["value"].std(ddof=1)
        values, lows, highs = (part[key].to_numpy(float) for key in ("value", "low", "high"))
        low, high = interval_of_mean(values, lows, highs, part["confidence"].iloc[0])
        axes.barh(position, high - low, left=low, height=0.3, color="0.82", gid=of(names[system]))
        if len(part) > 1:
            axes.errorbar(mean, position, xerr=sd, fmt="|", color="black", capsize=4, markersize=12, zorder=3)
        look = {"color": blue, "markersize": 5, "alpha": 0.75, "zorder": 2.5}
        axes.plot(part["value"], [position] * len(part), "o", gid=of(names[system]), **look)
    for row in published:
        if row.get(measure):
            matched = row.get("system") in systems
            position = systems.index(row["system"]) if matched else len(systems) + elsewhere.index(row)
            face = PUBLISHED if matched else "white"
            look = {"color": PUBLISHED, "mfc": face, "markersize": 7, "zorder": 4}
            axes.plot(row[measure], position, "D", gid=of(f"{row['name']}, published"), **look)
    if elsewhere:
        axes.axhline(len(systems) - 0.5, color=GREY, linewidth=0.8)
    axes.set(xlabel=f"test {MEASURES[measure]}", ylim=(rows - 0.4, -0.6))
    axes.set_yticks(
        range(rows), [*map(names.__getitem__, systems), *(f"{row['name']} (published)" for row in elsewhere)]
    )
    _mark_baselines(axes, {names[system]: value for system, value in baselines.items()})
    handles = [
        Line2D([], [], color=blue, marker="o", linestyle="", label="one run"),
        Line2D([], [], color="black", marker="|", markersize=12, linestyle="-", label="mean ± sd over seeds"),
        Line2D([], [], color="0.75", linewidth=6, label="interval (of the mean)"),
    ]
    if published:
        words = "published elsewhere, on another split" if images == "surrogate" else "published elsewhere"
        handles.append(Line2D([], [], color=PUBLISHED, marker="D", linestyle="", label=words))
    figure.legend(handles=handles, loc="outside upper center", ncols=4, frameon=False)
    source_line(figure, source)
    return figure


def label_areas(areas: pd.DataFrame, source: str) -> Figure:
    """The area under the ROC curve of each label, the highest of the first system at the top, with intervals.

    Parameters
    ----------
    areas : as `ranking.label_scores` has them, the most important system first
    source : name of the data and n
    """
    systems = list(dict.fromkeys(areas["system"]))
    first = areas[areas["system"] == systems[0]].sort_values("value", ascending=False, kind="stable")
    places = {label: place for place, label in enumerate(first["label"])}
    figure = Figure(figsize=(9.5, 1.6 + 0.34 * len(places)), layout="constrained")
    axes = figure.subplots()
    axes.axvline(0.5, color=GREY, linestyle="--", linewidth=1)
    colours = sns.color_palette("colorblind")
    for number, (system, colour) in enumerate(zip(systems, colours, strict=False)):
        part = areas[areas["system"] == system]
        heights = np.array([places[label] for label in part["label"]]) + 0.16 * (2 * number - len(systems) + 1)
        axes.hlines(heights, part["low"], part["high"], color=colour, linewidth=1.8)
        axes.plot(part["value"], heights, "o", color=colour, markersize=6, label=system, gid=of(system))
    names = class_names(first["label"], 10**6)
    axes.set_yticks(range(len(names)), [f"{name} ({n:,})" for name, n in zip(names, first["images"], strict=True)])
    axes.set(xlabel="test AUROC of the label (in brackets: test images that have it)", ylim=(len(names) - 0.4, -0.6))
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    source_line(figure, source, "dashed: chance")
    return figure


def differences(comparisons: Comparisons, names: Mapping[str, str], source: str) -> Figure:
    """Test accuracy of each system minus that of the selected system, with intervals; which are significant.

    Parameters
    ----------
    comparisons : what comparisons.json holds; baselines are not drawn
    names : of systems, by address
    source : name of the data and n
    """
    systems = {row["system"]: row["accuracy"] for row in comparisons["systems"] if not is_baseline(row["system"])}
    if not systems:
        return empty_figure(f"{names[comparisons['best']]} is the only system: there is nothing to compare it with.")
    figure = Figure(figsize=(9.5, 1.7 + 0.3 * len(systems)), layout="constrained")
    axes = figure.subplots()
    same = sns.color_palette("colorblind")[0]
    axes.axvline(0, color=GREY, linewidth=1, zorder=1)
    for position, (system, row) in enumerate(systems.items()):
        clear = row["significant"]
        colour = DIFFERENT if clear else same
        axes.plot(
            [row["low"], row["high"]], [position] * 2, color=colour, linewidth=1.8, zorder=2, gid=of(names[system])
        )
        look: dict[str, Any] = {"mfc": colour if clear else "white", "mew": 1.5, "markersize": 7, "zorder": 3}
        axes.plot(row["difference"], position, "D" if clear else "o", color=colour, gid=of(names[system]), **look)
    best = names[comparisons["best"]]
    axes.set(xlabel=f"test accuracy minus that of {best}", ylim=(len(systems) - 0.4, -0.6))
    axes.set_yticks(range(len(systems)), [names[system] for system in systems])
    clear = {"color": DIFFERENT, "marker": "D", "markersize": 7}
    unclear = {"color": same, "marker": "o", "mfc": "white", "mew": 1.5, "markersize": 7}
    handles = [
        Line2D([], [], linewidth=1.8, label="no significant difference after adjustment", **unclear),
        Line2D([], [], linewidth=1.8, label="significant (sign flips, Holm)", **clear),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=2, frameon=False)
    confidence = percent(comparisons["confidence"])
    source_line(figure, source, f"{confidence} intervals by sign flips over images, not adjusted")
    return figure


def difference_numbers(comparisons: Comparisons) -> pd.DataFrame:
    """The numbers of `differences`: one row for each system, its accuracy minus that of the selected one."""
    rows = [
        {"system": row["system"], **row["accuracy"]} for row in comparisons["systems"] if not is_baseline(row["system"])
    ]
    return pd.DataFrame(rows)


def _mark_baselines(axes: Axes, baselines: Mapping[str, float]) -> None:
    """A dashed line for each baseline; one that is far below is named at the edge, so that the systems stay apart."""
    low, high = axes.get_xlim()
    inside = {name: value for name, value in baselines.items() if value > low - 0.5 * (high - low)}
    below = {name: value for name, value in baselines.items() if name not in inside}
    note: dict[str, Any] = {"fontsize": 9, "color": GREY, "textcoords": "offset points"}
    clear = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    for name, value in inside.items():
        axes.axvline(value, color=GREY, linestyle="--", linewidth=1, zorder=0)
        text = f"{name} {value:.3f}"
        place = (value, axes.get_ylim()[0])
        axes.annotate(text, place, xytext=(0, 4), rotation=90, ha="center", va="bottom", bbox=clear, **note)
    if below:
        text = ", ".join(f"{name} {value:.3f}" for name, value in below.items())
        axes.annotate(f"◂ {text}", (0, 0), xycoords="axes fraction", xytext=(4, 4), **note)
