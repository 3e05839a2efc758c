"""The models as JSON schema: what a value may be, in words, and the file by which editors complete config.yaml."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from medfusion.planning.config_models.common import WORDS
from medfusion.planning.config_models.whole import Configuration

Schema = dict[str, Any]

_KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "object": "a section of keys and values",
    "array": "a list",
}
NULL = {"type": "null"}


class _Generator(GenerateJsonSchema):
    """Without titles, which repeat the keys, and defaults, which are in config.yaml; in the order of the models."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: Any) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def model_schema(self, schema: Any) -> JsonSchemaValue:
        found = super().model_schema(schema)
        found.pop("title", None)
        return found

    def dict_schema(self, schema: Any) -> JsonSchemaValue:
        found = super().dict_schema(schema)
        return {**found, "additionalProperties": False} if "patternProperties" in found else found

    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:
        return value


@cache
def whole() -> Schema:
    """The JSON schema of a configuration that is checked."""
    return Configuration.model_json_schema(schema_generator=_Generator)


def for_editors() -> Schema:
    """The schema of config.yaml and of overlays as they are written: any key may be left out, an entry may be null."""

    def loosened(value: Any) -> Any:
        if isinstance(value, list):
            return [loosened(part) for part in value]
        if not isinstance(value, dict):
            return value
        found = {name: loosened(part) for name, part in value.items()}
        if isinstance(found.get("required"), list):
            del found["required"]
        if "discriminator" in found:  # of OpenAPI; what lacks its key fits several
            del found["discriminator"]
            found["anyOf"] = found.pop("oneOf")
        if "patternProperties" in found:
            found["patternProperties"] = {
                pattern: {"anyOf": [entry, NULL]} for pattern, entry in found["patternProperties"].items()
            }
        return found

    draft = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": draft, "title": "config.yaml of MedMNIST Fusion", **loosened(whole())}


def resolved(schema: Schema) -> Schema:
    """A schema with what it refers to, and without null beside one other choice."""
    while True:
        if "$ref" in schema:
            *_, name = schema["$ref"].split("/")
            schema = {**whole()["$defs"][name], **{key: part for key, part in schema.items() if key != "$ref"}}
        elif len(options := [option for option in schema.get("anyOf", ()) if option != NULL]) == 1:
            schema = {**options[0], **{key: part for key, part in schema.items() if key != "anyOf"}}
        else:
            return schema


def choices(schema: Schema) -> list[Schema]:
    """What a value may be one of, each resolved, without null."""
    schema = resolved(schema)
    options = schema.get("anyOf", schema.get("oneOf"))
    return [schema] if options is None else [resolved(option) for option in options if option != NULL]


def nullable(schema: Schema) -> bool:
    """Whether a value may be null."""
    return NULL in schema.get("anyOf", ()) or None in schema.get("enum", ())


def branch(schema: Schema, value: Any) -> Schema:
    """Of a choice between schemas, resolved, the only one that a section or a list can be meant by; else all."""
    kind = "object" if isinstance(value, Mapping) else "array" if isinstance(value, list) else None
    fitting = [option for option in choices(schema) if option.get("type") == kind and _fits(option, value)]
    return fitting[0] if kind and len(fitting) == 1 else resolved(schema)


def _fits(option: Schema, value: Any) -> bool:
    parts = option.get("properties", {}).items() if isinstance(value, Mapping) else ()
    return all(value.get(name) == part["const"] for name, part in parts if "const" in part)


def child(schema: Schema, part: str | int) -> Schema | None:
    """What a section or a list holds under a name or number; None if there is no such place."""
    if isinstance(part, int):
        return schema.get("items")
    named = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
    return schema.get("properties", {}).get(part) or next((one for one in named if isinstance(one, dict)), None)


def expected(schema: Schema) -> str:
    """A schema in words.

    >>> expected({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]}), expected({"enum": ["a", None]})
    ('a whole number of at least 1, or ~', 'one of a, ~')
    """
    optional, schema = NULL in schema.get("anyOf", ()), resolved(schema)
    return f"{_words(schema)}, or ~" if optional else _words(schema)


def _words(schema: Schema) -> str:
    if "anyOf" in schema or "oneOf" in schema:
        return " or ".join(dict.fromkeys(map(_words, choices(schema))))
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return f"one of {', '.join('~' if value is None else str(value) for value in schema['enum'])}"
    if WORDS in schema:
        return str(schema[WORDS]).removeprefix("expected ")
    words = [_KINDS[schema["type"]]]
    if "minLength" in schema:
        words.append("that is not empty")
    elif "minItems" in schema and schema["minItems"] == schema.get("maxItems"):
        words.append(f"with {schema['minItems']} entries")
    elif least := schema.get("minItems") or schema.get("minProperties"):
        words.append(f"with at least {least} {'entry' if least == 1 else 'entries'}")
    return " ".join([*words, *_range(schema)])


def _range(schema: Schema) -> Sequence[str]:
    if "minimum" in schema and "maximum" in schema:
        return [f"from {_number(schema['minimum'])} to {_number(schema['maximum'])}"]
    limits = {"minimum": "of at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    found = " and ".join(f"{word} {_number(schema[key])}" for key, word in limits.items() if key in schema)
    return [found] if found else []


def _number(value: float) -> str:
    return f"{value:.15g}"


def kinds(schema: Schema) -> set[str]:
    """The types of the values that a schema takes, "string", "number" and the like, but for null."""
    schema = resolved(schema)
    if "anyOf" in schema or "oneOf" in schema:
        return set().union(*map(kinds, choices(schema)))
    given = [*schema.get("enum", []), *([schema["const"]] if "const" in schema else [])]
    own = {"string" if isinstance(value, str) else "number" for value in given if value is not None}
    return own | ({schema["type"]} if "type" in schema else set())
