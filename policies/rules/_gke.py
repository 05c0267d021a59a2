"""Clusters and their nodes: what Autopilot settles by itself, and where node settings are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from policies.model import Resource, View, gcp
from policies.rule import Finding, Sample, each, rule, skip

CLUSTER: Final = gcp("container/cluster")
POOL: Final = gcp("container/nodePool")


def autopilot(resource: Resource) -> str | None:
    """Guard: Google runs the nodes of an Autopilot cluster and settles this."""
    return "is settled by Autopilot" if resource.type == CLUSTER and resource.flag("enableAutopilot") else None


def holders(resource: Resource) -> list[View]:
    """Where node settings are judged: the pool, or the cluster's default pool and the pools written inside it.

    A default pool that is removed at once, or that pools inside the cluster replace, has no settings to judge unless
    they are written.
    """
    if resource.type == POOL:
        return [resource]
    if resource.raw("nodeConfig") is not None:
        return [resource, *resource.views("nodePools")]
    pools = resource.views("nodePools")
    return pools if pools or resource.flag("removeDefaultNodePool") else [resource]


NodeCheck = Callable[[View], Iterable[Finding]]


def node_rule(
    check: NodeCheck, *, good: Iterable[dict[str, Any]], bad: Iterable[dict[str, Any]], **record: Any
) -> None:
    """Registers a rule about the node settings of pools and clusters. The examples are the contents of `nodeConfig`."""

    def judge(resource: Resource) -> Iterator[Finding]:
        if reason := autopilot(resource):
            yield skip(reason)
            return
        places = holders(resource)
        if not places:
            yield skip("its default pool is removed at once")
        yield from each(places, check)

    fine, wrong = list(good), list(bad)
    rule(
        types=(POOL, CLUSTER),
        **{
            "good": (
                *({"nodeConfig": config} for config in fine),
                Sample(CLUSTER, {"nodeConfig": fine[0]}),
                Sample(CLUSTER, {"nodePools": [{"nodeConfig": fine[0]}]}),
            ),
            "bad": (
                *({"nodeConfig": config} for config in wrong),
                Sample(CLUSTER, {"nodeConfig": wrong[0], "removeDefaultNodePool": True}),
                Sample(CLUSTER, {"nodePools": [{"nodeConfig": fine[0]}, {"nodeConfig": wrong[0]}]}),
                *record.pop("more_bad", ()),
            ),
            "not_applicable": (
                Sample(CLUSTER, {"enableAutopilot": True}),
                Sample(CLUSTER, {"removeDefaultNodePool": True, "initialNodeCount": 1}),
            ),
            **record,
        },
    )(judge)
