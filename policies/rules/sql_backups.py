"""Backups of Cloud SQL: daily, elsewhere, long enough, to any moment, and not deleted together with the database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policies.graph import Graph
from policies.model import Resource, gcp
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules._facts import at_least_days, boolean
from policies.rules._sql import INSTANCE, engine, follower

_BACKUP = "settings.backupConfiguration"
_BASE = {"databaseVersion": "POSTGRES_17"}
_DOCS = ("https://cloud.google.com/sql/docs/postgres/backup-recovery/backups",)
_REPLICA = {"databaseVersion": "POSTGRES_17", "masterInstanceName": "primary"}
ASSOCIATION = gcp("backupdisasterrecovery/backupPlanAssociation")


def in_vault(instance: Resource) -> bool:
    """Whether a backup plan of this stack keeps the instance's backups in a vault instead."""
    graph = instance.graph
    if graph is None:
        return False
    kept = graph.once(_in_vaults)
    return instance.urn in kept or f"/instances/{instance.output('name')}" in kept


def _in_vaults(graph: Graph) -> set[str]:
    """The instances that backup plans are associated with: their URNs, and the ends of the names that are given."""
    found: set[str] = set()
    for association in graph.of(ASSOCIATION):
        found.update(graph.sources(association, "resource", INSTANCE))
        reference = association.raw("resource")
        if isinstance(reference, str):
            found.add("/" + "/".join(reference.split("/")[-2:]))
    return found


def _on(**backup: Any) -> dict[str, Any]:
    return {
        "name": "main",
        "databaseVersion": "POSTGRES_17",
        "region": "europe-west1",
        "settings": {"tier": "db-custom-1-3840", "backupConfiguration": backup},
    }


def _vault_or_follower(instance: Resource) -> str | None:
    return follower(instance) or ("a backup plan keeps the backups in a vault" if in_vault(instance) else None)


boolean(
    {INSTANCE: f"{_BACKUP}.enabled"},
    base={"name": "main", "databaseVersion": "POSTGRES_17"},
    missing="is not set: the database is not backed up",
    guard=_vault_or_follower,
    graph=True,
    remedy=True,
    id="sql-backed-up",
    clause="BAK-1",
    title="Databases are backed up automatically",
    severity="critical",
    fix='settings={"backup_configuration": {"enabled": True, …}}',
    references=(
        "checkov:CKV_GCP_14",
        "trivy:GCP-0024",
        "kics:sql_db_instance_backup_disabled",
        "prowler:cloudsql_instance_automated_backups",
        "cis-gcp:6.7",
        "terrascan:AC_GCP_0001",
    ),
    sources=_DOCS,
    traps=(1,),
    not_applicable=(
        _REPLICA,
        {"databaseVersion": "POSTGRES_17", "instanceType": "READ_REPLICA_INSTANCE"},
        (
            Sample(INSTANCE, {"name": "main", "databaseVersion": "POSTGRES_17"}, name="database"),
            Sample(
                ASSOCIATION,
                {"resource": "projects/p/instances/main", "resourceType": "sqladmin.googleapis.com/Instance"},
                name="plan",
            ),
        ),
    ),
    why="A database without backups is one mistake away from being gone. A replica repeats the mistake at once.",
)


@rule(
    id="sql-backup-one-mode",
    clause="BAK-1",
    title="A database is backed up either by itself or by a backup plan, not by both",
    severity="high",
    types=(INSTANCE,),
    decides=(f"{_BACKUP}.enabled",),
    absent="pass",
    fix='remove "backup_configuration" from the settings, or the association with the backup plan',
    sources=("https://cloud.google.com/sql/docs/postgres/backup-recovery/backup-options",),
    graph=True,
    good=(
        (
            Sample(INSTANCE, _on(enabled=False), name="database"),
            Sample(ASSOCIATION, {"resource": "//sqladmin.googleapis.com/projects/p/instances/main"}, name="plan"),
        ),
        _on(enabled=True),
    ),
    bad=(
        (
            Sample(INSTANCE, _on(enabled=True), name="database"),
            Sample(ASSOCIATION, {"resource": "//sqladmin.googleapis.com/projects/p/instances/main"}, name="plan"),
        ),
    ),
)
def one_mode(instance: Resource) -> Iterator[Finding]:
    """Attaching a backup plan turns the instance's own backups off behind the code's back; the next update then fails
    or turns the vault's protection off again. The two modes exclude each other."""
    if instance.flag(f"{_BACKUP}.enabled") and in_vault(instance):
        yield fail(instance, f"{_BACKUP}.enabled", "is on, but a backup plan manages the backups of this database")


