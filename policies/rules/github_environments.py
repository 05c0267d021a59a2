"""GitHub: deployments to production pass a protected environment without self-review (REV-3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from policies.model import Resource
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules._github import github

ENVIRONMENT = github("repositoryEnvironment")
POLICIES = (github("repositoryEnvironmentDeploymentPolicy"), github("repositoryDeploymentBranchPolicy"))
_DOCS = (
    "https://docs.github.com/actions/deployment/targeting-different-environments/using-environments-for-deployment",
)
_OTHER = (
    "dev*",
    "test*",
    "preview*",
    "pull-request*",
    "pr-*",
    "staging*",
    "stage*",
    "sandbox*",
    "ci",
    "qa*",
    "review*",
    "drift*",
)
_PRODUCTION = {
    "repository": "app",
    "environment": "production",
    "reviewers": [{"teams": [42]}],
    "preventSelfReview": True,
    "canAdminsBypass": False,
    "deploymentBranchPolicy": {"protectedBranches": True, "customBranchPolicies": False},
}
_CUSTOM = {**_PRODUCTION, "deploymentBranchPolicy": {"protectedBranches": False, "customBranchPolicies": True}}


def _with(**changes: Any) -> dict[str, Any]:
    return {**_PRODUCTION, **changes}


def _policy(**properties: Any) -> Sample:
    return Sample(POLICIES[0], {"repository": "app", "environment": "production", **properties}, "policy")


def _other(environment: Resource, params: Mapping[str, Any]) -> str | None:
    """The environment's name when it is one of those that are not production; names that say nothing are judged."""
    name = (environment.text("environment") or "").lower()
    return name if any(fnmatchcase(name, str(p)) for p in params["not_production"]) else None


