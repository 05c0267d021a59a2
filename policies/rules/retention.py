"""Retention of what is no bucket: tables expire, old images and cells go, a scan looks for what should not be there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policies.graph import Graph
from policies.model import Resource, UnknownValue, View, gcp
from policies.rule import Finding, Sample, each, fail, fail_stack, rule, skip, unsure

_DATASET = gcp("bigquery/dataset")
_REGISTRY = gcp("artifactregistry/repository")
_TABLE = gcp("bigtable/table")
_GC = gcp("bigtable/gCPolicy")
_SCANS = (gcp("dataloss/preventionDiscoveryConfig"), gcp("dataloss/preventionJobTrigger"))
_BUCKET = gcp("storage/bucket")
_SERVICE = gcp("projects/service")
_API = Sample(_SERVICE, {"service": "dlp.googleapis.com"}, "api")
_DELETE = {"id": "old", "action": "DELETE", "condition": {"olderThan": "7776000s", "tagState": "UNTAGGED"}}


@rule(
    id="bigquery-data-expires",
    clause="MIN-1",
    title="Tables of a dataset expire by default",
    severity="low",
    types=(_DATASET,),
    decides=("defaultTableExpirationMs",),
    fix="default_partition_expiration_ms=34560000000",
    sources=("https://cloud.google.com/bigquery/docs/updating-datasets#table-expiration",),
    good=(
        {"datasetId": "sales", "defaultTableExpirationMs": 34560000000},
        {"datasetId": "sales", "defaultPartitionExpirationMs": "34560000000"},
    ),
    bad=({"datasetId": "sales", "defaultTableExpirationMs": 0},),
    not_applicable=({"datasetId": "link", "externalDatasetReference": {"connection": "c", "externalSource": "s"}},),
)
def bigquery_expires(dataset: Resource) -> Iterator[Finding]:
    """Analysis copies what the operational stores delete; without an expiry the copies stay. In milliseconds."""
    if dataset.has("externalDatasetReference"):
        yield skip("the dataset only refers to data elsewhere")
        return
    paths = ("defaultTableExpirationMs", "defaultPartitionExpirationMs")
    known = [p for p in paths if dataset.known(p)]
    if not any((dataset.number(p) or 0) > 0 for p in [*known, *(p for p in paths if p not in known)]):
        yield fail(dataset, paths[0], "is not set, nor is the expiry of partitions: tables stay for ever")


@rule(
    id="storage-lifecycle-bounded",
    clause="MIN-1",
    title="What a bucket's lifecycle deletes, it deletes within ten years, and old versions within half a year",
    severity="low",
    types=(gcp("storage/bucket"),),
    decides=("lifecycleRules[0].condition.age",),
    absent="pass",
    fix='lifecycle_rules=[{"action": {"type": "Delete"}, "condition": {"age": 400}}]',
    sources=("https://cloud.google.com/storage/docs/lifecycle",),
    params={"max_days": 3653, "max_days_of_versions": 180},
    good=({"lifecycleRules": [{"action": {"type": "Delete"}, "condition": {"age": 400}}]},),
    bad=(
        {"lifecycleRules": [{"action": {"type": "Delete"}, "condition": {"age": 4000}}]},
        {"lifecycleRules": [{"action": {"type": "delete"}, "condition": {"daysSinceNoncurrentTime": "300"}}]},
    ),
    not_applicable=({"name": "data"},),
)
def lifecycle_bounded(bucket: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """A rule that deletes after decades deletes nothing. Ten years is the longest that bookkeeping asks for, and half a
    year more than anyone needs to notice that a version was overwritten."""
    blocks = bucket.views("lifecycleRules")
    if not blocks:
        yield skip("the bucket has no lifecycle; another rule asks for one")
        return

    def check(view: View) -> Iterator[Finding]:
        limits = {"condition.age": "max_days", "condition.daysSinceNoncurrentTime": "max_days_of_versions"}
        for path, limit in limits.items():
            days = view.number(path)
            if view.upper("action.type") == "DELETE" and days is not None and days > float(params[limit]):
                yield fail(view, path, f"is {days:g} days, more than {params[limit]}")

    yield from each(blocks, check)


@rule(
    id="registry-cleans-up",
    clause="MIN-1",
    title="Registries delete old images",
    severity="low",
    types=(_REGISTRY,),
    decides=("cleanupPolicies",),
    fix='cleanup_policies=[{"id": "old", "action": "DELETE", "condition": {"older_than": "7776000s"}}]',
    sources=("https://cloud.google.com/artifact-registry/docs/repositories/cleanup-policy",),
    good=({"format": "DOCKER", "cleanupPolicies": [_DELETE]},),
    bad=(
        {"format": "DOCKER", "cleanupPolicies": [_DELETE], "cleanupPolicyDryRun": True},
        {"format": "DOCKER", "cleanupPolicies": [{"id": "keep", "action": "KEEP"}]},
    ),
    not_applicable=({"format": "DOCKER", "mode": "VIRTUAL_REPOSITORY"},),
)
def registry_cleans_up(registry: Resource) -> Iterator[Finding]:
    """Old images keep old holes ready to be started again. A policy in dry run deletes nothing."""
    if registry.upper("mode") == "VIRTUAL_REPOSITORY":
        yield skip("a virtual repository holds nothing itself")
        return
    if not any(p.upper("action") == "DELETE" for p in registry.views("cleanupPolicies")):
        yield fail(registry, "cleanupPolicies", "deletes nothing")
    if registry.flag("cleanupPolicyDryRun"):
        yield fail(registry, "cleanupPolicyDryRun", "is on: nothing is deleted")


@rule(
    id="bigtable-collects-garbage",
    clause="MIN-1",
    title="Bigtable tables drop old cells",
    severity="low",
    types=(_TABLE,),
    decides=("name",),
    fix='GCPolicy(…, table=table.name, max_age={"duration": "2160h"})',
    sources=("https://cloud.google.com/bigtable/docs/garbage-collection",),
    graph=True,
    good=((Sample(_TABLE, {"name": "events"}, "events"), Sample(_GC, {"table": "events", "gcRules": "{}"}, "gc")),),
    bad=(Sample(_TABLE, {"name": "events"}), (Sample(_TABLE, {"name": "a"}, "a"), Sample(_GC, {"table": "b"}, "gc"))),
)
def bigtable_collects(table: Resource) -> Iterator[Finding]:
    """Every write keeps the version before it; without a policy all of them stay."""
    graph = table.graph
    policies = graph.of(_GC) if graph else []
    if graph and any(table in graph.targets(p, "table", _TABLE) for p in policies):
        return
    name = table.text("name")
    if not any(p.known("table") and p.text("table") == name and name for p in policies):
        yield fail(table, "name", "has no garbage collection policy in this stack")


@rule(
    id="dlp-scan-running",
    clause="MIN-3",
    title="Declared scans for personal data run",
    severity="medium",
    types=_SCANS,
    decides=("status",),
    absent="pass",
    fix='status="RUNNING"',
    sources=("https://cloud.google.com/sensitive-data-protection/docs/data-profiles",),
    good=({"status": "RUNNING"}, Sample(_SCANS[1], {"status": "HEALTHY"})),
    bad=({"status": "PAUSED"}, Sample(_SCANS[1], {"status": "Cancelled"})),
)
def scan_running(scan: Resource) -> Iterator[Finding]:
    """A paused scan finds nothing and looks like one in the code. Both kinds start running by default."""
    if scan.upper("status") in ("PAUSED", "CANCELLED"):
        yield fail(scan, "status", f"is {scan.show('status')}")


@rule(
    id="dlp-scan-present",
    clause="MIN-3",
    title="A scan looks for personal data where none is expected",
    severity="medium",
    types=_SCANS,
    scope="stack",
    fix='PreventionDiscoveryConfig(…, status="RUNNING")',
    sources=("https://cloud.google.com/sensitive-data-protection/docs/data-profiles",),
    good=((_API, Sample(_BUCKET, {"name": "logs"}, "logs"), Sample(_SCANS[0], {"status": "RUNNING"}, "scan")),),
    bad=(
        (_API, Sample(_BUCKET, {"name": "logs"}, "logs")),
        (Sample(_DATASET, {}, "sales"), Sample(_SCANS[0], {"status": "PAUSED"}, "scan")),
    ),
    not_applicable=(Sample(_BUCKET, {"name": "logs"}), _API),
)
def scan_present(graph: Graph) -> Iterator[Finding]:
    """The inventory says what each store should hold; only a scan tells what it holds. Judged in stacks that have
    buckets, datasets or databases and set up scanning: they declare a scan or enable its API."""
    scans = graph.of(*_SCANS)
    apis = graph.of(_SERVICE)
    hidden = next(((s, "service") for s in apis if not s.known("service") and not scans), None)
    hidden = hidden or next(((s, "status") for s in scans if not s.known("status")), None)
    if not graph.of(_BUCKET, _DATASET, gcp("sql/databaseInstance")):
        yield skip("the stack has nothing to scan")
    elif not scans and not any(s.raw("service") == "dlp.googleapis.com" for s in apis):
        yield unsure(*hidden) if hidden else skip("the stack does not set up scanning for personal data")
    elif hidden and not any(_running(scan) for scan in scans):
        yield unsure(*hidden)
    elif not any(_running(scan) for scan in scans):
        yield fail_stack("no running scan looks for personal data in the stores")


def _running(scan: Resource) -> bool:
    try:
        return scan.upper("status", "RUNNING") in ("RUNNING", "HEALTHY")
    except UnknownValue:
        return False
