"""How every figure looks and how it is saved: one style, readable sizes, equal bytes for equal content."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.image
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter

from medfusion.errors import UserError
from medfusion.figures import compact_svg, fitting
from medfusion.files import svg_numbers
from medfusion.files.artifacts import replacing

# Whatever a matplotlibrc in this folder or a home says: it would change figures that have the same identity.
matplotlib.rcdefaults()
matplotlib.use("Agg")  # no display is needed

STYLES = ("darkgrid", "whitegrid", "dark", "white", "ticks")  # seaborn's
DPI = 144

# The formats that figures are saved in, and the metadata that would otherwise differ between two runs.
METADATA: dict[str, dict[str, Any]] = {".png": {"Software": None}, ".svg": {"Date": None, "Creator": None}}


@contextlib.contextmanager
def style(name: str) -> Iterator[None]:
    """Draw in one of seaborn's styles inside the block; settings are restored after it.

    Raises
    ------
    UserError
        If seaborn has no style of that name.
    """
    if name not in STYLES:
        raise UserError(f"style {name!r}: expected one of {', '.join(STYLES)}; change it in the configuration")
    with matplotlib.rc_context():
        sns.set_theme(
            context="notebook",
            style=name,
            palette="colorblind",
            rc={
                "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same on every machine
                "figure.constrained_layout.use": True,
                "text.parse_math": False,  # a dollar in a name is a dollar
                "font.size": 11,
                "axes.titlesize": 12,
                "axes.labelsize": 11,
                "xtick.labelsize": 10,
                "ytick.labelsize": 10,
                "legend.fontsize": 10,
                "figure.titlesize": 13,
            },
        )
        yield


def save_pixels(pixels: np.ndarray, path: str | Path) -> None:
    """Write a picture uint8 (H, W, 3) to `path` (.png), dot by dot, whole or not at all."""
    with replacing(path) as temporary:
        matplotlib.image.imsave(temporary, pixels, format="png", metadata=METADATA[".png"])


def save(figure: Figure, path: str | Path, numbers: pd.DataFrame | None = None) -> None:
    """Write a figure to `path` (.png at 144 dots an inch, or .svg), whole or not at all, and close it.

    Long names are fitted into it first (`fitting`). Neither the time nor a library's version goes into the file, and
    an SVG is made small (`compact_svg`). It holds the numbers that it shows, for the page to offer (see
    `svg_numbers`), and what the page tells values from: names of lines and points (`figure_parts.of`), and between
    which values the frame of each panel lies.
    """
    path = Path(path)
    try:
        with replacing(path) as temporary, matplotlib.rc_context({"svg.hashsalt": "medfusion"}):
            fitting.fit(figure)
            attributes = _tell_panels(figure) if path.suffix == ".svg" else {}
            figure.savefig(temporary, dpi=DPI, metadata=METADATA[path.suffix])
            if path.suffix == ".svg":
                text = temporary.read_text(encoding="utf-8")
                temporary.write_text(compact_svg.compact(text, attributes), encoding="utf-8")
                if numbers is not None and len(numbers):
                    svg_numbers.embed(temporary, numbers)
    finally:
        plt.close(figure)


def _tell_panels(figure: Figure) -> dict[str, dict[str, str]]:
    """Name each panel that has lines or points with names, and its frame; by these names, the attributes they get."""
    attributes = {}
    for number, axes in enumerate(part for whole in figure.axes for part in (whole, *whole.child_axes)):
        if any(str(child.get_gid()).startswith(compact_svg.MARK) for child in axes.get_children()):
            panel, frame = f"panel{number}", f"frame{number}"
            axes.set_gid(panel)
            axes.patch.set_gid(frame)
            attributes[panel] = {"data-panel": str(number)}
            attributes[frame] = {**_tell_axis(axes, "x"), **_tell_axis(axes, "y")}
    return attributes


def _tell_axis(axes: Any, letter: str) -> dict[str, str]:
    """The limits and the label of an axis; nothing of one that has names in place of numbers."""
    axis: Axis = getattr(axes, f"{letter}axis")
    formatter = axis.get_major_formatter()
    if isinstance(formatter, FixedFormatter) and not all(re.fullmatch(r"[\d.,]*", text) for text in formatter.seq):
        return {}
    low, high = axis.get_view_interval() if not axis.get_inverted() else axis.get_view_interval()[::-1]
    sharing = (axes, *getattr(axes, f"get_shared_{letter}_axes")().get_siblings(axes))
    labels = (getattr(other, f"{letter}axis").get_label_text() for other in sharing)
    name = compact_svg.attribute(next(filter(None, labels), ""))
    return {f"data-{letter}": f"{low:.6g} {high:.6g} {axis.get_scale()}", f"data-{letter}-name": name}
