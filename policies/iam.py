"""Every way to grant access on Google Cloud, as one shape: who gets which role on what, from which resource and path.

Members, bindings, policy documents, dataset accesses and access control lists, at organization, folder, project, billing
account, service account and resource level all become `Grant`s.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from policies.graph import Graph
from policies.model import UNKNOWN, Resource, UnknownValue, View

Level = Literal["organization", "folder", "project", "billing", "account", "resource"]
PUBLIC: Final = frozenset({"allusers", "allauthenticatedusers"})
BASIC: Final = frozenset({"roles/owner", "roles/editor", "roles/viewer", "roles/reader", "roles/writer", "roles/admin"})
"""`reader`, `writer` and `admin` are the newer spellings of the basic roles (IAM documentation, "Basic roles")."""

_IAM = re.compile(r"^gcp:([a-z0-9]+)/(\w*?)(?:IAM|Iam|iAM|iam)(Member|Binding|Policy):")
_ACL: Final = {
    "gcp:storage/bucketACL:BucketACL": "roleEntities",
    "gcp:storage/defaultObjectACL:DefaultObjectACL": "roleEntities",
    "gcp:storage/objectACL:ObjectACL": "roleEntities",
    "gcp:storage/bucketAccessControl:BucketAccessControl": "entity",
    "gcp:storage/defaultObjectAccessControl:DefaultObjectAccessControl": "entity",
    "gcp:storage/objectAccessControl:ObjectAccessControl": "entity",
}


@dataclass(frozen=True, slots=True)
class Grant:
    """One role for one member on one thing."""

    resource: Resource
    path: str
    role: str
    member: str
    level: Level
    shape: Literal["member", "binding", "policy", "acl"]
    conditional: bool = False

    @property
    def kind(self) -> str:
        """The member's kind, in small letters: user, group, serviceaccount, domain, principalset, allusers …"""
        return self.member.split(":", 1)[0].strip().lower()

    @property
    def public(self) -> bool:
        """Whether the member means everyone."""
        return self.kind in PUBLIC

    @property
    def human(self) -> bool:
        """Whether people stand behind the member: a user, a group, a domain, a workforce identity."""
        return self.kind in ("user", "group", "domain") or "workforcepools" in self.member.lower()


def level_of(type_token: str) -> Level | None:
    """Where a grant of this type sits, or None when the type grants nothing."""
    match = _IAM.match(type_token)
    if match:
        module, subject = match[1], match[2].lower()
        if subject == "":
            levels: dict[str, Level] = {"projects": "project", "organizations": "organization", "folder": "folder"}
            if module in levels:
                return levels[module]
            return "account" if module == "serviceaccount" else "billing" if module == "billing" else "resource"
        return "account" if module == "serviceaccount" else "resource"
    if type_token in _ACL or type_token in (
        "gcp:bigquery/dataset:Dataset",
        "gcp:bigquery/datasetAccess:DatasetAccess",
    ):
        return "resource"
    if type_token == "gcp:billing/accountIamMember:AccountIamMember":
        return "billing"
    return None


def is_grant(type_token: str) -> bool:
    """Whether resources of this type grant access."""
    return level_of(type_token) is not None


def grants(resource: Resource) -> Iterator[Grant]:
    """The grants a resource makes. Raises UnknownValue (after the known ones) where a role or member is not known."""
    level = level_of(resource.type)
    if level is None:
        return
    match = _IAM.match(resource.type)
    if match and match[3] in ("Member", "Binding"):
        yield from _simple(resource, level, match[3])
    elif match:
        yield from _policy(resource, level)
    elif resource.type in _ACL:
        for path, entry in _entries(resource, _ACL[resource.type]):
            role, _, entity = entry.rpartition(":") if ":" in entry else ("", "", entry)
            yield Grant(resource, path, role or str(resource.raw("role") or ""), _entity(entity), level, "acl")
    else:
        yield from _dataset(resource, level)


def _simple(resource: Resource, level: Level, shape: str) -> Iterator[Grant]:
    role = resource.raw("role")
    conditional = resource.has("condition")
    path = "member" if shape == "Member" else "members"
    for where, member in _entries(resource, path, strict=False):
        if role is UNKNOWN:
            raise UnknownValue("role")
        yield Grant(
            resource, where, str(role or ""), member, level, "member" if shape == "Member" else "binding", conditional
        )
    if not resource.known(path) or any(v is UNKNOWN for v in _listed(resource.raw(path))):
        raise UnknownValue(path)


def _policy(resource: Resource, level: Level) -> Iterator[Grant]:
    document = resource.get("policyData")
    if document is None:
        return
    parsed: Any = json.loads(document) if isinstance(document, str) else document
    for index, binding in enumerate(parsed.get("bindings") or ()):
        for member in binding.get("members") or ():
            where = f"policyData.bindings[{index}]"
            yield Grant(
                resource, where, str(binding.get("role", "")), member, level, "policy", bool(binding.get("condition"))
            )


def _dataset(resource: Resource, level: Level) -> Iterator[Grant]:
    views = resource.views("accesses") if resource.type.endswith(":Dataset") else [resource]
    for view in views:
        for key, prefix in (
            ("specialGroup", ""),
            ("iamMember", ""),
            ("groupByEmail", "group:"),
            ("userByEmail", "user:"),
            ("domain", "domain:"),
        ):
            member = view.text(key)
            if member and key == "userByEmail" and member.endswith("gserviceaccount.com"):
                member = f"serviceAccount:{member}"
            elif member:
                member = prefix + member
            if member:
                role = _DATASET_ROLES.get(view.upper("role") or "", view.text("role") or "")
                yield Grant(resource, view.at(key), role, member, level, "acl")


_DATASET_ROLES: Final = {
    "OWNER": "roles/bigquery.dataOwner",
    "WRITER": "roles/bigquery.dataEditor",
    "READER": "roles/bigquery.dataViewer",
}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value is not None else []


def _entries(view: View, path: str, *, strict: bool = True) -> Iterator[tuple[str, str]]:
    raw = view.raw(path)
    if raw is UNKNOWN and strict:
        raise UnknownValue(view.at(path))
    values = _listed(raw)
    for index, value in enumerate(values):
        if isinstance(value, str) and value.strip():
            yield view.at(f"{path}[{index}]" if isinstance(raw, list) else path), value.strip()


def _entity(entity: str) -> str:
    kind, dash, rest = entity.partition("-")
    if dash and kind in ("user", "group", "domain", "project"):
        if rest.endswith("gserviceaccount.com"):
            return f"serviceAccount:{rest}"
        return f"{kind}:{rest}"
    return entity


def all_grants(graph: Graph) -> list[Grant]:
    """The known grants of the whole stack; a grant with an unknown part is judged on its own resource, not here."""
    found: list[Grant] = []
    for resource in graph.resources:
        if level_of(resource.type) is None:
            continue
        try:
            found.extend(grants(resource))
        except (UnknownValue, ValueError):
            continue
    return found
