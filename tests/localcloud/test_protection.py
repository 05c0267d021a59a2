"""What is protected stays; what outlives its deletion keeps its name."""

from __future__ import annotations

import time

import pytest

from localcloud.edit import assign
from tests.localcloud.conftest import PROJECT, REGION, Created, Engine, Refused

DATABASE = "gcp:sql/databaseInstance:DatabaseInstance"
BUCKET = "gcp:storage/bucket:Bucket"
OBJECT = "gcp:storage/bucketObject:BucketObject"


def database(cloud: Engine, name: str = "db", protected: bool = False, **settings: object) -> Created:
    given = {"databaseVersion": "POSTGRES_16", "region": REGION, "deletionProtection": protected}
    return cloud.create(DATABASE, name, name=name, settings={"tier": "t", **settings}, **given)


def test_deletion_protection_of_the_state_refuses(cloud: Engine) -> None:
    with pytest.raises(Refused, match="without setting deletionProtection=false"):
        cloud.delete(database(cloud, protected=True))


def test_deletion_protection_of_the_cloud_refuses_whatever_the_state_says(cloud: Engine) -> None:
    created = database(cloud)
    assign(cloud.store, "db", "settings.deletionProtectionEnabled=true")
    with pytest.raises(Refused, match=r"settings.deletionProtectionEnabled to false"):
        cloud.delete(created)


def test_a_deletion_policy_of_prevent_refuses(cloud: Engine) -> None:
    ring = cloud.create("gcp:kms/keyRing:KeyRing", "ring", location=REGION)
    key = cloud.create("gcp:kms/cryptoKey:CryptoKey", "key", keyRing=ring.id, deletionPolicy="PREVENT")
    with pytest.raises(Refused, match="deletionPolicy to 'DELETE'"):
        cloud.delete(key)


def test_a_deletion_policy_of_abandon_leaves_the_resource_in_the_cloud(cloud: Engine) -> None:
    peering_network = cloud.network()
    cloud.peering(peering_network)
    given = {
        "network": peering_network.id,
        "service": "servicenetworking.googleapis.com",
        "reservedPeeringRanges": ["x"],
    }
    (peering,) = cloud.store.find("gcp:servicenetworking/connection:Connection")
    abandoned = Created(peering.type, "peering", peering.id, given, {**peering.properties, "deletionPolicy": "ABANDON"})
    cloud.delete(abandoned)
    assert cloud.store.get(peering.type, peering.id) is not None


