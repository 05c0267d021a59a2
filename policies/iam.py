"""Every way to grant access on Google Cloud, as one shape: who gets which role on what, from which resource and path.

Members, bindings, policy documents, dataset accesses and access control lists, at organization, folder, project,
billing account, service account and resource level all become `Grant`s. `parts` also yields grants of which the role or
the member is not known yet, with the resources they come from; `grants` yields the known ones, then says what was not.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from policies.graph import Graph, type_of
from policies.model import UNKNOWN, Resource, Secret, UnknownValue, View

Level = Literal["organization", "folder", "project", "billing", "account", "resource"]
Shape = Literal["member", "binding", "policy", "acl"]
PUBLIC: Final = frozenset({"allusers", "allauthenticatedusers"})
BASIC: Final = frozenset({"roles/owner", "roles/editor", "roles/viewer", "roles/reader", "roles/writer", "roles/admin"})
"""`reader`, `writer` and `admin` are the newer spellings of the basic roles (IAM documentation, "Basic roles")."""
POLICY_DOCUMENT: Final = "gcp:organizations/getIAMPolicy:getIAMPolicy"
"""A policy document on its own (a data source): taken for a project's, because it does not say where it will be set."""

_IAM = re.compile(r"^gcp:([a-z0-9]+)/(\w*?)(?:IAM|Iam|iAM|iam)(Member|Binding|Policy):")
_ACL: Final = {
    "gcp:storage/bucketACL:BucketACL": "roleEntities",
    "gcp:storage/defaultObjectACL:DefaultObjectACL": "roleEntities",
    "gcp:storage/objectACL:ObjectACL": "roleEntities",
    "gcp:storage/bucketObject:BucketObject": "roleEntities",
    "gcp:storage/bucketAccessControl:BucketAccessControl": "entity",
    "gcp:storage/defaultObjectAccessControl:DefaultObjectAccessControl": "entity",
    "gcp:storage/objectAccessControl:ObjectAccessControl": "entity",
}
_CANNED: Final = {
    "PUBLICREAD": ("READER", "allUsers"),
    "PUBLICREADWRITE": ("WRITER", "allUsers"),
    "AUTHENTICATEDREAD": ("READER", "allAuthenticatedUsers"),
}
"""Predefined access control lists that open to everyone (Cloud Storage documentation, "Predefined ACLs")."""
_LEVELS: Final[dict[tuple[str, str], Level]] = {
    ("projects", ""): "project",
    ("organizations", ""): "organization",
    ("folder", ""): "folder",
    ("serviceaccount", ""): "account",
    ("billing", "account"): "billing",
}
_SINKS: Final = ("project", "folder", "organization", "billingAccount")
_KIND_OF_SOURCE: Final = {
    "gcp:serviceaccount/account:Account": "serviceaccount",
    "gcp:projects/serviceIdentity:ServiceIdentity": "serviceaccount",
    "gcp:projects/service:Service": "serviceaccount",
    "gcp:sql/databaseInstance:DatabaseInstance": "serviceaccount",
    "gcp:backupdisasterrecovery/backupVault:BackupVault": "serviceaccount",
    **{f"gcp:logging/{kind}Sink:{kind[0].upper()}{kind[1:]}Sink": "serviceaccount" for kind in _SINKS},
    "gcp:cloudidentity/group:Group": "group",
    "gcp:iam/workloadIdentityPool:WorkloadIdentityPool": "principalset",
}


class NoPolicyError(ValueError):
    """A policy document that has another shape than a policy."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One role for one member on one thing. An empty role or member with `unknown` set is known only after apply."""

    resource: Resource
    path: str
    role: str
    member: str
    level: Level
    shape: Shape
    condition: str | None = None
    """The condition's expression, "" where it is not known, None where the grant is unconditional."""
    unknown: tuple[str, ...] = ()
    """Property paths that are known only after apply."""

    @property
    def conditional(self) -> bool:
        """Whether a condition limits the grant."""
        return self.condition is not None

    @property
    def kind(self) -> str:
        """The member's kind, in small letters: user, group, serviceaccount, domain, principalset, allusers …

        Where the member is not known yet, what it comes from tells its kind; "" where that does not either.
        """
        if not self.member:
            kinds = {_KIND_OF_SOURCE.get(type_of(urn), "") for urn in self.sources}
            return kinds.pop() if len(kinds) == 1 else ""
        if ":" not in self.member and self.member.endswith("gserviceaccount.com"):
            return "serviceaccount"
        return self.member.lower().removeprefix("deleted:").split(":", 1)[0].strip()

    @property
    def sources(self) -> tuple[str, ...]:
        """URNs that a member not known yet comes from. A policy document's say nothing: it may name others as well."""
        if self.member or not self.unknown:
            return ()
        edges = self.resource.property_dependencies
        return tuple(urn for key in ("member", "members") for urn in edges.get(key, ()))

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
    if type_token == POLICY_DOCUMENT:
        return "project"
    match = _IAM.match(type_token)
    if match:
        return _LEVELS.get((match[1], match[2].lower()), "resource")
    if type_token in _ACL or type_token in (
        "gcp:bigquery/dataset:Dataset",
        "gcp:bigquery/datasetAccess:DatasetAccess",
    ):
        return "resource"
    return None


