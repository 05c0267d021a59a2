"""GitHub repositories: private, and watched for vulnerable dependencies and leaked secrets."""

from __future__ import annotations

from collections.abc import Iterator

from policies.model import Resource, View
from policies.rule import Finding, Sample, each, fail, rule, skip, unsure
from policies.rules import _github as shared
from policies.rules._github import github

REPOSITORY = shared.REPOSITORY
ALERTS = github("repositoryVulnerabilityAlerts")
UPDATES = github("repositoryDependabotSecurityUpdates")
ORGANIZATION = github("organizationSettings")
_SECURE = {"secretScanning": {"status": "enabled"}, "secretScanningPushProtection": {"status": "enabled"}}
_APP = Sample(REPOSITORY, {"name": "app", "visibility": "private"}, "app")


def _private(repository: Resource) -> bool:
    """Whether the repository is not public. `visibility` overrides the older `private`; the default is public."""
    visibility = repository.upper("visibility")
    return visibility in ("PRIVATE", "INTERNAL") if visibility else repository.flag("private")


def _linked(repository: Resource, *types: str) -> tuple[list[Resource], bool]:
    """Resources of these types that are about the repository, and whether one cannot be told yet."""
    graph = repository.graph
    names = shared.names_of(repository)
    found, unknown = [], False
    for other in graph.of(*types) if graph else []:
        keys, hidden = shared.repository_keys(other)
        if keys & names:
            found.append(other)
        else:
            unknown = unknown or hidden
    return found, unknown


@rule(
    id="github-repository-private",
    clause="ACC-3",
    title="Repositories are private or internal",
    severity="high",
    types=(REPOSITORY,),
    decides=("visibility",),
    fix='visibility="private"',
    references=(
        "checkov:CKV_GIT_1",
        "trivy:GIT-0001",
        "kics:github_repository_set_to_public",
        "kics:public_repository_is_enabled",
        "terrascan:AC_GITHUB_0002",
    ),
    good=({"name": "app", "visibility": "private"}, {"visibility": "Internal"}, {"private": True}),
    bad=(
        {"visibility": "public"},
        {"private": False},
        {"private": True, "visibility": "public"},
        {"visibility": "protected"},
    ),
)
def repository_private(repository: Resource) -> Iterator[Finding]:
    """Infrastructure code shows an attacker every door. Repositories are public when nothing is said."""
    if not _private(repository):
        path = "visibility" if repository.has("visibility") or not repository.has("private") else "private"
        yield fail(repository, path, f"is {repository.show(path)}: the repository is public")


@rule(
    id="github-vulnerability-alerts",
    clause="DEP-2",
    title="Repositories raise alerts for vulnerable dependencies",
    severity="high",
    types=(REPOSITORY, ALERTS),
    decides=("vulnerabilityAlerts",),
    fix="vulnerability_alerts=True",
    references=("checkov:CKV_GIT_3", "trivy:GIT-0003"),
    sources=("https://docs.github.com/code-security/dependabot/dependabot-alerts/about-dependabot-alerts",),
    graph=True,
    good=(
        {"name": "app", "visibility": "private", "vulnerabilityAlerts": True},
        {"name": "app", "visibility": "public"},
        (_APP, Sample(ALERTS, {"repository": "app"}, "alerts")),
        (_APP, Sample(ALERTS, {"enabled": True}, "alerts", {"repository": ("app",)})),
        Sample(ALERTS, {"repository": "app", "enabled": True}),
    ),
    bad=(
        {"visibility": "private"},
        {"private": True, "vulnerabilityAlerts": False},
        {"visibility": "public", "vulnerabilityAlerts": "false"},
        (_APP, Sample(ALERTS, {"repository": "app", "enabled": False}, "alerts")),
        Sample(ALERTS, {"repository": "app", "enabled": False}),
    ),
    not_applicable=({"visibility": "private", "archived": True},),
)
def vulnerability_alerts(repository: Resource) -> Iterator[Finding]:
    """GitHub turns alerts on for public repositories and off for private ones unless told; archived ones have none.

    The newer resource RepositoryVulnerabilityAlerts counts as well.
    """
    if repository.type == ALERTS:
        if not repository.flag("enabled", True):
            yield fail(repository, "enabled", f"is {repository.show('enabled')}")
        return
    if repository.flag("archived"):
        yield skip("an archived repository has no alerts")
        return
    if repository.get("vulnerabilityAlerts") is not None:
        if not repository.flag("vulnerabilityAlerts"):
            yield fail(repository, "vulnerabilityAlerts", f"is {repository.show('vulnerabilityAlerts')}")
        return
    settings, unknown = _linked(repository, ALERTS)
    if any(s.flag("enabled", True) for s in settings) or (not settings and not _private(repository)):
        return
    if unknown:
        yield unsure(repository, "vulnerabilityAlerts")
    else:
        yield fail(repository, "vulnerabilityAlerts", "is not set: off by default in a private repository")


