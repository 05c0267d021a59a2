"""Backups: the schedule every database follows, and the independent copies in a project of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi

from .access_log import AccessLog, AccessLogArgs
from .base import Component, require
from .bucket import Bucket, BucketArgs, Grant
from .keys import DataKey
from .projects import Project
from .roles import Role, RoleArgs


@dataclass(frozen=True, kw_only=True)
class BackupPlan:
    """When a database is backed up, where to, and for how long."""

    location: str
    """Another region than the database's (BAK-3)."""
    at: str = "02:00"
    """HH:MM, UTC (BAK-1)."""
    retained: int = 30
    """Daily backups kept (BAK-2)."""
    recovery_days: int = 7
    """Days of point-in-time recovery (BAK-2); more than 7 only in the Enterprise Plus edition, which allows 35."""
    final_days: int = 90
    """Days for which the backup taken on deletion is kept (BAK-5), at most 365."""

    def __post_init__(self) -> None:
        require(bool(re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", self.at)), "BAK-1", f"{self.at} is not a time (HH:MM)")
        require(30 <= self.retained <= 365, "BAK-2", f"at least 30 daily backups are kept, not {self.retained}")
        require(7 <= self.recovery_days <= 35, "BAK-2", f"recovery covers 7 to 35 days, not {self.recovery_days}")
        require(30 <= self.final_days <= 365, "BAK-5", f"the final backup stays 30 to 365 days, not {self.final_days}")


@dataclass(frozen=True, kw_only=True)
class CopiesArgs:
    """The bucket of exported copies, its rules, and its two kinds of users."""

    project: Project
    """The backups' own project (BAK-4)."""
    key: DataKey
    region: str
    retention_days: int = 35
    delete_after_days: int = 90
    soft_delete_days: int = 14
    lock: bool = False
    lock_acknowledged: bool = False
    """A lock is for ever: it takes a second, explicit yes."""
    writers: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    readers: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    protected: bool = True

    def __post_init__(self) -> None:
        require(self.retention_days >= 30, "BAK-4", f"copies are locked for 30 days or more, not {self.retention_days}")
        require(not self.lock or self.lock_acknowledged, "BAK-4", "a locked retention has to be acknowledged")
        both = sorted(set(self.writers) & set(self.readers))
        require(not both, "BAK-4", f"{', '.join(both)} would both write and read copies")


class Copies(Component):
    """Exported copies that outlive a mistake, an intruder or an administrator of the workload.

    A writer can add copies and can neither read, list, change nor delete them; a reader can only read. Nobody can
    delete a copy before its time, and every access is logged into a second bucket, which is locked for longer.
    """

    token = "hosting:data:Copies"
    clauses: ClassVar[tuple[str, ...]] = ("ACC-10", "BAK-3", "BAK-4", "BAK-8", "LOG-3", "LOG-8")

    bucket_name: pulumi.Output[str]
    access_log: pulumi.Output[str]
    """The bucket that takes the log of access to this project's buckets."""

    def __init__(self, name: str, args: CopiesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        prefix = args.project.project_id
        write = self._role(args.project, "copyWriter", "Adds objects, and nothing else", ("storage.objects.create",))
        read = self._role(
            args.project,
            "copyReader",
            "Reads objects, and nothing else",
            ("storage.objects.get", "storage.objects.list"),
        )
        log = AccessLog(
            f"{name}-access-log",
            AccessLogArgs(
                project=args.project,
                key=args.key,
                region=args.region,
                lock=args.lock,
                soft_delete_days=args.soft_delete_days,
                labels={**args.labels, "store": "access-log"},
                protected=args.protected,
            ),
            self.child(),
        )
        self.access_log = log.bucket_name
        exports = Bucket(
            name,
            BucketArgs(
                project=args.project,
                key=args.key,
                bucket_name=f"{prefix}-{name}",
                region=args.region,
                retention_days=args.retention_days,
                lock=args.lock,
                delete_after_days=args.delete_after_days,
                soft_delete_days=args.soft_delete_days,
                access_log_bucket=log.bucket_name,
                grants={
                    **{f"{who}-writes": Grant(role=write, member=member) for who, member in args.writers.items()},
                    **{f"{who}-reads": Grant(role=read, member=member) for who, member in args.readers.items()},
                },
                labels=args.labels,
                protected=args.protected,
            ),
            self.child(),
        )
        self.bucket_name = exports.bucket_name
        self.register_outputs({"bucket_name": self.bucket_name})

    def _role(self, project: Project, role_id: str, title: str, permissions: tuple[str, ...]) -> pulumi.Output[str]:
        args = RoleArgs(project=project, role_id=role_id, title=title, description=title, permissions=permissions)
        return Role(role_id, args, self.child()).role
