"""Findings of the Security Command Center: the severe ones are sent to a topic, and each one raises an alert."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

import pulumi
import pulumi_gcp as gcp

from .alert_policy import Threshold, alert_policy
from .alerts import Channels
from .base import Component, known, require
from .keys import DataKey
from .projects import Project
from .topic import Topic, TopicArgs

SECURITY: Final = "securitycenter.googleapis.com"
FILTER: Final = '(severity="HIGH" OR severity="CRITICAL") AND state="ACTIVE" AND NOT mute="MUTED"'
"""What is severe, open, and not set aside by somebody."""


@dataclass(frozen=True, kw_only=True)
class FindingsArgs:
    """Of which organization, to where."""

    organization_id: str
    project: Project
    """The audit project."""
    key: DataKey
    region: str
    channels: Channels
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(self.organization_id.isdigit(), "MON-4", f"organization_id is digits, not {self.organization_id}")


class Findings(Component):
    """A stream of the organization's findings, and an alert whenever one comes in."""

    token = "hosting:monitoring:Findings"
    clauses: ClassVar[tuple[str, ...]] = ("MON-4",)

    def __init__(self, name: str, args: FindingsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        project, organization = args.project, args.organization_id
        topic = Topic(
            name,
            TopicArgs(project=project, key=args.key, regions=(args.region,), labels=args.labels),
            self.child(),
        )
        stream = gcp.securitycenter.V2OrganizationNotificationConfig(
            name,
            config_id=name,
            organization=organization,
            location="global",
            description="MON-4: severe findings that are open",
            pubsub_topic=topic.topic_id,
            streaming_config=gcp.securitycenter.V2OrganizationNotificationConfigStreamingConfigArgs(filter=FILTER),
            opts=self.child(provider=project.provider, depends_on=[project.api(SECURITY)]),
        )
        sender = f"serviceAccount:service-org-{organization}@gcp-sa-scc-notification.iam.gserviceaccount.com"
        gcp.pubsub.TopicIAMMember(
            f"{name}-sender",
            project=project.project_id,
            topic=topic.topic_id,
            role="roles/pubsub.publisher",
            member=known(sender, stream),
            opts=self.child(provider=project.provider),
        )
        alert_policy(
            self,
            name,
            project=project,
            channels=args.channels.ids,
            title="MON-4 A severe finding of the Security Command Center is open",
            do=f"Read it in the Security Command Center, or replay the topic {name}; fix it or mute it with a reason.",
            severity="CRITICAL",
            threshold=Threshold(
                filter=topic.topic_id.apply(
                    lambda topic_id: (
                        'metric.type="pubsub.googleapis.com/topic/send_message_operation_count"'
                        ' AND resource.type="pubsub_topic"'
                        f' AND resource.labels.topic_id="{topic_id.rpartition("/")[2]}"'
                    )
                ),
                aligner="ALIGN_DELTA",
                reducer="REDUCE_SUM",
            ),
            labels=args.labels,
        )
        self.register_outputs({})