@rule(
    id="github-environment-reviewed",
    clause="REV-3",
    title="Deployments to production wait for a reviewer",
    severity="high",
    types=(ENVIRONMENT,),
    decides=("reviewers",),
    fix='reviewers=[{"teams": [team.id]}]',
    sources=_DOCS,
    params={"not_production": _OTHER},
    good=(_PRODUCTION, _with(reviewers=[{"users": [7]}])),
    bad=(_with(reviewers=[]), _with(reviewers=[{"teams": [], "users": []}])),
    not_applicable=({"environment": "preview", "repository": "app"},),
)
def environment_reviewed(environment: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """Merging is one decision, putting it in front of users another; the second needs somebody's yes as well."""
    if name := _other(environment, params):
        yield skip(f"{name} is not production")
    elif not any(view.get("teams") or view.get("users") for view in environment.views("reviewers")):
        yield fail(environment, "reviewers", "is empty: deployments wait for nobody")


@rule(
    id="github-environment-no-self-review",
    clause="REV-3",
    title="Nobody approves the own deployment to production",
    severity="high",
    types=(ENVIRONMENT,),
    decides=("preventSelfReview",),
    fix="prevent_self_review=True",
    sources=_DOCS,
    params={"not_production": _OTHER},
    good=(_PRODUCTION,),
    bad=(_with(preventSelfReview=False),),
    not_applicable=({"environment": "development", "repository": "app"},),
)
def no_self_review(environment: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """By default a reviewer may approve the deployment that the reviewer started: four eyes become two."""
    if name := _other(environment, params):
        yield skip(f"{name} is not production")
    elif not environment.flag("preventSelfReview"):
        yield fail(
            environment, "preventSelfReview", f"is {environment.show('preventSelfReview')}; the default is false"
        )


@rule(
    id="github-environment-binds-admins",
    clause="REV-3",
    title="Administrators cannot skip the protection of production",
    severity="high",
    types=(ENVIRONMENT,),
    decides=("canAdminsBypass",),
    fix="can_admins_bypass=False",
    sources=_DOCS,
    params={"not_production": _OTHER},
    good=(_PRODUCTION,),
    bad=(_with(canAdminsBypass=True),),
    not_applicable=({"environment": "pr-12", "repository": "app"},),
)
def binds_admins(environment: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """The default is true: whoever administers the repository deploys without anybody's approval."""
    if name := _other(environment, params):
        yield skip(f"{name} is not production")
    elif environment.flag("canAdminsBypass", True):
        yield fail(environment, "canAdminsBypass", f"is {environment.show('canAdminsBypass')}; the default is true")


@rule(
    id="github-environment-protected-branch",
    clause="REV-3",
    title="Only protected or named branches deploy to production",
    severity="high",
    types=(ENVIRONMENT,),
    decides=("deploymentBranchPolicy",),
    fix='deployment_branch_policy={"protected_branches": True, "custom_branch_policies": False}',
    sources=_DOCS,
    graph=True,
    params={"not_production": _OTHER},
    good=(_PRODUCTION, (Sample(ENVIRONMENT, _CUSTOM), _policy(branchPattern="main"))),
    bad=(
        Sample(ENVIRONMENT, _CUSTOM),
        _with(deploymentBranchPolicy={"protectedBranches": False, "customBranchPolicies": False}),
        (Sample(ENVIRONMENT, _CUSTOM), _policy(environment="preview", branchPattern="main")),
    ),
    not_applicable=({"environment": "qa", "repository": "app"},),
)
def protected_branch(environment: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """Without a policy every branch may deploy: a pushed branch with a changed workflow reaches production's secrets
    and identity without any merge."""
    if name := _other(environment, params):
        yield skip(f"{name} is not production")
        return
    if environment.flag("deploymentBranchPolicy.protectedBranches"):
        return
    path = "deploymentBranchPolicy.customBranchPolicies"
    if not environment.flag(path):
        yield fail(environment, "deploymentBranchPolicy", "is not set: any branch deploys")
        return
    graph = environment.graph
    policies = graph.of(*POLICIES) if graph else []
    named = environment.text("environment")
    if any(_environment_of(p) == named for p in policies if _known(p)):
        return
    if any(not _known(p) for p in policies):
        yield unsure(environment, path, "names branches in policies that are not known yet")
    else:
        yield fail(environment, path, "is on, and no deployment policy of this stack names the branches")


def _known(policy: Resource) -> bool:
    return policy.known("environment") and policy.known("environmentName")


def _environment_of(policy: Resource) -> str | None:
    return policy.text("environment") or policy.text("environmentName")


@rule(
    id="github-deployment-policy-exact",
    clause="REV-3",
    title="Deployment policies name branches or release tags, not every one",
    severity="high",
    types=POLICIES,
    decides=("branchPattern",),
    fix='branch_pattern="main"',
    sources=_DOCS,
    params={"not_production": _OTHER},
    good=(
        {"environment": "production", "branchPattern": "main"},
        {"environment": "production", "tagPattern": "v*"},
        Sample(POLICIES[1], {"environmentName": "production", "name": "release/*"}),
    ),
    bad=(
        {"environment": "production", "branchPattern": "*"},
        {"environment": "production", "tagPattern": "**"},
        Sample(POLICIES[1], {"environmentName": "production", "name": "**/*"}),
    ),
    not_applicable=({"environment": "preview", "branchPattern": "*"},),
)
def policy_exact(policy: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """A pattern of stars alone is every branch again, behind a setting that looks like a restriction."""
    name = (_environment_of(policy) or "").lower()
    if any(fnmatchcase(name, str(p)) for p in params["not_production"]):
        yield skip(f"{name} is not production")
        return
    paths = ("name",) if policy.type == POLICIES[1] else ("branchPattern", "tagPattern")
    patterns = {path: policy.text(path) for path in paths}
    if not any(patterns.values()):
        yield fail(policy, paths[0], "is not set")
    for path, pattern in patterns.items():
        if pattern is not None and not pattern.strip("*/"):
            yield fail(policy, path, f"is {pattern!r}, which is every one")
