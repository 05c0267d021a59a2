"""Independent copies: who may do what with them, for how long, and what nobody may."""

from __future__ import annotations

from typing import Any

import pytest

from components.backups import BackupPlan, Copies
from components.bucket import Bucket, Grant
from tests.components import parts
from tests.recording import Recorded, Recording, record, record_stack, stack_file

BUCKET = "gcp:storage/bucket:Bucket"
DAY = 86_400


@pytest.fixture(params=["exports", "exports-access-log"])
def bucket(request: pytest.FixtureRequest, production: Recording) -> Recorded:
    """Each bucket of the backups."""
    return production.one(BUCKET, request.param)


def permissions(recording: Recording, bucket: str, member: str) -> set[str]:
    """What a member may do with a bucket, by the permissions of the roles it holds there."""
    roles = {
        role.outputs["name"]: role.inputs["permissions"]
        for role in recording.of("gcp:projects/iAMCustomRole:IAMCustomRole")
    }
    held = [
        grant.inputs["role"]
        for grant in recording.of("gcp:storage/bucketIAMMember:BucketIAMMember")
        if grant.inputs["bucket"] == bucket and grant.inputs["member"] == member
    ]
    return {permission for role in held for permission in roles[role]}


def account(name: str) -> str:
    """The member of a workload."""
    return f"serviceAccount:{name}@example-prod-workload.iam.gserviceaccount.com"


def test_a_writer_can_add_copies_and_nothing_else(production: Recording) -> None:
    """Whoever takes over the exporter can neither read old copies nor remove them."""
    assert permissions(production, "example-prod-backups-exports", account("backup-export-orders")) == {
        "storage.objects.create"
    }


def test_a_reader_can_read_copies_and_nothing_else(production: Recording) -> None:
    """The drill restores; it cannot tidy up."""
    assert permissions(production, "example-prod-backups-exports", account("restore-drill-orders")) == {
        "storage.objects.get",
        "storage.objects.list",
    }


@pytest.mark.parametrize("workload", ["orders-api", "stock-worker", "report-runner"])
def test_other_workloads_cannot_touch_copies(production: Recording, workload: str) -> None:
    """Need to know."""
    assert permissions(production, "example-prod-backups-exports", account(workload)) == set()


def test_nobody_holds_a_role_on_the_project_of_the_copies(production: Recording) -> None:
    """A role on the project would reach every bucket in it. The log canary's reaches none: it writes log entries."""
    grants = production.of("gcp:projects/iAMMember:IAMMember")
    held = [g for g in grants if g.inputs["project"] == "example-prod-backups"]
    assert [g.name for g in held] == ["log-canary-writes-example-prod-backups"]
    (role,) = [
        r
        for r in production.of("gcp:projects/iAMCustomRole:IAMCustomRole")
        if r.outputs["name"] == held[0].inputs["role"]
    ]
    assert role.inputs["permissions"] == ["logging.logEntries.create"]


def test_only_google_delivers_into_the_access_log(production: Recording) -> None:
    """The log of access is written by the storage service itself, which can only add."""
    grants = [
        g
        for g in production.of("gcp:storage/bucketIAMMember:BucketIAMMember")
        if g.inputs["bucket"] == "example-prod-backups-access-log"
    ]
    assert [g.inputs["member"] for g in grants] == ["group:cloud-storage-analytics@google.com"]
    assert permissions(production, "example-prod-backups-access-log", grants[0].inputs["member"]) == {
        "storage.objects.create"
    }


def test_it_is_private_twice_over(bucket: Recorded) -> None:
    """Prevention "inherited" is not enforced, and uniform access alone is not private (trap 27)."""
    assert bucket.inputs["publicAccessPrevention"] == "enforced"
    assert bucket.inputs["uniformBucketLevelAccess"] is True


def test_its_retention_is_locked(bucket: Recorded) -> None:
    """An unlocked retention can be removed by whoever owns the bucket (trap 28)."""
    assert bucket.inputs["retentionPolicy"]["isLocked"] is True
    assert int(bucket.inputs["retentionPolicy"]["retentionPeriod"]) >= 30 * DAY


def test_deleted_objects_come_back(bucket: Recorded) -> None:
    """Zero seconds would turn it off (trap 30)."""
    assert bucket.inputs["versioning"]["enabled"] is True
    assert bucket.inputs["softDeletePolicy"]["retentionDurationSeconds"] >= 7 * DAY


def test_it_is_never_emptied_to_be_deleted(bucket: Recorded) -> None:
    """forceDestroy deletes the objects first and may still leave the bucket (trap 29)."""
    assert bucket.inputs["forceDestroy"] is False
    assert bucket.inputs["deletionPolicy"] == "PREVENT"
    assert bucket.protect


def test_it_has_a_key_of_its_own_class_in_its_region(bucket: Recorded) -> None:
    """ENC-1, ENC-7."""
    key = bucket.inputs["encryption"]["defaultKmsKeyName"]
    assert key == "projects/example-prod-keys/locations/europe-west4/keyRings/data-europe-west4/cryptoKeys/copies"
    assert bucket.inputs["location"] == "EUROPE-WEST4"


