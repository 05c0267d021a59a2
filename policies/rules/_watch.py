"""What a stack's log metrics and alerts watch: which events reach an alert, and which alerts reach a channel."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from policies.graph import Graph
from policies.iam import plain
from policies.logquery import Entry, QueryError, selects
from policies.model import UNKNOWN, Resource, View, gcp
from policies.rules._log_events import LogEvent

METRIC: Final = gcp("logging/metric")
ALERT: Final = gcp("monitoring/alertPolicy")
CHANNEL: Final = gcp("monitoring/notificationChannel")
_AUDIT: Final = re.compile(r"protopayload|cloudaudit|policydelta|projectown|auditlog", re.IGNORECASE)
_EMAIL: Final = re.compile(r"[\w.+-]+@[\w.-]+\w")
_USER_METRIC: Final = re.compile(r"user[/_]([\w./%+!*,-]*\w)")
_TEXTS: Final = (
    "conditionThreshold.filter",
    "conditionThreshold.denominatorFilter",
    "conditionAbsent.filter",
    "conditionMonitoringQueryLanguage.query",
    "conditionPrometheusQueryLanguage.query",
    "conditionSql.query",
)
"""Where a condition names the metric it watches."""


def covers(query: str, event: LogEvent) -> bool:
    """Whether the filter selects every sample of the event, whoever caused it. An empty one is refused by the API.

    People that the filter names are tried one by one: a filter that leaves somebody out does not cover the event.
    """
    if not query.strip():
        return False
    people = ["somebody@example.org", *([] if event.by_others else sorted(set(_EMAIL.findall(query))))]
    try:
        return all(selects(query, _by(sample, who)) is not False for sample in event.samples for who in people)
    except QueryError:
        return False


def _by(sample: Entry, who: str) -> Entry:
    return {**sample, "protoPayload": {**sample["protoPayload"], "authenticationInfo": {"principalEmail": who}}}


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert policy: the log filters of its conditions, and the metrics that the others name."""

    resource: Resource
    filters: tuple[str, ...]
    texts: tuple[str, ...]
    lost: bool
    """Whether a condition is not known yet."""

    @property
    def names(self) -> set[str]:
        """The log metrics that its conditions name, spelt alike."""
        texts = (text for text in self.texts if not narrowed(text))
        return {_spelt(name) for text in texts for name in _USER_METRIC.findall(text)}

    @property
    def edges(self) -> tuple[str, ...]:
        """Where its conditions come from."""
        return tuple(self.resource.property_dependencies.get("conditions", ()))

    @property
    def enabled(self) -> bool | None:
        """None where that is not known yet."""
        return self.resource.flag("enabled", default=True) if self.resource.known("enabled") else None

    @property
    def heard(self) -> bool | None:
        """Whether it names a channel at all; None where that is not known yet."""
        value = plain(self.resource.raw("notificationChannels"))
        if value is UNKNOWN:
            return True if self.resource.property_dependencies.get("notificationChannels") else None
        return bool(value)


def narrowed(text: str) -> bool:
    """Whether a filter on a metric also asks for something that says nothing about what is measured, or for something
    else beside the metric: the API refuses an OR that stands between a metric and another condition."""
    bare = re.sub(r'"[^"]*"', '""', text)
    if "metric.type" in bare and re.search(r"\bOR\b", re.sub(r"\([^()]*\)", "", bare)):
        return True
    fields = re.findall(r"([A-Za-z][\w.]*)\s*(?:=|:)", bare)
    return "metric.type" in fields and any(
        not field.startswith(("resource.", "metric.", "project")) for field in fields
    )


def _spelt(name: str) -> str:
    """A metric's name as PromQL writes it, where a slash or a dash is an underscore."""
    return re.sub(r"[^A-Za-z0-9]", "_", name)


@dataclass(frozen=True)
class Watch:
    """The log metrics and alerts of a stack."""

    metrics: tuple[tuple[Resource, str | None], ...]
    """With their filters, None where one is not known yet."""
    alerts: tuple[Alert, ...]

    @property
    def about_audit(self) -> bool:
        """Whether the stack keeps metrics or alerts over audit logs at all."""
        if any(query is None or _AUDIT.search(query) for _, query in self.metrics):
            return True
        open_ones = any(a.lost and not a.edges for a in self.alerts)
        return open_ones or any(_AUDIT.search(query) for alert in self.alerts for query in alert.filters)

    @cached_property
    def by_urn(self) -> dict[str, Alert]:
        """The alerts by their resource."""
        return {alert.resource.urn: alert for alert in self.alerts}

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for urn, alert in self.by_urn.items():
            for name in alert.names:
                found.setdefault(name, []).append(urn)
        return found

    @cached_property
    def _by_edge(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for urn, alert in self.by_urn.items():
            for target in alert.edges if alert.lost else ():
                found.setdefault(target, []).append(urn)
        return found

    @cached_property
    def _open(self) -> list[str]:
        return [urn for urn, alert in self.by_urn.items() if alert.lost and not alert.edges]

    @cached_property
    def _telling(self) -> list[str]:
        return [urn for urn, alert in self.by_urn.items() if alert.texts and not alert.lost]

    def listeners(self, metrics: Iterable[Resource]) -> tuple[set[str], set[str]]:
        """URNs of the alerts that watch one of the metrics, and of those that may: a name or a condition is not known
        yet and comes from nowhere."""
        sure: set[str] = set()
        maybe: set[str] = set()
        for metric in metrics:
            if metric.known("name"):
                sure.update(self._by_name.get(_spelt(metric.text("name") or metric.name), ()))
            else:
                maybe.update(self._telling)
            sure.update(self._by_edge.get(metric.urn, ()))
            maybe.update(self._open)
        return sure, maybe - sure


def watch(graph: Graph) -> Watch:
    """The metrics and alerts of a graph, read once."""
    return graph.once(_read)


def _read(graph: Graph) -> Watch:
    metrics = []
    for metric in graph.of(METRIC):
        known = metric.known("filter") and metric.known("disabled")
        if not known or not metric.flag("disabled"):
            metrics.append((metric, (metric.text("filter") or "") if known else None))
    return Watch(tuple(metrics), tuple(watch_one(alert) for alert in graph.of(ALERT)))


def watch_one(alert: Resource) -> Alert:
    """One alert policy, read."""
    filters: list[str] = []
    texts: list[str] = []
    lost = False
    for condition in _conditions(alert):
        for path, found in (("conditionMatchedLog.filter", filters), *((p, texts) for p in _TEXTS)):
            value: Any = plain(condition.raw(path)) if condition is not None else UNKNOWN
            if value is UNKNOWN:
                lost = True
            elif isinstance(value, str):
                found.append(value)
    return Alert(alert, tuple(filters), tuple(texts), lost)


def _conditions(alert: Resource) -> Iterator[View | None]:
    if not alert.known("conditions"):
        yield None
        return
    yield from alert.views("conditions")
