"""The ledger of erasures: who may do what with it, and that it outlives every backup."""

from __future__ import annotations

from typing import Any

import pytest

from components.erasure import ErasureLedger, ErasureLedgerArgs
from config import ConfigError, parse
from tests.components import parts
from tests.components.test_backups import account, permissions
from tests.recording import Recording, record
from tests.test_config import sections

BUCKET = "gcp:storage/bucket:Bucket"
NAME = "example-prod-backups-erasures"


def test_a_writer_can_add_records_and_nothing_else(production: Recording) -> None:
    """Whoever takes over the application can neither read whom it erased nor take an erasure back."""
    assert permissions(production, NAME, account("orders-api")) == {"storage.objects.create"}


def test_a_reader_can_read_records_and_nothing_else(production: Recording) -> None:
    """The drill replays."""
    assert permissions(production, NAME, account("restore-drill-inventory")) == {
        "storage.objects.get",
        "storage.objects.list",
    }


@pytest.mark.parametrize("workload", ["stock-worker", "report-runner", "backup-export-orders"])
def test_other_workloads_cannot_touch_the_ledger(production: Recording, workload: str) -> None:
    """Need to know."""
    assert permissions(production, NAME, account(workload)) == set()


def test_records_are_locked_until_no_backup_is_left(production: Recording) -> None:
    """Exported copies live 90 days and 14 in the bin: the ledger is locked for longer, then deleted."""
    ledger = production.one(BUCKET, "erasures")
    assert ledger.inputs["retentionPolicy"] == {"isLocked": True, "retentionPeriod": str(400 * 86_400)}
    assert {rule["condition"].get("age") for rule in ledger.inputs["lifecycleRules"]} >= {430}
    assert ledger.protect
    assert ledger.inputs["deletionPolicy"] == "PREVENT"


def test_access_to_the_ledger_is_logged(production: Recording) -> None:
    """In the log that also has the access to the copies."""
    ledger = production.one(BUCKET, "erasures")
    assert ledger.inputs["logging"]["logBucket"] == "example-prod-backups-access-log"


GOOD: dict[str, Any] = {"retention_days": 400, "delete_after_days": 430, "region": "europe-west4"}


def ledger(**changes: Any) -> None:
    """A ledger of its own."""
    args = {**GOOD, "writers": {"api": "serviceAccount:a@b"}, "readers": {"drill": "serviceAccount:c@d"}, **changes}
    ErasureLedger(
        "erasures",
        ErasureLedgerArgs(project=parts.project("backups", parts.BACKUP), key=parts.key(parts.BACKUP), **args),
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"retention_days": 29}, "30 days or more"),
        ({"lock": True}, "acknowledged"),
        ({"writers": {}}, "nobody writes"),
        ({"readers": {}}, "nobody reads"),
        ({"readers": {"api": "serviceAccount:a@b"}}, "both write and read"),
        ({"delete_after_days": 400}, "after their retention"),
    ],
)
def test_a_ledger_that_proves_nothing_is_refused(changes: dict[str, Any], says: str) -> None:
    """Before any resource exists."""
    with pytest.raises(ValueError, match=says):
        record(lambda: ledger(**changes))


@pytest.mark.parametrize(
    ("key", "value", "clause", "says"),
    [
        ("retentionDays", 103, "PRI-2", "104 days of backups.exports"),
        ("lock", False, "PRI-2", "production"),
        ("acknowledgement", "yes", "PRI-2", "missing or different"),
        ("readers", ["orders-api"], "PRI-2", "also a writer"),
        ("writers", ["nobody-there"], "ACC-5", "not one of workloads"),
        ("dataClass", "customer", "ENC-7", "primary region"),
    ],
)
def test_a_ledger_that_ends_before_the_backups_is_refused(key: str, value: Any, clause: str, says: str) -> None:
    """And one that could be changed, or that serves nobody."""
    raw = sections()
    raw["erasure"][key] = value
    with pytest.raises(ConfigError) as refusal:
        parse(raw)
    found = {mistake.key: mistake for mistake in refusal.value.mistakes}
    assert found[f"erasure.{key}"].clause == clause
    assert says in found[f"erasure.{key}"].problem


def test_a_final_backup_that_lives_longer_counts() -> None:
    """Whatever lives longest decides."""
    raw = sections()
    raw["databases"]["orders"]["backup"]["finalDays"] = 365
    raw["erasure"]["retentionDays"] = 360
    with pytest.raises(ConfigError, match=r"365 days of databases\.orders\.backup\.finalDays"):
        parse(raw)
