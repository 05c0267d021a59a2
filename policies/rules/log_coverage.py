"""Our own standard of logging: the logs of every project reach every central store, and alerts count them there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policies.graph import Graph
from policies.iam import plain
from policies.logquery import QueryError
from policies.model import Resource, UnknownValue
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules._ours import enabled, marked, ours, projects_in_use
from policies.rules._sinks import (
    BUCKET,
    FOLDER_SINK,
    LOG_BUCKETS,
    ORGANIZATION_SINK,
    PROJECT_SINK,
    destinations,
    leads_to,
)
from policies.rules._watch import ALERT, METRIC, watch
from policies.rules.log_alerts import alert, metric
from policies.rules.log_sinks import complete

_DOCS = ("https://cloud.google.com/logging/docs/export/aggregated_sinks",)


def _sink(project: str, store: str = "storage.googleapis.com/logs", **more: Any) -> Sample:
    return Sample(PROJECT_SINK, {"project": project, "destination": store, **more}, f"{project}-{store}")


_STORE = "logging.googleapis.com/projects/audit/locations/eu/buckets/all"


@rule(
    id="log-sink-every-project",
    clause="LOG-2",
    title="Every project sends everything to every central log store",
    severity="high",
    types=(PROJECT_SINK,),
    scope="stack",
    fix="one unfiltered logging.ProjectSink for each project and store, or one OrganizationSink with include_children",
    sources=_DOCS,
    traps=(32, 34),
    good=(
        (marked(), enabled("app"), enabled("audit"), _sink("app"), _sink("audit")),
        (marked(), enabled("app"), Sample(ORGANIZATION_SINK, {"destination": _STORE, "includeChildren": True}, "all")),
    ),
    bad=(
        (
            marked(),
            enabled("app"),
            Sample(ORGANIZATION_SINK, {"destination": _STORE, "includeChildren": True}, "all"),
            Sample(
                ORGANIZATION_SINK,
                {"destination": "storage.googleapis.com/kept", "includeChildren": True, "filter": "severity>=ERROR"},
                "some",
            ),
        ),
        (marked(), enabled("app")),
        (marked(), enabled("app"), enabled("audit"), _sink("app")),
        (marked(), enabled("app"), enabled("audit"), _sink("app"), _sink("audit", filter="severity>=ERROR")),
        (marked(), enabled("app"), enabled("audit"), _sink("app"), _sink("audit"), _sink("app", _STORE)),
    ),
    not_applicable=((enabled("app"),), (marked(),)),
)
def every_project(graph: Graph) -> Iterator[Finding]:
    """The project that was forgotten is the one that gets broken into. A store counts as central when one project sends
    everything to it. Judged for stacks of this project."""
    projects, lost = projects_in_use(graph)
    if not ours(graph) or not (projects or lost):
        yield skip("the stack is not built from this project's components, or enables no services")
        return
    homeless = list(lost)
    higher, stores, narrow = False, dict[str, set[str]](), list[Resource]()
    for sink in graph.of(ORGANIZATION_SINK, FOLDER_SINK, PROJECT_SINK):
        try:
            if complete(sink):
                higher = higher or (sink.type != PROJECT_SINK and sink.flag("includeChildren"))
                home = graph.project_of(sink)
                if home is None and sink.type == PROJECT_SINK:
                    lost.append(unsure(sink, "project"))
                stores.setdefault(_store(graph, sink), set()).add((home or "").removeprefix("projects/"))
            elif sink.type != PROJECT_SINK and _kept(graph, sink):
                narrow.append(sink)
        except UnknownValue as error:
            lost.append(unsure(sink, error.path))
        except QueryError as error:
            lost.append(unsure(sink, "filter", f"cannot be read: {error}"))
    yield from (
        fail(sink, "filter", "leaves logs out, and nothing else brings all of them to its store")
        for sink in narrow
        if _store(graph, sink) not in stores
    )
    if higher:
        return
    missing = [
        (service, project, store)
        for project, service in projects.items()
        for store, homes in (stores or {"a central store": set[str]()}).items()
        if project not in homes
    ]
    if homeless or (lost and (missing or not projects)):
        yield from lost
        return
    for service, project, store in missing:
        yield fail(service, "project", f"{project} does not send everything to {store.rpartition('::')[2] or store}")


def _kept(graph: Graph, sink: Resource) -> bool:
    """Whether the destination is a store: topics carry what somebody asked for, stores are looked into later."""
    text = plain(sink.raw("destination"))
    if isinstance(text, str):
        return text.startswith(("storage.", "logging."))
    return leads_to(graph, sink, BUCKET, *LOG_BUCKETS)


def _store(graph: Graph, sink: Resource) -> str:
    found = destinations(graph, sink)
    if found:
        return found[0].urn
    text = plain(sink.raw("destination"))
    if isinstance(text, str):
        return text
    edges = sink.property_dependencies.get("destination", ())
    if not edges:
        raise UnknownValue("destination")
    return edges[0]


_BUCKET = Sample(
    LOG_BUCKETS[0], {"project": "audit", "bucketId": "all"}, "bucket", outputs={"id": _STORE.partition("/")[2]}
)
_CENTRAL = Sample(PROJECT_SINK, {"project": "app", "destination": _STORE}, "central")
_FILTER = 'protoPayload.methodName="SetIamPolicy"'


@rule(
    id="log-metric-central",
    clause="MON-1",
    title="Metrics over audit logs count what arrives in the central log bucket",
    severity="medium",
    types=(METRIC,),
    decides=("bucketName",),
    graph=True,
    fix="bucket_name=log_bucket.id",
    sources=("https://cloud.google.com/logging/docs/logs-based-metrics#bucket-scoped",),
    good=((metric(_FILTER, bucketName=_STORE.partition("/")[2]), _BUCKET, _CENTRAL),),
    bad=((metric(_FILTER), _BUCKET, _CENTRAL), (metric(_FILTER, bucketName=""), _BUCKET, _CENTRAL)),
    not_applicable=(metric(_FILTER), (metric('resource.type="x"'), _BUCKET, _CENTRAL)),
)
def metric_central(counter: Resource) -> Iterator[Finding]:
    """A metric without a bucket counts the entries of its own project alone: the alert is silent about all others.
    Judged where a sink of the stack collects logs in a log bucket of the stack."""
    graph = counter.graph
    central = graph and any(d.type in LOG_BUCKETS for s in graph.of(PROJECT_SINK) for d in destinations(graph, s))
    if not counter.has("bucketName") and not central:
        yield skip("the stack collects no logs in a log bucket")
        return
    text = counter.text("filter") or ""
    if not any(word in text.lower() for word in ("protopayload", "cloudaudit")):
        yield skip("the metric is not about audit logs")
    elif not counter.has("bucketName"):
        yield fail(counter, "bucketName", "is not set: only the entries of the metric's own project are counted")
    elif not counter.known("bucketName") and not (graph and graph.sources(counter, "bucketName", *LOG_BUCKETS)):
        yield unsure(counter, "bucketName")


def _threshold(**more: Any) -> Sample:
    condition = {"filter": 'metric.type="logging.googleapis.com/user/changes"', "comparison": "COMPARISON_GT"}
    return alert(conditions=[{"conditionThreshold": {**condition, "duration": "0s", **more}}])


@rule(
    id="log-alert-fires-at-once",
    clause="MON-1",
    title="An alert on audit logs fires at the first event",
    severity="medium",
    types=(ALERT,),
    decides=("conditions",),
    absent="not_applicable",
    graph=True,
    fix='comparison="COMPARISON_GT", threshold_value=0, duration="0s"',
    sources=("https://cloud.google.com/logging/docs/logs-based-metrics/charts-and-alerts",),
    params={"max_seconds": 300},
    good=((_threshold(thresholdValue=0), metric(_FILTER)), (_threshold(), metric(_FILTER))),
    bad=(
        (_threshold(thresholdValue=10), metric(_FILTER)),
        (_threshold(comparison="COMPARISON_LT"), metric(_FILTER)),
        (_threshold(duration="3600s"), metric(_FILTER)),
    ),
    not_applicable=((_threshold(thresholdValue=10), metric('resource.type="x"')),),
)
def fires_at_once(policy: Resource, params: Any) -> Iterator[Finding]:
    """One change of an owner is enough; an alert that waits for ten sleeps through it."""
    policy.get("conditions")
    if policy.graph is None or policy.urn not in policy.graph.once(_over_audit_logs):
        yield skip("the alert watches no metric over audit logs")
        return
    for condition in policy.views("conditions"):
        for view in condition.views("conditionThreshold"):
            if (view.number("thresholdValue") or 0) > 0:
                yield fail(view, "thresholdValue", f"is {view.show('thresholdValue')}: the first events go unheard")
            if view.upper("comparison") not in ("COMPARISON_GT", "COMPARISON_GE"):
                yield fail(view, "comparison", f"is {view.show('comparison')}: more events keep the alert silent")
            if (view.number("duration") or 0) > float(params["max_seconds"]):
                yield fail(view, "duration", f"is {view.show('duration')}: a single event is over before")


def _over_audit_logs(graph: Graph) -> set[str]:
    """The alerts that watch a metric over audit logs, or may."""
    seen = watch(graph)
    return set().union(*seen.listeners(m for m, query in seen.metrics if query and "protopayload" in query.lower()))
