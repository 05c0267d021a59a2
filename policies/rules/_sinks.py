"""Log sinks: where they lead, and what reads their writer."""

from __future__ import annotations

import re
from typing import Final

from policies.graph import Graph, type_of
from policies.iam import is_grant, plain
from policies.model import UNKNOWN, Resource, gcp

ORGANIZATION_SINK: Final = gcp("logging/organizationSink")
FOLDER_SINK: Final = gcp("logging/folderSink")
PROJECT_SINK: Final = gcp("logging/projectSink")
SINKS: Final = (ORGANIZATION_SINK, FOLDER_SINK, PROJECT_SINK, gcp("logging/billingAccountSink"))
BUCKET: Final = gcp("storage/bucket")
LOG_BUCKETS: Final = tuple(
    gcp(f"logging/{x}BucketConfig") for x in ("project", "folder", "organization", "billingAccount")
)
DESTINATIONS: Final = (BUCKET, *LOG_BUCKETS, gcp("pubsub/topic"), gcp("bigquery/dataset"))
_PREFIX: Final = re.compile(r"^[a-z]+\.googleapis\.com/")
_PROJECT: Final = re.compile(r"\.googleapis\.com/projects/([^/]+)")


def destinations(graph: Graph, sink: Resource) -> list[Resource]:
    """The resources of this stack that the sink writes to."""
    text = plain(sink.raw("destination"))
    if isinstance(text, str):
        path = _PREFIX.sub("", text)
        found = [*graph.find(path, *DESTINATIONS), *graph.find(path.rpartition("/")[2], *DESTINATIONS)]
        return list({r.urn: r for r in found}.values())[:1]
    return graph.targets(sink, "destination", *DESTINATIONS)


def unnamed(graph: Graph, sink: Resource) -> Resource | None:
    """A store of this stack whose name is not known yet, where the sink's destination may be it."""
    text = plain(sink.raw("destination"))
    if not isinstance(text, str) or destinations(graph, sink):
        return None
    return next((r for r in graph.of(*DESTINATIONS) if r.id is None and not r.known("name")), None)


def project_of_destination(graph: Graph, sink: Resource) -> str | None:
    """The project that the logs end up in, as far as the stack tells."""
    text = plain(sink.raw("destination"))
    match = _PROJECT.search(text) if isinstance(text, str) else None
    if match:
        return match[1]
    found = {graph.project_of(resource) for resource in destinations(graph, sink)}
    return found.pop() if len(found) == 1 else None


def writer_granted(graph: Graph, sink: Resource) -> bool | None:
    """Whether a grant of this stack goes to the sink's writer, of a role that may write there; None where a member that
    may be it is not known. Sinks of one organization share a writer: a grant on one store says nothing of the other."""
    writer = sink.output("writerIdentity")
    service = next((target.type.split(":")[1].split("/")[0] for target in destinations(graph, sink)), "")
    lost = False
    for resource in graph.resources:
        if not is_grant(resource.type) or _elsewhere(plain(resource.raw("role")), service):
            continue
        for key in ("member", "members"):
            value = plain(resource.raw(key))
            values = value if isinstance(value, list) else [value]
            edges = resource.property_dependencies.get(key, ())
            if sink.urn in edges or (isinstance(writer, str) and writer in values):
                return True
            lost = lost or (UNKNOWN in values and not edges)
        document = plain(resource.raw("policyData"))
        if isinstance(document, str) and isinstance(writer, str) and writer in document:
            return True
        lost = lost or document is UNKNOWN
    return None if lost else False


def _elsewhere(role: object, service: str) -> bool:
    """Whether a role of Google's is one of another service; basic roles and those of our own are not judged here."""
    return (
        isinstance(role, str) and "." in role and role.startswith("roles/") and not role.startswith(f"roles/{service}.")
    )


def leads_to(graph: Graph, sink: Resource, *types: str) -> bool:
    """Whether the destination's recorded edges lead to such a resource, in the graph or outside it."""
    return any(type_of(urn) in types for urn in graph.sources(sink, "destination"))
