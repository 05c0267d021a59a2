"""Access logs of buckets: written, and kept in another bucket than the one they describe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policies.graph import Graph
from policies.iam import parts
from policies.model import Resource, gcp
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules._links import pointers
from policies.rules._ours import marked, ours

BUCKET = gcp("storage/bucket")


def _receives_logs(bucket: Resource) -> bool:
    return any(source is not bucket for source in pointers(bucket, "logging.logBucket", BUCKET))


@rule(
    id="storage-access-logged",
    clause="LOG-8",
    title="Buckets write access logs",
    severity="medium",
    types=(BUCKET,),
    decides=("logging.logBucket",),
    fix="logging={'log_bucket': log_bucket.name}",
    references=(
        "checkov:CKV_GCP_62",
        "trivy:GCP-0077",
        "kics:cloud_storage_bucket_logging_not_enabled",
        "prowler:cloudstorage_bucket_logging_enabled",
        "terrascan:AC_GCP_0233",
    ),
    sources=("https://cloud.google.com/storage/docs/access-logs",),
    graph=True,
    provenance=True,
    good=(
        (
            Sample(BUCKET, {"name": "data", "logging": {"logBucket": "logs"}}, depends={"logging": ("logs",)}),
            Sample(BUCKET, {"name": "logs"}, name="logs"),
        ),
    ),
    bad=({"name": "data"}, {"name": "data", "logging": {"logObjectPrefix": "a"}}),
    not_applicable=(
        (
            Sample(BUCKET, {"name": "logs"}, name="logs"),
            Sample(BUCKET, {"name": "data", "logging": {"logBucket": "logs"}}),
        ),
    ),
)
def access_logged(bucket: Resource) -> Iterator[Finding]:
    """Access logs tell who read an object that turned up elsewhere. The bucket that receives them writes none."""
    if not bucket.has("logging.logBucket"):
        if _receives_logs(bucket):
            yield skip("the bucket receives the access logs of others")
        else:
            yield fail(bucket, "logging.logBucket", "is not set: nobody can tell who read or wrote objects")
    elif not bucket.known("logging.logBucket") and not (
        bucket.graph and bucket.graph.sources(bucket, "logging.logBucket", BUCKET)
    ):
        bucket.text("logging.logBucket")


@rule(
    id="storage-access-log-kept",
    clause="LOG-3",
    title="The buckets of our stacks that receive access logs keep them for at least 400 days",
    severity="medium",
    types=(BUCKET,),
    scope="stack",
    fix='retention_policy={"retention_period": 34560000}',
    sources=("https://cloud.google.com/storage/docs/bucket-lock",),
    params={"min_days": 400},
    good=(
        (
            Sample(BUCKET, {"name": "data", "logging": {"logBucket": "logs"}}),
            Sample(BUCKET, {"name": "logs", "retentionPolicy": {"retentionPeriod": 34560000}}, "logs"),
            marked(),
        ),
    ),
    bad=(
        (
            Sample(BUCKET, {"name": "data", "logging": {"logBucket": "logs"}}),
            Sample(BUCKET, {"name": "logs", "retentionPolicy": {"retentionPeriod": 2592000}}, "logs"),
            marked(),
        ),
        (
            Sample(BUCKET, {"name": "data", "logging": {"logBucket": "logs"}}),
            Sample(BUCKET, {"name": "logs"}, "logs"),
            marked(),
        ),
    ),
    not_applicable=((Sample(BUCKET, {"name": "data"}), marked()),),
)
def access_log_kept(graph: Graph, params: Mapping[str, Any]) -> Iterator[Finding]:
    """Who read an object is asked months later, and whoever should not have read it removes the log first."""
    receivers = [b for b in graph.of(BUCKET) if _receives_logs(b)] if ours(graph) else []
    hidden = [b for b in graph.of(BUCKET) if not b.known("logging.logBucket") and not graph.sources(b, "logging")]
    if ours(graph):
        yield from (unsure(bucket, "logging.logBucket") for bucket in hidden)
    if not receivers and not (hidden and ours(graph)):
        yield skip("no bucket of our stacks receives access logs")
    for bucket in receivers:
        days = (bucket.number("retentionPolicy.retentionPeriod") or 0) / 86_400
        if days < float(params["min_days"]):
            yield fail(bucket, "retentionPolicy.retentionPeriod", f"is {days:g} days, fewer than {params['min_days']}")


_DELIVERER = "group:cloud-storage-analytics@google.com"
_DELIVERY = Sample(
    gcp("storage/bucketIAMMember"),
    {"bucket": "logs", "role": "roles/storage.objectCreator", "member": _DELIVERER},
    "delivery",
    {"bucket": ("logs",)},
)


@rule(
    id="storage-access-log-delivered",
    clause="LOG-8",
    title="Google may deliver access logs to the buckets that receive them",
    severity="medium",
    types=(BUCKET,),
    scope="stack",
    fix='BucketIAMMember(role="roles/storage.objectCreator", member="group:cloud-storage-analytics@google.com")',
    sources=("https://cloud.google.com/storage/docs/access-logs#delivery",),
    good=(
        (
            Sample(BUCKET, {"name": "data", "logging": {"logBucket": "logs"}}),
            Sample(BUCKET, {"name": "logs"}, "logs"),
            _DELIVERY,
            marked(),
        ),
    ),
    bad=(
        (
            Sample(BUCKET, {"name": "data", "logging": {"logBucket": "logs"}}),
            Sample(BUCKET, {"name": "logs"}, "logs"),
            marked(),
        ),
    ),
    not_applicable=((Sample(BUCKET, {"name": "data"}), marked()),),
)
def access_log_delivered(graph: Graph) -> Iterator[Finding]:
    """Without the grant nothing is delivered, and nobody says so: the bucket stays empty until somebody looks."""
    receivers = [b for b in graph.of(BUCKET) if _receives_logs(b)] if ours(graph) else []
    hidden = [b for b in graph.of(BUCKET) if not b.known("logging.logBucket") and not graph.sources(b, "logging")]
    if ours(graph):
        yield from (unsure(bucket, "logging.logBucket") for bucket in hidden)
    if not receivers and not (hidden and ours(graph)):
        yield skip("no bucket of our stacks receives access logs")
    for bucket in receivers:
        kinds = tuple(gcp(f"storage/bucketIAM{shape}") for shape in ("Member", "Binding", "Policy"))
        grants = [grant for resource in pointers(bucket, "bucket", *kinds) for grant in parts(resource)]
        if not any(grant.member.lower() == _DELIVERER for grant in grants):
            lost = next((grant for grant in grants if not grant.member and not grant.sources), None)
            yield unsure(lost.resource, lost.path) if lost else fail(bucket, "", "may be delivered no access logs")


@rule(
    id="storage-no-self-logging",
    clause="LOG-8",
    title="A bucket's access logs go to another bucket",
    severity="medium",
    types=(BUCKET,),
    decides=("logging.logBucket",),
    absent="not_applicable",
    fix="logging={'log_bucket': log_bucket.name}",
    references=("checkov:CKV_GCP_63",),
    sources=("https://cloud.google.com/storage/docs/access-logs",),
    graph=True,
    provenance=True,
    good=(
        (
            Sample(BUCKET, {"name": "data", "logging": {"logBucket": "logs"}}, depends={"logging": ("logs",)}),
            Sample(BUCKET, {"name": "logs"}, name="logs"),
        ),
    ),
    bad=({"name": "data", "logging": {"logBucket": "data"}},),
    not_applicable=({"name": "data"},),
)
def no_self_logging(bucket: Resource) -> Iterator[Finding]:
    """Logs inside the bucket they describe are lost, changed or read together with it, and each write logs another."""
    if not bucket.has("logging.logBucket"):
        yield skip("the bucket writes no access logs")
        return
    graph = bucket.graph
    if not bucket.known("logging.logBucket") and graph and graph.sources(bucket, "logging.logBucket", BUCKET):
        return
    target = bucket.text("logging.logBucket")
    if target == (bucket.output("name") or bucket.text("name")):
        yield fail(bucket, "logging.logBucket", "is the bucket itself")
