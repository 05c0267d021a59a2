"""Diff: what changes between the state and new inputs, and whether it replaces the resource."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.check import DEFAULTS
from localcloud.codec import SIGNATURE, Path, Values, has_unknown, is_asset, show_path
from localcloud.schema import Property, ResourceType

SELF_LINK = re.compile(r"^https://[\w.-]*googleapis\.com/(?:[\w-]+/)?(?:v\d\w*|beta)/")


@dataclass(frozen=True, kw_only=True)
class Change:
    """One property that differs; `kind` is add, delete or update."""

    path: Path
    kind: str
    replace: bool

    @property
    def where(self) -> str:
        """The path in the engine's spelling."""
        return show_path(self.path)


def diff(row: ResourceType, state: Values, news: Values) -> list[Change]:
    """All changes. What the cloud fills in (computed, left out) is no change; neither is a secret marker, the order of
    a set, or a resource named once by its link and once by its id."""
    return list(changed_object(row.properties, state, news, (), False))


def changed_object(
    properties: Mapping[str, Property], old: Values, new: Values, path: Path, replace: bool
) -> Iterator[Change]:
    for name, known in properties.items():
        if known.output:
            continue
        before, after = old.get(name), new.get(name)
        forces = replace or known.replace
        where = (*path, name)
        if after is None:
            if not known.computed and not is_empty(before) and before != known.default:
                yield Change(path=where, kind="delete", replace=forces)
        elif before is None:
            if not is_empty(after):
                yield Change(path=where, kind="add", replace=forces)
        else:
            yield from changed_value(known, before, after, where, forces)


def changed_value(known: Property, old: Any, new: Any, path: Path, replace: bool) -> Iterator[Change]:
    """Changes between two values that are both there."""
    if has_unknown(new) and not known.fields:
        yield Change(path=path, kind="update", replace=replace)
    elif is_asset(old) or is_asset(new):
        if digest(old) != digest(new):
            yield Change(path=path, kind="update", replace=replace)
    elif known.kind == "object" and isinstance(old, dict) and isinstance(new, dict):
        yield from changed_object(known.fields, old, new, path, replace)
    elif known.kind == "map" and isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new} - {DEFAULTS}):
            if old.get(key) != new.get(key):
                kind = "add" if key not in old else "delete" if key not in new else "update"
                yield Change(path=(*path, key), kind=kind, replace=replace)
    elif isinstance(old, list) and isinstance(new, list):
        yield from changed_list(known, old, new, path, replace)
    elif not same(old, new) and not (known.nocase and str(old).lower() == str(new).lower()):
        yield Change(path=path, kind="update", replace=replace)


def changed_list(known: Property, old: list[Any], new: list[Any], path: Path, replace: bool) -> Iterator[Change]:
    """Lists by position, sets by membership."""
    if known.kind == "set":
        old = sorted(
            old, key=lambda item: next((i for i, other in enumerate(new) if covers(known, item, other)), len(new))
        )
        new_in_old = [any(covers(known, before, after) for before in old) for after in new]
        if len(old) == len(new) and all(new_in_old):
            return
    element = Property(kind=known.item.partition(":")[0], item=known.item.partition(":")[2], fields=known.fields)
    for index in range(max(len(old), len(new))):
        where = (*path, index)
        if index >= len(new):
            yield Change(path=where, kind="delete", replace=replace)
        elif index >= len(old):
            yield Change(path=where, kind="add", replace=replace)
        else:
            yield from changed_value(element, old[index], new[index], where, replace)


def covers(known: Property, old: Any, new: Any) -> bool:
    """Whether an element of the state is the element that the inputs ask for."""
    element = Property(kind=known.item.partition(":")[0], item=known.item.partition(":")[2], fields=known.fields)
    return not any(changed_value(element, old, new, (), False))


def same(old: Any, new: Any) -> bool:
    """Equality of simple values, with a self link equal to the id it contains."""
    if isinstance(old, str) and isinstance(new, str):
        return old == new or SELF_LINK.sub("", old) == SELF_LINK.sub("", new)
    return bool(old == new) and isinstance(old, bool) == isinstance(new, bool)


def is_empty(value: Any) -> bool:
    """What the state of a bridged provider cannot tell from nothing."""
    return value is None or value == "" or value == [] or value == {} or value is False or value == 0


def digest(value: Any) -> Any:
    """The hash of an asset, or the asset itself where the engine gave none."""
    return value.get("hash", value) if isinstance(value, dict) and SIGNATURE in value else value


def deletes_first(row: ResourceType, state: Values, news: Values, changes: list[Change]) -> bool:
    """A replacement that keeps its name cannot be made beside the old resource: the old one goes first."""
    if not any(change.replace for change in changes):
        return False
    named = row.properties.get("name")
    if named is None or not named.autoname or "name" in news.get(DEFAULTS, ()):
        return False
    return bool(state.get("name") == news.get("name"))
