"""GitHub Actions: workflows run trusted code with few rights, and what they say about themselves can be trusted."""

from __future__ import annotations

from collections.abc import Iterator

from policies.model import Resource
from policies.rule import Finding, Sample, fail, rule, skip
from policies.rules._github import github

REPOSITORY_PERMISSIONS = github("actionsRepositoryPermissions")
ORGANIZATION_PERMISSIONS = github("actionsOrganizationPermissions")
ENTERPRISE_PERMISSIONS = github("enterpriseActionsPermissions")
_PERMISSIONS = (REPOSITORY_PERMISSIONS, ORGANIZATION_PERMISSIONS, ENTERPRISE_PERMISSIONS)
_WORKFLOWS = (
    github("workflowRepositoryPermissions"),
    github("actionsOrganizationWorkflowPermissions"),
    github("enterpriseActionsWorkflowPermissions"),
)
_SUBJECTS = (
    github("actionsRepositoryOidcSubjectClaimCustomizationTemplate"),
    github("actionsOrganizationOidcSubjectClaimCustomizationTemplate"),
)
_RUNNER_GROUPS = (github("actionsRunnerGroup"), github("enterpriseActionsRunnerGroup"))
_HARDENING = (
    "https://docs.github.com/actions/security-for-github-actions/security-guides/security-hardening-for-github-actions",
)
_SELECTED = {
    "allowedActions": "selected",
    "allowedActionsConfig": {"githubOwnedAllowed": True, "verifiedAllowed": False},
}


def _off(permissions: Resource) -> bool:
    """Whether Actions do not run at all there."""
    if permissions.type == REPOSITORY_PERMISSIONS:
        return not permissions.flag("enabled", True)
    return "NONE" in (permissions.upper("enabledRepositories"), permissions.upper("enabledOrganizations"))


@rule(
    id="github-actions-selected",
    clause="CHG-3",
    title="Workflows use selected actions only",
    severity="high",
    types=_PERMISSIONS,
    decides=("allowedActions",),
    fix='allowed_actions="selected", allowed_actions_config={"github_owned_allowed": True}',
    sources=_HARDENING,
    good=({"repository": "app", **_SELECTED}, {"repository": "app", "allowedActions": "local_only"}),
    bad=(
        {"repository": "app", "allowedActions": "all"},
        Sample(ORGANIZATION_PERMISSIONS, {"enabledRepositories": "all"}),
        Sample(ENTERPRISE_PERMISSIONS, {"enterpriseSlug": "example", "allowedActions": "ALL"}),
    ),
    not_applicable=(
        {"repository": "app", "enabled": False},
        Sample(ORGANIZATION_PERMISSIONS, {"enabledRepositories": "none"}),
    ),
)
def actions_selected(permissions: Resource) -> Iterator[Finding]:
    """An action runs with the workflow's identity and secrets; by default any stranger's repository may be one."""
    if _off(permissions):
        yield skip("Actions are switched off")
    elif permissions.upper("allowedActions", "ALL") == "ALL":
        yield fail(
            permissions, "allowedActions", f"is {permissions.show('allowedActions')}: the default allows any action"
        )


@rule(
    id="github-actions-patterns-narrow",
    clause="CHG-3",
    title="The list of selected actions does not let everything in again",
    severity="high",
    types=_PERMISSIONS,
    decides=("allowedActionsConfig.patternsAlloweds",),
    absent="pass",
    fix='patterns_alloweds=["google-github-actions/auth@*"]',
    sources=_HARDENING,
    good=(
        {**_SELECTED, "allowedActionsConfig": {"githubOwnedAllowed": True, "patternsAlloweds": ["example/deploy@*"]}},
        {"allowedActions": "local_only"},
    ),
    bad=(
        {**_SELECTED, "allowedActionsConfig": {"githubOwnedAllowed": True, "patternsAlloweds": ["*"]}},
        {**_SELECTED, "allowedActionsConfig": {"githubOwnedAllowed": True, "patternsAlloweds": ["a/b@v1", "*/*@*"]}},
    ),
)
def actions_patterns_narrow(permissions: Resource) -> Iterator[Finding]:
    """A pattern without an owner is every owner."""
    path = "allowedActionsConfig.patternsAlloweds"
    for index, pattern in enumerate(permissions.items(path)):
        owner = str(permissions.get(f"{path}[{index}]") or pattern).split("/")[0]
        if not owner.strip("*@ "):
            yield fail(permissions, f"{path}[{index}]", f"is {pattern!r}, which is anybody's action")


@rule(
    id="github-actions-pinned",
    clause="CHG-3",
    title="Workflows name actions by commit",
    severity="high",
    types=(REPOSITORY_PERMISSIONS, ORGANIZATION_PERMISSIONS),
    decides=("shaPinningRequired",),
    fix="sha_pinning_required=True",
    sources=_HARDENING,
    good=({"repository": "app", "shaPinningRequired": True},),
    bad=(
        {"repository": "app", "shaPinningRequired": False},
        Sample(ORGANIZATION_PERMISSIONS, {"enabledRepositories": "all", "allowedActions": "selected"}),
    ),
    not_applicable=({"repository": "app", "enabled": "false"},),
)
def actions_pinned(permissions: Resource) -> Iterator[Finding]:
    """A tag of an action can be moved to other code overnight, as has happened to widely used ones."""
    if _off(permissions):
        yield skip("Actions are switched off")
    elif not permissions.flag("shaPinningRequired"):
        yield fail(permissions, "shaPinningRequired", f"is {permissions.show('shaPinningRequired')}")


