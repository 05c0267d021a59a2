"""Availability: every public service is checked from outside, every check and every database raises an alert."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from policies.graph import Graph
from policies.iam import plain
from policies.model import UNKNOWN, Resource, gcp
from policies.rule import Finding, Sample, fail, fail_stack, rule, skip, unsure
from policies.rules._facts import boolean
from policies.rules._ours import off_google, ours
from policies.rules._watch import ALERT, narrowed

CHECK: Final = gcp("monitoring/uptimeCheckConfig")
RULES: Final = (gcp("compute/globalForwardingRule"), gcp("compute/forwardingRule"))
RUN: Final = gcp("cloudrunv2/service")
DATABASE: Final = gcp("sql/databaseInstance")
WEB: Final = "render:index/webService:WebService"
_DOCS = ("https://cloud.google.com/monitoring/uptime-checks",)
_OURS = Sample("hosting:web:Frontend", {}, "ours")
_ENTRY = Sample(RULES[0], {"loadBalancingScheme": "EXTERNAL_MANAGED", "portRange": "443"}, "entry")
_HTTPS = {"useSsl": True, "validateSsl": True, "port": 443}


def _check(name: str = "check", **http: Any) -> Sample:
    return Sample(CHECK, {"displayName": name, "timeout": "10s", "httpCheck": {**_HTTPS, **http}}, name)


def _alert(text: str) -> Sample:
    return Sample(
        ALERT, {"conditions": [{"conditionThreshold": {"filter": text}}], "notificationChannels": ["c"]}, "alert"
    )


boolean(
    {CHECK: "httpCheck.validateSsl"},
    base={"httpCheck": {"useSsl": True}},
    guard=lambda check: None if check.flag("httpCheck.useSsl") else "the check does not speak TLS",
    missing="is not set: an expired certificate goes unnoticed",
    id="uptime-certificate-checked",
    clause="MON-3",
    title="Uptime checks over HTTPS verify the certificate",
    severity="low",
    fix='http_check={"use_ssl": True, "validate_ssl": True, …}',
    sources=_DOCS,
    why="People cannot use a service with an expired certificate; a check that ignores it says that all is well.",
    not_applicable=({"httpCheck": {"port": 80}}, {"tcpCheck": {"port": 5432}}),
)


boolean(
    {CHECK: "httpCheck.useSsl"},
    base={"httpCheck": {"path": "/"}},
    guard=lambda check: None if check.has("httpCheck") else "the check does not speak HTTP",
    missing="is not set: the check asks over plain HTTP, which our services only redirect",
    id="uptime-over-https",
    clause="MON-3",
    title="Uptime checks ask the way people do: over HTTPS",
    severity="low",
    fix='http_check={"use_ssl": True, …}',
    sources=_DOCS,
    why="A redirect answers also when the service behind it is down.",
    not_applicable=({"tcpCheck": {"port": 5432}},),
)


def _conditions(alert: Resource) -> list[str]:
    leaves = ((path, plain(value)) for path, value in alert.walk())
    return [value for path, value in leaves if path.startswith("conditions") and isinstance(value, str)]


def _lost(alert: Resource) -> bool:
    return any(value is UNKNOWN for path, value in alert.walk() if path.startswith("conditions"))


@rule(
    id="uptime-check-alerts",
    clause="MON-3",
    title="Every uptime check raises an alert when it fails",
    severity="medium",
    types=(CHECK,),
    scope="stack",
    fix='an AlertPolicy on metric.type="monitoring.googleapis.com/uptime_check/check_passed" and its check_id',
    sources=("https://cloud.google.com/monitoring/alerts/uptime-alerts",),
    good=(
        (
            Sample(CHECK, {"displayName": "app"}, "check", outputs={"uptimeCheckId": "app-1"}),
            _alert(
                'metric.type="monitoring.googleapis.com/uptime_check/check_passed" AND metric.labels.check_id="app-1"'
            ),
        ),
        (
            Sample(CHECK, {"displayName": "app"}, "check"),
            _alert('metric.type="monitoring.googleapis.com/uptime_check/check_passed"'),
        ),
    ),
    bad=(
        (_check(),),
        (_check(), _alert('metric.type="run.googleapis.com/request_count"')),
    ),
    not_applicable=((_ENTRY,),),
)
def check_alerts(graph: Graph) -> Iterator[Finding]:
    """A check that nobody hears is a line on a chart. An alert watches it when it names the check, or all checks."""
    if not graph.of(CHECK):
        yield skip("the stack has no uptime checks")
    for check in graph.of(CHECK):
        watched = _watched(graph, check)
        if watched is None:
            yield unsure(check, "displayName", "an alert that may watch it is not known yet")
        elif not watched:
            yield fail(check, "displayName", "is watched by no alert of this stack")


def _watched(graph: Graph, check: Resource) -> bool | None:
    name = str(check.output("uptimeCheckId") or "")
    lost = False
    for edges, hidden, texts in graph.once(_about_checks):
        if hidden and check.urn in edges:
            return True
        if any("check_id" not in text or check.urn in edges or (name and name in text) for text in texts):
            return True
        lost = lost or (hidden and not edges)
    return None if lost else False


def _about_checks(graph: Graph) -> list[tuple[frozenset[str], bool, tuple[str, ...]]]:
    """Of each alert that is about uptime checks or may be: its edges, whether a condition is hidden yet, its texts."""
    found = []
    for alert in graph.of(ALERT):
        texts = tuple(text for text in _conditions(alert) if "uptime_check" in text)
        hidden = _lost(alert) or not alert.known("conditions")
        if texts or hidden:
            found.append((frozenset(alert.property_dependencies.get("conditions", ())), hidden, texts))
    return found


def _public(graph: Graph) -> list[tuple[Resource, str | None]]:
    """What the internet reaches: external load balancers, open run services, Render web services."""
    found: list[tuple[Resource, str | None]] = []
    for entry in graph.of(*RULES):
        known = entry.known("loadBalancingScheme")
        if not known or (entry.upper("loadBalancingScheme", "EXTERNAL") or "").startswith("EXTERNAL"):
            found.append((entry, None if known else "loadBalancingScheme"))
    for service in graph.of(RUN):
        known = service.known("ingress")
        if not known or service.upper("ingress", "INGRESS_TRAFFIC_ALL") == "INGRESS_TRAFFIC_ALL":
            found.append((service, None if known else "ingress"))
    return found + [(web, None) for web in graph.of(WEB)]


@rule(
    id="uptime-check-present",
    clause="MON-3",
    title="What the internet reaches is checked from outside",
    severity="medium",
    types=(*RULES, RUN, WEB),
    scope="stack",
    fix="gcp.monitoring.UptimeCheckConfig(http_check={…}, monitored_resource={…}) for the public name",
    sources=_DOCS,
    good=((_OURS, _ENTRY, _check()),),
    bad=((_OURS, _ENTRY), (_alert("x"), Sample(RUN, {"ingress": "INGRESS_TRAFFIC_ALL"}, "app"))),
    not_applicable=((_ENTRY,), (_OURS,), (_OURS, Sample(RUN, {"ingress": "INGRESS_TRAFFIC_INTERNAL_ONLY"}, "app"))),
)
def check_present(graph: Graph) -> Iterator[Finding]:
    """From inside everything looks well while names, certificates or the network are broken. Judged for stacks that
    keep alerts or are built from this project's components."""
    if not (ours(graph) or graph.of(ALERT, CHECK)):
        yield skip("the stack keeps no monitoring")
        return
    public = _public(graph)
    if not public:
        yield skip("the internet reaches nothing of this stack")
    elif not graph.of(CHECK):
        open_ones = [(resource, path) for resource, path in public if path]
        if len(open_ones) == len(public):
            yield from (unsure(resource, str(path)) for resource, path in open_ones)
        else:
            names = ", ".join(r.name for r, path in public if not path)
            yield fail_stack(f"no uptime check; the internet reaches {names}")


