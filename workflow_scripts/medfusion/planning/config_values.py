"""What is wrong with single values of a configuration, in words: one line for each fault, naming its key."""

import difflib
import json
import math
import os
from collections.abc import Iterator, Sequence
from typing import Any

import jsonschema
import yaml

from medfusion.escaping import printable

LARGEST = 1e12  # no setting means more than this; beyond it computations overflow
# Keys by what they were once called.
RENAMED = {
    "twins": "near_duplicates",
    "votes": "ensembles",
    "auc": "auroc",
    "referred": "abstention_rate",
    "recall": "sensitivity",
}
DEEPEST = 20  # sections inside sections; a YAML alias can hold itself

_KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "object": "a section of keys and values",
    "array": "a list",
    "null": "~",
}


def _whole(checker: jsonschema.TypeChecker, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


# As JSON schema has it, but 1.0 is no integer: as a seed it names other files than 1, and scikit-learn refuses it.
Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", _whole),
)


def unusable(value: Any, key: str = "", depth: int = 0) -> Iterator[str]:
    """Names that are not text, numbers that are none, text that cannot be printed: nothing a schema can refuse."""
    where = key or "top level"
    if depth > DEEPEST:
        yield f"{where}: more than {DEEPEST} sections inside each other; expected at most 7"
    elif isinstance(value, dict):
        for name, entry in value.items():
            if not isinstance(name, str):
                yield f"{where}: the name {shown(name)} is not text{_why_no_text(name)}; put it in quotes"
            elif not _printable(name):
                yield f"{where}: the name {name!r} holds an unprintable character; expected one line of plain text"
            else:
                yield from unusable(entry, f"{key}.{name}" if key else name, depth + 1)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from unusable(entry, f"{where}.{index}", depth + 1)
    elif isinstance(value, str) and not _printable(value):
        yield f"{where}: {shown(value)} holds an unprintable character; expected one line of plain text"
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{where}: {value} is no number to compute with; expected a finite one"
    elif isinstance(value, int | float) and abs(value) > LARGEST:
        yield f"{where}: {shown(value)} is too large; expected at most {LARGEST:g}"


def schema_faults(value: Any, schema: dict[str, Any]) -> list[str]:
    """What a schema finds wrong with a value, one line for each fault, sorted."""
    return sorted({_explain(error, value) for error in Validator(schema).iter_errors(value)})


def item_faults(key: str, values: list[Any], schema: dict[str, Any]) -> Iterator[str]:
    """What is wrong with each value of a list that should all be as `schema` says."""
    for value in values:
        if error := next(Validator(schema).iter_errors(value), None):
            yield f"{key}: {_unexpected(value, error.schema)}"


def hint(word: str, known: Sequence[Any]) -> str:
    """What was probably meant by an unknown word, or all that is known."""
    return did_you_mean(word, known) or f"; known: {', '.join(map(str, known)) or 'none'}"


