"""The building blocks of the page: tables of cells, figures as data URIs, sections that hold them."""

import base64
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from medfusion.errors import UserError
from medfusion.files import svg_numbers
from medfusion.files.tables import csv_text

MEDIA = {".svg": "image/svg+xml", ".png": "image/png"}
CSV = "text/csv;charset=utf-8"
# What an address, or an attribute in single quotes, cannot hold as it is.
ESCAPED = str.maketrans({"&": "&amp;", **{letter: f"%{ord(letter):02X}" for letter in "<>%#'\n\r\t"}})
NAMED = 3  # figures that are folded away, up to which their titles are named
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


@dataclass(frozen=True)
class File:
    """A table that the page holds as a file to download: what it is, the file's name, its content as a data URI."""

    label: str
    name: str
    uri: str


@dataclass
class Section:
    """A part of a task's account.

    Attributes
    ----------
    notes : what was found
    method : how, where readers need it; what the first data set's section says in the same words is said there alone
    same_method : name of that data set and key of its section, where something is said there alone
    more : pictures that are folded away
    files : tables that nobody reads through
    """

    key: str
    title: str
    notes: list[str] = field(default_factory=list)
    method: list[str] = field(default_factory=list)
    same_method: tuple[str, str] | None = None
    tables: list[Table] = field(default_factory=list)
    folded_tables: list[Table] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    more: list[Picture] = field(default_factory=list)
    files: list[File] = field(default_factory=list)

    @property
    def folded(self) -> str:
        """What is folded away, in a few words.

        >>> Section("", "", files=[File("", "", "")], folded_tables=[Table("", [], [])] * 2).folded
        '2 tables; 1 longer one as CSV'
        """
        titles = list(dict.fromkeys(picture.title.partition(":")[0] for picture in self.more))
        tables, files = len(self.folded_tables), len(self.files)
        parts = [*titles] if len(titles) <= NAMED else [f"{len(titles)} figures"]
        parts += [f"{tables} {'table' if tables == 1 else 'tables'}"] if tables else []
        parts += [f"{files} longer {'one' if files == 1 else 'ones'} as CSV"] if files else []
        return "; ".join(parts)

    def __bool__(self) -> bool:
        return bool(self.notes or self.method or self.tables or self.folded_tables or self.pictures or self.more)


def table_file(table: Table, label: str, data: str) -> File:
    """A table as CSV: its cells as texts, what stands under them in columns of their own.

    Parameters
    ----------
    label : what the link says
    data : what the numbers are of, in a column of its own
    """
    rows = [row for body in table.bodies for row in body.rows]
    columns: list[tuple[str, list[str]]] = [("data", [data] * len(rows))]
    for position, title in enumerate(table.head):
        cells = [row.cells[position] for row in rows]
        columns.append((title, [cell.text for cell in cells]))
        if any(cell.note for cell in cells):
            columns.append((f"{title}: interval or note", [cell.note for cell in cells]))
    text = csv_text(pd.DataFrame(dict(columns)))
    name = re.sub(r"\W+", "-", label.lower()).strip("-")
    return File(label, f"{name}.csv", text_uri(CSV, text))


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
    uri = text_uri(MEDIA[path.suffix], content.decode()) if path.suffix == ".svg" else data_uri(MEDIA[".png"], content)
    table = text_uri(CSV, numbers) if numbers else ""
    return Picture(name, title, caption, alt, uri, round(width), round(height), table)


def data_uri(media: str, content: bytes) -> str:
    """A file as an address that holds it."""
    return f"data:{media};base64,{base64.b64encode(content).decode()}"


def text_uri(media: str, text: str) -> Markup:
    """A text as an address that holds it, ready for an attribute in single quotes: a quarter shorter than `data_uri`.

    >>> text_uri("text/csv", "a,b\\n'90 %',#1 & \\"2\\"\\n")
    Markup('data:text/csv,a,b%0A%2790 %25%27,%231 &amp; "2"%0A')
    """
    return Markup(f"data:{media},{text.translate(ESCAPED)}")


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
