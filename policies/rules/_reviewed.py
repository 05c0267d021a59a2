"""Which accounts only reviewed code becomes: the graph proves it, from the account to the branch's protection."""

from __future__ import annotations

import re
from typing import Final

from policies.graph import Graph
from policies.iam import Grant, parts
from policies.model import UNKNOWN, Resource, gcp
from policies.rules._cel import alternatives
from policies.rules._github import PROTECTIONS, review_blocks
from policies.rules._grants import member_lost, role_lost
from policies.rules.federation import PROVIDER, exact, is_github
from policies.rules.federation_trust import guards

ACCOUNT: Final = gcp("serviceaccount/account")
POOL: Final = gcp("iam/workloadIdentityPool")
_ON_ACCOUNT: Final = tuple(gcp(f"serviceaccount/iAM{shape}") for shape in ("Member", "Binding", "Policy"))
_LENT: Final = "roles/iam.workloadidentityuser"
_ID: Final = "workloadIdentityPoolId"
_EXCLUDES: Final = "conditions.refName.excludes"
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


def nameless(account: Resource) -> bool:
    """Whether its address is not known yet, so that any address may be its."""
    return len(names_of(account)) == 1


def of_member(grant: Grant) -> frozenset[str]:
    """What the member of a grant is called there, in small letters; the sources of one that is not known yet."""
    return frozenset({grant.member.lower()} if grant.member else {urn.lower() for urn in grant.sources})


def lent(graph: Graph) -> dict[str, list[tuple[Grant, bool]]]:
    """For each account of the stack (by URN) the grants on it, to whomever, and whether it is certain that they are."""
    found: dict[str, list[tuple[Grant, bool]]] = {account.urn: [] for account in graph.of(ACCOUNT)}
    for resource in graph.of(*_ON_ACCOUNT):
        urns, certain = _about(resource, graph)
        for urn in urns:
            found[urn] += [(grant, certain) for grant in parts(resource)]
    return found


def by_name(graph: Graph) -> dict[str, list[Resource]]:
    """The stack's accounts by all that can mean them in a grant."""
    found: dict[str, list[Resource]] = {}
    for account in graph.of(ACCOUNT):
        for name in sorted(names_of(account)):
            found.setdefault(name, []).append(account)
    return found


def _nameless(graph: Graph) -> list[str]:
    return [account.urn for account in graph.of(ACCOUNT) if nameless(account)]


def _about(resource: Resource, graph: Graph) -> tuple[list[str], bool]:
    """The accounts that a grant is on, for certain; where that is not known, all that it may be on."""
    path = "serviceAccountId"
    if sources := graph.sources(resource, path, ACCOUNT):
        return [urn for urn in sources if urn in graph.by_urn], True
    if not resource.known(path):
        return [account.urn for account in graph.of(ACCOUNT)], False
    email = f"serviceaccount:{(resource.text(path) or '').rpartition('/')[2]}".lower()
    if named := graph.once(by_name).get(email):
        return [account.urn for account in named], True
    return graph.once(_nameless), False


def pools_of(grant: Grant, graph: Graph) -> list[str]:
    """The pools whose identities the member means, by id (by URN while that is not known); none where it is something
    else or a whole pool."""
    if grant.member:
        return _NAMED.findall(grant.member) if grant.kind in ("principal", "principalset") else []
    pools = [graph.by_urn[urn] for urn in grant.sources if urn in graph.by_urn and graph.by_urn[urn].type == POOL]
    return [_key(pool) for pool in pools]


def _key(pool: Resource) -> str:
    return str(pool.text(_ID)) if pool.known(_ID) else pool.urn


def providers_of(pool: str, graph: Graph) -> list[Resource]:
    """The providers that let identities into a pool."""
    return graph.once(_by_pool).get(pool, [])


def _by_pool(graph: Graph) -> dict[str, list[Resource]]:
    found: dict[str, list[Resource]] = {}
    for provider in graph.of(PROVIDER):
        for pool in _pools_of_provider(provider, graph):
            found.setdefault(pool, []).append(provider)
    return found


