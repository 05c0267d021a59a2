"""Check refuses what the provider would refuse, says what is accepted, and fills in what the provider fills in."""

from __future__ import annotations

import pytest
from pulumi.runtime.proto import provider_pb2

from localcloud.codec import UNKNOWN
from tests.localcloud.conftest import Engine, Refused

KEY = "gcp:kms/cryptoKey:CryptoKey"
DATABASE = "gcp:sql/databaseInstance:DatabaseInstance"
RING = "projects/p/locations/europe-west1/keyRings/r"


def test_an_unknown_property_is_refused_with_the_nearest_name(bare: Engine) -> None:
    failures = bare.failures(KEY, keyRing=RING, rotationPerod="7776000s")
    assert failures == [f"{KEY}: unknown property rotationPerod; did you mean 'rotationPeriod'?"]


def test_an_unknown_property_with_no_name_near_lists_what_is_accepted(bare: Engine) -> None:
    (failure,) = bare.failures("gcp:kms/keyRing:KeyRing", location="europe-west1", colour="red")
    assert failure == "gcp:kms/keyRing:KeyRing: unknown property colour; accepted are: location, name, project"


def test_a_misspelt_nested_property_is_refused_with_its_path(bare: Engine) -> None:
    settings = {"tier": "db-f1-micro", "ipConfiguration": {"ipv4Enable": False}}
    failures = bare.failures(DATABASE, databaseVersion="POSTGRES_16", settings=settings)
    assert failures == [
        f"{DATABASE}: unknown property settings.ipConfiguration.ipv4Enable; did you mean 'ipv4Enabled'?"
    ]


def test_a_missing_required_property_is_refused_at_any_depth(bare: Engine) -> None:
    failures = bare.failures(DATABASE, settings={"databaseFlags": [{"name": "x"}]})
    assert failures == [
        f"{DATABASE}: missing required property settings.databaseFlags[0].value (a string)",
        f"{DATABASE}: missing required property settings.tier (a string)",
        f"{DATABASE}: missing required property databaseVersion (a string)",
    ]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("yes", "settings.diskAutoresize must be true or false, not a string"),
        (1, "settings.diskAutoresize must be true or false, not a number"),
        ([True], "settings.diskAutoresize must be true or false, not a list"),
    ],
)
def test_a_wrong_type_is_refused_without_repeating_the_value(bare: Engine, value: object, reason: str) -> None:
    settings = {"tier": "t", "diskAutoresize": value}
    assert bare.failures(DATABASE, databaseVersion="POSTGRES_16", settings=settings) == [f"{DATABASE}: {reason}"]


def test_a_fraction_is_no_whole_number(bare: Engine) -> None:
    failures = bare.failures("gcp:compute/globalAddress:GlobalAddress", prefixLength=16.5)
    assert failures == ["gcp:compute/globalAddress:GlobalAddress: prefixLength must be a whole number, not a number"]


def test_an_object_in_place_of_a_list_is_refused(bare: Engine) -> None:
    failures = bare.failures(DATABASE, databaseVersion="P", settings={"tier": "t", "databaseFlags": {"name": "x"}})
    assert failures == [f"{DATABASE}: settings.databaseFlags must be a list of objects, not an object"]


def test_a_value_outside_an_enumeration_is_refused_with_the_accepted_ones(bare: Engine) -> None:
    (failure,) = bare.failures("gcp:storage/bucket:Bucket", location="EU", publicAccessPrevention="enforce")
    assert (
        failure == "gcp:storage/bucket:Bucket: publicAccessPrevention must be one of inherited, enforced, not 'enforce'"
    )


def test_an_output_cannot_be_set(bare: Engine) -> None:
    (failure,) = bare.failures("gcp:compute/network:Network", selfLink="x")
    assert failure == "gcp:compute/network:Network: selfLink is an output of the resource and cannot be set"


def test_conflicting_properties_are_refused(bare: Engine) -> None:
    failures = bare.failures("gcp:organizations/project:Project", projectId="p", orgId="1", folderId="2")
    assert failures == ["gcp:organizations/project:Project: folderId conflicts with orgId: give one of them"]


def test_unknown_values_pass(bare: Engine) -> None:
    inputs, failures, _ = bare.check(
        KEY, "key", {"keyRing": UNKNOWN, "rotationPeriod": UNKNOWN, "labels": {"a": UNKNOWN}}
    )
    assert failures == []
    assert inputs["keyRing"] is UNKNOWN


def test_an_unsupported_type_is_refused_with_the_file_to_add_it_to(bare: Engine) -> None:
    with pytest.raises(Refused, match=r"gcp:container/cluster:Cluster.*overlay/gcp\.yaml"):
        bare.check("gcp:container/cluster:Cluster", "c", {})


def test_a_left_out_name_is_made_of_the_resource_name_and_seven_digits(bare: Engine) -> None:
    inputs, _, _ = bare.check(KEY, "customer-data", {"keyRing": RING})
    assert inputs["name"].startswith("customer-data-")
    assert len(inputs["name"]) == len("customer-data-") + 7
    assert inputs["__defaults"] == ["name", "purpose"]


def test_a_made_name_stays_when_checked_again(bare: Engine) -> None:
    first, _, _ = bare.check(KEY, "key", {"keyRing": RING})
    olds = {**first, "name": "key-0000000"}
    second, _, _ = bare.check(KEY, "key", {"keyRing": RING}, olds=olds)
    assert second["name"] == "key-0000000"


def test_an_explicit_name_that_is_taken_away_is_not_kept(bare: Engine) -> None:
    first, _, _ = bare.check(KEY, "key", {"keyRing": RING, "name": "own"})
    second, _, _ = bare.check(KEY, "key", {"keyRing": RING}, olds=first)
    assert second["name"].startswith("key-")


def test_the_projects_autonaming_is_followed(bare: Engine) -> None:
    options = provider_pb2.CheckRequest.AutonamingOptions
    proposed = options(proposed_name="verbatim", mode=options.ENFORCE)
    assert bare.check(KEY, "key", {"keyRing": RING}, autonaming=proposed)[0]["name"] == "verbatim"
    disabled = options(mode=options.DISABLE)
    assert "name" not in bare.check(KEY, "key", {"keyRing": RING}, autonaming=disabled)[0]


def test_defaults_of_the_provider_are_filled_in_at_any_depth(bare: Engine) -> None:
    settings = {"tier": "t", "ipConfiguration": {"privateNetwork": "n"}}
    inputs, failures, _ = bare.check(DATABASE, "db", {"databaseVersion": "POSTGRES_16", "settings": settings})
    assert failures == []
    assert inputs["deletionProtection"] is True
    assert inputs["settings"]["ipConfiguration"]["ipv4Enabled"] is True
    assert "ipv4Enabled" in inputs["settings"]["ipConfiguration"]["__defaults"]


def test_secret_inputs_stay_secret_and_the_providers_own_become_so(cloud: Engine) -> None:
    news = {"instance": "i", "name": "app", "password": "p", "project": "example-prod"}
    _, _, marked = cloud.check("gcp:sql/user:User", "user", news, secrets=[("name",)])
    assert marked == {("name",), ("password",)}


def test_a_secret_is_never_repeated_in_a_refusal(cloud: Engine) -> None:
    failures = cloud.failures("gcp:sql/user:User", instance="i", name="app", password=["hunter2"])
    assert failures == ["gcp:sql/user:User: password must be a string, not a list"]
