"""Security-relevant changes raise an alert: a metric or a log condition selects them, and somebody hears.

Filters are judged by what they select, evaluated over log entries of each event, not by their wording.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

from policies.graph import Graph
from policies.model import Resource, UnknownValue
from policies.rule import Finding, Sample, fail, fail_stack, rule, skip, unsure
from policies.rules._log_events import EVENTS, LogEvent
from policies.rules._ours import off_google, ours
from policies.rules._watch import ALERT, CHANNEL, METRIC, Alert, covers, watch, watch_one

_DOCS = ("https://cloud.google.com/logging/docs/logs-based-metrics",)
_OURS = Sample("hosting:monitoring:Alerts", {}, "ours")


def _judge(graph: Graph, event: LogEvent) -> Iterator[Finding]:
    seen = watch(graph)
    if not (ours(graph) or (seen.about_audit and not event.own)):
        yield skip("the stack keeps no alerts about audit logs")
        return
    if off_google(graph):
        yield skip("the stack has nothing on Google Cloud")
        return
    if event.only_with and not any(t.startswith(event.only_with) for t in graph.types):
        yield skip("the stack has nothing that the event could happen to")
        return
    metrics = [metric for metric, query in seen.metrics if query is not None and covers(query, event)]
    lost = [metric for metric, query in seen.metrics if query is None]
    hearing: list[Alert] = []
    open_ones: list[Finding] = [unsure(metric, "filter") for metric in lost]
    sure, maybe = seen.listeners(metrics)
    for urn, alert in seen.by_urn.items():
        if urn in sure or any(covers(query, event) for query in alert.filters):
            hearing.append(alert)
        elif urn in maybe or (alert.lost and not metrics and not alert.edges):
            open_ones.append(unsure(alert.resource, "conditions"))
    if any(alert.enabled and alert.heard for alert in hearing):
        return
    open_ones += [unsure(a.resource, "enabled") for a in hearing if None in (a.enabled, a.heard)]
    if open_ones:
        yield from open_ones
    elif hearing:
        yield from (_deaf(alert, event) for alert in hearing)
    elif metrics and not seen.alerts and not ours(graph):
        yield skip("a metric counts the event; the stack keeps no alerts, they may be elsewhere")
    elif metrics:
        yield from (fail(m, "name", f"counts {event.title}, but no alert of this stack watches it") for m in metrics)
    else:
        yield fail_stack(f"nothing in this stack notices {event.title}; the filter: {event.filter}")


def _deaf(alert: Alert, event: LogEvent) -> Finding:
    if alert.enabled is False:
        return fail(alert.resource, "enabled", f"is false: nobody hears of {event.title}")
    return fail(alert.resource, "notificationChannels", f"is empty: nobody hears of {event.title}")


def metric(query: str, name: str = "changes", **more: Any) -> Sample:
    """A log metric, for examples."""
    return Sample(METRIC, {"name": name, "filter": query, **more}, "metric")


def alert(channels: tuple[str, ...] = ("mail",), name: str = "changes", **more: Any) -> Sample:
    """An alert on the metric of that name, for examples."""
    condition = {"conditionThreshold": {"filter": f'metric.type="logging.googleapis.com/user/{name}"'}}
    props = {
        "conditions": [condition],
        "notificationChannels": [f"projects/p/notificationChannels/{c}" for c in channels],
    }
    return Sample(ALERT, {**props, **more}, "alert")


def log_alert(query: str) -> Sample:
    """An alert on log entries themselves, for examples."""
    return alert(conditions=[{"conditionMatchedLog": {"filter": query}}])


_CHANNEL = Sample(CHANNEL, {"type": "email"}, "mail", outputs={"name": "projects/p/notificationChannels/mail"})


def _register(event: LogEvent) -> None:
    extra: tuple[Sample, ...] = (_OURS,) if event.own else ()
    extra += (Sample(event.only_with[0], {}, "subject"),) if event.only_with else ()
    good = event.filter
    narrow = f'{good.replace(" OR ", " AND ")} AND protoPayload.methodName="nothing.like.It"'
    rule(
        id=f"log-alert-{event.name}",
        clause=event.clause,
        title=f"Somebody hears of {event.title}",
        severity="medium",
        types=(METRIC, ALERT),
        scope="stack",
        fix=f"a logging.Metric with filter='{event.filter}' and an AlertPolicy on it with notification channels",
        references=event.references,
        sources=_DOCS,
        traps=(36,),
        why=f"Whoever breaks in has to make {event.title} sooner or later; it is the moment to stop it.",
        good=(
            (metric(good), alert(), *extra),
            (log_alert(f"{good.replace(' AND ', chr(10) + ' AND  ')} "), *extra),
        ),
        bad=(
            (metric(narrow), alert(), *extra),
            (metric(good), alert(channels=()), *extra),
            (metric(good), alert(enabled=False), *extra),
            (metric(good), alert(name="others"), *extra),
            (log_alert(narrow), *extra),
            (metric(good, disabled=True), alert(), log_alert('protoPayload.methodName="x"'), *extra),
        ),
        not_applicable=((_CHANNEL,), (Sample("hosting:render:Alone", {}, "ours"),)),
    )(lambda graph: _judge(graph, event))


for _event in EVENTS:
    _register(_event)


@rule(
    id="log-metric-watched",
    clause="MON-1",
    title="Every metric over audit logs is watched by an alert",
    severity="low",
    types=(METRIC,),
    decides=("filter",),
    absent="not_applicable",
    graph=True,
    fix='an AlertPolicy whose condition names metric.type="logging.googleapis.com/user/<name>"',
    sources=_DOCS,
    traps=(36,),
    good=((metric('protoPayload.methodName="x"'), alert()),),
    bad=((metric('protoPayload.methodName="x"'),), (metric('protoPayload.methodName="x"'), alert(name="other"))),
    not_applicable=(metric('resource.type="cloud_run_revision" AND severity>=ERROR'),),
)
def metric_watched(counter: Resource) -> Iterator[Finding]:
    """A number that nobody looks at is not monitoring."""
    text = counter.text("filter") or ""
    if counter.graph is None or not any(word in text.lower() for word in ("protopayload", "cloudaudit")):
        yield skip("the metric is not about audit logs")
        return
    seen = watch(counter.graph)
    sure, maybe = ({urn for urn in urns if seen.by_urn[urn].enabled is not False} for urns in seen.listeners([counter]))
    if maybe and not sure:
        yield unsure(counter, "name", "an alert that may watch it is not known yet")
    elif not sure:
        yield fail(counter, "name", "is named in no alert of this stack")


@rule(
    id="log-alert-metric-is-here",
    clause="MON-1",
    title="Alerts watch log metrics that the stack makes",
    severity="low",
    level="advisory",
    types=(ALERT,),
    decides=("conditions",),
    absent="pass",
    graph=True,
    provenance=True,
    fix="filter=metric.name.apply(lambda name: f'metric.type=\"logging.googleapis.com/user/{name}\"')",
    references=(
        "kics:logs_and_alerts_missing_audit_configuration_changes",
        "kics:logs_and_alerts_missing_custom_role_changes",
        "kics:logs_and_alerts_missing_project_ownership_assignment_and_changes",
    ),
    sources=_DOCS,
    traps=(36,),
    good=(
        (dataclasses.replace(alert(), depends={"conditions": ("metric",)}), metric("severity>=ERROR")),
        (alert(), metric("severity>=ERROR")),
        (log_alert("severity>=ERROR"),),
    ),
    bad=((alert(),), (alert(), metric("severity>=ERROR", name="others"))),
)
def metric_is_here(policy: Resource) -> Iterator[Finding]:
    """An alert on a metric that nothing feeds never fires. Whoever made it elsewhere waives this and says where."""
    if policy.graph is None:
        return
    own = watch_one(policy)
    if own.lost and not policy.property_dependencies.get("conditions"):
        raise UnknownValue("conditions")
    named = {name for text in own.texts for name in re.findall(r"logging\.googleapis\.com/user/([^\"'\s)]+)", text)}
    made = policy.graph.once(_names_of_metrics)
    for name in sorted(named - made):
        if None in made:
            raise UnknownValue("conditions")
        yield fail(policy, "conditions", f"watches the log metric {name}, which no resource of this stack makes")


def _names_of_metrics(graph: Graph) -> set[str | None]:
    """None among them where one is not known yet."""
    return {(m.text("name") or m.name) if m.known("name") else None for m in graph.of(METRIC)}


@rule(
    id="log-metric-enabled",
    clause="MON-1",
    title="Log metrics are switched on",
    severity="medium",
    types=(METRIC,),
    decides=("disabled",),
    absent="pass",
    fix="disabled=False",
    sources=_DOCS,
    good=({"name": "a", "filter": "x", "disabled": False}, {"name": "a", "filter": "x"}),
    bad=({"name": "a", "filter": "x", "disabled": True},),
)
def metric_enabled(counter: Resource) -> Iterator[Finding]:
    """A disabled metric counts nothing; alerts on it stay silent. The provider's default is on."""
    if counter.flag("disabled"):
        yield fail(counter, "disabled", "is true: nothing is counted")
