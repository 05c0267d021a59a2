"""Writes a few resources as a first preview's digest and as an export, with references as each of the two has them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from policies.model import UNKNOWN, gcp
from tests.policies import files

PROJECT = "projects/example-shop-data"
PROVIDER = f"{files.PROVIDER.rsplit('::', 1)[0]}::6f2d"


@dataclass(frozen=True)
class Ref:
    """An output of another resource of the stack: unknown before the first `up`."""

    name: str
    output: str = "id"


@dataclass(frozen=True, kw_only=True)
class Part:
    """One resource of a stack, as a program declares it."""

    type: str
    name: str
    props: Mapping[str, Any]
    outputs: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    def renamed(self, name: str) -> Part:
        """The same under another name."""
        return dataclasses.replace(self, name=name)

    @property
    def token(self) -> str:
        """The full type token."""
        return self.type if ":" in self.type else gcp(self.type)


def part(type_: str, name: str, /, outputs: Mapping[str, Any] | None = None, **props: Any) -> Part:
    """A resource that the engine protects, as whatever holds data should be."""
    return Part(type=type_, name=name, props=props, outputs=outputs or {}, options={"protect": True})


def opt(made: Part, **options: Any) -> Part:
    """The same with other options."""
    return dataclasses.replace(made, options={**made.options, **options})


@dataclass(frozen=True, kw_only=True)
class Trap:
    """A trap: who falls into it, who does not, and the rules that say so (by id, with their clause)."""

    number: int
    what: str
    clause: str
    rule: str
    bad: tuple[Part, ...]
    good: tuple[Part, ...]


def _refs(value: Any) -> Iterator[Ref]:
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _refs(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _refs(item)


def _resolved(value: Any, known: Mapping[str, Mapping[str, Any]] | None) -> Any:
    if isinstance(value, Ref):
        return (known or {}).get(value.name, {}).get(value.output, UNKNOWN)
    if isinstance(value, Mapping):
        return {key: _resolved(item, known) for key, item in value.items()}
    return [_resolved(item, known) for item in value] if isinstance(value, list | tuple) else value


def _states(parts: Iterable[Part], *, applied: bool) -> Iterator[dict[str, Any]]:
    parts = tuple(parts)
    urns = {p.name: files.urn(p.token, p.name) for p in parts}
    known = {p.name: {"id": f"{PROJECT}/{p.name}", **p.props, **p.outputs} for p in parts} if applied else None
    for p in parts:
        inputs = _resolved(p.props, known)
        depends = {key: {urns[ref.name] for ref in _refs(value) if ref.name in urns} for key, value in p.props.items()}
        outputs = {**inputs, **_resolved(p.outputs, known)} if applied else inputs
        options = dict(p.options)
        after = [urns[name] for name in options.pop("depends_on", ()) if name in urns]
        made = files.state(
            p.token,
            p.name,
            inputs,
            outputs=outputs,
            depends={key: found for key, found in depends.items() if found},
            **{"provider": PROVIDER if p.token.startswith("gcp:") else p.token.split(":")[0], **options},
        )
        made["dependencies"] = sorted({*made["dependencies"], *after})
        if applied:
            made["id"] = known[p.name]["id"] if known else ""
        yield made


def documents(parts: Iterable[Part]) -> dict[str, dict[str, Any]]:
    """The stack before the first `up` and after it."""
    parts = tuple(parts)
    return {
        "digest": files.digest(_states(parts, applied=False)),
        "export": files.export(_states(parts, applied=True)),
    }
