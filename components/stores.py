"""The data and who works with it: identities, databases, secrets, and the copies of it all."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, ClassVar

import pulumi

from .backup_vault import BackupVault, BackupVaultArgs
from .backups import BackupPlan, Copies, CopiesArgs
from .base import Component, renamed
from .database import Database, DatabaseArgs, PasswordUser, Replica
from .discovery import PersonalDataScan, PersonalDataScanArgs
from .erasure import ErasureLedger, ErasureLedgerArgs
from .foundation import Foundation
from .identities import Identity, IdentityArgs
from .job_catalogue import ANCHOR, EXPORT, KINDS, RECOVERY
from .roles import Role, RoleArgs
from .secrets import SECRET_MANAGER, Secret, SecretArgs, first_rotation
from .topic import Topic, TopicArgs

if TYPE_CHECKING:
    from config import StackConfig

LOGIN = ("cloudsql.instances.connect", "cloudsql.instances.get", "cloudsql.instances.login")
"""What it takes to open a connection to a database and to sign in with it."""


def named(workload: str, one: str) -> str:
    """The name of what a workload runs as, where it runs for each database on its own."""
    return f"{workload}-{one}" if one else workload


def _account_id(name: str) -> str:
    """The name, or where it is too long its beginning and a digest of it all."""
    return name if len(name) <= 30 else f"{name[:22].rstrip('-')}-{hashlib.sha256(name.encode()).hexdigest()[:7]}"


class Stores(Component):
    """Every database, secret and copy of the stack, and the identities of its workloads."""

    token = "hosting:data:Stores"
    clauses: ClassVar[tuple[str, ...]] = ("ACC-5", "AUT-2", "BAK-4", "ENC-9")

    identities: dict[str, Identity]
    """By workload; a job that runs for each database on its own has one for each."""
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
        self.identities = {
            named(workload, config.first_name(one)): self._identity(workload, config.first_name(one))
            for workload in config.workloads
            for one in self._each(workload)
        }
        self.databases = self._databases()
        self.secrets = self._secrets()
        self.copies = self._copies()
        self.erasures = self._erasures()
        self._vault()
        project, region = foundation.workload, config.regions.primary
        scan = PersonalDataScanArgs(project=project, region=region, tables=bool(config.datasets))
        PersonalDataScan("personal-data", scan, self.child())
        self.register_outputs({})

    def _each(self, workload: str) -> tuple[str, ...]:
        """The databases for each of which a job runs on its own; for everything else one nameless one."""
        kind = next((kind for kind in KINDS if kind.name == workload and kind.each), None)
        if kind is None:
            return ("",)
        return self._config.jobs.activity if kind is ANCHOR else tuple(self._config.databases)

    def _sign_in_to(self, database: str) -> tuple[str, ...]:
        """The workloads that list it, and the jobs that work on each database of theirs."""
        listed = (w for w, has in self._config.workloads.items() if database in has.databases)
        return (*listed, *(kind.name for kind in (EXPORT, ANCHOR) if kind.name in self._config.workloads))

    def who(self, *workloads: str, one: str | None = None) -> dict[str, Identity]:
        """The identities of some workloads: those that work on one database, or all of them."""
        first = self._config.first_name
        names = (named(w, first(o)) for w in workloads for o in self._each(w) if one is None or o in ("", one))
        return {name: self.identities[name] for name in names}

    def _identity(self, name: str, one: str) -> Identity:
        workload = self._config.workloads[name]
        return Identity(
            named(name, one),
            IdentityArgs(
                project=self._foundation.workload,
                account_id=_account_id(named(name, one)),
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
                    database_name=config.first_name(name).replace("-", "_"),
                    instance_prefix=spec.formerly,
                    high_availability=spec.high_availability,
                    backup=self._plan(name),
                    in_vault=spec.backup.mode == "vault",
                    replicas={
                        label: Replica(
                            tier=replica.tier or spec.tier,
                            readers=self.who(*replica.readers, one=name),
                        )
                        for label, replica in spec.replicas.items()
                    },
                    maintenance_day=spec.maintenance.day,
                    maintenance_hour=spec.maintenance.hour,
                    maintenance_track=spec.maintenance.track,
                    workloads=self.who(*self._sign_in_to(name), one=name),
                    visitors_of_copies=self.who(*({RECOVERY.name} & set(config.workloads)), one=name),
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
                self.child(providers=[foundation.random], **renamed(spec.formerly)),
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
        former: dict[str, str] = {}
        for name, database in self.databases.items():
            values |= {f"{name}-{user}": password for user, password in database.passwords.items()}
            was = config.databases[name].formerly
            former |= {f"{name}-{user}": f"{was}-{user}" for user in database.passwords if was is not None}
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
                    secret_id=former.get(name, name),
                    first_rotation=first_rotation(config.today),
                    rotation_days=config.secrets.rotation_days,
                    value=value,
                    readers={
                        w: self.identities[w].member for w, has in config.workloads.items() if name in has.secrets
                    },
                    labels=config.labels("secrets"),
                    protected=config.protects("secrets"),
                ),
                self.child(**renamed(former.get(name))),
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
                writers={name: identity.member for name, identity in self.who(*exports.writers).items()},
                readers={name: identity.member for name, identity in self.who(*exports.readers).items()},
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
                writers={name: identity.member for name, identity in self.who(*erasure.writers).items()},
                readers={name: identity.member for name, identity in self.who(*erasure.readers).items()},
                labels=config.labels("erasures"),
                protected=config.protects("erasures"),
            ),
            self.child(),
        )
