"""Networks and what belongs to them."""

from __future__ import annotations

from typing import Final
from weakref import WeakKeyDictionary

from policies.graph import Graph
from policies.model import Resource, gcp

NETWORK: Final = gcp("compute/network")
SUBNET: Final = gcp("compute/subnetwork")

_Index = dict[tuple[str, str, str], tuple[dict[str, list[Resource]], list[Resource]]]
_INDEXES: WeakKeyDictionary[Graph, _Index] = WeakKeyDictionary()


def related(resource: Resource, kind: str, path: str) -> tuple[list[Resource], list[Resource]]:
    """The resources of a type whose property points at this one, and those that may: what they name is not known yet.

    Pointers are found by edge or by name, once per stack.
    """
    graph = resource.graph
    if graph is None:
        return [], []
    index = _INDEXES.setdefault(graph, {})
    key = (resource.type, kind, path)
    if key not in index:
        index[key] = _pointers(graph, *key)
    pointers, loose = index[key]
    nameless = not all(resource.known(name) for name in ("name", "projectId"))
    possible = [other for other in loose if not other.known(path) or (nameless and other.has(path))]
    return pointers.get(resource.urn, []), possible


def _pointers(graph: Graph, owner: str, kind: str, path: str) -> tuple[dict[str, list[Resource]], list[Resource]]:
    pointers: dict[str, list[Resource]] = {}
    loose: list[Resource] = []
    for other in graph.of(kind):
        urns = graph.sources(other, path, owner)
        for urn in urns:
            pointers.setdefault(urn, []).append(other)
        if not urns and not (graph.sources(other, path) and not other.known(path)):
            loose.append(other)
    return pointers, loose


def attached(resource: Resource, kind: str, path: str) -> list[Resource]:
    """The resources of a type whose property points at this one."""
    return related(resource, kind, path)[0]


_SPECIAL: Final = frozenset(
    {
        "INTERNAL_HTTPS_LOAD_BALANCER",
        "REGIONAL_MANAGED_PROXY",
        "GLOBAL_MANAGED_PROXY",
        "PRIVATE_SERVICE_CONNECT",
        "PRIVATE_NAT",
        "PEER_MIGRATION",
    }
)


def not_for_machines(subnet: Resource) -> str | None:
    """Guard: a subnet that Google keeps for proxies, addresses or migration, without machines or logs."""
    purpose = subnet.upper("purpose")
    return f"subnets for {purpose} hold no machines" if purpose in _SPECIAL else None
