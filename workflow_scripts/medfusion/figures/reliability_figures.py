"""How far probabilities can be trusted: reliability diagrams, risk-coverage curves, coverage of prediction sets."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from medfusion.evaluation.ranking import score
from medfusion.figures.figure_parts import GREY, of, source_line
from medfusion.files.rankings import Score
from medfusion.files.reliabilities import Reliability
from medfusion.naming import class_names, percent, span
from medfusion.system_id import SystemId

TITLES = {"before": "as they are", "after": "after the temperature"}
SCHEMES = {"marginal": "one threshold for all classes", "by_class": "a threshold for each class"}
MOST_REFERRED = 0.8  # of a risk-coverage curve: accuracies of the few images beyond mean little


def diagrams(found: Reliability) -> Figure:
    """Accuracy against confidence in bins of equal numbers of images, and under each a histogram of confidence."""
    addresses = _addresses(found)
    figure = Figure(figsize=(9.5, 4.4 * len(addresses) + 0.4), layout="constrained")
    blue = sns.color_palette("colorblind")[0]
    for part, address in zip(figure.subfigures(len(addresses), 1, squeeze=False).ravel(), addresses, strict=True):
        runs = _runs(found, address)
        part.suptitle(f"{found.names[address]} ({_seeds(runs)})", fontsize=12)
        axes = part.subplots(2, 2, sharex=True, sharey="row", height_ratios=[3, 1])
        bins = [row for run in runs for when in TITLES for row in run[when]["diagram"]["bins"]]
        left, bottom = (max(min(row[key] for row in bins) - 0.06, 0) for key in ("confidence", "low"))
        for column, (when, title) in enumerate(TITLES.items()):
            upper, lower = axes[:, column]
            upper.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
            for number, run in reversed(list(enumerate(runs))):
                rows, named = run[when]["diagram"]["bins"], _named(found, run)
                x, y = [row["confidence"] for row in rows], [row["accuracy"] for row in rows]
                if number:
                    look = {"color": GREY, "linewidth": 0.8, "markersize": 4, "alpha": 0.6}
                    upper.plot(x, y, ".-", gid=of(named), **look)
                else:
                    bars = [
                        [row["accuracy"] - row["low"] for row in rows],
                        [row["high"] - row["accuracy"] for row in rows],
                    ]
                    look = {"color": blue, "markersize": 5, "linewidth": 1.4, "elinewidth": 1}
                    upper.errorbar(x, y, bars, fmt="o-", gid=of(named), **look)
            _histogram(lower, runs[0][when]["diagram"]["histogram"], blue)
            error = _score(found, address, f"ece_{when}")
            upper.set(xlim=(left, 1.01), ylim=(bottom, 1.02))
            upper.set_title(f"{title}: calibration error {_in_words(error)}", fontsize=11)
            lower.set_xlabel("confidence: probability of the predicted class")
        axes[0, 0].set_ylabel("accuracy")
        axes[1, 0].set_ylabel("images")
    handles = [
        Line2D(
            [],
            [],
            color=blue,
            marker="o",
            label=f"first seed or ensemble, {percent(found.content['confidence'])} Wilson intervals",
        ),
        Line2D([], [], color=GREY, linestyle="--", label="perfectly calibrated"),
    ]
    if any(len(_runs(found, address)) > 1 for address in addresses):
        handles.insert(1, Line2D([], [], color=GREY, marker=".", linewidth=0.8, label="other seeds"))
    figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False)
    source_line(figure, _source(found), "bins of equal numbers of images")
    return figure


def diagram_numbers(found: Reliability) -> pd.DataFrame:
    """The bins of every run's diagrams."""
    rows = [
        {"system": run["address"], "seed": run["seed"], "temperature": when, **row}
        for run in found.content["drawn"]
        for when in TITLES
        for row in run[when]["diagram"]["bins"]
    ]
    return pd.DataFrame(rows).astype({"seed": "Int64"})


def risk_coverage(found: Reliability) -> Figure:
    """The accuracy that is left against the share of images referred, and what the referral threshold does."""
    colours = sns.color_palette("colorblind")
    figure = Figure(figsize=(8.5, 4.8), layout="constrained")
    axes = figure.subplots()
    handles = []
    seeds = []
    for order, address in enumerate(_addresses(found)):
        colour = colours[order]
        runs = _runs(found, address)
        seeds.append(f"{found.names[address]}: {_seeds(runs)}")
        for number, run in enumerate(runs):
            curve = _curve(run)
            x, y = curve["abstention_rate"], curve["accuracy"]
            look: dict[str, Any] = {"linewidth": 0.8 if number else 1.6, "alpha": 0.5 if number else 1}
            axes.plot(x, y, color=colour, gid=of(_named(found, run)), **look)
            axes.lines[-1].set_zorder(3 - order)
        share, rest = _score(found, address, "abstention_rate"), _score(found, address, "selective_accuracy")
        if rest.n:
            bars = [[rest.mean - rest.low], [rest.high - rest.mean]]
            axes.errorbar(
                share.mean, rest.mean, bars, fmt="D", color=colour, mec="black", capsize=3, markersize=7, zorder=4
            )
        handles.append(Line2D([], [], color=colour, label=found.names[address]))
    axes.axvline(found.content["abstention_rate"], color=GREY, linestyle=":", linewidth=1)
    axes.set(
        xlabel="abstention rate, the least certain images first",
        ylabel="accuracy of the rest",
        xlim=(0, MOST_REFERRED),
    )
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    handles += [
        Line2D(
            [],
            [],
            color="white",
            marker="D",
            mec="black",
            mfc="0.6",
            markersize=7,
            label="threshold chosen on validation",
        ),
        Line2D(
            [],
            [],
            color=GREY,
            linestyle=":",
            label=f"{percent(found.content['abstention_rate'])}, as the threshold intends",
        ),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=2, frameon=False)
    source_line(figure, _source(found), *seeds)
    return figure


