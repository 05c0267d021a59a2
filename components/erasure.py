"""The erasure ledger: a record of every erasure, which outlives the backups and is replayed after a restore."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi

from .base import Component, require
from .bucket import Bucket, BucketArgs, Grant
from .keys import DataKey
from .projects import Project
from .roles import Role, RoleArgs


@dataclass(frozen=True, kw_only=True)
class ErasureLedgerArgs:
    """Where the records lie, how long they stay, who adds and who reads them."""

    project: Project
    """The backups' own project: who administers the workload cannot reach the ledger."""
    key: DataKey
    region: str
    retention_days: int
    """Days in which a record can neither be changed nor deleted; longer than any backup lives (PRI-2)."""
    delete_after_days: int
    lock: bool = False
    lock_acknowledged: bool = False
    """A lock is for ever: it takes a second, explicit yes."""
    access_log_bucket: pulumi.Input[str] | None = None
    writers: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    readers: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    protected: bool = True

    def __post_init__(self) -> None:
        require(self.retention_days >= 30, "PRI-2", f"records stay 30 days or more, not {self.retention_days}")
        require(not self.lock or self.lock_acknowledged, "PRI-2", "a locked retention has to be acknowledged")
        require(bool(self.writers), "PRI-2", "a ledger that nobody writes erases nothing after a restore")
        require(bool(self.readers), "PRI-2", "a ledger that nobody reads is never replayed")
        both = sorted(set(self.writers) & set(self.readers))
        require(not both, "PRI-2", f"{', '.join(both)} would both write and read the ledger")


class ErasureLedger(Component):
    """Append-only: a writer can add records and can neither read, change nor delete any; a reader can only read.

    An object of a locked bucket cannot be overwritten either, so one record stays what it was. docs/erasure.md has
    the form of a record: it holds no personal data beyond the key under which the person was known.
    """

    token = "hosting:data:ErasureLedger"
    clauses: ClassVar[tuple[str, ...]] = ("PRI-2", "ACC-10", "MIN-1")

    bucket_name: pulumi.Output[str]

    def __init__(self, name: str, args: ErasureLedgerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        add = self._role(args.project, "erasureWriter", "Adds erasure records, and nothing else", "create")
        read = self._role(args.project, "erasureReader", "Reads erasure records, and nothing else", "get", "list")
        ledger = Bucket(
            name,
            BucketArgs(
                project=args.project,
                key=args.key,
                bucket_name=f"{args.project.project_id}-{name}",
                region=args.region,
                retention_days=args.retention_days,
                lock=args.lock,
                delete_after_days=args.delete_after_days,
                access_log_bucket=args.access_log_bucket,
                grants={
                    **{f"{who}-adds": Grant(role=add, member=member) for who, member in args.writers.items()},
                    **{f"{who}-reads": Grant(role=read, member=member) for who, member in args.readers.items()},
                },
                labels=args.labels,
                protected=args.protected,
            ),
            self.child(),
        )
        self.bucket_name = ledger.bucket_name
        self.register_outputs({"bucket_name": self.bucket_name})

    def _role(self, project: Project, role_id: str, title: str, *verbs: str) -> pulumi.Output[str]:
        permissions = tuple(f"storage.objects.{verb}" for verb in verbs)
        args = RoleArgs(project=project, role_id=role_id, title=title, description=title, permissions=permissions)
        return Role(role_id, args, self.child()).role
