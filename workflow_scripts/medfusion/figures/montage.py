"""Figures made of small images: labelled rows, and grids with a caption under each picture."""

import textwrap
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from medfusion.figures.drawing import DPI

# Lengths in dots of the saved PNG, so that 28 × 28 images are enlarged by a whole number and stay sharp.
CELL = 112  # side of one image
MARGIN = 24
LINE = 26  # height of a line of small text
SMALL = 9  # its size in points
CHARACTER = 10  # its mean width of a character
TITLE = 13  # points
TITLE_LINE = 40
TITLE_CHARACTER = 14
GREY = "0.35"
LEAST = 760  # width of a figure

Cell = tuple[np.ndarray, str, bool]
Legend = tuple[np.ndarray, str, str]


def montage_rows(rows: list[tuple[str, np.ndarray]], title: str, header: list[str] | None = None) -> Figure:
    """A figure with one row of images for each label.

    Parameters
    ----------
    rows : (label, images uint8 (m, H, W, C)); rows may differ in m, and C is 1 or 3
    title : of the whole figure
    header : texts above the columns, if any
    """
    height, width = rows[0][1].shape[1:3]
    columns = max(len(images) for _, images in rows)
    scale, gap = CELL / width, _gap(width)
    step = (width + gap) * scale
    labels = [_wrapped(label, 22) for label, _ in rows]
    indent = round(max(len(line) for lines in labels for line in lines) * CHARACTER) + 12
    row_step = max(round((height + gap) * scale), LINE * max(len(lines) for lines in labels) + 4)
    canvas = _Canvas(
        MARGIN + indent + columns * step + MARGIN, row_step * len(rows) + (LINE + 4 if header else 0), title
    )

    left, top = MARGIN + indent, canvas.top
    for column, text in enumerate(header or []):
        canvas.text(left + column * step + CELL / 2, top + LINE / 2, text, ha="center", va="center", color=GREY)
    top += LINE + 4 if header else 0
    for lines, (_, images) in zip(labels, rows, strict=True):
        canvas.text(left - 12, top + height * scale / 2, "\n".join(lines), ha="right", va="center")
        if len(images):
            canvas.image(left, top, beside(images), scale)
        top += row_step
    return canvas.figure


def montage_grid(cells: list[Cell], columns: int, title: str, side: int = CELL) -> Figure:
    """A figure with a grid of pictures, each with a caption below it.

    Parameters
    ----------
    cells : (images uint8 (m, H, W, C) that are drawn beside each other, caption of one or more lines,
        whether the caption is a warning); at least one, all with the same m, H, W
    columns : number of cells in a row
    title : of the whole figure
    side : width of an image in dots
    """
    return montage_groups([("", cells)], columns, title, side)


def montage_groups(
    groups: list[tuple[str, list[Cell]]], columns: int, title: str, side: int = CELL, legend: Legend | None = None
) -> Figure:
    """A figure with a grid of pictures for each group, as `montage_grid` draws them, the group's heading above it.

    Parameters
    ----------
    groups : (heading, cells); there is at least one cell in one of them
    legend : (picture uint8 (h, w, 3), text to its left, text to its right), drawn above the groups
    """
    first = next(cells[0][0] for _, cells in groups if cells)
    scale = side / first.shape[2]
    height, width = (length * scale for length in beside(first).shape[:2])
    step = width + 28
    across = 2 * MARGIN + min(columns, max(len(cells) for _, cells in groups)) * step - 28
    top = 0 if legend is None else legend[0].shape[0] + LINE
    headings, placed = [], []
    for heading, cells in groups:
        lines = _wrapped(heading, int((max(across, LEAST) - 2 * MARGIN) / CHARACTER))
        headings.append((top, lines))
        top += LINE * len(lines) + (8 if lines else 0)
        captions = [_wrapped(caption, int(step / CHARACTER)) for _, caption, _ in cells]
        for start in range(0, len(cells), columns):
            row = slice(start, start + columns)
            placed += [(top, *cell) for cell in zip(range(columns), cells[row], captions[row], strict=False)]
            top += height + LINE * max(map(len, captions[row])) + 20
    canvas = _Canvas(across, top - 20, title)
    for top, lines in headings:
        canvas.text(MARGIN, canvas.top + top, "\n".join(lines), ha="left", va="top", fontweight="bold")
    for top, column, (images, _, warning), lines in placed:
        left = MARGIN + column * step
        canvas.image(left, canvas.top + top, beside(images), scale)
        options: dict[str, Any] = {"color": "firebrick"} if warning else {}
        place = (left + width / 2, canvas.top + top + height + 6)
        canvas.text(*place, "\n".join(lines), ha="center", va="top", **options)
    if legend:
        _draw_legend(canvas, *legend)
    return canvas.figure


