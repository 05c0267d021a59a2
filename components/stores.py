"""The data and who works with it: identities, databases, secrets, and the copies of it all."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pulumi

from .backup_vault import BackupVault, BackupVaultArgs
from .backups import BackupPlan, Copies, CopiesArgs
from .base import Component
from .database import Database, DatabaseArgs, PasswordUser, Replica
from .discovery import PersonalDataScan, PersonalDataScanArgs
from .erasure import ErasureLedger, ErasureLedgerArgs
from .foundation import Foundation
from .identities import Identity, IdentityArgs
from .reencryption import Reencryption, ReencryptionArgs
from .roles import Role, RoleArgs
from .secrets import SECRET_MANAGER, Secret, SecretArgs, first_rotation
from .topic import Topic, TopicArgs

if TYPE_CHECKING:
    from config import StackConfig

LOGIN = ("cloudsql.instances.connect", "cloudsql.instances.get", "cloudsql.instances.login")
"""What it takes to open a connection to a database and to sign in with it."""


class Stores(Component):
    """Every database, secret and copy of the stack, and the identities of its workloads."""

    token = "hosting:data:Stores"
    clauses: ClassVar[tuple[str, ...]] = ("ACC-5", "AUT-2", "BAK-4", "ENC-9")

    identities: dict[str, Identity]
    """By workload."""
    login: Role | None
    """What it takes to sign in to a database; none where there is no database."""
    databases: dict[str, Database]
    secrets: dict[str, Secret]
    copies: Copies
    erasures: ErasureLedger | None

    def __init__(
        self, name: str, config: StackConfig, foundation: Foundation, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, None, opts)
        self._config, self._foundation = config, foundation
        self.identities = {name: self._identity(name) for name in config.workloads}
        self.databases = self._databases()
        self.secrets = self._secrets()
        self.copies = self._copies()
        self.erasures = self._erasures()
        self._vault()
        project, region = foundation.workload, config.regions.primary
        scan = PersonalDataScanArgs(project=project, region=region, tables=bool(config.datasets))
        PersonalDataScan("personal-data", scan, self.child())
        if self.databases:
            Reencryption(
                "reencryption",
                ReencryptionArgs(project=project, region=region, databases=self.databases),
                self.child(),
            )
        self.register_outputs({})

    def _identity(self, name: str) -> Identity:
        workload = self._config.workloads[name]
        return Identity(
            name,
            IdentityArgs(
                project=self._foundation.workload,
                account_id=name,
                purpose=workload.purpose,
                permissions=workload.permissions,
            ),
            self.child(),
        )

    def _databases(self) -> dict[str, Database]:
        config, foundation = self._config, self._foundation
        self.login = None
        if not config.databases:
            return {}
        login = self.login = Role(
            "databaseLogin",
            RoleArgs(
                project=foundation.workload,
                role_id="databaseLogin",
                title="Sign in to a database",
                description="Granted for single instances by condition",
                permissions=LOGIN,
            ),
            self.child(),
        )
        return {
            name: Database(
                name,
                DatabaseArgs(
                    project=foundation.workload,
                    network=foundation.network,
                    key=foundation.keys[spec.data_class],
                    region=config.regions.primary,
                    version=spec.version,
                    tier=spec.tier,
                    disk_limit_gb=spec.disk_limit_gb,
                    database_name=name.replace("-", "_"),
                    high_availability=spec.high_availability,
                    backup=self._plan(name),
                    in_vault=spec.backup.mode == "vault",
                    replicas={
                        label: Replica(
                            tier=replica.tier or spec.tier,
                            readers={w: self.identities[w] for w in replica.readers},
                        )
                        for label, replica in spec.replicas.items()
                    },
                    maintenance_day=spec.maintenance.day,
                    maintenance_hour=spec.maintenance.hour,
                    maintenance_track=spec.maintenance.track,
                    workloads={w: self.identities[w] for w, has in config.workloads.items() if name in has.databases},
                    login_role=login.role,
                    people=tuple(
                        sorted({row.group for row in config.access.values() if row.asset == f"database/{name}"})
                    ),
                    password_users={
                        user: PasswordUser(roles=built_in.roles, generation=built_in.generation)
                        for user, built_in in spec.built_in_users.items()
                    },
                    labels=config.labels(name),
                    protected=config.protects(name),
                ),
                self.child(providers=[foundation.random]),
            )
            for name, spec in config.databases.items()
        }

    def _plan(self, name: str) -> BackupPlan:
        backup = self._config.databases[name].backup
        return BackupPlan(
            location=self._config.regions.backup,
            at=backup.at,
            retained=backup.retained,
            recovery_days=backup.recovery_days,
            final_days=backup.final_days,
        )

    def _vault(self) -> None:
        """The other mode of backups: a vault keeps them, for the databases that say so."""
        config, foundation, spec = self._config, self._foundation, self._config.backups.vault
        if spec is None:
            return
        vault = BackupVault(
            "vault",
            BackupVaultArgs(
                project=foundation.backups,
                key=foundation.keys[spec.data_class],
                region=config.regions.backup,
                enforced_days=spec.enforced_days,
                labels=config.labels("vault"),
                protected=config.protects("vault"),
            ),
            self.child(),
        )
        for name, database in self.databases.items():
            if config.databases[name].backup.mode == "vault":
                vault.keep(name, database, self._plan(name), foundation.workload, config.regions.primary)

    def _secrets(self) -> dict[str, Secret]:
        config, foundation = self._config, self._foundation
        values: dict[str, pulumi.Output[str] | None] = dict.fromkeys(config.secrets.external)
        for name, database in self.databases.items():
            values |= {f"{name}-{user}": password for user, password in database.passwords.items()}
        if not values:
            return {}
        data_class = config.secrets.data_class
        topic = Topic(
            "secret-rotation",
            TopicArgs(
                project=foundation.workload,
                key=foundation.keys[data_class],
                regions=(config.regions.primary,),
                publishers={"secret-manager": foundation.workload.agent(SECRET_MANAGER).member},
                labels=config.labels("secrets"),
            ),
            self.child(),
        )
        return {
            name: Secret(
                name,
                SecretArgs(
                    project=foundation.workload,
                    key=foundation.keys[data_class],
                    topic=topic,
                    secret_id=name,
                    first_rotation=first_rotation(config.today),
                    rotation_days=config.secrets.rotation_days,
                    value=value,
                    readers={
                        w: self.identities[w].member for w, has in config.workloads.items() if name in has.secrets
                    },
                    labels=config.labels("secrets"),
                    protected=config.protects("secrets"),
                ),
                self.child(),
            )
            for name, value in values.items()
        }

    def _copies(self) -> Copies:
        config, foundation, exports = self._config, self._foundation, self._config.backups.exports
        return Copies(
            "exports",
            CopiesArgs(
                project=foundation.backups,
                key=foundation.keys[exports.data_class],
                region=config.regions.backup,
                retention_days=exports.retention_days,
                delete_after_days=exports.delete_after_days,
                soft_delete_days=exports.soft_delete_days,
                lock=exports.lock,
                lock_acknowledged=exports.acknowledgement is not None,
                writers={name: self.identities[name].member for name in exports.writers},
                readers={name: self.identities[name].member for name in exports.readers},
                labels=config.labels("exports"),
                protected=config.protects("exports"),
            ),
            self.child(),
        )

    def _erasures(self) -> ErasureLedger | None:
        config, foundation, erasure = self._config, self._foundation, self._config.erasure
        if erasure is None:
            return None
        return ErasureLedger(
            "erasures",
            ErasureLedgerArgs(
                project=foundation.backups,
                key=foundation.keys[erasure.data_class],
                region=config.regions.backup,
                retention_days=erasure.retention_days,
                delete_after_days=config.inventory["erasures"].retention_days,
                lock=erasure.lock,
                lock_acknowledged=erasure.acknowledgement is not None,
                access_log_bucket=self.copies.access_log,
                writers={name: self.identities[name].member for name in erasure.writers},
                readers={name: self.identities[name].member for name in erasure.readers},
                labels=config.labels("erasures"),
                protected=config.protects("erasures"),
            ),
            self.child(),
        )
