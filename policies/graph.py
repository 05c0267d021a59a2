"""The whole stack as a graph: resources, the edges the engine recorded, and names that point at each other."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from functools import cached_property
from typing import Any, Final, TypeVar

from policies.model import Resource, View, masker, reveal, split_path
from policies.registers import Registers

T = TypeVar("T")

_PREFIX = re.compile(r"^(https?:)?//(www\.|[a-z0-9-]+\.)?googleapis\.com/([a-z]+/(v\d+[a-z0-9]*|projects(?=/))/)?")


def stack_of(urn: str) -> str:
    """The stack's name in a URN, empty where the text is none."""
    return urn.split("::", maxsplit=1)[0].rsplit(":", 1)[-1] if urn.startswith("urn:pulumi:") else ""


def type_of(urn: str) -> str:
    """The type token at the end of a URN's type chain, also of a resource that is not in the graph."""
    parts = urn.split("::")
    return parts[2].split("$")[-1] if len(parts) >= 4 else ""


def canonical(value: str) -> str:
    """A resource reference without host and API version, and without a key's version: comparable across resources."""
    text = _PREFIX.sub("", value.strip())
    if text.startswith(("https://", "//")):
        text = re.sub(r"^(https:)?//[^/]+/", "", text)
    return re.sub(r"/cryptoKeyVersions/[^/]+$", "", text)


_WORDS: Final = re.compile(r"[\w.@-]+")
_SHARED: Final = frozenset({"project", "location", "region", "zone", "purpose", "type", "databaseVersion"})
"""Outputs that many resources have in common: a text that holds one of them is about none in particular."""


def speaks_of(text: str, resource: Resource) -> bool:
    """Whether a text was composed from a resource: it holds one of its names as a whole word, or one of its outputs.

    Generated values (passwords, keys) have no names that they could hold; their edge is all there is.
    """
    if not resource.type.startswith(("gcp:", "github:", "render:")):
        return True
    words = set(_WORDS.findall(text))
    own = {v for key, v in resource.outputs.items() if key.endswith("Id") and isinstance(v, str) and v}
    if any(words.issuperset(_WORDS.findall(name)) for name in {resource.name, *own, *_identities(resource)}):
        return True
    outputs = ((key, reveal(value)) for key, value in resource.outputs.items() if key not in _SHARED)
    return any(isinstance(value, str) and len(value) > 5 and value in text for _, value in outputs)


class Graph:
    """Resources by URN and type, with the edges between them in both directions."""

    def __init__(self, resources: Iterable[Resource], *, stack: str = "", project: str = "") -> None:
        self.resources: list[Resource] = list(resources)
        self.stack = stack or next((stack_of(r.urn) for r in self.resources), "")
        self.project = project
        self.registers: Registers | None = None
        """What people wrote down about the stack; None where it is somebody else's."""
        self.by_urn: dict[str, Resource] = {r.urn: r for r in self.resources}
        self._by_type: dict[str, list[Resource]] = {}
        self._of: dict[tuple[str, ...], list[Resource]] = {}
        self._once: dict[object, Any] = {}
        for resource in self.resources:
            resource.graph = self
            self._by_type.setdefault(resource.type, []).append(resource)

    def of(self, *types: str) -> list[Resource]:
        """The resources of the given type tokens, in the order of the stack."""
        if len(types) == 1:
            return self._by_type.get(types[0], [])
        if types not in self._of:
            self._of[types] = [r for r in self.resources if r.type in types]
        return self._of[types]

    def once(self, compute: Callable[..., T], *arguments: Hashable) -> T:
        """What a function finds out about the whole stack, found out once however many resources ask for it."""
        key = (compute, arguments)
        if key not in self._once:
            self._once[key] = compute(self, *arguments)
        return self._once[key]  # type: ignore[no-any-return]

    @cached_property
    def types(self) -> set[str]:
        """The type tokens present."""
        return set(self._by_type)

    @cached_property
    def masker(self) -> re.Pattern[str] | None:
        """Finds every secret of the stack in a message."""
        return masker({text for resource in self.resources for text in resource.secrets()})

    @cached_property
    def _by_identity(self) -> dict[str, list[Resource]]:
        index: dict[str, list[Resource]] = {}
        for resource in self.resources:
            for key in _identities(resource) | _foreseen(self, resource):
                index.setdefault(key, []).append(resource)
        return index

    @cached_property
    def _dependents(self) -> dict[str, list[Resource]]:
        index: dict[str, list[Resource]] = {}
        for resource in self.resources:
            urns = set(resource.dependencies)
            for targets in resource.property_dependencies.values():
                urns.update(targets)
            for urn in urns:
                index.setdefault(urn, []).append(resource)
        return index

    def dependents(self, resource: Resource) -> list[Resource]:
        """The resources that depend on this one."""
        return self._dependents.get(resource.urn, [])

    def find(self, reference: str, *types: str) -> list[Resource]:
        """The resources that a known reference (id, self link, full name, e-mail, short name) means."""
        found = self._by_identity.get(canonical(reference), [])
        return [r for r in found if not types or r.type in types]

    def sources(self, view: View, path: str, *types: str) -> list[str]:
        """URNs that the property's value can come from: by name where it is known, else along the recorded edges.

        Edges are recorded by top-level property. A URN of a resource outside the graph (another stack's, or a file
        that holds only a part) still tells its type, so provenance works without it.
        """
        value = view.raw(path)
        if isinstance(value, str) and value:
            named = [r.urn for r in self.find(value, *types)]
            if named:
                return named
        resource = view.resource
        top = split_path(view.at(path))
        edges = resource.property_dependencies.get(str(top[0]), ()) if top else ()
        return [urn for urn in edges if not types or type_of(urn) in types]

    def comes_from(self, view: View, path: str, *types: str) -> bool:
        """Whether the value comes from such a resource. Unlike `sources`, an edge does not vouch for a known text that
        speaks of nothing at its end: the edge may belong to another part of the property."""
        value = view.raw(path)
        found = self.sources(view, path, *types)
        if not isinstance(value, str) or not value or self.find(value, *types):
            return bool(found)
        return any(urn not in self.by_urn or speaks_of(value, self.by_urn[urn]) for urn in found)

    def targets(self, view: View, path: str, *types: str) -> list[Resource]:
        """`sources` as the resources that are in the graph."""
        return [self.by_urn[u] for u in self.sources(view, path, *types) if u in self.by_urn]

    def provider_of(self, resource: Resource) -> Resource | None:
        """The provider resource that manages this one, where the graph holds it."""
        return self.by_urn.get(resource.provider.rsplit("::", 1)[0]) if resource.provider else None

    def project_of(self, resource: Resource) -> str | None:
        """The cloud project: the resource's own setting, else its provider's. None where neither is known."""
        for holder in (resource, self.provider_of(resource)):
            value = holder.output("project") if holder else None
            if isinstance(value, str):
                return value
        return None


