"""Availability checks: every public site is asked from several continents, and silence is an alert."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .alert_policy import Threshold, alert_policy
from .alerts import Channels
from .base import Component, require
from .database import Database
from .projects import Project


@dataclass(frozen=True, kw_only=True)
class UptimeArgs:
    """Which domains are asked, on which path."""

    project: Project
    """The audit project, where the channels are."""
    channels: Channels
    sites: Mapping[str, tuple[str, str]]
    """Name → domain and path."""
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(all(path.startswith("/") for _, path in self.sites.values()), "MON-3", "a path starts with /")


class Uptime(Component):
    """A check each minute over HTTPS with a valid certificate; two minutes of failure from two places wake somebody."""

    token = "hosting:monitoring:Uptime"
    clauses: ClassVar[tuple[str, ...]] = ("MON-3",)

    def __init__(self, name: str, args: UptimeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        project = args.project
        options = self.child(provider=project.provider, depends_on=[project.api("monitoring.googleapis.com")])
        for site, (domain, path) in args.sites.items():
            check = gcp.monitoring.UptimeCheckConfig(
                f"{name}-{site}",
                project=project.project_id,
                display_name=f"MON-3 {domain}",
                timeout="10s",
                period="60s",
                log_check_failures=True,
                monitored_resource=gcp.monitoring.UptimeCheckConfigMonitoredResourceArgs(
                    type="uptime_url", labels={"host": domain, "project_id": project.project_id}
                ),
                http_check=gcp.monitoring.UptimeCheckConfigHttpCheckArgs(
                    path=path, port=443, request_method="GET", use_ssl=True, validate_ssl=True
                ),
                user_labels=args.labels,
                opts=options,
            )
            alert_policy(
                self,
                f"{name}-{site}",
                project=project,
                channels=args.channels.ids,
                title=f"MON-3 {domain} does not answer",
                do="Look at the service's logs and its newest revision; roll back by the last reviewed plan.",
                severity="CRITICAL",
                threshold=Threshold(
                    filter=check.uptime_check_id.apply(
                        lambda check_id: (
                            'metric.type="monitoring.googleapis.com/uptime_check/check_passed"'
                            f' AND metric.labels.check_id="{check_id}" AND resource.type="uptime_url"'
                        )
                    ),
                    aligner="ALIGN_NEXT_OLDER",
                    reducer="REDUCE_COUNT_FALSE",
                    group_by=("resource.label.host",),
                    value=1,
                    duration="120s",
                ),
                labels=args.labels,
            )
        self.register_outputs({})


@dataclass(frozen=True, kw_only=True)
class DatabaseWatchArgs:
    """Which databases are watched, from where."""

    project: Project
    """The audit project, where the channels are."""
    watched: Project
    """The project of the databases; its metrics become visible in the audit project."""
    channels: Channels
    databases: Mapping[str, Database]
    labels: Mapping[str, str] = field(default_factory=dict)


class DatabaseWatch(Component):
    """An alert for each database that is down for two minutes."""

    token = "hosting:monitoring:DatabaseWatch"
    clauses: ClassVar[tuple[str, ...]] = ("MON-3",)

    def __init__(self, name: str, args: DatabaseWatchArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        project = args.project
        scope = gcp.monitoring.MonitoredProject(
            f"{name}-{args.watched.project_id}",
            metrics_scope=project.project_id,
            name=args.watched.project_id,
            opts=self.child(provider=project.provider, depends_on=[project.api("monitoring.googleapis.com")]),
        )
        instances = [pair for database in args.databases.values() for pair in database.instances.items()]
        for database_name, instance_name in instances:
            alert_policy(
                self,
                f"{name}-{database_name}",
                project=project,
                channels=args.channels.ids,
                title=f"MON-3 database {database_name} is down",
                do="Look at the instance's operations and its last maintenance.",
                severity="CRITICAL",
                threshold=Threshold(
                    filter=_database_filter(instance_name, args.watched.project_id),
                    aligner="ALIGN_MEAN",
                    comparison="COMPARISON_LT",
                    value=1,
                    duration="120s",
                ),
                labels=args.labels,
                depends_on=[scope],
            )
        self.register_outputs({})


def _database_filter(instance_name: pulumi.Output[str], project_id: str) -> pulumi.Output[str]:
    return instance_name.apply(
        lambda instance: (
            'resource.type="cloudsql_database" AND metric.type="cloudsql.googleapis.com/database/up"'
            f' AND resource.labels.database_id="{project_id}:{instance}"'
        )
    )
