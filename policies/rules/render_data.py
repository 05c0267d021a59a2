"""Render: databases and caches are backed up, survive a lost machine, run supported versions, and are watched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policies.graph import Graph
from policies.model import Resource, UnknownValue
from policies.rule import Finding, Sample, fail, fail_stack, rule, skip
from policies.rules import _render as render

_BACKUPS = ("https://render.com/docs/postgresql-backups",)


@rule(
    id="render-postgres-has-backups",
    clause="BAK-1",
    title="Render databases use a plan that is backed up",
    severity="critical",
    types=(render.POSTGRES,),
    decides=("plan",),
    fix='plan="pro_4gb"',
    sources=_BACKUPS,
    good=({"plan": "pro_4gb"}, {"plan": "basic_1gb"}),
    bad=({"plan": "free"}, {"plan": "Free"}),
)
def postgres_has_backups(database: Resource) -> Iterator[Finding]:
    """Render backs up paid databases continuously; a free one has no backup at all and is deleted after a month."""
    plan = database.upper("plan")
    if plan is None or plan == "FREE":
        yield fail(database, "plan", f"is {database.show('plan')}: no backups, and the database expires")


@rule(
    id="render-postgres-highly-available",
    clause="MON-5",
    title="Render databases have a standby",
    severity="high",
    types=(render.POSTGRES,),
    decides=("enableHighAvailability",),
    fix="enable_high_availability=True",
    sources=("https://render.com/docs/postgresql-high-availability",),
    good=({"plan": "pro_4gb", "enableHighAvailability": True}, {"enableHighAvailability": "true"}),
    bad=({"plan": "pro_4gb", "enableHighAvailability": False},),
)
def postgres_highly_available(database: Resource) -> Iterator[Finding]:
    """Without a standby the failure of one machine takes the database away until it is rebuilt. The default is off."""
    if not database.flag("enableHighAvailability"):
        yield fail(database, "enableHighAvailability", f"is {database.show('enableHighAvailability')}")


@rule(
    id="render-postgres-plan-fits-standby",
    clause="MON-5",
    title="Render databases with a standby use a plan that can have one",
    severity="high",
    types=(render.POSTGRES,),
    decides=("plan",),
    absent="pass",
    fix='plan="pro_4gb"',
    sources=("https://render.com/docs/postgresql-high-availability",),
    good=({"plan": "pro_8gb", "enableHighAvailability": True}, {"plan": "accelerated_16gb"}),
    bad=({"plan": "basic_1gb", "enableHighAvailability": True}, {"plan": "free", "enableHighAvailability": True}),
)
def postgres_plan_fits_standby(database: Resource) -> Iterator[Finding]:
    """Only Pro and Accelerated instances can have a standby: on a smaller plan the setting is refused at deployment."""
    plan = database.upper("plan", "")
    small = plan.startswith(("FREE", "STARTER", "STANDARD", "BASIC")) if plan else False
    if small and database.flag("enableHighAvailability"):
        yield fail(database, "plan", f"is {database.show('plan')}, which cannot have a standby")


@rule(
    id="render-postgres-supported",
    clause="HOS-6",
    title="Render databases run a PostgreSQL version that still gets security fixes",
    severity="high",
    types=(render.POSTGRES,),
    decides=("version",),
    fix='version="17"',
    sources=("https://www.postgresql.org/support/versioning/",),
    params={"oldest_version": 15},
    good=({"version": "17"}, {"version": 16}),
    bad=({"version": "11"}, {"version": "13"}, {"version": "14"}),
)
def postgres_supported(database: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """PostgreSQL drops a version five years after its release (14 ends in November 2026); the major version cannot be
    changed in place, so an old one at birth stays old."""
    version = database.number("version")
    if version is None or version < float(params["oldest_version"]):
        yield fail(database, "version", f"is {database.show('version')}, older than {params['oldest_version']}")


@rule(
    id="render-key-value-durable",
    clause="HOS-6",
    title="Render caches use a plan that keeps data across restarts",
    severity="medium",
    types=(render.KEY_VALUE, render.REDIS),
    decides=("plan",),
    fix='plan="pro"',
    sources=("https://render.com/docs/key-value",),
    good=({"plan": "starter"}, {"plan": "pro"}),
    bad=({"plan": "free"}, Sample(render.REDIS, {"plan": "FREE"})),
)
def key_value_durable(store: Resource) -> Iterator[Finding]:
    """A free instance is lost at every restart and limited to fifty connections: queues and sessions vanish with it."""
    plan = store.upper("plan")
    if plan is None or plan == "FREE":
        yield fail(store, "plan", f"is {store.show('plan')}: nothing survives a restart")


@rule(
    id="render-webhook-https",
    clause="ENC-4",
    title="Render sends its events over HTTPS only",
    severity="high",
    types=(render.WEBHOOK,),
    decides=("url",),
    fix='url="https://events.example.com/render"',
    good=({"url": "https://events.example.com/render", "enabled": True},),
    bad=({"url": "http://events.example.com/render", "enabled": True},),
)
def webhook_https(webhook: Resource) -> Iterator[Finding]:
    """Events name services, commits and people, and the signature alone does not hide them."""
    url = webhook.text("url") or ""
    if not url.lower().startswith("https://"):
        yield fail(webhook, "url", "is not an https:// address")


@rule(
    id="render-webhook-enabled",
    clause="MON-1",
    title="Declared Render webhooks are switched on",
    severity="medium",
    types=(render.WEBHOOK,),
    decides=("enabled",),
    fix="enabled=True",
    good=({"url": "https://events.example.com", "enabled": True},),
    bad=({"url": "https://events.example.com", "enabled": False},),
)
def webhook_enabled(webhook: Resource) -> Iterator[Finding]:
    """A webhook that is off looks like monitoring in the code and is none."""
    if not webhook.flag("enabled"):
        yield fail(webhook, "enabled", f"is {webhook.show('enabled')}")


_WATCHED = ("server_failed", "postgres_unavailable", "deploy_ended")


@rule(
    id="render-events-watched",
    clause="MON-1",
    title="A webhook reports what happens on Render",
    severity="medium",
    types=(render.WEBHOOK,),
    scope="stack",
    fix="declare a Webhook with enabled=True for the workspace",
    sources=("https://render.com/docs/webhooks",),
    good=(
        (
            Sample(render.WEB, {"name": "web"}, "web"),
            Sample("hosting:render:Environment", {}, "ours"),
            Sample(render.WEBHOOK, {"enabled": True, "eventFilter": list(_WATCHED)}, "hook"),
        ),
    ),
    bad=(
        (Sample(render.WEB, {"name": "web"}, "web"), Sample("hosting:render:Environment", {}, "ours")),
        (
            Sample(render.POSTGRES, {"name": "orders"}, "orders"),
            Sample(render.WEBHOOK, {"enabled": False, "eventFilter": []}, "hook"),
        ),
    ),
    not_applicable=((Sample(render.WEB, {"name": "web"}, "web"),), Sample("gcp:storage/bucket:Bucket", {})),
)
def events_watched(graph: Graph) -> Iterator[Finding]:
    """Render reports failed servers and databases, deployments and configuration changes by webhook only. Judged in
    stacks that declare a webhook or are made of this project's components."""
    if not graph.of(*render.SERVICES, *render.DATASTORES):
        yield skip("the stack has no Render service")
        return
    hooks = graph.of(render.WEBHOOK)
    if not hooks and not any(t.startswith("hosting:") for t in graph.types):
        yield skip("the stack does not manage Render's notifications")
    elif not any(_live(h) for h in hooks):
        yield fail_stack("no enabled webhook tells of failures and changes on Render")


