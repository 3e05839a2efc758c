"""What the models find wrong with a configuration, in words: one line for each fault, naming its key."""

import copy
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import ValidationError

from medfusion.planning.config_models import schema
from medfusion.planning.config_models.common import NAME, NEIGHBOURS, TWICE
from medfusion.planning.config_models.whole import Configuration
from medfusion.planning.config_values import did_you_mean, hint, printed, why_no_text

MISSING, UNKNOWN, BAD_NAME, VALUE = "missing", "extra_forbidden", "bad name", "value"
NO_KIND, OTHER_KIND = "union_tag_not_found", "union_tag_invalid"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong.

    kind : a type of error as pydantic or common.py names it; VALUE for all that say that a value is none of those that
        may be there
    path : the keys and numbers that lead to the place
    found, among : the schemas of what may be there: one where the value says which of several is meant, and all
    value : what is there
    more : the key that is unknown or missing, or what common.py says
    """

    kind: str
    path: tuple[str | int, ...]
    found: schema.Schema
    among: schema.Schema
    value: Any
    more: Any


def faults(config: Any) -> list[str]:
    """What is wrong with a configuration, as far as it can be said without its defaults; lines, sorted."""
    found = _found(config)
    missing = [fault for fault in found if fault.kind == MISSING]
    lines = {_lacks(config, path, missing) for path in {fault.path for fault in missing}}
    return sorted(lines.union(*(_lines(config, fault) for fault in found if fault.kind != MISSING)))


def _found(config: Any) -> list[Fault]:
    try:
        Configuration.model_validate(config)
    except ValidationError as error:
        found = [
            _fault(one["type"], one["loc"], one.get("ctx", {}), config)
            for one in error.errors(include_url=False, include_input=False)
        ]
        return [fault for fault in found if not _of_another_choice(fault, found)]
    return []


def _fault(kind: str, loc: tuple[str | int, ...], context: Mapping[str, Any], config: Any) -> Fault:
    """An error of pydantic, at its place: in `loc` are tags too, of the choice that was tried."""
    last = next(reversed(loc), None)
    path: list[str | int] = []
    among, value = schema.whole(), config
    found = schema.branch(among, value)
    for part in loc:
        inside = schema.child(found, part)
        if inside is None or not _holds(value, part):
            continue
        path, among, value = [*path, part], inside, value[part]
        found = schema.branch(among, value)
    more: Any = context.get("found", last)
    if last == "[key]":
        kind, more = BAD_NAME, path.pop()
    elif kind in (NO_KIND, OTHER_KIND):
        more = str(context["discriminator"]).strip("'")
        kind = MISSING if kind == NO_KIND else kind
    elif kind not in (MISSING, UNKNOWN, TWICE, NEIGHBOURS):
        kind = VALUE
    return Fault(kind, tuple(path), found, among, value, more)


def _holds(value: Any, part: str | int) -> bool:
    if isinstance(part, int):
        return isinstance(value, list) and part < len(value)
    return isinstance(value, Mapping) and part in value


def _of_another_choice(fault: Fault, found: Iterable[Fault]) -> bool:
    """Whether an error says only that a value is none of a choice that was not meant: another says what is wrong."""
    return (
        fault.kind == VALUE
        and fault.found is not fault.among
        and any(
            other.path[: len(fault.path)] == fault.path and (other.path != fault.path or other.kind != VALUE)
            for other in found
        )
    )


def _lacks(config: Any, path: tuple[str | int, ...], missing: Iterable[Fault]) -> str:
    """The keys that a section lacks. Often it is itself misspelt: a new one beside the one that was meant."""
    others: list[Any] = []
    for part in path:
        others = [other for other in config if other != part] if isinstance(config, Mapping) else []
        config = config[part]
    names = ", ".join(fault.more for fault in missing if fault.path == path)
    return f"{_key(path)}: lacks {names}{did_you_mean(str(path[-1]), others) if path[1:] else ''}"


def _lines(config: Any, fault: Fault) -> Iterator[str]:
    """A fault in words."""
    key, value = _key(fault.path), fault.value
    if fault.kind == UNKNOWN:
        yield f"{key}: unknown key {fault.more!r}{hint(fault.more, list(fault.found.get('properties', {})))}"
    elif fault.kind == BAD_NAME:
        yield f"{key}: {printed(fault.more)} is not a valid name; expected {NAME}"
    elif fault.kind == NEIGHBOURS:
        for below, sentence in fault.more:
            yield f"{_key((*fault.path, *([below] if below else [])))}: {sentence}"
    elif fault.kind == TWICE:
        twice = next(one for i, one in enumerate(value) if one in value[:i])
        yield f"{key}: {printed(twice)}{why_no_text(twice)} is there twice; expected each value once"
    elif fault.kind == OTHER_KIND:
        choices = [schema.resolved(option)["properties"][fault.more]["const"] for option in fault.among["oneOf"]]
        yield f"{key}.{fault.more}: {_unexpected(value[fault.more], {'enum': choices})}"
    else:
        number = _number_in(config, fault) if isinstance(value, str) else ""
        yield f"{key}: {_unexpected(value, fault.among, number)}"


def _key(path: Iterable[str | int]) -> str:
    return ".".join(map(str, path)) or "top level"


def _unexpected(value: Any, among: schema.Schema, number: str = "") -> str:
    """The value, what is expected instead, and what was probably meant."""
    text = f"{printed(value)}; expected {schema.expected(among)}"
    if number:
        return f"{text}. {number}"
    plain = schema.resolved(among)
    if isinstance(value, str):
        return text + did_you_mean(value, [word for word in plain.get("enum", []) if isinstance(word, str)])
    if schema.kinds(among) == {"string"} and not isinstance(value, list | dict):
        return f"{text}{why_no_text(value)}{'' if 'enum' in plain else '; put a text in quotes'}"
    return text


def _number_in(config: Any, fault: Fault) -> str:
    """How to write the number that a text holds, if it may be there; else nothing."""
    text = fault.value
    if not schema.kinds(fault.among) & {"integer", "number"}:
        return ""
    try:
        number = float(text)
    except ValueError:
        return ""
    if not math.isfinite(number) or not fault.path:
        return ""
    changed = place = copy.deepcopy(config)
    for part in fault.path[:-1]:
        place = place[part]
    place[fault.path[-1]] = int(number) if number.is_integer() else number
    if any(other.path == fault.path for other in _found(changed)):
        return ""
    if isinstance(yaml.safe_load(text), int | float):
        return f"In quotes it is text: write {_yaml_number(number)}"
    return f"YAML takes {text} for text, for want of a point or a sign: write {_yaml_number(number)}"


def _yaml_number(value: float) -> str:
    """A number as YAML 1.1 takes it: 1e-5 is a text there.

    >>> _yaml_number(1e-5), _yaml_number(0.0015), _yaml_number(64.0)
    ('1.0e-05', '1.5e-03', '64')
    """
    small = 0 < abs(value) < 0.01
    digits, exponent, power = (f"{value:.15e}" if small else f"{value:.15g}").partition("e")
    digits = digits.rstrip("0").rstrip(".") if small else digits
    return digits + (".0" if exponent and "." not in digits else "") + exponent + power
