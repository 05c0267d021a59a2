"""Which accounts only reviewed code becomes: the graph proves it, from the account to the branch's protection."""

from __future__ import annotations

import re
from typing import Final

from policies.graph import Graph
from policies.iam import Grant, parts
from policies.model import Resource, gcp
from policies.rules._cel import alternatives
from policies.rules._github import review_blocks
from policies.rules.federation import PROVIDER, exact, is_github
from policies.rules.federation_trust import guards

ACCOUNT: Final = gcp("serviceaccount/account")
POOL: Final = gcp("iam/workloadIdentityPool")
_ON_ACCOUNT: Final = tuple(gcp(f"serviceaccount/iAM{shape}") for shape in ("Member", "Binding", "Policy"))
_LENT: Final = "roles/iam.workloadidentityuser"
_NAMED = re.compile(r"/workloadIdentityPools/([^/]+)/(?!\*)", re.IGNORECASE)


def names_of(account: Resource) -> frozenset[str]:
    """All that can mean the account in a grant, in small letters: its URN, and its address once that follows."""
    graph = account.graph
    project = graph.project_of(account) if graph else None
    found = {account.urn.lower()}
    if account.known("accountId") and project:
        found.add(f"serviceaccount:{account.text('accountId')}@{project}.iam.gserviceaccount.com".lower())
    if isinstance(email := account.output("email"), str):
        found.add(f"serviceaccount:{email}".lower())
    return frozenset(found)


def of_member(grant: Grant) -> frozenset[str]:
    """What the member of a grant is called there, in small letters; the sources of one that is not known yet."""
    return frozenset({grant.member.lower()} if grant.member else {urn.lower() for urn in grant.sources})


def lent(graph: Graph) -> dict[str, list[Grant]]:
    """For each account of the stack (by URN) the grants on it, to whomever."""
    accounts = {account.urn: names_of(account) for account in graph.of(ACCOUNT)}
    found: dict[str, list[Grant]] = {urn: [] for urn in accounts}
    for resource in graph.of(*_ON_ACCOUNT):
        for urn in _about(resource, accounts):
            found[urn] += parts(resource)
    return found


def _about(resource: Resource, accounts: dict[str, frozenset[str]]) -> list[str]:
    """The accounts that a grant is on; all of them where that is not known."""
    graph, path = resource.graph, "serviceAccountId"
    if graph and (sources := graph.sources(resource, path, ACCOUNT)):
        return [urn for urn in sources if urn in accounts]
    if not resource.known(path):
        return list(accounts)
    email = f"serviceaccount:{(resource.text(path) or '').rpartition('/')[2]}".lower()
    return [urn for urn, names in accounts.items() if email in names]


def pools_of(grant: Grant, graph: Graph) -> list[str]:
    """The ids of the pools whose identities the member means; none where it is something else or a whole pool."""
    if grant.member:
        return _NAMED.findall(grant.member) if grant.kind in ("principal", "principalset") else []
    pools = [graph.by_urn[urn] for urn in grant.sources if urn in graph.by_urn and graph.by_urn[urn].type == POOL]
    return [str(pool.text("workloadIdentityPoolId")) for pool in pools if pool.known("workloadIdentityPoolId")]


def providers_of(pool: str, graph: Graph) -> list[Resource]:
    """The providers that let identities into a pool."""
    path = "workloadIdentityPoolId"
    return [p for p in graph.of(PROVIDER) if p.known(path) and (p.text(path) or "").rpartition("/")[2] == pool]


def lets_in_reviewed_only(provider: Resource) -> bool:
    """Whether only jobs of a branch get in that a ruleset of this stack protects, with an approval."""
    graph = provider.graph
    if graph is None or not is_github(provider) or not provider.known("attributeCondition"):
        return False
    for pins in alternatives(provider.text("attributeCondition") or ""):
        if not (exact(pins, "repository_id") and exact(pins, "repository_owner_id") and exact(pins, "ref")):
            return False
        for ref in pins["ref"]:
            if not any(review_blocks(g) for g in guards(provider, graph, ref.removeprefix("refs/heads/"))):
                return False
    return True


def reviewed(graph: Graph) -> frozenset[str]:
    """The accounts that reviewed code alone becomes, by every name of theirs, in small letters."""
    return graph.once(_reviewed)


def _reviewed(graph: Graph) -> frozenset[str]:
    found: set[str] = set()
    for urn, grants in lent(graph).items():
        if grants and all(_to_reviewed(grant, graph) for grant in grants):
            found |= names_of(graph.by_urn[urn])
    return frozenset(found)


def _to_reviewed(grant: Grant, graph: Graph) -> bool:
    pools = pools_of(grant, graph) if grant.role.lower() == _LENT else []
    providers = [p for pool in pools for p in providers_of(pool, graph)]
    return bool(providers) and all(lets_in_reviewed_only(p) for p in providers)


def behind_review(grant: Grant) -> bool:
    """Whether the member is such an account."""
    graph, member = grant.resource.graph, of_member(grant)
    return graph is not None and bool(member) and member <= reviewed(graph)
