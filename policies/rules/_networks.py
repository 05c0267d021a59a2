"""Networks and what belongs to them."""

from __future__ import annotations

from typing import Final
from weakref import WeakKeyDictionary

from policies.graph import Graph
from policies.model import Resource, gcp
from policies.rules._firewalls import FIREWALL

NETWORK: Final = gcp("compute/network")
SUBNET: Final = gcp("compute/subnetwork")

_Index = dict[tuple[str, str, str], dict[str, list[Resource]]]
_INDEXES: WeakKeyDictionary[Graph, _Index] = WeakKeyDictionary()


def attached(resource: Resource, kind: str, path: str) -> list[Resource]:
    """The resources of a type whose property points at this one, by edge or by name. Found once per stack."""
    graph = resource.graph
    if graph is None:
        return []
    index = _INDEXES.setdefault(graph, {})
    key = (resource.type, kind, path)
    if key not in index:
        made: dict[str, list[Resource]] = {}
        for other in graph.of(kind):
            for urn in graph.sources(other, path, resource.type):
                made.setdefault(urn, []).append(other)
        index[key] = made
    return index[key].get(resource.urn, [])


def firewalls_of(network: Resource) -> list[Resource]:
    """The firewall rules of a network."""
    return attached(network, FIREWALL, "network")


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
