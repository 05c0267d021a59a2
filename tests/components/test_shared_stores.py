"""Buckets, datasets, topics, replicas and the vault: what the inventory and the stack file say is what is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components.backup_vault import BackupVaultArgs
from components.bucket import Bucket, BucketArgs
from components.database import DatabaseArgs, Replica
from components.dataset import DatasetArgs
from components.guardrails import Guardrails, GuardrailsArgs
from components.subscription import SubscriptionArgs
from tests.components import parts
from tests.judging import failures, verdicts
from tests.recording import Recording, record

BUCKET = "gcp:storage/bucket:Bucket"
DATASET = "gcp:bigquery/dataset:Dataset"
INSTANCE = "gcp:sql/databaseInstance:DatabaseInstance"
MEMBER = "gcp:projects/iAMMember:IAMMember"
PLAN = "gcp:backupdisasterrecovery/backupPlan:BackupPlan"
DAY_MS = 86_400_000


def grants(recording: Recording, kind: str, **where: str) -> dict[str, str]:
    """Role by member of the grants of a type on one thing."""
    found = [r.inputs for r in recording.of(kind) if all(r.inputs.get(key) == value for key, value in where.items())]
    return {one["member"].split(":")[1].split("@")[0]: one["role"].rsplit("/", 1)[-1] for one in found}


def test_a_bucket_keeps_what_its_row_says(production: Recording) -> None:
    """Retention, region, class and key come from the inventory, users from the stack file."""
    bucket = production.one(BUCKET, "invoices").inputs
    ages = {rule["condition"].get("age") for rule in bucket["lifecycleRules"]}
    assert 3650 in ages
    assert bucket["location"] == "EUROPE-WEST1"
    assert bucket["encryption"]["defaultKmsKeyName"].endswith("/cryptoKeys/customer")
    assert (bucket["labels"]["store"], bucket["labels"]["data-class"]) == ("invoices", "customer")
    assert bucket["publicAccessPrevention"] == "enforced"
    kind = "gcp:storage/bucketIAMMember:BucketIAMMember"
    assert grants(production, kind, bucket=bucket["name"]) == {
        "orders-api": "objectWriter",
        "report-runner": "objectReader",
        "reencryption": "objectKeyReader",
    }


def test_tables_expire_as_the_row_says(production: Recording) -> None:
    """Of a dataset that nobody can empty in passing."""
    dataset = production.one(DATASET).inputs
    assert dataset["defaultTableExpirationMs"] == dataset["defaultPartitionExpirationMs"] == 730 * DAY_MS
    assert dataset["deleteContentsOnDestroy"] is False
    kind = "gcp:bigquery/datasetIamMember:DatasetIamMember"
    assert grants(production, kind) == {
        "stock-worker": "bigquery.dataEditor",
        "report-runner": "bigquery.dataViewer",
    }
    queries = [r for r in production.of(MEMBER) if r.inputs["role"].endswith("queryRunner")]
    assert [r.inputs["member"].partition("@")[0] for r in queries] == ["serviceAccount:report-runner"]


def test_the_scan_covers_tables_where_there_are_any(production: Recording) -> None:
    """Personal data is looked for in datasets too (MIN-3)."""
    scan = production.one("gcp:dataloss/preventionDiscoveryConfig:PreventionDiscoveryConfig").inputs
    assert {key for target in scan["targets"] for key in target} == {
        "bigQueryTarget",
        "cloudSqlTarget",
        "cloudStorageTarget",
    }


def test_each_reader_of_a_topic_has_a_subscription_of_its_own(production: Recording) -> None:
    """One reader that is slow takes nothing from another."""
    subscription = production.one("gcp:pubsub/subscription:Subscription").inputs
    assert subscription["name"] == "order-events-stock-worker"
    assert subscription["messageRetentionDuration"] == "604800s"
    assert "pushConfig" not in subscription
    assert grants(production, "gcp:pubsub/subscriptionIAMMember:SubscriptionIAMMember") == {
        "stock-worker": "pubsub.subscriber"
    }


def test_a_replica_follows_and_keeps_nothing_itself(production: Recording) -> None:
    """It is as closed as its primary, in its region, under its key, with a right to connect of its own."""
    replica = production.one(INSTANCE, "orders-lists").inputs
    primary = production.one(INSTANCE, "orders").inputs
    assert replica["masterInstanceName"] == primary["name"]
    for same in ("ipConfiguration", "databaseFlags", "connectorEnforcement", "dataApiAccess", "userLabels"):
        assert replica["settings"][same] == primary["settings"][same], same
    assert "backupConfiguration" not in replica["settings"]
    assert replica["encryptionKeyName"] == primary["encryptionKeyName"]
    login = production.one(MEMBER, "orders-lists-stock-worker").inputs
    assert replica["name"] in login["condition"]["expression"]
    watched = [r for r in production.of("gcp:cloudscheduler/job:Job") if replica["name"] in str(r.inputs)]
    assert len(watched) <= 1


def test_a_database_in_the_vault_keeps_no_backups_itself(production: Recording) -> None:
    """The two modes exclude each other; the vault's plan is no weaker than the other mode (BAK-1, BAK-2, BAK-3)."""
    assert "backupConfiguration" not in production.one(INSTANCE, "inventory").inputs["settings"]
    assert production.one(INSTANCE, "orders").inputs["settings"]["backupConfiguration"]["enabled"] is True
    plan = production.one(PLAN).inputs
    assert (plan["logRetentionDays"], plan["backupRules"][0]["backupRetentionDays"]) == (7, 30)
    vault = production.one("gcp:backupdisasterrecovery/backupVault:BackupVault").inputs
    assert vault["location"] == "europe-west4" != plan["location"]
    assert vault["project"] != plan["project"]
    assert vault["backupMinimumEnforcedRetentionDuration"] == f"{30 * 86400}s"
    operator = production.one(MEMBER, "vault-example-prod-workload").inputs
    assert operator["role"] == "roles/backupdr.cloudSqlOperator"


