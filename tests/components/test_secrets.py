"""Secrets: kept, renewed and read as the policy says, and never written down here."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.secrets import Secret, first_rotation
from tests.components import parts
from tests.recording import Recorded, Recording, record

SECRET = "gcp:secretmanager/secret:Secret"
DAY = 86_400


@pytest.fixture(params=["payment-token", "orders-reports"])
def secret(request: pytest.FixtureRequest, production: Recording) -> Recorded:
    """Each secret of production."""
    return production.one(SECRET, request.param)


def test_it_stays_in_its_region_under_its_key(secret: Recorded) -> None:
    """Automatic replication would copy it around the world, with keys of every region."""
    (replica,) = secret.inputs["replication"]["userManaged"]["replicas"]
    assert replica["location"] == "europe-west1"
    assert replica["customerManagedEncryption"]["kmsKeyName"].endswith("/cryptoKeys/credentials")


def test_it_is_renewed_within_90_days(secret: Recorded) -> None:
    """A rotation period without a topic is refused, and without a first moment as well."""
    rotation = secret.inputs["rotation"]
    assert 0 < int(rotation["rotationPeriod"].removesuffix("s")) <= 90 * DAY
    assert rotation["nextRotationTime"]
    assert secret.inputs["topics"] == [{"name": "projects/example-prod-workload/topics/secret-rotation"}]


def test_it_follows_the_right_to_announce_its_rotation(secret: Recorded, production: Recording) -> None:
    """Secret Manager checks that it may publish when the secret is made."""
    kinds = {production.by_urn(urn).type for urn in secret.dependencies}
    assert "gcp:pubsub/topicIAMMember:TopicIAMMember" in kinds


def test_it_cannot_be_deleted_in_passing(secret: Recorded) -> None:
    """BAK-5; a destroyed version can be brought back as well."""
    assert secret.protect
    assert secret.inputs["deletionProtection"] is True
    assert secret.inputs["deletionPolicy"] == "PREVENT"
    assert int(secret.inputs["versionDestroyTtl"].removesuffix("s")) >= 7 * DAY


def test_each_secret_is_read_by_the_one_workload_that_needs_it(production: Recording) -> None:
    """Granted on the secret; on the project it would open them all."""
    readers = {
        (
            g.inputs["secretId"].rpartition("/")[2],
            g.inputs["member"].partition(":")[2].partition("@")[0],
            g.inputs["role"],
        )
        for g in production.of("gcp:secretmanager/secretIamMember:SecretIamMember")
        if g.inputs["role"] != "roles/secretmanager.secretVersionAdder"
    }
    assert readers == {
        ("payment-token", "orders-api", "roles/secretmanager.secretAccessor"),
        ("orders-reports", "report-runner", "roles/secretmanager.secretAccessor"),
    }


def test_the_value_of_anothers_secret_is_not_ours_to_write(production: Recording) -> None:
    """Only the generated password has a version here."""
    versions = production.of("gcp:secretmanager/secretVersion:SecretVersion")
    assert [version.inputs["secret"].rpartition("/")[2] for version in versions] == ["orders-reports"]


def test_a_value_in_the_program_text_is_refused() -> None:
    """CHG-2: a string would be in version control."""
    with pytest.raises(ValueError, match=r"^CHG-2: ") as refusal:
        record(lambda: Secret("payment-token", parts.secret_args(value="hunter2")))
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("changes", [{"rotation_days": 91}, {"rotation_days": 0}])
def test_slow_rotation_is_refused(changes: dict[str, Any]) -> None:
    """ENC-9."""
    with pytest.raises(ValueError, match=r"^ENC-9: "):
        record(lambda: Secret("payment-token", parts.secret_args(**changes)))


@given(st.dates(min_value=date(2020, 1, 1), max_value=date(2100, 1, 1)))
def test_the_first_rotation_is_in_the_future_and_within_the_policy(today: date) -> None:
    """Google refuses a moment in the past; the policy allows 90 days."""
    moment = datetime.fromisoformat(first_rotation(today).replace("Z", "+00:00"))
    end_of_today = datetime(today.year, today.month, today.day, tzinfo=UTC) + timedelta(days=1)
    assert end_of_today < moment < end_of_today + timedelta(days=90)


@given(st.dates(min_value=date(2020, 1, 1), max_value=date(2100, 1, 1)))
def test_the_first_rotation_differs_at_most_once_a_month(today: date) -> None:
    """A plan made today is still the plan tomorrow, but for one night in the month."""
    moments = {first_rotation(today + timedelta(days=n)) for n in range(28)}
    assert len(moments) <= 2
