"""Who may change what, who is told, and where it is written down: the governance side of the stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pulumi

from .alerts import Alerts, AlertsArgs, Channels, ChannelsArgs
from .audit_logs import AuditLogs, AuditLogsArgs
from .base import Component
from .contacts import Contacts, ContactsArgs
from .environments import Environment
from .federation import Federation, FederationArgs, Trusted
from .foundation import Foundation
from .guardrails import Exempt, Guardrails, GuardrailsArgs
from .job_metrics import JobMetrics, JobMetricsArgs
from .log_archive import LogArchive, LogArchiveArgs
from .repository import Repository, RepositoryArgs
from .topic import Topic, TopicArgs

if TYPE_CHECKING:
    from config import Stack, StackConfig


BUILD = "build"
"""Role, and GitHub environment, of the identity that makes images. Those that preview and apply this program are made
by the bootstrap program: what decides who may run the stack is not part of the stack."""


def repository_of(config: Stack, *environments: Environment) -> RepositoryArgs:
    """The repository that the stack file names."""
    delivery = config.delivery
    return RepositoryArgs(
        owner=delivery.owner,
        repository=delivery.repository,
        branch=delivery.branch,
        checks=delivery.checks,
        approvals=delivery.approvals,
        description="The company's hosting as code",
        allowed_actions=("google-github-actions/auth@*",),
        environments=environments,
    )


class Governance(Component):
    """Guardrails, audit logs, the log archive, alerts, contacts, and the way changes come in."""

    token = "hosting:governance:Governance"
    clauses: ClassVar[tuple[str, ...]] = ("CHG-3", "REV-2", "LOG-2")

    archive: LogArchive
    federation: Federation
    channels: Channels
    job_metrics: JobMetrics

    def __init__(
        self, name: str, config: StackConfig, foundation: Foundation, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, None, opts)
        self._config, self._foundation = config, foundation
        projects = foundation.projects
        self._guardrails()
        for project in projects:
            project.api("cloudasset.googleapis.com")
        AuditLogs("audit", AuditLogsArgs(projects=projects), self.child())
        self.archive = self._archive()
        self.federation = self._delivery()
        self.channels = self._alerts()
        self.job_metrics = JobMetrics(
            "jobs", JobMetricsArgs(project=foundation.audit, log_bucket=self.archive.log_bucket), self.child()
        )
        contacts = config.monitoring.contacts.model_dump(exclude_none=True)
        Contacts(
            "contacts",
            ContactsArgs(projects=projects, contacts={key.upper(): address for key, address in contacts.items()}),
            self.child(),
        )
        self.register_outputs({"log_bucket": self.archive.log_bucket})

    def _guardrails(self) -> None:
        config, guardrails = self._config, self._config.guardrails
        Guardrails(
            "guardrails",
            GuardrailsArgs(
                projects=self._foundation.projects,
                allowed_locations=config.regions.allowed,
                public=self._foundation.assets,
                added=guardrails.enforced,
                trials=guardrails.tried,
                exceptions={
                    name: Exempt(
                        constraint=one.constraint,
                        project_id=one.project,
                        reason=one.reason,
                        expires=one.expires,
                        values=one.values,
                    )
                    for name, one in guardrails.exceptions.items()
                },
            ),
            self.child(),
        )

    def _archive(self) -> LogArchive:
        logging = self._config.logging
        return LogArchive(
            "logs",
            LogArchiveArgs(
                project=self._foundation.audit,
                key=self._foundation.keys[logging.data_class],
                region=self._config.regions.primary,
                sources=self._foundation.projects,
                organization_id=logging.organization,
                retention_days=logging.retention_days,
                lock=logging.lock,
                lock_acknowledged=logging.acknowledgement is not None,
                labels=self._config.labels("logs"),
                protected=self._config.protects("logs"),
            ),
            self.child(),
        )

    def _delivery(self) -> Federation:
        delivery = self._config.delivery
        release = Environment(name=BUILD, reviewer_team_ids=delivery.reviewer_teams, deploys=True)
        Repository("repository", repository_of(self._config, release), self.child())
        return Federation(
            "github",
            FederationArgs(
                project=self._foundation.delivery,
                owner_id=delivery.owner_id,
                repository_id=delivery.repository_id,
                branch=delivery.branch,
                identities={BUILD: Trusted(environment=BUILD, purpose="pushes and vouches for images")},
            ),
            self.child(),
        )

    def _alerts(self) -> Channels:
        config, audit = self._config, self._foundation.audit
        topic = Topic(
            "alerts",
            TopicArgs(
                project=audit,
                key=self._foundation.keys[config.logging.data_class],
                regions=(config.regions.primary,),
                publishers={"monitoring": audit.agent("monitoring.googleapis.com").member},
                labels=config.company.labels,
            ),
            self.child(),
        )
        channels = Channels(
            "alerts",
            ChannelsArgs(
                project=audit, email=config.monitoring.email, topic=topic.topic_id, labels=config.company.labels
            ),
            self.child(),
        )
        Alerts(
            "alerts",
            AlertsArgs(
                project=audit,
                log_bucket=self.archive.log_bucket,
                channels=channels,
                jobs_in=config.projects.workload,
                deployer=f"ci-deploy@{config.projects.delivery}.iam.gserviceaccount.com",
                break_glass=config.organization.break_glass if config.organization is not None else None,
                labels=config.company.labels,
            ),
            self.child(),
        )
        return channels
