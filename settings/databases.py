"""The PostgreSQL databases: size, availability and backups. Who may sign in to them stands in access.yaml."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from .base import Mistake, Name, Named, Reason, Section, named, section, setting
from .data import unknown_class
from .limits import BACKUPS_RETAINED_MIN, FINAL_BACKUP_DAYS_MIN, RECOVERY_DAYS

if TYPE_CHECKING:
    from config import StackConfig

Group = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*@[a-z0-9-]+(\.[a-z0-9-]+)+$")]
"""Address of a Google group."""

SqlName = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]{0,62}$")]
"""A PostgreSQL identifier that never needs quotes."""

TIER = r"^db-(custom-\d+-\d+|perf-optimized-N-\d+)$"


class Backup(Section):
    """The schedule of one database. Backups lie in the backup region."""

    mode: Literal["own", "vault"] = setting("BAK-1", "own", "own")
    """Who keeps the backups: the database itself, or the vault of `backups.vault`, from which nobody can delete them
    before their time. One or the other, never both."""

    at: Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = setting("BAK-1", "02:00", "02:00")
    """Daily start, HH:MM in UTC."""

    retained: Annotated[int, Field(ge=BACKUPS_RETAINED_MIN, le=365)] = setting("BAK-2", 35, 35)
    """Daily backups kept."""

    recovery_days: Annotated[int, Field(ge=RECOVERY_DAYS, le=35)] = setting("BAK-2", 7, 7)
    """Days of point-in-time recovery; more than 7 only on a db-perf-optimized tier."""

    final_days: Annotated[int, Field(ge=FINAL_BACKUP_DAYS_MIN, le=365)] = setting("BAK-5", 90, 90)
    """Days for which the backup taken on deletion is kept."""


class Maintenance(Section):
    """The weekly hour in which Google may restart the database for updates."""

    day: Annotated[int, Field(ge=1, le=7)] = setting("HOS-6", 7, 7)
    """Day of the week, 1 is Monday."""

    hour: Annotated[int, Field(ge=0, le=23)] = setting("HOS-6", 4, 4)
    """Hour in UTC."""

    track: Literal["canary", "stable", "week5"] = setting("HOS-6", "stable", "stable")
    """How early updates arrive."""


def _role(value: str) -> str:
    if value.startswith("cloudsql") or value in ("postgres", "pg_execute_server_program", "pg_write_server_files"):
        raise ValueError(f"{value} is a role of superusers")
    return value


DatabaseRole = Annotated[SqlName, AfterValidator(_role)]
"""A role inside of the database."""


class BuiltInUser(Section):
    """A database user with a password, for software that cannot sign in by IAM. The password is generated."""

    reason: Reason = setting("AUT-2", "the reporting tool cannot sign in by IAM")
    """Why IAM does not work here."""

    roles: Annotated[tuple[DatabaseRole, ...], Field(min_length=1)] = setting("ACC-10", ["pg_read_all_data"])
    """Database roles; without any, Cloud SQL would make the user a superuser. A role of your own has to exist before
    it can stand here: start with one of PostgreSQL's, such as pg_read_all_data."""

    generation: Annotated[int, Field(ge=1)] = setting("ENC-9", 1, 1)
    """Raise it by one to generate a new password."""


class Replica(Section):
    """A copy that follows the database, for those who only read. In the region of the database, under its key."""

    purpose: Reason = setting("HOS-6", "reports that must not slow down orders")
    """What reads there instead of from the database itself."""

    tier: Annotated[str, StringConstraints(pattern=TIER)] | None = setting("HOS-6", "db-custom-2-7680", None)
    """Machine type; left out, that of the database."""

    readers: tuple[str, ...] = setting("ACC-10", ["report-runner"], ())
    """Workloads that sign in to it, by IAM; each has the database in its list too."""