@rule(
    id="render-logs-streamed",
    clause="LOG-2",
    title="Logs of Render services flow into the common log store",
    severity="high",
    types=render.SERVICES,
    scope="stack",
    fix="declare the workspace's log stream beside the services",
    sources=("https://render.com/docs/log-streams",),
    good=(
        (
            Sample(render.WEB, {"name": "web"}, "web"),
            Sample("hosting:render:Environment", {}, "ours"),
            Sample("pulumi-python:dynamic/render:LogStream", {"preview": "send"}, "stream"),
        ),
    ),
    bad=((Sample(render.WEB, {"name": "web"}, "web"), Sample("hosting:render:Environment", {}, "ours")),),
    not_applicable=((Sample(render.WEB, {"name": "web"}, "web"),), Sample("gcp:storage/bucket:Bucket", {})),
)
def logs_streamed(graph: Graph) -> Iterator[Finding]:
    """Render keeps logs for days only and cannot lock them. The provider has no resource for log streams, so any
    resource whose type names one counts; judged in stacks that are made of this project's components."""
    if not graph.of(*render.SERVICES, *render.DATASTORES):
        yield skip("the stack has no Render service")
    elif not any(t.startswith("hosting:") for t in graph.types):
        yield skip("the stack is not made of this project's components: its log stream may be managed elsewhere")
    elif not any("logstream" in t.lower().replace("-", "").replace("_", "") for t in graph.types):
        yield fail_stack("no log stream carries the logs of the Render services away")


def _live(webhook: Resource) -> bool:
    try:
        return webhook.flag("enabled")
    except UnknownValue:
        return False


NOT_DECIDABLE: tuple[tuple[str, str], ...] = (
    ("render:log-retention", "Render's own log retention depends on the workspace plan, which no resource states"),
    ("render:disk-snapshots", "Render snapshots every disk daily; no property switches it on or off"),
    ("render:two-factor", "two-factor sign-in of the workspace has no resource: it is attested"),
)