@rule(
    id="sql-backups-elsewhere",
    clause="BAK-3",
    title="Backups of databases lie in another region than the database",
    severity="high",
    types=(INSTANCE,),
    decides=(f"{_BACKUP}.location",),
    fix='settings={"backup_configuration": {"location": "europe-west4", …}}',
    sources=("https://cloud.google.com/sql/docs/postgres/backup-recovery/backups#locations",),
    traps=(1,),
    graph=True,
    good=(_on(enabled=True, location="europe-west4"), _on(enabled=True, location="eu")),
    bad=(_on(enabled=True), _on(enabled=True, location="europe-west1"), _on(enabled=True, location="EUROPE-WEST1")),
    not_applicable=(_REPLICA,),
)
def backups_elsewhere(instance: Resource) -> Iterator[Finding]:
    """What takes a region away takes the backups in it away too. Unset, Google picks the nearest multi-region."""
    if reason := _vault_or_follower(instance):
        yield skip(reason)
        return
    location = instance.text(f"{_BACKUP}.location")
    if location is None:
        yield fail(instance, f"{_BACKUP}.location", "is not set: Google chooses where the backups lie")
        return
    region = instance.text("region") or _region_of_provider(instance)
    if region is None:
        yield unsure(instance, "region", "is set neither here nor on the provider, so it cannot be compared")
    elif location.lower() == region.lower():
        yield fail(instance, f"{_BACKUP}.location", f"is {location}, the region of the database itself")


def _region_of_provider(instance: Resource) -> str | None:
    provider = instance.graph.provider_of(instance) if instance.graph else None
    region = provider.output("region") if provider else instance.outputs.get("region")
    return region if isinstance(region, str) else None


@rule(
    id="sql-backups-kept",
    clause="BAK-2",
    title="At least 30 daily backups of a database are kept",
    severity="high",
    types=(INSTANCE,),
    decides=(f"{_BACKUP}.backupRetentionSettings.retainedBackups",),
    fix='"backup_retention_settings": {"retained_backups": 30, "retention_unit": "COUNT"}',
    sources=("https://cloud.google.com/sql/docs/postgres/backup-recovery/backups#retention",),
    traps=(1,),
    graph=True,
    params={"min_backups": 30},
    good=(
        _on(enabled=True, backupRetentionSettings={"retainedBackups": 30}),
        _on(enabled=True, backupRetentionSettings={"retainedBackups": "365", "retentionUnit": "count"}),
    ),
    bad=(
        _on(enabled=True),
        _on(enabled=True, backupRetentionSettings={"retainedBackups": 7}),
        _on(
            enabled=True, backupRetentionSettings={"retainedBackups": 30, "retentionUnit": "RETENTION_UNIT_UNSPECIFIED"}
        ),
    ),
    not_applicable=(_REPLICA,),
)
def backups_kept(instance: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """Google keeps 7 unless told otherwise (Enterprise Plus: 15): damage that is noticed after a holiday is final."""
    if reason := _vault_or_follower(instance):
        yield skip(reason)
        return
    path = f"{_BACKUP}.backupRetentionSettings.retainedBackups"
    kept = instance.number(path)
    if kept is None or kept < float(params["min_backups"]):
        yield fail(instance, path, f"is {instance.show(path)}, less than {params['min_backups']}")
    unit = f"{_BACKUP}.backupRetentionSettings.retentionUnit"
    if instance.upper(unit, "COUNT") != "COUNT":
        yield fail(instance, unit, f"is {instance.show(unit)}, not COUNT")


boolean(
    {INSTANCE: f"{_BACKUP}.binaryLogEnabled"},
    base={"databaseVersion": "MYSQL_8_0"},
    missing="is not set: the database can only be restored to the moment of a backup",
    guard=lambda i: follower(i) or (None if engine(i) == "MYSQL" else "binary logs are MySQL's"),
    remedy=True,
    id="sql-mysql-point-in-time",
    clause="BAK-2",
    title="MySQL can be restored to any moment: the binary log is on",
    severity="high",
    fix='"binary_log_enabled": True',
    references=("checkov:CKV2_GCP_20",),
    sources=("https://cloud.google.com/sql/docs/mysql/backup-recovery/pitr",),
    traps=(1,),
    not_applicable=(_BASE, {"databaseVersion": "MYSQL_8_0", "masterInstanceName": "primary"}),
    why="Without the binary log everything since the last nightly backup is lost.",
)

boolean(
    {INSTANCE: f"{_BACKUP}.pointInTimeRecoveryEnabled"},
    base=_BASE,
    missing="is not set: the database can only be restored to the moment of a backup",
    guard=lambda i: (
        _vault_or_follower(i)
        or (None if engine(i) in ("POSTGRES", "SQLSERVER") else "MySQL uses binary_log_enabled instead")
    ),
    graph=True,
    remedy=True,
    id="sql-point-in-time",
    clause="BAK-2",
    title="PostgreSQL and SQL Server can be restored to any moment",
    severity="high",
    fix='"point_in_time_recovery_enabled": True',
    sources=("https://cloud.google.com/sql/docs/postgres/backup-recovery/pitr",),
    traps=(1,),
    not_applicable=({"databaseVersion": "MYSQL_8_0"}, _REPLICA),
    why="Without write-ahead logs everything since the last nightly backup is lost.",
)

at_least_days(
    {INSTANCE: f"{_BACKUP}.transactionLogRetentionDays"},
    days=7,
    unit=86400.0,
    base=_BASE,
    missing="is not set: how far back one can go is left to Google and shows no drift",
    guard=_vault_or_follower,
    graph=True,
    id="sql-transaction-logs-kept",
    clause="BAK-2",
    title="Databases can be restored to any moment of the last seven days",
    severity="medium",
    fix='"transaction_log_retention_days": 7',
    sources=("https://cloud.google.com/sql/docs/postgres/backup-recovery/pitr#log-retention",),
    traps=(1,),
    not_applicable=(_REPLICA,),
    why="Corruption is often found days later. Seven days is the most that every edition allows.",
)