_DATABASE_METRIC: Final = re.compile(
    r"cloudsql\.googleapis\.com/database/(up|state|instance_state|available_for_failover)|cloudsql_database.*severity",
)


_RENDER_DOMAIN: Final = "render:services:CustomDomain"
_DOMAINS: Final = {
    gcp("compute/managedSslCertificate"): "managed.domains",
    gcp("certificatemanager/certificate"): "managed.domains",
    gcp("compute/regionSslCertificate"): "managed.domains",
    _RENDER_DOMAIN: "name",
}


def _certificate(*domains: str) -> Sample:
    return Sample(gcp("compute/managedSslCertificate"), {"managed": {"domains": list(domains)}}, "certificate")


def _site(host: str) -> Sample:
    resource = {"type": "uptime_url", "labels": {"host": host}}
    return Sample(CHECK, {"displayName": host, "timeout": "10s", "monitoredResource": resource}, host)


@rule(
    id="uptime-every-domain",
    clause="MON-3",
    title="Every domain that has a certificate has an uptime check",
    severity="medium",
    types=tuple(_DOMAINS),
    scope="stack",
    fix='monitored_resource={"type": "uptime_url", "labels": {"host": "<the domain>", …}}',
    sources=_DOCS,
    good=((_OURS, _certificate("app.example.com", "b.example.com"), _site("app.example.com"), _site("b.example.com")),),
    bad=(
        (_OURS, Sample(_RENDER_DOMAIN, {"name": "www.example.com"}, "www"), _site("other.example.com")),
        (_OURS, _certificate("app.example.com"), _site("other.example.com")),
        (_OURS, _certificate("app.example.com", "b.example.com"), _site("app.example.com")),
    ),
    not_applicable=(
        (_certificate("app.example.com"),),
        (_OURS,),
        (_OURS, Sample(_RENDER_DOMAIN, {"name": "www.example.com"}, "www")),
    ),
)
def every_domain(graph: Graph) -> Iterator[Finding]:
    """A name with a certificate is a promise to somebody. Judged for stacks of this project; where there is nothing on
    Google Cloud, Render itself checks its services, and nothing could ask from elsewhere."""
    if off_google(graph):
        yield skip("the stack has nothing on Google Cloud")
        return
    certificates = graph.of(*_DOMAINS)
    if not (ours(graph) and certificates):
        yield skip("the stack has no certificates, or is not built from this project's components")
        return
    hosts = [plain(check.raw("monitoredResource.labels.host")) for check in graph.of(CHECK)]
    for certificate in certificates:
        path = _DOMAINS[certificate.type]
        domains = plain(certificate.raw(path))
        if domains is UNKNOWN:
            yield unsure(certificate, path)
            continue
        for domain in domains if isinstance(domains, list) else [domains] if isinstance(domains, str) else []:
            if domain is UNKNOWN or (domain not in hosts and UNKNOWN in hosts):
                yield unsure(certificate, path)
            elif domain not in hosts and not str(domain).startswith("*"):
                yield fail(certificate, path, f"{domain} is checked by nobody")


