"""What CI's identity trusts is what the code review protects: the same repository, branch and environment."""

from __future__ import annotations

from collections.abc import Iterator

from policies.graph import Graph
from policies.model import UNKNOWN, Resource
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules import _github as github
from policies.rules._cel import alternatives
from policies.rules.federation import PROVIDER, is_github, provider

ENVIRONMENT = github.github("repositoryEnvironment")
_DOCS = ("https://docs.github.com/actions/reference/security/oidc",)
_RULESET = {
    "repository": "app",
    "target": "branch",
    "enforcement": "active",
    "conditions": {"refName": {"includes": ["refs/heads/main"], "excludes": []}},
    "rules": {"pullRequest": {"requiredApprovingReviewCount": 1}},
}
_IDS = "assertion.repository_owner_id == '1' && assertion.repository_id == '2'"


def _provider(rest: str) -> Sample:
    return Sample(PROVIDER, provider(f"{_IDS} && {rest}"), "ci")


def _ruleset(**more: object) -> Sample:
    return Sample(github.RULESET, {**_RULESET, **more}, "protect")


_ENV = Sample(ENVIRONMENT, {"repository": "app", "environment": "production"}, "production")
_REPO = Sample(github.REPOSITORY, {"name": "app"}, "app", outputs={"repoId": 2})


@rule(
    id="federation-trusts-protected-branch",
    clause="REV-2",
    title="The branch that CI's identity trusts is protected by a ruleset of this stack",
    severity="high",
    types=(PROVIDER,),
    decides=("attributeCondition",),
    absent="not_applicable",
    graph=True,
    fix="assertion.ref == 'refs/heads/main' in the condition, and a RepositoryRuleset for main in the same stack",
    sources=_DOCS,
    traps=(37,),
    good=((_provider("assertion.ref == 'refs/heads/main'"), _ruleset()),),
    bad=(
        (_provider("assertion.ref == 'refs/heads/develop'"), _ruleset()),
        (_provider("assertion.ref in ['refs/heads/main', 'refs/heads/x']"), _ruleset()),
        (_provider("assertion.ref == 'refs/heads/main'"), _ruleset(enforcement="disabled")),
        (_provider("assertion.ref == 'refs/pull/1/merge'"), _ruleset()),
    ),
    not_applicable=(
        (_provider("assertion.ref == 'refs/heads/main'"),),
        (_provider("assertion.environment == 'production'"), _ruleset()),
    ),
)
def trusts_protected_branch(resource: Resource) -> Iterator[Finding]:
    """A pinned branch that takes pushes without review is an open door: whoever can push, deploys. Stacks without
    GitHub resources are not judged, their protection lives elsewhere."""
    graph = resource.graph
    if graph is None or not is_github(resource) or not graph.of(*github.PROTECTIONS):
        yield skip("the stack protects no branches, or the provider does not trust GitHub")
        return
    refs = _pinned(resource, "ref")
    if not refs:
        yield skip("the condition pins no branch")
    for ref in sorted(refs):
        branch = ref.removeprefix("refs/heads/")
        if branch == ref:
            yield fail(resource, "attributeCondition", f"trusts {ref}, which is no branch that a ruleset protects")
        elif (guarded := _guarded(resource, graph, branch)) is None:
            yield unsure(resource, "attributeCondition", f"a protection that may cover {branch} is not known yet")
        elif not guarded:
            yield fail(resource, "attributeCondition", f"trusts branch {branch}, which no ruleset in force protects")


def _pinned(resource: Resource, claim: str) -> set[str]:
    ways = alternatives(resource.text("attributeCondition") or "")
    return {value for pins in ways for value in pins.get(claim, ())}


def guards(resource: Resource, graph: Graph, branch: str) -> list[Resource]:
    """The protections in force for a branch of any repository of the stack."""
    return [rule for found in _guards(resource, graph, branch) for rule in found.rules]