def is_grant(type_token: str) -> bool:
    """Whether resources of this type grant access."""
    return level_of(type_token) is not None


def shape_of(type_token: str) -> Shape:
    """Whether the type grants by member, by binding (all members of a role) or by policy (all roles of a thing)."""
    match = _IAM.match(type_token)
    words: dict[str, Shape] = {"Member": "member", "Binding": "binding", "Policy": "policy"}
    return words[match[3]] if match else "policy" if type_token == POLICY_DOCUMENT else "acl"


def parts(resource: Resource) -> Iterator[Grant]:
    """The grants a resource makes, also those of which the role or the member is missing or not known yet."""
    level = level_of(resource.type)
    if level is None:
        return
    shape = shape_of(resource.type)
    if shape in ("member", "binding"):
        yield from _simple(resource, level, shape)
    elif shape == "policy":
        yield from _policy(resource, level)
    elif resource.type in _ACL:
        yield from _acl(resource, level)
    else:
        yield from _dataset(resource, level)


def grants(resource: Resource) -> Iterator[Grant]:
    """The grants a resource makes. Raises UnknownValue (after the known ones) where a role or member is not known.

    A known member with a role that is not known is given too, with an empty role: who gets something is then known.
    """
    unknown: tuple[str, ...] = ()
    for grant in parts(resource):
        unknown = unknown or grant.unknown
        if grant.member:
            yield grant
    if unknown:
        raise UnknownValue(unknown[0])


def all_grants(graph: Graph) -> list[Grant]:
    """The known grants of the whole stack; a grant with an unknown part is judged on its own resource, not here."""
    return [g for g in all_parts(graph) if g.member and not g.unknown]


def hidden_policies(graph: Graph) -> list[Resource]:
    """The policy documents of the stack that nobody can read yet, and that come from nowhere in it."""
    found = (r for r in graph.resources if level_of(r.type) is not None and not r.known("policyData"))
    return [r for r in found if not r.property_dependencies.get("policyData")]


def all_parts(graph: Graph) -> list[Grant]:
    """The grants of the whole stack, those with unknown parts included."""
    found: list[Grant] = []
    for resource in graph.resources:
        if level_of(resource.type) is not None:
            try:
                for grant in parts(resource):
                    found.append(grant)
            except UnknownValue:
                continue
    return found


def _simple(resource: Resource, level: Level, shape: Shape) -> Iterator[Grant]:
    role = plain(resource.raw("role"))
    condition = _expression(plain(resource.raw("condition")))
    lost = ("role",) if role is UNKNOWN else ()
    word = "" if role is UNKNOWN or role is None else str(role).strip()
    found = False
    for path in ("member", "members"):
        raw = plain(resource.raw(path))
        if raw is UNKNOWN:
            found = True
            yield Grant(resource, path, word, "", level, shape, condition, (*lost, path))
            continue
        for index, value in enumerate(_listed(raw)):
            where = f"{path}[{index}]" if isinstance(raw, list) else path
            if value is UNKNOWN:
                found = True
                yield Grant(resource, where, word, "", level, shape, condition, (*lost, where))
            elif isinstance(value, str) and value.strip():
                found = True
                yield Grant(resource, where, word, value.strip(), level, shape, condition, lost)
    if not found and (word or lost):
        yield Grant(resource, "role", word, "", level, shape, condition, lost)


def policy_document(resource: Resource) -> Any:
    """The policy that a resource sets, parsed; UNKNOWN where it is not known yet or cannot be read."""
    document = plain(resource.raw("policyData"))
    if isinstance(document, list) and len(document) == 1:
        document = document[0]
    if isinstance(document, str) and document:
        try:
            return json.loads(document)
        except ValueError:
            return UNKNOWN
    return document


