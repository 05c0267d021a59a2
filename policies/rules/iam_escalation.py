"""Privilege escalation over the union of all grants: who can give themselves more, or become someone who can."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from policies.graph import Graph
from policies.iam import BASIC
from policies.model import UNKNOWN
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules import _grants as g
from policies.rules._escalation import Access, Holding
from policies.rules._iam_types import tokens
from policies.rules._permissions import ESCALATING, ROLES_UPDATE
from policies.rules._reviewed import reviewed
from policies.rules.iam_impersonation import impersonates

_DOCS = ("https://cloud.google.com/iam/docs/best-practices-service-accounts#lateral-movement",)
_TYPES: Final = tokens(levels=("project", "folder", "organization", "account"))
_PROJECT = "example-prod-workload"
_TEAM = "group:team@example.com"


def _named(principal: str, access: Access) -> str:
    resource = access.graph.by_urn.get(principal)
    return f"account {resource.name}" if resource else principal


def _deploys(principal: str, access: Access, patterns: tuple[str, ...]) -> bool:
    resource = access.graph.by_urn.get(principal)
    names = [principal] if resource is None else [resource.name, str(resource.output("accountId")).lower()]
    return any(fnmatchcase(name.lower(), pattern.lower()) for name in names for pattern in patterns)


def _told_elsewhere(holding: Holding) -> bool:
    """Whether the rules about single role names already speak about this grant."""
    return holding.wide and (holding.grant.role.lower() in BASIC or impersonates(holding.grant))


def _federated(principal: str, holding: Holding) -> bool:
    """Whether an outside identity uses the account made for it: the federation rules judge how it is pinned."""
    outside = principal.startswith(("principal://", "principalset://")) and not principal.endswith("/*")
    return outside and holding.grant.role.lower() == "roles/iam.workloadidentityuser"


def _on(role: str, member: str, name: str = "grant", **more: Any) -> Sample:
    return Sample("projects/iAMMember", {"project": _PROJECT, "role": role, "member": member, **more}, name)


def _at(account: str, role: str, member: str, name: str = "lend") -> Sample:
    where = f"projects/{_PROJECT}/serviceAccounts/{account}@{_PROJECT}.iam.gserviceaccount.com"
    return Sample("serviceaccount/iAMMember", {"serviceAccountId": where, "role": role, "member": member}, name)


def _account(name: str) -> Sample:
    email = f"{name}@{_PROJECT}.iam.gserviceaccount.com"
    return Sample("serviceaccount/account", {"accountId": name, "project": _PROJECT}, name, outputs={"email": email})


def _member(name: str) -> str:
    return f"serviceAccount:{name}@{_PROJECT}.iam.gserviceaccount.com"


_ONLY = "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly(['roles/run.invoker'])"
_STRONG = (_account("boss"), _on("roles/resourcemanager.projectIamAdmin", _member("boss"), "boss-rules"))
_CHAIN = (_account("app"), _account("mid"), _at("mid", "roles/iam.serviceAccountTokenCreator", _member("app"), "first"))


@rule(
    id="iam-no-escalation",
    clause="ACC-6",
    title="No principal can raise its own rights, alone or by way of accounts it can become",
    severity="critical",
    types=_TYPES,
    scope="stack",
    fix="take one link of the chain away; a deployer that must grant gets a condition on modifiedGrantsByRole",
    sources=_DOCS,
    traps=(20,),
    params={"deployers": ()},
    good=(
        (_on("roles/run.developer", _TEAM), _account("app"), _at("app", "roles/iam.serviceAccountUser", _TEAM)),
        (
            _account("boss"),
            _on(
                "roles/resourcemanager.projectIamAdmin", _member("boss"), condition={"title": "t", "expression": _ONLY}
            ),
        ),
        (
            _account("app"),
            _at(
                "app",
                "roles/iam.workloadIdentityUser",
                "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/attribute.x/1",
            ),
        ),
    ),
    bad=(
        (_on("roles/resourcemanager.projectIamAdmin", _TEAM),),
        (*_STRONG, _at("boss", "roles/iam.serviceAccountTokenCreator", _TEAM)),
        (*_STRONG, _at("boss", "roles/iam.serviceAccountUser", _TEAM), _on("roles/run.developer", _TEAM)),
        (*_STRONG, *_CHAIN, _at("boss", "roles/iam.serviceAccountKeyAdmin", _member("mid"), "second")),
        (
            Sample("projects/iAMCustomRole", {"permissions": ["iam.serviceAccounts.signJwt"]}, "signer"),
            Sample(
                "projects/iAMMember",
                {"project": _PROJECT, "role": UNKNOWN, "member": _TEAM},
                depends={"role": ("signer",)},
            ),
        ),
        (
            _on("roles/iam.roleAdmin", _TEAM),
            _on(f"projects/{_PROJECT}/roles/app", _TEAM, "own"),
        ),
        (_on("roles/orgpolicy.policyAdmin", _member("app")), _account("app")),
    ),
    not_applicable=((g.ACCOUNT,),),
)
def no_escalation(graph: Graph, params: Mapping[str, Any]) -> Iterator[Finding]:
    """Single role names do not show it: rights on the organization, a folder, a project and an account add up, and an
    account that somebody can become adds its own. Followed are tokens, keys, signatures, delegation, starting things as
    an account, setting policies, and changing a role that one holds; custom roles by their permissions.

    An account that this stack proves to be behind review (federation, protected branch, approval) may grant;
    `deployers` names further ones (patterns over name or address) whose purpose it is.
    """
    access = Access(graph)
    yield from (unsure(resource, path) for resource, path in access.open)
    if not access.holdings:
        yield skip("the stack grants nothing on projects, folders, organizations or accounts")
        return
    deployers = tuple(str(p) for p in params["deployers"])
    strong = {p: found for p in access.holdings if (found := access.rules(p))}
    for principal in access.holdings:
        if _deploys(principal, access, deployers) or principal.lower() in reviewed(graph):
            continue
        if principal in strong:
            holding, permission = strong[principal]
            if not _told_elsewhere(holding):
                yield _finding(holding, f"{_named(principal, access)} holds {permission}, which {_leads(permission)}")
            continue
        yield from _by_way_of(principal, access, strong)


def _by_way_of(principal: str, access: Access, strong: Mapping[str, tuple[Holding, str]]) -> Iterator[Finding]:
    seen = {principal}
    waiting: list[tuple[str, tuple[str, ...], Holding | None]] = [(principal, (), None)]
    while waiting:
        current, way, first = waiting.pop(0)
        for account in access.accounts:
            if account in seen:
                continue
            link = access.becomes(current, account)
            if link is None or _told_elsewhere(link) or _federated(current, link):
                continue
            seen.add(account)
            start, path = first or link, (*way, _named(account, access))
            if account in strong:
                permission = strong[account][1]
                chain = ", then ".join(path)
                who = _named(principal, access)
                yield _finding(start, f"{who} can become {chain}, which holds {permission} and {_leads(permission)}")
            waiting.append((account, path, start))


def _leads(permission: str) -> str:
    words = "adds permissions to the role it holds" if permission == ROLES_UPDATE else ESCALATING[permission]
    return words.replace("its holder", "it")


def _finding(holding: Holding, message: str) -> Finding:
    return fail(holding.grant.resource, holding.grant.path, message)
