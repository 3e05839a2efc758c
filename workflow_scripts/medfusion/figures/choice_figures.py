"""What was chosen on validation and among what: grids of settings, and the weights of a fusion."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle

from medfusion.figures.figure_parts import GREY, empty_figure, heat_map_figure, of, source_line
from medfusion.naming import setting

SCORES = ("accuracy", "auroc", "log_loss", "seconds")
CHOSEN = "#d62728"
ORIGINAL_WEIGHT = 0.7  # of the SVM in the original study, a constant there
BEST_POINTS = 15  # shown of a fusion of three members or more
SELECTION = {"validation": "validation {}", "folds": "{} over folds"}


@dataclass(frozen=True)
class _HeatMaps:
    """A grid as heat maps: the settings along rows and columns, and (other settings, accuracies) of each map."""

    rows: str
    columns: str
    maps: list[tuple[dict[str, str], pd.DataFrame]]


def grids(tables: Mapping[str, pd.DataFrame], selections: Mapping[str, dict[str, Any]], source: str) -> Figure:
    """What hyperparameter combinations were compared by, of every grid that has more than one; the chosen one marked.

    Parameters
    ----------
    tables : by classifier, one row a combination: its settings, accuracy, auroc, log_loss, seconds
    selections : by classifier, what best.json says ("hyperparameters", "selection", "criterion", "compared_images")
    source : name of the data
    """
    tables = {name: table for name, table in tables.items() if len(table) > 1}
    if not tables:
        return empty_figure("Every grid has a single combination: nothing was compared.")
    layouts = [_heat_maps(table, selections[name]["criterion"]) for name, table in tables.items()]
    heights = [1.7 + 0.45 * len(layout.maps[0][1]) for layout in layouts]
    figure = heat_map_figure(9.5, sum(heights) + 0.3)
    parts = figure.subfigures(len(tables), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, (name, table), layout in zip(parts, tables.items(), layouts, strict=True):
        _draw_grid(part, name, table, layout, selections[name])
    source_line(figure, source, "first seed", "red frame: the chosen combination")
    return figure


def grid_numbers(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The numbers of `grids`: one row for each combination of each grid; a setting that a classifier lacks is empty."""
    wide = pd.concat(tables, names=["classifier"]).reset_index(level="classifier").reset_index(drop=True)
    return wide[[*(column for column in wide if column != "seconds")]]


def _heat_maps(table: pd.DataFrame, criterion: str) -> _HeatMaps:
    """Lay a grid out: the two settings with most values span a heat map, so that there are few of them."""
    texts = table.drop(columns=list(SCORES), errors="ignore").map(setting)
    order = {key: list(dict.fromkeys(texts[key])) for key in texts.columns if texts[key].nunique() > 1}
    longest = sorted(order, key=lambda key: -len(order[key]))[:2]
    columns = longest[-1] if longest else texts.columns[0]
    rows = longest[0] if len(longest) == 2 else ""
    rest = {key: values for key, values in order.items() if key not in longest}
    maps = []
    for values in itertools.product(*rest.values()):
        others = dict(zip(rest, values, strict=True))
        part = texts.assign(score=table[criterion], **{"": ""})
        for key, value in others.items():
            part = part[part[key] == value]
        cells = part.pivot(index=rows, columns=columns, values="score")
        maps.append((others, cells.reindex(index=order.get(rows), columns=order.get(columns))))
    return _HeatMaps(rows, columns, maps)


def _draw_grid(part: SubFigure, name: str, table: pd.DataFrame, layout: _HeatMaps, selection: dict[str, Any]) -> None:
    texts = table.drop(columns=list(SCORES), errors="ignore").map(setting)
    best, criterion = (
        {key: setting(value) for key, value in selection["hyperparameters"].items()},
        selection["criterion"],
    )
    title = [name, SELECTION[selection["selection"]].format(criterion.replace("_", " "))]
    title.append(f"compared on {selection['compared_images']:,} training images")
    title += [f"{key} = {texts[key].iloc[0]}" for key in texts if texts[key].nunique() == 1]
    part.suptitle(" · ".join(title))
    low, high = table[criterion].min(), table[criterion].max()
    colours = "viridis_r" if criterion == "log_loss" else "viridis"  # the better, the brighter
    all_axes = part.subplots(1, len(layout.maps), sharey=True, squeeze=False)[0]
    for axes, (others, cells) in zip(all_axes, layout.maps, strict=True):
        limits = {"vmin": low, "vmax": max(high, low + 0.001)}
        sns.heatmap(cells, ax=axes, annot=True, fmt=".3f", cmap=colours, cbar=False, linewidths=1, **limits)
        axes.set(title=", ".join(f"{key} = {value}" for key, value in others.items()), xlabel=layout.columns)
        axes.set_ylabel(layout.rows if axes is all_axes[0] else "")
        axes.tick_params(rotation=0)
        if all(best[key] == value for key, value in others.items()):
            row = list(cells.index).index(best[layout.rows]) if layout.rows else 0
            column = list(cells.columns).index(best[layout.columns])
            axes.add_patch(Rectangle((column, row), 1, 1, fill=False, edgecolor=CHOSEN, linewidth=3, clip_on=False))


