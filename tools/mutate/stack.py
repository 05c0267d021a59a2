"""A recorded stack as the engine's own states, and small edits to it."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from policies.model import SIGNATURE, UNKNOWN, decode, split_path

State = dict[str, Any]
UNKNOWN_MARKER: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
DEFAULT_PROVIDER: Final = "urn:pulumi:prod::secure-hosting::pulumi:providers:{}::default::id"


class UnusableError(ValueError):
    """The file holds nothing that can be mutated."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One change to one resource: a property set (or dropped, when `value` is None), an option, removal, addition."""

    urn: str
    kind: Literal["set", "option", "remove", "add"]
    path: str = ""
    value: Any = None


@dataclass(frozen=True, slots=True)
class Mutant:
    """A weakened stack: what was done to which property of which resource, and the edits that do it."""

    type: str
    name: str
    path: str
    change: str
    edits: tuple[Edit, ...]
    parts: tuple[Mutant, ...] = ()
    """The two mutants that a pair is made of."""

    @property
    def id(self) -> str:
        """A line that names the mutant, the same in every run."""
        return f"{self.type.split(':', 1)[-1].rsplit(':', 1)[0]} {self.name} {self.path or '-'}: {self.change}"


def read(path: Path) -> list[State]:
    """The resource states in a digest or an export. Raises UnusableError."""
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UnusableError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(document, Mapping):
        raise UnusableError(f"{path}: neither a digest nor an export")
    if "steps" in document:
        states = [_after(step) for step in document["steps"] if step.get("newState")]
    else:
        states = list((document.get("deployment") or {}).get("resources") or ())
    if not states:
        raise UnusableError(f"{path}: holds no resources")
    return [normal(s) for s in states]


def _after(step: Mapping[str, Any]) -> State:
    """What a step leaves: of something that exists already, the id stands in the old state alone."""
    known = (step.get("oldState") or {}).get("id") if step.get("op") in ("same", "update", "refresh") else None
    return {**({"id": known} if known else {}), **step["newState"]}


def normal(state: Mapping[str, Any]) -> State:
    """A state with what every state has, and without what the provider's bridge notes for itself."""
    made = dict(state)
    made["inputs"] = _without_notes(made.get("inputs") or {})
    made.pop("outputs", None)
    made["propertyDependencies"] = {k: list(v or ()) for k, v in (made.get("propertyDependencies") or {}).items()}
    return made


def _without_notes(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_notes(v) for k, v in value.items() if k not in ("__defaults", "__meta", "__internal")}
    return [_without_notes(v) for v in value] if isinstance(value, list) else value


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every property, block and element with its path, parents first. A secret counts as one place."""
    if path:
        yield path, value
    if isinstance(value, dict) and SIGNATURE not in value:
        for key, item in value.items():
            step = key if re.fullmatch(r"[A-Za-z_]\w*", key) else f'["{key}"]'
            yield from leaves(item, f"{path}.{step}" if path and step[0] != "[" else f"{path}{step}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}[{index}]")


def is_unknown(value: Any) -> bool:
    """Whether a value is known only after the first `up`."""
    return isinstance(value, str) and decode(value) is UNKNOWN


def has_unknown(value: Any) -> bool:
    """Whether anything inside a value is known only after the first `up`."""
    return any(is_unknown(v) for _, v in leaves({"v": value}))


def apply(states: Mapping[str, State], edits: Sequence[Edit]) -> tuple[dict[str, State], set[str]]:
    """The stack with the edits made, and the URNs that changed. The given states are left as they are."""
    changed: dict[str, State] = {}
    removed: set[str] = set()
    for edit in edits:
        if edit.kind == "remove":
            removed.add(edit.urn)
        elif edit.kind == "add":
            changed[edit.urn] = normal(edit.value)
        elif edit.urn not in removed:
            state = changed.setdefault(edit.urn, copy.deepcopy(states[edit.urn]))
            if edit.kind == "option":
                state[edit.path] = edit.value
            else:
                _set(state, edit.path, edit.value)
    merged = {urn: state for urn, state in {**states, **changed}.items() if urn not in removed}
    return merged, {*changed, *removed}


def _set(state: State, path: str, value: Any) -> None:
    steps = split_path(path)
    holder: Any = state["inputs"]
    for step in steps[:-1]:
        if isinstance(holder, dict):
            holder = holder.get(step)
        else:
            holder = holder[step] if isinstance(step, int) and step < len(holder) else None
        if not isinstance(holder, dict | list):
            return
    last = steps[-1]
    if isinstance(holder, list):
        if not isinstance(last, int) or last >= len(holder):
            return
        if value is None:
            del holder[last]
        else:
            holder[last] = value
    elif value is None:
        holder.pop(last, None)
    else:
        holder[last] = value
    top = str(steps[0])
    if not has_unknown(state["inputs"].get(top)) and len(steps) >= 1 and value is not None:
        state["propertyDependencies"].pop(top, None)
