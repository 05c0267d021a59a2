"""Alerts reach somebody: over two channels of different types that are on, verified, and keep their tokens secret."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.graph import Graph
from policies.iam import plain
from policies.model import UNKNOWN, Resource
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules._facts import boolean
from policies.rules._watch import ALERT, CHANNEL

_DOCS = ("https://cloud.google.com/monitoring/support/notification-options",)


def _channel(name: str, kind: str, *, outputs: Mapping[str, Any] | None = None, **more: Any) -> Sample:
    made = {"name": f"projects/p/notificationChannels/{name}", **(outputs or {})}
    return Sample(CHANNEL, {"type": kind, "displayName": name, **more}, name, outputs=made)


def _alert(*channels: str, **more: Any) -> Sample:
    ids = [f"projects/p/notificationChannels/{c}" for c in channels]
    condition = {"displayName": "c", "conditionThreshold": {"filter": 'metric.type="x"'}}
    return Sample(ALERT, {"conditions": [condition], "notificationChannels": ids, **more}, "alert")


boolean(
    {ALERT: "enabled"},
    absent="pass",
    id="alert-enabled",
    clause="MON-2",
    title="Alert policies are switched on",
    severity="medium",
    fix="enabled=True",
    sources=_DOCS,
    traps=(36,),
    why="A disabled alert is worse than none: everybody believes that it would have fired. The default is on.",
)
boolean(
    {CHANNEL: "enabled"},
    absent="pass",
    id="alert-channel-enabled",
    clause="MON-2",
    title="Notification channels are switched on",
    severity="medium",
    fix="enabled=True",
    sources=_DOCS,
    traps=(36,),
    why="Alerts sent to a disabled channel are dropped without a trace. The default is on.",
)


boolean(
    {CHANNEL: "forceDelete"},
    want=False,
    absent="pass",
    id="alert-channel-not-forced",
    clause="MON-2",
    title="A notification channel that alerts use cannot be deleted",
    severity="low",
    fix="force_delete=False",
    sources=_DOCS,
    traps=(36,),
    why="With force the channel disappears from every alert that names it, without a word. Default: false.",
)


@rule(
    id="alert-has-channel",
    clause="MON-2",
    title="Every alert policy has a notification channel",
    severity="medium",
    types=(ALERT,),
    decides=("notificationChannels",),
    graph=True,
    provenance=True,
    fix="notification_channels=[email.name, on_call.name]",
    sources=_DOCS,
    traps=(36,),
    good=(
        (
            Sample(
                ALERT,
                {"notificationChannels": ["projects/p/notificationChannels/1"]},
                "a",
                {"notificationChannels": ("mail",)},
            ),
            _channel("mail", "email"),
        ),
    ),
    bad=(_alert(), Sample(ALERT, {"conditions": []})),
)
def has_channel(alert: Resource) -> Iterator[Finding]:
    """An alert without a channel opens an incident on a page that nobody looks at."""
    if not alert.known("notificationChannels"):
        if not (alert.graph and alert.graph.sources(alert, "notificationChannels", CHANNEL)):
            yield unsure(alert, "notificationChannels")
    elif not alert.items("notificationChannels"):
        yield fail(alert, "notificationChannels", "is empty: nobody is told")


def _channels(graph: Graph, alert: Resource) -> tuple[list[Resource], int, bool]:
    """The alert's channels in this stack, how many others it names, and whether some are not known and from nowhere.

    A list tells how many there are even where it tells no names: edges beyond that number count for nothing.
    """
    value = plain(alert.raw("notificationChannels"))
    values = value if isinstance(value, list) else [] if value is None else [value]
    found: dict[str, Resource] = {}
    strangers = 0
    for text in values:
        if isinstance(text, str):
            named = graph.find(text, CHANNEL)
            found.update({r.urn: r for r in named})
            strangers += not named
    open_ones = sum(v is UNKNOWN for v in values) if isinstance(value, list) else len(graph.of(CHANNEL)) + 1
    edges = graph.sources(alert, "notificationChannels", CHANNEL) if UNKNOWN in values else []
    more = [u for u in edges if u not in found]
    kinds = Counter(graph.by_urn[u].output("type") if u in graph.by_urn else None for u in more)
    more.sort(key=lambda u: -kinds[graph.by_urn[u].output("type") if u in graph.by_urn else None])
    found.update({u: graph.by_urn[u] for u in more[:open_ones] if u in graph.by_urn})
    strangers += len([u for u in more[:open_ones] if u not in graph.by_urn])
    return list(found.values()), strangers, UNKNOWN in values and not edges


@rule(
    id="alert-two-channels",
    clause="MON-2",
    title="Every alert goes out over two working channels of different types",
    severity="medium",
    types=(ALERT,),
    decides=("notificationChannels",),
    graph=True,
    fix="notification_channels=[email.name, on_call.name]  # two NotificationChannels of different type",
    sources=_DOCS,
    traps=(36,),
    good=(
        (_alert("mail", "call"), _channel("mail", "email"), _channel("call", "pagerduty")),
        (
            Sample(ALERT, {"notificationChannels": UNKNOWN}, "a", {"notificationChannels": ("mail", "call")}),
            _channel("mail", "email"),
            _channel("call", "pubsub"),
        ),
    ),
    bad=(
        (_alert("mail"), _channel("mail", "email")),
        (_alert("mail", "more"), _channel("mail", "email"), _channel("more", "email")),
        (_alert("mail", "call"), _channel("mail", "email"), _channel("call", "pubsub", enabled=False)),
        (_alert(), _channel("mail", "email")),
        (
            Sample(ALERT, {"notificationChannels": [UNKNOWN]}, "a", {"notificationChannels": ("mail", "call")}),
            _channel("mail", "email"),
            _channel("call", "pubsub"),
        ),
    ),
    not_applicable=(_alert("mail", "call"),),
)
def two_channels(alert: Resource) -> Iterator[Finding]:
    """One channel fails in silence, and it fails when everything does. Alerts whose channels are all kept outside this
    stack are not judged here."""
    graph = alert.graph
    if graph is None:
        return
    channels, strangers, lost = _channels(graph, alert)
    if not channels and strangers and not _unnamed(graph):
        yield skip("the channels are not part of this stack")
        return
    types: set[str] = set()
    open_ones: list[Finding] = []
    for channel in channels:
        if not channel.known("enabled") or not channel.known("type"):
            open_ones.append(unsure(channel, "type" if channel.known("enabled") else "enabled"))
        elif channel.flag("enabled", default=True):
            types.add(channel.upper("type") or "")
    if len(types) >= 2:
        return
    if open_ones:
        yield from open_ones
    elif lost or strangers:
        yield unsure(alert, "notificationChannels", "names channels of which this stack tells nothing")
    else:
        kinds = f"one type ({', '.join(types).lower()})" if types else "no working channel"
        yield fail(alert, "notificationChannels", f"reaches people over {kinds}, not over two different ones")


def _unnamed(graph: Graph) -> bool:
    return any(channel.output("name") is None for channel in graph.of(CHANNEL))


@rule(
    id="alert-channel-verified",
    clause="MON-2",
    title="Notification channels are verified",
    severity="medium",
    types=(CHANNEL,),
    scope="stack",
    fix="open the verification link or enter the code that Cloud Monitoring sent to the channel",
    sources=("https://cloud.google.com/monitoring/alerts/using-channels-api#ncd-verify",),
    traps=(36,),
    good=(
        (_channel("mail", "email"),),
        (_channel("sms", "sms", outputs={"verificationStatus": "VERIFIED"}),),
        (_channel("mail", "email", outputs={"verificationStatus": "VERIFICATION_STATUS_UNSPECIFIED"}),),
    ),
    bad=((_channel("sms", "sms", outputs={"verificationStatus": "UNVERIFIED"}),),),
    not_applicable=((_alert("mail"),),),
)
def channel_verified(graph: Graph) -> Iterator[Finding]:
    """Nothing is sent to a channel that was never verified. Read from what the cloud returned; kinds that need no
    verification say nothing, and a channel that is not made yet cannot be verified."""
    if not graph.of(CHANNEL):
        yield skip("the stack has no channels")
    for channel in graph.of(CHANNEL):
        if str(channel.output("verificationStatus")).upper() == "UNVERIFIED":
            yield fail(channel, "verificationStatus", "is UNVERIFIED: nothing is sent to it")


_TOKENS: Final = ("auth_token", "password", "service_key")


@rule(
    id="alert-channel-token-sensitive",
    clause="CHG-2",
    title="Tokens of notification channels are kept as sensitive labels",
    severity="high",
    types=(CHANNEL,),
    decides=("labels",),
    absent="pass",
    fix='sensitive_labels={"auth_token": config.require_secret("token")}',
    sources=("https://www.pulumi.com/registry/packages/gcp/api-docs/monitoring/notificationchannel/",),
    good=(
        {"type": "email", "labels": {"email_address": "on-call@example.com"}},
        {"type": "slack", "labels": {"channel_name": "#alerts"}, "sensitiveLabels": {"authToken": "x"}},
    ),
    bad=(
        {"type": "slack", "labels": {"channel_name": "#alerts", "auth_token": "x"}},
        {"type": "pagerduty", "labels": {"service_key": "x"}},
    ),
)
def token_sensitive(channel: Resource) -> Iterator[Finding]:
    """Labels stand in the code, the state and the API's answers in plain text; sensitive labels are never returned."""
    channel.get("labels")
    for token in _TOKENS:
        if channel.has(f"labels.{token}"):
            yield fail(channel, f"labels.{token}", "stands in plain text")
