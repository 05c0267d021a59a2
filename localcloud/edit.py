"""Changes by hand, outside of any stack: what an engineer does in the console at night."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import replace
from typing import Any

from localcloud.check import wrong_value
from localcloud.codec import Path, Values, show_path
from localcloud.errors import LocalCloudError
from localcloud.schema import Property, resource_type
from localcloud.store import Resource, Store

MASK = "[secret]"


def one(store: Store, which: str) -> Resource:
    """The resource with this id or URN, or the only one with this name."""
    everything = store.find()
    for found in (
        [item for item in everything if which in (item.id, item.urn)],
        [item for item in everything if which in (item.urn.split("::")[-1], item.name)],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            choices = "\n".join(f"  {item.type} {item.urn or item.id}" for item in found)
            raise LocalCloudError(f"{which} names {len(found)} resources; give the id or the URN of one:\n{choices}")
    raise LocalCloudError(f"there is no resource {which}; `python -m localcloud list` shows what there is")


def masked(resource: Resource) -> Values:
    """The properties without secret values."""

    def hide(value: Any, path: Path) -> Any:
        if path in resource.secrets:
            return MASK
        if isinstance(value, dict):
            return {key: hide(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [hide(item, (*path, index)) for index, item in enumerate(value)]
        return value

    return {key: hide(value, (key,)) for key, value in resource.properties.items()}


def parse_path(text: str) -> Path:
    """`settings.databaseFlags[0].value` in parts."""
    parts = re.findall(r"([^.\[\]]+)|\[(\d+)\]", text)
    if not parts:
        raise LocalCloudError(f"{text!r} is no path; write it like settings.databaseFlags[0].value")
    return tuple(int(index) if index else name for name, index in parts)


def parse_value(text: str) -> Any:
    """JSON where it is JSON, else the text itself."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def assign(store: Store, which: str, *assignments: str) -> list[tuple[str, str, str]]:
    """Set properties to values that the cloud would accept, all or none; `null` removes one.

    Returns path, before and after of each."""
    parsed = [parse_assignment(text) for text in assignments]
    done: list[tuple[str, str, str]] = []
    with store.transaction():
        resource = one(store, which)
        properties = copy.deepcopy(resource.properties)
        for path, value in parsed:
            known = property_at(resource, path)
            for wrong in () if value is None else wrong_value(known, value, path):
                raise LocalCloudError(f"{resource.type}: {wrong}")
            before = put(properties, path, value)
            secret = any(path[: len(mark)] == mark for mark in resource.secrets)
            told = (MASK, MASK) if secret else (json.dumps(before), json.dumps(value))
            done.append((show_path(path), *told))
        store.put(replace(resource, properties=properties))
    return done


def parse_assignment(text: str) -> tuple[Path, Any]:
    """`path=value` in parts."""
    target, equals, value = text.partition("=")
    if not equals:
        raise LocalCloudError(f"{text!r} is no assignment; write it like settings.tier=db-f1-micro")
    return parse_path(target.strip()), parse_value(value.strip())


def property_at(resource: Resource, path: Path) -> Property:
    """What the table says about a path; a path that the type does not have is refused."""
    fields = resource_type(resource.type).properties
    known: Property | None = None
    for part in path:
        if isinstance(part, int) and known is not None:
            item, _, inner = known.item.partition(":")
            known = Property(kind=item, item=inner, fields=known.fields, enum=known.enum)
        elif known is not None and known.kind == "map":
            known = Property(kind=known.item)
        elif isinstance(part, str) and part in fields:
            known = fields[part]
        else:
            raise LocalCloudError(f"{resource.type} has no property {'.'.join(map(str, path))}")
        fields = known.fields
    if known is None:
        raise LocalCloudError(f"{resource.type}: an empty path names no property")
    return known


def put(values: Any, path: Path, value: Any) -> Any:
    """Write a value into a structure, making objects on the way; returns what was there."""
    *parents, last = path
    for part in parents:
        if isinstance(part, int):
            if not isinstance(values, list) or part >= len(values):
                raise LocalCloudError(f"there is no element [{part}] in {'.'.join(map(str, path))}")
            values = values[part]
        else:
            if not isinstance(values.get(part), (dict, list)):
                values[part] = {}
            values = values[part]
    if isinstance(last, int):
        if not isinstance(values, list) or last >= len(values):
            raise LocalCloudError(f"there is no element [{last}] in {'.'.join(map(str, path))}")
        before = values[last]
        values[last] = value
        return before
    before = values.get(last)
    if value is None:
        values.pop(last, None)
    else:
        values[last] = value
    return before
