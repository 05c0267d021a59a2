"""Where all logs end up: a locked log bucket to search and a locked object bucket to keep, in the audit project."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .access_log import AccessLog, AccessLogArgs
from .base import Component, require
from .bucket import Bucket, BucketArgs
from .keys import DataKey
from .projects import Project

LOGGING = "logging.googleapis.com"
BUCKET_ID = "audit"


@dataclass(frozen=True, kw_only=True)
class LogArchiveArgs:
    """What is collected, and for how long it stays."""

    project: Project
    """The audit project; nobody who administers the others administers it (LOG-2)."""
    key: DataKey
    region: str
    sources: tuple[Project, ...]
    """Projects whose logs are collected, the audit project included."""
    organization_id: str | None = None
    """Digits of the organization: one sink then collects everything in it, also from projects made later."""
    retention_days: int = 400
    """LOG-3: thirteen months, so that a yearly review still sees the last one."""
    lock: bool = False
    lock_acknowledged: bool = False
    """A lock is for ever: it takes a second, explicit yes."""
    labels: Mapping[str, str] = field(default_factory=dict)
    protected: bool = True

    def __post_init__(self) -> None:
        require(400 <= self.retention_days <= 3650, "LOG-3", f"logs stay 400 to 3650 days, not {self.retention_days}")
        require(not self.lock or self.lock_acknowledged, "LOG-3", "a locked retention has to be acknowledged")
        require(bool(self.sources), "LOG-2", "at least one project is collected")
        known = self.organization_id is None or self.organization_id.isdigit()
        require(known, "LOG-2", f"organization_id is digits, not {self.organization_id}")


@dataclass(frozen=True, kw_only=True)
class _Source:
    """One stream of logs: a project's or the organization's."""

    name: str
    project: Project | None


class LogArchive(Component):
    """Unfiltered sinks into stores that cannot be shortened; each writer is granted where it writes, nowhere else."""

    token = "hosting:logging:LogArchive"
    clauses: ClassVar[tuple[str, ...]] = ("LOG-2", "LOG-3", "ENC-1", "MIN-1")

    project: Project
    log_bucket: pulumi.Output[str]
    """Full name of the log bucket."""
    log_bucket_path: str
    """The same, known before there is one."""
    archive_name: pulumi.Output[str]
    """Name of the object bucket."""
    access_log: pulumi.Output[str]
    """The bucket that takes the log of access to other buckets in the region."""

    def __init__(self, name: str, args: LogArchiveArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        self._name, self._args = name, args
        self.project = args.project
        bucket = self._log_bucket()
        self.log_bucket_path = f"projects/{args.project.project_id}/locations/{args.region}/buckets/{BUCKET_ID}"
        access = AccessLog(
            f"{name}-access-log",
            AccessLogArgs(
                project=args.project,
                key=args.key,
                region=args.region,
                lock=args.lock,
                labels=args.labels,
                protected=args.protected,
            ),
            self.child(),
        )
        archive = Bucket(
            f"{name}-archive",
            BucketArgs(
                project=args.project,
                key=args.key,
                bucket_name=f"{args.project.project_id}-{name}",
                region=args.region,
                retention_days=args.retention_days,
                lock=args.lock,
                delete_after_days=args.retention_days + 30,
                access_log_bucket=access.bucket_name,
                labels=args.labels,
                protected=args.protected,
            ),
            self.child(),
        )
        self.log_bucket, self.archive_name = bucket.id, archive.bucket_name
        self.access_log = access.bucket_name
        for source in self._sources():
            self._sink(source, "search", pulumi.Output.concat(LOGGING, "/", bucket.id), to_bucket=None)
            self._sink(
                source,
                "keep",
                pulumi.Output.concat("storage.googleapis.com/", archive.bucket_name),
                to_bucket=archive.bucket_name,
            )
        self.register_outputs({"log_bucket": self.log_bucket, "archive_name": self.archive_name})

    def _leaving(self) -> str:
        """Google never deletes a locked bucket: when the stack goes, it is let go of, and stays for its retention."""
        if self._args.protected:
            return "PREVENT"
        return "ABANDON" if self._args.lock else "DELETE"

    def _log_bucket(self) -> gcp.logging.ProjectBucketConfig:
        project, args = self._args.project, self._args
        use = args.key.use_by(project.agent(LOGGING), project)
        return gcp.logging.ProjectBucketConfig(
            self._name,
            project=project.project_id,
            location=args.region,
            bucket_id=BUCKET_ID,
            description="LOG-2: the logs of every project",
            retention_days=args.retention_days,
            locked=args.lock,
            enable_analytics=True,
            cmek_settings=gcp.logging.ProjectBucketConfigCmekSettingsArgs(kms_key_name=use.key_id),
            deletion_policy=self._leaving(),
            opts=self.child(
                provider=project.provider, depends_on=[use.grant, project.api(LOGGING)], protect=args.protected
            ),
        )

    def _sources(self) -> Iterator[_Source]:
        if self._args.organization_id is not None:
            yield _Source(name="organization", project=None)
            return
        for project in self._args.sources:
            yield _Source(name=project.project_id, project=project)

    def _sink(
        self,
        source: _Source,
        purpose: str,
        destination: pulumi.Output[str],
        *,
        to_bucket: pulumi.Output[str] | None,
    ) -> None:
        label = f"{self._name}-{source.name}-{purpose}"
        audit = self._args.project
        description = "LOG-2: everything, unfiltered"
        sink: gcp.logging.ProjectSink | gcp.logging.OrganizationSink
        if source.project is None:
            sink = gcp.logging.OrganizationSink(
                label,
                name=f"{self._name}-{purpose}",
                org_id=self._args.organization_id or "",
                description=description,
                destination=destination,
                filter="",
                include_children=True,
                intercept_children=False,
                disabled=False,
                exclusions=[],
                opts=self.child(provider=audit.provider, depends_on=[audit.api(LOGGING)]),
            )
        else:
            sink = gcp.logging.ProjectSink(
                label,
                name=f"{self._name}-{purpose}",
                project=source.project.project_id,
                description=description,
                destination=destination,
                filter="",
                unique_writer_identity=True,
                disabled=False,
                exclusions=[],
                opts=self.child(provider=source.project.provider, depends_on=[source.project.api(LOGGING)]),
            )
        if to_bucket is not None:
            gcp.storage.BucketIAMMember(
                label,
                bucket=to_bucket,
                role="roles/storage.objectCreator",
                member=sink.writer_identity,
                opts=self.child(provider=audit.provider),
            )
        elif source.project is not audit:
            where = f"locations/{self._args.region}/buckets/{BUCKET_ID}"
            gcp.projects.IAMMember(
                label,
                project=audit.project_id,
                role="roles/logging.bucketWriter",
                member=sink.writer_identity,
                condition=gcp.projects.IAMMemberConditionArgs(
                    title="only-the-audit-bucket",
                    description="LOG-2",
                    expression=f"resource.name.endsWith('{where}')",
                ),
                opts=self.child(provider=audit.provider),
            )
