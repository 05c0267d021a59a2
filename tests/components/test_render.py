"""Render: one closed environment, nobody from outside, nothing readable in the state, only reviewed code deployed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_random as random
import pytest

from components.render_group import Group, GroupArgs
from components.render_service import RenderService, RenderServiceArgs
from components.render_store import RenderCacheArgs, RenderDatabaseArgs, Visitor
from components.render_workspace import EVENTS, Workspace, WorkspaceArgs
from config import ConfigError, parse
from tests.judging import failures, verdicts
from tests.recording import Recorded, Recording, record, record_stack, stack_file
from tests.test_config import sections

SERVICES = {
    "site": "render:services:WebService",
    "search": "render:services:PrivateService",
    "mailer": "render:services:BackgroundWorker",
    "digest": "render:services:CronJob",
    "docs": "render:services:StaticSite",
}
DATABASE, CACHE = "render:postgres:Postgres", "render:key-value:KeyValue"
GROUP = "render:env-groups:EnvGroup"
KEY = "rnd" + "-the-key-of-a-test"


def of_render(recording: Recording) -> list[Recorded]:
    """Everything that is made on Render."""
    return [r for r in recording if r.type.startswith(("render:", "pulumi-python:dynamic/render"))]


def test_both_environments_of_the_project_are_closed(production: Recording) -> None:
    """Protection and isolation are off by default (trap 50); the one that comes with the project is no exception."""
    (inline,) = production.one("render:projects:Project").inputs["environments"]
    environment = production.one("render:environments:Environment")
    for place in (inline, environment.inputs):
        assert place["protectedStatus"] == "protected"
        assert place["networkIsolationEnabled"] is True
    assert environment.protect
    assert production.one("render:projects:Project").protect


def test_everything_stands_in_the_environment_and_goes_through_its_provider(production: Recording) -> None:
    """Outside of it there is neither protection nor isolation."""
    environment = production.one("render:environments:Environment")
    for name, kind in {**SERVICES, "queue": CACHE}.items():
        resource = production.one(kind, name)
        assert environment.urn in resource.property_dependencies["environmentId"], name
    for resource in (production.one(DATABASE), production.one(GROUP, "site")):
        assert environment.urn in resource.property_dependencies["environmentId"]
    assert all(
        "providers:render" in r.provider or "providers:pulumi-python" in r.provider for r in of_render(production)
    )


def test_everything_belongs_to_the_team_and_lies_where_promised(production: Recording) -> None:
    """Neither a person's workspace nor Oregon, which is the default."""
    for resource in of_render(production):
        assert resource.inputs.get("ownerId", "tea-example0000000000") == "tea-example0000000000"
        place = resource.inputs.get("region") or resource.inputs.get("serviceDetails", {}).get("region")
        assert place in {None, "frankfurt"}, resource.urn


def test_stores_list_who_may_connect(production: Recording) -> None:
    """An empty list means nobody, none at all means everybody (trap 48)."""
    assert production.one(CACHE).inputs["ipAllowList"] == []
    (office,) = production.one(DATABASE).inputs["ipAllowList"]
    assert office["cidrBlock"] == "203.0.113.7/32"


def test_the_database_is_recoverable_and_has_a_standby(production: Recording) -> None:
    """The plan decides on both."""
    database = production.one(DATABASE)
    assert database.inputs["plan"] == "pro_4gb"
    assert database.inputs["enableHighAvailability"] is True
    assert database.protect


@pytest.mark.parametrize(("name", "kind"), SERVICES.items(), ids=SERVICES.keys())
def test_services_are_built_from_the_protected_branch_alone(production: Recording, name: str, kind: str) -> None:
    """Of the very repository whose ruleset stands in the same stack (REV-2); pull requests make no copies."""
    service = production.one(kind, name)
    ruleset = production.one("github:index/repositoryRuleset:RepositoryRuleset")
    assert service.inputs["repo"] == "https://github.com/example-org/secure-hosting"
    assert service.inputs["branch"] == "main"
    assert "refs/heads/main" in json.dumps(ruleset.inputs) or "DEFAULT_BRANCH" in json.dumps(ruleset.inputs)
    details = service.inputs["serviceDetails"]
    if name != "digest":
        assert details["previews"] == {"generation": "off"}
        assert details["pullRequestPreviewsEnabled"] == "no"
    assert "envVars" not in service.inputs


def test_a_service_with_a_domain_has_that_address_alone(production: Recording) -> None:
    """Render's own address would go around whatever stands before the domain."""
    for name in ("site", "docs"):
        assert production.one(SERVICES[name], name).inputs["serviceDetails"]["renderSubdomainPolicy"] == "disabled"
    domains = {r.name: r.inputs["name"] for r in production.of("render:services:CustomDomain")}
    assert domains == {"site": "site.example.com", "docs": "docs.example.com"}


