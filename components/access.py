"""What people may do: one grant, or one entitlement, for each row of the need-to-know matrix, and nothing besides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component, require
from .database import Database
from .entitlement import MANAGER, Entitlement, EntitlementArgs
from .log_archive import LogArchive
from .projects import Project
from .secrets import Secret

STANDING: Mapping[tuple[str, str], str] = {
    ("service", "use"): "roles/iap.httpsResourceAccessor",
    ("secret", "read"): "roles/secretmanager.secretAccessor",
    ("secret", "renew"): "roles/secretmanager.secretVersionAdder",
    ("bucket", "read"): "roles/storage.objectViewer",
    ("logs", "read"): "roles/logging.viewAccessor",
    ("project", "watch"): "roles/monitoring.viewer",
}
"""Roles by kind of asset and access; signing in to a database takes a role of our own."""

REQUESTED: Mapping[str, str] = {
    "administer-databases": "roles/cloudsql.editor",
    "administer-network": "roles/compute.networkAdmin",
    "administer-services": "roles/run.developer",
}
"""Roles that are lent for hours. None of them gives rights away or reads data."""


@dataclass(frozen=True, kw_only=True)
class AccessRow:
    """One row of the matrix."""

    group: str
    asset: str
    """`<kind>/<name>`."""
    access: str
    purpose: str
    expires: date
    """The last day, UTC."""
    condition: str | None = None
    approvers: str | None = None
    hours: int = 4

    def __post_init__(self) -> None:
        require("@" in self.group and ":" not in self.group, "ACC-1", f"{self.group} is not the address of a group")
        kind = self.asset.partition("/")[0]
        standing = (kind, self.access) in STANDING or (kind, self.access) == ("database", "sign-in")
        if self.approvers is None:
            require(standing, "ACC-7", f"{self.access} on {self.asset} is not standing access")
        else:
            require(self.access in REQUESTED, "ACC-8", f"{self.access} on {self.asset} is not asked for")

    @property
    def until(self) -> str:
        """The condition that ends the grant at midnight after the last day; narrowed by the row's own."""
        end = f'request.time < timestamp("{self.expires + timedelta(days=1)}T00:00:00Z")'
        return end if self.condition is None else f"{end} && ({self.condition})"


@dataclass(frozen=True, kw_only=True)
class AccessArgs:
    """The rows, and the assets that they speak of, by name."""

    rows: Mapping[str, AccessRow]
    workload: Project
    """Where databases, services and secrets are."""
    projects: Mapping[str, Project]
    """By id."""
    region: str
    archive: LogArchive
    databases: Mapping[str, Database] = field(default_factory=dict)
    login_role: pulumi.Input[str] | None = None
    services: Mapping[str, pulumi.Output[str]] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    buckets: Mapping[str, tuple[Project, pulumi.Output[str]]] = field(default_factory=dict)
    informed: str
    """Address that hears of each request for access."""