class Database(Section):
    """One Cloud SQL instance with one PostgreSQL database of the same name."""

    data_class: str = setting("MIN-2", "customer")
    """The class of what it stores; decides the key."""

    formerly: Name | None = setting("CHG-5", "sales", None)
    """The name under which it was made, when the stack file calls it something else now. In the cloud it keeps that
    name for ever: renaming it there would mean another, empty one."""

    version: Literal["POSTGRES_15", "POSTGRES_16", "POSTGRES_17", "POSTGRES_18"] = setting("HOS-6", "POSTGRES_17")
    """Major version; raise it one step at a time."""

    tier: Annotated[str, StringConstraints(pattern=TIER)] = setting("HOS-6", "db-custom-2-7680")
    """Machine type; shared-core machines have no service level and are refused."""

    disk_limit_gb: Annotated[int, Field(ge=10, le=65536)] = setting("HOS-6", 200)
    """How far the disk may grow by itself."""

    high_availability: bool = setting("MON-5", True, True)
    """A standby in another zone."""

    backup: Backup = section("BAK-1", Backup())
    """When, how many, how long."""

    maintenance: Maintenance = section("HOS-6", Maintenance())
    """When updates may restart it."""

    built_in_users: Named[BuiltInUser] = named("AUT-2", "reports", {})
    """Users with passwords; better none."""

    replicas: Named[Replica] = named("HOS-6", "reports", {})
    """Copies to read from."""

    @property
    def enterprise_plus(self) -> bool:
        """Whether the tier belongs to the edition with longer recovery."""
        return self.tier.startswith("db-perf-optimized")


def check(config: StackConfig) -> Iterator[Mistake]:
    """Refuse a database without a class, or alone in production."""
    for name, database in config.databases.items():
        key = f"databases.{name}"
        yield from _reserved(key, database)
        yield from unknown_class(config, f"{key}.dataClass", database.data_class, "primary")
        yield from _replicas(config, name, database)
        if database.backup.mode == "vault" and config.backups.vault is None:
            yield Mistake(
                key=f"{key}.backup.mode",
                clause="BAK-1",
                problem="is vault, and the stack has no backups.vault",
                example=f"backups.vault: {{dataClass: {config.backups.exports.data_class}}}, or mode: own",
                others=("backups.vault",),
            )
        if config.company.production and not database.high_availability:
            yield Mistake(
                key=f"{key}.highAvailability",
                clause="MON-5",
                problem="is off, and this stack is production",
                example="highAvailability: true",
                others=("company.environment",),
            )
        if database.backup.recovery_days > RECOVERY_DAYS and not database.enterprise_plus:
            yield Mistake(
                key=f"{key}.backup.recoveryDays",
                clause="BAK-2",
                problem=f"{database.backup.recovery_days} days need a db-perf-optimized tier; this one allows 7",
                example="recoveryDays: 7",
                others=(f"{key}.tier",),
            )


def _reserved(key: str, database: Database) -> Iterator[Mistake]:
    for user in database.built_in_users:
        if user == "postgres" or user.startswith("cloudsql"):
            yield Mistake(
                key=f"{key}.builtInUsers.{user}",
                clause="ACC-6",
                problem=f"{user} is a superuser of Cloud SQL itself",
                example="reports: {reason: the reporting tool cannot sign in by IAM, roles: [pg_read_all_data]}",
            )


def _replicas(config: StackConfig, name: str, database: Database) -> Iterator[Mistake]:
    for replica, spec in database.replicas.items():
        key = f"databases.{name}.replicas.{replica}"
        if spec.tier is not None and spec.tier.startswith("db-perf-optimized") != database.enterprise_plus:
            yield Mistake(
                key=f"{key}.tier",
                clause="HOS-6",
                problem=f"{spec.tier} belongs to another edition than {database.tier} of the database",
                example=f"tier: {database.tier}",
                others=(f"databases.{name}.tier",),
            )
        for workload in spec.readers:
            if workload not in config.workloads or name not in config.workloads[workload].databases:
                yield Mistake(
                    key=f"{key}.readers",
                    clause="ACC-10",
                    problem=f"{workload} is no workload with {name} among its databases, so it has no login there",
                    example=f"workloads.{workload}.databases: [{name}]",
                    others=("workloads",),
                )
