"""The bootstrap stack as its program registers it, weakened in one place: each variant fails by the right clause."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from policies.graph import Graph
from policies.judge import Judge
from policies.model import Resource, decode, gcp
from policies.pack import rules
from tests.policies.examples import with_value
from tests.recording import Recorded, record_bootstrap

STATE = ("storage/bucket", "state")
RULESET = ("github:index/repositoryRuleset:RepositoryRuleset", "deployers-main")
POOL_PROVIDER = "iam/workloadIdentityPoolProvider"
MEMBER = "projects/iAMMember"
Parts = tuple[Recorded, ...]


@pytest.fixture(scope="module", params=[False, True], ids=["applied", "first preview"])
def parts(request: pytest.FixtureRequest) -> Parts:
    """What the program registers, after the first `up` and before it."""
    return record_bootstrap(preview=request.param).resources


def failed(parts: Parts, *only: str) -> set[str]:
    """Clause, rule and outcome of everything mandatory that does not pass, waivers aside."""
    resources = [
        Resource(
            data=decode(p.inputs),
            outputs=decode(p.outputs),
            urn=p.urn,
            type=p.type,
            name=p.name,
            custom=p.custom,
            protect=p.protect,
            parent=p.parent or None,
            provider=p.provider or None,
            ignore_changes=p.ignore_changes,
            dependencies=p.dependencies,
            property_dependencies=p.property_dependencies,
        )
        for p in parts
    ]
    asked = [rule for name, rule in rules().items() if not only or name in only]
    judge = Judge(asked, today=dt.date(2027, 1, 15))
    results = judge.judge_graph(Graph(resources))
    bad = [r for r in results if r.outcome in ("fail", "undetermined") and r.rule.level == "mandatory"]
    return {f"{r.rule.clause} {r.rule.id} {r.outcome}" for r in bad}


def put(where: tuple[str, str], path: str, value: Any) -> Callable[[Parts], Parts]:
    """One property of one resource is another, or gone."""

    def change(parts: Parts) -> Parts:
        kind = where[0] if where[0].count(":") == 2 else gcp(where[0])
        hit = [p for p in parts if p.type == kind and p.name == where[1]]
        assert len(hit) == 1, where
        new = replace(
            hit[0],
            inputs=with_value(hit[0].inputs, path, value),
            outputs=with_value(hit[0].outputs, path, value),
        )
        return tuple(new if p is hit[0] else p for p in parts)

    return change


def option(where: tuple[str, str], **options: Any) -> Callable[[Parts], Parts]:
    """An option of one resource."""
    return lambda parts: tuple(
        replace(p, **options) if (p.type, p.name) == (gcp(where[0]), where[1]) else p for p in parts
    )


def without(kind: str, name: str = "") -> Callable[[Parts], Parts]:
    """Resources of a type are gone."""
    token = kind if kind.count(":") == 2 else gcp(kind)
    return lambda parts: tuple(p for p in parts if not (p.type == token and (not name or p.name == name)))


def more(kind: str, like: tuple[str, str], **inputs: Any) -> Callable[[Parts], Parts]:
    """One more resource, in other respects like one that is there."""

    def change(parts: Parts) -> Parts:
        model = next(p for p in parts if p.type == gcp(like[0]) and p.name == like[1])
        token = kind if kind.count(":") == 2 else gcp(kind)
        merged = {**model.inputs, **inputs}
        new = replace(model, type=token, name="more", urn=f"{model.urn}-more", inputs=merged, outputs=merged)
        return (*parts, new)

    return change


PREVIEW_GRANT = (MEMBER, "ci-preview-workload-run.viewer")
IDS = 'assertion.repository_owner_id == "1000001" && assertion.repository_id == "284705316"'

WEAKENED: dict[str, tuple[str, str, Callable[[Parts], Parts]]] = {
    "the state keeps no versions": ("CHG-1", "state-versioned", put(STATE, "versioning.enabled", False)),
    "nobody says whether versions are kept": ("CHG-1", "state-versioned", put(STATE, "versioning", None)),
    "the state is encrypted with Google's key": ("CHG-1", "state-own-key", put(STATE, "encryption", None)),
    "old states are deleted while in use": (
        "CHG-1",
        "state-newest-stays",
        put(STATE, "lifecycleRules", [{"action": {"type": "Delete"}, "condition": {"age": 365}}]),
    ),
    "earlier states stay for a day": (
        "CHG-1",
        "state-history-kept",
        put(STATE, "lifecycleRules[0].condition.daysSinceNoncurrentTime", 1),
    ),
    "a retention stops the engine": (
        "CHG-1",
        "state-writable",
        put(STATE, "retentionPolicy", {"retentionPeriod": "864000", "isLocked": True}),
    ),
    "there is no state bucket": ("CHG-1", "state-present", without("storage/bucket", "state")),
    "a passphrase instead of a key": ("CHG-1", "state-secrets-own-key", without("kms/cryptoKeyIAMMember")),
    "the state may become public": (
        "ACC-3",
        "storage-public-access-prevented",
        put(STATE, "publicAccessPrevention", "inherited"),
    ),
    "deleted states do not come back": (
        "BAK-8",
        "storage-soft-delete",
        put(STATE, "softDeletePolicy.retentionDurationSeconds", 0),
    ),
    "nobody sees who reads the state": ("LOG-8", "storage-access-logged", put(STATE, "logging", None)),
    "the state can be deleted with its stack": ("CHG-5", "pulumi-stateful-protected", option(STATE, protect=False)),
    "weaker versions are ignored": (
        "CHG-5",
        "pulumi-ignores-no-security-field",
        option(STATE, ignore_changes=("versioning",)),
    ),
    "a project has the default network": (
        "HOS-1",
        "project-no-default-network",
        put(("organizations/project", "workload"), "autoCreateNetwork", True),
    ),
    "pull requests write the state": (
        "CHG-3",
        "state-written-by-reviewed-code",
        put(("storage/bucketIAMMember", "state-preview"), "role", "roles/storage.objectAdmin"),
    ),
    "pull requests deploy services": (
        "CHG-3",
        "federation-unreviewed-only-looks",
        put(PREVIEW_GRANT, "role", "roles/run.developer"),
    ),
    "pull requests read secrets": (
        "CHG-3",
        "federation-unreviewed-only-looks",
        put(PREVIEW_GRANT, "role", "roles/secretmanager.secretAccessor"),
    ),
    "every branch becomes the deployer": (
        "CHG-3",
        "federation-unreviewed-only-looks",
        put((POOL_PROVIDER, "github-deploy"), "attributeCondition", f'{IDS} && assertion.environment == "production"'),
    ),
    "the deployer trusts another branch": (
        "REV-2",
        "federation-trusts-protected-branch",
        put((POOL_PROVIDER, "github-deploy"), "attributeCondition", f'{IDS} && assertion.ref == "refs/heads/develop"'),
    ),
    "the deployer trusts an environment that nobody declared": (
        "REV-2",
        "federation-trusts-known-environment",
        put((POOL_PROVIDER, "github-deploy"), "attributeCondition", f'{IDS} && assertion.environment == "live"'),
    ),
    "anybody's repository deploys": (
        "CIN-1",
        "federation-condition",
        put((POOL_PROVIDER, "github-deploy"), "attributeCondition", "true"),
    ),
    "the repository is trusted by name": (
        "CIN-1",
        "federation-github-ids",
        put(
            (POOL_PROVIDER, "github-drift"),
            "attributeCondition",
            'assertion.repository == "example-org/secure-hosting" && assertion.ref == "refs/heads/main"',
        ),
    ),
    "somebody else becomes the deployer too": (
        "ACC-6",
        "iam-no-impersonation-project",
        more(
            "serviceaccount/iAMMember",
            ("serviceaccount/iAMMember", "github-deploy"),
            role="roles/iam.serviceAccountTokenCreator",
            member="group:team@example.com",
        ),
    ),
    "the branch is not protected": ("REV-1", "github-ruleset-active", put(RULESET, "enforcement", "evaluate")),
    "the deployer's branch is not protected": (
        "REV-2",
        "federation-trusts-protected-branch",
        put(RULESET, "enforcement", "disabled"),
    ),
    "no approval is asked for": (
        "REV-1",
        "github-approval-required",
        put(RULESET, "rules.pullRequest.requiredApprovingReviewCount", 0),
    ),
    "administrators go around the rules": (
        "REV-1",
        "github-no-bypass",
        put(RULESET, "bypassActors", [{"actorType": "RepositoryRole", "actorId": 5, "bypassMode": "always"}]),
    ),
    "production is released by nobody": (
        "REV-3",
        "github-environment-reviewed",
        put(("github:index/repositoryEnvironment:RepositoryEnvironment", "deployers-production"), "reviewers", []),
    ),
    "whoever starts a deployment releases it": (
        "REV-3",
        "github-environment-no-self-review",
        put(
            ("github:index/repositoryEnvironment:RepositoryEnvironment", "deployers-production"),
            "preventSelfReview",
            False,
        ),
    ),
    "checks may be red": ("CIN-4", "github-checks-required", put(RULESET, "rules.requiredStatusChecks", None)),
    "the deployer opens and administers the same keys": (
        "ENC-6",
        "kms-duties-separated",
        put((MEMBER, "ci-deploy-keys-cloudkms.admin"), "project", "example-prod-delivery"),
    ),
    "a database hides in the bootstrap stack": (
        "CHG-7",
        "bootstrap-stands-alone",
        more("sql/databaseInstance", STATE, name="orders"),
    ),
    "the budget tells nobody": (
        "MON-4",
        "budget-warns",
        put(("billing/budget", "costs"), "allUpdatesRule", {"disableDefaultIamRecipients": True}),
    ),
}


def test_the_bootstrap_stack_is_clean(parts: Parts) -> None:
    """Nothing fails, and nothing is left open before the first `up`."""
    assert failed(parts) == set()


@pytest.mark.parametrize("case", WEAKENED)
def test_a_weakened_bootstrap_fails_by_the_right_clause(case: str, parts: Parts) -> None:
    """By the rule that is about the control; `test_the_bootstrap_stack_is_clean` shows that it passes otherwise."""
    clause, rule, change = WEAKENED[case]
    assert failed(change(parts), rule) == {f"{clause} {rule} fail"}
