"""Keys: they rotate, they cannot be lost, and only service agents use them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from components.keys import DataKey
from tests.components import parts
from tests.recording import Recorded, Recording, record, record_stack, stack_file

KEY = "gcp:kms/cryptoKey:CryptoKey"
GRANT = "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember"
DAY = 86_400
CLASSES = ("customer", "internal", "credentials", "copies")


@pytest.fixture(params=CLASSES)
def key(request: pytest.FixtureRequest, production: Recording) -> Recorded:
    """Each key of production."""
    return production.one(KEY, f"key-{request.param}")


def seconds(duration: str) -> int:
    """A duration as Google writes it."""
    assert duration.endswith("s")
    return int(duration[:-1])


def test_it_rotates_within_90_days(key: Recorded) -> None:
    """No rotation period means no rotation, and scanners that only compare figures let it pass (trap 11)."""
    assert 0 < seconds(key.inputs["rotationPeriod"]) <= 90 * DAY


def test_a_destroyed_version_can_be_saved_for_30_days(key: Recorded) -> None:
    """It cannot be raised once the key exists (trap 13)."""
    assert seconds(key.inputs["destroyScheduledDuration"]) >= 30 * DAY


def test_it_cannot_be_destroyed_in_passing(key: Recorded) -> None:
    """Destroying a key destroys all its versions, and with them the data (trap 10)."""
    assert key.protect
    assert key.inputs["deletionPolicy"] == "PREVENT"


def test_it_has_a_first_version_from_the_start(key: Recorded) -> None:
    """A key without a version encrypts nothing (trap 14)."""
    assert key.inputs["skipInitialVersionCreation"] is False
    assert key.inputs["importOnly"] is False


def test_it_is_symmetric_aes_256(key: Recorded) -> None:
    """ENC-1."""
    assert key.inputs["purpose"] == "ENCRYPT_DECRYPT"
    assert key.inputs["versionTemplate"]["algorithm"] == "GOOGLE_SYMMETRIC_ENCRYPTION"


def test_there_is_one_key_for_each_class_in_the_region_of_its_data(production: Recording) -> None:
    """A key elsewhere cannot be used by the data (trap 15)."""
    symmetric = [key.inputs for key in production.of(KEY) if key.inputs["purpose"] == "ENCRYPT_DECRYPT"]
    places = {key["name"]: key["keyRing"].split("/")[3] for key in symmetric}
    classes = stack_file()["secure-hosting:dataClasses"]
    regions = stack_file()["secure-hosting:regions"]
    of_classes = {name: regions[spec.get("location", "primary")] for name, spec in classes.items()}
    assert places == {**of_classes, "export-sealing": regions["backup"]}


def test_all_keys_live_in_the_keys_project(production: Recording) -> None:
    """Whoever administers data cannot touch its keys (ENC-7)."""
    assert {ring.inputs["project"] for ring in production.of("gcp:kms/keyRing:KeyRing")} == {"example-prod-keys"}


def test_only_service_agents_use_keys(production: Recording) -> None:
    """ENC-6: neither people nor workloads hold a role on a key."""
    grants = [grant for grant in production.of(GRANT) if "Decrypt" in grant.inputs["role"]]
    assert len(grants) >= 5
    for grant in grants:
        assert re.search("@(gcp-sa-|gs-project-accounts|bigquery-encryption)", grant.inputs["member"]), grant.name


def test_every_use_of_a_key_follows_the_grant_on_it(production: Recording) -> None:
    """Otherwise creation fails with "unable to delegate the access of CMEK" (trap 15)."""
    granted = {grant.urn: grant.inputs["cryptoKeyId"] for grant in production.of(GRANT)}
    users = 0
    for resource in production:
        used = {path for path in _names(resource.inputs) if re.search(r"/cryptoKeys/[^/]+$", path)}
        if resource.type == GRANT or not used:
            continue
        users += 1
        assert used <= {granted[urn] for urn in production.before(resource) if urn in granted}, resource.urn
    assert users >= 7


def _names(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {name for item in value.values() for name in _names(item)}
    if isinstance(value, list):
        return {name for item in value for name in _names(item)}
    return {value} if isinstance(value, str) and value.startswith("projects/") else set()


@pytest.mark.parametrize(
    ("changes", "clause"),
    [
        ({"rotation_days": 91}, "ENC-2"),
        ({"rotation_days": 0}, "ENC-2"),
        ({"destroy_delay_days": 29}, "ENC-5"),
        ({"destroy_delay_days": 121}, "ENC-5"),
    ],
)
def test_figures_weaker_than_the_policy_are_refused(changes: dict[str, int], clause: str) -> None:
    """The figures are those of the text; 120 days is Google's limit."""
    with pytest.raises(ValueError, match=f"^{clause}: "):
        record(lambda: parts.key_args(**changes))


@pytest.mark.parametrize("changes", [{"rotation_days": 90}, {"destroy_delay_days": 30}, {"destroy_delay_days": 120}])
def test_the_limits_themselves_are_accepted(changes: dict[str, int]) -> None:
    """At most and at least include the figure."""
    assert record(lambda: DataKey("key-customer", parts.key_args(**changes))).one(KEY)


def test_a_key_is_granted_once_to_each_agent() -> None:
    """Two databases of one class share the grant; a second one would conflict."""

    def program() -> None:
        key, project = parts.key(), parts.project()
        uses = [key.use_by(project.agent("sqladmin.googleapis.com"), project) for _ in range(2)]
        assert uses[0].grant is uses[1].grant

    assert len(record(program).of(GRANT)) == 1


def test_a_key_ring_goes_when_its_last_key_may_go() -> None:
    """A ring that stays protected would stop a documented farewell half-way."""
    config = stack_file()
    config["secure-hosting:unprotected"] = {"key-copies": {"reason": "the copies moved to another stack"}}
    recording = record_stack(config)
    rings = {ring.inputs["location"]: ring.protect for ring in recording.of("gcp:kms/keyRing:KeyRing")}
    assert rings == {"europe-west1": True, "europe-west4": False}
    assert recording.one(KEY, "key-copies").inputs["deletionPolicy"] == "DELETE"
    assert recording.one(KEY, "key-customer").protect
