"""What names that others gave could do to a terminal, a spreadsheet or Markdown, and how they are kept from it.

A label, a file's name or a key may hold any character. HTML is escaped by the templates.
"""

import io
import re
import sys
import unicodedata
from collections.abc import Iterable
from typing import IO, Any, NoReturn

# Characters without a shape that a terminal, or the order of a line, obeys: control, format (writing direction),
# halves of a pair, separators of lines.
OBEYED = {"Cc", "Cf", "Cs", "Zl", "Zp"}
JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"  # of the spelling of Persian and Indic words, and of emoji
# A spreadsheet takes a cell that begins so for a formula.
FORMULA = re.compile(r"'*[=+\-@\t\r\n]")


def printable(text: str, keep: str = "") -> str:
    """Text with everything spelled out that is no visible character.

    Parameters
    ----------
    keep : characters that stay all the same

    >>> printable("\\x1b[31mred\\u202e"), printable("naïve 肺炎")
    ('\\\\x1b[31mred\\\\u202e', 'naïve 肺炎')
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        letter.encode("unicode_escape", "surrogatepass").decode("ascii")
        if unicodedata.category(letter) in OBEYED and letter not in JOINERS + keep
        else letter
        for letter in text
    )


def say(text: str, file: IO[str] | None = None) -> None:
    """Print lines of which nothing is obeyed by the terminal, on the standard output unless told otherwise."""
    print(printable(text, keep="\n"), file=file, flush=True)


def speak_utf8() -> None:
    """Let this program print every character, whatever the locale says."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not where something has taken its place
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def stop(text: str, status: int = 1) -> NoReturn:
    """End the program with a message on the standard error."""
    if status == 1:
        sys.exit(printable(text, keep="\n"))
    say(text, sys.stderr)
    sys.exit(status)


def cells(row: Iterable[Any]) -> list[Any]:
    """A row of a CSV file in which no text is a formula; numbers stay numbers. `text_of` is the way back.

    >>> cells(["=1+1", "+", "'=x", "-", -1.5, "a=b", ""])
    ["'=1+1", "'+", "''=x", "'-", -1.5, 'a=b', '']
    """
    return [f"'{cell}" if isinstance(cell, str) and FORMULA.match(cell) else cell for cell in row]


def text_of(cell: str) -> str:
    """The text that `cells` made a cell of.

    >>> text_of("'=1+1"), text_of("''=x"), text_of("'tis")
    ('=1+1', "'=x", "'tis")
    """
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell


def markdown(text: str) -> str:
    """Text on one line in which nothing means anything to Markdown or HTML.

    >>> markdown("a|b_c <i> #1 http://x"), markdown("- 2"), markdown("1. x"), markdown("-0.5")
    ('a\\\\|b\\\\_c &lt;i> \\\\#1 http&#58;//x', '&#45; 2', '1&#46; x', '-0.5')
    """
    text = printable(re.sub(r"\s*[\t\n\r]\s*", " ", text)).replace("&", "&amp;").replace("<", "&lt;")
    text = re.sub(r"([\\|_*`~\[\]#!$])", r"\\\1", text)
    text = re.sub(r"^\s*([-+](?=\s|$)|[=>]|-{2,}|\d+[.)](?=\s|$))", _escaped_start, text)
    return re.sub(r"(?<=[a-z])(:)(?=//)|(?<=www)(\.)|@", lambda found: f"&#{ord(found[0])};", text, flags=re.I)


def _escaped_start(found: re.Match) -> str:
    """What would begin a list, a quotation or the line under a heading: its last character in digits."""
    return f"{found[1][:-1]}&#{ord(found[1][-1])};"


def code(text: str) -> str:
    """A name as code in Markdown, also in a table; one that would end the code is plain text.

    >>> code("net/svm"), code("a`b")
    ('`net/svm`', 'a\\\\`b')
    """
    return markdown(text) if set(text) & set("`|\\\n") else f"`{printable(text)}`"