def fusions(contents: Mapping[str, dict[str, Any]], source: str) -> Figure:
    """Validation accuracy and log loss over the weights of each fusion whose weights were chosen.

    Parameters
    ----------
    contents : by fusion, what fusion.json holds ("members", "weights", "criterion", "curve"), and "as_original":
        whether the first member is the network, as in the original study
    source : name of the data
    """
    searched = {name: content for name, content in contents.items() if content.get("curve")}
    if not searched:
        return empty_figure("All weights are fixed in the configuration: nothing was chosen.")
    heights = [3.6 if len(content["members"]) == 2 else 4.6 for content in searched.values()]
    figure = Figure(figsize=(9.5, sum(heights) + 0.4), layout="constrained")
    parts = figure.subfigures(len(searched), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, (name, content) in zip(parts, searched.items(), strict=True):
        weights = ", ".join(f"{w:g} {m}" for w, m in zip(content["weights"], content["members"], strict=True))
        part.suptitle(f"{name}: chosen by {content['criterion'].replace('_', ' ')}: {weights}")
        if len(content["members"]) == 2:
            _weight_curve(part, content)
        else:
            _best_points(part, content)
    source_line(figure, source, "first seed")
    return figure


def fusion_numbers(contents: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """The numbers of `fusions`: one row for each fusion and each choice of weights that was compared.

    Parameters
    ----------
    contents : by fusion, what fusion.json holds
    """
    rows = []
    for name, content in contents.items():
        for point in content["curve"] or []:
            weights = {f"weight_{m}": w for m, w in zip(content["members"], point["weights"], strict=True)}
            rows.append({"fusion": name, **weights, **{key: point[key] for key in point if key != "weights"}})
    return pd.DataFrame(rows)


def _weight_curve(part: SubFigure, content: dict[str, Any]) -> None:
    """Accuracy, log loss and the criterion over the weight of the second of two members."""
    weight = [row["weights"][1] for row in content["curve"]]
    measures = list(dict.fromkeys(["accuracy", "log_loss", content["criterion"]]))
    for axes, criterion in zip(part.subplots(1, len(measures)), measures, strict=True):
        axes.plot(weight, [row[criterion] for row in content["curve"]], "o-", markersize=3.5, gid=of(""))
        axes.axvline(content["weights"][1], color=CHOSEN, label=f"chosen: {content['weights'][1]:g}")
        if content["as_original"]:
            label = f"{ORIGINAL_WEIGHT}: the SVM in the original study"
            axes.axvline(ORIGINAL_WEIGHT, color=GREY, linestyle="--", label=label)
        axes.set(xlabel=f"weight of {content['members'][1]}", ylabel=f"validation {criterion.replace('_', ' ')}")
        axes.legend(fontsize=9)


def _best_points(part: SubFigure, content: dict[str, Any]) -> None:
    """The best points of the lattice, the chosen one among them: their weights as bars, their scores as dots."""
    sign = 1 if content["criterion"] == "log_loss" else -1
    ranked = sorted(content["curve"], key=lambda row: (sign * row[content["criterion"]], row["log_loss"]))
    place = next(i for i, row in enumerate(ranked) if np.allclose(row["weights"], content["weights"]))
    ranks = list(range(min(BEST_POINTS, len(ranked))))
    if place not in ranks:
        ranks[-1] = place
    rows, chosen = [ranked[rank] for rank in ranks], ranks.index(place)
    bars, accuracy, loss = part.subplots(1, 3, sharey=True, width_ratios=[1.6, 1, 1])
    position = np.arange(len(rows))
    left = np.zeros(len(rows))
    for member, name in enumerate(content["members"]):
        width = np.array([row["weights"][member] for row in rows])
        bars.barh(position, width, left=left, label=name, height=0.75)
        left += width
    bars.set(xlabel="weights", ylabel=f"rank by {content['criterion'].replace('_', ' ')}", xlim=(0, 1))
    bars.set_yticks(position, [f"{rank + 1}" for rank in ranks])
    bars.invert_yaxis()
    bars.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=len(content["members"]), frameon=False, fontsize=9)
    for axes, criterion in ((accuracy, "accuracy"), (loss, "log_loss")):
        axes.plot([row[criterion] for row in rows], position, "o", color=GREY, gid=of(""))
        axes.plot(rows[chosen][criterion], chosen, "o", color=CHOSEN, markersize=9)
        axes.set_xlabel(f"validation {criterion.replace('_', ' ')}")
        _few_ticks(axes)


def _few_ticks(axes: Axes) -> None:
    axes.locator_params(axis="x", nbins=3)
    axes.ticklabel_format(axis="x", useOffset=False)
