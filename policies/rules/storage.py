"""Storage buckets: closed to the world, one way of access, recoverable, logged, encrypted with a key of our own."""

from __future__ import annotations

from collections.abc import Iterator

from policies.model import Resource, gcp
from policies.rule import Finding, Sample, fail, rule, skip
from policies.rules._facts import at_least_days, boolean, one_of
from policies.rules._keys import cmek
from policies.rules._public import not_public

BUCKET = gcp("storage/bucket")

not_public(
    ("storage/bucketIAM", "storage/managedFolderIam"),
    extra=(
        gcp("storage/bucketACL"),
        gcp("storage/defaultObjectACL"),
        gcp("storage/objectACL"),
        gcp("storage/bucketAccessControl"),
        gcp("storage/defaultObjectAccessControl"),
        gcp("storage/objectAccessControl"),
        gcp("storage/bucketObject"),
    ),
    role="roles/storage.objectViewer",
    id="storage-not-public",
    title="Buckets and objects are open to nobody outside",
    references=(
        "checkov:CKV_GCP_28",
        "trivy:GCP-0001",
        "kics:cloud_storage_anonymous_or_publicly_accessible",
        "kics:cloud_storage_bucket_is_publicly_accessible",
        "datadog:container_registry_repository_is_public",
        "prowler:cloudstorage_bucket_public_access",
        "cis-gcp:5.1",
        "terrascan:AC_GCP_0237",
        "terrascan:AC_GCP_0238",
    ),
    why="A member, a binding, a policy document or an access control entry for everyone makes every object readable by "
    "anyone who guesses a name; search engines for open buckets find it within hours.",
    good=(Sample("storage/bucketACL", {"bucket": "b", "roleEntities": ["OWNER:user-owner@example.com"]}),),
    bad=(
        Sample("storage/bucketACL", {"bucket": "b", "roleEntities": ["READER:allUsers"]}),
        Sample("storage/bucketACL", {"bucket": "b", "predefinedAcl": "publicRead"}),
        Sample("storage/defaultObjectAccessControl", {"bucket": "b", "role": "READER", "entity": "allUsers"}),
        Sample("storage/bucketObject", {"bucket": "b", "name": "o", "predefinedAcl": "publicRead"}),
    ),
)

one_of(
    {BUCKET: "deletionPolicy", gcp("secretmanager/secret"): "deletionPolicy", gcp("sql/database"): "deletionPolicy"},
    allowed=("PREVENT", "ABANDON"),
    others=("DELETE",),
    missing="is not set: what leaves the code is deleted in the cloud",
    id="store-deletion-prevented",
    clause="BAK-5",
    title="Buckets, secrets and databases have a deletion policy that keeps them",
    severity="low",
    level="advisory",
    fix='deletion_policy="PREVENT"',
    sources=("https://www.pulumi.com/registry/packages/gcp/api-docs/storage/bucket/",),
    traps=(6,),
    why="The provider deletes by default. PREVENT refuses even after the engine's protection was lifted in passing; "
    "ABANDON lets go of the resource and leaves it where it is.",
)

one_of(
    {BUCKET: "publicAccessPrevention"},
    allowed=("enforced",),
    others=("inherited", "unspecified"),
    missing="is not set, so it is inherited: nothing here keeps the bucket from being opened",
    remedy=True,
    id="storage-public-access-prevented",
    clause="ACC-3",
    title="Buckets enforce public access prevention",
    severity="high",
    fix='public_access_prevention="enforced"',
    references=("checkov:CKV_GCP_114", "pulumi:gcp-storage-bucket-enforce-public-access-prevention"),
    sources=("https://cloud.google.com/storage/docs/public-access-prevention",),
    traps=(1, 27),
    why="Enforced prevention refuses every grant to everyone, whoever makes it and however. The default is inherited, "
    "which prevents nothing unless an organization policy does, and an unset value shows no drift.",
)

boolean(
    {BUCKET: "uniformBucketLevelAccess"},
    missing="is not set: objects can carry access lists of their own",
    id="storage-uniform-access",
    clause="ACC-10",
    title="Buckets grant access in one way, by IAM on the bucket",
    severity="medium",
    fix="uniform_bucket_level_access=True",
    references=(
        "checkov:CKV_GCP_29",
        "trivy:GCP-0002",
        "kics:google_storage_bucket_level_access_disabled",
        "prowler:cloudstorage_bucket_uniform_bucket_level_access",
        "cis-gcp:5.2",
        "terrascan:AC_GCP_0234",
    ),
    sources=("https://cloud.google.com/storage/docs/uniform-bucket-level-access",),
    traps=(1, 27),
    why="With access lists on single objects, nobody can say who reads what by looking at the bucket's IAM policy.",
)

boolean(
    {BUCKET: "versioning.enabled"},
    missing="is not set: an overwritten or deleted object is gone",
    remedy=True,
    id="storage-versioning",
    clause="BAK-8",
    title="Buckets keep earlier versions of objects",
    severity="medium",
    fix="versioning={'enabled': True}",
    references=(
        "checkov:CKV_GCP_78",
        "trivy:GCP-0078",
        "kics:cloud_storage_bucket_versioning_disabled",
        "prowler:cloudstorage_bucket_versioning_enabled",
        "terrascan:AC_GCP_0241",
    ),
    sources=("https://cloud.google.com/storage/docs/object-versioning",),
    why="A faulty program or a stolen credential overwrites as easily as it writes; an earlier version brings the data "
    "back.",
)

