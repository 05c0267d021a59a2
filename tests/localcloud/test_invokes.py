"""Data sources answer from the state of the cloud; others are refused by name."""

from __future__ import annotations

import json

import pytest

from localcloud.outputs import project_number
from tests.localcloud.conftest import PROJECT, REGION, Engine, Refused


def test_a_project_has_its_number(cloud: Engine) -> None:
    answer = cloud.invoke("gcp:organizations/getProject:getProject")
    assert (answer["projectId"], answer["number"]) == (PROJECT, project_number(PROJECT))


def test_the_client_configuration_is_the_providers(cloud: Engine) -> None:
    answer = cloud.invoke("gcp:organizations/getClientConfig:getClientConfig")
    assert (answer["project"], answer["region"]) == (PROJECT, REGION)


def test_a_policy_document_is_the_same_for_the_same_bindings(cloud: Engine) -> None:
    bindings = [{"role": "roles/viewer", "members": ["user:jane@example.com"]}]
    first = cloud.invoke("gcp:organizations/getIAMPolicy:getIAMPolicy", bindings=bindings)
    second = cloud.invoke("gcp:organizations/getIAMPolicy:getIAMPolicy", bindings=bindings)
    assert json.loads(first["policyData"]) == {"bindings": bindings}
    assert first["id"] == second["id"]


def test_a_key_is_found_or_not(cloud: Engine) -> None:
    key = cloud.key()
    answer = cloud.invoke("gcp:kms/getKMSCryptoKey:getKMSCryptoKey", keyRing=key["keyRing"], name=key["name"])
    assert answer["id"] == key.id
    with pytest.raises(Refused, match=r"CryptoKey .*absent was not found"):
        cloud.invoke("gcp:kms/getKMSCryptoKey:getKMSCryptoKey", keyRing=key["keyRing"], name="absent")


def test_an_enabled_service_is_found(cloud: Engine) -> None:
    answer = cloud.invoke("gcp:projects/getProjectService:getProjectService", service="compute.googleapis.com")
    assert answer["id"] == f"{PROJECT}/compute.googleapis.com"
    with pytest.raises(Refused, match=r"dns.googleapis.com of project"):
        cloud.invoke("gcp:projects/getProjectService:getProjectService", service="dns.googleapis.com")


def test_zones_belong_to_the_region(cloud: Engine) -> None:
    names = cloud.invoke("gcp:compute/getZones:getZones", region="europe-west4")["names"]
    assert names == ["europe-west4-a", "europe-west4-b", "europe-west4-c"]


def test_asking_for_the_storage_agent_makes_it(cloud: Engine) -> None:
    email = cloud.invoke("gcp:storage/getProjectServiceAccount:getProjectServiceAccount")["emailAddress"]
    assert cloud.store.has_agent(email)


def test_an_account_is_found_by_its_short_name(cloud: Engine) -> None:
    made = cloud.create("gcp:serviceaccount/account:Account", "a", accountId="orders-api")
    assert cloud.invoke("gcp:serviceaccount/getAccount:getAccount", accountId="orders-api")["email"] == made["email"]


def test_a_ring_and_a_network_are_found(cloud: Engine) -> None:
    key, network = cloud.key(), cloud.network()
    ring = key["keyRing"].rsplit("/", 1)[-1]
    answer = cloud.invoke("gcp:kms/getKMSKeyRing:getKMSKeyRing", name=ring, location=REGION)
    assert answer["id"] == key["keyRing"]
    assert cloud.invoke("gcp:compute/getNetwork:getNetwork", name="private")["selfLink"] == network["selfLink"]


def test_an_unserved_data_source_is_refused_with_what_is_served(cloud: Engine) -> None:
    with pytest.raises(Refused, match=r"gcp:compute/getImage:getImage.*localcloud/invokes.py.*getProject"):
        cloud.invoke("gcp:compute/getImage:getImage")
