"""The classifiers themselves: a decision tree, and how a forest and an SVM divide the plane of two components."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Patch, Rectangle

from medfusion.figures.figure_parts import class_colours, source_line
from medfusion.learning.studies import Plane, TreeShape
from medfusion.naming import class_names

TREE_DEPTH = 3  # levels of questions that are drawn
NAME_LENGTH = 18  # characters of a class name that fit into a node
POINTS = 600  # of each split that are drawn in the plane
TITLES = {"random_forest": "Random forest", "svm": "SVM (rbf)"}


@dataclass(frozen=True)
class _Node:
    """A node to draw: its index in the tree, its place, its parent's place, and which answer leads to it."""

    index: int
    x: float
    depth: int
    parent: tuple[float, int] | None
    answer: str


def tree(shape: TreeShape, label_names: Sequence[str], source: str) -> Figure:
    """The upper levels of a decision tree: question, images and class shares of each node.

    Parameters
    ----------
    shape : of the fitted tree
    label_names : one per class
    source : name of the data
    """
    names = class_names(label_names, 40)
    colours = class_colours(len(names))
    nodes = _layout(shape)
    levels = max(node.depth for node in nodes) + 1
    figure = Figure(figsize=(11, 1.3 * levels + 0.9), layout="constrained")
    axes = figure.subplots()
    axes.set(xlim=(0, 1), ylim=(levels - 0.45, -0.45))
    axes.axis("off")
    width = min(0.96 / max(1, 2 ** (levels - 1)), 0.24)
    for node in nodes:
        if node.parent:
            x, depth = node.parent
            axes.plot([x, node.x], [depth + 0.3, node.depth - 0.3], color="0.6", linewidth=1, zorder=0)
            place = (x + node.x) / 2, (depth + node.depth) / 2
            clear = {"facecolor": "white", "edgecolor": "none", "pad": 1}
            axes.text(*place, node.answer, fontsize=8.5, color="0.3", ha="center", va="center", bbox=clear)
        _draw_node(axes, shape, node, names, colours, width)
    handles = [Patch(color=colour, label=name) for colour, name in zip(colours, names, strict=True)]
    figure.legend(handles=handles, loc="outside upper center", ncols=min(4, len(names)), frameon=False)
    hidden = len(shape.yes) - len(nodes)
    source_line(
        figure,
        source,
        f"depth {shape.depth}, {np.sum(shape.yes < 0):,} leaves",
        f"{hidden:,} nodes further down not drawn" if hidden else "",
    )
    return figure


def tree_numbers(shape: TreeShape, label_names: Sequence[str]) -> pd.DataFrame:
    """The numbers of `tree`: one row for each node, the root first; yes and no are rows, -1 at a leaf."""
    nodes = {"yes": shape.yes, "no": shape.no, "feature": shape.feature, "threshold": shape.threshold}
    shares = {f"share_{name}": shape.shares[:, label] for label, name in enumerate(label_names)}
    return pd.DataFrame({"node": np.arange(len(shape.yes)), **nodes, "images": shape.images, **shares})


def _layout(shape: TreeShape) -> list[_Node]:
    """Places of the nodes that are drawn: each in the middle of the stretch that its parent leaves it."""
    nodes: list[_Node] = []
    waiting: list[tuple[int, float, float, int, tuple[float, int] | None, str]] = [(0, 0.0, 1.0, 0, None, "")]
    while waiting:
        index, left, right, depth, parent, answer = waiting.pop(0)
        x = (left + right) / 2
        nodes.append(_Node(index, x, depth, parent, answer))
        if shape.yes[index] >= 0 and depth < TREE_DEPTH:
            waiting.append((shape.yes[index], left, x, depth + 1, (x, depth), "yes"))
            waiting.append((shape.no[index], x, right, depth + 1, (x, depth), "no"))
    return nodes


