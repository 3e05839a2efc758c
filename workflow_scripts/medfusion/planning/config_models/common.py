"""What the models of all sections share: a section, and types of values."""

from collections.abc import Iterator
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

# Types of errors, beside those of pydantic.
NEIGHBOURS, TWICE, NO_CHOICE = "neighbours", "twice", "no_choice"
# What VS Code and others say of a text that does not match; words for messages of ours too.
WORDS = "patternErrorMessage"
NAME = "letters, digits, _ and -, a letter first, at most 50"

T = TypeVar("T")


class Section(BaseModel):
    """A section: these keys and no others, each value of the type that is written."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)

    def faults(self) -> Iterator[tuple[str, str]]:
        """What is wrong between neighbours: the key below this section, "" for itself, and a sentence."""
        yield from ()

    @model_validator(mode="after")
    def _neighbours(self) -> Self:
        if found := list(self.faults()):
            raise PydanticCustomError(NEIGHBOURS, "what does not go together", {"found": found})
        return self


AnySection = TypeVar("AnySection", bound=Section)


def key(description: str, **limits: Any) -> Any:
    """A key that must be there; limits as `pydantic.Field` takes them."""
    return Field(description=description, **limits)


def optional(description: str, default: Any = None, **limits: Any) -> Any:
    """A key that may be left out: where there is no default here, `defaults` or what is known of the data gives one."""
    return Field(default, description=description, **limits)


def matching(pattern: str, words: str, **limits: Any) -> Any:
    """Limits of a text that matches a regular expression, and how to say so."""
    return Field(pattern=pattern, json_schema_extra={WORDS: f"expected {words}"}, **limits)


def _all_keys(section: AnySection) -> AnySection:
    if missing := [name for name in type(section).model_fields if name not in section.model_fields_set]:
        raise PydanticCustomError(NEIGHBOURS, "keys are missing", {"found": [("", f"lacks {', '.join(missing)}")]})
    return section


def _each_once(values: list[T]) -> list[T]:
    if any(value in values[:i] for i, value in enumerate(values)):
        raise PydanticCustomError(TWICE, "a value is there twice")
    return values


def _whole(value: T) -> T:
    if isinstance(value, float):  # 28.0 == 28, but names other files
        raise PydanticCustomError(NO_CHOICE, "not a whole number")
    return value


Complete = Annotated[AnySection, AfterValidator(_all_keys)]  # of `defaults`: no key may be left out
Distinct = Annotated[list[T], AfterValidator(_each_once), Field(json_schema_extra={"uniqueItems": True})]
SomeDistinct = Annotated[Distinct[T], Field(min_length=1)]
Whole = BeforeValidator(_whole)  # of choices between numbers
Name = Annotated[str, matching(r"^[A-Za-z][A-Za-z0-9_-]{0,49}$", NAME)]
Text = Annotated[str, matching(r"\S", "text of 1 to 200 characters", max_length=200)]
Label = Annotated[str, matching(r"\S", "text of 1 to 60 characters", max_length=60)] | None
NotEmpty = Annotated[str, Field(min_length=1)]
Sha256 = Annotated[str, matching(r"^[0-9a-f]{64}$", "64 of the characters 0-9 and a-f")] | None
Seed = Annotated[int, Field(ge=0, le=4294967295)]
Share = Annotated[float, Field(ge=0, lt=1)]  # of something, never all of it