def _guards(resource: Resource, graph: Graph, branch: str) -> list[github.Guards]:
    names = {str(r.output("name")) for r in graph.of(github.REPOSITORY)}
    for protection in graph.of(*github.PROTECTIONS):
        names |= github.repository_keys(protection)[0]
    return [github.guards_of_branch(resource, name, branch) for name in sorted(names | {"*"})]


def _guarded(resource: Resource, graph: Graph, branch: str) -> bool | None:
    found = _guards(resource, graph, branch)
    if any(g.rules for g in found):
        return True
    open_ones = any(value is UNKNOWN for p in graph.of(*github.PROTECTIONS) for _, value in p.walk())
    return None if open_ones or any(g.unknown for g in found) else False


@rule(
    id="federation-trusts-known-environment",
    clause="REV-2",
    title="The environment that CI's identity trusts is declared in this stack",
    severity="high",
    types=(PROVIDER,),
    decides=("attributeCondition",),
    absent="not_applicable",
    graph=True,
    fix="assertion.environment == 'production' in the condition, and a RepositoryEnvironment of that name",
    sources=_DOCS,
    traps=(37,),
    good=((_provider("assertion.environment == 'production'"), _ENV),),
    bad=(
        (_provider("assertion.environment == 'staging'"), _ENV),
        (_provider("assertion.environment in ['production', 'dev']"), _ENV),
    ),
    not_applicable=(
        (_provider("assertion.environment == 'production'"),),
        (_provider("assertion.ref == 'refs/heads/main'"), _ENV),
    ),
)
def trusts_known_environment(resource: Resource) -> Iterator[Finding]:
    """GitHub makes an environment that does not exist the moment a workflow names it, without reviewers: trusting one
    that nobody declares is trusting every branch."""
    graph = resource.graph
    if graph is None or not is_github(resource) or not graph.of(ENVIRONMENT):
        yield skip("the stack declares no environments, or the provider does not trust GitHub")
        return
    wanted = _pinned(resource, "environment")
    if not wanted:
        yield skip("the condition pins no environment")
    names = [e.raw("environment") for e in graph.of(ENVIRONMENT)]
    for name in sorted(wanted - {e.text("environment") for e in graph.of(ENVIRONMENT) if e.known("environment")}):
        if UNKNOWN in names:
            yield unsure(resource, "attributeCondition", f"whether environment {name} is declared is not known yet")
        else:
            yield fail(resource, "attributeCondition", f"trusts environment {name}, which this stack does not declare")


@rule(
    id="federation-trusts-own-repository",
    clause="REV-2",
    title="The repository that CI's identity trusts is one of this stack",
    severity="high",
    types=(PROVIDER,),
    decides=("attributeCondition",),
    absent="not_applicable",
    graph=True,
    fix="assertion.repository_id == '<repo_id of the repository in this stack>'",
    sources=_DOCS,
    traps=(37,),
    good=((_provider("assertion.ref == 'refs/heads/main'"), _REPO),),
    bad=((Sample(PROVIDER, provider("assertion.repository_id == '3'"), "ci"), _REPO),),
    not_applicable=((_provider("assertion.ref == 'refs/heads/main'"),),),
)
def trusts_own_repository(resource: Resource) -> Iterator[Finding]:
    """A mistyped number trusts somebody else's repository, and everything else about the condition looks right.

    Judged once the repositories' numbers are known, that is after they were made or imported.
    """
    graph = resource.graph
    repositories = graph.of(github.REPOSITORY) if graph else []
    numbers = {str(r.output("repoId")) for r in repositories if r.output("repoId") is not None}
    wanted = _pinned(resource, "repository_id")
    if not numbers or len(numbers) < len(repositories) or not wanted:
        yield skip("no repository of this stack has a known number, or the condition names none")
    elif strangers := sorted(wanted - numbers):
        yield fail(resource, "attributeCondition", f"trusts repository {', '.join(strangers)}, not of this stack")
