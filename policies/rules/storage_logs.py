"""Access logs of buckets: written, and kept in another bucket than the one they describe."""

from __future__ import annotations

from collections.abc import Iterator

from policies.model import Resource, gcp
from policies.rule import Finding, Sample, fail, rule, skip
from policies.rules._links import pointers

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
