"""Audit logs: admin reads, data reads and data writes of every service are logged, for everybody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from policies.graph import Graph
from policies.iam import plain
from policies.model import UNKNOWN, Resource, UnknownValue, View, gcp
from policies.rule import Finding, Sample, each, fail, fail_stack, rule, skip, unsure
from policies.rules._ours import off_google, ours, prepares

PROJECT: Final = gcp("organizations/project")
PROJECT_CONFIG: Final = gcp("projects/iAMAuditConfig")
_HIGHER: Final = (gcp("folder/iamAuditConfig"), gcp("organizations/iamAuditConfig"))
CONFIGS: Final = (PROJECT_CONFIG, *_HIGHER)
_DOCS = ("https://cloud.google.com/logging/docs/audit/configure-data-access",)
_KINDS: Final = ("ADMIN_READ", "DATA_READ", "DATA_WRITE")
_ALL = [{"logType": kind} for kind in _KINDS]


def _config(service: str = "allServices", kinds: Any = None, name: str = "audit", **more: Any) -> Sample:
    props = {"project": "app", "service": service, "auditLogConfigs": _ALL if kinds is None else kinds, **more}
    return Sample(PROJECT_CONFIG, props, name)


def _everything(config: Resource) -> bool:
    return (config.text("service") or "").lower() == "allservices"


def _target(config: Resource) -> tuple[str, ...]:
    """What the configuration is about: by value, or by what it comes from."""
    for key in ("project", "folder", "orgId"):
        value = plain(config.raw(key))
        if isinstance(value, str) and value:
            return (key, value.rpartition("/")[2])
        if edges := config.property_dependencies.get(key):
            return (key, *sorted(edges))
    return ("project", config.graph.project_of(config) or "" if config.graph else "")


def _open(config: Resource) -> str | None:
    """The property that is not known yet, comes from nowhere, and may make the configuration another's complement."""
    for key in ("service", "project", "folder", "orgId"):
        if not config.known(key) and not config.property_dependencies.get(key):
            return key
    return None


@rule(
    id="audit-log-all-services",
    clause="LOG-1",
    title="Audit logs are configured for all services at once",
    severity="medium",
    types=CONFIGS,
    decides=("service",),
    graph=True,
    fix='service="allServices"',
    references=(
        "checkov:CKV2_GCP_5",
        "trivy:GCP-0079",
        "kics:iam_audit_not_properly_configured",
        "prowler:iam_audit_logs_enabled",
        "cis-gcp:2.1",
        "terrascan:AC_GCP_0009",
    ),
    sources=_DOCS,
    traps=(35,),
    good=(
        _config(),
        Sample(_HIGHER[1], {"orgId": "123456789012", "service": "allServices", "auditLogConfigs": _ALL}),
        (_config("storage.googleapis.com"), _config(name="all")),
        (_config("storage.googleapis.com"), Sample(_HIGHER[1], {"orgId": "1", "service": "allServices"}, "all")),
    ),
    bad=(
        _config("storage.googleapis.com"),
        (_config("storage.googleapis.com"), _config(name="all", project="other")),
    ),
)
def all_services(config: Resource) -> Iterator[Finding]:
    """A list of services is out of date the day a new one is enabled. A service may have its own configuration beside
    one for all: what is logged is the union of both."""
    if _everything(config):
        return
    peers = [c for c in (config.graph.of(*CONFIGS) if config.graph else []) if c is not config]
    for peer in peers:
        if peer.known("service") and _everything(peer) and (peer.type in _HIGHER or _target(peer) == _target(config)):
            return
    for peer in (config, *peers):
        key = _open(peer)
        if key and (peer is config or not peer.known("service") or _everything(peer)):
            yield unsure(peer, key)
            return
    yield fail(config, "service", f"is {config.show('service')}, and no configuration covers all services")


