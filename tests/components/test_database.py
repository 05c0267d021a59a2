"""Databases: private, TLS only, own key, audited, backed up elsewhere, hard to delete, entered by IAM."""

from __future__ import annotations

import re
from typing import Any

import pytest

from components.backups import BackupPlan
from components.database import Database, DatabaseArgs, PasswordUser
from tests.components import parts
from tests.recording import Recorded, Recording, record

INSTANCE = "gcp:sql/databaseInstance:DatabaseInstance"
NAMES = ("orders", "inventory")


def build(**changes: Any) -> Recording:
    """A single database."""
    return record(lambda: Database("orders", parts.database_args(**changes)))


@pytest.fixture(params=NAMES)
def instance(request: pytest.FixtureRequest, production: Recording) -> Recorded:
    """Each instance of production."""
    return production.one(INSTANCE, request.param)


def test_it_has_no_public_address_and_no_authorized_network(instance: Recorded) -> None:
    """ipv4Enabled defaults to true, and 0.0.0.0/1 with 128.0.0.0/1 is everywhere without saying so (traps 2, 3)."""
    ip = instance.inputs["settings"]["ipConfiguration"]
    assert ip["ipv4Enabled"] is False
    assert ip["privateNetwork"] == "projects/example-prod-workload/global/networks/private"
    assert "authorizedNetworks" not in ip
    assert ip["enablePrivatePathForGoogleCloudServices"] is False


def test_it_takes_encrypted_connections_only(instance: Recorded) -> None:
    """An unset sslMode leaves whatever the instance has (trap 4)."""
    assert instance.inputs["settings"]["ipConfiguration"]["sslMode"] == "ENCRYPTED_ONLY"
    assert instance.inputs["settings"]["connectorEnforcement"] == "REQUIRED"


def test_its_certificates_rotate_by_themselves(instance: Recorded) -> None:
    """The provider accepts automatic rotation only with a CA of Google's CA service."""
    ip = instance.inputs["settings"]["ipConfiguration"]
    assert ip["serverCaMode"] == "GOOGLE_MANAGED_CAS_CA"
    assert ip["serverCertificateRotationMode"] == "AUTOMATIC_ROTATION_DURING_MAINTENANCE"


def test_it_cannot_be_reached_through_the_data_api(instance: Recorded) -> None:
    """ExecuteSql reaches a private database from the internet (trap 5)."""
    assert instance.inputs["settings"]["dataApiAccess"] == "DISALLOW_DATA_API"


def test_deletion_is_refused_on_four_levels(instance: Recorded) -> None:
    """deletionProtection guards the engine alone; the interface's own flag defaults to false (trap 6)."""
    assert instance.protect
    assert instance.inputs["deletionProtection"] is True
    assert instance.inputs["deletionPolicy"] == "PREVENT"
    assert instance.inputs["settings"]["deletionProtectionEnabled"] is True


def test_deletion_leaves_a_backup(instance: Recorded) -> None:
    """Backups go with the instance unless they are told to stay (trap 7)."""
    settings = instance.inputs["settings"]
    assert settings["retainBackupsOnDelete"] is True
    assert settings["finalBackupConfig"]["enabled"] is True
    assert settings["finalBackupConfig"]["retentionDays"] >= 30
    assert instance.inputs["finalBackupDescription"]


def test_every_backup_setting_is_written_out(production: Recording) -> None:
    """What is left out is computed, and its drift stays invisible (trap 1). A vault's database keeps none itself."""
    instance = production.one(INSTANCE, "orders")
    backup = instance.inputs["settings"]["backupConfiguration"]
    assert backup["enabled"] is True
    assert backup["pointInTimeRecoveryEnabled"] is True
    assert backup["transactionLogRetentionDays"] >= 7
    assert backup["backupRetentionSettings"]["retainedBackups"] >= 30
    assert backup["backupRetentionSettings"]["retentionUnit"] == "COUNT"
    assert backup["location"] == "europe-west4" != instance.inputs["region"]


def test_databases_are_backed_up_at_different_times(production: Recording) -> None:
    """Each database has its own window."""
    backups = [i.inputs["settings"].get("backupConfiguration") for i in production.of(INSTANCE)]
    starts = [backup["startTime"] for backup in backups if backup]
    plans = production.of("gcp:backupdisasterrecovery/backupPlan:BackupPlan")
    windows = [p.inputs["backupRules"][0]["standardSchedule"]["backupWindow"]["startHourOfDay"] for p in plans]
    starts += [f"{hour:02}:00" for hour in windows]
    assert len(starts) == 2
    assert sorted(starts) == sorted(set(starts))


def test_it_survives_the_loss_of_a_zone(instance: Recorded) -> None:
    """The default is one zone (MON-5)."""
    assert instance.inputs["settings"]["availabilityType"] == "REGIONAL"


