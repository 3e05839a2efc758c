"""What the figures share: colours of classes, the line that names the data."""

from collections.abc import Sequence

import seaborn as sns
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from medfusion.figures.compact_svg import MARK, attribute
from medfusion.files.hdf5 import open_hdf5
from medfusion.files.images import Description
from medfusion.naming import data_name

GREY = "0.45"


def class_colours(classes: int) -> list[tuple[float, float, float]]:
    """One colour a class, up to ten of them distinct for colour-blind readers."""
    return list(sns.color_palette("colorblind", classes) if classes <= 10 else sns.husl_palette(classes))


def of(name: str) -> str:
    """The gid of a line or of points that show something with a name: the page says their values, and lights them."""
    return f"{MARK}{attribute(name)}"


def data_line(name: str, paths: Sequence[str]) -> str:
    """The name of a data set, and of each of its prepared splits its number of images.

    Parameters
    ----------
    name : what the configuration calls the data set
    paths : prepared splits of one data set
    """
    parts = []
    for path in paths:
        with open_hdf5(path) as file:
            generated = Description.of(file.attrs).generated
            parts.append(f"{file.attrs['split']} n = {len(file['images']):,}")
    return " · ".join([data_name(name, generated), *parts])


def source_line(figure: Figure, *parts: str) -> None:
    """Print under a figure what it was drawn from: data, split, seeds, n.

    It has the place of the label that all panels share, for which the layout keeps room.
    """
    figure.supxlabel(" · ".join(part for part in parts if part), fontsize=9, color=GREY)


def heat_map_figure(width: float, height: float) -> Figure:
    """A figure of so many inches for seaborn's heat maps, which measure each name before they print it.

    One canvas measures them all. A figure without one makes and keeps a canvas a name: gigabytes for large figures.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def empty_figure(text: str) -> Figure:
    """A figure that says why there is nothing to draw."""
    figure = Figure(figsize=(6, 1.2), layout="constrained")
    figure.text(0.5, 0.6, text, ha="center", va="center")
    return figure
