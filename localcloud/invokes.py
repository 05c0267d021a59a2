"""Data sources: questions that a program asks the cloud."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from localcloud.agents import agent_of_service
from localcloud.codec import Values
from localcloud.errors import LocalCloudError, not_found
from localcloud.outputs import Config, project_number
from localcloud.store import Store


@dataclass(frozen=True, kw_only=True)
class Question:
    """A call of a data source: its arguments, the provider's configuration, and the cloud to look into."""

    store: Store
    config: Config
    arguments: Values

    @property
    def project(self) -> str:
        """The project that the question is about."""
        project = self.arguments.get("project") or self.arguments.get("projectId") or self.config.project
        if not project:
            raise LocalCloudError("project: required field is not set, nor in the provider's configuration")
        return str(project)


Answer = Callable[[Question], dict[str, Any]]
ANSWERS: dict[str, Answer] = {}


def answers(*tokens: str) -> Callable[[Answer], Answer]:
    """Register a function for data sources."""

    def register(answer: Answer) -> Answer:
        ANSWERS.update(dict.fromkeys(tokens, answer))
        return answer

    return register


def invoke(store: Store, config: Config, token: str, arguments: Values) -> dict[str, Any]:
    """Answer a data source; one that is not served is refused by name."""
    answer = ANSWERS.get(token)
    if answer is None:
        raise LocalCloudError(
            f"localcloud does not serve the data source {token}. Add a function for it in localcloud/invokes.py. "
            f"Served are: {', '.join(sorted(ANSWERS))}"
        )
    given = {key: value for key, value in arguments.items() if value is not None}
    return answer(Question(store=store, config=config, arguments=given))


@answers("gcp:organizations/getProject:getProject")
def get_project(question: Question) -> dict[str, Any]:
    project = question.project
    declared = question.store.get("gcp:organizations/project:Project", f"projects/{project}")
    known = (
        declared.properties
        if declared
        else {"name": project, "labels": {}, "billingAccount": "", "orgId": "", "folderId": ""}
    )
    return {**known, "id": f"projects/{project}", "projectId": project, "number": project_number(project)}


@answers("gcp:organizations/getClientConfig:getClientConfig")
def get_client_config(question: Question) -> dict[str, Any]:
    labels = dict(question.config.default_labels)
    place = {
        "project": question.config.project or "",
        "region": question.config.region or "",
        "zone": question.config.zone or "",
    }
    return {**place, "id": "local", "accessToken": "none: this is the local cloud", "defaultLabels": labels}


@answers("gcp:organizations/getClientOpenIdUserInfo:getClientOpenIdUserInfo")
def get_client_user(_: Question) -> dict[str, Any]:
    return {"id": "engineer@example.com", "email": "engineer@example.com"}


@answers("gcp:organizations/getIAMPolicy:getIAMPolicy")
def get_iam_policy(question: Question) -> dict[str, Any]:
    bindings = [
        {key: value for key, value in binding.items() if value and key in ("role", "members", "condition")}
        for binding in question.arguments.get("bindings", [])
    ]
    policy = {
        "bindings": bindings,
        **({"auditConfigs": question.arguments["auditConfigs"]} if question.arguments.get("auditConfigs") else {}),
    }
    text = json.dumps(policy, sort_keys=True)
    return {**question.arguments, "id": hashlib.sha256(text.encode()).hexdigest()[:20], "policyData": text}