@rule(
    id="github-workflow-token-read-only",
    clause="CHG-3",
    title="The token of workflows is read-only unless a workflow asks for more",
    severity="high",
    types=_WORKFLOWS,
    decides=("defaultWorkflowPermissions",),
    fix='default_workflow_permissions="read"',
    sources=_HARDENING,
    good=(
        {"repository": "app", "defaultWorkflowPermissions": "read"},
        Sample(_WORKFLOWS[1], {"organizationSlug": "example"}),
    ),
    bad=(
        {"repository": "app", "defaultWorkflowPermissions": "write"},
        Sample(_WORKFLOWS[2], {"enterpriseSlug": "example", "defaultWorkflowPermissions": "Write"}),
    ),
)
def token_read_only(permissions: Resource) -> Iterator[Finding]:
    """With write rights any compromised step pushes code. For organizations and enterprises the provider's default is
    read; a repository without a value keeps what it has."""
    default = None if permissions.type == _WORKFLOWS[0] else "READ"
    if permissions.upper("defaultWorkflowPermissions", default) != "READ":
        shown = permissions.show("defaultWorkflowPermissions")
        yield fail(permissions, "defaultWorkflowPermissions", f"is {shown}")


@rule(
    id="github-actions-cannot-approve",
    clause="REV-1",
    title="Workflows cannot approve pull requests",
    severity="high",
    types=_WORKFLOWS,
    decides=("canApprovePullRequestReviews",),
    absent="pass",
    fix="can_approve_pull_request_reviews=False",
    sources=_HARDENING,
    good=({"repository": "app", "canApprovePullRequestReviews": False},),
    bad=(
        {"repository": "app", "canApprovePullRequestReviews": True},
        Sample(_WORKFLOWS[1], {"organizationSlug": "example", "canApprovePullRequestReviews": "true"}),
    ),
)
def actions_cannot_approve(permissions: Resource) -> Iterator[Finding]:
    """Otherwise an author writes a workflow that is the other developer. The provider's default is false."""
    if permissions.flag("canApprovePullRequestReviews"):
        shown = permissions.show("canApprovePullRequestReviews")
        yield fail(permissions, "canApprovePullRequestReviews", f"is {shown}")


_WHOSE = frozenset({"repo", "repository", "repository_id"})
_WHERE = frozenset({"context", "ref", "environment", "job_workflow_ref", "workflow_ref"})


@rule(
    id="github-oidc-subject-exact",
    clause="CIN-1",
    title="The subject in workflow identity tokens names the repository and the branch or environment",
    severity="high",
    types=_SUBJECTS,
    decides=("includeClaimKeys",),
    fix='include_claim_keys=["repository_id", "context"]',
    sources=(
        "https://docs.github.com/actions/security-for-github-actions/security-hardening-your-deployments/about-security-hardening-with-openid-connect",
    ),
    traps=(37,),
    good=(
        {"repository": "app", "useDefault": False, "includeClaimKeys": ["repository_owner_id", "repository_id", "ref"]},
        {"repository": "app", "useDefault": True},
        Sample(_SUBJECTS[1], {"includeClaimKeys": ["repo", "context"]}),
    ),
    bad=(
        {"repository": "app", "useDefault": False, "includeClaimKeys": ["repository_owner"]},
        {"repository": "app", "useDefault": False, "includeClaimKeys": ["repo"]},
        Sample(_SUBJECTS[1], {"includeClaimKeys": ["actor", "ref"]}),
    ),
)
def oidc_subject_exact(template: Resource) -> Iterator[Finding]:
    """A subject without the repository is the same for every repository of the owner; without branch or environment,
    the same for every pushed branch. The default subject names both."""
    if template.flag("useDefault"):
        return
    keys = set(template.words("includeClaimKeys"))
    if not keys & _WHOSE:
        yield fail(template, "includeClaimKeys", f"names no repository: {sorted(keys)}")
    if not keys & _WHERE:
        yield fail(template, "includeClaimKeys", f"names no branch or environment: {sorted(keys)}")


@rule(
    id="github-runners-private",
    clause="CHG-3",
    title="Own runners serve no public repositories",
    severity="high",
    types=_RUNNER_GROUPS,
    decides=("allowsPublicRepositories",),
    absent="pass",
    fix="allows_public_repositories=False",
    sources=_HARDENING,
    good=({"visibility": "selected", "allowsPublicRepositories": False},),
    bad=(
        {"visibility": "all", "allowsPublicRepositories": True},
        Sample(_RUNNER_GROUPS[1], {"allowsPublicRepositories": "true"}),
    ),
)
def runners_private(group: Resource) -> Iterator[Finding]:
    """Anybody can open a pull request on a public repository and so run code on the machine. The default is false."""
    if group.flag("allowsPublicRepositories"):
        yield fail(group, "allowsPublicRepositories", f"is {group.show('allowsPublicRepositories')}")
