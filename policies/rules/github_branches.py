"""GitHub: protections are in force, bind everybody, require checks, and cover every repository's default branch."""

from __future__ import annotations

from collections.abc import Iterator

from policies.model import Resource, View
from policies.rule import Finding, Sample, each, fail, rule, skip
from policies.rules import _github as github
from policies.rules._github_samples import branch, branch_v3, ruleset

_DOCS = ("https://docs.github.com/repositories/configuring-branches-and-merges-in-your-repository/managing-rulesets",)
_TAGS = ruleset(target="tag", rules={"requiredSignatures": False, "requiredStatusChecks": None})


def _switch(protection: Resource, path: str, without: str) -> Iterator[Finding]:
    """A switch of a ruleset must be on, here or in another protection of the same repository."""
    if not github.about_branches(protection):
        yield skip("the ruleset is not about branches")
    elif protection.flag(path):
        return
    elif github.peer_supplies(protection, path, path.removeprefix("rules.")):
        yield skip("another protection of the same repository does")
    else:
        yield fail(protection, path, f"is {protection.show(path)}: {without}")


@rule(
    id="github-ruleset-active",
    clause="REV-1",
    title="Rulesets are in force",
    severity="high",
    types=github.RULESETS,
    decides=("enforcement",),
    fix='enforcement="active"',
    sources=_DOCS,
    good=(ruleset(), ruleset(enforcement="Active")),
    bad=(ruleset(enforcement="evaluate"), ruleset(enforcement="disabled")),
)
def ruleset_active(ruleset: Resource) -> Iterator[Finding]:
    """A ruleset that is disabled or only evaluates blocks nothing and looks the same in a list."""
    if not github.in_force(ruleset):
        yield fail(ruleset, "enforcement", f"is {ruleset.show('enforcement')}: nothing is blocked")


@rule(
    id="github-no-bypass",
    clause="REV-1",
    title="Nobody can go around the protection of a branch",
    severity="high",
    types=github.PROTECTIONS,
    decides=("bypassActors",),
    absent="pass",
    fix="bypass_actors=[]",
    sources=_DOCS,
    good=(ruleset(bypassActors=[]), branch(requiredPullRequestReviews=[{"dismissStaleReviews": True}]), branch_v3()),
    bad=(
        ruleset(bypassActors=[{"actorId": 5, "actorType": "RepositoryRole", "bypassMode": "always"}]),
        ruleset(bypassActors=[{"actorType": "DeployKey", "bypassMode": "pull_request"}]),
        branch(requiredPullRequestReviews=[{"pullRequestBypassers": ["/octocat"]}]),
        branch(forcePushBypassers=["/octocat"]),
        branch_v3(requiredPullRequestReviews={"bypassPullRequestAllowances": {"apps": ["bot"]}}),
    ),
)
def no_bypass(protection: Resource) -> Iterator[Finding]:
    """A rule with an exception for administrators or a bot protects against everybody but those worth attacking."""
    if github.is_ruleset(protection):
        if protection.items("bypassActors"):
            yield fail(
                protection, "bypassActors", f"lets {len(protection.items('bypassActors'))} actors around the rules"
            )
        return
    if protection.items("forcePushBypassers"):
        yield fail(protection, "forcePushBypassers", "lets some rewrite history")

    def check(block: View) -> Iterator[Finding]:
        for path in ("pullRequestBypassers", *(f"bypassPullRequestAllowances.{k}" for k in ("apps", "teams", "users"))):
            if block.items(path):
                yield fail(block, path, f"lets {len(block.items(path))} actors merge without a review")

    yield from each(github.review_blocks(protection), check)


@rule(
    id="github-admins-bound",
    clause="REV-1",
    title="Branch protections bind administrators too",
    severity="high",
    types=github.BRANCH_PROTECTIONS,
    decides=("enforceAdmins",),
    fix="enforce_admins=True",
    good=(branch(enforceAdmins=True), branch_v3(enforceAdmins="true")),
    bad=(branch(enforceAdmins=False), branch_v3()),
)
def admins_bound(protection: Resource) -> Iterator[Finding]:
    """By default an administrator merges without review or checks. Rulesets know no such default."""
    if not protection.flag("enforceAdmins"):
        yield fail(protection, "enforceAdmins", f"is {protection.show('enforceAdmins')}")


