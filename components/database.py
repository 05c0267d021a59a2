"""PostgreSQL on Cloud SQL: private, encrypted, audited, backed up elsewhere, and impossible to delete in passing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp
import pulumi_random as random

from .backups import BackupPlan
from .base import Component, require
from .identities import Identity
from .keys import DataKey
from .network import Network
from .postgres_flags import AUDIT_FLAGS
from .projects import Project

SQL = "sqladmin.googleapis.com"


@dataclass(frozen=True, kw_only=True)
class PasswordUser:
    """A user for software that cannot sign in by IAM."""

    roles: tuple[str, ...]
    """Without a role Cloud SQL makes the user a superuser."""
    generation: int = 1
    """A higher number makes a new password."""

    def __post_init__(self) -> None:
        require(bool(self.roles), "ACC-10", "a user with a password has listed database roles")
        for role in self.roles:
            require(not role.startswith("cloudsql"), "ACC-6", f"{role} is a superuser role")


@dataclass(frozen=True, kw_only=True)
class Replica:
    """A copy that follows the database, in its region."""

    tier: str
    readers: Mapping[str, Identity] = field(default_factory=dict)
    """Identities that sign in to it; each has a login on the database itself."""


@dataclass(frozen=True, kw_only=True)
class DatabaseArgs:
    """One instance with one database."""

    project: Project
    network: Network
    key: DataKey
    region: str
    version: str
    tier: str
    disk_limit_gb: int
    backup: BackupPlan
    database_name: str
    instance_prefix: str | None = None
    """What the instance's name begins with, where that is not the name of the component: it was made under another."""
    high_availability: bool = True
    """MON-5."""
    maintenance_day: int = 7
    """1 is Monday."""
    maintenance_hour: int = 4
    """UTC."""
    maintenance_track: str = "stable"
    workloads: Mapping[str, Identity] = field(default_factory=dict)
    """Identities that sign in by IAM."""
    visitors_of_copies: Mapping[str, Identity] = field(default_factory=dict)
    """Identities that sign in to copies of the instance alone: a login, without the right to connect to this one."""
    login_role: pulumi.Input[str] | None = None
    """The role that lets them connect; granted for this instance only."""
    people: tuple[str, ...] = ()
    """Groups that have a login; the right to connect comes from the need-to-know matrix, not from here."""
    password_users: Mapping[str, PasswordUser] = field(default_factory=dict)
    replicas: Mapping[str, Replica] = field(default_factory=dict)
    in_vault: bool = False
    """A backup vault keeps the backups; the instance then keeps none itself (BAK-1)."""
    labels: Mapping[str, str] = field(default_factory=dict)
    protected: bool = True

    def __post_init__(self) -> None:
        require(self.backup.location != self.region, "BAK-3", f"backups would lie in {self.region}, beside the data")
        require(self.region == self.key.location, "ENC-7", f"the key lies in {self.key.location}, not in {self.region}")
        require(self.version.startswith("POSTGRES_"), "HOS-6", f"{self.version} is not PostgreSQL")
        require(
            self.backup.recovery_days <= 7 or self.enterprise_plus,
            "BAK-2",
            "more than 7 days of recovery need a db-perf-optimized tier",
        )
        for name, replica in self.replicas.items():
            require(
                replica.tier.startswith("db-perf-optimized") == self.enterprise_plus,
                "HOS-6",
                f"replica {name} has a tier of another edition than {self.tier}",
            )
        require(not self.workloads or self.login_role is not None, "AUT-2", "workloads need a role to sign in with")

    @property
    def enterprise_plus(self) -> bool:
        """The edition follows from the tier."""
        return self.tier.startswith("db-perf-optimized")


