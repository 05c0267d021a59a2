"""Diff sees what changes, what replaces, and what is no change at all."""

from __future__ import annotations

import pytest

from localcloud.codec import UNKNOWN
from tests.localcloud.conftest import PROJECT, REGION, Created, Engine


@pytest.fixture
def key(cloud: Engine) -> Created:
    return cloud.key()


def test_no_change_is_none(cloud: Engine, key: Created) -> None:
    answer = cloud.diff(key, keyRing=key["keyRing"])
    assert answer.changes == answer.DIFF_NONE
    assert dict(answer.detailedDiff) == {}


def test_what_the_cloud_filled_in_is_no_change(cloud: Engine, key: Created) -> None:
    assert key["destroyScheduledDuration"] == "2592000s"
    assert cloud.kinds(key, keyRing=key["keyRing"]) == {}


def test_a_filled_in_value_that_is_then_asked_for_otherwise_replaces(cloud: Engine, key: Created) -> None:
    kinds = cloud.kinds(key, keyRing=key["keyRing"], destroyScheduledDuration="86400s")
    assert kinds == {"destroyScheduledDuration": "UPDATE_REPLACE"}


def test_an_added_a_changed_and_a_removed_property(cloud: Engine) -> None:
    ring = cloud.create("gcp:kms/keyRing:KeyRing", "ring", location=REGION)
    token = "gcp:kms/cryptoKey:CryptoKey"
    key = cloud.create(token, "k", keyRing=ring.id, rotationPeriod="7776000s", labels={"a": "1"})
    assert cloud.kinds(key, keyRing=ring.id, rotationPeriod="7776000s", labels={"a": "1", "b": "2"}) == {
        "labels.b": "ADD"
    }
    assert cloud.kinds(key, keyRing=ring.id, rotationPeriod="2592000s", labels={"a": "1"}) == {
        "rotationPeriod": "UPDATE"
    }
    assert cloud.kinds(key, keyRing=ring.id, labels={"a": "1"}) == {"rotationPeriod": "DELETE"}


def test_replacement_under_a_kept_name_deletes_first(cloud: Engine) -> None:
    network = cloud.create("gcp:compute/network:Network", "net", name="net")
    given = {"network": network.id, "region": REGION, "ipCidrRange": "10.0.0.0/24"}
    named = cloud.create("gcp:compute/subnetwork:Subnetwork", "named", name="named", **given)
    made = cloud.create("gcp:compute/subnetwork:Subnetwork", "made", **given)
    other = {**given, "region": "europe-west4"}
    kept = cloud.diff(named, name="named", **other)
    assert list(kept.replaces) == ["region"]
    assert kept.deleteBeforeReplace
    assert not cloud.diff(made, **other).deleteBeforeReplace


def test_an_unknown_value_counts_as_a_change(cloud: Engine, key: Created) -> None:
    assert cloud.kinds(key, keyRing=UNKNOWN) == {"keyRing": "UPDATE_REPLACE"}


def test_nested_changes_have_their_own_paths(cloud: Engine) -> None:
    flags = [{"name": "log_connections", "value": "on"}, {"name": "log_lock_waits", "value": "on"}]
    given = {"databaseVersion": "POSTGRES_16", "region": REGION, "name": "db"}
    database = cloud.create(
        "gcp:sql/databaseInstance:DatabaseInstance", "db", settings={"tier": "t", "databaseFlags": flags}, **given
    )
    weaker = [{"name": "log_connections", "value": "off"}]
    kinds = cloud.kinds(database, settings={"tier": "t", "databaseFlags": weaker}, **given)
    assert kinds == {"settings.databaseFlags[0].value": "UPDATE", "settings.databaseFlags[1]": "DELETE"}


def test_the_order_of_a_set_is_no_change(cloud: Engine) -> None:
    role = {"roleId": "reader", "title": "Reader"}
    created = cloud.create(
        "gcp:projects/iAMCustomRole:IAMCustomRole", "role", permissions=["a.b.get", "a.b.list"], **role
    )
    assert cloud.kinds(created, permissions=["a.b.list", "a.b.get"], **role) == {}
    assert cloud.kinds(created, permissions=["a.b.list", "a.b.delete"], **role) != {}


def test_a_link_is_equal_to_the_id_it_contains(cloud: Engine) -> None:
    network = cloud.network()
    given = {"region": REGION, "ipCidrRange": "10.0.0.0/24"}
    subnet = cloud.create("gcp:compute/subnetwork:Subnetwork", "s", network=network.id, **given)
    link = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/global/networks/private"
    assert cloud.kinds(subnet, network=link, **given) == {}


def test_a_change_of_case_in_a_location_is_none(cloud: Engine) -> None:
    bucket = cloud.create("gcp:storage/bucket:Bucket", "b", name="b", location="eu")
    assert bucket["location"] == "EU"
    assert cloud.kinds(bucket, name="b", location="eu") == {}
    assert cloud.kinds(bucket, name="b", location="us") == {"location": "UPDATE_REPLACE"}


def test_ignored_changes_are_left_out(cloud: Engine, key: Created) -> None:
    answer = cloud.diff(key, ignore=("labels",), keyRing=key["keyRing"], labels={"a": "1"})
    assert answer.changes == answer.DIFF_NONE


def test_a_secret_marker_is_no_change(cloud: Engine) -> None:
    secret = cloud.create("gcp:secretmanager/secret:Secret", "s", secretId="s", replication={"auto": {}})
    version = cloud.create(
        "gcp:secretmanager/secretVersion:SecretVersion",
        "v",
        secrets=[("secretData",)],
        secret=secret.id,
        secretData="x",
    )
    assert ("secretData",) in version.secrets
    assert cloud.kinds(version, secret=secret.id, secretData="x") == {}