def _draw_node(axes: Axes, shape: TreeShape, node: _Node, names: list[str], colours: list, width: float) -> None:
    shares = shape.shares[node.index]
    box = (node.x - width / 2, node.depth - 0.3)
    top = int(shares.argmax())
    look: dict[str, Any] = {"boxstyle": "round,pad=0,rounding_size=0.01", "facecolor": "white", "edgecolor": "0.5"}
    axes.add_patch(FancyBboxPatch(box, width, 0.6, mutation_aspect=4, **look))
    if shape.yes[node.index] < 0:
        question = "leaf"
    elif node.depth == TREE_DEPTH:
        question = "…"
    else:
        question = f"feature {shape.feature[node.index]} ≤ {shape.threshold[node.index]:.2f}?"
    text = f"{question}\n{shape.images[node.index]:,} images\n{_shorten(names[top])}\n{shares[top]:.0%}"
    axes.text(node.x, node.depth - 0.07, text, ha="center", va="center", fontsize=8, linespacing=1.25)
    left = box[0] + 0.04 * width
    for share, colour in zip(shares, colours, strict=True):
        axes.add_patch(Rectangle((left, node.depth + 0.2), 0.92 * width * share, 0.06, facecolor=colour, linewidth=0))
        left += 0.92 * width * share


def _shorten(name: str) -> str:
    return name if len(name) <= NAME_LENGTH else f"{name[: NAME_LENGTH - 1]}…"


def plane(content: Plane, test_labels: np.ndarray, label_names: Sequence[str], source: str) -> Figure:
    """Decision regions of forest and SVM in the PCA plane, with training and test points.

    Parameters
    ----------
    content : of the study
    test_labels : (n,)
    label_names : one per class
    source : name of the data and seed
    """
    classes = len(label_names)
    colours = class_colours(classes)
    light = ListedColormap([tuple(0.62 + 0.38 * channel for channel in to_rgb(colour)) for colour in colours])
    figure = Figure(figsize=(10, 5.6 if classes <= 4 else 6), layout="constrained")
    panels = figure.subplots(1, len(content.regions), sharex=True, sharey=True, squeeze=False)[0]
    train, test = _some(len(content.train)), _some(len(content.test))
    for axes, (name, regions) in zip(panels, content.regions.items(), strict=True):
        limits = {"extent": content.extent, "vmin": -0.5, "vmax": classes - 0.5}
        axes.imshow(regions, origin="lower", aspect="auto", cmap=light, interpolation="nearest", **limits)
        axes.grid(False)
        for points, labels, marker, size in (
            (content.train[train], content.train_labels[train], "o", 9),
            (content.test[test], test_labels[test], "^", 20),
        ):
            look = {"linewidths": 0.5, "edgecolors": "white" if marker == "o" else "black", "rasterized": True}
            axes.scatter(*points.T, c=[colours[label] for label in labels], marker=marker, s=size, **look)
        accuracy = np.mean(content.test_predicted[name] == test_labels)
        axes.set_title(f"{TITLES.get(name, name)}: test accuracy in this plane {accuracy:.3f}")
        axes.set_xlabel(f"component 1 ({content.variance[0]:.1%} of variance)")
    panels[0].set_ylabel(f"component 2 ({content.variance[1]:.1%} of variance)")
    names = class_names(label_names, 40)
    handles: list[Patch | Line2D]
    handles = [Patch(color=colour, label=name) for colour, name in zip(colours, names, strict=True)]
    for marker, label in (("o", "training image"), ("^", "test image")):
        handles.append(Line2D([], [], color="0.5", mec="black", marker=marker, linestyle="", label=label))
    figure.legend(handles=handles, loc="outside upper center", ncols=4 if classes <= 4 else 5, frameon=False)
    source_line(
        figure,
        source,
        f"regions fitted on {len(content.train):,} training images",
        f"drawn: {len(train):,} training and {len(test):,} of {len(test_labels):,} test images",
    )
    return figure


def plane_numbers(content: Plane, test_labels: np.ndarray, label_names: Sequence[str]) -> pd.DataFrame:
    """The numbers of `plane`: one row for each image; test images with what is predicted in this plane."""
    names = np.array(label_names, dtype=object)
    predicted = {f"predicted_{name}": names[labels] for name, labels in content.test_predicted.items()}
    parts = [("train", content.train, content.train_labels, {}), ("test", content.test, test_labels, predicted)]
    return pd.concat(
        pd.DataFrame(
            {"split": split, "component_1": points[:, 0], "component_2": points[:, 1], "true": names[labels]}
        ).assign(**more)
        for split, points, labels, more in parts
    )


def _some(n: int) -> np.ndarray:
    """At most POINTS indices, evenly over n."""
    return np.unique(np.linspace(0, n - 1, min(n, POINTS)).astype(int))
