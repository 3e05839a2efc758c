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
from matplotlib.figure import Figure

from medfusion.errors import UserError
from medfusion.figures import fitting
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
    the identifiers inside an SVG are fixed. An SVG holds the numbers that it shows, for the page to offer (see
    `svg_numbers`).
    """
    path = Path(path)
    try:
        with replacing(path) as temporary, matplotlib.rc_context({"svg.hashsalt": "medfusion"}):
            fitting.fit(figure)
            figure.savefig(temporary, dpi=DPI, metadata=METADATA[path.suffix])
            if path.suffix == ".svg":
                text = temporary.read_text(encoding="utf-8")
                temporary.write_text(_compact(_number_clips(text)), encoding="utf-8")
                if numbers is not None and len(numbers):
                    svg_numbers.embed(temporary, numbers)
    finally:
        plt.close(figure)


def _number_clips(svg: str) -> str:
    """Name the clip paths of an SVG in their order.

    matplotlib names them by a hash of their positions to the last digit, which depends on where in memory the layout
    keeps its variables.
    """
    names: dict[str, str] = {}
    return re.sub(r'(?<=["#])p[0-9a-f]{10}(?=[")])', lambda name: names.setdefault(name[0], f"clip{len(names)}"), svg)


def _compact(svg: str) -> str:
    """An SVG without comments, indentation, and decimals of positions beyond thousandths of a point.

    The page holds dozens of figures, and a table of letters is mostly their positions.
    """
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.S)
    svg = re.sub(r"\n\s*", "\n", svg)
    places = r' (?:d|x|y|width|height)="[^"]*"|translate\([^)]*\)'
    return re.sub(places, lambda place: re.sub(r"(\.\d{3})\d+", r"\1", place[0]), svg)
