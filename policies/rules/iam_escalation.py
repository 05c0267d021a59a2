"""Privilege escalation over the union of all grants: who can give themselves more, or become someone who can."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, Final, NamedTuple

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
    ways = {p: access.becomes(p, partial(_links, p)) for p in access.holdings}
    steps = _steps_to(strong, ways)
    for principal in access.holdings:
        if _deploys(principal, access, deployers) or principal.lower() in reviewed(graph):
            continue
        if principal in strong:
            holding, permission = strong[principal]
            if not _told_elsewhere(holding):
                yield _finding(holding, f"{_named(principal, access)} holds {permission}, which {_leads(permission)}")
            continue
        for account, link in ways[principal].items():
            if account in steps and not _leads_back(account, principal, steps):
                permission = strong[steps[account].end][1]
                way = ", then ".join(_named(one, access) for one in _chain(account, steps))
                who = _named(principal, access)
                yield _finding(link, f"{who} can become {way}, which holds {permission} and {_leads(permission)}")


def _links(principal: str, holding: Holding) -> bool:
    return not _told_elsewhere(holding) and not _federated(principal, holding)


class _Step(NamedTuple):
    """How somebody becomes somebody strong: in how many steps, whom first ("" if strong already), and who is strong."""

    length: int
    first: str
    end: str


def _steps_to(strong: Iterable[str], ways: Mapping[str, Mapping[str, Holding]]) -> dict[str, _Step]:
    """The shortest way to somebody strong, of everybody who has one."""
    back: dict[str, list[str]] = {}
    for principal, accounts in ways.items():
        for account in accounts:
            back.setdefault(account, []).append(principal)
    steps = {principal: _Step(0, "", principal) for principal in strong}
    waiting = deque(steps)
    while waiting:
        current = waiting.popleft()
        for principal in back.get(current, ()):
            if principal not in steps:
                steps[principal] = _Step(steps[current].length + 1, current, steps[current].end)
                waiting.append(principal)
    return steps


def _leads_back(account: str, principal: str, steps: Mapping[str, _Step]) -> bool:
    """Whether the shortest way from the account goes over the principal itself: then it is no way of its own."""
    while account and steps[account].length > steps[principal].length:
        account = steps[account].first
    return account == principal


_SHOWN: Final = 5


def _chain(account: str, steps: Mapping[str, _Step]) -> list[str]:
    """The way from the account to somebody strong, itself included: its first steps, and its end."""
    chain = [account]
    while steps[chain[-1]].first and len(chain) < _SHOWN:
        chain.append(steps[chain[-1]].first)
    return chain if chain[-1] == steps[account].end else [*chain, steps[account].end]


def _leads(permission: str) -> str:
    words = "adds permissions to the role it holds" if permission == ROLES_UPDATE else ESCALATING[permission]
    return words.replace("its holder", "it")


def _finding(holding: Holding, message: str) -> Finding:
    return fail(holding.grant.resource, holding.grant.path, message)
