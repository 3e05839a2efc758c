"""What is wrong with config.yaml as a text, before anything in it has a meaning."""

import argparse
import codecs
import contextlib
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from medfusion.errors import UserError

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one, where there is one: this runs at every start


LONGEST = 1_000_000  # bytes of a file; ours has 40,000
MOST_VALUES = 100_000  # that its aliases may stand for
# Plain words that YAML 1.1 reads as other numbers than people do: in base 8, or in base 60.
BASE_8, BASE_60 = re.compile(r"[-+]?0_*[0-7][0-7_]*"), re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


def check(path: str | Path) -> None:
    """Refuse a file that is not YAML, or of which YAML would silently make something else than it seems to say.

    That is a key that is there twice, of which the last would be kept, and a number in another base.

    Raises
    ------
    UserError
        On the first fault, naming file and line.
    """
    try:
        text = _text(Path(path))
        root = yaml.compose(text, Loader=Loader)
        if _values(root, {}) > MOST_VALUES:
            raise ValueError(f"its aliases stand for more than {MOST_VALUES:,} values")
        repeated = min(_repeated(root), default=None)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"{path}{place}: not valid YAML ({error.problem})") from None
    except RecursionError:
        raise UserError(f"{path}: not a readable YAML file in UTF-8 (too many lists or sections in others)") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        reason = reason or " ".join(str(error).split())
        raise UserError(f"{path}: not a readable YAML file in UTF-8 ({reason})") from None
    if repeated:
        line, key = repeated
        raise UserError(
            f"{path}, line {line}: the key {key!r} is there twice; only the last would count, so remove one"
        )
    for node in _nodes(root):
        if isinstance(node, yaml.ScalarNode) and node.tag in NUMBERS:
            _check_base(path, node)


def check_overlays(paths: Sequence[str]) -> None:
    """Check the files of --configfile, which takes all names after it: a later one may be meant as a target.

    Raises
    ------
    UserError
        As `check`.
    """
    for number, path in enumerate(paths):
        try:
            check(path)
        except UserError as error:
            target = number > 0 and not path.endswith((".yaml", ".yml"))
            hint = "; --configfile takes all names after it: a target stands before it" if target else ""
            raise UserError(f"{error}{hint}") from None


def check_arguments(arguments: Sequence[str]) -> None:
    """Check the files that a command line of Snakemake names with --configfile, before Snakemake reads them.

    Raises
    ------
    UserError
        As `check`.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--configfile", "--configfiles", nargs="+", action="extend", default=[])
    try:
        known, _ = parser.parse_known_args(arguments)
    except argparse.ArgumentError:  # for Snakemake to say
        return
    check_overlays(known.configfile)


def typed(arguments: Iterable[str]) -> dict[str, Any]:
    """The sections and lists among the KEY=VALUE of --config with the types that YAML gives: Snakemake has texts alone.

    >>> typed(["evaluation={replicates: 500}", "results=x", "a={'b': [1, no]}"])
    {'evaluation': {'replicates': 500}, 'a': {'b': [1, False]}}
    """
    found = {}
    for key, _, text in (str(argument).partition("=") for argument in arguments):
        with contextlib.suppress(yaml.YAMLError, RecursionError, ValueError):  # Snakemake takes it for a text
            value = yaml.safe_load(text)
            if isinstance(value, dict | list):
                found[key] = value
    return found


def _text(path: Path) -> str:
    """The text of a regular file that is no longer than any configuration."""
    if path.is_dir():
        raise ValueError("a folder; expected a file")
    if path.exists() and not path.is_file():
        raise ValueError("no regular file")
    with open(path, "rb") as file:
        content = file.read(LONGEST + 1)
    if len(content) > LONGEST:
        raise ValueError(f"longer than {LONGEST:,} bytes")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError("it is in UTF-16; save it as UTF-8")
    return content.decode("utf-8")


def _values(node: yaml.Node | None, known: dict[int, float]) -> float:
    """How many values a node stands for where each alias is written out; infinite for one that holds itself."""
    if not isinstance(node, yaml.CollectionNode):
        return 1
    if id(node) not in known:
        known[id(node)] = math.inf  # while it is counted
        parts = itertools.chain(*node.value) if isinstance(node, yaml.MappingNode) else node.value
        known[id(node)] = 1 + sum(_values(part, known) for part in parts)
    return known[id(node)]


def _check_base(path: str | Path, node: yaml.ScalarNode) -> None:
    """Refuse a number that YAML 1.1 reads in another base than it seems to be written in."""
    text = node.value
    other = "8" if BASE_8.fullmatch(text) else "60" if BASE_60.fullmatch(text) else ""
    if other:
        value = yaml.safe_load(text)
        ten = f"{text.lstrip('+-0_') or 0}, " if other == "8" else ""
        raise UserError(
            f"{path}, line {node.start_mark.line + 1}: YAML reads {text} in base {other}, as {value}; write {ten}"
            f"{value}, or put a text in quotes"
        )


def _nodes(root: yaml.Node | None) -> Iterator[yaml.Node]:
    """Every node once, in the order of the text."""
    seen, left = set(), [root]
    while left:
        node = left.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        if isinstance(node, yaml.MappingNode):
            left += [part for pair in reversed(node.value) for part in reversed(pair)]
        elif isinstance(node, yaml.SequenceNode):
            left += reversed(node.value)


def _repeated(root: yaml.Node | None) -> Iterator[tuple[int, str]]:
    """Line and name of each key that its section already has; a section that an alias repeats is looked at once."""
    for node in _nodes(root):
        known = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode) and key.value in known:
                yield key.start_mark.line + 1, key.value
            known.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
