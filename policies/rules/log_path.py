"""Where logs go: out of the project that they are about, to a store that the sink's writer may write to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policies.graph import Graph
from policies.model import Resource
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules._sinks import (
    BUCKET,
    ORGANIZATION_SINK,
    PROJECT_SINK,
    SINKS,
    destinations,
    project_of_destination,
    unnamed,
    writer_granted,
)

_DOCS = ("https://cloud.google.com/logging/docs/export/aggregated_sinks",)
_TO = "storage.googleapis.com/example-prod-logs"


def _sink(name: str = "all", **more: Any) -> Sample:
    return Sample(PROJECT_SINK, {"name": name, "project": "app", "destination": _TO, **more}, name)


_BUCKET = Sample(BUCKET, {"name": "example-prod-logs", "project": "audit"}, "logs")


@rule(
    id="log-sink-leaves-project",
    clause="LOG-2",
    title="Logs of a project are exported to another project",
    severity="medium",
    types=(PROJECT_SINK,),
    scope="stack",
    fix='destination=f"logging.googleapis.com/{audit_log_bucket.id}"',
    sources=_DOCS,
    good=(
        (_sink(), _BUCKET),
        (_sink(destination="logging.googleapis.com/projects/audit/locations/eu/buckets/all"),),
        (_sink(), _BUCKET, _sink("near", destination="pubsub.googleapis.com/projects/app/topics/x")),
        (
            _sink(destination="logging.googleapis.com/projects/audit/locations/eu/buckets/all"),
            _sink("own", project="audit", destination="logging.googleapis.com/projects/audit/locations/eu/buckets/all"),
        ),
    ),
    bad=(
        (_sink(destination="logging.googleapis.com/projects/app/locations/eu/buckets/all"),),
        (_sink(), Sample(BUCKET, {"name": "example-prod-logs", "project": "app"}, "logs")),
    ),
    not_applicable=((_sink(),), (Sample(ORGANIZATION_SINK, {"destination": _TO}),)),
)
def leaves_project(graph: Graph) -> Iterator[Finding]:
    """Whoever takes over a project also takes over the logs that lie in it. One sink of each project has to lead out;
    projects whose destinations the stack does not tell are not judged, and the project that collects the others' logs
    keeps its own."""
    homes: dict[str, list[tuple[Resource, str]]] = {}
    lost: list[Finding] = []
    for sink in graph.of(PROJECT_SINK):
        if not sink.known("project") and not sink.property_dependencies.get("project"):
            lost.append(unsure(sink, "project"))
        home, target = graph.project_of(sink), project_of_destination(graph, sink)
        if (store := unnamed(graph, sink)) and not target:
            lost.append(unsure(store, "name"))
        elif home and target:
            homes.setdefault(home, []).append((sink, target))
        elif not sink.known("destination") and not sink.property_dependencies.get("destination"):
            lost.append(unsure(sink, "destination"))
        else:
            lost += [unsure(d, "project") for d in destinations(graph, sink) if not d.known("project")]
    central = {target for home, sinks in homes.items() for _, target in sinks if target != home}
    stuck = [
        sinks[0][0]
        for home, sinks in homes.items()
        if home not in central and all(target == home for _, target in sinks)
    ]
    yield from lost
    if not homes and not lost:
        yield skip("the stack does not tell in which project its logs end up")
    if not lost:
        yield from (fail(sink, "destination", "stays in the project that the logs are about") for sink in stuck)


_GRANT = Sample(
    "storage/bucketIAMMember",
    {"bucket": "example-prod-logs", "role": "roles/storage.objectCreator", "member": "serviceAccount:writer@x"},
    "grant",
)


@rule(
    id="log-sink-writer-granted",
    clause="LOG-2",
    title="The writer of each sink may write to its destination",
    severity="high",
    types=SINKS,
    decides=("destination",),
    absent="not_applicable",
    graph=True,
    fix='gcp.storage.BucketIAMMember(role="roles/storage.objectCreator", member=sink.writer_identity, …)',
    sources=("https://cloud.google.com/logging/docs/export/configure_export_v2#dest-auth",),
    traps=(33,),
    good=(
        (
            Sample(
                ORGANIZATION_SINK, {"destination": _TO}, "all", outputs={"writerIdentity": "serviceAccount:writer@x"}
            ),
            _BUCKET,
            _GRANT,
        ),
        (
            _sink(destination="logging.googleapis.com/projects/app/locations/eu/buckets/all"),
            Sample(
                "logging/projectBucketConfig",
                {"bucketId": "all", "project": "app"},
                "all-logs",
                outputs={"id": "projects/app/locations/eu/buckets/all"},
            ),
        ),
    ),
    bad=(
        (Sample(ORGANIZATION_SINK, {"destination": _TO}, "all"), _BUCKET),
        (Sample(ORGANIZATION_SINK, {"destination": _TO}, "all"), _BUCKET, _GRANT),
    ),
    not_applicable=((_sink(),),),
)
def writer_may_write(sink: Resource) -> Iterator[Finding]:
    """Without the grant the export fails in silence: the sink exists, the store stays empty. A project's sink into a
    log bucket of the same project needs none; destinations outside this stack are granted elsewhere."""
    graph = sink.graph
    if graph is None:
        return
    if not sink.known("destination") and not graph.sources(sink, "destination"):
        yield unsure(sink, "destination")
        return
    targets = destinations(graph, sink)
    if store := unnamed(graph, sink):
        yield unsure(store, "name")
        return
    if not targets:
        yield skip("the destination is not part of this stack")
        return
    home = graph.project_of(sink)
    if sink.type == PROJECT_SINK and all("BucketConfig" in t.type for t in targets):
        if home is not None and all(graph.project_of(t) == home for t in targets):
            return
        if home is None or any(graph.project_of(t) is None for t in targets):
            yield unsure(sink, "project", "whether the log bucket lies in the same project is not known")
            return
    granted = writer_granted(graph, sink)
    if granted is None:
        yield unsure(sink, "destination", "whether the writer is granted is known only after the first `up`")
    elif not granted:
        yield fail(sink, "destination", f"leads to {targets[0].name}, where the sink's writer may not write")
