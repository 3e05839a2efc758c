"""What is wrong with config.yaml as a text, before anything in it has a meaning."""

from collections.abc import Iterator
from pathlib import Path

import yaml

from medfusion.errors import UserError

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one, where there is one: this runs at every start


def check(path: str | Path) -> None:
    """Refuse a file that is not YAML, or in which a key is there twice: YAML would silently keep the last.

    Raises
    ------
    UserError
        On the first fault, naming file and line.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=Loader)
        repeated = min(_repeated(root), default=None)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise UserError(f"{path}, line {mark.line + 1}: not valid YAML ({error.problem})") from None
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: not a readable YAML file in UTF-8 ({reason})") from None
    if repeated:
        line, key = repeated
        raise UserError(
            f"{path}, line {line}: the key {key!r} is there twice; only the last would count, so remove one"
        )


def _repeated(root: yaml.Node | None) -> Iterator[tuple[int, str]]:
    """Line and name of each key that its section already has; a section that an alias repeats is looked at once."""
    seen, left = set(), [root]
    while left:
        node = left.pop()
        if node is None or id(node) in seen or not isinstance(node, yaml.CollectionNode):
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            left += node.value
            continue
        known = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in known:
                yield key.start_mark.line + 1, key.value
            known.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
            left.append(value)
