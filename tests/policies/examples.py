"""Builds small stacks out of the examples that rules carry, the way the engine would hand them to the judge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from policies.graph import Graph
from policies.model import UNKNOWN, Resource, decode, gcp, split_path
from policies.rule import Example, Rule, Sample


def urn(type_token: str, name: str) -> str:
    """A URN as the engine writes it."""
    return f"urn:pulumi:prod::secure-hosting::{type_token}::{name}"


def full(type_token: str) -> str:
    """A short type such as `sql/databaseInstance` as a full token."""
    return type_token if ":" in type_token else gcp(type_token)


def samples(rule: Rule, example: Example) -> tuple[Sample, ...]:
    """The samples of an example; bare properties belong to the rule's first type."""
    if isinstance(example, Sample):
        return (example,)
    if isinstance(example, tuple):
        return example
    return (Sample(rule.types[0], example),)


def of_scope(rules: Mapping[str, Rule], scope: str, *kinds: str) -> list[Any]:
    """A test parameter for each rule of that scope that has examples of these kinds."""
    chosen = (r for r in rules.values() if r.scope == scope)
    return [pytest.param(r, id=r.id) for r in chosen if any(getattr(r, kind) for kind in kinds)]


def graph(parts: tuple[Sample, ...]) -> Graph:
    """The samples as a stack, edges by name resolved to URNs."""
    urns = {s.name: urn(full(s.type), s.name) for s in parts}
    resources = []
    for sample in parts:
        edges = {prop: tuple(urns[name] for name in names) for prop, names in sample.depends.items()}
        options: dict[str, Any] = dict(sample.options)
        resources.append(
            Resource(
                data=decode(sample.props),
                urn=urns[sample.name],
                type=full(sample.type),
                name=sample.name,
                outputs=decode({**sample.props, **sample.outputs}),
                protect=options.pop("protect", False),
                ignore_changes=tuple(options.pop("ignore_changes", ())),
                dependencies=tuple({u for targets in edges.values() for u in targets}),
                property_dependencies=edges,
                **options,
            )
        )
    made = Graph(resources, stack="prod", project="secure-hosting")
    made.registers = next((sample.registers for sample in parts if sample.registers is not None), None)
    return made


def with_value(props: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of the properties with one path replaced (`value=None` drops it); missing parents are made."""
    return _replace(props, split_path(path), value)  # type: ignore[no-any-return]


def _replace(container: Any, steps: tuple[str | int, ...], value: Any) -> Any:
    step, rest = steps[0], steps[1:]
    if isinstance(step, int):
        copied: Any = list(container or [])
        while len(copied) <= step:
            copied.append({})
    else:
        copied = dict(container or {})
    if rest:
        inner = copied[step] if isinstance(step, int) else copied.get(step)
        copied[step] = _replace(inner, rest, value)
    elif value is None:
        if isinstance(step, int):
            del copied[step]
        else:
            copied.pop(step, None)
    else:
        copied[step] = value
    return copied


__all__ = ["UNKNOWN", "full", "graph", "samples", "urn", "with_value"]
