"""Rotation that rotates: a schedule has Cloud SQL encrypt every database again with the newest key version."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component, require
from .database import Database
from .identities import Identity, IdentityArgs
from .projects import Project

SCHEDULER = "cloudscheduler.googleapis.com"


@dataclass(frozen=True, kw_only=True)
class ReencryptionArgs:
    """Which databases, how often. A key rotates every 90 days at most, so a month leaves no version long in use."""

    project: Project
    region: str
    databases: Mapping[str, Database]
    schedule: str = "30 3 1 * *"
    """Cron, UTC."""

    def __post_init__(self) -> None:
        require(bool(self.databases), "ENC-8", "there is no database to encrypt again")
        monthly = bool(re.fullmatch(r"\d+ \d+ (\d+|\*) \* (\d|\*)", self.schedule))
        require(monthly, "ENC-8", f"{self.schedule} does not run at least once a month")


class Reencryption(Component):
    """Google encrypts new data with the new version only; old data keeps the old one until it is encrypted again.

    The identity of the schedule may do this one thing. Cloud Audit Logs keep each run as evidence.
    """

    token = "hosting:encryption:Reencryption"
    clauses: ClassVar[tuple[str, ...]] = ("ENC-8",)

    def __init__(self, name: str, args: ReencryptionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        project = args.project
        identity = Identity(
            name,
            IdentityArgs(
                project=project,
                account_id=name,
                purpose="encrypts databases again after a rotation of their key",
                permissions=("cloudsql.instances.reencrypt",),
            ),
            self.child(),
        )
        instances = [pair for database in args.databases.values() for pair in database.instances.items()]
        for database_name, instance_name in instances:
            gcp.cloudscheduler.Job(
                f"{name}-{database_name}",
                name=f"{name}-{database_name}",
                project=project.project_id,
                region=args.region,
                description=f"ENC-8: encrypts {database_name} again with the newest key version",
                schedule=args.schedule,
                time_zone="Etc/UTC",
                paused=False,
                attempt_deadline="180s",
                retry_config=gcp.cloudscheduler.JobRetryConfigArgs(
                    retry_count=5, min_backoff_duration="60s", max_backoff_duration="3600s"
                ),
                http_target=gcp.cloudscheduler.JobHttpTargetArgs(
                    http_method="POST",
                    uri=pulumi.Output.concat(
                        f"https://sqladmin.googleapis.com/v1/projects/{project.project_id}/instances/",
                        instance_name,
                        "/reencrypt",
                    ),
                    oauth_token=gcp.cloudscheduler.JobHttpTargetOauthTokenArgs(
                        service_account_email=identity.account.email,
                        scope="https://www.googleapis.com/auth/cloud-platform",
                    ),
                ),
                opts=self.child(provider=project.provider, depends_on=[project.api(SCHEDULER)]),
            )
        self.register_outputs({})
