"""The building blocks of the page: tables of cells, figures as data URIs, sections that hold them."""

import base64
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path

from medfusion.errors import UserError
from medfusion.files import svg_numbers

MEDIA = {".svg": "image/svg+xml", ".png": "image/png"}
CSV = "text/csv;charset=utf-8"
PIXELS_PER_POINT = 96 / 72


@dataclass(frozen=True)
class Cell:
    """One cell: its text, smaller text under it, and the number to sort by where the text is none."""

    text: str
    note: str = ""
    sort: float | None = None


@dataclass(frozen=True)
class Row:
    """One row; its first cell is the row's header. kind: "" | "selected" | "published" | "baseline"."""

    cells: list[Cell]
    kind: str = ""


@dataclass(frozen=True)
class Body:
    """Rows that are sorted among themselves, under a title if there is one."""

    rows: list[Row]
    title: str = ""


@dataclass(frozen=True)
class Table:
    """A table; columns from `numeric` on are aligned to the right."""

    caption: str
    head: list[str]
    bodies: list[Body]
    numeric: int = 1


@dataclass(frozen=True)
class Picture:
    """A figure of the page: its data URI, its size in CSS pixels, what it says in words, its numbers as a data URI."""

    name: str
    title: str
    caption: str
    alt: str
    uri: str
    width: int
    height: int
    numbers: str = ""


@dataclass
class Section:
    """A part of a task's account. `more` holds pictures that are folded away."""

    key: str
    title: str
    notes: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    folded_tables: list[Table] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    more: list[Picture] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.notes or self.tables or self.pictures)


def picture(name: str, path: str | Path, title: str, caption: str, alt: str) -> Picture:
    """Read a figure into the page.

    Raises
    ------
    UserError
        If the file is missing, or neither SVG nor PNG.
    """
    path = Path(path)
    if path.suffix not in MEDIA:
        raise UserError(f"{path}: expected a figure that ends in {' or '.join(MEDIA)}")
    try:
        content, numbers = svg_numbers.take_out(path.read_bytes())
        width, height = _svg_size(content) if path.suffix == ".svg" else _png_size(content)
    except (OSError, ValueError, struct.error) as error:
        raise UserError(f"{path}: not a readable figure ({error}); delete it and run again") from None
    uri = data_uri(MEDIA[path.suffix], content)
    table = data_uri(CSV, numbers.encode()) if numbers else ""
    return Picture(name, title, caption, alt, uri, round(width), round(height), table)


def data_uri(media: str, content: bytes) -> str:
    """A file as an address that holds it."""
    return f"data:{media};base64,{base64.b64encode(content).decode()}"


def _svg_size(content: bytes) -> tuple[float, float]:
    width, height = (re.search(rb'<svg[^>]*?\s%s="([\d.]+)pt"' % key, content) for key in (b"width", b"height"))
    if not width or not height:
        raise ValueError("an SVG without width and height in points")
    return float(width[1]) * PIXELS_PER_POINT, float(height[1]) * PIXELS_PER_POINT


def _png_size(content: bytes) -> tuple[float, float]:
    """The size at which the dots of a PNG have their intended density (96 dots an inch if it says none)."""
    if content[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("not a PNG")
    width, height = struct.unpack(">II", content[16:24])
    density = content.find(b"pHYs")
    per_metre = struct.unpack(">I", content[density + 4 : density + 8])[0] if density >= 0 else 96 / 0.0254
    scale = 96 / (per_metre * 0.0254)
    return width * scale, height * scale
