"""Where a bucket's log of access goes: a bucket of its own that Google's delivery account may only add to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi

from .base import Component
from .bucket import Bucket, BucketArgs, Grant
from .keys import DataKey
from .projects import Project
from .roles import Role, RoleArgs

STORAGE_ANALYTICS = "group:cloud-storage-analytics@google.com"
"""Google's own account that delivers the log of access to a bucket."""

RETENTION_DAYS = 400
"""LOG-3."""


@dataclass(frozen=True, kw_only=True)
class AccessLogArgs:
    """Beside which buckets it lies; one serves all buckets of a project."""

    project: Project
    key: DataKey
    region: str
    lock: bool = False
    """Make the retention irrevocable (LOG-3)."""
    soft_delete_days: int = 14
    labels: Mapping[str, str] = field(default_factory=dict)
    protected: bool = True


class AccessLog(Component):
    """A bucket for access logs, kept for 400 days. It logs no access to itself: that would never end."""

    token = "hosting:logging:AccessLog"
    clauses: ClassVar[tuple[str, ...]] = ("LOG-3", "LOG-8", "ACC-10")

    bucket_name: pulumi.Output[str]

    def __init__(self, name: str, args: AccessLogArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        title = "Adds access logs, and nothing else"
        writer = Role(
            f"{name}-writer",
            RoleArgs(
                project=args.project,
                role_id="accessLogWriter",
                title=title,
                description=title,
                permissions=("storage.objects.create",),
            ),
            self.child(),
        )
        bucket = Bucket(
            name,
            BucketArgs(
                project=args.project,
                key=args.key,
                bucket_name=f"{args.project.project_id}-access-log",
                region=args.region,
                retention_days=RETENTION_DAYS,
                lock=args.lock,
                delete_after_days=RETENTION_DAYS + 30,
                soft_delete_days=args.soft_delete_days,
                grants={"delivery": Grant(role=writer.role, member=STORAGE_ANALYTICS)},
                labels=args.labels,
                protected=args.protected,
            ),
            self.child(),
        )
        self.bucket_name = bucket.bucket_name
        self.register_outputs({"bucket_name": self.bucket_name})
