"""Create, preview, read, update and delete: shapes of ids and outputs, what is known when, what is secret."""

from __future__ import annotations

import pytest

from localcloud import grants
from localcloud.codec import UNKNOWN
from tests.localcloud.conftest import PROJECT, REGION, Created, Engine, Refused


def test_ids_and_outputs_have_the_real_shapes(cloud: Engine) -> None:
    key = cloud.key()
    assert key.id.startswith(f"projects/{PROJECT}/locations/{REGION}/keyRings/ring-key-")
    assert key["primaries"] == [{"name": f"{key.id}/cryptoKeyVersions/1", "state": "ENABLED"}]
    account = cloud.create("gcp:serviceaccount/account:Account", "a", accountId="orders-api")
    assert account["email"] == f"orders-api@{PROJECT}.iam.gserviceaccount.com"
    assert account.id == f"projects/{PROJECT}/serviceAccounts/{account['email']}"
    assert account["member"] == f"serviceAccount:{account['email']}"
    network = cloud.network()
    assert network["selfLink"] == f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/global/networks/private"
    bucket = cloud.create("gcp:storage/bucket:Bucket", "b", name="exports", location="EU")
    assert (bucket.id, bucket["url"]) == ("exports", "gs://exports")


def test_an_explicit_project_wins_over_the_providers(cloud: Engine) -> None:
    cloud.create("gcp:projects/service:Service", "s", service="cloudkms.googleapis.com", project="example-keys")
    ring = cloud.create("gcp:kms/keyRing:KeyRing", "ring", name="r", location=REGION, project="example-keys")
    assert ring.id == f"projects/example-keys/locations/{REGION}/keyRings/r"


def test_labels_carry_the_providers_mark(cloud: Engine) -> None:
    cloud.configure(project=PROJECT, region=REGION, defaultLabels={"team": "platform"})
    bucket = cloud.create("gcp:storage/bucket:Bucket", "b", name="b", location="EU", labels={"a": "1"})
    expected = {"a": "1", "team": "platform", "goog-pulumi-provisioned": "true"}
    assert bucket["effectiveLabels"] == expected
    assert ("effectiveLabels",) in bucket.secrets


def test_before_a_create_inputs_are_known_and_computed_values_are_not(cloud: Engine) -> None:
    known, _ = cloud.preview("gcp:compute/network:Network", "n", name="n", autoCreateSubnetworks=False)
    assert known["name"] == "n"
    assert known["project"] == PROJECT
    assert known["selfLink"] is UNKNOWN
    assert known["routingMode"] is UNKNOWN


def test_before_a_create_computed_fields_of_a_given_object_are_unknown(cloud: Engine) -> None:
    settings = {"tier": "t", "ipConfiguration": {"privateNetwork": "n", "ipv4Enabled": False}}
    known, _ = cloud.preview(
        "gcp:sql/databaseInstance:DatabaseInstance", "d", databaseVersion="POSTGRES_16", settings=settings
    )
    assert known["settings"]["ipConfiguration"]["ipv4Enabled"] is False
    assert known["settings"]["ipConfiguration"]["sslMode"] is UNKNOWN
    assert known["settings"]["backupConfiguration"] is UNKNOWN


def test_a_preview_leaves_nothing_behind(cloud: Engine) -> None:
    before = len(cloud.store.find())
    cloud.preview("gcp:compute/network:Network", "n", name="n")
    assert len(cloud.store.find()) == before


def test_a_preview_keeps_secrets_secret(cloud: Engine) -> None:
    _, marked = cloud.preview("gcp:sql/user:User", "u", instance="i", name="app", password="p")
    assert ("password",) in marked


def test_before_an_update_what_the_cloud_computed_is_known(cloud: Engine) -> None:
    key = cloud.key()
    after = cloud.update(key, preview=True, keyRing=key["keyRing"], rotationPeriod="7776000s")
    assert after["primaries"] == key["primaries"]
    assert after["rotationPeriod"] == "7776000s"


