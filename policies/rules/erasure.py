"""Erasure survives a restore: the ledger of erasures is locked, append-only, and outlives the backups (PRI-2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policies.graph import Graph
from policies.model import Resource, gcp
from policies.rule import Finding, Sample, fail, fail_stack, rule, skip
from policies.rules._links import linked

_BUCKET = gcp("storage/bucket")
_SQL = gcp("sql/databaseInstance")
_ROLE = gcp("projects/iAMCustomRole")
_GRANTS = tuple(gcp(f"storage/bucketIAM{shape}") for shape in ("Member", "Binding"))
_LEDGER = {"name": "example-erasures", "labels": {"store": "erasures"}}
_LOCKED = {**_LEDGER, "retentionPolicy": {"retentionPeriod": "34560000", "isLocked": True}}
_OURS = Sample("hosting:data:Stores", {}, "stores")
_STORE: Mapping[str, str] = {"store": "erasures"}
_APPENDS = frozenset({"roles/storage.objectcreator", "roles/storage.objectviewer"})
_CHANGES = ("storage.objects.delete", "storage.objects.update", "storage.objects.setiampolicy", "storage.buckets.")


def _is_ledger(bucket: Resource, store: str) -> bool:
    return bucket.text("labels.store") == store


@rule(
    id="erasure-ledger-locked",
    clause="PRI-2",
    title="No record of the erasure ledger can be changed or removed before its time",
    severity="high",
    types=(_BUCKET,),
    decides=("retentionPolicy.isLocked",),
    fix='retention_policy={"retention_period": "34560000", "is_locked": True}',
    sources=("https://cloud.google.com/storage/docs/bucket-lock",),
    traps=(28,),
    params={**_STORE, "min_days": 30},
    good=(_LOCKED,),
    bad=(
        _LEDGER,
        {**_LEDGER, "retentionPolicy": {"retentionPeriod": "34560000"}},
        {**_LEDGER, "retentionPolicy": {"retentionPeriod": "34560000", "isLocked": False}},
        {**_LEDGER, "retentionPolicy": {"retentionPeriod": "86400", "isLocked": True}},
    ),
    not_applicable=({"name": "exports", "labels": {"store": "exports"}}, {"name": "exports"}),
)
def ledger_locked(bucket: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """Whoever can remove a record brings an erased person back with the next restore, and nobody sees that it
    happened. An unlocked retention can be taken off first. Judged for buckets with the label `store: erasures`."""
    if not _is_ledger(bucket, str(params["store"])):
        yield skip("the bucket is no erasure ledger")
        return
    if not bucket.flag("retentionPolicy.isLocked"):
        yield fail(bucket, "retentionPolicy.isLocked", f"is {bucket.show('retentionPolicy.isLocked')}")
    days = (bucket.number("retentionPolicy.retentionPeriod") or 0) / 86_400
    if days < float(params["min_days"]):
        yield fail(bucket, "retentionPolicy.retentionPeriod", f"is {days:g} days, fewer than {params['min_days']}")


@rule(
    id="erasure-ledger-append-only",
    clause="PRI-2",
    title="Workloads add to the erasure ledger or read it, and do nothing else",
    severity="high",
    types=_GRANTS,
    decides=("role",),
    fix='role="roles/storage.objectCreator"',
    sources=("https://cloud.google.com/storage/docs/access-control/iam-roles",),
    graph=True,
    params=_STORE,
    good=(
        (
            Sample(_GRANTS[0], {"role": "roles/storage.objectCreator", "bucket": "example-erasures"}),
            Sample(_BUCKET, _LOCKED, "ledger"),
        ),
        (
            Sample(_GRANTS[0], {"role": "projects/p/roles/add"}, depends={"bucket": ("ledger",), "role": ("add",)}),
            Sample(_BUCKET, _LOCKED, "ledger"),
            Sample(_ROLE, {"permissions": ["storage.objects.create"]}, "add"),
        ),
    ),
    bad=(
        (
            Sample(_GRANTS[0], {"role": "roles/storage.objectAdmin"}, depends={"bucket": ("ledger",)}),
            Sample(_BUCKET, _LOCKED, "ledger"),
        ),
        (
            Sample(_GRANTS[0], {"role": "roles/storage.admin", "bucket": "example-erasures"}),
            Sample(_BUCKET, _LOCKED, "ledger"),
        ),
        (
            Sample(_GRANTS[0], {"role": "projects/p/roles/add"}, depends={"bucket": ("ledger",), "role": ("add",)}),
            Sample(_BUCKET, _LOCKED, "ledger"),
            Sample(_ROLE, {"permissions": ["storage.objects.create", "storage.objects.delete"]}, "add"),
        ),
    ),
    not_applicable=(
        (
            Sample(_GRANTS[0], {"role": "roles/storage.objectAdmin"}, depends={"bucket": ("other",)}),
            Sample(_BUCKET, {"name": "other"}, "other"),
        ),
    ),
)
def ledger_append_only(grant: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """Overwriting and deleting are the two ways in which an erasure is undone; reading and adding are all that
    restoring and erasing need. A custom role of the stack is judged by its permissions."""
    graph = grant.graph
    buckets = graph.targets(grant, "bucket", _BUCKET) if graph else []
    if not any(_is_ledger(bucket, str(params["store"])) for bucket in buckets):
        yield skip("the grant is not on an erasure ledger")
        return
    roles = linked(grant, "role", _ROLE)
    if roles:
        permissions = [str(p).lower() for role in roles for p in role.items("permissions")]
        wrong = sorted({p for p in permissions if p.startswith(_CHANGES)})
        if wrong:
            yield fail(grant, "role", f"allows {', '.join(wrong)}")
    elif (grant.text("role") or "").lower() not in _APPENDS:
        yield fail(grant, "role", f"is {grant.show('role')}, which does more than add or read")


@rule(
    id="erasure-ledger-present",
    clause="PRI-2",
    title="A stack with databases keeps an erasure ledger",
    severity="medium",
    types=(_BUCKET, _SQL),
    scope="stack",
    fix="erasure: {dataClass: copies, retentionDays: 400, lock: true, …} in the stack file",
    params=_STORE,
    good=((_OURS, Sample(_SQL, {"name": "orders"}, "orders"), Sample(_BUCKET, _LOCKED, "ledger")),),
    bad=((_OURS, Sample(_SQL, {"name": "orders"}, "orders")),),
    not_applicable=((Sample(_SQL, {"name": "orders"}, "orders"),), (_OURS, Sample(_BUCKET, {"name": "a"}, "a"))),
)
def ledger_present(graph: Graph, params: Mapping[str, Any]) -> Iterator[Finding]:
    """Without one, every restore brings back whoever was erased since the backup. Judged in stacks that are made of
    this project's components, where the ledger is a bucket with the label `store: erasures`."""
    if not graph.of(_SQL) or not any(t.startswith("hosting:") for t in graph.types):
        yield skip("the stack has no database made of this project's components")
    elif not any(_is_ledger(bucket, str(params["store"])) for bucket in graph.of(_BUCKET)):
        yield fail_stack("no bucket is the ledger of erasures")
