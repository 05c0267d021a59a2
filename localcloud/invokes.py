"""Data sources: questions that a program asks the cloud."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from localcloud.agents import agent_of_service
from localcloud.codec import Values
from localcloud.errors import LocalCloudError, not_found
from localcloud.outputs import Config, project_number
from localcloud.store import Store

Answer = Callable[[Store, Config, Values], dict[str, Any]]
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
    return answer(store, config, {key: value for key, value in arguments.items() if value is not None})


def project_of(config: Config, arguments: Values) -> str:
    """The project that a question is about."""
    project = arguments.get("project") or arguments.get("projectId") or config.project
    if not project:
        raise LocalCloudError("project: required field is not set, nor in the provider's configuration")
    return str(project)


@answers("gcp:organizations/getProject:getProject")
def get_project(store: Store, config: Config, arguments: Values) -> dict[str, Any]:
    project = project_of(config, arguments)
    declared = store.get("gcp:organizations/project:Project", f"projects/{project}")
    known = (
        declared.properties
        if declared
        else {"name": project, "labels": {}, "billingAccount": "", "orgId": "", "folderId": ""}
    )
    return {**known, "id": f"projects/{project}", "projectId": project, "number": project_number(project)}


@answers("gcp:organizations/getClientConfig:getClientConfig")
def get_client_config(store: Store, config: Config, arguments: Values) -> dict[str, Any]:
    labels = dict(config.default_labels)
    place = {"project": config.project or "", "region": config.region or "", "zone": config.zone or ""}
    return {**place, "id": "local", "accessToken": "none: this is the local cloud", "defaultLabels": labels}


@answers("gcp:organizations/getClientOpenIdUserInfo:getClientOpenIdUserInfo")
def get_client_user(store: Store, config: Config, arguments: Values) -> dict[str, Any]:
    return {"id": "engineer@example.com", "email": "engineer@example.com"}


@answers("gcp:organizations/getIAMPolicy:getIAMPolicy")
def get_iam_policy(store: Store, config: Config, arguments: Values) -> dict[str, Any]:
    bindings = [
        {key: value for key, value in binding.items() if value and key in ("role", "members", "condition")}
        for binding in arguments.get("bindings", [])
    ]
    policy = {
        "bindings": bindings,
        **({"auditConfigs": arguments["auditConfigs"]} if arguments.get("auditConfigs") else {}),
    }
    text = json.dumps(policy, sort_keys=True)
    return {**arguments, "id": str(abs(hash(text))), "policyData": text}


@answers("gcp:kms/getKMSCryptoKey:getKMSCryptoKey")
def get_key(store: Store, config: Config, arguments: Values) -> dict[str, Any]:
    identity = f"{arguments['keyRing']}/cryptoKeys/{arguments['name']}"
    key = store.get("gcp:kms/cryptoKey:CryptoKey", identity)
    if key is None:
        raise not_found(f"CryptoKey {identity}")
    return {**key.properties, "id": identity}


@answers("gcp:kms/getKMSKeyRing:getKMSKeyRing")
def get_key_ring(store: Store, config: Config, arguments: Values) -> dict[str, Any]:
    identity = (
        f"projects/{project_of(config, arguments)}/locations/{arguments['location']}/keyRings/{arguments['name']}"
    )
    ring = store.get("gcp:kms/keyRing:KeyRing", identity)
    if ring is None:
        raise not_found(f"KeyRing {identity}")
    return {**ring.properties, "id": identity}


@answers("gcp:projects/getProjectService:getProjectService")
def get_service(store: Store, config: Config, arguments: Values) -> dict[str, Any]:
    identity = f"{project_of(config, arguments)}/{arguments['service']}"
    service = store.get("gcp:projects/service:Service", identity)
    if service is None:
        raise not_found(f"The service {arguments['service']} of project {project_of(config, arguments)}")
    return {**service.properties, "id": identity}


@answers("gcp:storage/getProjectServiceAccount:getProjectServiceAccount")
def get_storage_agent(store: Store, config: Config, arguments: Values) -> dict[str, Any]:
    """Asking for it brings the agent into being."""
    project = project_of(config, arguments)
    email = agent_of_service("storage", project)
    store.add_agent(email, project, "storage")
    return {"id": email, "emailAddress": email, "member": f"serviceAccount:{email}", "project": project}


@answers("gcp:logging/getProjectCmekSettings:getProjectCmekSettings")
def get_logging_agent(store: Store, config: Config, arguments: Values) -> dict[str, Any]:
    """Asking for it brings the agent into being."""
    project = project_of(config, arguments)
    email = agent_of_service("logging", project)
    store.add_agent(email, project, "logging")
    identity = f"projects/{project}/cmekSettings"
    return {"id": identity, "name": identity, "project": project, "serviceAccountId": email, "kmsKeyName": ""}


@answers("gcp:bigquery/getDefaultServiceAccount:getDefaultServiceAccount")
def get_bigquery_agent(store: Store, config: Config, arguments: Values) -> dict[str, Any]:
    """Asking for it brings the agent into being."""
    project = project_of(config, arguments)
    email = agent_of_service("bigquery", project)
    store.add_agent(email, project, "bigquery")
    return {"id": email, "email": email, "member": f"serviceAccount:{email}", "project": project}


@answers("gcp:compute/getZones:getZones")
def get_zones(store: Store, config: Config, arguments: Values) -> dict[str, Any]:
    region = str(arguments.get("region") or config.region or "europe-west1")
    names = [f"{region}-{letter}" for letter in ("bcd" if region in ("europe-west1", "us-east1") else "abc")]
    project = project_of(config, arguments)
    return {"id": f"projects/{project}/regions/{region}", "names": names, "project": project, "region": region}


@answers("gcp:compute/getNetwork:getNetwork")
def get_network(store: Store, config: Config, arguments: Values) -> dict[str, Any]:
    identity = f"projects/{project_of(config, arguments)}/global/networks/{arguments['name']}"
    network = store.get("gcp:compute/network:Network", identity)
    if network is None:
        raise not_found(f"The network {identity}")
    return {**network.properties, "id": identity, "subnetworksSelfLinks": []}


@answers("gcp:serviceaccount/getAccount:getAccount")
def get_account(store: Store, config: Config, arguments: Values) -> dict[str, Any]:
    name, project = str(arguments["accountId"]), project_of(config, arguments)
    email = name if "@" in name else f"{name}@{project}.iam.gserviceaccount.com"
    for account in store.find("gcp:serviceaccount/account:Account"):
        if account.properties.get("email") == email:
            return {**account.properties, "id": account.id}
    raise not_found(f"Service account {email}")