def test_it_lies_in_another_project_and_region_than_the_data(bucket: Recorded, production: Recording) -> None:
    """BAK-3, BAK-4."""
    for database in production.of("gcp:sql/databaseInstance:DatabaseInstance"):
        assert bucket.inputs["project"] != database.inputs["project"]
        assert bucket.inputs["location"].lower() != database.inputs["region"]


def test_objects_are_deleted_after_their_retention(bucket: Recorded) -> None:
    """A rule that fires earlier never succeeds; without one, data stays for ever (MIN-1)."""
    retention = int(bucket.inputs["retentionPolicy"]["retentionPeriod"]) / DAY
    ages = [
        rule["condition"]["age"]
        for rule in bucket.inputs["lifecycleRules"]
        if rule["action"]["type"] == "Delete" and "age" in rule["condition"]
    ]
    assert len(ages) == 1
    assert ages[0] > retention


def test_access_to_copies_is_logged_elsewhere(production: Recording) -> None:
    """A bucket that logs into itself grows by its own log."""
    exports = production.one(BUCKET, "exports").inputs
    assert exports["logging"]["logBucket"] == "example-prod-backups-access-log" != exports["name"]


def test_the_log_of_access_is_kept_for_400_days(production: Recording) -> None:
    """LOG-3."""
    log = production.one(BUCKET, "exports-access-log").inputs
    assert int(log["retentionPolicy"]["retentionPeriod"]) >= 400 * DAY


def test_a_stack_outside_of_production_may_leave_its_copies_unlocked() -> None:
    """A lock is for ever, also for a trial."""
    config = stack_file()
    config["secure-hosting:company"]["environment"] = "development"
    exports = config["secure-hosting:backups"]["exports"]
    exports["lock"] = False
    del exports["acknowledgement"]
    retention = record_stack(config).one(BUCKET, "exports").inputs["retentionPolicy"]
    assert retention["isLocked"] is False
    assert int(retention["retentionPeriod"]) == 35 * DAY


@pytest.mark.parametrize(
    ("changes", "clause"),
    [
        ({"at": "25:00"}, "BAK-1"),
        ({"at": "2:00"}, "BAK-1"),
        ({"retained": 29}, "BAK-2"),
        ({"recovery_days": 6}, "BAK-2"),
        ({"recovery_days": 36}, "BAK-2"),
        ({"final_days": 29}, "BAK-5"),
        ({"final_days": 366}, "BAK-5"),
    ],
)
def test_plans_weaker_than_the_policy_are_refused(changes: dict[str, Any], clause: str) -> None:
    """Before any resource exists; 365 and 35 days are Google's limits."""
    with pytest.raises(ValueError, match=f"^{clause}: "):
        BackupPlan(location="europe-west4", **changes)


@pytest.mark.parametrize("changes", [{"retained": 30}, {"recovery_days": 7}, {"final_days": 30}, {"final_days": 365}])
def test_the_limits_themselves_are_accepted(changes: dict[str, int]) -> None:
    """At least and at most include the figure."""
    plan = BackupPlan(location="europe-west4", **changes)
    assert {field: getattr(plan, field) for field in changes} == changes


@pytest.mark.parametrize(
    ("changes", "clause"),
    [
        ({"retention_days": 29}, "BAK-4"),
        ({"lock": True}, "BAK-4"),
        ({"writers": {"both-ways": "m"}, "readers": {"both-ways": "m"}}, "BAK-4"),
    ],
)
def test_copies_that_protect_nothing_are_refused(changes: dict[str, Any], clause: str) -> None:
    """A lock takes a second yes; nobody both writes and reads."""
    with pytest.raises(ValueError, match=f"^{clause}: "):
        record(lambda: Copies("exports", parts.copies_args(**changes)))


@pytest.mark.parametrize(
    ("changes", "clause"),
    [
        ({"soft_delete_days": 6}, "BAK-8"),
        ({"soft_delete_days": 91}, "BAK-8"),
        ({"noncurrent_days": 0}, "BAK-8"),
        ({"region": "europe-west1"}, "ENC-7"),
        ({"lock": True}, "BAK-4"),
        ({"retention_days": 90}, "MIN-1"),
    ],
)
def test_buckets_that_lose_data_are_refused(changes: dict[str, Any], clause: str) -> None:
    """Also a lock without a retention, and a lifecycle that retention would defeat."""
    with pytest.raises(ValueError, match=f"^{clause}: "):
        record(lambda: Bucket("things", parts.bucket_args(**changes)))


def test_a_bucket_grants_exactly_what_it_is_given() -> None:
    """Grants stand on the bucket, one by one."""
    grants = {"app": Grant(role="projects/p/roles/reader", member="serviceAccount:app@p.iam.gserviceaccount.com")}
    members = record(lambda: Bucket("things", parts.bucket_args(grants=grants))).of(
        "gcp:storage/bucketIAMMember:BucketIAMMember"
    )
    assert [(m.inputs["bucket"], m.inputs["role"], m.inputs["member"]) for m in members] == [
        ("example-prod-backups-things", "projects/p/roles/reader", "serviceAccount:app@p.iam.gserviceaccount.com")
    ]
