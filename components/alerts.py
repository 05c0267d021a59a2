"""Alerts that reach somebody: log-based metrics over the central log bucket, policies, and channels of two types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .alert_catalogue import ALERTS, LogAlert, break_glass, out_of_band
from .alert_policy import Threshold, alert_policy
from .base import Component, require
from .projects import Project


@dataclass(frozen=True, kw_only=True)
class ChannelsArgs:
    """Who is told. One channel failing must not be silence, so there are at least two of different types."""

    project: Project
    email: str
    """Address of a group that is read, also at night."""
    topic: pulumi.Input[str]
    """Pub/Sub topic that the on-call tool subscribes to, as a full resource name."""
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require("@" in self.email, "MON-2", "email is an address of a group")


class Channels(Component):
    """Two notification channels of different types."""

    token = "hosting:monitoring:Channels"
    clauses: ClassVar[tuple[str, ...]] = ("MON-2",)

    ids: list[pulumi.Output[str]]
    """Full names, as alert policies want them."""

    def __init__(self, name: str, args: ChannelsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        project = args.project
        options = self.child(provider=project.provider, depends_on=[project.api("monitoring.googleapis.com")])
        email = gcp.monitoring.NotificationChannel(
            f"{name}-email",
            project=project.project_id,
            type="email",
            display_name=f"{name} by e-mail",
            labels={"email_address": args.email},
            enabled=True,
            force_delete=False,
            user_labels=args.labels,
            opts=options,
        )
        topic = gcp.monitoring.NotificationChannel(
            f"{name}-on-call",
            project=project.project_id,
            type="pubsub",
            display_name=f"{name} on call",
            labels={"topic": args.topic},
            enabled=True,
            force_delete=False,
            user_labels=args.labels,
            opts=options,
        )
        self.ids = [email.name, topic.name]
        self.register_outputs({"ids": self.ids})


@dataclass(frozen=True, kw_only=True)
class AlertsArgs:
    """The alerts of the catalogue and the change detector."""

    project: Project
    """The audit project: the metrics count what arrives in its log bucket, from every project."""
    log_bucket: pulumi.Input[str]
    """Full name of the central log bucket."""
    channels: Channels
    deployer: str
    """E-mail of the one identity that changes infrastructure; everyone else is out of band (CHG-4)."""
    jobs_in: str
    """Project of the jobs that change something on their schedule."""
    break_glass: str | None = None
    """Group that deny policies except; whoever joins it is heard of."""
    labels: Mapping[str, str] = field(default_factory=dict)


class Alerts(Component):
    """One metric and one policy for each entry of the catalogue; an event is reported within a minute."""

    token = "hosting:monitoring:Alerts"
    clauses: ClassVar[tuple[str, ...]] = ("MON-1", "MON-2", "CHG-4", "ACC-8", "ACC-9", "BAK-7")

    def __init__(self, name: str, args: AlertsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        glass = [break_glass(args.break_glass)] if args.break_glass is not None else []
        for alert in (*ALERTS, *glass, out_of_band(args.deployer, args.jobs_in)):
            self._alert(name, alert, args)
        self.register_outputs({})

    def _alert(self, name: str, alert: LogAlert, args: AlertsArgs) -> None:
        project = args.project
        metric = gcp.logging.Metric(
            f"{name}-{alert.name}",
            project=project.project_id,
            name=f"security/{alert.name}",
            description=f"{alert.clause} {alert.title}",
            filter=alert.filter,
            bucket_name=args.log_bucket,
            disabled=False,
            metric_descriptor=gcp.logging.MetricMetricDescriptorArgs(
                metric_kind="DELTA", value_type="INT64", unit="1", display_name=alert.title
            ),
            opts=self.child(provider=project.provider, depends_on=[project.api("logging.googleapis.com")]),
        )
        alert_policy(
            self,
            f"{name}-{alert.name}",
            project=project,
            channels=args.channels.ids,
            title=f"{alert.clause} {alert.title}",
            do=alert.do,
            severity=alert.severity,
            threshold=Threshold(
                filter=metric.name.apply(
                    lambda metric_name: (
                        f'metric.type="logging.googleapis.com/user/{metric_name}" AND resource.type="logging_bucket"'
                    )
                ),
                aligner="ALIGN_COUNT",
            ),
            labels=args.labels,
            depends_on=[metric],
        )
