"""Write what follows from the models of the configuration: config.schema.json, and the tables of docs/configuration.md.

Run by `make schema`; a test asks whether both are what the models give.
"""

import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

from medfusion.learning.architectures.registry import OPTIONS  # noqa: E402
from medfusion.planning import backbones  # noqa: E402
from medfusion.planning.config_models import schema  # noqa: E402
from medfusion.planning.config_models.classifiers import STEP  # noqa: E402

FILE, PAGE = ROOT / "schemas/config.schema.json", ROOT / "docs/configuration.md"
BEGIN, END = "<!-- keys: make schema -->\n", "<!-- end -->\n"
# What the entries of a section, by any name, leave to which part of `defaults`, the longest first; a table for each.
ENTRIES = {
    "datasets.NAME.models.NAME": "defaults.model",
    "datasets.NAME": "defaults.dataset",
    "networks.NAME": "defaults",
    "classifiers.NAME": "defaults.classifier",
    "fusions.NAME": "",
}
SAID = [f"defaults.{part}" for part in ("dataset", "model", "training", "features", "classifier")]  # there
ABSENT = object()
# Defaults that are in the code.
OTHERS = {
    "fusions.NAME.step": STEP,
    "networks.NAME.options.in_package": backbones.OPTIONS["in_package"],
    **{f"networks.NAME.options.input.{name}": value for name, value in backbones.INPUT.items() if name != "size"},
}


def file() -> str:
    """schemas/config.schema.json, by which editors complete config.yaml and overlays."""
    whole = schema.for_editors()
    lines = [
        f"  {json.dumps(name)}: {json.dumps(part, ensure_ascii=False)}" for name, part in whole.pop("$defs").items()
    ]
    defined = ",\n".join(lines)
    return f'{{"$defs": {{\n{defined}\n}},\n{json.dumps(whole, ensure_ascii=False)[1:]}\n'


def tables() -> str:
    """All keys: what each may be, its default and what it is."""
    found: dict[str, list[str]] = {"": []}
    for key, node, required in _keys(schema.whole()):
        entry = next((entry for entry in ENTRIES if key.startswith(f"{entry}.")), "")
        cells = [f"`{key.removeprefix(f'{entry}.')}`", _values(node), _default(key, entry, node, required)]
        found.setdefault(entry, []).append(f"| {' | '.join([*cells, node['description']])} |\n")
    head = "| key | value | default | what it is |\n| --- | --- | --- | --- |\n"
    return "\n".join((f"### {entry}\n\n" if entry else "") + head + "".join(rows) for entry, rows in found.items())


def with_tables(page: str) -> str:
    """The page with the tables written anew."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin and end, f"{PAGE.name} lacks {BEGIN.strip()} … {END.strip()}"
    return f"{before}{BEGIN}\n{tables()}\n{END}{after}"


def _keys(node: schema.Schema, key: str = "") -> Iterator[tuple[str, schema.Schema, bool]]:
    """Every key below a place, with its schema, and whether it must be there."""
    options = schema.choices(node)
    for option in options:
        for part in option.get("patternProperties", {}).values():
            yield from _keys(part, f"{key}.NAME")
        if isinstance(option.get("items"), dict):
            yield from _keys(option["items"], f"{key}.*")
    for name in dict.fromkeys(name for option in options for name in option.get("properties", {})):
        place = f"{key}.{name}" if key else name
        if place not in SAID:
            parts = [option["properties"][name] for option in options if name in option.get("properties", {})]
            part = (
                parts[0]
                if parts.count(parts[0]) == len(parts)
                else {"anyOf": parts, "description": parts[0]["description"]}
            )
            yield place, part, all(name in option.get("required", ()) for option in options)
            yield from _keys(part, place)


def _values(node: schema.Schema) -> str:
    plain, null = schema.resolved(node), ", or ~" if schema.nullable(node) else ""
    if plain.get("type") == "object":
        return f"a section{null}"
    if "enum" not in plain and (item := plain.get("items", {"type": "string"})) != {"type": "string"}:
        return f"{schema.expected(plain)}, each {schema.expected(item)}{'; or ~' if null else ''}"
    return schema.expected(node)


def _default(key: str, entry: str, node: schema.Schema, required: bool) -> str:
    """The value of a key in `defaults`, in an architecture, or in config.yaml, where it has one place."""
    if of := _of_architectures(key.removeprefix("networks.NAME.options.")):
        return "; ".join(f"{value} ({', '.join(names)})" for value, names in of.items())
    value = _value(f"{ENTRIES[entry]}{key.removeprefix(entry)}" if entry else key)
    if value is ABSENT:
        value = OTHERS.get(key, ABSENT)
    if value is not ABSENT:
        return "" if isinstance(value, dict) else _written(value)
    return "required" if required else "`~`" if schema.nullable(node) else ""


def _of_architectures(option: str) -> dict[str, list[str]]:
    """The defaults of an option, and the architectures that have them."""
    found: dict[str, list[str]] = {}
    for name, options in OPTIONS.items():
        if option in options:
            found.setdefault(_written(options[option]), []).append(name)
    return found


@cache
def _config() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def _value(key: str) -> Any:
    """What stands under a key of config.yaml."""
    value: Any = _config()
    for part in key.split("."):
        value = value.get(part, ABSENT) if isinstance(value, dict) else ABSENT
    return value


def _written(value: Any) -> str:
    """A value as YAML writes it."""
    text = yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("...\n").strip()
    return f"`{text.replace('null', '~')}`"


if __name__ == "__main__":
    FILE.write_text(file(), encoding="utf-8")
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