def risk_coverage_numbers(found: Reliability) -> pd.DataFrame:
    """The points of every run's curve."""
    parts = [
        _curve(run).assign(system=run["address"], seed=run["seed"])[["system", "seed", "abstention_rate", "accuracy"]]
        for run in found.content["drawn"]
    ]
    return pd.concat(parts, ignore_index=True).astype({"seed": "Int64"})


def conformal(found: Reliability) -> Figure:
    """Coverage of the selected system's prediction sets against the nominal one, and their sizes, by class."""
    best, classes = found.content["best"], len(found.label_names)
    names = class_names(found.label_names, 18)
    counts = zip(names, found.content["test"], found.content["validation"], strict=True)
    labels = ["all classes"] + [f"{name}\n({test:,} test, {val:,} validation)" for name, test, val in counts]
    figure = Figure(figsize=(9.5, 1.9 + 0.56 * (classes + 1)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[3, 2])
    table = conformal_numbers(found)
    for (title, part), colour, marker, shift in zip(
        table.groupby("thresholds", sort=False), sns.color_palette("colorblind"), "os", (-0.14, 0.14), strict=False
    ):
        places = np.arange(len(part)) + shift
        look = {"fmt": marker, "color": colour, "capsize": 3, "markersize": 6}
        bars = [part["coverage"] - part["low"], part["high"] - part["coverage"]]
        left.errorbar(part["coverage"], places, xerr=bars, **look, label=title, gid=of(str(title)))
        right.errorbar(
            part["classes_in_a_set"], places, xerr=part["sd_of_classes"].fillna(0), **look, gid=of(str(title))
        )
    left.axvline(found.content["coverage"], color=GREY, linestyle="--", linewidth=1, label="intended")
    left.set(xlabel="share of images whose set holds the true class")
    left.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    left.set_yticks(range(classes + 1), labels)
    left.set_ylim(classes + 0.5, -0.5)
    right.set_xlabel("classes in a set, mean (± sd over seeds)")
    right.locator_params(axis="x", nbins=5)
    right.set_xlim(0, 1.05 * right.get_xlim()[1])
    handles, texts = left.get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside upper center", ncols=3, frameon=False)
    limits = f"{percent(found.content['confidence'])} intervals (Wilson; of several seeds that of their mean)"
    source_line(figure, _source(found), f"{found.names[best]}, {_seeds(_runs(found, best))}", limits)
    return figure


def conformal_numbers(found: Reliability) -> pd.DataFrame:
    """Coverage and size of the selected system's prediction sets, over all images and by class: means over runs."""
    rows = []
    for scheme, title in SCHEMES.items():
        for label, name in enumerate(["all classes", *found.label_names], start=-1):
            suffix = "" if label < 0 else f"[{label}]"
            coverage, size = (
                _score(found, found.content["best"], f"{scheme}_{what}{suffix}") for what in ("coverage", "size")
            )
            rows.append({"thresholds": title, "class": name, "coverage": coverage.mean, "low": coverage.low})
            rows[-1] |= {
                "high": coverage.high,
                "classes_in_a_set": size.mean,
                "sd_of_classes": size.sd,
                "n": coverage.n,
            }
    return pd.DataFrame(rows)


def _curve(run: Mapping[str, Any]) -> pd.DataFrame:
    """The part of a run's risk-coverage curve that is drawn, with the columns abstention_rate and accuracy."""
    curve = pd.DataFrame(run["after"]["curve"])
    return curve[curve["abstention_rate"] <= MOST_REFERRED]


def _histogram(axes: Axes, counts: Sequence[int], colour: Any) -> None:
    edges = np.linspace(0, 1, len(counts) + 1)
    axes.bar(edges[:-1], counts, width=np.diff(edges), align="edge", color=colour, alpha=0.6, linewidth=0.3)


def _addresses(found: Reliability) -> list[str]:
    """The selected system, and the network alone of its model."""
    return list(dict.fromkeys([found.content["best"], found.content["network"]]))


def _runs(found: Reliability, address: str) -> list[Mapping[str, Any]]:
    return [run for run in found.content["drawn"] if run["address"] == address]


def _named(found: Reliability, run: Mapping[str, Any]) -> str:
    name = found.names[run["address"]]
    return name if run["seed"] is None else f"{name}: seed {run['seed']}"


def _seeds(runs: Sequence[Mapping[str, Any]]) -> str:
    seeds = [run["seed"] for run in runs]
    return "ensemble over seeds" if None in seeds else span(seeds, "seed", "seeds")


def _score(found: Reliability, address: str, metric: str) -> Score:
    model, _, system = SystemId.of(address)
    return score(found.table, model, system, "test", metric)


def _in_words(result: Score) -> str:
    return f"{result.mean:.3f}" + ("" if np.isnan(result.sd) else f" ± {result.sd:.3f}")


def _source(found: Reliability) -> str:
    return f"{found.name} · test n = {sum(found.content['test']):,}"
