"""GitHub: changes to protected branches are approved by another developer (REV-1), by rulesets or branch protections.

GitHub adds protections up: one ruleset may ask for reviews and another for checks. A protection that leaves a block out
is therefore not judged for it when another one of the same stack has the block for the same repository.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from policies.model import Resource, View
from policies.rule import Finding, Sample, each, fail, rule, skip
from policies.rules import _github as github

_RULESET_DOCS = "https://docs.github.com/repositories/configuring-branches-and-merges-in-your-repository"
_BASE = {
    "repository": "app",
    "target": "branch",
    "enforcement": "active",
    "conditions": {"refName": {"includes": ["~DEFAULT_BRANCH"], "excludes": []}},
}
_REVIEW = {
    "requiredApprovingReviewCount": 1,
    "requireCodeOwnerReview": True,
    "requireLastPushApproval": True,
    "dismissStaleReviewsOnPush": True,
}
_OLD_REVIEW = {
    "requiredApprovingReviewCount": 1,
    "requireCodeOwnerReviews": True,
    "requireLastPushApproval": True,
    "dismissStaleReviews": True,
}


def _ruleset(name: str = "protect", **review: Any) -> Sample:
    return Sample(github.RULESET, {**_BASE, "rules": {"pullRequest": {**_REVIEW, **review}}}, name)


def _branch(**review: Any) -> Sample:
    block = {**_OLD_REVIEW, **review}
    return Sample(github.BRANCH_PROTECTION, {"repositoryId": "app", "requiredPullRequestReviews": [block]})


def _branch_v3(**review: Any) -> Sample:
    block = {**_OLD_REVIEW, **review}
    return Sample(github.BRANCH_PROTECTION_V3, {"repository": "app", "requiredPullRequestReviews": block})


_WITHOUT_REVIEW = Sample(github.RULESET, {**_BASE, "rules": {"deletion": True}}, "other")
_TAGS = Sample(github.RULESET, {**_BASE, "target": "tag", "rules": {"deletion": True}})


def _reviews(protection: Resource, check: Callable[[View], Iterator[Finding]]) -> Iterator[Finding]:
    """Runs a check over the review blocks; a protection without one fails unless another supplies it."""
    if not github.about_branches(protection):
        yield skip("the ruleset is not about branches")
        return
    blocks = github.review_blocks(protection)
    if blocks:
        yield from each(blocks, check)
    elif github.peer_supplies(protection, "rules.pullRequest", "requiredPullRequestReviews"):
        yield skip("another protection of the same repository requires the review")
    else:
        path = "rules.pullRequest" if github.is_ruleset(protection) else "requiredPullRequestReviews"
        yield fail(protection, path, "is not set: changes need no pull request at all")


def _flag(protection: Resource, of_ruleset: str, of_branch: str, without: str) -> Iterator[Finding]:
    path = of_ruleset if github.is_ruleset(protection) else of_branch

    def check(block: View) -> Iterator[Finding]:
        if not block.flag(path):
            yield fail(block, path, f"is {block.show(path)}: {without}")

    yield from _reviews(protection, check)


@rule(
    id="github-approval-required",
    clause="REV-1",
    title="Protected branches take changes only with an approval",
    severity="high",
    types=github.PROTECTIONS,
    decides=("rules.pullRequest.requiredApprovingReviewCount",),
    fix="required_approving_review_count=1",
    sources=(f"{_RULESET_DOCS}/managing-rulesets/available-rules-for-rulesets",),
    graph=True,
    params={"min_approvals": 1},
    good=(_ruleset(), _ruleset(requiredApprovingReviewCount="2"), _branch(), _branch_v3()),
    bad=(
        _ruleset(requiredApprovingReviewCount=0),
        Sample(github.ORGANIZATION_RULESET, {**_BASE, "rules": {"deletion": True}}),
        _branch(requiredApprovingReviewCount=0),
        Sample(github.BRANCH_PROTECTION, {"repositoryId": "app", "pattern": "main"}),
        Sample(github.BRANCH_PROTECTION_V3, {"repository": "app", "branch": "main"}),
    ),
    not_applicable=((_WITHOUT_REVIEW, _ruleset("reviews")), _TAGS),
)
def approval_required(protection: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """The policy asks for one other developer. A pull request rule alone asks for none: its count defaults to 0 in
    rulesets."""

    def check(block: View) -> Iterator[Finding]:
        if (block.number("requiredApprovingReviewCount") or 0) < float(params["min_approvals"]):
            shown = block.show("requiredApprovingReviewCount")
            yield fail(block, "requiredApprovingReviewCount", f"is {shown}, fewer than {params['min_approvals']}")

    yield from _reviews(protection, check)


@rule(
    id="github-two-approvals",
    clause="REV-1",
    title="Branch protections ask for two approvals",
    severity="low",
    level="advisory",
    types=github.BRANCH_PROTECTIONS,
    decides=("requiredPullRequestReviews",),
    fix="required_approving_review_count=2",
    references=("checkov:CKV_GIT_5",),
    params={"min_approvals": 2},
    good=(
        _branch(requiredApprovingReviewCount=2),
        Sample(
            github.BRANCH_PROTECTION_V3,
            {"requiredPullRequestReviews": [{"requiredApprovingReviewCount": "3"}]},
        ),
    ),
    bad=(_branch(), _branch_v3(requiredApprovingReviewCount=None)),
)
def two_approvals(protection: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """Checkov asks for two; the policy for one. Advisory, for those who come from there."""
    counts = [view.number("requiredApprovingReviewCount") or 0 for view in github.review_blocks(protection)]
    if max(counts, default=0) < float(params["min_approvals"]):
        yield fail(protection, "requiredPullRequestReviews", f"asks for fewer than {params['min_approvals']} approvals")


@rule(
    id="github-code-owner-review",
    clause="REV-1",
    title="Changes to owned files need the approval of a code owner",
    severity="medium",
    types=github.PROTECTIONS,
    decides=("rules.pullRequest.requireCodeOwnerReview",),
    fix="require_code_owner_review=True",
    graph=True,
    good=(_ruleset(), _branch(), _branch_v3()),
    bad=(
        _ruleset(requireCodeOwnerReview=False),
        _branch(requireCodeOwnerReviews=None),
        _branch_v3(requireCodeOwnerReviews="false"),
    ),
    not_applicable=((_WITHOUT_REVIEW, _ruleset("reviews")),),
)
def code_owner_review(protection: Resource) -> Iterator[Finding]:
    """Somebody who knows the infrastructure must see a change to it; any colleague's approval does not show that."""
    yield from _flag(
        protection, "requireCodeOwnerReview", "requireCodeOwnerReviews", "anybody's approval counts for any file"
    )


