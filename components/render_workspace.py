"""The place on Render: one project with one protected, isolated environment, and what leaves it (logs, events)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_render as render

from .base import Component, require
from .render_api import LogStream, Notifications, RenderApi

EVENTS = (
    "branch_deleted",
    "cron_job_run_ended",
    "deploy_ended",
    "image_pull_failed",
    "instance_count_changed",
    "key_value_unhealthy",
    "maintenance_mode_enabled",
    "plan_changed",
    "postgres_backup_failed",
    "postgres_ha_status_changed",
    "postgres_pitr_checkpoint_failed",
    "postgres_restore_succeeded",
    "postgres_unavailable",
    "postgres_wal_archive_failed",
    "server_failed",
    "server_hardware_failure",
    "server_unhealthy",
    "service_resumed",
    "service_suspended",
)
"""What somebody has to know (MON-1): failures, lost backups, and changes of what runs."""


@dataclass(frozen=True, kw_only=True)
class WorkspaceArgs:
    """Whose workspace, opened with which key."""

    owner_id: str
    project_name: str
    region: str
    api_key: pulumi.Output[str] | None
    """A secret. Without it the provider takes RENDER_APIKEY from the environment."""
    events_url: str
    logs_endpoint: str
    """Host and port that take syslog over TLS."""
    logs_token: pulumi.Output[str] | None = None
    protected: bool = True

    def __post_init__(self) -> None:
        require(self.owner_id.startswith("tea-"), "ACC-1", f"{self.owner_id} is not the workspace of a team (tea-…)")
        require(self.events_url.startswith("https://"), "ENC-4", "events are sent over https only")
        endpoint = bool(re.fullmatch(r"[\w.-]+:\d{2,5}", self.logs_endpoint))
        require(endpoint, "LOG-2", f"{self.logs_endpoint} is not host:port")


class Workspace(Component):
    """Only administrators can destroy what is in the environment, and no other environment reaches it.

    Render makes no project without an environment. The one that comes with it stays empty, and is closed like the
    other; ours is a resource of its own, so that a change by hand shows.
    """

    token = "hosting:render:Workspace"
    clauses: ClassVar[tuple[str, ...]] = ("HOS-5", "CHG-7", "LOG-2", "MON-1", "MON-2")

    provider: render.Provider
    owner_id: str
    region: str
    environment_id: pulumi.Output[str]

    def __init__(self, name: str, args: WorkspaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        self.owner_id, self.region = args.owner_id, args.region
        self.provider = render.Provider(f"{name}-render", api_key=args.api_key, opts=self.child())
        closed = render.projects.ProjectCreateEnvironmentInputArgs(
            name="empty",
            protected_status=render.projects.ProjectCreateEnvironmentInputProtectedStatus.PROTECTED,
            network_isolation_enabled=True,
        )
        project = render.projects.Project(
            name,
            name=args.project_name,
            owner_id=args.owner_id,
            environments=[closed],
            opts=self.child(provider=self.provider, protect=args.protected),
        )
        environment = render.environments.Environment(
            name,
            name="production",
            project_id=project.id,
            protected_status=render.environments.ProtectedStatus.PROTECTED,
            network_isolation_enabled=True,
            opts=self.child(provider=self.provider, protect=args.protected),
        )
        self.environment_id = environment.id
        self._tell(name, args)
        self.register_outputs({"environment_id": self.environment_id})

    def _tell(self, name: str, args: WorkspaceArgs) -> None:
        """Events by webhook and mail, all logs to the company's own store: Render keeps them for days only."""
        render.webhooks.Webhook(
            name,
            name=f"{args.project_name}-events",
            owner_id=args.owner_id,
            url=args.events_url,
            enabled=True,
            event_filter=[render.webhooks.EventFilterItem(event) for event in EVENTS],
            opts=self.child(provider=self.provider, additional_secret_outputs=["secret"]),
        )
        api = RenderApi(f"{name}-api", args.api_key, self.child())
        LogStream(
            name,
            owner_id=args.owner_id,
            endpoint=args.logs_endpoint,
            token=args.logs_token,
            opts=self.child(provider=api),
        )
        Notifications(name, owner_id=args.owner_id, opts=self.child(provider=api))
