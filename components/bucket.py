"""A bucket that is private, versioned, encrypted with a key of ours and recoverable, whatever it is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component, require
from .keys import DataKey
from .projects import Project

STORAGE = "storage.googleapis.com"
DAY = 86_400
READ_ONE = "roles/storage.legacyObjectReader"
"""Reads an object whose name is known; unlike objectViewer it does not list the names of all."""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """A right of one member on one bucket."""

    role: pulumi.Input[str]
    member: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class BucketArgs:
    """Where it lies, how long things stay, who may do what."""

    project: Project
    key: DataKey
    bucket_name: str
    """Unique in the whole world; a project ID in front makes it so."""
    region: str
    delete_after_days: int | None
    """MIN-1: objects older than this are deleted. None only where the newest version of each object has to stay, as in
    a state: then what was overwritten or deleted goes after `noncurrent_days`."""
    retention_days: int | None = None
    """Days in which nobody can delete or overwrite an object; without it, versions and soft delete protect alone."""
    lock: bool = False
    """Make the retention irrevocable (BAK-4, LOG-3)."""
    soft_delete_days: int = 14
    """BAK-8: days in which a deleted object can be brought back, 7 to 90 (Google's limit)."""
    noncurrent_days: int = 30
    """Days for which an overwritten or deleted version stays."""
    access_log_bucket: pulumi.Input[str] | None = None
    """Name of the bucket that takes the log of access to this one (LOG-8)."""
    grants: Mapping[str, Grant] = field(default_factory=dict)
    public: bool = False
    """Everybody may read single objects, and nobody may list them: an exception that the waivers file names (ACC-3)."""
    labels: Mapping[str, str] = field(default_factory=dict)
    protected: bool = True

    def __post_init__(self) -> None:
        require(7 <= self.soft_delete_days <= 90, "BAK-8", "deleted objects can be brought back for 7 to 90 days")
        require(self.noncurrent_days >= 1, "BAK-8", "earlier versions stay for a day at least")
        require(self.region == self.key.location, "ENC-7", f"the key lies in {self.key.location}, not in {self.region}")
        require(not self.public or not self.lock, "ACC-3", "a bucket for everybody holds nothing that must be locked")
        require(not self.lock or self.retention_days is not None, "BAK-4", "a lock needs a retention")
        require(
            self.delete_after_days is None or self.delete_after_days > (self.retention_days or 0),
            "MIN-1",
            "objects are deleted some time after their retention ends",
        )


class Bucket(Component):
    """Uniform access, public access prevented, versions, soft delete, a lifecycle, and grants on the bucket itself."""

    token = "hosting:data:Bucket"
    clauses: ClassVar[tuple[str, ...]] = (
        "ACC-3",
        "ACC-11",
        "BAK-5",
        "BAK-8",
        "ENC-1",
        "ENC-7",
        "LOG-8",
        "MIN-1",
        "PRI-1",
    )

    bucket_name: pulumi.Output[str]
    project: Project

    def __init__(self, name: str, args: BucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        project = self.project = args.project
        use = args.key.use_by(project.agent(STORAGE), project)
        bucket = gcp.storage.Bucket(
            name,
            name=args.bucket_name,
            project=project.project_id,
            location=args.region.upper(),
            storage_class="STANDARD",
            uniform_bucket_level_access=True,
            public_access_prevention="inherited" if args.public else "enforced",
            encryption=gcp.storage.BucketEncryptionArgs(default_kms_key_name=use.key_id),
            versioning=gcp.storage.BucketVersioningArgs(enabled=True),
            soft_delete_policy=gcp.storage.BucketSoftDeletePolicyArgs(
                retention_duration_seconds=args.soft_delete_days * DAY
            ),
            retention_policy=_retention(args),
            lifecycle_rules=_lifecycle(args),
            logging=_logging(args),
            requester_pays=False,
            default_event_based_hold=False,
            force_destroy=False,
            deletion_policy="PREVENT" if args.protected else "DELETE",
            labels=args.labels,
            opts=self.child(
                provider=project.provider, depends_on=[use.grant, project.api(STORAGE)], protect=args.protected
            ),
        )
        self.bucket_name = bucket.name
        everybody = {"public": Grant(role=READ_ONE, member="allUsers")} if args.public else {}
        for who, grant in {**args.grants, **everybody}.items():
            gcp.storage.BucketIAMMember(
                f"{name}-{who}",
                bucket=bucket.name,
                role=grant.role,
                member=grant.member,
                opts=self.child(provider=project.provider),
            )
        self.register_outputs({"bucket_name": self.bucket_name})


def _retention(args: BucketArgs) -> gcp.storage.BucketRetentionPolicyArgs | None:
    if args.retention_days is None:
        return None
    return gcp.storage.BucketRetentionPolicyArgs(retention_period=str(args.retention_days * DAY), is_locked=args.lock)


def _logging(args: BucketArgs) -> gcp.storage.BucketLoggingArgs | None:
    if args.access_log_bucket is None:
        return None
    return gcp.storage.BucketLoggingArgs(log_bucket=args.access_log_bucket, log_object_prefix=args.bucket_name)


def _lifecycle(args: BucketArgs) -> list[gcp.storage.BucketLifecycleRuleArgs]:
    def after(kind: str, **condition: int | str) -> gcp.storage.BucketLifecycleRuleArgs:
        return gcp.storage.BucketLifecycleRuleArgs(
            action=gcp.storage.BucketLifecycleRuleActionArgs(type=kind),
            condition=gcp.storage.BucketLifecycleRuleConditionArgs(**condition),  # type: ignore[arg-type]
        )

    live = args.delete_after_days
    return [
        *([after("Delete", age=live, with_state="LIVE")] if live is not None else []),
        after("Delete", days_since_noncurrent_time=args.noncurrent_days, with_state="ARCHIVED"),
        after("AbortIncompleteMultipartUpload", age=7),
    ]
