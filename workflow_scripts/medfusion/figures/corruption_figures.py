"""What corrupted images cost: accuracy and abstention against severity, and what the corruptions look like."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from medfusion.evaluation.corruptions import names
from medfusion.figures.figure_parts import of, source_line
from medfusion.figures.montage import montage_rows
from medfusion.files.corrupted_files import MEAN, UNTOUCHED
from medfusion.naming import Names, span

COLUMNS = 4
STYLES = {"accuracy": "-", "abstention_rate": "--"}


def severities(table: pd.DataFrame, shown: Sequence[str], names_of: Names, source: str) -> Figure:
    """A panel for each corruption: accuracy and abstention rate against severity.

    Parameters
    ----------
    table : as `corrupted_files.read` has it
    shown : addresses of systems, at most as many as there are colours
    names_of : systems, by address
    source : name of the data
    """
    points = severity_numbers(table, shown)
    listed, colours = names(table), sns.color_palette("colorblind", len(shown))
    rows = -(-len(listed) // COLUMNS)
    figure = Figure(figsize=(11, 1.2 + 2.3 * rows), layout="constrained")
    panels = figure.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, name in zip(panels, listed, strict=False):
        for address, colour in zip(shown, colours, strict=True):
            part = points[(points["corruption"] == name) & (points["system"] == address)]
            _lines(axes, part, colour, names_of[address])
        axes.set_title(words(name), fontsize=11)
    for axes in panels[len(listed) :]:
        axes.set_axis_off()
    levels = sorted(points["severity"].unique())
    for axes in panels[max(len(listed) - COLUMNS, 0) : len(listed)]:
        axes.tick_params(labelbottom=True)
    for axes in panels[(rows - 1) * COLUMNS : len(listed)]:
        axes.set_xlabel("severity")
    panels[0].set(xticks=levels, ylim=(-0.03, 1.03))
    panels[0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    handles = [
        Line2D([], [], color=colour, label=names_of[address]) for address, colour in zip(shown, colours, strict=True)
    ]
    handles += [
        Line2D([], [], color="black", linestyle="-", marker="o", markersize=3, label="accuracy"),
        Line2D([], [], color="black", linestyle="--", label="abstention rate"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=2, frameon=False)
    seeds = sorted(table["seed"].unique())
    source_line(
        figure, source, f"test n = {points['n'].max():,}", span(seeds, "seed", "seeds"), "0: images as they are"
    )
    return figure


def _lines(axes: Axes, part: pd.DataFrame, colour: tuple[float, float, float], name: str) -> None:
    for metric, style in STYLES.items():
        own = part[part["metric"] == metric].sort_values("severity")
        marker = "o" if metric == "accuracy" else ""
        look: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 3, "linewidth": 1.4}
        axes.plot(own["severity"], own["value"], style, gid=of(f"{name}: {metric.replace('_', ' ')}"), **look)
        if metric == "accuracy":
            axes.fill_between(own["severity"], own["low"], own["high"], color=colour, alpha=0.12, linewidth=0)


def severity_numbers(table: pd.DataFrame, shown: Sequence[str]) -> pd.DataFrame:
    """The points of `severities`: of each corruption, from untouched images (severity 0) on."""
    table = table.assign(system=table["model"] + "/" + table["system"])
    table = table[table["system"].isin(shown) & table["metric"].isin(list(STYLES)) & (table["severity"] != MEAN)]
    clean = table[table["corruption"] == UNTOUCHED.corruption]
    parts = []
    for name in names(table):
        parts += [clean.assign(corruption=name), table[table["corruption"] == name]]
    points = pd.concat(parts, ignore_index=True).astype({"severity": int})
    return points[["system", "corruption", "severity", "metric", "value", "low", "high", "n"]]


def samples(versions: Mapping[str, np.ndarray], levels: Sequence[int], title: str) -> Figure:
    """One image under every corruption: a row each, untouched and then by severity.

    Parameters
    ----------
    versions : by corruption, uint8 (1 + severities, H, W, C), the untouched image first
    levels : the severities
    title : of the figure
    """
    header = ["as it is", *(f"severity {level}" for level in levels)]
    return montage_rows([(words(name), images) for name, images in versions.items()], title, header)


def words(name: str) -> str:
    """A corruption's name in words.

    >>> words("jpeg_compression"), words("gamma_corr_up")
    ('JPEG compression', 'gamma up')
    """
    return name.replace("jpeg", "JPEG").replace("gamma_corr", "gamma").replace("_", " ")