class Access(Component):
    """Grants are on the one thing the row names, end by themselves, and say in their title which row they come from."""

    token = "hosting:access:Access"
    clauses: ClassVar[tuple[str, ...]] = ("ACC-7", "ACC-1", "ACC-8", "ACC-10", "AUT-1")

    def __init__(self, name: str, args: AccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        self._name, self._args = name, args
        self._views: dict[str, gcp.logging.LogView] = {}
        self._managers: dict[str, gcp.projects.IAMMember] = {}
        for row_id, row in args.rows.items():
            kind, _, asset = row.asset.partition("/")
            if row.approvers is not None:
                self._request(row_id, row, args.projects[asset], row.approvers)
            else:
                getattr(self, f"_{kind}")(row_id, row, asset)
        self.register_outputs({"rows": len(args.rows)})

    def _request(self, row_id: str, row: AccessRow, project: Project, approvers: str) -> None:
        Entitlement(
            row_id,
            EntitlementArgs(
                project=project,
                group=row.group,
                approvers=approvers,
                role=REQUESTED[row.access],
                condition=row.until,
                hours=row.hours,
                informed=self._args.informed,
                manager=self._manager(project),
            ),
            self.child(),
        )

    def _manager(self, project: Project) -> pulumi.Resource:
        """Privileged Access Manager acts through its agent, once for each project."""
        if project.project_id not in self._managers:
            self._managers[project.project_id] = gcp.projects.IAMMember(
                f"{self._name}-{project.project_id}-manager",
                project=project.project_id,
                role="roles/privilegedaccessmanager.projectServiceAgent",
                member=project.agent(MANAGER).member,
                opts=self.child(provider=project.provider),
            )
        return self._managers[project.project_id]

    def _title(self, row_id: str, row: AccessRow) -> dict[str, str]:
        return {"title": f"access.yaml {row_id} until {row.expires}", "description": row.purpose}

    def _database(self, row_id: str, row: AccessRow, asset: str) -> None:
        """The right to connect, to this instance and no other; the login itself belongs to the database."""
        project = self._args.workload
        only = pulumi.Output.concat(row.until, " && ", self._args.databases[asset].itself)
        gcp.projects.IAMMember(
            f"{self._name}-{row_id}",
            project=project.project_id,
            role=self._args.login_role or "",
            member=f"group:{row.group}",
            condition=gcp.projects.IAMMemberConditionArgs(expression=only, **self._title(row_id, row)),
            opts=self.child(provider=project.provider),
        )

    def _service(self, row_id: str, row: AccessRow, asset: str) -> None:
        project = self._args.workload
        gcp.iap.WebCloudRunServiceIamMember(
            f"{self._name}-{row_id}",
            project=project.project_id,
            location=self._args.region,
            cloud_run_service_name=self._args.services[asset],
            role=STANDING["service", row.access],
            member=f"group:{row.group}",
            condition=gcp.iap.WebCloudRunServiceIamMemberConditionArgs(
                expression=row.until, **self._title(row_id, row)
            ),
            opts=self.child(provider=project.provider, depends_on=[project.api("iap.googleapis.com")]),
        )

    def _secret(self, row_id: str, row: AccessRow, asset: str) -> None:
        project = self._args.workload
        gcp.secretmanager.SecretIamMember(
            f"{self._name}-{row_id}",
            project=project.project_id,
            secret_id=self._args.secrets[asset].secret_id,
            role=STANDING["secret", row.access],
            member=f"group:{row.group}",
            condition=gcp.secretmanager.SecretIamMemberConditionArgs(expression=row.until, **self._title(row_id, row)),
            opts=self.child(provider=project.provider),
        )

    def _bucket(self, row_id: str, row: AccessRow, asset: str) -> None:
        project, bucket = self._args.buckets[asset]
        gcp.storage.BucketIAMMember(
            f"{self._name}-{row_id}",
            bucket=bucket,
            role=STANDING["bucket", row.access],
            member=f"group:{row.group}",
            condition=gcp.storage.BucketIAMMemberConditionArgs(expression=row.until, **self._title(row_id, row)),
            opts=self.child(provider=project.provider),
        )

    def _logs(self, row_id: str, row: AccessRow, asset: str) -> None:
        """The logs of one project, through a view of the archive; nobody reads the archive as a whole."""
        audit = self._args.archive.project
        if asset not in self._views:
            self._views[asset] = gcp.logging.LogView(
                f"{self._name}-{asset}",
                name=asset,
                parent=f"projects/{audit.project_id}",
                location=self._args.region,
                bucket=self._args.archive.log_bucket,
                description=f"ACC-7: what happened in {asset}",
                filter=f'SOURCE("projects/{asset}")',
                opts=self.child(provider=audit.provider),
            )
        view = self._views[asset]
        gcp.logging.LogViewIamMember(
            f"{self._name}-{row_id}",
            name=view.name,
            parent=view.parent,
            location=view.location,
            bucket=view.bucket,
            role=STANDING["logs", row.access],
            member=f"group:{row.group}",
            condition=gcp.logging.LogViewIamMemberConditionArgs(expression=row.until, **self._title(row_id, row)),
            opts=self.child(provider=audit.provider),
        )

    def _project(self, row_id: str, row: AccessRow, asset: str) -> None:
        project = self._args.projects[asset]
        gcp.projects.IAMMember(
            f"{self._name}-{row_id}",
            project=project.project_id,
            role=STANDING["project", row.access],
            member=f"group:{row.group}",
            condition=gcp.projects.IAMMemberConditionArgs(expression=row.until, **self._title(row_id, row)),
            opts=self.child(provider=project.provider),
        )