def test_an_update_keeps_what_was_computed_and_drops_what_was_removed(cloud: Engine) -> None:
    key = cloud.key()
    longer = cloud.update(key, keyRing=key["keyRing"], rotationPeriod="7776000s")
    assert longer["primaries"] == key["primaries"]
    none = cloud.update(longer, keyRing=key["keyRing"])
    assert "rotationPeriod" not in none.state


def test_secret_outputs_come_back_as_secrets_after_a_refresh(cloud: Engine) -> None:
    secret = cloud.create("gcp:secretmanager/secret:Secret", "s", secretId="s", replication={"auto": {}})
    version = cloud.create("gcp:secretmanager/secretVersion:SecretVersion", "v", secret=secret.id, secretData="x")
    again = cloud.refresh(version)
    assert again is not None
    assert ("secretData",) in again.secrets
    assert again["secretData"] == "x"


def test_input_secrets_are_remembered(cloud: Engine) -> None:
    topic = cloud.create("gcp:pubsub/topic:Topic", "t", secrets=[("labels", "a")], name="t", labels={"a": "hidden"})
    assert ("labels", "a") in topic.secrets
    stored = cloud.store.get("gcp:pubsub/topic:Topic", topic.id)
    assert stored is not None
    assert ("labels", "a") in stored.secrets


def test_reading_what_is_gone_says_so(cloud: Engine) -> None:
    key = cloud.key()
    cloud.store.remove(key.type, key.id)
    assert cloud.refresh(key) is None


def test_an_import_gives_inputs_that_show_no_change(cloud: Engine) -> None:
    given = {"databaseVersion": "POSTGRES_16", "region": REGION, "name": "db"}
    settings = {"tier": "t", "databaseFlags": [{"name": "log_connections", "value": "on"}]}
    token = "gcp:sql/databaseInstance:DatabaseInstance"
    database = cloud.create(token, "db", settings=settings, **given)
    imported = cloud.read(token, database.id)
    assert imported is not None
    assert imported.inputs == database.inputs
    assert imported.state == database.state
    assert cloud.kinds(imported, settings=settings, **given) == {}


@pytest.mark.parametrize(
    "spelling", ["{id}", "{project}/{last}", "projects/{project} roles/viewer user:jane@example.com"]
)
def test_imports_take_the_usual_spellings(cloud: Engine, spelling: str) -> None:
    member = {"role": "roles/viewer", "member": "user:jane@example.com", "project": PROJECT}
    grant = cloud.create("gcp:projects/iAMMember:IAMMember", "g", **member)
    last = grant.id.split("/", 1)[1]
    text = spelling.format(id=grant.id, project=PROJECT, last=last).removeprefix("projects/")
    found = cloud.read(grant.type, text)
    assert found is not None
    assert found.id == grant.id


def test_drift_shows_in_inputs_and_state(cloud: Engine) -> None:
    from localcloud.edit import assign

    bucket = cloud.create(
        "gcp:storage/bucket:Bucket", "b", name="b", location="EU", publicAccessPrevention="enforced", labels={"a": "1"}
    )
    assign(cloud.store, "b", "publicAccessPrevention=inherited")
    now = cloud.refresh(bucket)
    assert now is not None
    assert now["publicAccessPrevention"] == "inherited"
    assert now.inputs["publicAccessPrevention"] == "inherited"
    given = {"name": "b", "location": "EU", "labels": {"a": "1"}}
    assert cloud.kinds(now, publicAccessPrevention="enforced", **given) == {"publicAccessPrevention": "UPDATE"}