at_least_days(
    {BUCKET: "softDeletePolicy.retentionDurationSeconds"},
    days=7,
    missing="is not set: Google's default of the day applies and its change shows no drift",
    id="storage-soft-delete",
    clause="BAK-8",
    title="Deleted objects can be restored for at least seven days",
    severity="medium",
    fix="soft_delete_policy={'retention_duration_seconds': 604800}",
    references=("prowler:cloudstorage_bucket_soft_delete_enabled",),
    sources=("https://cloud.google.com/storage/docs/soft-delete",),
    traps=(1, 30),
    why="Zero seconds turns soft delete off without an error. Seven days is Google's default and the policy's span.",
)

boolean(
    {BUCKET: "forceDestroy"},
    want=False,
    absent="pass",
    remedy=True,
    id="storage-no-force-destroy",
    clause="BAK-5",
    title="Removing a bucket from the code does not empty it",
    severity="high",
    fix="force_destroy=False",
    sources=("https://www.pulumi.com/registry/packages/gcp/api-docs/storage/bucket/",),
    traps=(29,),
    why="With force_destroy a deleted line of code deletes all objects, and can still leave the bucket. The default is "
    "false.",
)

boolean(
    {BUCKET: "retentionPolicy.isLocked"},
    missing="is not set: anyone who may edit the bucket removes the retention",
    base={"retentionPolicy": {"retentionPeriod": "2592000"}},
    guard=lambda bucket: None if bucket.has("retentionPolicy") else "the bucket has no retention policy",
    id="storage-retention-locked",
    clause="BAK-4",
    title="Retention policies of buckets are locked",
    severity="medium",
    fix="retention_policy={'is_locked': True, 'retention_period': '2592000'}",
    sources=("https://cloud.google.com/storage/docs/bucket-lock",),
    traps=(28,),
    not_applicable=({"name": "uploads"},),
    why="An unlocked policy protects against mistakes only: whoever takes over the project shortens it first. Locking "
    "cannot be undone, so it is stated in the code and acknowledged in the configuration.",
)

at_least_days(
    {BUCKET: "retentionPolicy.retentionPeriod"},
    days=30,
    base={"retentionPolicy": {"isLocked": True}},
    guard=lambda bucket: (
        None
        if bucket.has("retentionPolicy")
        else "not every bucket may have a retention policy: erasure must stay possible"
    ),
    id="storage-retention-long-enough",
    clause="BAK-2",
    title="Retention policies of buckets last at least 30 days",
    severity="low",
    fix="retention_policy={'is_locked': True, 'retention_period': '2592000'}",
    references=("prowler:cloudstorage_bucket_sufficient_retention_period",),
    sources=("https://cloud.google.com/storage/docs/bucket-lock",),
    traps=(28,),
    not_applicable=({"name": "uploads"},),
    why="A retention shorter than the time it takes to notice a loss protects nothing. 30 days is the policy's figure.",
)

cmek(
    {BUCKET: "encryption.defaultKmsKeyName"},
    id="storage-own-key",
    title="Buckets are encrypted with a key of our own",
    fix="encryption={'default_kms_key_name': key.id}",
    references=("trivy:GCP-0066",),
    sources=("https://cloud.google.com/storage/docs/encryption/customer-managed-keys",),
    why="A key of our own can be rotated, watched and taken away; Google's default key cannot.",
)


@rule(
    id="storage-lifecycle",
    clause="MIN-1",
    title="Buckets have a lifecycle",
    severity="low",
    types=(BUCKET,),
    decides=("lifecycleRules",),
    fix="lifecycle_rules=[{'action': {'type': 'Delete'}, 'condition': {'age': 365}}]",
    references=("prowler:cloudstorage_bucket_lifecycle_management_enabled",),
    sources=("https://cloud.google.com/storage/docs/lifecycle",),
    good=(
        {"lifecycleRules": [{"action": {"type": "Delete"}, "condition": {"age": 365}}]},
        {"lifecycleRules": [{"action": {"type": "SetStorageClass", "storageClass": "X"}, "condition": {"age": 0}}]},
    ),
    bad=({}, {"lifecycleRules": []}, {"lifecycleRules": [{"action": {"type": "Delete"}, "condition": {}}]}),
)
def lifecycle(bucket: Resource) -> Iterator[Finding]:
    """Without a lifecycle, data is kept for as long as nobody thinks of it. A rule without a condition is none."""
    rules = sorted(bucket.views("lifecycleRules"), key=lambda r: not r.known("action.type"))
    if not any(r.text("action.type") and r.get("condition") for r in rules):
        yield fail(bucket, "lifecycleRules", "holds no rule with an action and a condition")


@rule(
    id="storage-lifecycle-deletes",
    clause="MIN-1",
    title="The lifecycle of a bucket ends in deletion",
    severity="low",
    types=(BUCKET,),
    decides=("lifecycleRules",),
    absent="not_applicable",
    fix="lifecycle_rules=[{'action': {'type': 'Delete'}, 'condition': {'age': 365}}]",
    sources=("https://cloud.google.com/storage/docs/lifecycle#delete",),
    good=({"lifecycleRules": [{"action": {"type": "delete"}, "condition": {"age": 365}}]},),
    bad=({"lifecycleRules": [{"action": {"type": "SetStorageClass"}, "condition": {"age": 30}}]},),
    not_applicable=({},),
)
def lifecycle_deletes(bucket: Resource) -> Iterator[Finding]:
    """Moving old data to a cheaper class keeps it. Data minimization asks that it goes."""
    rules = sorted(bucket.views("lifecycleRules"), key=lambda r: not r.known("action.type"))
    if not rules:
        yield skip("the bucket has no lifecycle")
    elif not any(r.upper("action.type") == "DELETE" and r.has("condition") for r in rules):
        yield fail(bucket, "lifecycleRules", "deletes nothing")
