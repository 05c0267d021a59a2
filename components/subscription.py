"""A Pub/Sub subscription: one for each reader of a topic, who pulls from it and from no other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component, days, require
from .projects import Project
from .topic import Topic


@dataclass(frozen=True, kw_only=True)
class SubscriptionArgs:
    """Who reads which topic."""

    project: Project
    topic: Topic
    reader: pulumi.Input[str]
    """Member that pulls."""
    former_name: str | None = None
    """The name under which it was made, which it keeps in the cloud."""
    retention_days: int = 7
    """MIN-1: days for which a message waits; Google's limit is 31."""
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(1 <= self.retention_days <= 31, "MIN-1", "messages wait for 1 to 31 days")


class Subscription(Component):
    """Pulled, never pushed: no address of a reader has to be reachable."""

    token = "hosting:data:Subscription"
    clauses: ClassVar[tuple[str, ...]] = ("ACC-10", "MIN-1")

    def __init__(self, name: str, args: SubscriptionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        project = args.project
        subscription = gcp.pubsub.Subscription(
            name,
            name=args.former_name or name,
            project=project.project_id,
            topic=args.topic.topic_id,
            ack_deadline_seconds=60,
            message_retention_duration=days(args.retention_days),
            retain_acked_messages=False,
            enable_exactly_once_delivery=True,
            expiration_policy=gcp.pubsub.SubscriptionExpirationPolicyArgs(ttl=""),
            retry_policy=gcp.pubsub.SubscriptionRetryPolicyArgs(minimum_backoff="10s", maximum_backoff="600s"),
            labels=args.labels,
            opts=self.child(provider=project.provider),
        )
        gcp.pubsub.SubscriptionIAMMember(
            name,
            project=project.project_id,
            subscription=subscription.name,
            role="roles/pubsub.subscriber",
            member=args.reader,
            opts=self.child(provider=project.provider),
        )
        self.register_outputs({})
