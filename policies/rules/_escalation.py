"""Who can raise their rights or become whom, over all grants of a stack."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from policies.graph import Graph, type_of
from policies.iam import Grant, all_parts, hidden_policies, plain
from policies.model import UNKNOWN, Resource, gcp
from policies.rules._grants import CUSTOM_ROLES, is_custom, role_lost
from policies.rules._permissions import ACT_AS, BECOME, DEPLOY, EVERYTHING, ROLES, ROLES_UPDATE, RULE, SET_POLICY

_ACCOUNT: Final = gcp("serviceaccount/account")
_LIMITED = re.compile(r"modifiedGrantsByRole.*hasOnly\s*\(\s*\[(.*?)\]", re.DOTALL)


def act_as(permissions: Collection[str]) -> bool:
    """Whether the permissions let their holder start things as an account."""
    return ACT_AS in permissions


def limited(grant: Grant) -> bool:
    """Whether a condition limits which roles the grant lets its holder give away, to roles that do not escalate.

    A condition that is not known yet may do so; `Access.open` tells of it.
    """
    if grant.condition == "":
        return True
    match = _LIMITED.search(grant.condition or "")
    if match is None:
        return False
    return not any(ROLES.get(role.strip(" '\"").lower()) for role in match[1].split(","))


@dataclass(frozen=True, slots=True)
class Holding:
    """Permissions that a principal holds on an account ("" as project), on a project, or everywhere ("*")."""

    grant: Grant
    permissions: frozenset[str]
    account: str | None
    project: str | None

    @property
    def wide(self) -> bool:
        """Whether it reaches beyond one account."""
        return self.account is None


class Access:
    """All grants of a stack, read for escalation. Principals and accounts are URNs where the graph has them."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.holdings: dict[str, list[Holding]] = {}
        self.custom: dict[str, list[Grant]] = {}
        self.open: list[tuple[Resource, str]] = []
        """What is not known yet, comes from nowhere and could complete a chain."""
        for grant in all_parts(graph):
            if grant.level in ("resource", "billing"):
                continue
            self._note_open(grant)
            permissions = self._permissions(grant)
            for principal in self._principals(grant):
                for account, project in self._scopes(grant):
                    holding = Holding(grant, permissions, account, project)
                    self.holdings.setdefault(principal, []).append(holding)
                if grant.role.startswith(("projects/", "organizations/")) or self._role_resources(grant):
                    self.custom.setdefault(principal, []).append(grant)
        self.open += [(resource, "policyData") for resource in hidden_policies(graph)]
        self._spread_groups()

    def _note_open(self, grant: Grant) -> None:
        if role_lost(grant) and not is_custom(grant):
            self.open.append((grant.resource, "role" if grant.resource.has("role") else grant.path))
        if not grant.member and grant.unknown and not grant.sources:
            self.open.append((grant.resource, grant.path))
        if grant.condition == "" and self._named(grant) & SET_POLICY:
            self.open.append((grant.resource, "condition"))
        target = "serviceAccountId"
        if not grant.resource.known(target) and not self.graph.sources(grant.resource, target):
            self.open.append((grant.resource, target))
        for role in self._role_resources(grant):
            if UNKNOWN in (listed := plain(role.raw("permissions")), *(listed if isinstance(listed, list) else ())):
                self.open.append((role, "permissions"))

    def _role_resources(self, grant: Grant) -> list[Resource]:
        if grant.role:
            return self.graph.find(grant.role, *CUSTOM_ROLES) if "/roles/" in grant.role else []
        edges = grant.resource.property_dependencies.get("role", ())
        return [self.graph.by_urn[u] for u in edges if type_of(u) in CUSTOM_ROLES and u in self.graph.by_urn]

    def _permissions(self, grant: Grant) -> frozenset[str]:
        named = self._named(grant)
        return named - SET_POLICY if limited(grant) else named

    def _named(self, grant: Grant) -> frozenset[str]:
        """The escalating permissions of the role, whatever condition stands beside it."""
        named = ROLES.get(grant.role.lower())
        if named is None:
            listed = [p for role in self._role_resources(grant) for p in _listed(role)]
            named = EVERYTHING if "*" in listed else EVERYTHING & frozenset(listed)
        return named

    def _principals(self, grant: Grant) -> Iterator[str]:
        if grant.member:
            email = grant.member.partition(":")[2] or grant.member
            found = self.graph.find(email, _ACCOUNT) if grant.kind == "serviceaccount" else []
            yield found[0].urn if found else grant.member.lower()
        for urn in grant.sources:
            if type_of(urn) == _ACCOUNT:
                yield urn
            elif urn in self.graph.by_urn and type_of(urn) == gcp("cloudidentity/group"):
                yield f"group:{self.graph.by_urn[urn].output('groupKey.id') or urn}".lower()

    def _scopes(self, grant: Grant) -> list[tuple[str | None, str | None]]:
        if grant.level in ("organization", "folder"):
            return [(None, "*")]
        if grant.level == "project":
            return [(None, self._project(grant.resource))]
        accounts = self.graph.sources(grant.resource, "serviceAccountId", _ACCOUNT)
        if not accounts:
            text = grant.resource.output("serviceAccountId")
            email = str(text or "?").rpartition("/")[2]
            found = self.graph.find(email, _ACCOUNT)
            accounts = [found[0].urn if found else f"serviceaccount:{email}".lower()]
        return [(account, "") for account in accounts]

    def _project(self, resource: Resource) -> str | None:
        found = self.graph.project_of(resource)
        if found is None:
            for project in self.graph.targets(resource, "project", gcp("organizations/project")):
                found = project.output("projectId")
        return found.removeprefix("projects/") if isinstance(found, str) else None

    def _spread_groups(self) -> None:
        for membership in self.graph.of(gcp("cloudidentity/groupMembership")):
            member = membership.output("preferredMemberKey.id") or membership.output("memberKey.id")
            for group in self.graph.targets(membership, "group", gcp("cloudidentity/group")):
                name = f"group:{group.output('groupKey.id')}".lower()
                found = self.graph.find(str(member), _ACCOUNT)
                if found and name in self.holdings:
                    self.holdings.setdefault(found[0].urn, []).extend(self.holdings[name])

    @cached_property
    def accounts(self) -> dict[str, str | None]:
        """Accounts with the project they lie in (None where it is not known)."""
        known = {a.urn: self._project(a) for a in self.graph.of(_ACCOUNT)}
        for name in [*self.holdings, *(h.account for hs in self.holdings.values() for h in hs if h.account)]:
            match = re.fullmatch(r"serviceaccount:[^@]+@([^.]+)\.iam\.gserviceaccount\.com", name)
            if match:
                known.setdefault(name, match[1])
        return known

    @cached_property
    def _at_home(self) -> dict[str | None, list[str]]:
        """The accounts by the project they lie in."""
        found: dict[str | None, list[str]] = {}
        for account, home in self.accounts.items():
            found.setdefault(home, []).append(account)
        return found

    def covered(self, holding: Holding) -> Iterable[str]:
        """The accounts that what is held covers; a project that is not known may be any."""
        if holding.account is not None:
            return (holding.account,) if holding.account in self.accounts else ()
        if holding.project in ("*", None):
            return self.accounts
        return (*self._at_home.get(holding.project, ()), *self._at_home.get(None, ()))

    def becomes(self, principal: str, passes: Callable[[Holding], bool]) -> dict[str, Holding]:
        """The accounts that the principal can become, each with what lets it: a token, a key, or starting something as
        the account. Holdings that do not pass are left out."""
        held = self.holdings.get(principal, [])
        starts = any(h.permissions & DEPLOY and h.wide for h in held)
        ways = [h for h in held if h.permissions & BECOME]
        ways += [h for h in held if starts and act_as(h.permissions)]
        found: dict[str, Holding] = {}
        for holding in ways:
            if passes(holding):
                for account in self.covered(holding):
                    found.setdefault(account, holding)
        found.pop(principal, None)
        return found

    def rules(self, principal: str) -> tuple[Holding, str] | None:
        """What lets the principal decide about rights above single accounts, and the permission that does."""
        for holding in self.holdings.get(principal, []):
            if holding.wide and (found := sorted(holding.permissions & RULE)):
                return holding, found[0]
            if holding.wide and ROLES_UPDATE in holding.permissions and self.custom.get(principal):
                return holding, ROLES_UPDATE
            if holding.wide and (found := sorted(holding.permissions & BECOME)):
                return holding, found[0]
        return None


def _listed(role: Resource) -> list[str]:
    value = plain(role.raw("permissions"))
    return [p for p in value if isinstance(p, str)] if isinstance(value, list) else []
