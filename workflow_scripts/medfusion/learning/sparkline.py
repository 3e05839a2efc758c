"""A curve in one line of text."""

import math
from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"
WIDTH = 30


def sparkline(values: Sequence[float], width: int = WIDTH) -> str:
    """A curve as blocks of eight heights, the lowest value the lowest; of longer ones, means over equal parts.

    Values that are not finite are left blank.

    >>> sparkline([8, 4, 2, 1, 1, 2]), sparkline([3, 3]), sparkline([])
    ('█▄▂▁▁▂', '▁▁', '')
    """
    size = min(width, len(values))
    edges = [len(values) * place // size for place in range(size + 1)] if size else [0]
    means = [math.fsum(values[start:end]) / (end - start) for start, end in zip(edges, edges[1:], strict=False)]
    finite = [value for value in means if math.isfinite(value)]
    if not finite:
        return " " * size
    low, span = min(finite), max(finite) - min(finite)
    steps = (len(BLOCKS) - 1) / span if span else 0.0
    return "".join(BLOCKS[round((value - low) * steps)] if math.isfinite(value) else " " for value in means)
