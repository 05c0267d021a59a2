"""Who holds which role on what, out of the grants that were created."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.store import Resource, Store


def conditional(properties: Mapping[str, Any]) -> str:
    """What a grant's condition adds to its id: the same member may hold the same role under several of them."""
    condition = properties.get("condition")
    title = condition.get("title") if isinstance(condition, Mapping) and "role" in properties else None
    return f"/{title}" if isinstance(title, str) else ""


def holders(store: Store, role: str, targets: tuple[str, ...]) -> set[str]:
    """Members that hold a role on one of the targets (ids of resources, or a project id)."""
    found: set[str] = set()
    for resource in store.find("gcp:%iam%"):
        for granted, members in grants_of(resource):
            if granted == role and target_of(resource) in targets:
                found.update(members)
    return found


def grants_of(resource: Resource) -> Iterator[tuple[str, list[str]]]:
    """Roles and members of a grant of any of the three kinds. Conditions are not evaluated."""
    properties = resource.properties
    if isinstance(properties.get("member"), str):
        yield str(properties["role"]), [properties["member"]]
    elif isinstance(properties.get("members"), list):
        yield str(properties["role"]), list(properties["members"])
    elif isinstance(properties.get("policyData"), str):
        for binding in json.loads(properties["policyData"] or "{}").get("bindings", []):
            yield str(binding.get("role")), list(binding.get("members", []))


def target_of(resource: Resource) -> str:
    """What a grant is on: the id without condition, role and member."""
    properties = resource.properties
    identity = resource.id.removesuffix(conditional(properties))
    for part in (properties.get("member"), properties.get("role")):
        if isinstance(part, str):
            identity = identity.removesuffix(f"/{part}")
    return identity
