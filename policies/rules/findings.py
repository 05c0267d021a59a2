"""Findings are heard: an alert or a subscriber stands at the end of the stream."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from policies.graph import Graph
from policies.model import Resource, gcp
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules._ours import marked, ours
from policies.rules._watch import ALERT, Alert, narrowed, watch
from policies.rules.contacts import FINDINGS

_SUBSCRIPTION: Final = gcp("pubsub/subscription")
_TOPIC: Final = "projects/audit/topics/findings"
_STREAM: Final = Sample(FINDINGS[1], {"pubsubTopic": _TOPIC, "organization": "1"}, "findings")


def _alert(topic: str, **more: Any) -> Sample:
    text = (
        f'metric.type="pubsub.googleapis.com/topic/send_message_operation_count" AND resource.labels.topic_id="{topic}"'
    )
    condition = {"displayName": "open", "conditionThreshold": {"filter": text}}
    return Sample(ALERT, {"conditions": [condition], "notificationChannels": ["c"], **more}, "alert")


@rule(
    id="finding-heard",
    clause="MON-4",
    title="Somebody is told of every finding that is streamed",
    severity="medium",
    types=FINDINGS,
    scope="stack",
    reads=dict.fromkeys(FINDINGS, ("pubsubTopic", "streamingConfig")),
    fix='an alert on resource.labels.topic_id="findings", or a subscription of the topic',
    sources=("https://cloud.google.com/security-command-center/docs/how-to-notifications",),
    good=(
        (_STREAM, _alert("findings"), marked()),
        (_STREAM, Sample(_SUBSCRIPTION, {"name": "read", "topic": _TOPIC}, "read"), marked()),
    ),
    bad=(
        (_STREAM, marked()),
        (_STREAM, _alert("others"), marked()),
        (_STREAM, _alert("findings", enabled=False), marked()),
        (_STREAM, _alert("findings", notificationChannels=[]), marked()),
    ),
    not_applicable=((_STREAM,), (marked(),)),
)
def finding_heard(graph: Graph) -> Iterator[Finding]:
    """A topic that nobody listens to keeps its messages for a week and forgets them. Judged in stacks of ours."""
    streams = graph.of(*FINDINGS)
    if not ours(graph) or not streams:
        yield skip("no stream of findings of our stacks")
    for stream in streams if ours(graph) else ():
        topic = stream.raw("pubsubTopic")
        if not isinstance(topic, str):
            yield unsure(stream, "pubsubTopic")
            continue
        found = [_tells(alert, topic.rpartition("/")[2]) for alert in watch(graph).alerts]
        found += [_reads(subscription, topic) for subscription in graph.of(_SUBSCRIPTION)]
        if True in found:
            continue
        if None in found:
            yield unsure(stream, "pubsubTopic", "what may listen to the topic is not known yet")
        else:
            yield fail(stream, "pubsubTopic", f"leads to {topic}, to which no alert and no subscription listens")


def _tells(alert: Alert, topic: str) -> bool | None:
    """None where it is not known yet."""
    texts = [text for text in alert.texts if re.search(rf'topic_id\s*=\s*"{re.escape(topic)}"', text)]
    if not any(not narrowed(text) for text in texts):
        return None if alert.lost and _may_be_about(alert, topic) else False
    if alert.enabled is None or alert.heard is None:
        return None
    return alert.enabled and alert.heard


def _may_be_about(alert: Alert, topic: str) -> bool:
    """Whether a condition that is not known yet may name the topic: it comes from it, or from nowhere."""
    edges = alert.resource.property_dependencies.get("conditions", ())
    graph = alert.resource.graph
    return not edges or bool(graph and {r.urn for r in graph.find(topic, gcp("pubsub/topic"))} & set(edges))


def _reads(subscription: Resource, topic: str) -> bool | None:
    named = subscription.raw("topic")
    if isinstance(named, str):
        return named in (topic, topic.rpartition("/")[2])
    return None
