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
class Site:
    """What is asked."""

    domain: str
    path: str = "/healthz"

    def __post_init__(self) -> None:
        require(self.path.startswith("/"), "MON-3", "path starts with /")


@dataclass(frozen=True, kw_only=True)
class UptimeArgs:
    """Which sites are asked."""

    project: Project
    """The audit project, where the channels are."""
    channels: Channels
    sites: Mapping[str, Site]
    labels: Mapping[str, str] = field(default_factory=dict)


class Uptime(Component):
    """A check each minute over HTTPS with a valid certificate; two minutes of failure from two places wake somebody."""

    token = "hosting:monitoring:Uptime"
    clauses: ClassVar[tuple[str, ...]] = ("MON-3",)

    passed: dict[str, pulumi.Output[str]]
    """Site → filter of the metric that says whether its check passed."""

    def __init__(self, name: str, args: UptimeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        project = args.project
        options = self.child(provider=project.provider, depends_on=[project.api("monitoring.googleapis.com")])
        self.passed = {}
        for label, site in args.sites.items():
            domain = site.domain
            check = gcp.monitoring.UptimeCheckConfig(
                f"{name}-{label}",
                project=project.project_id,
                display_name=f"MON-3 {domain}",
                timeout="10s",
                period="60s",
                log_check_failures=True,
                monitored_resource=gcp.monitoring.UptimeCheckConfigMonitoredResourceArgs(
                    type="uptime_url", labels={"host": domain, "project_id": project.project_id}
                ),
                http_check=gcp.monitoring.UptimeCheckConfigHttpCheckArgs(
                    path=site.path, port=443, request_method="GET", use_ssl=True, validate_ssl=True
                ),
                user_labels=args.labels,
                opts=options,
            )
            self.passed[label] = check.uptime_check_id.apply(
                lambda check_id: (
                    'metric.type="monitoring.googleapis.com/uptime_check/check_passed"'
                    f' AND metric.labels.check_id="{check_id}" AND resource.type="uptime_url"'
                )
            )
            alert_policy(
                self,
                f"{name}-{label}",
                project=project,
                channels=args.channels.ids,
                title=f"MON-3 {domain} does not answer",
                do="Look at the service's logs and its newest revision; roll back by the last reviewed plan.",
                severity="CRITICAL",
                threshold=Threshold(
                    filter=self.passed[label],
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
    """The project of the databases."""
    scope: pulumi.Resource
    """What makes its metrics visible in the audit project."""
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
                    filter=database_filter(instance_name, args.watched.project_id),
                    aligner="ALIGN_MEAN",
                    comparison="COMPARISON_LT",
                    value=1,
                    duration="120s",
                ),
                labels=args.labels,
                depends_on=[args.scope],
            )
        self.register_outputs({})


def database_filter(instance_name: pulumi.Output[str], project_id: str) -> pulumi.Output[str]:
    """The metric that is 1 while the instance is up."""
    return instance_name.apply(
        lambda instance: (
            'resource.type="cloudsql_database" AND metric.type="cloudsql.googleapis.com/database/up"'
            f' AND resource.labels.database_id="{project_id}:{instance}"'
        )
    )