def test_the_disk_grows_without_replacing_the_database(instance: Recorded) -> None:
    """A disk size beside autoresize replaces the instance when it has grown (trap 9)."""
    settings = instance.inputs["settings"]
    assert settings["diskAutoresize"] is True
    assert "diskSize" not in settings


def test_it_waits_for_the_grant_on_its_key_and_for_the_peering(instance: Recorded) -> None:
    """Neither is mentioned by the instance, and creation fails without them."""
    kinds = {urn.split("::")[2].split("$")[-1] for urn in instance.dependencies}
    assert "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember" in kinds
    assert "gcp:servicenetworking/connection:Connection" in kinds
    assert "gcp:projects/service:Service" in kinds
    keys = {urn.split("::")[2].split("$")[-1] for urn in instance.property_dependencies["encryptionKeyName"]}
    assert "gcp:kms/cryptoKey:CryptoKey" in keys


def test_the_key_lies_in_its_region_and_in_another_project(instance: Recorded) -> None:
    """ENC-7."""
    key = instance.inputs["encryptionKeyName"]
    assert key.startswith(f"projects/example-prod-keys/locations/{instance.inputs['region']}/")
    assert instance.inputs["project"] not in key


def test_databases_of_different_classes_have_different_keys(production: Recording) -> None:
    """One key per class of data."""
    keys = {name: production.one(INSTANCE, name).inputs["encryptionKeyName"] for name in NAMES}
    assert keys["orders"].endswith("/customer")
    assert keys["inventory"].endswith("/internal")


def test_its_name_ends_in_random_characters(instance: Recorded) -> None:
    """Google blocks the name of a deleted instance for a week."""
    assert instance.inputs["name"] == f"{instance.name}-abcdef"


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("cloudsql.enable_pgaudit", "on"),
        ("cloudsql.iam_authentication", "on"),
        ("log_checkpoints", "on"),
        ("log_connections", "on"),
        ("log_disconnections", "on"),
        ("log_duration", "on"),
        ("log_error_verbosity", "default"),
        ("log_executor_stats", "off"),
        ("log_hostname", "on"),
        ("log_lock_waits", "on"),
        ("log_min_duration_statement", "-1"),
        ("log_min_error_statement", "error"),
        ("log_min_messages", "warning"),
        ("log_parser_stats", "off"),
        ("log_planner_stats", "off"),
        ("log_statement", "ddl"),
        ("log_statement_stats", "off"),
        ("log_temp_files", "0"),
    ],
)
def test_postgres_logs_what_the_benchmarks_ask(instance: Recorded, flag: str, value: str) -> None:
    """CIS GCP 6.2.1 to 6.2.8 and the scanners' further flags (LOG-4)."""
    flags = {item["name"]: item["value"] for item in instance.inputs["settings"]["databaseFlags"]}
    assert flags[flag] == value


def test_pgaudit_logs_reads_writes_roles_and_definitions(instance: Recorded) -> None:
    """The extension alone logs nothing until it is told what."""
    flags = {item["name"]: item["value"] for item in instance.inputs["settings"]["databaseFlags"]}
    assert set(flags["pgaudit.log"].split(",")) >= {"read", "write", "role", "ddl"}


def test_workloads_sign_in_without_a_password(production: Recording) -> None:
    """AUT-2."""
    users = [u for u in production.of("gcp:sql/user:User") if u.inputs["type"] == "CLOUD_IAM_SERVICE_ACCOUNT"]
    assert sorted(user.inputs["name"] for user in users) == [
        "activity-anchor-orders@example-prod-workload.iam",
        "backup-export-inventory@example-prod-workload.iam",
        "backup-export-orders@example-prod-workload.iam",
        "orders-api@example-prod-workload.iam",
        "recovery-drill-inventory@example-prod-workload.iam",
        "recovery-drill-orders@example-prod-workload.iam",
        "stock-count@example-prod-workload.iam",
        "stock-worker@example-prod-workload.iam",
        "stock-worker@example-prod-workload.iam",
    ]
    assert not any("password" in user.inputs for user in users)


def test_people_sign_in_as_members_of_a_group(production: Recording) -> None:
    """ACC-1: no user of an individual, and no grant here; the right to connect is the matrix's."""
    people = [u for u in production.of("gcp:sql/user:User") if u.inputs["type"].startswith("CLOUD_IAM_GROUP")]
    assert [user.inputs["name"] for user in people] == ["orders-support@example.com"]
    assert [u for u in production.of("gcp:sql/user:User") if u.inputs["type"] == "CLOUD_IAM_USER"] == []


