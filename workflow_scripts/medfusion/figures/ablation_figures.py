"""What each part of a network contributes: differences of accuracy, seed by seed."""

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from medfusion.evaluation.ablations import t_interval
from medfusion.figures.figure_parts import GREY, of, source_line
from medfusion.naming import percent, span

SPLITS = {"val": "validation", "test": "test"}


def contributions(rows: pd.DataFrame, confidence: float, source: str) -> Figure:
    """Differences of validation and test accuracy to the model as configured: every seed, their mean and its interval.

    Parameters
    ----------
    rows : columns base, words, system, split, metric, seed, difference, n, as `ablations.paired` has them; differences
        are new minus configured
    confidence : of the intervals
    source : name of the data
    """
    rows = rows[rows["metric"] == "accuracy"]
    bases = list(dict.fromkeys(rows["base"]))
    names = {base: _names(rows[rows["base"] == base]) for base in bases}
    heights = [len(names[base]) + 1 for base in bases]
    figure = Figure(figsize=(11, 1.5 + 0.27 * sum(heights)), layout="constrained")
    panels = figure.subplots(len(bases), 2, sharex=True, squeeze=False, height_ratios=heights)
    for base, pair in zip(bases, panels, strict=True):
        for axes, (split, title) in zip(pair, SPLITS.items(), strict=True):
            part = rows[(rows["base"] == base) & (rows["split"] == split)]
            _panel(axes, part, names[base], confidence)
            axes.set_title(f"{base}: {title}, n = {part['n'].iloc[0]:,}")
        pair[0].set_yticks(range(len(names[base])), [f"{words} · {system}" for words, system in names[base]])
        pair[1].set_yticks(range(len(names[base])), [])
    largest = 1.1 * rows["difference"].abs().max() or 0.01  # an interval from two seeds can be far wider than the dots
    panels[0, 0].set_xlim(-largest, largest)
    for axes in panels[-1]:
        axes.set_xlabel("difference of accuracy")
        axes.locator_params(axis="x", nbins=5)
    handles = [
        Line2D([], [], color=sns.color_palette("colorblind")[0], marker="o", linestyle="", label="one seed"),
        Line2D([], [], color="black", marker="|", markersize=12, linestyle="", label="mean over seeds"),
        Patch(color="0.82", label=f"its {percent(confidence)} interval (Student's, of pairs)"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False)
    source_line(figure, source, span(sorted(rows["seed"].unique()), "seed", "seeds"))
    return figure


def _names(rows: pd.DataFrame) -> list[tuple[str, str]]:
    return list(dict.fromkeys(zip(rows["words"], rows["system"], strict=True)))


def _panel(axes: Axes, rows: pd.DataFrame, names: list[tuple[str, str]], confidence: float) -> None:
    blue = sns.color_palette("colorblind")[0]
    for position, (words, system) in enumerate(names):
        part = rows[(rows["words"] == words) & (rows["system"] == system)]
        if len(part) > 1:
            low, high = t_interval(part["difference"], confidence)
            axes.barh(position, high - low, left=low, height=0.7, color="0.82", zorder=0)
            axes.plot(part["difference"].mean(), position, "|", color="black", markersize=11, zorder=3)
        look = {"color": blue, "markersize": 4.5, "alpha": 0.75, "zorder": 2.5}
        axes.plot(part["difference"], [position] * len(part), "o", gid=of(words), **look)
    axes.axvline(0, color=GREY, linewidth=1)
    axes.set_ylim(len(names) - 0.4, -0.6)


def contribution_numbers(rows: pd.DataFrame) -> pd.DataFrame:
    """The numbers of `contributions`: one row for each change, system, split and seed."""
    rows = rows[rows["metric"] == "accuracy"].rename(
        columns={"base": "model", "words": "change", "value": "accuracy", "reference": "accuracy_as_configured"}
    )
    columns = ["model", "change", "system", "split", "seed", "accuracy", "accuracy_as_configured", "difference", "n"]
    return rows[columns]
