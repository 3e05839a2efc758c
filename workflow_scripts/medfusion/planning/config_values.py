"""Values of a configuration in messages: how they are printed, what was probably meant, and what no place can hold."""

import difflib
import json
import math
import os
from collections.abc import Iterator, Sequence
from typing import Any

from medfusion.escaping import printable

LARGEST = 1e12  # no setting means more than this; beyond it computations overflow
# Keys by what they were once called.
RENAMED = {
    "twins": "near_duplicates",
    "votes": "ensembles",
    "auc": "auroc",
    "referred": "abstention_rate",
    "recall": "sensitivity",
    "views": "test_time_augmentation",
}
GONE = {"ablations": "; an ablation is a model of its own now, with `base` and `changes`: see configs/ablations.yaml"}
DEEPEST = 20  # sections inside sections; a YAML alias can hold itself


def unusable(value: Any, key: str = "", depth: int = 0) -> Iterator[str]:
    """Names that are not text, numbers that are none, text that cannot be printed: nothing that types can refuse."""
    where = key or "top level"
    if depth > DEEPEST:
        yield f"{where}: more than {DEEPEST} sections inside each other; expected at most 7"
    elif isinstance(value, dict):
        for name, entry in value.items():
            if not isinstance(name, str):
                yield f"{where}: the name {printed(name)} is not text{why_no_text(name)}; put it in quotes"
            elif not _printable(name):
                yield f"{where}: the name {name!r} holds an unprintable character; expected one line of plain text"
            else:
                yield from unusable(entry, f"{key}.{name}" if key else name, depth + 1)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from unusable(entry, f"{where}.{index}", depth + 1)
    elif isinstance(value, str) and not _printable(value):
        yield f"{where}: {printed(value)} holds an unprintable character; expected one line of plain text"
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{where}: {value} is no number to compute with; expected a finite one"
    elif isinstance(value, int | float) and abs(value) > LARGEST:
        yield f"{where}: {printed(value)} is too large; expected at most {LARGEST:g}"


def hint(word: str, known: Sequence[Any]) -> str:
    """What was probably meant by an unknown word, or all that is known."""
    return did_you_mean(word, known) or f"; known: {', '.join(map(str, known)) or 'none'}"


def printed(value: Any) -> str:
    """A value on one line, as YAML writes it, shortened.

    >>> printed(None), printed(True), printed("a"), printed([1, None])
    ('~', 'true', "'a'", '[1, None]')
    """
    if value is None or isinstance(value, bool):
        return "~" if value is None else json.dumps(value)
    if isinstance(value, int) and value.bit_length() > 200:  # Python refuses to write very long numbers
        return "a number of more than 60 digits"
    text = repr(value) if isinstance(value, str | list | dict) else str(value)
    return text if len(text) <= 80 else f"{text[:76]} ..."


def _printable(text: str) -> bool:
    """Whether text is one line that shows what it holds: no half of a character pair, which no file can hold either."""
    return printable(text) == text


def why_no_text(value: Any) -> str:
    """What YAML does to words that are meant as they stand."""
    if isinstance(value, bool):
        words = "yes, on and true" if value else "no, off and false"
        return f" (YAML reads {words} as {json.dumps(value)})"
    return " (YAML reads null, ~ and an empty place as nothing)" if value is None else ""


def unreadable(key: str, path: str, expected: str) -> Iterator[str]:
    """Why a file that a user names cannot be read, if so; `expected` is what it should be."""
    if not os.path.exists(path):
        yield f"{key}: there is no file {path!r}; relative paths start at {os.getcwd()}"
    elif not os.path.isfile(path):
        yield f"{key}: {path!r} is not a file; expected {expected}"
    elif not os.access(path, os.R_OK):
        yield f"{key}: {path!r} cannot be read (permission denied); make it readable (chmod +r)"


def did_you_mean(word: str, known: Sequence[Any]) -> str:
    """What was probably meant by an unknown word, if anything known is like it, or was called so once.

    >>> did_you_mean("twins", ["near_duplicates"]), did_you_mean("other", [None])
    ("; it is called 'near_duplicates' now", '')
    >>> did_you_mean("votes/all", ["ensembles/all"]), did_you_mean("votes/one", ["ensembles/all"])
    ("; it is called 'ensembles/all' now", "; 'votes' is called 'ensembles' now")
    """
    if word in GONE:
        return GONE[word]
    first, slash, rest = word.partition("/")
    if first in RENAMED and (now := f"{RENAMED[first]}{slash}{rest}") in known:
        return f"; it is called {now!r} now"
    if slash and first in RENAMED:
        return f"; {first!r} is called {RENAMED[first]!r} now"
    close = difflib.get_close_matches(word, [str(name) for name in known], 1)
    return f"; did you mean {close[0]!r}?" if close else ""