def test_drift_of_a_default_shows_and_the_default_comes_back(cloud: Engine) -> None:
    """A value that was filled in is managed: only what the cloud computes by itself stays invisible."""
    from localcloud.edit import assign

    rule = {"action": {"type": "Delete"}, "condition": {"age": 30}}
    bucket = cloud.create("gcp:storage/bucket:Bucket", "b", name="b", location="EU", lifecycleRules=[rule])
    assign(cloud.store, "b", "storageClass=NEARLINE", "requesterPays=true", "forceDestroy=true")
    now = cloud.refresh(bucket)
    assert now is not None
    assert now.inputs["storageClass"] == "NEARLINE"
    assert now.inputs["__defaults"] == []
    expected = {"storageClass": "UPDATE", "requesterPays": "DELETE", "forceDestroy": "UPDATE"}
    assert cloud.kinds(now, name="b", location="EU", lifecycleRules=[rule]) == expected


def test_drift_of_what_was_left_out_stays_invisible(cloud: Engine) -> None:
    """Computed fields that the program leaves out are unmanaged: the trap that rules exist for."""
    from localcloud.edit import assign

    bucket = cloud.create("gcp:storage/bucket:Bucket", "b", name="b", location="EU", publicAccessPrevention="enforced")
    assign(cloud.store, "b", "uniformBucketLevelAccess=true")
    now = cloud.refresh(bucket)
    assert now is not None
    assert cloud.kinds(now, name="b", location="EU", publicAccessPrevention="enforced") == {}


def test_a_second_resource_of_the_same_id_conflicts_and_the_message_says_how_to_take_it_over(cloud: Engine) -> None:
    cloud.network()
    with pytest.raises(Refused, match=r"409.*already exists.*pulumi import gcp:compute/network:Network network"):
        cloud.network()


def test_creating_a_grant_that_exists_is_no_conflict(cloud: Engine) -> None:
    given = {"role": "roles/viewer", "member": "user:jane@example.com", "project": PROJECT}
    first = cloud.create("gcp:projects/iAMMember:IAMMember", "g", **given)
    second = cloud.create("gcp:projects/iAMMember:IAMMember", "h", **given)
    assert first.id == second.id


def test_the_same_grant_under_two_conditions_is_two_grants(cloud: Engine) -> None:
    """Each is read back with its own condition, and one stays when the other goes."""
    given = {"role": "roles/viewer", "member": "user:jane@example.com", "project": PROJECT}
    conditions = [{"title": f"only {name}", "expression": f"resource.name == '{name}'"} for name in ("a", "b")]
    one, two = (cloud.create("gcp:projects/iAMMember:IAMMember", c["title"], **given, condition=c) for c in conditions)
    assert one.id == f"{PROJECT}/roles/viewer/user:jane@example.com/only a"
    assert [found["condition"] for found in (cloud.refresh(one), cloud.refresh(two)) if found] == conditions
    cloud.delete(one)
    assert cloud.refresh(one) is None
    assert cloud.refresh(two) is not None
    (kept,) = cloud.store.find("gcp:projects/iAMMember:IAMMember")
    assert grants.target_of(kept) == PROJECT


def test_deleting_what_is_gone_is_no_error(cloud: Engine) -> None:
    network = cloud.network()
    cloud.delete(network)
    cloud.delete(network)
    assert cloud.refresh(network) is None


def test_a_project_must_come_from_somewhere(tmp_path: object, bare: Engine) -> None:
    bare.configure()
    with pytest.raises(Refused, match="project: required field is not set"):
        bare.create("gcp:kms/keyRing:KeyRing", "ring", name="r", location=REGION)


def test_changing_the_providers_project_replaces_the_provider(bare: Engine) -> None:
    from pulumi.runtime.proto import provider_pb2

    from localcloud.codec import encode

    request = provider_pb2.DiffRequest(olds=encode({"project": "a"}), news=encode({"project": "b"}))
    assert list(bare.call("DiffConfig", request).replaces) == ["project"]


def test_resource_names_survive_in_the_store(cloud: Engine) -> None:
    network: Created = cloud.network()
    stored = cloud.store.get(network.type, network.id)
    assert stored is not None
    assert stored.urn == "urn:pulumi:dev::test::gcp:compute/network:Network::network"
