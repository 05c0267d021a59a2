"""Log buckets: what is in them stays for more than a year, cannot be shortened, and is encrypted with our own key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.graph import Graph
from policies.model import Resource, gcp
from policies.normalise import seconds
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules._facts import one_of
from policies.rules._keys import cmek
from policies.rules._sinks import BUCKET, LOG_BUCKETS, SINKS, destinations

_DOCS = ("https://cloud.google.com/logging/docs/buckets",)
PROJECT_BUCKET: Final = gcp("logging/projectBucketConfig")
_BASE: Final[Mapping[str, Any]] = {"project": "audit", "location": "europe-west1", "bucketId": "all"}


def _fixed(bucket: Resource) -> str | None:
    """Why nothing about the bucket can be set: Google keeps `_Required` for 400 days, locked."""
    required = bucket.known("bucketId") and bucket.text("bucketId") == "_Required"
    return "the _Required bucket is kept by Google for 400 days and cannot be changed" if required else None


@rule(
    id="log-bucket-kept",
    clause="LOG-3",
    title="Log buckets keep logs for at least 400 days",
    severity="high",
    types=(PROJECT_BUCKET, *(t for t in LOG_BUCKETS if t != PROJECT_BUCKET)),
    decides=("retentionDays",),
    fix="retention_days=400",
    sources=_DOCS,
    traps=(31,),
    params={"min_days": 400},
    good=({**_BASE, "retentionDays": 400}, {**_BASE, "retentionDays": 3650}),
    bad=({**_BASE, "retentionDays": 399}, {**_BASE, "retentionDays": 0}, _BASE, {**_BASE, "retentionDays": "30"}),
    not_applicable=({**_BASE, "bucketId": "_Required"},),
)
def kept(bucket: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """A break-in is found months later on average; a yearly review still has to see the last one. Left out, and 0, mean
    30 days (provider's default)."""
    if reason := _fixed(bucket):
        yield skip(reason)
        return
    days = bucket.number("retentionDays") or 30
    if days < float(params["min_days"]):
        yield fail(bucket, "retentionDays", f"keeps logs for {days:g} days, less than {params['min_days']:g}")


@rule(
    id="log-bucket-locked",
    clause="LOG-3",
    title="Log buckets are locked",
    severity="medium",
    types=(PROJECT_BUCKET,),
    decides=("locked",),
    fix="locked=True  # for ever: the retention can then never be shortened",
    sources=("https://cloud.google.com/logging/docs/buckets#locking-logs-buckets",),
    traps=(31,),
    good=({**_BASE, "locked": True},),
    bad=(_BASE, {**_BASE, "locked": False}),
    not_applicable=({**_BASE, "bucketId": "_Required"},),
)
def locked(bucket: Resource) -> Iterator[Finding]:
    """Whoever can edit an unlocked bucket sets its retention to a day and waits. The default is unlocked."""
    if reason := _fixed(bucket):
        yield skip(reason)
    elif not bucket.flag("locked"):
        yield fail(bucket, "locked", f"is {bucket.show('locked')}: the retention can be shortened")


one_of(
    {PROJECT_BUCKET: "deletionPolicy"},
    allowed=("PREVENT",),
    others=("DELETE", "ABANDON"),
    base=_BASE,
    guard=_fixed,
    missing="is not set: removing the bucket from the code deletes it with all logs",
    id="log-bucket-deletion-prevented",
    clause="LOG-3",
    title="Log buckets have the deletion policy PREVENT",
    severity="low",
    fix='deletion_policy="PREVENT"',
    sources=_DOCS,
    traps=(31,),
    why="A bucket that is not locked yet can be deleted, and its logs are gone after seven days.",
)

cmek(
    {
        PROJECT_BUCKET: "cmekSettings.kmsKeyName",
        gcp("logging/organizationBucketConfig"): "cmekSettings.kmsKeyName",
        gcp("logging/folderBucketConfig"): "cmekSettings.kmsKeyName",
    },
    guard=_fixed,
    base=_BASE,
    id="log-bucket-own-key",
    title="Log buckets are encrypted with a key of our own",
    sources=("https://cloud.google.com/logging/docs/routing/managed-encryption-storage",),
    why="Logs hold addresses, names and queries; whoever holds their key decides who reads them.",
    not_applicable=({**_BASE, "bucketId": "_Required"},),
)

_SINK = Sample("logging/projectSink", {"name": "keep", "destination": "storage.googleapis.com/logs"}, "keep")


def _store(**policy: Any) -> Sample:
    return Sample(BUCKET, {"name": "logs", **({"retentionPolicy": policy} if policy else {})}, "logs")


@rule(
    id="log-destination-kept",
    clause="LOG-3",
    title="Buckets that log sinks write to keep logs for at least 400 days",
    severity="medium",
    types=(BUCKET,),
    scope="stack",
    fix='retention_policy={"retention_period": "34560000", "is_locked": True}',
    sources=("https://cloud.google.com/storage/docs/bucket-lock",),
    traps=(28, 31),
    params={"min_days": 400},
    good=((_SINK, _store(retentionPeriod="34560000")),),
    bad=((_SINK, _store()), (_SINK, _store(retentionPeriod=2592000))),
    not_applicable=((_SINK,), (_store(),)),
)
def destination_kept(graph: Graph, params: Mapping[str, Any]) -> Iterator[Finding]:
    """A copy of the logs that anybody may delete is no copy. Buckets outside this stack are judged where they are."""
    found = {b.urn: b for s in graph.of(*SINKS) for b in destinations(graph, s) if b.type == BUCKET}
    stores = [b for b in graph.of(BUCKET) if graph.of(*SINKS) and b.id is None and not b.known("name")]
    lost = [s for s in graph.of(*SINKS) if not s.known("destination") and not graph.sources(s, "destination")]
    if lost and graph.of(BUCKET):
        yield unsure(lost[0], "destination")
    yield from (unsure(b, "name") for b in stores if b.urn not in found)
    if not found and not lost:
        yield skip("no sink writes to a bucket of this stack")
    for bucket in found.values():
        if not bucket.known("retentionPolicy.retentionPeriod"):
            yield unsure(bucket, "retentionPolicy.retentionPeriod")
        elif (seconds(bucket.text("retentionPolicy.retentionPeriod")) or 0) < float(params["min_days"]) * 86400:
            shown = bucket.show("retentionPolicy.retentionPeriod")
            yield fail(bucket, "retentionPolicy.retentionPeriod", f"is {shown}, less than {params['min_days']:g} days")
