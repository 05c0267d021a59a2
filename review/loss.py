"""What goes away with a resource, and what stops that. A type that is not known here is said to be unknown."""

from __future__ import annotations

import re
from typing import Any, Final

from review.model import Loss
from review.run import Step

HOLDS: Final[dict[str, str]] = {
    "gcp:sql/databaseInstance:": "all databases, users and backups of the instance",
    "gcp:sql/database:": "every table in the database",
    "gcp:storage/bucket:": "every object in the bucket, with its versions",
    "gcp:storage/bucketObject:": "the object",
    "gcp:storage/managedFolder:": "the objects in the folder",
    "gcp:bigquery/dataset:": "every table in the dataset",
    "gcp:bigquery/table:": "every row of the table",
    "gcp:bigtable/instance:": "every table of the instance",
    "gcp:bigtable/table:": "every row of the table",
    "gcp:spanner/instance:": "every database of the instance, with its backups",
    "gcp:spanner/database:": "every row of the database",
    "gcp:firestore/database:": "every document of the database",
    "gcp:alloydb/cluster:": "all databases of the cluster",
    "gcp:alloydb/backup:": "the backup",
    "gcp:filestore/instance:": "every file of the share",
    "gcp:compute/disk:": "everything on the disk",
    "gcp:compute/regionDisk:": "everything on the disk",
    "gcp:compute/snapshot:": "the snapshot",
    "gcp:compute/instance:": "everything on the machine's own disks",
    "gcp:redis/instance:": "everything in the cache",
    "gcp:redis/cluster:": "everything in the cache",
    "gcp:kms/cryptoKey:": "every key version: whatever is encrypted with it can never be read again",
    "gcp:kms/cryptoKeyVersion:": "the key version: whatever is encrypted with it can never be read again",
    "gcp:secretmanager/secret:": "every version of the secret",
    "gcp:secretmanager/secretVersion:": "this value of the secret",
    "gcp:secretmanager/regionalSecret:": "every version of the secret",
    "gcp:pubsub/topic:": "messages that are kept in the topic",
    "gcp:pubsub/subscription:": "messages that are not delivered yet",
    "gcp:logging/projectBucketConfig:": "every log entry in the bucket",
    "gcp:logging/organizationBucketConfig:": "every log entry in the bucket",
    "gcp:logging/folderBucketConfig:": "every log entry in the bucket",
    "gcp:artifactregistry/repository:": "every image in the repository",
    "gcp:organizations/project:": "everything in the project",
    "gcp:organizations/folder:": "the folder and what is in it",
    "gcp:container/cluster:": "volumes and everything that runs in the cluster",
    "gcp:identityplatform/tenant:": "every account of the tenant",
    "gcp:backupdisasterrecovery/backupVault:": "every backup in the vault",
    "render:index/postgres:": "every database of the instance, with its backups",
    "render:index/keyValue:": "everything in the store",
    "render:index/redis:": "everything in the store",
    "render:index/disk:": "everything on the disk",
    "render:index/project:": "everything in the project",
    "github:index/repository:": "the repository: code, issues, history",
}
"""Type token (its beginning) to the data that is lost. Longer beginnings win."""
ENDS: Final[dict[str, str]] = {
    "gcp:sql/user:": "the user can no longer sign in",
    "gcp:alloydb/instance:": "nothing but the instance, unless it is the last one",
    "gcp:dns/managedZone:": "every record of the zone: names stop resolving",
    "gcp:certificateauthority/authority:": "the authority's key: its certificates can no longer be renewed",
    "gcp:serviceaccount/account:": "the identity: its grants are void, even for a new account of the same name",
    "random:index/": "the random value: what was made with it does not fit the new one",
}
"""The same for what is no data, but is felt."""
_NOTHING: Final = re.compile(
    r"iam|accessControl|ACL:|projects/service|serviceIdentity|orgpolicy|compute/(?:firewall|route|network|subnetwork|global|"
    r"backend|url|uRL|target|ssl|sSL|managedSsl|security|region|health|address|forwarding)|monitoring/|essentialcontacts|"
    r"logging/(?:metric|projectSink|organizationSink|folderSink|logView)|cloudrunv2/(?:service|job)|cloudscheduler|"
    r"cloudfunctionsv2|dns/(?:recordSet|policy)|binaryauthorization|iap/|iam/workloadIdentity|servicenetworking|"
    r"github:index/(?!repository:)|render:index/(?:webService|backgroundWorker|cronJob|staticSite|privateService)|"
    r"dataloss/|billing/|privilegedaccessmanager|kms/keyRing:|vpcaccess|containeranalysis/note",
    re.IGNORECASE,
)
_FLAGS: Final = (
    ("deletionProtection", (True,), "Deletion protection stops `up`"),
    ("deletionProtectionEnabled", (True,), "Deletion protection stops `up`"),
    ("settings.deletionProtectionEnabled", (True,), "The cloud's own deletion protection stops `up`"),
    ("deletionPolicy", ("PREVENT",), "Its deletion policy PREVENT stops `up`"),
    ("deleteProtection", (True,), "Delete protection stops `up`"),
    ("enableDropProtection", (True,), "Drop protection stops `up`"),
    ("deleteProtectionState", ("DELETE_PROTECTION_ENABLED",), "Delete protection stops `up`"),
    ("deletionProtectionState", ("DELETION_PROTECTION_ENABLED",), "Deletion protection stops `up`"),
    ("retentionPolicy.isLocked", (True,), "A locked retention keeps objects from being deleted before their time"),
)


def losing(step: Step) -> tuple[Loss, str, str]:
    """Whether data is lost, what, and what stops it. Only for steps that destroy."""
    if not step.old.get("custom", True) or step.type.startswith(("pulumi:", "hosting:")):
        return "none", "", ""
    inputs = step.old.get("inputs") or {}
    guard = _guard(step, inputs)
    if step.old.get("retainOnDelete") or inputs.get("deletionPolicy") in ("ABANDON", "RETAIN"):
        return "kept", "it stays in the cloud and is only forgotten here", ""
    what = next(
        (words for start, words in sorted(HOLDS.items(), key=lambda e: -len(e[0])) if step.type.startswith(start)), ""
    )
    if what:
        return "lost", what, guard
    ends = next((words for start, words in ENDS.items() if step.type.startswith(start)), "")
    if ends or _NOTHING.search(step.type):
        return "none", ends, guard
    return "unknown", f"whether {step.type.split('/')[0]} resources of this kind hold data is not known here", guard


def _guard(step: Step, inputs: dict[str, Any]) -> str:
    stops = ["`protect` stops `up`"] if step.old.get("protect") else []
    for path, values, words in _FLAGS:
        value: Any = inputs
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value in values:
            stops.append(words)
    if step.type.startswith("gcp:storage/bucket:") and not inputs.get("forceDestroy"):
        stops.append("A bucket that is not empty refuses to be deleted")
    return "; ".join(dict.fromkeys(stops))
