"""Curves: training epochs, and accuracy against the number of training images."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullFormatter

from medfusion.figures.figure_parts import GREY, of, source_line
from medfusion.learning.studies import LearningCurve
from medfusion.naming import span

LABELS = {"decision_tree": "Decision tree", "random_forest": "Random forest"}


def training_curves(histories: Mapping[str, pd.DataFrame], source: str) -> Figure:
    """Accuracy and loss over the epochs, all seeds in one figure.

    Parameters
    ----------
    histories : columns epoch, loss, accuracy, val_loss, val_accuracy, by seed
    source : name of the data
    """
    train, val = sns.color_palette("colorblind")[:2]
    figure = Figure(figsize=(9.5, 4), layout="constrained")
    for axes, quantity in zip(figure.subplots(1, 2), ("accuracy", "loss"), strict=True):
        for seed, history in histories.items():
            row: Any = history["val_loss"].idxmin()
            lowest = history.loc[row]
            axes.plot(
                history["epoch"],
                history[quantity],
                color=train,
                linewidth=1,
                alpha=0.8,
                gid=of(f"seed {seed}, training"),
            )
            axes.plot(
                history["epoch"],
                history[f"val_{quantity}"],
                color=val,
                linewidth=1.3,
                alpha=0.9,
                gid=of(f"seed {seed}, validation"),
            )
            axes.plot(lowest["epoch"], lowest[f"val_{quantity}"], "o", color=val, markersize=5, mec="black")
        axes.set(xlabel="epoch", ylabel=quantity)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    handles = [
        Line2D([], [], color=train, label="training"),
        Line2D([], [], color=val, label="validation"),
        Line2D([], [], color=val, marker="o", mec="black", linestyle="", label="lowest validation loss"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False)
    source_line(figure, source, span(list(histories), "seed", "seeds"))
    return figure


def training_numbers(histories: Mapping[Any, pd.DataFrame]) -> pd.DataFrame:
    """The numbers of `training_curves`: one row for each seed and epoch."""
    return pd.concat(histories, names=["seed"]).reset_index(level="seed").reset_index(drop=True)


def learning_curves(curves: Mapping[str, LearningCurve], source: str) -> Figure:
    """Training, cross-validated and validation accuracy against the number of training images, with sd bands."""
    colours = sns.color_palette("colorblind")
    figure = Figure(figsize=(9.5, 4.2), layout="constrained")
    for axes, (name, curve) in zip(figure.subplots(1, len(curves), sharey=True), curves.items(), strict=True):
        scores = {"training images": curve.train, "cross-validated": curve.folds, "validation split": curve.val}
        for (label, values), colour in zip(scores.items(), colours, strict=False):
            mean, sd = values.mean(axis=1), values.std(axis=1)
            axes.plot(curve.sizes, mean, "o-", color=colour, label=label, markersize=4, gid=of(label))
            axes.fill_between(curve.sizes, mean - sd, np.minimum(mean + sd, 1), color=colour, alpha=0.18, linewidth=0)
        axes.set(title=LABELS.get(name, name), xlabel="training images")
        axes.locator_params(axis="x", nbins=5)
    figure.axes[0].set_ylabel("accuracy")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    source_line(figure, source, f"mean and sd over {curve.folds.shape[1]} folds")
    return figure


def learning_numbers(curves: Mapping[str, LearningCurve]) -> pd.DataFrame:
    """The numbers of `learning_curves`: one row for each classifier, size, and kind of images measured on."""
    rows = []
    for name, curve in curves.items():
        scores = {"training images": curve.train, "cross-validated": curve.folds, "validation split": curve.val}
        for measured_on, values in scores.items():
            for size, mean, sd in zip(curve.sizes, values.mean(axis=1), values.std(axis=1), strict=True):
                rows.append((name, int(size), measured_on, mean, sd))
    return pd.DataFrame(rows, columns=["classifier", "training_images", "measured_on", "mean_accuracy", "sd"])


def training_size(points: pd.DataFrame, source: str) -> Figure:
    """Test accuracy against the number of training images, on a logarithmic axis.

    Parameters
    ----------
    points : columns size (images), repeat, value (accuracy)
    source : name of the data and n
    """
    groups = points.groupby("size")["value"]
    mean, sd = groups.mean(), groups.std(ddof=1).fillna(0)
    figure = Figure(figsize=(7.5, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.plot(
        points["size"],
        points["value"],
        "o",
        color=GREY,
        alpha=0.6,
        markersize=4,
        label="one repeat",
        gid=of("one repeat"),
    )
    blue = sns.color_palette("colorblind")[0]
    axes.errorbar(mean.index, mean, sd, fmt="o-", color=blue, capsize=4, label="mean ± sd over repeats", gid=of("mean"))
    axes.set(xscale="log", xlabel="training images (logarithmic)", ylabel="test accuracy")
    _label_sizes(axes, list(mean.index))
    axes.legend(loc="lower right")
    source_line(figure, source, span(sorted(points["repeat"].unique()), "repeat", "repeats"))
    return figure


def _label_sizes(axes: Axes, sizes: Sequence[Any]) -> None:
    """Mark the sizes themselves; a label that would touch its neighbour is left out, never the last."""
    kept: list[float] = []
    for size in reversed(sizes):
        if not kept or np.log10(kept[-1] / size) > 0.07 * max(np.log10(sizes[-1] / sizes[0]), 0.1):
            kept.append(size)
    axes.set_xticks(kept, [f"{size:,.0f}" for size in kept])
    axes.set_xticks(sizes, minor=True)
    axes.xaxis.set_minor_formatter(NullFormatter())
