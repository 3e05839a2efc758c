"""The order of names as people read them: numbers in them as numbers."""

import re
from collections.abc import Sequence
from decimal import Decimal

# A minus between words is a hyphen: a sign stands at the beginning or behind a blank, a bracket, = or _.
NUMBER = re.compile(r"((?:(?<![^\s(\[=_])[-\u2212+])?\d+(?:\.\d+)?)")


def natural_key(name: str) -> tuple:
    """By which names are sorted: text without regard to capitals, numbers by their value.

    >>> sorted(["grade 10", "Grade 2", "grade 9"], key=natural_key), sorted(["1", "0.5", "-2", "10"], key=natural_key)
    (['Grade 2', 'grade 9', 'grade 10'], ['-2', '0.5', '1', '10'])
    """
    parts = NUMBER.split(name)  # text and numbers in turn, text first
    return tuple(_value(part) if place % 2 else part.casefold() for place, part in enumerate(parts)), name


def is_numbered(names: Sequence[str]) -> bool:
    """Whether the first numbers of sorted names grow, so that the names say their order.

    >>> is_numbered(["grade 2", "grade 10"]), is_numbered(["mild", "none"]), is_numbered(["1 none", "1 severe"])
    (True, False, False)
    """
    found = [match for name in names if (match := NUMBER.search(name))]
    if len(found) < len(names):
        return False
    values = [_value(match[1]) for match in found]
    return all(one < other for one, other in zip(values, values[1:], strict=False))


def _value(number: str) -> Decimal:
    return Decimal(number.replace("\N{MINUS SIGN}", "-"))
