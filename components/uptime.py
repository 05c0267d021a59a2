"""Availability checks: every public site is asked from several continents, and silence is an alert."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .alerts import Channels
from .base import Component, require
from .projects import Project


@dataclass(frozen=True, kw_only=True)
class UptimeArgs:
    """Which domains are asked, on which path."""

    project: Project
    """The audit project, where the channels are."""
    channels: Channels
    sites: Mapping[str, str]
    """Name → domain."""
    path: str = "/healthz"
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(self.path.startswith("/"), "MON-3", "path starts with /")


class Uptime(Component):
    """A check each minute over HTTPS with a valid certificate; two minutes of failure from two places wake somebody."""

    token = "hosting:monitoring:Uptime"
    clauses: ClassVar[tuple[str, ...]] = ("MON-3",)

    def __init__(self, name: str, args: UptimeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        project = args.project
        options = self.child(provider=project.provider, depends_on=[project.api("monitoring.googleapis.com")])
        for site, domain in args.sites.items():
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
                    path=args.path, port=443, request_method="GET", use_ssl=True, validate_ssl=True
                ),
                user_labels=args.labels,
                opts=options,
            )
            gcp.monitoring.AlertPolicy(
                f"{name}-{site}",
                project=project.project_id,
                display_name=f"MON-3 {domain} does not answer",
                enabled=True,
                combiner="OR",
                severity="CRITICAL",
                notification_channels=args.channels.ids,
                user_labels=args.labels,
                documentation=gcp.monitoring.AlertPolicyDocumentationArgs(
                    subject=f"{domain} does not answer",
                    content="Look at the service's logs and its newest revision; roll back by the last reviewed plan.",
                    mime_type="text/markdown",
                ),
                alert_strategy=gcp.monitoring.AlertPolicyAlertStrategyArgs(auto_close="86400s"),
                conditions=[
                    gcp.monitoring.AlertPolicyConditionArgs(
                        display_name=f"{domain} fails from two places",
                        condition_threshold=gcp.monitoring.AlertPolicyConditionConditionThresholdArgs(
                            filter=check.uptime_check_id.apply(
                                lambda check_id: (
                                    'metric.type="monitoring.googleapis.com/uptime_check/check_passed"'
                                    f' AND metric.labels.check_id="{check_id}" AND resource.type="uptime_url"'
                                )
                            ),
                            comparison="COMPARISON_GT",
                            threshold_value=1,
                            duration="120s",
                            aggregations=[
                                gcp.monitoring.AlertPolicyConditionConditionThresholdAggregationArgs(
                                    alignment_period="60s",
                                    per_series_aligner="ALIGN_NEXT_OLDER",
                                    cross_series_reducer="REDUCE_COUNT_FALSE",
                                    group_by_fields=["resource.label.host"],
                                )
                            ],
                            trigger=gcp.monitoring.AlertPolicyConditionConditionThresholdTriggerArgs(count=1),
                        ),
                    )
                ],
                opts=options,
            )
        self.register_outputs({})