def _draw_legend(canvas: "_Canvas", strip: np.ndarray, low: str, high: str) -> None:
    left = MARGIN + CHARACTER * len(low) + 12
    middle = canvas.top + strip.shape[0] / 2
    canvas.text(left - 12, middle, low, ha="right", va="center")
    canvas.image(left, canvas.top, strip, 1)
    canvas.text(left + strip.shape[1] + 12, middle, high, ha="left", va="center")


def message(text: str, title: str) -> Figure:
    """A figure that says why there is nothing to show."""
    canvas = _Canvas(1000, 80, title)
    canvas.text(MARGIN, canvas.top + 20, text, ha="left", va="top", color=GREY)
    return canvas.figure


def strip(images: np.ndarray) -> np.ndarray:
    """Images (m, H, W, C) side by side, uint8 (h, w, 3), each about CELL dots wide and as sharp as it is.

    They are enlarged by a whole number, or are the means of whole blocks of pixels.
    """
    m, height, width, channels = images.shape
    times, block = max(1, CELL // width), max(1, width // CELL)
    rows, columns = height // block, width // block
    blocks = images[:, : rows * block, : columns * block].reshape(m, rows, block, columns, block, channels)
    small = np.rint(blocks.mean(axis=(2, 4))).astype(np.uint8)
    return beside(small.repeat(times, axis=1).repeat(times, axis=2))


def beside(images: np.ndarray) -> np.ndarray:
    """Images (m, H, W, C) as one picture uint8 (H, m × W and white gaps between, 3)."""
    m, height, width, channels = images.shape
    gap = _gap(width)
    picture = np.full((height, m * (width + gap) - gap, 3), 255, np.uint8)
    for number, image in enumerate(images):
        start = number * (width + gap)
        picture[:, start : start + width] = image  # one channel becomes three equal ones
    return picture


def _wrapped(text: str, width: int) -> list[str]:
    """The lines of a text, each broken where it is longer than a width in characters, between words if it can be."""
    return [part for line in text.splitlines() for part in textwrap.wrap(line, width)]


def _gap(width: int) -> int:
    """White columns between images of that width."""
    return max(1, width // 28)


class _Canvas:
    """A figure addressed in dots from its upper left corner, with a title above `top`."""

    def __init__(self, width: float, height: float, title: str):
        self.width = round(max(width, LEAST))
        lines = textwrap.wrap(title, int((self.width - 2 * MARGIN) / TITLE_CHARACTER))
        self.top = MARGIN + TITLE_LINE * len(lines) + 8
        self.height = round(self.top + height + MARGIN)
        self.figure = plt.figure(figsize=(self.width / DPI, self.height / DPI), layout="none", facecolor="white")
        self.text(MARGIN, MARGIN, "\n".join(lines), ha="left", va="top", fontsize=TITLE)

    def text(self, left: float, top: float, text: str, fontsize: float = SMALL, **options: Any) -> None:
        position = left / self.width, 1 - top / self.height
        # A dollar sign in a name is a dollar sign, not the start of a formula.
        self.figure.text(*position, text, fontsize=fontsize, parse_math=False, linespacing=1.25, **options)

    def image(self, left: float, top: float, picture: np.ndarray, scale: float) -> None:
        height, width = round(picture.shape[0] * scale), round(picture.shape[1] * scale)
        bottom = self.height - round(top) - height
        axes = self.figure.add_axes(
            (round(left) / self.width, bottom / self.height, width / self.width, height / self.height)
        )
        axes.imshow(picture, interpolation="nearest" if scale >= 1 else "antialiased", aspect="auto")
        axes.set_axis_off()
