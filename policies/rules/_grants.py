"""Reading grants in rules: what is known is judged, what is not known is judged by where it comes from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from policies.graph import type_of
from policies.iam import Grant, parts
from policies.model import Resource, UnknownValue, gcp
from policies.rule import Sample

CUSTOM_ROLES: Final = (gcp("projects/iAMCustomRole"), gcp("organizations/iAMCustomRole"))
EXAMPLE_ACCOUNT: Final = "serviceAccount:app@example-prod-workload.iam.gserviceaccount.com"
ACCOUNT: Final = Sample("serviceaccount/account", {"accountId": "app", "project": "example-prod-workload"}, "account")
CUSTOM_ROLE: Final = Sample(
    "projects/iAMCustomRole", {"roleId": "app", "title": "App", "permissions": ["run.routes.invoke"]}, "role"
)


def is_custom(grant: Grant) -> bool:
    """Whether a role that is not known yet comes from custom roles of this stack alone."""
    edges = grant.resource.property_dependencies.get("role", ())
    return bool(edges) and all(type_of(urn) in CUSTOM_ROLES for urn in edges)


def role_lost(grant: Grant) -> bool:
    """Whether the role is not known and could be any."""
    return not grant.role and any(path == "role" or path.endswith(".role") for path in grant.unknown)


def member_lost(grant: Grant) -> bool:
    """Whether the member is not known, nor its kind by what it comes from."""
    hidden = any(path != "role" and not path.endswith(".role") for path in grant.unknown)
    return hidden and not grant.member and not grant.kind


def roles(resource: Resource, apart: Callable[[Grant], bool] = bool) -> Iterator[Grant]:
    """A grant for each role the resource gives, once for each answer of `apart`. Raises where a role could be any."""
    seen: set[tuple[str, bool]] = set()
    lost: str | None = None
    for grant in parts(resource):
        if grant.role and (grant.role, apart(grant)) not in seen:
            seen.add((grant.role, apart(grant)))
            yield grant
        elif role_lost(grant) and not is_custom(grant):
            lost = lost or grant.path
    if lost is not None:
        raise UnknownValue(resource.at("role" if resource.raw("role") is not None else lost))


def members(resource: Resource) -> Iterator[Grant]:
    """The grants whose member, or at least its kind, is known. Raises at the end where a member could be anybody."""
    lost: str | None = None
    for grant in parts(resource):
        if member_lost(grant):
            lost = lost or grant.path
        elif grant.member or grant.sources:
            yield grant
    if lost is not None:
        raise UnknownValue(resource.at(lost))


def to(grant: Grant) -> str:
    """The member, for a message."""
    return grant.member or (f"a {grant.kind} of this stack" if grant.kind else "nobody yet")


def document(*bindings: tuple[str, str]) -> dict[str, Any]:
    """Properties of a policy resource with these roles and members, for examples."""
    return {"policyData": json.dumps({"bindings": [{"role": role, "members": [who]} for role, who in bindings]})}
