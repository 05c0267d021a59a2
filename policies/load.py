"""Reads stacks from files: a `pulumi stack export`, a bare checkpoint, or the digest of `pulumi preview --json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from policies import stream
from policies.graph import Graph, type_of
from policies.model import Resource, decode

_STAYS: Final = frozenset({"same", "update", "refresh", "read"})
EXPORT_VERSIONS: Final = (3, 4)
_GONE: Final = frozenset(
    {"delete", "delete-replaced", "discard", "discard-replaced", "read-discard", "remove-pending-replace"}
)
"""Steps after which the resource is no longer part of the stack."""


class LoadError(Exception):
    """The file is not a stack: what is wrong with it and what was expected."""


LARGE: Final = 16 << 20
"""From this size on, a file is read resource by resource: memory then holds the stack, not its text as well."""
_STATES: Final = (("deployment", "resources"), ("checkpoint", "latest", "resources"))
_STEPS: Final = ("steps",)


def load(path: Path) -> Graph:
    """The stack in a file. Raises LoadError for a file that cannot be read, is cut short, or is of another kind."""
    try:
        if path.stat().st_size >= LARGE:
            return from_document(_streamed(path), str(path))
        return from_document(json.loads(path.read_bytes()), str(path))
    except OSError as error:
        raise LoadError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise LoadError(f"{path}: is not text in UTF-8 (byte {error.start})") from error
    except json.JSONDecodeError as error:
        raise LoadError(f"{path}: is not JSON: {error.msg} at line {error.lineno}{_hint(error)}") from error
    except stream.CutShort as error:
        raise LoadError(f"{path}: is not JSON: {error} (it seems cut short)") from error
    except stream.Malformed as error:
        raise LoadError(f"{path}: is not JSON: {error}") from error
    except RecursionError as error:
        raise LoadError(f"{path}: is nested too deeply to be a stack") from error


def _streamed(path: Path) -> Any:
    """The document with resources in place of their states."""

    def keep(where: stream.Path, index: int, element: Any) -> Any:
        if not isinstance(element, Mapping):
            return element
        if where == _STEPS:
            return _light(element, f"{path}: steps[{index}]")
        return {"delete": True} if element.get("delete") else resource(element, f"{path}: resource {index}")

    with path.open(encoding="utf-8-sig") as file:
        return stream.read(file, (*_STATES, _STEPS), keep)


def _light(step: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """A step without the old state, and with a resource for the new one."""
    state = step.get("newState")
    kept = {"op": step.get("op"), "urn": step.get("urn"), "newState": state}
    if isinstance(state, Mapping) and step.get("op") not in _GONE:
        kept["newState"] = resource(_continued(step, state), origin)
    return kept


def _continued(step: Mapping[str, Any], state: Mapping[str, Any]) -> dict[str, Any]:
    """The new state with what a digest leaves in the old one: the id and outputs of what stays the resource it is."""
    old = step.get("oldState")
    made = {"urn": step.get("urn"), **state}
    if step.get("op") not in _STAYS or not isinstance(old, Mapping):
        return made
    made["id"] = made.get("id") or old.get("id")
    if not made.get("outputs") and isinstance(old.get("outputs"), Mapping):
        made["outputs"] = {**old["outputs"], **(made.get("inputs") or {})}
    return made


def _hint(error: json.JSONDecodeError) -> str:
    if not error.doc.strip():
        return " (the file is empty)"
    if error.msg.startswith("Extra data"):
        return " (several documents; an event log is not a stack: give the digest or the export)"
    cut = "Unterminated" in error.msg or not error.doc[error.pos :].strip()
    return " (it seems cut short)" if cut else ""


def from_document(document: Any, origin: str = "document") -> Graph:
    """The stack in a parsed document."""
    if isinstance(document, Mapping):
        if "deployment" in document:
            return _export(document, origin)
        if "checkpoint" in document:
            checkpoint = _object(document, "checkpoint", origin)
            latest = _object(checkpoint, "latest", f"{origin}: checkpoint")
            return _export({"version": document.get("version", 3), "deployment": latest}, origin)
        if "steps" in document or "changeSummary" in document:
            return _digest(document, origin)
    raise LoadError(f"{origin}: neither a stack export (key `deployment`) nor a preview digest (key `steps`)")


def _export(document: Mapping[str, Any], origin: str) -> Graph:
    version = document.get("version")
    if version not in EXPORT_VERSIONS:
        raise LoadError(
            f"{origin}: export version {version!r}; this judge reads {EXPORT_VERSIONS[0]} to {EXPORT_VERSIONS[-1]}"
        )
    deployment = document["deployment"]
    resources = (deployment.get("resources") or []) if isinstance(deployment, Mapping) else None
    if not isinstance(resources, list):
        raise LoadError(f"{origin}: deployment.resources is not a list")
    states = [s for s in resources if not (isinstance(s, Mapping) and s.get("delete"))]
    return _graph(states, origin)


def _digest(document: Mapping[str, Any], origin: str) -> Graph:
    steps = document.get("steps")
    if steps is None:
        steps = []
    if not isinstance(steps, list):
        raise LoadError(f"{origin}: steps is not a list")
    states: dict[str, Any] = {}
    for index, step in enumerate(steps):
        if not isinstance(step, Mapping):
            raise LoadError(f"{origin}: steps[{index}] is not an object")
        state = step.get("newState")
        if step.get("op") in _GONE or state is None:
            continue
        named = state.urn if isinstance(state, Resource) else state.get("urn") if isinstance(state, Mapping) else index
        states[str(step.get("urn") or named)] = _continued(step, state) if isinstance(state, Mapping) else state
    return _graph(states.values(), origin)


def _graph(states: Iterable[Any], origin: str) -> Graph:
    resources = [
        state if isinstance(state, Resource) else resource(state, f"{origin}: resource {index}")
        for index, state in enumerate(states)
    ]
    first = resources[0].urn.split("::") if resources else []
    stack, project = (first[0].rsplit(":", 1)[-1], first[1]) if len(first) >= 4 else ("", "")
    return Graph(resources, stack=stack, project=project)


def resource(state: Any, origin: str = "resource") -> Resource:
    """One resource from the engine's JSON form of its state. Raises LoadError where it has another form."""
    if not isinstance(state, Mapping) or not isinstance(state.get("urn"), str):
        raise LoadError(f"{origin} has no urn")
    urn: str = state["urn"]
    origin = f"{origin} ({urn})"
    inputs, outputs = _object(state, "inputs", origin), _object(state, "outputs", origin)
    declared = decode(inputs or outputs)
    edges = _object(state, "propertyDependencies", origin)
    came_from = {sys.intern(key): _texts(edges, key, origin) for key in edges}
    return Resource(
        data=declared,
        urn=urn,
        type=sys.intern(str(state.get("type") or type_of(urn))),
        name=urn.split("::", 3)[-1],
        outputs={**declared, **decode({k: v for k, v in outputs.items() if k not in inputs or inputs[k] != v})},
        protect=bool(state.get("protect")),
        ignore_changes=_texts(state, "ignoreChanges", origin),
        provider=state.get("provider") or None,
        parent=state.get("parent") or None,
        dependencies=_texts(state, "dependencies", origin),
        property_dependencies={key: urns for key, urns in came_from.items() if urns},
        custom=bool(state.get("custom", True)),
        id=state.get("id") or None,
        position=state.get("sourcePosition") or None,
    )


def _object(holder: Mapping[str, Any], key: str, origin: str) -> Mapping[str, Any]:
    value = holder.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise LoadError(f"{origin}: {key} is not an object")
    return value


def _texts(holder: Mapping[str, Any], key: str, origin: str) -> tuple[str, ...]:
    value = holder.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise LoadError(f"{origin}: {key} is not a list of texts")
    return tuple(value)