def shown(value: Any) -> str:
    """A value on one line, as YAML writes it, shortened.

    >>> shown(None), shown(True), shown("a"), shown([1, None])
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


def _explain(error: jsonschema.ValidationError, config: Any) -> str:
    """One line for a fault that the schema found in `config`."""
    schema: Any = error.schema
    given: Any = error.instance
    key = ".".join(str(part) for part in error.absolute_path) or "top level"
    if error.validator == "additionalProperties":
        known = list(schema.get("properties", {}))
        unknown = [name for name in given if name not in known]
        return "; ".join(f"{key}: unknown key {name!r}{hint(str(name), known)}" for name in unknown)
    if error.validator == "required":
        required: Any = error.validator_value
        missing = [name for name in required if name not in given]
        # Often the section itself is misspelt, so that it is a new one beside the one that was meant.
        *parents, name = error.absolute_path or ("",)
        for part in parents:
            config = config[part]
        others = [other for other in config if other != name] if parents and isinstance(config, dict) else []
        return f"{key}: lacks {', '.join(missing)}{did_you_mean(str(name), others)}"
    if error.validator == "uniqueItems":
        twice = next(value for i, value in enumerate(given) if value in given[:i])
        return f"{key}: {shown(twice)}{_why_no_text(twice)} is there twice; expected each value once"
    if schema.get("title") == "name":
        return f"{key}: {shown(given)} is not a valid name; expected {schema['description']}"
    return f"{key}: {_unexpected(given, schema)}"


def _unexpected(value: Any, schema: dict[str, Any]) -> str:
    """The value, what the schema expects instead, and what was probably meant."""
    text = f"{shown(value)}; expected {_expected(schema)}"
    kinds = _kinds(schema)
    if isinstance(value, str):
        if kinds & {"integer", "number"} and (meant := _number_in(value, schema)):
            return f"{text}. {meant}"
        return text + did_you_mean(value, [word for word in schema.get("enum", []) if isinstance(word, str)])
    if kinds <= {"string", "null"} and not isinstance(value, list | dict):
        return f"{text}{_why_no_text(value)}{'' if 'enum' in schema else '; put a text in quotes'}"
    return text


def _number_in(text: str, schema: dict[str, Any]) -> str:
    """How to write the number that a text holds, if the schema takes it; else nothing."""
    try:
        number = float(text)
    except ValueError:
        return ""
    whole = math.isfinite(number) and number.is_integer()
    if not math.isfinite(number) or not Validator(schema).is_valid(int(number) if whole else number):
        return ""
    if isinstance(yaml.safe_load(text), int | float):
        return f"In quotes it is text: write {_yaml_number(number)}"
    return f"YAML takes {text} for text, for want of a point or a sign: write {_yaml_number(number)}"


def _why_no_text(value: Any) -> str:
    """What YAML does to words that are meant as they stand."""
    if isinstance(value, bool):
        words = "yes, on and true" if value else "no, off and false"
        return f" (YAML reads {words} as {json.dumps(value)})"
    return " (YAML reads null, ~ and an empty place as nothing)" if value is None else ""


def _kinds(schema: dict[str, Any]) -> set[str]:
    """The types of the values that a schema takes."""
    options = [_kinds(option) for option in schema.get("anyOf", [])]
    given = [*schema.get("enum", []), *([schema["const"]] if "const" in schema else [])]
    own = {"string" if isinstance(value, str) else "number" for value in given if value is not None}
    return set(_types(schema)).union(own, *options)


def _types(schema: dict[str, Any]) -> list[str]:
    kinds = schema.get("type", [])
    return [kinds] if isinstance(kinds, str) else kinds


def _expected(schema: dict[str, Any]) -> str:
    """A schema in words.

    >>> _expected({"type": ["integer", "null"], "minimum": 1}), _expected({"enum": ["a", None]})
    ('a whole number of at least 1, or ~', 'one of a, ~')
    """
    if "anyOf" in schema:
        return " or ".join(_expected(option) for option in schema["anyOf"])
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return f"one of {', '.join('~' if value is None else str(value) for value in schema['enum'])}"
    kinds = _types(schema)
    words = [_KINDS[kind] for kind in kinds if kind != "null"]
    if "pattern" in schema:
        words = [schema["description"]]
    elif "minLength" in schema:
        words.append("that is not empty")
    elif "minItems" in schema and schema["minItems"] == schema.get("maxItems"):
        words.append(f"with {schema['minItems']} entries")
    elif least := schema.get("minItems") or schema.get("minProperties"):
        words.append(f"with at least {least} {'entry' if least == 1 else 'entries'}")
    words.append(_range(schema))
    text = " ".join(word for word in words if word)
    return f"{text}, or ~" if "null" in kinds else text


def _range(schema: dict[str, Any]) -> str:
    if "minimum" in schema and "maximum" in schema:
        return f"from {_number(schema['minimum'])} to {_number(schema['maximum'])}"
    limits = {"minimum": "of at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    return " and ".join(f"{word} {_number(schema[key])}" for key, word in limits.items() if key in schema)


def _number(value: float) -> str:
    return f"{value:.15g}"


def _yaml_number(value: float) -> str:
    """A number as YAML 1.1 takes it: 1e-5 is a text there.

    >>> _yaml_number(1e-5), _yaml_number(0.0015), _yaml_number(64.0)
    ('1.0e-05', '1.5e-03', '64')
    """
    small = 0 < abs(value) < 0.01
    digits, exponent, power = (f"{value:.15e}" if small else _number(value)).partition("e")
    digits = digits.rstrip("0").rstrip(".") if small else digits
    return digits + (".0" if exponent and "." not in digits else "") + exponent + power


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
    first, slash, rest = word.partition("/")
    if first in RENAMED and (now := f"{RENAMED[first]}{slash}{rest}") in known:
        return f"; it is called {now!r} now"
    if slash and first in RENAMED:
        return f"; {first!r} is called {RENAMED[first]!r} now"
    close = difflib.get_close_matches(word, [str(name) for name in known], 1)
    return f"; did you mean {close[0]!r}?" if close else ""