@answers("gcp:kms/getKMSCryptoKeyVersion:getKMSCryptoKeyVersion")
def get_key_version(question: Question) -> dict[str, Any]:
    """The first version of a key. The public half of an asymmetric one is a real P-256 key, derived from its name."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = question.store.get("gcp:kms/cryptoKey:CryptoKey", str(question.arguments["cryptoKey"]))
    if key is None:
        raise not_found(f"CryptoKey {question.arguments['cryptoKey']}")
    identity = f"{question.arguments['cryptoKey']}/cryptoKeyVersions/1"
    algorithm = (key.properties.get("versionTemplate") or {}).get("algorithm", "GOOGLE_SYMMETRIC_ENCRYPTION")
    number = int(hashlib.sha256(identity.encode()).hexdigest(), 16) % (2**255)
    public = ec.derive_private_key(number, ec.SECP256R1()).public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    known = {"algorithm": algorithm, "protectionLevel": "SOFTWARE", "state": "ENABLED", "version": 1}
    asymmetric = str(algorithm).startswith("EC_SIGN_P256")
    keys = [{"algorithm": algorithm, "pem": pem}] if asymmetric else []
    return {**question.arguments, **known, "id": identity, "name": identity, "publicKeys": keys}


@answers("gcp:kms/getKMSCryptoKey:getKMSCryptoKey")
def get_key(question: Question) -> dict[str, Any]:
    identity = f"{question.arguments['keyRing']}/cryptoKeys/{question.arguments['name']}"
    key = question.store.get("gcp:kms/cryptoKey:CryptoKey", identity)
    if key is None:
        raise not_found(f"CryptoKey {identity}")
    return {**key.properties, "id": identity}


@answers("gcp:kms/getKMSKeyRing:getKMSKeyRing")
def get_key_ring(question: Question) -> dict[str, Any]:
    identity = (
        f"projects/{question.project}/locations/{question.arguments['location']}/keyRings/{question.arguments['name']}"
    )
    ring = question.store.get("gcp:kms/keyRing:KeyRing", identity)
    if ring is None:
        raise not_found(f"KeyRing {identity}")
    return {**ring.properties, "id": identity}


@answers("gcp:projects/getProjectService:getProjectService")
def get_service(question: Question) -> dict[str, Any]:
    identity = f"{question.project}/{question.arguments['service']}"
    service = question.store.get("gcp:projects/service:Service", identity)
    if service is None:
        raise not_found(f"The service {question.arguments['service']} of project {question.project}")
    return {**service.properties, "id": identity}


@answers("gcp:storage/getProjectServiceAccount:getProjectServiceAccount")
def get_storage_agent(question: Question) -> dict[str, Any]:
    """Asking for it brings the agent into being."""
    project = question.project
    email = agent_of_service("storage", project)
    question.store.add_agent(email, project, "storage")
    return {"id": email, "emailAddress": email, "member": f"serviceAccount:{email}", "project": project}


@answers("gcp:logging/getProjectCmekSettings:getProjectCmekSettings")
def get_logging_agent(question: Question) -> dict[str, Any]:
    """Asking for it brings the agent into being."""
    project = question.project
    email = agent_of_service("logging", project)
    question.store.add_agent(email, project, "logging")
    identity = f"projects/{project}/cmekSettings"
    return {"id": identity, "name": identity, "project": project, "serviceAccountId": email, "kmsKeyName": ""}


@answers("gcp:bigquery/getDefaultServiceAccount:getDefaultServiceAccount")
def get_bigquery_agent(question: Question) -> dict[str, Any]:
    """Asking for it brings the agent into being."""
    project = question.project
    email = agent_of_service("bigquery", project)
    question.store.add_agent(email, project, "bigquery")
    return {"id": email, "email": email, "member": f"serviceAccount:{email}", "project": project}


@answers("gcp:compute/getZones:getZones")
def get_zones(question: Question) -> dict[str, Any]:
    region = str(question.arguments.get("region") or question.config.region or "europe-west1")
    names = [f"{region}-{letter}" for letter in ("bcd" if region in ("europe-west1", "us-east1") else "abc")]
    project = question.project
    return {"id": f"projects/{project}/regions/{region}", "names": names, "project": project, "region": region}


@answers("gcp:compute/getNetwork:getNetwork")
def get_network(question: Question) -> dict[str, Any]:
    identity = f"projects/{question.project}/global/networks/{question.arguments['name']}"
    network = question.store.get("gcp:compute/network:Network", identity)
    if network is None:
        raise not_found(f"The network {identity}")
    return {**network.properties, "id": identity, "subnetworksSelfLinks": []}


@answers("gcp:serviceaccount/getAccount:getAccount")
def get_account(question: Question) -> dict[str, Any]:
    name, project = str(question.arguments["accountId"]), question.project
    email = name if "@" in name else f"{name}@{project}.iam.gserviceaccount.com"
    for account in question.store.find("gcp:serviceaccount/account:Account"):
        if account.properties.get("email") == email:
            return {**account.properties, "id": account.id}
    raise not_found(f"Service account {email}")


@answers("render:postgres:getPostgresConnectionInfo")
def get_postgres_address(question: Question) -> dict[str, Any]:
    identity = str(question.arguments["postgresId"])
    database = question.store.get("render:postgres:Postgres", identity)
    if database is None:
        raise not_found(f"The database {identity}")
    user, name = database.properties.get("databaseUser"), database.properties.get("databaseName")
    password = hashlib.sha256(f"password of {identity}".encode()).hexdigest()[:32]
    inside = f"postgresql://{user}:{password}@{identity}/{name}"
    outside = (
        f"postgresql://{user}:{password}@{identity}.{database.properties.get('region')}-postgres.render.com/{name}"
    )
    command = f"PGPASSWORD={password} psql -h {identity} -U {user} {name}"
    return {
        "internalConnectionString": inside,
        "externalConnectionString": outside,
        "password": password,
        "psqlCommand": command,
    }


@answers("render:key-value:getKeyValueConnectionInfo")
def get_key_value_address(question: Question) -> dict[str, Any]:
    identity = str(question.arguments["keyValueId"])
    store = question.store.get("render:key-value:KeyValue", identity)
    if store is None:
        raise not_found(f"The key-value store {identity}")
    inside = f"redis://{identity}:6379"
    command = f"redis-cli -u {inside}"
    return {"internalConnectionString": inside, "externalConnectionString": inside, "cliCommand": command}