def _policy(resource: Resource, level: Level) -> Iterator[Grant]:
    own = resource.has("bindings")
    key = "bindings" if own else "policyData"
    document = plain(resource.raw(key)) if own else policy_document(resource)
    if document is UNKNOWN:
        named = resource.graph.targets(resource, key, POLICY_DOCUMENT) if resource.graph else []
        for source in named:
            for grant in _policy(source, level):
                yield dataclasses.replace(grant, resource=resource, path=f"{key}.{grant.path}")
        if not named:
            yield Grant(resource, key, "", "", level, "policy", None, (f"{key}.role", f"{key}.members"))
        return
    bindings = document if own else document.get("bindings") if isinstance(document, Mapping) else None
    for index, binding in enumerate(_listed(bindings)):
        where = f"{'' if own else 'policyData.'}bindings[{index}]"
        if not isinstance(binding, Mapping):
            yield Grant(resource, where, "", "", level, "policy", None, (f"{where}.role", f"{where}.members"))
            continue
        role = binding.get("role")
        lost = (f"{where}.role",) if role is UNKNOWN else ()
        word = "" if lost else str(role or "").strip()
        condition = _expression(binding.get("condition"))
        for member in _listed(binding.get("members", binding.get("member"))):
            missing = lost if isinstance(member, str) else (*lost, f"{where}.members")
            name = member.strip() if isinstance(member, str) else ""
            yield Grant(resource, where, word, name, level, "policy", condition, missing)


def _acl(resource: Resource, level: Level) -> Iterator[Grant]:
    key = _ACL[resource.type]
    role, lost = _known(resource, "role")
    raw = plain(resource.raw(key))
    for index, value in enumerate(_listed(raw)):
        where = f"{key}[{index}]" if isinstance(raw, list) else key
        if value is UNKNOWN:
            yield Grant(resource, where, role, "", level, "acl", None, (*lost, where))
        elif isinstance(value, str) and value.strip():
            named, colon, entity = value.strip().rpartition(":")
            yield Grant(resource, where, named if colon else role, _entity(entity), level, "acl", None, lost)
    for path in ("predefinedAcl", "defaultAcl"):
        word, missing = _known(resource, path)
        opened = _CANNED.get(word.replace("-", "").upper())
        if opened or missing:
            canned, member = opened or ("", "")
            yield Grant(resource, path, canned, member, level, "acl", None, missing)


def _dataset(resource: Resource, level: Level) -> Iterator[Grant]:
    if not resource.type.endswith(":Dataset"):
        blocks = [View(resource, resource.data)]
    elif resource.known("accesses"):
        blocks = resource.views("accesses")
    else:
        blocks = [View(resource, UNKNOWN, "accesses")]
    for view in blocks:
        if view.data is UNKNOWN:
            yield Grant(resource, view.path, "", "", level, "acl", None, (view.path,))
            continue
        role, lost = _known(view, "role")
        role = _DATASET_ROLES.get(role.upper(), role)
        condition = _expression(plain(view.raw("condition")))
        for key, prefix in _DATASET_MEMBERS.items():
            member, missing = _known(view, key)
            account = key == "userByEmail" and member.endswith("gserviceaccount.com")
            name = f"{'serviceAccount:' if account else prefix}{member}" if member else ""
            if member or missing:
                yield Grant(resource, view.at(key), role, name, level, "acl", condition, (*lost, *missing))


def _known(view: View, path: str) -> tuple[str, tuple[str, ...]]:
    """A text ("" where it is missing), and the path where it is not known yet."""
    return (view.text(path) or "", ()) if view.known(path) else ("", (view.at(path),))


_DATASET_MEMBERS: Final = {
    "specialGroup": "",
    "iamMember": "",
    "groupByEmail": "group:",
    "userByEmail": "user:",
    "domain": "domain:",
}
_DATASET_ROLES: Final = {
    "OWNER": "roles/bigquery.dataOwner",
    "WRITER": "roles/bigquery.dataEditor",
    "READER": "roles/bigquery.dataViewer",
}


def plain(value: Any) -> Any:
    """The value with every secret inside it revealed, for judging, never for showing."""
    if isinstance(value, Secret):
        return plain(value.value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def _expression(condition: Any) -> str | None:
    if condition is None or condition == [] or condition == {}:
        return None
    if isinstance(condition, list):
        condition = condition[0]
    expression = condition.get("expression") if isinstance(condition, Mapping) else None
    return expression if isinstance(expression, str) else ""


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value is not None else []


def _entity(entity: str) -> str:
    kind, dash, rest = entity.partition("-")
    if dash and kind in ("user", "group", "domain", "project"):
        if rest.endswith("gserviceaccount.com"):
            return f"serviceAccount:{rest}"
        return f"{kind}:{rest}"
    return entity