@rule(
    id="audit-log-all-kinds",
    clause="LOG-1",
    title="Audit logs cover admin reads, data reads and data writes",
    severity="medium",
    types=CONFIGS,
    decides=("auditLogConfigs",),
    graph=True,
    fix='audit_log_configs=[{"log_type": t} for t in ("ADMIN_READ", "DATA_READ", "DATA_WRITE")]',
    references=("trivy:GCP-0079",),
    sources=_DOCS,
    traps=(35,),
    good=(_config(), (_config(kinds=_ALL[:1]), _config(kinds=_ALL[1:], name="rest"))),
    bad=(_config(kinds=_ALL[:1]), _config(kinds=_ALL[:2]), _config(kinds=[])),
    not_applicable=(_config("storage.googleapis.com", kinds=_ALL[:1]),),
)
def all_kinds(config: Resource) -> Iterator[Finding]:
    """Reads are what a thief of data does, and they are off until somebody asks for them. Admin writes are always on.
    Configurations of a single service are judged by whether one for all services exists."""
    if not _everything(config):
        yield skip("the configuration is for a single service")
        return
    found: set[str] = set()
    lost = ""
    peers = config.graph.of(config.type) if config.graph else [config]
    for peer in peers:
        same = peer is config or (peer.known("service") and _everything(peer) and _target(peer) == _target(config))
        if not same or (len(peers) > 1 and peer is config):
            lost = lost or _open(peer) or ""
        if not same:
            continue
        for view in peer.views("auditLogConfigs"):
            if view.data is UNKNOWN or not view.known("logType"):
                lost = lost or view.at("logType")
            else:
                found.add(view.upper("logType") or "")
    missing = [kind for kind in _KINDS if kind not in found]
    if missing and lost:
        raise UnknownValue(lost)
    if missing:
        yield fail(config, "auditLogConfigs", f"does not log {', '.join(missing)}")


@rule(
    id="audit-log-no-exemption",
    clause="LOG-1",
    title="Nobody is exempted from audit logs",
    severity="high",
    types=CONFIGS,
    decides=("auditLogConfigs[0].exemptedMembers",),
    absent="pass",
    fix="exempted_members=[]",
    references=("checkov:CKV2_GCP_5", "kics:iam_audit_not_properly_configured", "cis-gcp:2.1", "terrascan:AC_GCP_0009"),
    sources=_DOCS,
    traps=(35,),
    good=(_config(kinds=[{"logType": "DATA_READ", "exemptedMembers": []}]), _config()),
    bad=(
        _config(kinds=[{"logType": "DATA_READ", "exemptedMembers": ["user:jane@example.com"]}]),
        _config("storage.googleapis.com", kinds=[*_ALL, {"logType": "DATA_READ", "exemptedMembers": ["group:a@b.c"]}]),
    ),
)
def no_exemption(config: Resource) -> Iterator[Finding]:
    """What an exempted account does leaves no trace; it is the first account an intruder looks for."""

    def check(view: View) -> Iterator[Finding]:
        if view.data is UNKNOWN:
            raise UnknownValue(view.path)
        if view.items("exemptedMembers"):
            yield fail(view, "exemptedMembers", f"exempts {view.show('exemptedMembers')}")

    yield from each(config.views("auditLogConfigs"), check)


_PROJECT = Sample(PROJECT, {"name": "app", "projectId": "app"}, "app")


@rule(
    id="audit-log-every-project",
    clause="LOG-1",
    title="Every project of the stack has its audit logs configured",
    severity="medium",
    types=(PROJECT,),
    scope="stack",
    fix='gcp.projects.IAMAuditConfig(project=project.project_id, service="allServices", …)',
    references=("checkov:CKV2_GCP_5", "trivy:GCP-0079", "prowler:iam_audit_logs_enabled"),
    sources=_DOCS,
    traps=(35,),
    good=(
        (_PROJECT, _config()),
        (_PROJECT, _config("storage.googleapis.com", name="one"), _config()),
        (_PROJECT, Sample(PROJECT_CONFIG, {"service": "allServices", "project": UNKNOWN}, "a", {"project": ("app",)})),
        (_PROJECT, Sample(_HIGHER[0], {"folder": "folders/1", "service": "allServices"}, "a")),
    ),
    bad=(
        (_PROJECT,),
        (_PROJECT, _config(project="other")),
        (_PROJECT, _config("storage.googleapis.com")),
        (_PROJECT, _config(kinds=[{"logType": "DATA_READ", "exemptedMembers": ["user:jane@example.com"]}])),
    ),
    not_applicable=((_config(),),),
)
def every_project(graph: Graph) -> Iterator[Finding]:
    """Admin writes are logged anyway; who read which data is not, until a configuration says so. One on the folder or
    the organization counts for all projects."""
    projects = graph.of(PROJECT)
    if not projects or prepares(graph):
        yield skip("the stack makes no projects, or makes them for another stack that configures their logs")
        return
    if graph.of(*_HIGHER):
        return
    lost = [
        c for c in graph.of(PROJECT_CONFIG) if not c.known("project") and not c.property_dependencies.get("project")
    ]
    for project in projects:
        configs = [config for config in graph.of(PROJECT_CONFIG) if _about(config, project)]
        if not configs:
            if lost or not project.known("projectId"):
                yield unsure(lost[0], "project") if lost else unsure(project, "projectId")
            else:
                yield fail(project, "projectId", "has no audit configuration: reads of data leave no trace")
        else:
            yield from _together(project, configs, lost)