def test_a_public_class_is_the_one_exception_and_every_part_of_it_is_judged() -> None:
    """The bucket, its grant and its project's guardrail each need a waiver; nothing else of it does (ACC-3)."""

    def build() -> None:
        assets, audit = parts.project("assets"), parts.project("audit")
        Guardrails("guardrails", GuardrailsArgs(projects=(assets, audit), allowed_locations=("a",), public=assets))
        public = parts.bucket_args(project=assets, public=True, access_log_bucket="audit-access-log")
        Bucket("site", public)
        Bucket("other", parts.bucket_args(project=audit, bucket_name="x", access_log_bucket="audit-access-log"))

    recording = record(build)
    found = {key for key in failures(recording) if "ACC-3" in key or "orgpolicy-restricts" in key}
    assert found == {
        "ACC-3 storage-not-public site-public",
        "ACC-3 storage-public-access-prevented site",
        "ACC-9 orgpolicy-restricts guardrails-example-prod-assets-storage.publicAccessPrevention",
    }
    reading = recording.one("gcp:storage/bucketIAMMember:BucketIAMMember", "site-public").inputs
    assert (reading["member"], reading["role"]) == ("allUsers", "roles/storage.legacyObjectReader")


def test_the_production_stack_is_clean_under_the_pack(production: Recording) -> None:
    """What the real engine proves in tests/e2e, in a second: no failure, and nothing undecided."""
    assert failures(production) == {}
    assert {v.rule.id for v in verdicts(production) if v.outcome == "undetermined"} == set()


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "public and locked": (lambda: parts.bucket_args(public=True, lock=True, retention_days=30), "ACC-3"),
    "tables for ever": (
        lambda: DatasetArgs(project=parts.project(), key=parts.key(), region=parts.PRIMARY, delete_after_days=0),
        "MIN-1",
    ),
    "dataset away from its key": (
        lambda: DatasetArgs(project=parts.project(), key=parts.key(), region=parts.BACKUP, delete_after_days=9),
        "ENC-7",
    ),
    "messages for a year": (
        lambda: SubscriptionArgs(project=parts.project(), topic=None, reader="x", retention_days=365),  # type: ignore[arg-type]
        "MIN-1",
    ),
    "vault for a week": (
        lambda: BackupVaultArgs(
            project=parts.project(), key=parts.key(parts.BACKUP), region=parts.BACKUP, enforced_days=7
        ),
        "BAK-4",
    ),
    "vault away from its key": (
        lambda: BackupVaultArgs(project=parts.project(), key=parts.key(), region=parts.BACKUP),
        "ENC-7",
    ),
    "replica of another edition": (
        lambda: parts.database_args(replicas={"lists": Replica(tier="db-perf-optimized-N-2")}),
        "HOS-6",
    ),
}


@pytest.mark.parametrize(("make", "clause"), REFUSED.values(), ids=REFUSED.keys())
def test_arguments_that_break_a_clause_are_refused(make: Callable[[], Any], clause: str) -> None:
    """Before any resource exists."""
    raised: list[str] = []

    def build() -> None:
        try:
            made: BucketArgs | DatabaseArgs = make()
            pulumi.export("made", str(type(made)))
        except ValueError as error:
            raised.append(str(error))

    record(build)
    assert len(raised) == 1
    assert raised[0].startswith(clause)