@rule(
    id="github-no-force-push",
    clause="REV-1",
    title="History of protected branches cannot be rewritten",
    severity="high",
    types=(*github.RULESETS, github.BRANCH_PROTECTION),
    decides=("rules.nonFastForward",),
    fix="non_fast_forward=True",
    sources=_DOCS,
    graph=True,
    good=(ruleset(), branch(), branch(allowsForcePushes=False)),
    bad=(ruleset(rules={"nonFastForward": False}), branch(allowsForcePushes=True)),
    not_applicable=((ruleset("other", rules={"nonFastForward": None}), ruleset()), ruleset(target="push")),
)
def no_force_push(protection: Resource) -> Iterator[Finding]:
    """A forced push replaces reviewed commits by others under the same name. Branch protections forbid it by default,
    rulesets only when told."""
    if github.is_ruleset(protection):
        yield from _switch(protection, "rules.nonFastForward", "commits can be replaced after their review")
    elif protection.flag("allowsForcePushes"):
        yield fail(protection, "allowsForcePushes", f"is {protection.show('allowsForcePushes')}")


@rule(
    id="github-no-branch-deletion",
    clause="REV-1",
    title="Protected branches cannot be deleted",
    severity="medium",
    types=(*github.RULESETS, github.BRANCH_PROTECTION),
    decides=("rules.deletion",),
    fix="deletion=True",
    sources=_DOCS,
    graph=True,
    good=(ruleset(), branch()),
    bad=(ruleset(rules={"deletion": False}), branch(allowsDeletions=True)),
    not_applicable=((ruleset("other", rules={"deletion": None}), ruleset()), ruleset(target="push")),
)
def no_branch_deletion(protection: Resource) -> Iterator[Finding]:
    """Who deletes a branch and makes it anew gets one without history. `deletion` in a ruleset restricts deletions."""
    if github.is_ruleset(protection):
        yield from _switch(protection, "rules.deletion", "the branch can be deleted and made anew")
    elif protection.flag("allowsDeletions"):
        yield fail(protection, "allowsDeletions", f"is {protection.show('allowsDeletions')}")


@rule(
    id="github-commits-signed",
    clause="REV-1",
    title="Protected branches take signed commits only",
    severity="medium",
    types=github.PROTECTIONS,
    decides=("rules.requiredSignatures",),
    fix="required_signatures=True",
    references=("checkov:CKV_GIT_6", "trivy:GIT-0004"),
    graph=True,
    good=(ruleset(), branch(requireSignedCommits=True), branch_v3(requireSignedCommits="true")),
    bad=(ruleset(rules={"requiredSignatures": False}), branch(), branch_v3(requireSignedCommits=False)),
    not_applicable=((ruleset("other", rules={"requiredSignatures": None}), ruleset()), _TAGS),
)
def commits_signed(protection: Resource) -> Iterator[Finding]:
    """The author's name in a commit is whatever was typed; only the signature says who wrote it."""
    if github.is_ruleset(protection):
        yield from _switch(protection, "rules.requiredSignatures", "a commit may carry anybody's name")
    elif not protection.flag("requireSignedCommits"):
        yield fail(protection, "requireSignedCommits", f"is {protection.show('requireSignedCommits')}")


@rule(
    id="github-ruleset-excludes-nothing",
    clause="REV-1",
    title="Rulesets make no exceptions for single branches or repositories",
    severity="medium",
    types=github.RULESETS,
    decides=("conditions.refName.excludes",),
    absent="pass",
    fix="excludes=[]",
    good=(ruleset(),),
    bad=(
        ruleset(conditions={"refName": {"includes": ["~ALL"], "excludes": ["refs/heads/main"]}}),
        Sample(
            github.ORGANIZATION_RULESET,
            {
                "conditions": {
                    "refName": {"includes": ["~ALL"], "excludes": []},
                    "repositoryName": {"includes": ["~ALL"], "excludes": ["infra"]},
                }
            },
        ),
    ),
)
def ruleset_excludes_nothing(ruleset: Resource) -> Iterator[Finding]:
    """An exception is the branch where unreviewed changes live; two rulesets say the same openly."""
    for path in ("conditions.refName.excludes", "conditions.repositoryName.excludes"):
        if ruleset.items(path):
            yield fail(ruleset, path, f"is {ruleset.show(path)}")
