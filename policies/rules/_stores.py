"""What holds data: the types that lose it when they are deleted, and where each says its place and its labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from policies.model import gcp


@dataclass(frozen=True, slots=True)
class Store:
    """A type of resource that holds data.

    `labels` is the path of its labels, None where it has none. `data` says whether it holds people's data itself
    and so needs a row in the inventory, not only keys, names or containers of other stores.
    """

    labels: str | None = None
    data: bool = True


STORES: Final[dict[str, Store]] = {
    gcp("sql/databaseInstance"): Store("settings.userLabels"),
    gcp("sql/database"): Store(data=False),
    gcp("storage/bucket"): Store("labels"),
    gcp("bigquery/dataset"): Store("labels"),
    gcp("bigquery/table"): Store("labels", data=False),
    gcp("bigtable/instance"): Store("labels"),
    gcp("bigtable/table"): Store(data=False),
    gcp("spanner/instance"): Store("labels"),
    gcp("spanner/database"): Store(data=False),
    gcp("firestore/database"): Store(),
    gcp("alloydb/cluster"): Store("labels"),
    gcp("filestore/instance"): Store("labels"),
    gcp("redis/instance"): Store("labels"),
    gcp("redis/cluster"): Store("labels"),
    gcp("memorystore/instance"): Store("labels"),
    gcp("secretmanager/secret"): Store("labels", data=False),
    gcp("secretmanager/regionalSecret"): Store("labels", data=False),
    gcp("kms/cryptoKey"): Store("labels", data=False),
    gcp("kms/keyRing"): Store(data=False),
    gcp("backupdisasterrecovery/backupVault"): Store("labels"),
    gcp("netapp/volume"): Store("labels"),
    gcp("netapp/backupVault"): Store("labels"),
    gcp("lustre/instance"): Store("labels"),
    gcp("healthcare/dataset"): Store(data=False),
    gcp("healthcare/fhirStore"): Store("labels"),
    gcp("healthcare/dicomStore"): Store("labels"),
    gcp("healthcare/hl7Store"): Store("labels"),
    gcp("pubsub/topic"): Store("labels", data=False),
    gcp("logging/projectBucketConfig"): Store(data=False),
    gcp("logging/folderBucketConfig"): Store(data=False),
    gcp("logging/organizationBucketConfig"): Store(data=False),
    gcp("artifactregistry/repository"): Store("labels", data=False),
    gcp("oracledatabase/autonomousDatabase"): Store("labels"),
    gcp("firebase/databaseInstance"): Store(),
    "render:postgres:Postgres": Store(),
    "render:key-value:KeyValue": Store(),
    "render:redis:Redis": Store(),
    "render:disks:Disk": Store(),
}
"""Every type whose content a rule about data speaks of. Topics, log buckets and registries hold data in passing."""

_IN_PASSING: Final = frozenset(
    {
        gcp("kms/keyRing"),
        gcp("pubsub/topic"),
        gcp("redis/instance"),
        gcp("redis/cluster"),
        gcp("memorystore/instance"),
        gcp("artifactregistry/repository"),
        gcp("secretmanager/regionalSecret"),
        gcp("secretmanager/secret"),
        gcp("sql/database"),
        gcp("bigquery/table"),
        "render:key-value:KeyValue",
        "render:redis:Redis",
    }
)

STATEFUL: Final = frozenset(set(STORES) - _IN_PASSING) | {
    gcp("organizations/project"),
    gcp("organizations/folder"),
    gcp("dns/managedZone"),
    gcp("compute/disk"),
    gcp("compute/regionDisk"),
    "github:index/repository:Repository",
    "render:projects:Project",
    "render:environments:Environment",
}
"""What cannot be made again once it is deleted: needs the engine's `protect`. Caches, queues, images, secrets
with their values elsewhere, key rings (which outlive their deletion) and tables can be made again or are guarded by
what they are part of."""