def test_secrets_of_a_group_are_secret_in_and_out(production: Recording) -> None:
    """The provider marks none of them (trap 49)."""
    group = production.one(GROUP, "site")
    values = {variable["key"]: variable["value"] for variable in group.inputs["envVars"]}
    assert values["LOG_LEVEL"] == "info"
    assert values["SESSION_KEY"] == "generated-password-of-the-mock"
    assert values["DATABASE_URL"] == values["QUEUE_URL"] == "address-of-the-mock-with-a-password"
    assert {"envVars", "secretFiles"} <= group.secrets
    for link in production.of("render:env-groups:LinkServiceToEnvGroup"):
        assert {"envVars", "secretFiles"} <= link.secrets
    assert "secret" in production.one("render:webhooks:Webhook").secrets
    holders = {r.urn for r in production if "address-of-the-mock" in json.dumps(r.inputs)}
    assert holders == {group.urn}


def test_failures_and_changes_are_told_and_logs_leave(production: Recording) -> None:
    """Render keeps logs for days and reports by webhook and mail only."""
    hook = production.one("render:webhooks:Webhook").inputs
    assert hook["enabled"] is True
    assert hook["url"].startswith("https://")
    assert {"server_failed", "postgres_unavailable", "postgres_backup_failed", "deploy_ended"} <= set(
        hook["eventFilter"]
    )
    assert list(EVENTS) == sorted(set(EVENTS))
    stream = production.one("pulumi-python:dynamic/render:LogStream").inputs
    assert (stream["endpoint"], stream["preview"]) == ("logs.example.com:6514", "send")
    assert production.one("pulumi-python:dynamic/render:NotificationSettings").inputs["emailEnabled"] is True


def test_no_action_is_declared(production: Recording) -> None:
    """Declaring a restart, a failover or a recovery fires it (trap 51)."""
    actions = ("Suspend", "Resume", "Restart", "Failover", "Recover", "Rollback", "Cancel", "Deploy", "Job", "Snapshot")
    made = {r.type.rpartition(":")[2] for r in of_render(production)} - {"CronJob"}
    assert not [kind for kind in made if kind.startswith(actions) or kind.endswith(actions)]


def test_the_key_reaches_the_providers_and_nothing_else() -> None:
    """As a secret, out of the encrypted section; the token of the log endpoint likewise."""
    credentials = {"renderApiKey": KEY, "renderLogToken": "token-of-the-endpoint"}
    config = {**stack_file(), "secure-hosting:credentials": credentials}
    recording = record_stack(config, secret_keys=("secure-hosting:credentials",))
    holders = {r.type for r in recording if KEY in json.dumps(r.inputs)}
    assert holders == {"pulumi:providers:render", "pulumi:providers:pulumi-python"}
    for kind, name in (("pulumi:providers:render", "apiKey"), ("pulumi:providers:pulumi-python", "render:apiKey")):
        assert name in recording.one(kind).secrets
    stream = recording.one("pulumi-python:dynamic/render:LogStream")
    assert stream.inputs["token"] == "token-of-the-endpoint"
    assert "token" in stream.secrets


def test_a_stack_without_render_has_nothing_of_it() -> None:
    """The small stack."""
    assert of_render(record_stack(stack="small")) == []


def changed(change: Callable[[dict[str, Any]], Any]) -> dict[str, str]:
    """Key → clause of the mistakes of a changed section."""
    raw = sections()
    change(raw["render"])
    with pytest.raises(ConfigError) as refusal:
        parse(raw)
    return {mistake.key: mistake.clause for mistake in refusal.value.mistakes}


WRONG: dict[str, tuple[Callable[[dict[str, Any]], Any], str, str]] = {
    "personal workspace": (lambda r: r.update(ownerId="usr-abc"), "render.ownerId", "ACC-1"),
    "another continent": (lambda r: r.update(region="oregon"), "render.region", "PRI-1"),
    "plain webhook": (lambda r: r.update(events="http://events.example.com"), "render.events", "MON-1"),
    "no port": (lambda r: r.update(logs="logs.example.com"), "render.logs", "LOG-2"),
    "free database": (lambda r: r["databases"]["site"].update(plan="free"), "render.databases.site.plan", "BAK-2"),
    "old version": (lambda r: r["databases"]["site"].update(version="14"), "render.databases.site.version", "HOS-6"),
    "no standby": (
        lambda r: r["databases"]["site"].update(highAvailability=False),
        "render.databases.site.highAvailability",
        "MON-5",
    ),
    "the whole internet": (
        lambda r: r["databases"]["site"]["admitted"][0].update(range="0.0.0.0/0"),
        "render.databases.site.admitted.0.range",
        "HOS-5",
    ),
    "no range": (
        lambda r: r["databases"]["site"]["admitted"][0].update(range="office"),
        "render.databases.site.admitted.0.range",
        "HOS-5",
    ),
    "class without a key": (
        lambda r: r["caches"]["queue"].update(dataClass="other"),
        "render.caches.queue.dataClass",
        "MIN-2",
    ),
    "web without a check": (lambda r: r["services"]["site"].pop("health"), "render.services.site.health", "MON-3"),
    "one instance": (
        lambda r: r["services"]["search"].update(instances=1),
        "render.services.search.instances",
        "MON-5",
    ),
    "cron without a time": (
        lambda r: r["services"]["digest"].pop("schedule"),
        "render.services.digest.schedule",
        "HOS-6",
    ),
    "unknown group": (lambda r: r["services"]["mailer"].update(groups=["x"]), "render.services.mailer.groups", "CHG-2"),
    "domain of others": (
        lambda r: r["services"]["docs"].update(domain="docs.example.net"),
        "render.services.docs.domain",
        "HOS-3",
    ),
    "domain taken": (
        lambda r: r["services"]["docs"].update(domain="orders.example.com"),
        "render.services.docs.domain",
        "HOS-3",
    ),
    "no such database": (
        lambda r: r["groups"]["site"]["databases"].update(DATABASE_URL="x"),
        "render.groups.site.databases.DATABASE_URL",
        "CHG-2",
    ),
    "nothing to run": (lambda r: r["services"]["site"].pop("start"), "render.services.site.build", "CIN-4"),
}


