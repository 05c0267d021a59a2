"""What a property points at, and what points at a resource: by the recorded edge where there is one, else by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from weakref import WeakKeyDictionary

from policies.graph import Graph
from policies.model import Resource


def linked(resource: Resource, path: str, *types: str) -> list[Resource]:
    """The resources of these types that the property means.

    Two resources may share a name (in different projects or locations): an edge of the property tells which is meant,
    and so does an edge of the resource where the name alone leaves several or none.
    """
    graph = resource.graph
    if graph is None:
        return []
    edges = resource.property_dependencies.get(path.split(".", maxsplit=1)[0].split("[", maxsplit=1)[0], ())
    by_edge = _found(graph, edges, types)
    if by_edge:
        return by_edge
    named = graph.targets(resource, path, *types)
    if len(named) == 1:
        return named
    depended = _found(graph, resource.dependencies, types)
    return [r for r in depended if r in named] or (named if named else depended)


def _found(graph: Graph, urns: Sequence[str], types: tuple[str, ...]) -> list[Resource]:
    return [graph.by_urn[u] for u in urns if u in graph.by_urn and graph.by_urn[u].type in types]


def meant(graph: Graph, sources: Iterable[Resource], path: str, target: str, default: str = "") -> set[str | None]:
    """What the property of these resources means: URNs of targets, and names as they are given (`default` where it is
    left out). None among them where one is not known yet and comes from nowhere."""
    found: set[str | None] = set()
    for source in sources:
        urns = graph.sources(source, path, target)
        found.update(urns)
        if source.known(path):
            found.add(source.text(path) or default)
        elif not urns:
            found.add(None)
    return found


_Index = dict[str, list[str]]
_INDEXES: WeakKeyDictionary[Graph, dict[tuple[str, ...], _Index]] = WeakKeyDictionary()
"""By stack, then by property and types: URN of a target to the URNs of what points at it. Holds no resource alive."""


def pointers(target: Resource, path: str, *types: str) -> list[Resource]:
    """The resources of these types whose property points at the target. Read once for a stack and kind of target."""
    graph = target.graph
    if graph is None:
        return []
    indexes = _INDEXES.setdefault(graph, {})
    key = (path, target.type, *types)
    if key not in indexes:
        index: _Index = {}
        for source in graph.of(*types):
            for found in linked(source, path, target.type):
                index.setdefault(found.urn, []).append(source.urn)
        indexes[key] = index
    return [graph.by_urn[urn] for urn in indexes[key].get(target.urn, ())]