class Database(Component):
    """One PostgreSQL instance.

    Every security-relevant setting that Cloud SQL would fill in itself is written out: what is left out is not
    managed, and nobody would see it change. Deletion is refused on four levels (the engine, the provider twice, and
    Google's interface); when it is allowed one day, a final backup stays. The name ends in random characters because
    Google blocks the name of a deleted instance for a week.
    """

    token = "hosting:data:Database"
    clauses: ClassVar[tuple[str, ...]] = (
        "ACC-10",
        "AUT-2",
        "BAK-1",
        "BAK-2",
        "BAK-3",
        "BAK-5",
        "ENC-1",
        "ENC-3",
        "ENC-7",
        "HOS-1",
        "HOS-2",
        "HOS-6",
        "LOG-4",
        "MON-5",
        "MON-6",
        "PRI-1",
    )

    instance_name: pulumi.Output[str]
    connection_name: pulumi.Output[str]
    """`<project>:<region>:<instance>`, as Cloud SQL's connectors want it."""
    itself: pulumi.Output[str]
    """A condition that is true of this instance and of no other."""
    instances: dict[str, pulumi.Output[str]]
    """The instance and its replicas, each encrypted and watched by itself: first name → name in the cloud."""
    replicas: dict[str, pulumi.Output[str]]
    """Connection names of the replicas."""
    passwords: Mapping[str, pulumi.Output[str]]
    """Generated passwords by user; secret outputs, for Secret Manager only."""

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        self._name, self._args = name, args
        suffix = random.RandomId(f"{name}-suffix", byte_length=3, opts=self.child(protect=args.protected))
        self._prefix = args.instance_prefix or name
        instance = self._instance(pulumi.Output.concat(self._prefix, "-", suffix.hex))
        self._instance_resource = instance
        self.instance_name = instance.name
        self.instances = {self._prefix: instance.name}
        self.connection_name = instance.connection_name
        self.itself = self.only(instance.name)
        gcp.sql.Database(
            name,
            name=args.database_name,
            project=args.project.project_id,
            instance=instance.name,
            charset="UTF8",
            collation="en_US.UTF8",
            deletion_policy="PREVENT" if args.protected else "ABANDON",
            opts=self._options(protect=args.protected),
        )
        for workload, identity in args.workloads.items():
            self._workload(workload, identity)
        self.replicas = {label: self._replica(label, spec, suffix.hex) for label, spec in args.replicas.items()}
        for visitor, identity in args.visitors_of_copies.items():
            options = self._options(depends_on=[identity.account])
            self._user(visitor, identity.database_user, "CLOUD_IAM_SERVICE_ACCOUNT", options)
        for group in args.people:
            self._user(f"group-{group.partition('@')[0]}", group, "CLOUD_IAM_GROUP", self._options())
        self.passwords = {user: self._password_user(user, spec) for user, spec in args.password_users.items()}
        self.register_outputs({"instance_name": self.instance_name, "connection_name": self.connection_name})

    def _options(self, **specifics: object) -> pulumi.ResourceOptions:
        return self.child(provider=self._args.project.provider, **specifics)

    def _instance(self, instance_name: pulumi.Output[str]) -> gcp.sql.DatabaseInstance:
        args = self._args
        use = args.key.use_by(args.project.agent(SQL), args.project)
        return gcp.sql.DatabaseInstance(
            self._name,
            name=instance_name,
            project=args.project.project_id,
            region=args.region,
            database_version=args.version,
            instance_type="CLOUD_SQL_INSTANCE",
            encryption_key_name=use.key_id,
            deletion_protection=args.protected,
            deletion_policy="PREVENT" if args.protected else "DELETE",
            final_backup_description=f"Last backup of {self._prefix}, taken when the instance was deleted",
            settings=self._settings(args.tier),
            opts=self._options(
                depends_on=[use.grant, args.network.services, args.project.api(SQL)], protect=args.protected
            ),
        )

    def only(self, instance_name: pulumi.Output[str]) -> pulumi.Output[str]:
        project = self._args.project.project_id
        return pulumi.Output.concat(
            f'resource.name == "projects/{project}/instances/',
            instance_name,
            '" && resource.type == "sqladmin.googleapis.com/Instance"',
        )

    def _settings(self, tier: str, *, follows: bool = False) -> gcp.sql.DatabaseInstanceSettingsArgs:
        """A replica has the settings of what it follows, but no standby, backups or maintenance window of its own."""
        args = self._args
        keeps = not follows and not args.in_vault
        return gcp.sql.DatabaseInstanceSettingsArgs(
            tier=tier,
            edition="ENTERPRISE_PLUS" if args.enterprise_plus else "ENTERPRISE",
            availability_type="REGIONAL" if args.high_availability and not follows else "ZONAL",
            activation_policy="ALWAYS",
            pricing_plan="PER_USE",
            disk_type="PD_SSD",
            disk_autoresize=True,
            disk_autoresize_limit=args.disk_limit_gb,
            connector_enforcement="REQUIRED",
            data_api_access="DISALLOW_DATA_API",
            deletion_protection_enabled=args.protected,
            retain_backups_on_delete=True,
            enable_google_ml_integration=False,
            final_backup_config=gcp.sql.DatabaseInstanceSettingsFinalBackupConfigArgs(
                enabled=True, retention_days=args.backup.final_days
            )
            if not follows
            else None,
            backup_configuration=self._backup() if keeps else None,
            ip_configuration=gcp.sql.DatabaseInstanceSettingsIpConfigurationArgs(
                ipv4_enabled=False,
                private_network=args.network.network_id,
                allocated_ip_range=args.network.services_range_name,
                enable_private_path_for_google_cloud_services=False,
                ssl_mode="ENCRYPTED_ONLY",
                server_ca_mode="GOOGLE_MANAGED_CAS_CA",
                server_certificate_rotation_mode="AUTOMATIC_ROTATION_DURING_MAINTENANCE",
            ),
            database_flags=[
                gcp.sql.DatabaseInstanceSettingsDatabaseFlagArgs(name=flag, value=value)
                for flag, value in AUDIT_FLAGS.items()
            ],
            insights_config=gcp.sql.DatabaseInstanceSettingsInsightsConfigArgs(
                query_insights_enabled=True,
                query_plans_per_minute=5,
                query_string_length=1024,
                record_application_tags=True,
                record_client_address=True,
            ),
            password_validation_policy=gcp.sql.DatabaseInstanceSettingsPasswordValidationPolicyArgs(
                enable_password_policy=True,
                min_length=16,
                complexity="COMPLEXITY_DEFAULT",
                disallow_username_substring=True,
                reuse_interval=5,
            ),
            maintenance_window=gcp.sql.DatabaseInstanceSettingsMaintenanceWindowArgs(
                day=args.maintenance_day, hour=args.maintenance_hour, update_track=args.maintenance_track
            )
            if not follows
            else None,
            user_labels=args.labels,
        )

    def _backup(self) -> gcp.sql.DatabaseInstanceSettingsBackupConfigurationArgs:
        plan = self._args.backup
        return gcp.sql.DatabaseInstanceSettingsBackupConfigurationArgs(
            enabled=True,
            start_time=plan.at,
            location=plan.location,
            point_in_time_recovery_enabled=True,
            transaction_log_retention_days=plan.recovery_days,
            backup_retention_settings=gcp.sql.DatabaseInstanceSettingsBackupConfigurationBackupRetentionSettingsArgs(
                retained_backups=plan.retained, retention_unit="COUNT"
            ),
        )

    def _user(self, label: str, user: str, kind: str, opts: pulumi.ResourceOptions) -> None:
        gcp.sql.User(
            f"{self._name}-{label}",
            name=user,
            project=self._args.project.project_id,
            instance=self.instance_name,
            type=kind,
            deletion_policy="ABANDON",
            opts=opts,
        )

    def _workload(self, workload: str, identity: Identity) -> None:
        """A login without password, and the right to connect to this instance and no other."""
        options = self._options(depends_on=[identity.account])
        self._user(workload, identity.database_user, "CLOUD_IAM_SERVICE_ACCOUNT", options)
        self._may_connect(f"{self._name}-{workload}", workload, identity, self._prefix, self.itself)

    def _may_connect(
        self, label: str, workload: str, identity: Identity, instance: str, expression: pulumi.Output[str]
    ) -> None:
        gcp.projects.IAMMember(
            label,
            project=self._args.project.project_id,
            role=self._args.login_role or "",
            member=identity.member,
            condition=gcp.projects.IAMMemberConditionArgs(
                title=f"only {instance}",
                description=f"{workload} signs in to {instance} and to no other instance",
                expression=expression,
            ),
            opts=self._options(),
        )

    def _replica(self, label: str, spec: Replica, suffix: pulumi.Output[str]) -> pulumi.Output[str]:
        """Logins come over from the database; the right to connect does not."""
        args, name = self._args, f"{self._name}-{label}"
        use = args.key.use_by(args.project.agent(SQL), args.project)
        replica = gcp.sql.DatabaseInstance(
            name,
            name=pulumi.Output.concat(f"{self._prefix}-{label}-", suffix),
            project=args.project.project_id,
            region=args.region,
            database_version=args.version,
            instance_type="READ_REPLICA_INSTANCE",
            master_instance_name=self.instance_name,
            encryption_key_name=use.key_id,
            deletion_protection=args.protected,
            deletion_policy="PREVENT" if args.protected else "DELETE",
            settings=self._settings(spec.tier, follows=True),
            opts=self._options(
                depends_on=[use.grant, args.network.services, args.project.api(SQL)], protect=args.protected
            ),
        )
        self.instances[f"{self._prefix}-{label}"] = replica.name
        for workload, identity in spec.readers.items():
            instance = f"{self._prefix}-{label}"
            self._may_connect(f"{name}-{workload}", workload, identity, instance, self.only(replica.name))
        return replica.connection_name

    def _password_user(self, user: str, spec: PasswordUser) -> pulumi.Output[str]:
        password = random.RandomPassword(
            f"{self._name}-password-{user}",
            length=40,
            special=True,
            override_special="-_.~",
            min_lower=4,
            min_upper=4,
            min_numeric=4,
            min_special=2,
            keepers={"generation": str(spec.generation)},
            opts=self.child(),
        )
        gcp.sql.User(
            f"{self._name}-password-{user}",
            name=user,
            project=self._args.project.project_id,
            instance=self.instance_name,
            type="BUILT_IN",
            password=password.result,
            database_roles=list(spec.roles),
            deletion_policy="ABANDON",
            opts=self._options(),
        )
        return pulumi.Output.secret(password.result)
