"""What jobs leave behind: evidence and copies that nobody can change, and the words by which their end is heard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.logquery import QueryError, selects
from policies.model import Resource, gcp
from policies.rule import Finding, fail, rule, skip

_BUCKET: Final = gcp("storage/bucket")


def _locked(store: str, days: int, **record: Any) -> None:
    """Registers the rule that buckets with that label are locked for so many days."""
    kept = {"retentionPeriod": str(days * 86_400), "isLocked": True}
    good = {"name": store, "labels": {"store": store}, "retentionPolicy": kept}
    rule(
        severity="high",
        types=(_BUCKET,),
        decides=("retentionPolicy.isLocked",),
        fix=f'retention_policy={{"retention_period": "{days * 86_400}", "is_locked": True}}',
        sources=("https://cloud.google.com/storage/docs/bucket-lock",),
        traps=(28,),
        params={"store": store, "min_days": days},
        good=(good,),
        bad=(
            {"name": "e", "labels": {"store": store}},
            {**good, "retentionPolicy": {**kept, "isLocked": False}},
            {**good, "retentionPolicy": {**kept, "retentionPeriod": str((days - 1) * 86_400)}},
        ),
        not_applicable=({"name": "x", "labels": {"store": "something-else"}}, {"name": "x"}),
        **record,
    )(_kept)


def _kept(bucket: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    if bucket.text("labels.store") != str(params["store"]):
        yield skip(f"the bucket is not labelled as the store of {params['store']}")
        return
    if not bucket.flag("retentionPolicy.isLocked"):
        yield fail(bucket, "retentionPolicy.isLocked", f"is {bucket.show('retentionPolicy.isLocked')}")
    days = (bucket.number("retentionPolicy.retentionPeriod") or 0) / 86_400
    if days < float(params["min_days"]):
        yield fail(bucket, "retentionPolicy.retentionPeriod", f"is {days:g} days, fewer than {params['min_days']}")


_locked(
    "evidence",
    400,
    id="job-evidence-locked",
    clause="BAK-6",
    title="What jobs found can be changed by nobody",
    why="Evidence and the anchors of the activity log prove something only while nobody can put others in their place. "
    "Judged for buckets with the label `store: evidence`.",
)
_locked(
    "exports",
    30,
    id="job-exports-locked",
    clause="BAK-4",
    title="Exported copies can be changed and deleted by nobody",
    why="A copy that its writer can delete goes the way of the data. Judged for buckets with the label "
    "`store: exports`.",
)

_METRIC: Final = gcp("logging/metric")
_SAID: Final[Mapping[str, Any]] = {
    "failed": {"severity": "ERROR", "jsonPayload": {"job": "drill", "deployment": "drill-orders", "message": "found"}},
    "done": {
        "severity": "INFO",
        "jsonPayload": {"job": "drill", "deployment": "drill-orders", "message": "done", "exit": 0},
    },
}
"""What a job says at its end, by the name of the metric that counts it."""


@rule(
    id="job-metric-selects",
    clause="BAK-7",
    title="Metrics over our jobs select what jobs say at their end",
    severity="high",
    types=(_METRIC,),
    decides=("filter",),
    fix='filter="severity=ERROR AND jsonPayload.job:* AND jsonPayload.deployment:*"',
    sources=("https://cloud.google.com/logging/docs/view/logging-query-language",),
    good=(
        {"name": "jobs/failed", "filter": "severity=ERROR AND jsonPayload.job:* AND jsonPayload.deployment:*"},
        {"name": "jobs/done", "filter": "jsonPayload.exit=0 AND jsonPayload.job:*"},
    ),
    bad=(
        {"name": "jobs/failed", "filter": "(severity=ERROR AND jsonPayload.job:*) AND labels.never=never"},
        {"name": "jobs/failed", "filter": "severity=EMERGENCY"},
        {"name": "jobs/done", "filter": "jsonPayload.exit=1 AND jsonPayload.job:*"},
        {"name": "jobs/failed", "filter": "this is ( no filter"},
    ),
    not_applicable=({"name": "security/changes", "filter": "x"},),
)
def metric_selects(counter: Resource) -> Iterator[Finding]:
    """Jobs on Render are heard by these alone: a filter that selects nothing is silence that nobody hears."""
    word = (counter.text("name") or "").removeprefix("jobs/")
    sample = _SAID.get(word) if (counter.text("name") or "").startswith("jobs/") else None
    if sample is None:
        yield skip("the metric is not about jobs")
        return
    text = counter.text("filter") or ""
    try:
        selected = bool(text.strip()) and selects(text, sample) is True
    except QueryError:
        selected = False
    if not selected:
        yield fail(counter, "filter", f"does not select what a job says when it is {word}")
