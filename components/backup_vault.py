"""A backup vault: backups that nobody deletes before their time, of databases that keep none themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .backups import BackupPlan
from .base import Component, days, require
from .database import Database
from .keys import DataKey
from .projects import Project

BACKUP_DR = "backupdr.googleapis.com"
SQL_INSTANCE = "sqladmin.googleapis.com/Instance"


@dataclass(frozen=True, kw_only=True)
class BackupVaultArgs:
    """Where the vault lies and what it enforces."""

    project: Project
    """The backups' own project (BAK-4)."""
    key: DataKey
    region: str
    enforced_days: int = 30
    """Days in which nobody can delete a backup."""
    labels: Mapping[str, str] = field(default_factory=dict)
    protected: bool = True

    def __post_init__(self) -> None:
        require(self.enforced_days >= 30, "BAK-4", f"a vault holds backups for 30 days, not {self.enforced_days}")
        require(self.region == self.key.location, "ENC-7", f"the key lies in {self.key.location}, not in {self.region}")


class BackupVault(Component):
    """The vault in another project and region than the data, and for each database a plan and its association.

    A plan and the backups of the instance itself exclude each other: attaching the plan turns the latter off.
    """

    token = "hosting:data:BackupVault"
    clauses: ClassVar[tuple[str, ...]] = ("BAK-1", "BAK-2", "BAK-3", "BAK-4", "BAK-5", "ENC-1", "PRI-1")

    vault_name: pulumi.Output[str]

    def __init__(self, name: str, args: BackupVaultArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        self._name, self._args = name, args
        project = args.project
        use = args.key.use_by(project.agent(BACKUP_DR), project)
        self._vault = gcp.backupdisasterrecovery.BackupVault(
            name,
            backup_vault_id=name,
            project=project.project_id,
            location=args.region,
            description="BAK-4: backups of databases, kept by force",
            backup_minimum_enforced_retention_duration=days(args.enforced_days),
            access_restriction="WITHIN_ORGANIZATION",
            encryption_config=gcp.backupdisasterrecovery.BackupVaultEncryptionConfigArgs(kms_key_name=use.key_id),
            force_update=False,
            force_delete=False,
            ignore_inactive_datasources=False,
            ignore_backup_plan_references=False,
            allow_missing=False,
            labels=args.labels,
            opts=self.child(
                provider=project.provider, depends_on=[use.grant, project.api(BACKUP_DR)], protect=args.protected
            ),
        )
        self.vault_name = self._vault.id
        self._operators: dict[str, gcp.projects.IAMMember] = {}
        self.register_outputs({"vault_name": self.vault_name})

    def keep(self, name: str, database: Database, plan: BackupPlan, workload: Project, region: str) -> None:
        """Have the vault keep the backups of a database: daily, for as long as its plan says."""
        start = int(plan.at.partition(":")[0])
        label = f"{self._name}-{name}"
        made = gcp.backupdisasterrecovery.BackupPlan(
            label,
            backup_plan_id=label,
            project=workload.project_id,
            location=region,
            resource_type=SQL_INSTANCE,
            backup_vault=self.vault_name,
            description=f"BAK-1: {name}, daily",
            log_retention_days=plan.recovery_days,
            backup_rules=[
                gcp.backupdisasterrecovery.BackupPlanBackupRuleArgs(
                    rule_id="daily",
                    backup_retention_days=plan.retained,
                    standard_schedule=gcp.backupdisasterrecovery.BackupPlanBackupRuleStandardScheduleArgs(
                        recurrence_type="DAILY",
                        time_zone="UTC",
                        backup_window=gcp.backupdisasterrecovery.BackupPlanBackupRuleStandardScheduleBackupWindowArgs(
                            start_hour_of_day=min(start, 18), end_hour_of_day=min(start, 18) + 6
                        ),
                    ),
                )
            ],
            opts=self.child(provider=workload.provider, depends_on=[workload.api(BACKUP_DR)]),
        )
        gcp.backupdisasterrecovery.BackupPlanAssociation(
            label,
            backup_plan_association_id=label,
            project=workload.project_id,
            location=region,
            resource_type=SQL_INSTANCE,
            resource=pulumi.Output.concat("projects/", workload.project_id, "/instances/", database.instance_name),
            backup_plan=made.id,
            opts=self.child(provider=workload.provider, depends_on=[self._operator(workload)]),
        )

    def _operator(self, workload: Project) -> gcp.projects.IAMMember:
        """The vault's own account makes backups of instances in the workload's project, and does nothing else there."""
        if workload.project_id not in self._operators:
            self._operators[workload.project_id] = gcp.projects.IAMMember(
                f"{self._name}-{workload.project_id}",
                project=workload.project_id,
                role="roles/backupdr.cloudSqlOperator",
                member=pulumi.Output.concat("serviceAccount:", self._vault.service_account),
                opts=self.child(provider=workload.provider),
            )
        return self._operators[workload.project_id]