def _database(name: str) -> Sample:
    return Sample(DATABASE, {"name": name, "databaseVersion": "POSTGRES_17"}, name)


def _up(database: str = "") -> Sample:
    one = f' AND resource.labels.database_id="{database}"' if database else ""
    return _alert(f'resource.type="cloudsql_database" AND metric.type="cloudsql.googleapis.com/database/up"{one}')


@rule(
    id="uptime-database-alerts",
    clause="MON-3",
    title="An alert says when a database is down",
    severity="medium",
    types=(DATABASE,),
    scope="stack",
    fix='filter=\'resource.type="cloudsql_database" AND metric.type="cloudsql.googleapis.com/database/up"\'',
    sources=("https://cloud.google.com/sql/docs/postgres/admin-api/metrics",),
    good=((_OURS, _database("db"), _up("p:db")), (_OURS, _database("db"), _database("two"), _up())),
    bad=(
        (_OURS, _database("db")),
        (_OURS, _database("db"), _alert('metric.type="run.googleapis.com/x"')),
        (_OURS, _database("db"), _database("two"), _up("p:db")),
    ),
    not_applicable=((_database("db"),), (_OURS,)),
)
def database_alerts(graph: Graph) -> Iterator[Finding]:
    """An alert counts for the database it names, one that names none for all. Judged for stacks of this project."""
    databases = graph.of(DATABASE)
    if not (ours(graph) and databases):
        yield skip("the stack has no database, or is not built from this project's components")
        return
    watch = graph.once(_database_alerts)
    for database in databases:
        named = str(database.output("name") or database.name) in watch.names
        if watch.every or named or database.urn in watch.edges:
            continue
        if watch.lost or (watch.names and not database.known("name")):
            yield unsure(database, "name", "an alert that may watch it is not known yet")
        else:
            yield fail(database, "name", "no alert watches whether the database is up")


@dataclass(frozen=True, slots=True)
class _DatabaseAlerts:
    """Which databases the stack's alerts watch: by name, by edge where a condition is not known yet, or every one."""

    names: frozenset[str]
    edges: frozenset[str]
    every: bool
    lost: bool
    """Whether a condition that is not known yet and comes from nowhere may be about any."""


def _database_alerts(graph: Graph) -> _DatabaseAlerts:
    texts: list[str] = []
    edges: set[str] = set()
    lost = False
    for alert in graph.of(ALERT):
        texts += [t for t in _conditions(alert) if _DATABASE_METRIC.search(t) and not narrowed(t)]
        if _lost(alert) or not alert.known("conditions"):
            found = alert.property_dependencies.get("conditions", ())
            edges.update(found)
            lost = lost or not found
    names = {name for text in texts if "database_id" in text for name in re.findall(r'[:"]([^":]+)(?=")', text)}
    return _DatabaseAlerts(frozenset(names), frozenset(edges), any("database_id" not in text for text in texts), lost)
