"""What a property points at: by the recorded edge where there is one, else by name."""

from __future__ import annotations

from policies.model import Resource


def linked(resource: Resource, path: str, *types: str) -> list[Resource]:
    """The resources of these types that the property means.

    Two resources may share a name (in different projects or locations): an edge of the property tells which is meant,
    and so does an edge of the resource where the name alone leaves several.
    """
    graph = resource.graph
    if graph is None:
        return []
    edges = resource.property_dependencies.get(path.split(".", maxsplit=1)[0].split("[", maxsplit=1)[0], ())
    by_edge = [graph.by_urn[u] for u in edges if u in graph.by_urn and graph.by_urn[u].type in types]
    if by_edge:
        return by_edge
    named = graph.targets(resource, path, *types)
    if len(named) == 1:
        return named
    return [r for r in (named or graph.of(*types)) if r.urn in resource.dependencies] or named