def _pools_of_provider(provider: Resource, graph: Graph) -> list[str]:
    """The pool that a provider is of; none where nobody knows yet."""
    if provider.known(_ID):
        return [(provider.text(_ID) or "").rpartition("/")[2]]
    return [_key(pool) for pool in graph.targets(provider, _ID, POOL)]


def federated(grant: Grant, graph: Graph) -> bool | None:
    """Whether some provider lets identities in that the member means; None where that is not known yet."""
    pools = pools_of(grant, graph)
    if any(providers_of(pool, graph) for pool in pools):
        return True
    return None if member_lost(grant) or (pools and graph.once(_strays)) else False


def _strays(graph: Graph) -> bool:
    """Whether a provider may be of any pool."""
    return any(not _pools_of_provider(p, graph) for p in graph.of(PROVIDER))


def lets_in_reviewed_only(provider: Resource, *, hope: bool = False) -> bool:
    """Whether only jobs of a branch get in that a ruleset of this stack protects, with an approval.

    With `hope`, whether that may still turn out so, as long as something is not known yet.
    """
    return provider.graph is not None and provider.graph.once(_lets_in_reviewed_only, provider.urn, hope)


def _lets_in_reviewed_only(graph: Graph, urn: str, hope: bool) -> bool:
    provider = graph.by_urn[urn]
    if not is_github(provider):
        return False
    if not provider.known("attributeCondition"):
        return hope
    for pins in alternatives(provider.text("attributeCondition") or ""):
        if not (exact(pins, "repository_id") and exact(pins, "repository_owner_id") and exact(pins, "ref")):
            return False
        for ref in pins["ref"]:
            found = guards(provider, graph, ref.removeprefix("refs/heads/"))
            if not any(review_blocks(g) and UNKNOWN not in g.items(_EXCLUDES) for g in found):
                return hope and any(_hidden(p) for p in graph.of(*PROTECTIONS))
    return True


def _hidden(protection: Resource) -> bool:
    """Whether something about the protection is not known yet."""
    return any(value is UNKNOWN for _, value in protection.walk())


def reviewed(graph: Graph) -> frozenset[str]:
    """The accounts that reviewed code alone becomes, by every name of theirs, in small letters."""
    return graph.once(_reviewed)


def _reviewed(graph: Graph) -> frozenset[str]:
    found: set[str] = set()
    for urn, grants in lent(graph).items():
        certain = any(known for _, known in grants)
        if certain and all(_to_reviewed(grant, graph) for grant, _ in grants):
            found |= names_of(graph.by_urn[urn])
    return frozenset(found)


def open_accounts(graph: Graph) -> dict[str, bool]:
    """The accounts (by URN) that code nobody reviewed becomes: for certain, or perhaps, while something is unknown."""
    found: dict[str, bool] = {}
    for urn, grants in lent(graph).items():
        ways = [(grant, known, federated(grant, graph)) for grant, known in grants]
        if urn.lower() in reviewed(graph) or all(way is False for _, _, way in ways):
            continue
        certain = any(known and way for _, known, way in ways)
        found[urn] = certain and not all(_to_reviewed(g, graph, hope=True) for g, known, _ in ways if known)
    return found


def _to_reviewed(grant: Grant, graph: Graph, *, hope: bool = False) -> bool:
    if grant.role.lower() != _LENT and not (hope and role_lost(grant)):
        return False
    if hope and federated(grant, graph) is None:
        return True
    providers = [p for pool in pools_of(grant, graph) for p in providers_of(pool, graph)]
    if not hope and graph.once(_strays):
        return False
    return bool(providers) and all(lets_in_reviewed_only(p, hope=hope) for p in providers)


def behind_review(grant: Grant) -> bool:
    """Whether the member is such an account."""
    graph, member = grant.resource.graph, of_member(grant)
    return graph is not None and bool(member) and member <= reviewed(graph)
