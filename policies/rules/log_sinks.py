"""Log sinks: everything flows out, unfiltered, from every project, to where its writer may write."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from policies.graph import Graph
from policies.logquery import QueryError
from policies.model import UNKNOWN, Resource, UnknownValue, View, gcp
from policies.rule import Finding, Sample, each, fail, fail_stack, rule, skip, unsure
from policies.rules._facts import boolean
from policies.rules._log_samples import keeps_everything, may_select_audit
from policies.rules._sinks import BUCKET, FOLDER_SINK, ORGANIZATION_SINK, PROJECT_SINK, SINKS

_DOCS = ("https://cloud.google.com/logging/docs/export/aggregated_sinks",)
EXCLUSIONS: Final = tuple(gcp(f"logging/{x}Exclusion") for x in ("project", "folder", "organization", "billingAccount"))
_TO = "storage.googleapis.com/example-prod-logs"

boolean(
    dict.fromkeys(SINKS, "disabled"),
    want=False,
    absent="pass",
    id="log-sink-enabled",
    clause="LOG-2",
    title="Log sinks are switched on",
    severity="high",
    fix="disabled=False",
    sources=_DOCS,
    traps=(32,),
    why="A disabled sink looks like one that works and exports nothing. The provider's default is on.",
)
boolean(
    {ORGANIZATION_SINK: "includeChildren", FOLDER_SINK: "includeChildren"},
    missing="is not set: the sink then sees only the logs of the organization or folder itself, of no project in it",
    id="log-sink-children",
    clause="LOG-2",
    title="Sinks of an organization or a folder take the logs of every project in it",
    severity="high",
    fix="include_children=True",
    sources=_DOCS,
    traps=(34,),
    why="The provider's default is false: almost all logs are those of projects, and stay there.",
)
boolean(
    {ORGANIZATION_SINK: "interceptChildren", FOLDER_SINK: "interceptChildren"},
    want=False,
    absent="pass",
    id="log-sink-no-intercept",
    clause="LOG-2",
    title="No sink keeps logs from the sinks of the projects below",
    severity="high",
    fix="intercept_children=False",
    sources=("https://cloud.google.com/logging/docs/export/aggregated_sinks_overview#intercepting",),
    traps=(34,),
    why="An intercepting sink starves every other: what it takes never reaches the projects' own logs. Default: false.",
)
boolean(
    {PROJECT_SINK: "uniqueWriterIdentity"},
    absent="pass",
    id="log-sink-own-writer",
    clause="LOG-2",
    title="Each project sink writes under an identity of its own",
    severity="medium",
    fix="unique_writer_identity=True",
    sources=_DOCS,
    traps=(33,),
    why="The shared writer belongs to everybody's sinks: granting it lets strangers' logs in. Default: true.",
)
boolean(
    {gcp("logging/organizationSettings"): "disableDefaultSink", gcp("logging/folderSettings"): "disableDefaultSink"},
    want=False,
    absent="pass",
    id="log-default-sink-kept",
    clause="LOG-1",
    title="New projects keep their own log bucket",
    severity="medium",
    fix="disable_default_sink=False",
    sources=("https://cloud.google.com/logging/docs/default-settings",),
    traps=(32,),
    why="Without the default sink a new project keeps none of its data access and application logs. Default: false.",
)


def _exclusion(query: str, **more: Any) -> dict[str, Any]:
    return {"name": "noise", "filter": query, **more}


@rule(
    id="log-exclusions-keep-audit",
    clause="LOG-2",
    title="Exclusions drop no audit logs",
    severity="high",
    types=(*SINKS, *EXCLUSIONS),
    decides=("exclusions",),
    absent="pass",
    fix='filter=\'resource.type="k8s_container" AND severity<WARNING AND NOT logName:"cloudaudit.googleapis.com"\'',
    sources=("https://cloud.google.com/logging/docs/routing/overview#exclusions",),
    traps=(32,),
    good=(
        {
            "destination": _TO,
            "exclusions": [_exclusion('resource.type="http_load_balancer" AND httpRequest.status<400')],
        },
        {"exclusions": [_exclusion('severity<WARNING AND NOT logName:"cloudaudit.googleapis.com"')]},
        {"exclusions": [_exclusion("severity<ERROR", disabled=True)]},
        Sample(EXCLUSIONS[0], {"name": "noise", "filter": 'resource.type="k8s_container"'}),
    ),
    bad=(
        {"exclusions": [_exclusion("severity<ERROR")]},
        {"exclusions": [_exclusion('logName:"data_access"')]},
        {"exclusions": [_exclusion('resource.type="gcs_bucket" AND protoPayload.methodName="storage.objects.get"')]},
        {"exclusions": [_exclusion("sample(insertId, 0.99)")]},
        {"exclusions": [_exclusion('resource.type="k8s_container"'), _exclusion("")]},
        Sample(EXCLUSIONS[0], {"name": "noise", "filter": 'log_id("cloudaudit.googleapis.com/data_access")'}),
    ),
)
def exclusions_keep_audit(resource: Resource) -> Iterator[Finding]:
    """What an exclusion drops is gone before any store sees it, and nothing tells that it ever was. Each exclusion is
    evaluated over audit log entries of every kind; whatever may select one fails."""
    yield from each(resource.views("exclusions") if resource.type in SINKS else [resource], _keeps_audit)


def _keeps_audit(exclusion: View) -> Iterator[Finding]:
    if exclusion.data is UNKNOWN:
        raise UnknownValue(exclusion.path)
    if exclusion.flag("disabled"):
        return
    try:
        dropped = may_select_audit(exclusion.text("filter") or "")
    except QueryError as error:
        yield unsure(exclusion, "filter", f"cannot be read: {error}")
        return
    if dropped is not None:
        kind = str(dropped["logName"]).rpartition("%2F")[2]
        where = dropped["resource"]["type"]
        yield fail(exclusion, "filter", f"is {exclusion.show('filter')}: it may drop {kind} audit logs of a {where}")


def complete(sink: Resource) -> bool:
    """Whether the sink is on, and lets everything through but harmless exclusions. Raises UnknownValue, QueryError."""
    if sink.flag("disabled") or not keeps_everything(sink.text("filter") or ""):
        return False
    return not any(list(_keeps_audit(exclusion)) for exclusion in sink.views("exclusions"))


def _sink(name: str = "all", **more: Any) -> Sample:
    return Sample(PROJECT_SINK, {"name": name, "project": "app", "destination": _TO, **more}, name)


_NOISE = _exclusion('resource.type="http_load_balancer"')


@rule(
    id="log-sink-everything",
    clause="LOG-2",
    title="One sink exports everything, unfiltered",
    severity="high",
    types=SINKS,
    scope="stack",
    fix='filter="" and no exclusions on one sink',
    references=("prowler:logging_sink_created", "cis-gcp:2.2"),
    sources=_DOCS,
    traps=(32,),
    good=(
        (_sink(),),
        (_sink(filter=""), _sink("errors", filter="severity>=ERROR")),
        (_sink(filter="severity>=DEFAULT", exclusions=[_NOISE]),),
    ),
    bad=(
        (_sink(filter='logName:"cloudaudit.googleapis.com"'),),
        (_sink(filter="severity>=ERROR"), _sink("gke", filter='resource.type="k8s_container"')),
        (_sink(disabled=True),),
        (_sink(exclusions=[_exclusion("severity<ERROR")]),),
    ),
    not_applicable=((Sample(BUCKET, {}),),),
)
def everything(graph: Graph) -> Iterator[Finding]:
    """What a filter forgets is missing on the day it is needed. Judged where the stack keeps sinks at all."""
    sinks = graph.of(*SINKS)
    lost: list[Finding] = []
    for sink in sinks:
        try:
            if complete(sink):
                return
        except UnknownValue as error:
            lost.append(unsure(sink, error.path))
        except QueryError as error:
            lost.append(unsure(sink, "filter", f"cannot be read: {error}"))
    yield from lost
    if not sinks:
        yield skip("the stack keeps no sinks")
    elif not lost:
        yield fail_stack(f"no sink of {', '.join(s.name for s in sinks)} is on and lets everything through")
