"""Titles, names and lines of a figure that are as wide as they have room, whatever names a user gives."""

import re
from bisect import bisect
from collections.abc import Iterator

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure, SubFigure
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator

MARGIN = 0.97  # of the room: letters of other resolutions are a little wider
NAMES = 0.4  # of the width of a figure that the names beside an axis may take
LINE = 1.25  # from one line to the next, in sizes of the letters
MOST_LINES = 3  # before letters become smaller …
SMALLEST = 7.0  # … down to so many points, from where on there are as many lines as it takes


def fit(figure: Figure) -> None:
    """Break, and then shrink, what would be clipped: titles, legends, what stands above and below, names of rows.

    The figure grows by the lines that they gain.
    """
    renderer = (figure.canvas if isinstance(figure.canvas, FigureCanvasAgg) else FigureCanvasAgg(figure)).get_renderer()
    room = MARGIN * figure.bbox.width
    gained = 0.0  # points of height
    for part in _parts(figure):
        gained += sum(_fit(text, part.bbox.width, renderer) for text in part.texts if not text.get_rotation())
    gained += sum(_fit_names(axes, renderer) for axes in figure.axes)
    for legend in figure.legends:
        before = legend.get_window_extent(renderer).height
        for columns in range(len(legend.get_texts()), 0, -1):
            if legend.get_window_extent(renderer).width <= room:
                break
            legend.set_ncols(columns)
        for text in legend.get_texts():
            _fit(text, room - 4 * _size(text) * figure.dpi / 72, renderer)
        gained += (legend.get_window_extent(renderer).height - before) * 72 / figure.dpi
    _grow(figure, gained)
    # A title of half a column fits wherever its panel lies in it; for others the panels are laid out first.
    titled = [axes for axes in figure.axes if _width(axes.title, axes.get_title(), renderer) > _column(axes) / 2]
    if titled:
        figure.draw_without_rendering()
    rows: dict[int, float] = {}
    for axes in titled:
        top = round(axes.bbox.y1)
        rows[top] = max(rows.get(top, 0.0), _fit(axes.title, _room(axes), renderer))
    _grow(figure, sum(rows.values()))


def _grow(figure: Figure, points: float) -> None:
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + max(points, 0.0) / 72)


def _parts(figure: Figure | SubFigure) -> Iterator[Figure | SubFigure]:
    yield figure
    for part in figure.subfigs:
        yield from _parts(part)


def _edges(axes: Axes) -> tuple[float, float]:
    """The left and the right edge of the columns of a figure that a panel stands in, in pixels."""
    left, right, place = axes.figure.bbox.x0, axes.figure.bbox.x1, axes.get_subplotspec()
    if place is None:
        return left, right
    whole, columns = place.get_gridspec().ncols, place.colspan
    first, last = (left + (right - left) * edge / whole for edge in (columns.start, columns.stop))
    return first, last


def _column(axes: Axes) -> float:
    left, right = _edges(axes)
    return right - left


def _room(axes: Axes) -> float:
    """How wide a title over the middle of a panel may be: up to the nearer edge of its column, in pixels."""
    left, right = _edges(axes)
    middle = (axes.bbox.x0 + axes.bbox.x1) / 2
    return max(2 * min(middle - left, right - middle), axes.bbox.width)


def _fit_names(axes: Axes, renderer: RendererAgg) -> float:
    """Break the names beside an axis that would leave its panel no room; the points of height that they gain."""
    if not isinstance(axes.yaxis.get_major_locator(), FixedLocator):
        return 0.0
    labels = axes.get_yticklabels()
    room = NAMES * axes.figure.bbox.width
    if all(_width(label, label.get_text(), renderer) <= room for label in labels):
        return 0.0
    given = [label.get_text() for label in labels]
    broken = [_broken(label, room, renderer) for label in labels]
    axes.set_yticks(axes.get_yticks(), broken)
    # Rows are of one height: that of the tallest.
    lines = max(new.count("\n") - old.count("\n") for new, old in zip(broken, given, strict=True))
    return LINE * len(labels) * lines * _size(labels[0])


def _fit(text: Text, room: float, renderer: RendererAgg) -> float:
    """Break a text into lines that are no wider than its room, of smaller letters where there would be many.

    Returns
    -------
    the points of height that it gains
    """
    given, first = text.get_text(), _size(text)
    size = first
    while True:
        text.set_fontsize(size)
        broken = _broken(text, MARGIN * room, renderer)
        if broken.count("\n") < max(MOST_LINES, given.count("\n") + 1) or size <= SMALLEST:
            break
        size = max(0.9 * size, SMALLEST)
    text.set_text(broken)
    return LINE * ((broken.count("\n") + 1) * size - (given.count("\n") + 1) * first)


def _broken(text: Text, room: float, renderer: RendererAgg) -> str:
    """Its words on lines no wider than the room; words end at blanks, slashes, dashes, underscores, or anywhere."""
    result = []
    for given in text.get_text().split("\n"):
        line = ""
        for word in re.findall(r"[^\s/_\-,]*[\s/_\-,]*", given):
            if line and _width(text, (line + word).rstrip(), renderer) > room:
                result.append(line.rstrip())
                line = ""
            while len(word) > 1 and _width(text, (line + word).rstrip(), renderer) > room:
                fitting = bisect(range(1, len(word)), room, key=lambda n: _width(text, word[:n], renderer))
                result.append(word[: max(fitting, 1)])
                word = word[max(fitting, 1) :]
            line += word
        result.append(line.rstrip())
    return "\n".join(result)


def _size(text: Text) -> float:
    """The size of its letters in points; a word such as "small" has been turned into a number by then."""
    return float(text.get_fontsize())


def _width(text: Text, words: str, renderer: RendererAgg) -> float:
    """How wide words are in the letters of a text, in pixels."""
    lines = words.split("\n")
    return max(renderer.get_text_width_height_descent(line, text.get_fontproperties(), False)[0] for line in lines)