_IDENTITY_OUTPUTS = (
    "id",
    "selfLink",
    "name",
    "email",
    "member",
    "uniqueId",
    "projectId",
    "number",
    "topicId",
    "bucket",
)
_FULL_NAMES: Final[dict[str, str]] = {
    "artifactregistry/repository": "projects/{project}/locations/{location}/repositories/{repositoryId}",
    "bigquery/dataset": "projects/{project}/datasets/{datasetId}",
    "binaryauthorization/attestor": "projects/{project}/attestors/{name}",
    "cloudrunv2/job": "projects/{project}/locations/{location}/jobs/{name}",
    "cloudrunv2/service": "projects/{project}/locations/{location}/services/{name}",
    "compute/network": "projects/{project}/global/networks/{name}",
    "compute/securityPolicy": "projects/{project}/global/securityPolicies/{name}",
    "compute/sSLPolicy": "projects/{project}/global/sslPolicies/{name}",
    "compute/subnetwork": "projects/{project}/regions/{region}/subnetworks/{name}",
    "kms/cryptoKey": "{keyRing}/cryptoKeys/{name}",
    "kms/keyRing": "projects/{project}/locations/{location}/keyRings/{name}",
    "logging/folderBucketConfig": "{folder}/locations/{location}/buckets/{bucketId}",
    "logging/organizationBucketConfig": "organizations/{organization}/locations/{location}/buckets/{bucketId}",
    "logging/projectBucketConfig": "projects/{project}/locations/{location}/buckets/{bucketId}",
    "organizations/iAMCustomRole": "organizations/{orgId}/roles/{roleId}",
    "projects/iAMCustomRole": "projects/{project}/roles/{roleId}",
    "pubsub/subscription": "projects/{project}/subscriptions/{name}",
    "pubsub/topic": "projects/{project}/topics/{name}",
    "secretmanager/secret": "projects/{project}/secrets/{secretId}",
    "serviceaccount/account": "{accountId}@{project}.iam.gserviceaccount.com",
    "sql/databaseInstance": "projects/{project}/instances/{name}",
}
"""How the cloud composes a resource's full name out of its inputs: a text that names it says so before it exists."""


def _foreseen(graph: Graph, resource: Resource) -> set[str]:
    """The full name that the resource will have, where its inputs tell."""
    pattern = _FULL_NAMES.get(":".join(resource.type.split(":")[1:2])) if resource.type.startswith("gcp:") else None
    if pattern is None:
        return set()
    parts: dict[str, str] = {}
    for key in re.findall(r"{(\w+)}", pattern):
        value = graph.project_of(resource) if key == "project" else resource.output(key)
        if not isinstance(value, str) or not value:
            return set()
        parts[key] = value.removeprefix("projects/") if key == "project" else value
    name = pattern.format(**parts)
    if "serviceaccount/" in resource.type:
        return {name, f"serviceAccount:{name}", f"projects/{parts['project']}/serviceAccounts/{name}"}
    return {canonical(name)}


_NAMED_BY = ("secretId", "accountId", "datasetId", "tableId", "topic", "instance", "repositoryId", "keyRingId")


def _identities(resource: Resource) -> set[str]:
    values: list[Any] = [resource.id]
    values += [resource.output(key) for key in _IDENTITY_OUTPUTS if key not in ("bucket", "topicId")]
    values += [resource.output(key) for key in _NAMED_BY if not resource.type.endswith(("Member", "Binding", "Policy"))]
    return {canonical(v) for v in values if isinstance(v, str) and v}