@rule(
    id="github-last-push-approval",
    clause="REV-1",
    title="The last push is approved by somebody other than who pushed it",
    severity="high",
    types=github.PROTECTIONS,
    decides=("rules.pullRequest.requireLastPushApproval",),
    fix="require_last_push_approval=True",
    graph=True,
    good=(_ruleset(), _branch(), _branch_v3()),
    bad=(
        _ruleset(requireLastPushApproval=False),
        _branch(requireLastPushApproval=False),
        _branch_v3(requireLastPushApproval=None),
    ),
    not_applicable=((_WITHOUT_REVIEW, _ruleset("reviews")),),
)
def last_push_approval(protection: Resource) -> Iterator[Finding]:
    """Without it a reviewer can push to the pull request and approve the own change."""
    yield from _flag(
        protection, "requireLastPushApproval", "requireLastPushApproval", "a reviewer can approve the own push"
    )


@rule(
    id="github-stale-reviews-dismissed",
    clause="REV-1",
    title="An approval lapses when the change is changed",
    severity="high",
    types=github.PROTECTIONS,
    decides=("rules.pullRequest.dismissStaleReviewsOnPush",),
    fix="dismiss_stale_reviews_on_push=True",
    graph=True,
    good=(_ruleset(), _branch(), _branch_v3()),
    bad=(
        _ruleset(dismissStaleReviewsOnPush=False),
        _branch(dismissStaleReviews=False),
        _branch_v3(dismissStaleReviews=None),
    ),
    not_applicable=((_WITHOUT_REVIEW, _ruleset("reviews")),),
)
def stale_reviews_dismissed(protection: Resource) -> Iterator[Finding]:
    """Otherwise the approval of a harmless first version carries whatever is pushed afterwards."""
    yield from _flag(
        protection, "dismissStaleReviewsOnPush", "dismissStaleReviews", "approvals outlive the change they were for"
    )