def test_the_name_of_a_deleted_database_is_taken_for_a_week(cloud: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.delete(database(cloud))
    with pytest.raises(Refused, match="cannot be used again for a week"):
        database(cloud)
    database(cloud, name="db-2")
    later = time.time() + 8 * 86400
    monkeypatch.setattr(time, "time", lambda: later)
    database(cloud)


def test_a_database_takes_what_is_in_it_with_it(cloud: Engine) -> None:
    created = database(cloud)
    user = cloud.create("gcp:sql/user:User", "u", instance="db", name="app", password="p")
    cloud.delete(created)
    assert cloud.refresh(user) is None


def test_a_primary_with_a_replica_stays(cloud: Engine) -> None:
    with pytest.raises(Refused, match="primary instance 'absent'"):
        cloud.create(DATABASE, "r", name="r", databaseVersion="POSTGRES_16", masterInstanceName="absent")
    primary = database(cloud, backupConfiguration={"enabled": True})
    cloud.create(DATABASE, "r", name="r", databaseVersion="POSTGRES_16", masterInstanceName="db")
    with pytest.raises(Refused, match="has the replica r"):
        cloud.delete(primary)


def test_key_rings_and_keys_outlive_their_deletion(cloud: Engine) -> None:
    ring = cloud.create("gcp:kms/keyRing:KeyRing", "ring", name="r", location=REGION)
    key = cloud.create("gcp:kms/cryptoKey:CryptoKey", "key", name="k", keyRing=ring.id)
    cloud.delete(key)
    cloud.delete(ring)
    with pytest.raises(Refused, match=r"409.*already exists.*pulumi import"):
        cloud.create("gcp:kms/keyRing:KeyRing", "ring", name="r", location=REGION)
    adopted = cloud.read("gcp:kms/keyRing:KeyRing", ring.id)
    assert adopted is not None
    assert adopted.inputs["location"] == REGION


def test_a_key_whose_versions_were_destroyed_encrypts_nothing_any_more(cloud: Engine) -> None:
    key = cloud.key()
    cloud.grant(key, cloud.agent("sqladmin"))
    cloud.delete(key)
    settings = {"tier": "t"}
    given = {"databaseVersion": "POSTGRES_16", "region": REGION, "name": "db", "settings": settings}
    with pytest.raises(Refused, match=r"primary version .* is not enabled"):
        cloud.create(DATABASE, "db", encryptionKeyName=key.id, **given)


def test_a_locked_retention_can_only_be_lengthened(cloud: Engine) -> None:
    def retention(seconds: int, locked: bool = True) -> dict[str, object]:
        return {"name": "b", "location": "EU", "retentionPolicy": {"retentionPeriod": str(seconds), "isLocked": locked}}

    bucket = cloud.create(BUCKET, "b", **retention(86400))
    for weaker in (retention(3600), retention(86400, locked=False), {"name": "b", "location": "EU"}):
        with pytest.raises(Refused, match="Cannot reduce or unlock"):
            cloud.update(bucket, **weaker)
    longer = cloud.update(bucket, **retention(172800))
    assert longer["retentionPolicy"]["retentionPeriod"] == "172800"


def test_an_unlocked_retention_can_be_removed(cloud: Engine) -> None:
    given = {"name": "b", "location": "EU"}
    bucket = cloud.create(BUCKET, "b", retentionPolicy={"retentionPeriod": "60"}, **given)
    assert "retentionPolicy" not in cloud.update(bucket, **given).state


def test_a_full_bucket_stays_unless_forced(cloud: Engine) -> None:
    bucket = cloud.create(BUCKET, "b", name="b", location="EU")
    cloud.create(OBJECT, "o", bucket="b", name="a.txt", content="x")
    with pytest.raises(Refused, match="containing objects without forceDestroy"):
        cloud.delete(bucket)
    forced = cloud.update(bucket, name="b", location="EU", forceDestroy=True)
    cloud.delete(forced)
    assert cloud.store.find(OBJECT) == []


def test_retained_objects_stay_even_when_forced(cloud: Engine) -> None:
    policy = {"retentionPeriod": "86400", "isLocked": True}
    bucket = cloud.create(BUCKET, "b", name="b", location="EU", forceDestroy=True, retentionPolicy=policy)
    stored = cloud.create(OBJECT, "o", bucket="b", name="a.txt", content="x")
    with pytest.raises(Refused, match="subject to bucket's retention policy"):
        cloud.delete(stored)
    with pytest.raises(Refused, match="subject to bucket's retention policy"):
        cloud.delete(bucket)


def test_a_network_in_use_stays(cloud: Engine) -> None:
    network = cloud.network()
    subnet = cloud.create(
        "gcp:compute/subnetwork:Subnetwork", "s", network=network["selfLink"], ipCidrRange="10.0.0.0/24"
    )
    with pytest.raises(Refused, match=r"already being used by .*resourceInUseByAnotherResource"):
        cloud.delete(network)
    cloud.delete(subnet)
    cloud.delete(network)


@pytest.mark.parametrize(
    ("token", "given", "days"),
    [
        ("gcp:iam/workloadIdentityPool:WorkloadIdentityPool", {"workloadIdentityPoolId": "github"}, 30),
        ("gcp:projects/iAMCustomRole:IAMCustomRole", {"roleId": "reader", "title": "R", "permissions": ["a.b.c"]}, 37),
    ],
)
def test_soft_deleted_ids_stay_taken(cloud: Engine, token: str, given: dict[str, object], days: int) -> None:
    cloud.delete(cloud.create(token, "x", **given))
    with pytest.raises(Refused, match=rf"409.*less than {days} days ago"):
        cloud.create(token, "x", **given)


def test_a_locked_log_bucket_stays_and_keeps_its_retention(cloud: Engine) -> None:
    given = {"project": PROJECT, "location": "global", "bucketId": "audit"}
    token = "gcp:logging/projectBucketConfig:ProjectBucketConfig"
    bucket = cloud.create(token, "b", retentionDays=400, locked=True, **given)
    with pytest.raises(Refused, match="cannot be unlocked nor its retention shortened"):
        cloud.update(bucket, retentionDays=30, locked=True, **given)
    with pytest.raises(Refused, match="locked and cannot be deleted"):
        cloud.delete(bucket)


def test_a_project_with_a_lien_stays_and_its_id_is_never_free_again(cloud: Engine) -> None:
    token = "gcp:organizations/project:Project"
    given = {"projectId": "example-new", "name": "new", "orgId": "1", "deletionPolicy": "DELETE"}
    project = cloud.create(token, "p", **given)
    parent = f"projects/{project['number']}"
    reason = {"origin": "stack", "reason": "production", "restrictions": ["resourcemanager.projects.delete"]}
    lien = cloud.create("gcp:resourcemanager/lien:Lien", "l", parent=parent, **reason)
    with pytest.raises(Refused, match="A lien to prevent deletion"):
        cloud.delete(project)
    cloud.delete(lien)
    cloud.delete(project)
    with pytest.raises(Refused, match="cannot be used again"):
        cloud.create(token, "p", **given)


def test_a_folder_with_something_in_it_stays(cloud: Engine) -> None:
    folder = cloud.create(
        "gcp:organizations/folder:Folder", "f", displayName="f", parent="organizations/1", deletionProtection=False
    )
    cloud.create(
        "gcp:organizations/project:Project", "p", projectId="example-in", name="p", folderId=folder["folderId"]
    )
    with pytest.raises(Refused, match="is not empty"):
        cloud.delete(folder)
