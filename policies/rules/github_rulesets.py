"""GitHub: rulesets of one branch say the same. They add up, and where they differ nobody knows which was meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from policies.graph import Graph
from policies.model import UNKNOWN, Resource
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules import _github as github

_COMPARED: Final = (
    "rules.pullRequest.requiredApprovingReviewCount",
    "rules.pullRequest.requireCodeOwnerReview",
    "rules.pullRequest.requireLastPushApproval",
    "rules.pullRequest.dismissStaleReviewsOnPush",
    "rules.pullRequest.requiredReviewThreadResolution",
    "rules.requiredStatusChecks.strictRequiredStatusChecksPolicy",
    "enforcement",
)
_BRANCHES: Final = "conditions.refName"
_MERGE: Final = "rules.pullRequest.allowedMergeMethods"
_CHECKS: Final = "rules.requiredStatusChecks.requiredChecks"


def _ruleset(name: str, count: int = 1, **more: Any) -> Sample:
    review = {"requiredApprovingReviewCount": count, "requireCodeOwnerReview": True, **more.pop("review", {})}
    checks = [{"context": "test", **more.pop("check", {})}]
    return Sample(
        github.RULESET,
        {
            "repository": "app",
            "name": name,
            "target": "branch",
            "enforcement": "active",
            "conditions": {"refName": {"includes": [more.pop("ref", "refs/heads/main")], "excludes": []}},
            "rules": {"pullRequest": review, "requiredStatusChecks": {"requiredChecks": checks}},
            **more,
        },
        name,
    )


@rule(
    id="github-rulesets-agree",
    clause="REV-1",
    title="Rulesets of one branch do not contradict each other",
    severity="medium",
    types=(github.RULESET,),
    scope="stack",
    fix="the same value in both rulesets, or the setting in one of them only",
    sources=(
        "https://docs.github.com/repositories/configuring-branches-and-merges-in-your-repository/managing-rulesets/about-rulesets#about-rule-layering",
    ),
    good=(
        (_ruleset("protect-main"), _ruleset("deployers-main")),
        (_ruleset("protect-main"), _ruleset("releases", 2, ref="refs/heads/release")),
        (_ruleset("protect-main"), _ruleset("elsewhere", 2, repository="other")),
        (
            _ruleset("a", review={"allowedMergeMethods": ["squash", "merge"]}),
            _ruleset("b", review={"allowedMergeMethods": ["squash"]}),
        ),
    ),
    bad=(
        (_ruleset("protect-main"), _ruleset("deployers-main", 2)),
        (_ruleset("protect-main"), _ruleset("deployers-main", review={"requireCodeOwnerReview": False})),
        (_ruleset("protect-main"), _ruleset("deployers-main", enforcement="evaluate")),
        (
            _ruleset("a", review={"allowedMergeMethods": ["squash"]}),
            _ruleset("b", review={"allowedMergeMethods": ["rebase"]}),
        ),
        (_ruleset("a", check={"integrationId": 15368}), _ruleset("b", check={"integrationId": 1})),
        (_ruleset("protect-main"), _ruleset("everything", 3, ref="~ALL")),
    ),
    not_applicable=((_ruleset("protect-main"),),),
)
def rulesets_agree(graph: Graph) -> Iterator[Finding]:
    """GitHub takes the strictest of both, so a looser one is not what it says; and two that leave no way to merge, or
    ask two different apps for one check, stop every change. The message names both."""
    rulesets = [r for r in graph.of(github.RULESET) if github.about_branches(r)]
    if len(rulesets) < 2:
        yield skip("the stack has no two rulesets for branches")
        return
    for index, one in enumerate(rulesets):
        for other in rulesets[index + 1 :]:
            repository, branch = _same_repository(one, other), _shared(one, other)
            if repository is False or branch is False:
                continue
            found = list(_differences(one, other, branch or "a branch that is not known yet"))
            if repository and branch:
                yield from found
            elif found:
                yield unsure(other, "repository" if branch else _BRANCHES)


def _same_repository(one: Resource, other: Resource) -> bool | None:
    """Whether both are about one repository; None where that is not known yet."""
    if github.same_repository(one, other):
        return True
    return None if any(github.repository_keys(r)[1] for r in (one, other)) else False


def _shared(one: Resource, other: Resource) -> str | Literal[False] | None:
    """A branch that both cover; None where that is not known yet."""
    includes, excludes = f"{_BRANCHES}.includes", f"{_BRANCHES}.excludes"
    if not all(r.known(path) for r in (one, other) for path in (includes, excludes)):
        return None
    patterns = [pattern for r in (one, other) for pattern in r.items(includes)]
    excepted = any(UNKNOWN in r.items(excludes) for r in (one, other))
    unknown = UNKNOWN in patterns
    for name in [p for p in patterns if isinstance(p, str)]:
        branch = None if name.startswith("~") else name.removeprefix("refs/heads/")
        if all(github.covers_branch(r, branch, None) for r in (one, other)):
            if not excepted:
                return branch or "the default branch"
            unknown = True
    return None if unknown else False


def _differences(one: Resource, other: Resource, branch: str) -> Iterator[Finding]:
    names = f"{_named(one)} and {_named(other)} disagree about {branch}"
    for path in _COMPARED:
        first, second = one.raw(path), other.raw(path)
        if UNKNOWN in (first, second):
            yield unsure(other, path)
        elif first is not None and second is not None and _plain(first) != _plain(second):
            yield fail(other, path, f"is {other.show(path)}, and {one.show(path)} in the other: {names}")
    methods = [{m if m is UNKNOWN else str(m).lower() for m in r.items(_MERGE)} for r in (one, other)]
    if all(methods) and not (methods[0] & methods[1]) - {UNKNOWN} and any(UNKNOWN in m for m in methods):
        yield unsure(other, _MERGE)
    elif all(methods) and not methods[0] & methods[1]:
        yield fail(other, _MERGE, f"has none in common with the other, so that nothing can be merged: {names}")
    apps = [_apps(r) for r in (one, other)]
    for context in sorted(apps[0].keys() & apps[1].keys()):
        if apps[0][context] != apps[1][context]:
            yield fail(other, _CHECKS, f"asks another app for the check {context}: {names}")


def _plain(value: Any) -> Any:
    text = str(value).lower()
    return float(text) if text.replace(".", "", 1).isdigit() else text


def _apps(ruleset: Resource) -> Mapping[str, float]:
    """Check to the number of the app that has to report it; a check of any app is left out."""
    found: dict[str, float] = {}
    for view in ruleset.views(_CHECKS):
        app = view.number("integrationId")
        if app and (context := view.text("context")):
            found[context] = app
    return found


def _named(ruleset: Resource) -> str:
    return str(ruleset.output("name") or ruleset.name)