@pytest.mark.parametrize(("change", "key", "clause"), WRONG.values(), ids=WRONG.keys())
def test_a_mistake_is_named(change: Callable[[dict[str, Any]], Any], key: str, clause: str) -> None:
    """One in an otherwise good section is the only one."""
    assert changed(change) == {key: clause}


def test_a_secret_among_plain_settings_is_refused() -> None:
    """By its name, before anything is made."""
    found = changed(lambda r: r["groups"]["site"]["plain"].update(ADMIN_PASSWORD="hunter2hunter2"))
    assert found["render.groups.site.plain.ADMIN_PASSWORD"] == "CHG-2"


def workspace(**changes: Any) -> Workspace:
    """A workspace of its own."""
    args: dict[str, Any] = {
        "owner_id": "tea-1",
        "project_name": "example",
        "region": "frankfurt",
        "api_key": pulumi.Output.secret(KEY),
        "events_url": "https://events.example.com",
        "logs_endpoint": "logs.example.com:6514",
    }
    return Workspace("render", WorkspaceArgs(**{**args, **changes}))


def service(**changes: Any) -> None:
    """A service of its own."""
    args = {"kind": "web", "repository": "https://github.com/a/b", "branch": "main", "folder": "app", "health": "/"}
    RenderService("site", RenderServiceArgs(workspace=workspace(), **{**args, **changes}))


def group(**changes: Any) -> None:
    """A group of its own."""
    Group("site", GroupArgs(workspace=workspace(), random=random.Provider("random"), **changes))


BAD: dict[str, tuple[Callable[[], object], str]] = {
    "personal workspace": (lambda: workspace(owner_id="usr-1"), "team"),
    "plain events": (lambda: workspace(events_url="http://events.example.com"), "https only"),
    "no port": (lambda: workspace(logs_endpoint="logs.example.com"), "host:port"),
    "unknown kind": (lambda: service(kind="site"), "none of"),
    "no branch": (lambda: service(branch=""), "default"),
    "one instance": (lambda: service(instances=1), "outage"),
    "no health": (lambda: service(health=None), "health check"),
    "no schedule": (lambda: service(kind="cron"), "schedule"),
    "no files": (lambda: service(kind="static"), "folder"),
    "worker with a domain": (lambda: service(kind="worker", domain="a.example.com"), "not reached"),
    "plain password": (lambda: group(plain={"ADMIN_PASSWORD": "x"}), "plain text"),
    "given twice": (lambda: group(plain={"PORT": "1"}, generated=("PORT",)), "given twice"),
    "wide range": (lambda: Visitor(range="203.0.0.0/16", reason="a provider"), "wider"),
    "small plan": (
        lambda: RenderDatabaseArgs(workspace=workspace(), plan="basic_1gb", version="17", disk_gb=5),
        "seven",
    ),
    "old version": (
        lambda: RenderDatabaseArgs(workspace=workspace(), plan="pro_4gb", version="13", disk_gb=5),
        "fixes",
    ),
    "odd disk": (
        lambda: RenderDatabaseArgs(workspace=workspace(), plan="pro_4gb", version="17", disk_gb=7),
        "multiples",
    ),
    "free cache": (lambda: RenderCacheArgs(workspace=workspace(), plan="free"), "forgets"),
}


@pytest.mark.parametrize(("build", "says"), BAD.values(), ids=BAD.keys())
def test_bad_arguments_are_refused(build: Callable[[], object], says: str) -> None:
    """By the component itself, whoever calls it."""
    with pytest.raises(ValueError, match=says):
        record(build)


def test_a_company_may_run_on_render_alone() -> None:
    """No project on Google Cloud: a workspace, the repository whose ruleset guards its branch, and a clean verdict."""
    alone = record_stack(stack="render-only")
    assert [r.urn for r in alone if r.type.startswith("gcp:") or "pulumi:providers:gcp" in r.type] == []
    assert {r.type for r in alone if r.type.startswith("render:")} >= {
        "render:postgres:Postgres",
        "render:key-value:KeyValue",
        "render:services:WebService",
        "render:webhooks:Webhook",
    }
    assert len(alone.of("github:index/repositoryRuleset:RepositoryRuleset")) == 1
    assert failures(alone) == {}
    assert [one.rule.id for one in verdicts(alone) if one.outcome == "undetermined"] == []
