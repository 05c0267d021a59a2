"""Check: inputs are judged by the tables and completed with names and defaults, as the real provider does."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.codec import UNKNOWN, Path, Values, is_asset, show_path
from localcloud.schema import Property, ResourceType

DEFAULTS = "__defaults"
WORDS = {
    "string": "a string",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "asset": "a file or archive",
    "object": "an object",
    "list": "a list",
    "set": "a list",
    "map": "a map",
}


@dataclass(frozen=True, kw_only=True)
class Naming:
    """How a name is made where none is given: the resource's name, the engine's seed, the project's autonaming."""

    name: str
    seed: bytes
    proposed: str | None = None
    disabled: bool = False


def check(row: ResourceType, olds: Values, news: Values, naming: Naming) -> tuple[Values, list[str]]:
    """The checked inputs and every reason for refusing them: type, property and what is accepted."""
    given = {key: value for key, value in news.items() if value is not None and key != DEFAULTS}
    failures = [f"{row.token}: {reason}" for reason in refusals(row.properties, given, ())]
    return with_defaults(row.properties, olds, given, naming), failures


def refusals(properties: Mapping[str, Property], given: Values, path: Path) -> Iterator[str]:
    """What is wrong with an object: unknown and missing properties, types, enumerations, conflicts."""
    for name, value in given.items():
        where = (*path, name)
        known = properties.get(name)
        if known is None:
            yield unknown_property(show_path(where), name, properties)
        elif known.output:
            yield f"{show_path(where)} is an output of the resource and cannot be set"
        elif value is not None:
            yield from wrong_value(known, value, where)
    for name, known in properties.items():
        if known.required and given.get(name) is None:
            yield f"missing required property {show_path((*path, name))} ({describe(known)})"
        if known.conflicts and given.get(name) is not None:
            for other in map(camel_case, known.conflicts):
                if other in properties and given.get(other) is not None and name < other:
                    yield f"{show_path((*path, name))} conflicts with {other}: give one of them"


def unknown_property(where: str, name: str, properties: Mapping[str, Property]) -> str:
    """An unknown name, with the nearest known one if there is any near."""
    inputs = sorted(key for key, row in properties.items() if not row.output)
    near = difflib.get_close_matches(name, inputs, n=1, cutoff=0.6)
    hint = f"; did you mean '{near[0]}'?" if near else f"; accepted are: {', '.join(inputs)}"
    return f"unknown property {where}{hint}"


def wrong_value(known: Property, value: Any, path: Path) -> Iterator[str]:
    """What is wrong with one value. Unknown values pass: they are judged when they are known. Values are not repeated
    in a message, for they may be secret, unless the property accepts only listed ones."""
    if value is UNKNOWN:
        return
    if known.kind in ("list", "set", "map"):
        yield from wrong_collection(known, value, path)
        return
    if not has_kind(known.kind, value):
        yield f"{show_path(path)} must be {describe(known)}, not {found(value)}"
    elif known.enum and value not in known.enum and not known.secret:
        yield f"{show_path(path)} must be one of {', '.join(map(str, known.enum))}, not {value!r}"
    elif known.kind == "object":
        yield from refusals(known.fields, value, path)


def wrong_collection(known: Property, value: Any, path: Path) -> Iterator[str]:
    """What is wrong with a list, set or map and with its elements."""
    if not isinstance(value, dict if known.kind == "map" else list):
        yield f"{show_path(path)} must be {describe(known)}, not {found(value)}"
        return
    if known.max and len(value) > known.max:
        yield f"{show_path(path)} takes at most {known.max} elements, not {len(value)}"
    item, _, inner = known.item.partition(":")
    element = Property(kind=item, item=inner, fields=known.fields, enum=known.enum)
    for key, member in value.items() if isinstance(value, dict) else enumerate(value):
        yield from wrong_value(element, member, (*path, key))


def has_kind(kind: str, value: Any) -> bool:
    """Whether a known value has the type that the property asks for; nothing is converted."""
    if kind == "any":
        return True
    if kind == "asset":
        return is_asset(value)
    if kind in ("int", "float"):
        return isinstance(value, int if kind == "int" else (int, float)) and not isinstance(value, bool)
    return isinstance(value, {"string": str, "bool": bool, "object": dict}[kind])


def describe(known: Property) -> str:
    """What a property accepts, in words."""
    if known.enum:
        return f"one of {', '.join(map(str, known.enum))}"
    if known.item:
        item = known.item.partition(":")[0]
        return f"{WORDS[known.kind]} of {WORDS.get(item, 'values').removeprefix('a ').removeprefix('an ')}s"
    return WORDS.get(known.kind, "a value")


def found(value: Any) -> str:
    """The type of what was given instead."""
    kinds = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a string",
        list: "a list",
        dict: "an object",
    }
    return kinds.get(type(value), "nothing")


def with_defaults(properties: Mapping[str, Property], olds: Any, given: Values, naming: Naming | None) -> Values:
    """The inputs with names and defaults filled in. Like the real provider it lists them under `__defaults` and keeps
    a default that an earlier version of the resource got, so that a new default does not change what is there."""
    olds = olds if isinstance(olds, dict) else {}
    earlier = olds.get(DEFAULTS)
    result: Values = {name: complete(properties.get(name), olds.get(name), value) for name, value in given.items()}
    blocked = {camel_case(other) for name in given if name in properties for other in properties[name].conflicts}
    filled: list[str] = []
    for name, known in properties.items():
        if name in result or known.output or known.deprecated or name in blocked:
            continue
        if any(camel_case(other) in result for other in known.conflicts):
            continue
        reuse = olds.get(name) is not None and (earlier is None or name in earlier)
        if known.autoname and naming is not None and not naming.disabled:
            result[name] = olds[name] if reuse else make_name(known, naming)
        elif known.default is not None:
            result[name] = olds[name] if reuse else known.default
        else:
            continue
        filled.append(name)
    result[DEFAULTS] = sorted(filled)
    return result


def complete(known: Property | None, old: Any, value: Any) -> Any:
    """Defaults inside objects and lists of objects."""
    if known is None or not known.fields:
        return value
    if isinstance(value, list):
        before = old if isinstance(old, list) else []
        return [complete(known, before[i] if i < len(before) else None, item) for i, item in enumerate(value)]
    if isinstance(value, dict) and known.kind != "map":
        return with_defaults(known.fields, old, value, None)
    return value


def make_name(known: Property, naming: Naming) -> str:
    """`name-` and seven hexadecimal digits out of the engine's seed, or what the project's autonaming proposes."""
    if naming.proposed:
        return naming.proposed
    stem = naming.name.replace("-", "_") if known.separator == "_" else naming.name
    digest = hashlib.sha256(naming.seed + naming.name.encode()).hexdigest()
    return f"{stem[: known.length - 8]}{known.separator}{digest[:7]}"


def camel_case(path: str) -> str:
    """The last name of a Terraform path in Pulumi's spelling: conflicts are between properties of the same object."""
    return re.sub(r"_(\w)", lambda match: match.group(1).upper(), path.rsplit(".", 1)[-1])