def _together(project: Resource, configs: Sequence[Resource], lost: Sequence[Resource]) -> Iterator[Finding]:
    """What the audit configurations of one project leave out together."""
    open_ones: list[Finding] = []
    for config in configs:
        try:
            if any(view.items("exemptedMembers") for view in config.views("auditLogConfigs")):
                yield fail(project, "projectId", f"has people or workloads who leave no trace, in {config.name}")
                return
        except UnknownValue as error:
            open_ones.append(unsure(config, error.path))
    if not any(config.known("service") and _everything(config) for config in configs):
        doubtful = [unsure(config, "service") for config in configs if not config.known("service")]
        doubtful += [unsure(config, "project") for config in lost]
        if not doubtful:
            yield fail(project, "projectId", "has audit configurations for single services: others leave no trace")
        open_ones += doubtful
    yield from open_ones


def _about(config: Resource, project: Resource) -> bool:
    value = plain(config.raw("project"))
    if isinstance(value, str) and value:
        names = {str(project.output(key)) for key in ("projectId", "number", "id")}
        return value in names or value.removeprefix("projects/") in names
    return project.urn in (*config.property_dependencies.get("project", ()), *config.dependencies)


_SERVICE = Sample(gcp("projects/service"), {"project": "app", "service": "run.googleapis.com"}, "run")


@rule(
    id="audit-log-configured",
    clause="LOG-1",
    title="The stack configures audit logs for the services it uses",
    severity="high",
    types=CONFIGS,
    scope="stack",
    fix='gcp.projects.IAMAuditConfig(project=…, service="allServices", …) for every project',
    sources=_DOCS,
    traps=(35,),
    good=((Sample("hosting:logging:AuditLogs", {}, "ours"), _SERVICE, _config()),),
    bad=(
        (Sample("hosting:logging:AuditLogs", {}, "ours"), _SERVICE),
        (Sample("hosting:logging:AuditLogs", {}, "ours"), _SERVICE, _config(project="other")),
    ),
    not_applicable=((_SERVICE,), (Sample("hosting:render:Alone", {}, "ours"),)),
)
def configured(graph: Graph) -> Iterator[Finding]:
    """Judged for stacks of this project: each project in which services are enabled is covered by a configuration of
    its own, of its folder or of its organization."""
    if not ours(graph):
        yield skip("the stack is not built from this project's components")
        return
    if off_google(graph):
        yield skip("the stack has nothing on Google Cloud")
        return
    if graph.of(*_HIGHER):
        return
    if not graph.of(PROJECT_CONFIG):
        yield fail_stack("no audit configuration: who read which data leaves no trace")
        return
    covered = {_target(config) for config in graph.of(PROJECT_CONFIG)}
    lost = [
        c for c in graph.of(PROJECT_CONFIG) if not c.known("project") and not c.property_dependencies.get("project")
    ]
    missing: dict[tuple[str, ...], Resource] = {}
    for service in graph.of(gcp("projects/service")):
        if _target(service) not in covered:
            missing.setdefault(_target(service), service)
    for target, service in missing.items():
        if lost or not (service.known("project") or service.property_dependencies.get("project")):
            yield unsure(lost[0] if lost else service, "project")
        else:
            name = " ".join(target[1:]).rpartition("::")[2]
            yield fail(service, "project", f"{name} uses {service.show('service')} and has no audit configuration")
