"""GitHub: checks must pass before a change reaches a protected branch, and every repository has such a branch."""

from __future__ import annotations

from collections.abc import Iterator

from policies.model import Resource, View
from policies.rule import Finding, Sample, each, fail, rule, skip, unsure
from policies.rules import _github as github
from policies.rules._github_samples import branch, branch_v3, ruleset

_DOCS = ("https://docs.github.com/repositories/configuring-branches-and-merges-in-your-repository/managing-rulesets",)
_TAGS = ruleset(target="tag", rules={"requiredSignatures": False, "requiredStatusChecks": None})
_REPOSITORY = Sample(github.REPOSITORY, {"name": "app", "visibility": "private"}, "app")


@rule(
    id="github-checks-required",
    clause="CIN-4",
    title="Protected branches take changes only after their checks pass",
    severity="high",
    types=github.PROTECTIONS,
    decides=("rules.requiredStatusChecks",),
    fix='required_status_checks={"required_checks": [{"context": "test"}]}',
    sources=_DOCS,
    graph=True,
    good=(
        ruleset(),
        branch(requiredStatusChecks=[{"contexts": ["test"], "strict": True}]),
        branch_v3(requiredStatusChecks={"checks": ["test:123"]}),
    ),
    bad=(
        ruleset(rules={"requiredStatusChecks": {"requiredChecks": []}}),
        branch(requiredStatusChecks=[{"strict": True}]),
        branch_v3(),
    ),
    not_applicable=((ruleset("other", rules={"requiredStatusChecks": None}), ruleset()), _TAGS),
)
def checks_required(protection: Resource) -> Iterator[Finding]:
    """A review reads the change, the checks run it; what fails its tests must not reach the branch that is deployed."""
    path = "rules.requiredStatusChecks" if github.is_ruleset(protection) else "requiredStatusChecks"
    if not github.about_branches(protection):
        yield skip("the ruleset is not about branches")
    elif github.requires_checks(protection):
        return
    elif github.peer_supplies(protection, "rules.requiredStatusChecks", "requiredStatusChecks"):
        yield skip("another protection of the same repository requires the checks")
    else:
        yield fail(protection, path, "requires no check")


@rule(
    id="github-checks-strict",
    clause="CIN-4",
    title="Checks run on the change merged with the newest state of the branch",
    severity="medium",
    types=github.PROTECTIONS,
    decides=("rules.requiredStatusChecks.strictRequiredStatusChecksPolicy",),
    fix="strict_required_status_checks_policy=True",
    sources=_DOCS,
    good=(
        ruleset(),
        branch(requiredStatusChecks=[{"contexts": ["test"], "strict": True}]),
        branch_v3(requiredStatusChecks={"checks": ["test"], "strict": True}),
        ruleset(rules={"mergeQueue": {"mergeMethod": "SQUASH"}}),
    ),
    bad=(
        ruleset(rules={"requiredStatusChecks": {"requiredChecks": [{"context": "test"}]}}),
        branch(requiredStatusChecks=[{"contexts": ["test"]}]),
    ),
    not_applicable=(ruleset(rules={"requiredStatusChecks": None}), branch()),
)
def checks_strict(protection: Resource) -> Iterator[Finding]:
    """Two changes that each pass can break together; "build from a known state" means the state after the merge.
    A merge queue tests just that, so it counts as strict."""
    ruleset = github.is_ruleset(protection)
    flag = "strictRequiredStatusChecksPolicy" if ruleset else "strict"
    blocks = protection.views("rules.requiredStatusChecks" if ruleset else "requiredStatusChecks")
    if not blocks:
        yield skip("the protection requires no checks")
        return

    def check(block: View) -> Iterator[Finding]:
        if not block.flag(flag) and not (ruleset and protection.has("rules.mergeQueue")):
            yield fail(block, flag, f"is {block.show(flag)}: checks may have run on an older state of the branch")

    yield from each(blocks, check)


@rule(
    id="github-repository-protected",
    clause="REV-1",
    title="Every repository's default branch is protected by a ruleset or a branch protection",
    severity="high",
    types=(github.REPOSITORY,),
    decides=("name",),
    fix='RepositoryRuleset(…, repository=repository.name, enforcement="active", …)',
    references=("checkov:CKV2_GIT_1",),
    graph=True,
    good=(
        (_REPOSITORY, ruleset()),
        (_REPOSITORY, Sample(github.BRANCH_PROTECTION, {"pattern": "main"}, "b", {"repositoryId": ("app",)})),
        (
            Sample(github.REPOSITORY, {"name": "app"}, "app", outputs={"nodeId": "R_1"}),
            Sample(github.BRANCH_PROTECTION, {"pattern": "main", "repositoryId": "R_1"}, "b"),
        ),
        (_REPOSITORY, Sample(github.ORGANIZATION_RULESET, {**ruleset().props, "repository": None}, "org")),
    ),
    bad=(
        _REPOSITORY,
        (_REPOSITORY, ruleset(repository="other")),
        (_REPOSITORY, ruleset(enforcement="disabled")),
        (_REPOSITORY, _TAGS),
    ),
    not_applicable=({"name": "old", "archived": True},),
)
def repository_protected(repository: Resource) -> Iterator[Finding]:
    """Without protection one stolen login rewrites what is deployed. Archived repositories take no changes."""
    graph = repository.graph
    if graph is None or repository.flag("archived"):
        yield skip("an archived repository takes no changes")
        return
    names = github.names_of(repository)
    hidden = repository.raw("name") is not None and not repository.known("name")
    for protection in graph.of(*github.PROTECTIONS):
        keys, unknown = github.repository_keys(protection)
        linked = protection.type == github.ORGANIZATION_RULESET or bool(keys & names)
        if linked and github.about_branches(protection) and github.in_force(protection):
            return
        hidden = hidden or unknown
    if hidden:
        yield unsure(repository, "name", "is protected or not by protections that are not known yet")
    else:
        yield fail(repository, "name", "no ruleset or branch protection of this stack covers it")
