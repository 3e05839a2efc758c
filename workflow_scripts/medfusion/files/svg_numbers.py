"""The numbers behind a figure, kept inside its SVG file: so a figure never stands beside the numbers of another."""

from pathlib import Path
from xml.sax.saxutils import escape, unescape

import pandas as pd

from medfusion.files.tables import csv_text

OPENING, CLOSING = b'<metadata id="numbers">', b"</metadata>"
END = b"</svg>"


def embed(path: str | Path, numbers: pd.DataFrame) -> None:
    """Put a table into an SVG file, as CSV in an element of metadata that no program draws.

    Raises
    ------
    ValueError
        If the file does not end as an SVG does.
    """
    path = Path(path)
    drawing, end, rest = path.read_bytes().rpartition(END)
    if not end:
        raise ValueError(f"{path} is no SVG file")
    text = escape(csv_text(numbers, float_format="%.6g"))
    path.write_bytes(drawing + OPENING + text.encode() + CLOSING + b"\n" + end + rest)


def take_out(content: bytes) -> tuple[bytes, str]:
    """An SVG file's content without its numbers, and these as CSV; empty where it has none."""
    before, opening, rest = content.partition(OPENING)
    if not opening:
        return content, ""
    text, _, after = rest.partition(CLOSING)
    return before + after.removeprefix(b"\n"), unescape(text.decode())
