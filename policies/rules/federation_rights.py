"""What an identity may do that unreviewed code becomes: look (CHG-3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from policies.graph import Graph
from policies.iam import Grant, all_parts, plain
from policies.model import UNKNOWN, Resource, gcp
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules import _grants as g
from policies.rules._iam_types import tokens
from policies.rules._reviewed import by_name, nameless, of_member, open_accounts
from policies.rules.federation import PROVIDER

_ACCOUNT: Final = gcp("serviceaccount/account")
_READS: Final = re.compile(r"(viewer|reader|reviewer|browser)$", re.IGNORECASE)
_ALSO: Final = frozenset(
    {
        "roles/serviceusage.serviceusageconsumer",
        "roles/cloudkms.cryptokeydecrypter",
        "roles/secretmanager.viewer",
        "roles/iam.workloadidentityuser",
    }
)
"""Roles that change nothing although their names do not end like those that look. The decrypter opens the secrets of
the state, without which there is no preview."""
_VERBS: Final = frozenset({"get", "list", "getiampolicy", "search", "view", "read", "check", "fetch", "query", "test"})
_SECRET: Final = "roles/secretmanager.secretaccessor"


def looks_only(grant: Grant, graph: Graph) -> bool:
    """Whether the role only reads: by its name, or by the permissions of a custom role of this stack."""
    role = grant.role.lower()
    if role in _ALSO or (_READS.search(role) and role.startswith("roles/")):
        return True
    listed = [p for r in graph.find(grant.role, *g.CUSTOM_ROLES) for p in _listed(r)] if "/roles/" in role else []
    if not role:
        edges = grant.resource.property_dependencies.get("role", ())
        listed = [p for urn in edges if urn in graph.by_urn for p in _listed(graph.by_urn[urn])]
    return bool(listed) and all(p.rpartition(".")[2].lower() in _VERBS for p in listed)


def _listed(role: Resource) -> list[str]:
    value = plain(role.raw("permissions"))
    return [p for p in value if isinstance(p, str)] if isinstance(value, list) else []


def _provider(rest: str) -> Sample:
    condition = f"assertion.repository_owner_id == '1' && assertion.repository_id == '2' && {rest}"
    oidc: dict[str, Any] = {"issuerUri": "https://token.actions.githubusercontent.com"}
    return Sample(PROVIDER, {"workloadIdentityPoolId": "ci", "attributeCondition": condition, "oidc": oidc}, "github")


_POOL = "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/attribute.environment/e"
_MEMBER: Final = "serviceAccount:ci@p.iam.gserviceaccount.com"
_CI: Final = (
    Sample("serviceaccount/account", {"accountId": "ci", "project": "p"}, "ci"),
    Sample(
        "serviceaccount/iAMMember",
        {
            "serviceAccountId": "projects/p/serviceAccounts/ci@p.iam.gserviceaccount.com",
            "role": "roles/iam.workloadIdentityUser",
            "member": _POOL,
        },
        "lend",
    ),
)
_RULESET: Final = Sample(
    "github:index/repositoryRuleset:RepositoryRuleset",
    {
        "repository": "app",
        "target": "branch",
        "enforcement": "active",
        "conditions": {"refName": {"includes": ["refs/heads/main"], "excludes": []}},
        "rules": {"pullRequest": {"requiredApprovingReviewCount": 1}},
    },
    "ruleset",
)
_PREVIEW: Final = _provider("assertion.environment == 'preview'")
_MAIN: Final = _provider("assertion.ref == 'refs/heads/main'")


def _on(role: str, kind: str = "projects/iAMMember", **more: Any) -> Sample:
    return Sample(kind, {"project": "p", "role": role, "member": _MEMBER, **more}, "grant")


@rule(
    id="federation-unreviewed-only-looks",
    clause="CHG-3",
    title="An identity that unreviewed code becomes only looks",
    severity="critical",
    types=(PROVIDER, *tokens()),
    scope="stack",
    fix="a role that reads, or a provider that pins assertion.ref to a branch that a ruleset of this stack protects",
    sources=(
        "https://cloud.google.com/iam/docs/workload-identity-federation-with-deployment-pipelines",
        "https://docs.github.com/actions/reference/security/oidc",
    ),
    traps=(37,),
    good=(
        (_on("roles/compute.viewer"), *_CI, _PREVIEW, _RULESET),
        (_on("roles/run.admin"), *_CI, _MAIN, _RULESET),
    ),
    bad=(
        (_on("roles/run.admin"), *_CI, _PREVIEW, _RULESET),
        (_on("roles/run.admin"), *_CI, _MAIN, _RULESET, Sample(PROVIDER, _PREVIEW.props, "second")),
        (_on("roles/storage.objectUser", "storage/bucketIAMMember", bucket="b"), *_CI, _PREVIEW, _RULESET),
        (_on(_SECRET), *_CI, _provider("assertion.ref == 'refs/heads/develop'"), _RULESET),
    ),
    not_applicable=((_on("roles/run.admin"), *_CI), (_on("roles/run.admin"), *_CI, _PREVIEW)),
)
def unreviewed_only_looks(graph: Graph) -> Iterator[Finding]:
    """A pull request carries code that nobody has looked at yet, and that code runs with the identity of its preview.
    Judged where the stack says both how CI signs in and which branches are protected."""
    if not graph.of(PROVIDER) or not graph.of("github:index/repositoryRuleset:RepositoryRuleset"):
        yield skip("the stack does not say how CI signs in, or which branches are protected")
        return
    accounts = {graph.by_urn[urn]: certain for urn, certain in open_accounts(graph).items()}
    known = graph.once(by_name)
    for grant in all_parts(graph) if accounts else ():
        if looks_only(grant, graph):
            continue
        found = (account for name in sorted(of_member(grant)) for account in known.get(name, ()))
        holders = {account: accounts[account] for account in found if account in accounts}
        sure = [account for account, certain in holders.items() if certain]
        if sure and not _role_hidden(grant, graph):
            what = grant.role or "a custom role that changes things"
            yield fail(grant.resource, grant.path, f"{sure[0].name} holds {what}, and unreviewed code becomes it")
        elif holders or g.member_lost(grant) or _may_be_one_of(grant, accounts, graph):
            yield unsure(grant.resource, grant.path)


def _may_be_one_of(grant: Grant, accounts: Iterable[Resource], graph: Graph) -> bool:
    """Whether the member is an address that nobody in the stack has, while one of the accounts has none yet."""
    strange = grant.kind == "serviceaccount" and not of_member(grant) & graph.once(by_name).keys()
    return strange and bool(grant.member) and any(nameless(account) for account in accounts)


def _role_hidden(grant: Grant, graph: Graph) -> bool:
    """Whether nobody knows yet what the role allows."""
    edges = grant.resource.property_dependencies.get("role", ())
    made = [graph.by_urn[urn] for urn in edges if urn in graph.by_urn]
    if grant.role:
        made = graph.find(grant.role, *g.CUSTOM_ROLES)
    listed = [plain(role.raw("permissions")) for role in made]
    return (not grant.role and not edges) or any(p is UNKNOWN or (isinstance(p, list) and UNKNOWN in p) for p in listed)
