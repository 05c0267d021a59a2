"""The shape that every section of the stack file shares: frozen, strict, and each setting with clause and example."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

T = TypeVar("T")

Name = Annotated[str, StringConstraints(pattern=r"^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$")]
"""A name of ours that becomes part of resource names: at most 30 characters, the shortest limit (service accounts)."""

Reason = Annotated[str, StringConstraints(min_length=10, max_length=200)]
"""A sentence for the reviewer."""

Named = Annotated[Mapping[Name, T], AfterValidator(MappingProxyType)]
"""A read-only mapping from a name to a section."""


class Section(BaseModel):
    """A part of the stack file. Keys are camelCase there; unknown keys and wrong types are refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=to_camel,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )


def setting(clause: str, example: object, default: Any = ..., **constraints: Any) -> Any:
    """Declare a value: the clause it serves and an example that is good enough to show in an error message."""
    return Field(default, examples=[example], json_schema_extra={"clause": clause}, **constraints)


def section(clause: str, default: Any = ...) -> Any:
    """Declare a nested section; its example is made of those of its settings."""
    return Field(default, json_schema_extra={"clause": clause})


def named(clause: str, example: str, default: Any = ...) -> Any:
    """Declare a mapping from names to sections; the example is a name."""
    return Field(default, examples=[example], json_schema_extra={"clause": clause})


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One thing wrong in the stack file: where, which clause it touches, what is wrong, what to write instead."""

    key: str
    clause: str
    problem: str
    example: str
    others: tuple[str, ...] = ()
    """Further keys whose values the verdict rests on; when one of them is itself wrong, the verdict is withheld."""