def test_users_that_own_objects_do_not_block_a_destroy(production: Recording) -> None:
    """PostgreSQL refuses to drop a role that owns something."""
    assert {user.inputs["deletionPolicy"] for user in production.of("gcp:sql/user:User")} == {"ABANDON"}


def test_a_password_user_is_no_superuser(production: Recording) -> None:
    """Cloud SQL makes a user without listed roles a member of cloudsqlsuperuser."""
    user = production.one("gcp:sql/user:User", "orders-password-reports")
    assert user.inputs["type"] == "BUILT_IN"
    assert user.inputs["databaseRoles"] == ["pg_read_all_data"]


def test_a_password_satisfies_the_policy_of_the_instance(production: Recording) -> None:
    """A generated password that the instance refuses would stop the deployment."""
    policy = production.one(INSTANCE, "orders").inputs["settings"]["passwordValidationPolicy"]
    assert policy["enablePasswordPolicy"] is True
    password = production.one("random:index/randomPassword:RandomPassword", "orders-password-reports").inputs
    assert password["length"] >= policy["minLength"] >= 16
    for kind in ("minLower", "minUpper", "minNumeric", "minSpecial"):
        assert password[kind] >= 1, kind


def test_a_higher_generation_makes_a_new_password() -> None:
    """The one way to renew it: everything else about it stays."""
    keepers = [
        build(password_users={"reports": PasswordUser(roles=("pg_read_all_data",), generation=generation)})
        .one("random:index/randomPassword:RandomPassword")
        .inputs["keepers"]
        for generation in (1, 2)
    ]
    assert keepers[0] != keepers[1]


def test_the_right_to_connect_holds_for_one_instance(production: Recording) -> None:
    """Cloud SQL has no policy of its own per instance: without a condition the role opens them all."""
    grants = [g for g in production.of("gcp:projects/iAMMember:IAMMember") if "databaseLogin" in g.inputs["role"]]
    workloads = [g for g in grants if g.inputs["member"].startswith("serviceAccount:")]
    assert len(workloads) == 8
    assert all("/instances/" in grant.inputs["condition"]["expression"] for grant in grants)
    for grant in workloads:
        database = re.sub(
            r"-(stock-worker|stock-count|orders-api|(backup-export|activity-anchor)-\w+)$", "", grant.name
        )
        expression = grant.inputs["condition"]["expression"]
        assert f'resource.name == "projects/example-prod-workload/instances/{database}-abcdef"' in expression


@pytest.mark.parametrize(
    ("changes", "clause"),
    [
        ({"region": "europe-west4"}, "BAK-3"),
        ({"backup": BackupPlan(location="europe-west4", recovery_days=14)}, "BAK-2"),
        ({"version": "MYSQL_8_0"}, "HOS-6"),
        ({"workloads": {"orders-api": object()}}, "AUT-2"),
    ],
)
def test_arguments_that_break_a_clause_are_refused(changes: dict[str, Any], clause: str) -> None:
    """Before any resource of the database exists."""
    with pytest.raises(ValueError, match=f"^{clause}: "):
        build(**changes)


def test_a_key_of_another_region_is_refused() -> None:
    """Cloud SQL takes only keys of its own region (trap 15)."""

    def program() -> None:
        Database("orders", DatabaseArgs(**{**vars(parts.database_args()), "key": parts.key(parts.BACKUP)}))

    with pytest.raises(ValueError, match=r"^ENC-7: "):
        record(program)


@pytest.mark.parametrize("roles", [(), ("cloudsqlsuperuser",)])
def test_superusers_with_passwords_are_refused(roles: tuple[str, ...]) -> None:
    """Also by leaving the roles out."""
    with pytest.raises(ValueError, match=r"^ACC-(6|10): "):
        PasswordUser(roles=roles)


def test_the_larger_edition_recovers_for_longer() -> None:
    """Enterprise Plus keeps up to 35 days of transaction logs."""
    plan = BackupPlan(location=parts.BACKUP, recovery_days=14)
    settings = build(tier="db-perf-optimized-N-2", backup=plan).one(INSTANCE).inputs["settings"]
    assert settings["edition"] == "ENTERPRISE_PLUS"
    assert settings["backupConfiguration"]["transactionLogRetentionDays"] == 14


def test_unprotecting_takes_off_every_level_at_once() -> None:
    """Half unprotected cannot be deleted, and half protected is not protected."""
    recording = build(protected=False)
    instance = recording.one(INSTANCE)
    assert not instance.protect
    assert instance.inputs["deletionProtection"] is False
    assert instance.inputs["deletionPolicy"] == "DELETE"
    assert instance.inputs["settings"]["deletionProtectionEnabled"] is False
    assert instance.inputs["settings"]["retainBackupsOnDelete"] is True
    assert not recording.one("gcp:sql/database:Database").protect