@rule(
    id="github-security-updates",
    clause="DEP-2",
    title="Dependabot proposes security updates for every repository",
    severity="medium",
    types=(REPOSITORY, UPDATES),
    decides=("name",),
    fix="RepositoryDependabotSecurityUpdates(…, repository=repository.name, enabled=True)",
    graph=True,
    good=(
        (_APP, Sample(UPDATES, {"repository": "app", "enabled": True}, "updates")),
        Sample(UPDATES, {"repository": "app", "enabled": True}),
    ),
    bad=(
        _APP,
        (_APP, Sample(UPDATES, {"repository": "app", "enabled": False}, "updates")),
        Sample(UPDATES, {"repository": "app", "enabled": False}),
    ),
    not_applicable=({"name": "old", "archived": True},),
)
def security_updates(repository: Resource) -> Iterator[Finding]:
    """An alert tells, an update repairs: patches arrive as pull requests within hours."""
    if repository.type == UPDATES:
        if not repository.flag("enabled"):
            yield fail(repository, "enabled", f"is {repository.show('enabled')}")
        return
    if repository.flag("archived"):
        yield skip("an archived repository takes no updates")
        return
    settings, unknown = _linked(repository, UPDATES)
    if any(s.flag("enabled") for s in settings):
        return
    if unknown or (repository.has("name") and not repository.known("name")):
        yield unsure(repository, "name")
    else:
        yield fail(repository, "name", "no RepositoryDependabotSecurityUpdates of this stack covers it")


def _analysis(repository: Resource, feature: str) -> Iterator[Finding]:
    path = f"securityAndAnalysis.{feature}.status"
    if repository.flag("archived"):
        yield skip("an archived repository takes no pushes")
    elif repository.upper(path) != "ENABLED":
        yield fail(repository, path, f"is {repository.show(path)}")


@rule(
    id="github-secret-scanning",
    clause="CHG-2",
    title="Repositories are scanned for secrets",
    severity="high",
    types=(REPOSITORY,),
    decides=("securityAndAnalysis.secretScanning.status",),
    fix='security_and_analysis={"secret_scanning": {"status": "enabled"}}',
    good=({"name": "app", "securityAndAnalysis": _SECURE},),
    bad=({"securityAndAnalysis": {"secretScanning": {"status": "disabled"}}},),
    not_applicable=({"archived": True},),
)
def secret_scanning(repository: Resource) -> Iterator[Finding]:
    """A credential in the history is a credential of everybody who ever cloned it; scanning finds it the same day."""
    yield from _analysis(repository, "secretScanning")


@rule(
    id="github-push-protection",
    clause="CHG-2",
    title="Pushes that contain secrets are blocked",
    severity="high",
    types=(REPOSITORY,),
    decides=("securityAndAnalysis.secretScanningPushProtection.status",),
    fix='security_and_analysis={"secret_scanning_push_protection": {"status": "enabled"}}',
    good=({"name": "app", "securityAndAnalysis": _SECURE},),
    bad=({"securityAndAnalysis": {"secretScanning": {"status": "enabled"}}},),
    not_applicable=({"archived": True},),
)
def push_protection(repository: Resource) -> Iterator[Finding]:
    """What never enters the history needs no rotation."""
    yield from _analysis(repository, "secretScanningPushProtection")


_NEW_REPOSITORIES = tuple(
    f"{feature}EnabledForNewRepositories"
    for feature in (
        "dependencyGraph",
        "dependabotAlerts",
        "dependabotSecurityUpdates",
        "secretScanning",
        "secretScanningPushProtection",
    )
)
_HARDENED = dict.fromkeys(_NEW_REPOSITORIES, True)


@rule(
    id="github-organization-defaults",
    clause="DEP-2",
    title="New repositories start with alerts, updates and secret scanning on",
    severity="medium",
    types=(ORGANIZATION,),
    decides=_NEW_REPOSITORIES,
    fix="dependabot_alerts_enabled_for_new_repositories=True, …",
    good=({"billingEmail": "billing@example.com", **_HARDENED},),
    bad=({**_HARDENED, "secretScanningEnabledForNewRepositories": False},),
)
def organization_defaults(settings: Resource) -> Iterator[Finding]:
    """All are off by default, and a repository made in a hurry keeps its defaults."""

    def check(view: View) -> Iterator[Finding]:
        if not settings.flag(view.path):
            yield fail(settings, view.path, f"is {settings.show(view.path)}")

    yield from each([View(settings, settings.data, name) for name in _NEW_REPOSITORIES], check)


@rule(
    id="github-members-keep-private",
    clause="ACC-3",
    title="Members cannot make repositories public",
    severity="medium",
    types=(ORGANIZATION,),
    decides=("membersCanCreatePublicRepositories",),
    fix="members_can_create_public_repositories=False",
    good=({"membersCanCreatePublicRepositories": False}, {"membersCanCreateRepositories": False}),
    bad=({"membersCanCreatePublicRepositories": True},),
)
def members_keep_private(settings: Resource) -> Iterator[Finding]:
    """The default is true: one wrong click publishes the code."""
    if settings.flag("membersCanCreateRepositories", True) and settings.flag(
        "membersCanCreatePublicRepositories", True
    ):
        shown = settings.show("membersCanCreatePublicRepositories")
        yield fail(settings, "membersCanCreatePublicRepositories", f"is {shown}; the default is true")


@rule(
    id="github-base-permission-minimal",
    clause="ACC-10",
    title="Membership alone grants no writing to repositories",
    severity="medium",
    types=(ORGANIZATION,),
    decides=("defaultRepositoryPermission",),
    absent="pass",
    fix='default_repository_permission="none"',
    good=({"defaultRepositoryPermission": "none"}, {"defaultRepositoryPermission": "read"}),
    bad=({"defaultRepositoryPermission": "write"}, {"defaultRepositoryPermission": "admin"}),
)
def base_permission_minimal(settings: Resource) -> Iterator[Finding]:
    """Need to know: teams grant access to a repository, the organization does not. The default is read."""
    if settings.upper("defaultRepositoryPermission", "READ") not in ("NONE", "READ"):
        yield fail(settings, "defaultRepositoryPermission", f"is {settings.show('defaultRepositoryPermission')}")
