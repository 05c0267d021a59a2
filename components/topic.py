"""A Pub/Sub topic that stays in its regions, under a key of ours, with named publishers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component, days, known, require
from .keys import DataKey
from .projects import Project

PUBSUB = "pubsub.googleapis.com"


@dataclass(frozen=True, kw_only=True)
class TopicArgs:
    """Who may publish, and where messages may rest."""

    project: Project
    key: DataKey
    regions: tuple[str, ...]
    publishers: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Name to member."""
    former_name: str | None = None
    """The name under which it was made, which it keeps in the cloud."""
    retention_days: int = 7
    """MIN-1: days for which messages can be replayed; Google's limit is 31."""
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(1 <= self.retention_days <= 31, "MIN-1", "messages stay for 1 to 31 days")
        require(self.key.location in self.regions, "ENC-7", f"the key lies in {self.key.location}")


class Topic(Component):
    """The topic, its encryption and its publishers."""

    token = "hosting:data:Topic"
    clauses: ClassVar[tuple[str, ...]] = ("ENC-1", "PRI-1", "MIN-1")

    topic_id: pulumi.Output[str]
    publishers: list[gcp.pubsub.TopicIAMMember]
    """Services check that they may publish when they are told of the topic: depend on these grants."""

    def __init__(self, name: str, args: TopicArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        project = args.project
        use = args.key.use_by(project.agent(PUBSUB), project)
        topic = gcp.pubsub.Topic(
            name,
            name=args.former_name or name,
            project=project.project_id,
            kms_key_name=use.key_id,
            message_retention_duration=days(args.retention_days),
            message_storage_policy=gcp.pubsub.TopicMessageStoragePolicyArgs(
                allowed_persistence_regions=list(args.regions), enforce_in_transit=True
            ),
            labels=args.labels,
            opts=self.child(provider=project.provider, depends_on=[use.grant, project.api(PUBSUB)]),
        )
        self.publishers = [
            gcp.pubsub.TopicIAMMember(
                f"{name}-{who}",
                project=project.project_id,
                topic=topic.name,
                role="roles/pubsub.publisher",
                member=member,
                opts=self.child(provider=project.provider),
            )
            for who, member in args.publishers.items()
        ]
        self.topic_id = known(f"projects/{project.project_id}/topics/{args.former_name or name}", topic)
        self.register_outputs({"topic_id": self.topic_id})
