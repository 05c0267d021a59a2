"""Availability: caches and stores without a foreign check survive the loss of a zone (MON-5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policies.model import Resource, gcp
from policies.rule import Finding, Sample, fail, rule, skip
from policies.rules._facts import one_of

_REDIS = gcp("redis/instance")
_CLUSTERS = (gcp("redis/cluster"), gcp("memorystore/instance"))
_BIGTABLE = gcp("bigtable/instance")


def _read_pool(instance: Resource) -> str | None:
    if instance.upper("instanceType", "PRIMARY") == "READ_POOL":
        return "read pools scale by nodes"
    return None


one_of(
    {_REDIS: "tier"},
    id="redis-has-replica",
    clause="MON-5",
    title="Redis instances have a replica in another zone",
    severity="medium",
    allowed=("STANDARD_HA",),
    others=("BASIC",),
    missing="is not set: the default BASIC is one machine in one zone",
    fix='tier="STANDARD_HA"',
    why="A basic instance loses its content and its address with its machine, and every maintenance empties it.",
    sources=("https://cloud.google.com/memorystore/docs/redis/high-availability-for-memorystore-for-redis",),
)

one_of(
    {gcp("alloydb/instance"): "availabilityType"},
    id="alloydb-regional",
    clause="MON-5",
    title="AlloyDB instances have a standby in another zone",
    severity="high",
    allowed=("REGIONAL",),
    others=("ZONAL",),
    base={"instanceType": "PRIMARY"},
    guard=_read_pool,
    fix='availability_type="REGIONAL"',
    why="A zonal instance is down as long as its zone is. Left out, the service decides and drift stays invisible.",
    sources=("https://cloud.google.com/alloydb/docs/about-high-availability",),
    traps=(1,),
    not_applicable=({"instanceType": "READ_POOL"},),
)

one_of(
    {gcp("filestore/instance"): "tier"},
    id="filestore-regional",
    clause="MON-5",
    title="File shares are kept in several zones",
    severity="medium",
    allowed=("REGIONAL", "ENTERPRISE"),
    others=("BASIC_HDD", "BASIC_SSD", "STANDARD", "PREMIUM", "ZONAL"),
    fix='tier="REGIONAL"',
    why="All other tiers lie in one zone and are unreachable, or gone, with it.",
    sources=("https://cloud.google.com/filestore/docs/service-tiers",),
)


@rule(
    id="cluster-cache-has-replicas",
    clause="MON-5",
    title="Redis and Valkey clusters have replicas",
    severity="medium",
    types=_CLUSTERS,
    decides=("replicaCount",),
    fix="replica_count=1",
    sources=("https://cloud.google.com/memorystore/docs/cluster/ha-and-replicas",),
    params={"min_replicas": 1},
    good=({"replicaCount": 1, "shardCount": 3}, Sample(_CLUSTERS[1], {"replicaCount": "2"})),
    bad=({"replicaCount": 0}, Sample(_CLUSTERS[1], {"shardCount": 3})),
)
def cluster_has_replicas(cluster: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """A shard without a replica loses its share of the keys with its machine. The default is none."""
    if (cluster.number("replicaCount") or 0) < float(params["min_replicas"]):
        yield fail(cluster, "replicaCount", f"is {cluster.show('replicaCount')}, fewer than {params['min_replicas']}")


@rule(
    id="cluster-cache-multi-zone",
    clause="MON-5",
    title="Redis and Valkey clusters spread over several zones",
    severity="medium",
    types=_CLUSTERS,
    decides=("zoneDistributionConfig.mode",),
    absent="pass",
    fix='zone_distribution_config={"mode": "MULTI_ZONE"}',
    good=({"zoneDistributionConfig": {"mode": "MULTI_ZONE"}}, Sample(_CLUSTERS[1], {})),
    bad=({"zoneDistributionConfig": {"mode": "SINGLE_ZONE", "zone": "europe-west1-b"}},),
)
def cluster_multi_zone(cluster: Resource) -> Iterator[Finding]:
    """Replicas beside each other fail together. The default is several zones."""
    path = "zoneDistributionConfig.mode"
    if cluster.upper(path, "MULTI_ZONE") == "SINGLE_ZONE":
        yield fail(cluster, path, "is SINGLE_ZONE")


@rule(
    id="bigtable-replicated",
    clause="MON-5",
    title="Bigtable instances have clusters in several zones",
    severity="medium",
    types=(_BIGTABLE,),
    decides=("clusters[1].zone",),
    fix='clusters=[{"cluster_id": "a", "zone": "europe-west1-b"}, {"cluster_id": "b", "zone": "europe-west1-c"}]',
    sources=("https://cloud.google.com/bigtable/docs/replication-overview",),
    good=({"clusters": [{"clusterId": "a", "zone": "europe-west1-b"}, {"clusterId": "b", "zone": "europe-west1-c"}]},),
    bad=(
        {"clusters": [{"clusterId": "a", "zone": "europe-west1-b"}]},
        {"clusters": [{"clusterId": "a", "zone": "europe-west1-b"}, {"clusterId": "b", "zone": "europe-west1-b"}]},
    ),
    not_applicable=({"instanceType": "DEVELOPMENT", "clusters": [{"clusterId": "a"}]},),
)
def bigtable_replicated(instance: Resource) -> Iterator[Finding]:
    """One cluster is one zone; there is no standby behind it."""
    if instance.upper("instanceType") == "DEVELOPMENT":
        yield skip("a development instance has one node")
        return
    zones = {cluster.text("zone") for cluster in instance.views("clusters")}
    if len(zones - {None}) < 2:
        yield fail(instance, "clusters", f"lie in {len(zones - {None})} zone")
