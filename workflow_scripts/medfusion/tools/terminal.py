"""Tables and lines for the terminal, of which nothing is obeyed by it; and tables as Markdown."""

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from medfusion import escaping
from medfusion.report.page_components import Table

WIDTH = 160  # of a terminal that does not say how wide it is: a file or a pipe


def rich_table(table: Table) -> RichTable:
    """A table for the terminal."""
    result = RichTable(title=plain(table.caption), title_justify="left", title_style="italic")
    for i, name in enumerate(table.head):
        result.add_column(plain(name), justify="right" if i >= table.numeric else "left", overflow="fold")
    for body in table.bodies:
        for row in body.rows:
            result.add_row(*(plain(cell.text) for cell in row.cells), style="bold red" if row.kind == "worse" else None)
    return result


def plain(text: str, style: str = "") -> Text:
    """Text for the terminal, which obeys nothing in it."""
    return Text(escaping.printable(text, keep="\n"), style=style)


def console() -> Console:
    """The terminal; wide enough for tables where the output is a file or a pipe."""
    result = Console(highlight=False, soft_wrap=False)
    return result if result.is_terminal else Console(highlight=False, width=WIDTH)


def markdown_table(table: Table) -> str:
    """A table as Markdown."""
    line = ["---:" if i >= table.numeric else "---" for i in range(len(table.head))]
    rows = [[escaping.markdown(cell.text) for cell in row.cells] for body in table.bodies for row in body.rows]
    cells = [[escaping.markdown(name) for name in table.head], line, *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in cells)
