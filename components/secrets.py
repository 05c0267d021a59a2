"""Secrets: in Secret Manager, under a key of ours, renewed in time, readable by the one workload that needs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component, days, known, require
from .keys import DataKey
from .projects import Project
from .topic import Topic

SECRET_MANAGER = "secretmanager.googleapis.com"
DESTROY_DELAY_DAYS = 30
"""Days in which a destroyed version of a secret can be brought back."""


def first_rotation(today: date) -> str:
    """The start of the month that is at least 32 days away: always in the future, and the same for a month.

    Google wants a moment in the future when a secret is made. Counted to the day it would differ between a preview
    and the `up` of the next morning.
    """
    soon = today + timedelta(days=32)
    month = date(soon.year + soon.month // 12, soon.month % 12 + 1, 1)
    return f"{month.isoformat()}T03:00:00Z"


@dataclass(frozen=True, kw_only=True)
class SecretArgs:
    """One secret and who may read it."""

    project: Project
    key: DataKey
    topic: Topic
    """Where Secret Manager announces that a secret is due; it checks that it may publish when a secret is made."""
    secret_id: str
    first_rotation: str
    """RFC 3339, in the future when the secret is made; ignored afterwards, when Secret Manager counts on."""
    rotation_days: int = 60
    """ENC-9: at most 90."""
    value: pulumi.Input[str] | None = None
    """A generated value. Left out, the owner of the secret adds it in Secret Manager."""
    readers: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Name to member. Each reads this secret and no other."""
    labels: Mapping[str, str] = field(default_factory=dict)
    protected: bool = True

    def __post_init__(self) -> None:
        require(1 <= self.rotation_days <= 90, "ENC-9", f"a secret is renewed within 90 days, not {self.rotation_days}")
        require(
            self.value is None or isinstance(self.value, pulumi.Output),
            "CHG-2",
            f"the value of {self.secret_id} must be a secret output, never a text in the program",
        )


class Secret(Component):
    """A secret that stays in the region of its key and cannot be deleted in passing."""

    token = "hosting:data:Secret"
    clauses: ClassVar[tuple[str, ...]] = ("ACC-10", "BAK-5", "CHG-2", "ENC-1", "ENC-9", "PRI-1")

    secret_id: pulumi.Output[str]

    def __init__(self, name: str, args: SecretArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        project = args.project
        use = args.key.use_by(project.agent(SECRET_MANAGER), project)
        secret = gcp.secretmanager.Secret(
            name,
            secret_id=args.secret_id,
            project=project.project_id,
            replication=gcp.secretmanager.SecretReplicationArgs(
                user_managed=gcp.secretmanager.SecretReplicationUserManagedArgs(
                    replicas=[
                        gcp.secretmanager.SecretReplicationUserManagedReplicaArgs(
                            location=args.key.location,
                            customer_managed_encryption=gcp.secretmanager.SecretReplicationUserManagedReplicaCustomerManagedEncryptionArgs(
                                kms_key_name=use.key_id
                            ),
                        )
                    ]
                )
            ),
            rotation=gcp.secretmanager.SecretRotationArgs(
                next_rotation_time=args.first_rotation, rotation_period=days(args.rotation_days)
            ),
            topics=[gcp.secretmanager.SecretTopicArgs(name=args.topic.topic_id)],
            version_destroy_ttl=days(DESTROY_DELAY_DAYS),
            deletion_protection=args.protected,
            deletion_policy="PREVENT" if args.protected else "DELETE",
            labels=args.labels,
            opts=self.child(
                provider=project.provider,
                depends_on=[use.grant, *args.topic.publishers, project.api(SECRET_MANAGER)],
                protect=args.protected,
                ignore_changes=["rotation.nextRotationTime"],
            ),
        )
        self.secret_id = known(f"projects/{project.project_id}/secrets/{args.secret_id}", secret)
        if args.value is not None:
            gcp.secretmanager.SecretVersion(
                name,
                secret=self.secret_id,
                secret_data=args.value,
                enabled=True,
                opts=self.child(provider=project.provider),
            )
        for reader, member in args.readers.items():
            gcp.secretmanager.SecretIamMember(
                f"{name}-{reader}",
                project=project.project_id,
                secret_id=self.secret_id,
                role="roles/secretmanager.secretAccessor",
                member=member,
                opts=self.child(provider=project.provider),
            )
        self.register_outputs({"secret_id": self.secret_id})
