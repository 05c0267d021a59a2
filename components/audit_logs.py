"""Audit logs of every service in every project: who read, who wrote, who administered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component, require
from .projects import Project

LOG_TYPES = ("ADMIN_READ", "DATA_READ", "DATA_WRITE")
"""All that can be switched; admin writes are always logged."""


@dataclass(frozen=True, kw_only=True)
class AuditLogsArgs:
    """The projects whose services are logged."""

    projects: tuple[Project, ...]

    def __post_init__(self) -> None:
        require(bool(self.projects), "LOG-1", "at least one project is logged")


class AuditLogs(Component):
    """Access logs for all services, present and future, without exempting anybody."""

    token = "hosting:logging:AuditLogs"
    clauses: ClassVar[tuple[str, ...]] = ("LOG-1",)

    def __init__(self, name: str, args: AuditLogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        for project in args.projects:
            gcp.projects.IAMAuditConfig(
                f"{name}-{project.project_id}",
                project=project.project_id,
                service="allServices",
                audit_log_configs=[
                    gcp.projects.IAMAuditConfigAuditLogConfigArgs(log_type=log_type, exempted_members=[])
                    for log_type in LOG_TYPES
                ],
                opts=self.child(
                    provider=project.provider, depends_on=[project.api("cloudresourcemanager.googleapis.com")]
                ),
            )
        self.register_outputs({})
