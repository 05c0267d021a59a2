"""Labels: whatever can carry a label says whose it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.model import Resource, Secret, gcp
from policies.rule import Finding, Sample, fail, rule

_PATHS: Final[Mapping[str, str]] = {
    gcp("sql/databaseInstance"): "settings.userLabels",
    gcp("container/cluster"): "resourceLabels",
}
_LABELLED: Final = tuple(
    gcp(token)
    for token in (
        "storage/bucket",
        "sql/databaseInstance",
        "alloydb/cluster",
        "alloydb/instance",
        "artifactregistry/repository",
        "bigquery/dataset",
        "bigquery/table",
        "bigtable/instance",
        "cloudfunctions/function",
        "cloudfunctionsv2/function",
        "cloudrunv2/job",
        "cloudrunv2/service",
        "composer/environment",
        "compute/address",
        "compute/disk",
        "compute/forwardingRule",
        "compute/globalForwardingRule",
        "compute/image",
        "compute/instance",
        "compute/instanceTemplate",
        "compute/regionDisk",
        "compute/regionInstanceTemplate",
        "compute/snapshot",
        "container/cluster",
        "dataflow/job",
        "datafusion/instance",
        "dataproc/cluster",
        "dns/managedZone",
        "filestore/instance",
        "kms/cryptoKey",
        "memcache/instance",
        "memorystore/instance",
        "notebooks/instance",
        "organizations/project",
        "pubsub/subscription",
        "pubsub/topic",
        "redis/cluster",
        "redis/instance",
        "secretmanager/regionalSecret",
        "secretmanager/secret",
        "spanner/instance",
        "vertex/aiDataset",
        "vertex/aiEndpoint",
        "workbench/instance",
        "workflows/workflow",
    )
)


@rule(
    id="label-team",
    clause="MON-4",
    title="Resources carry a label that names the team they belong to",
    severity="low",
    level="advisory",
    types=_LABELLED,
    decides=("labels",),
    fix='labels={"team": "platform", …}',
    references=("datadog:team_label_not_present",),
    sources=("https://cloud.google.com/resource-manager/docs/best-practices-labels",),
    graph=True,
    params={"labels": ("team", "owner")},
    good=(
        {"name": "data", "labels": {"team": "platform"}},
        {"name": "data", "labels": {"Team": "platform", "env": "prod"}},
        {"name": "data", "labels": {"owner": "platform"}},
        Sample("sql/databaseInstance", {"settings": {"userLabels": {"team": "platform"}}}),
    ),
    bad=(
        {"name": "data"},
        {"name": "data", "labels": {"env": "prod"}},
        Sample("sql/databaseInstance", {"settings": {"tier": "db-f1-micro"}}),
    ),
)
def label_team(resource: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """A finding without an owner stays open. The provider's default labels count; so does `owner`, the older habit."""
    wanted = {str(name).lower() for name in params["labels"]}
    path = _PATHS.get(resource.type, "labels")
    names = {str(key).lower() for key in _labels(resource, path)}
    if not names & wanted:
        yield fail(resource, path, f"holds none of {', '.join(sorted(wanted))}")


def _labels(resource: Resource, path: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    provider = resource.graph.provider_of(resource) if resource.graph else None
    for value in (
        provider.output("defaultLabels") if provider else None,
        resource.outputs.get("effectiveLabels"),
        resource.get(path),
    ):
        plain = value.value if isinstance(value, Secret) else value
        if isinstance(plain, dict):
            found |= plain
    return found
