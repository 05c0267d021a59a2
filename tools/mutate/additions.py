"""Resources that nobody should be able to add: public grants, powers for strangers, keys, open doors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tools.mutate.stack import Edit, Mutant, State

BASE: Final = "urn:pulumi:prod::secure-hosting::"
_STRANGER: Final = "user:stranger@gmail.com"
_COLLEAGUE: Final = "user:colleague@example.com"


def _gcp(short: str) -> str:
    name = short.rsplit("/", 1)[1]
    return f"gcp:{short}:{name[0].upper()}{name[1:]}"


def _first(states: Mapping[str, State], short: str) -> State | None:
    return next((s for s in states.values() if s["type"] == _gcp(short)), None)


def additions(states: Mapping[str, State]) -> Iterator[Mutant]:
    """Every harmful resource that fits what the stack already has."""
    provider = next((s["provider"] for s in states.values() if s.get("provider")), "")
    for number, (short, what, inputs, depends) in enumerate(_wanted(states)):
        token = _gcp(short)
        urn = f"{BASE}{token}::added-{number}"
        state = {
            "urn": urn,
            "type": token,
            "custom": True,
            "inputs": inputs,
            "provider": provider,
            "protect": True,
            "dependencies": sorted({u for urns in depends.values() for u in urns}),
            "propertyDependencies": depends,
        }
        yield Mutant(token, f"added-{number}", "", f"add {what}", (Edit(urn, "add", value=state),))


Wanted = tuple[str, str, dict[str, Any], dict[str, list[str]]]


def _wanted(states: Mapping[str, State]) -> Iterator[Wanted]:
    project = _first(states, "projects/iAMMember")
    if project is not None:
        here = {"project": project["inputs"]["project"]}
        for role in ("roles/owner", "roles/editor", "roles/viewer"):
            yield "projects/iAMMember", f"{role} for a colleague", {**here, "role": role, "member": _COLLEAGUE}, {}
        for role in (
            "roles/iam.serviceAccountTokenCreator",
            "roles/iam.serviceAccountUser",
            "roles/iam.serviceAccountKeyAdmin",
            "roles/resourcemanager.projectIamAdmin",
            "roles/iam.securityAdmin",
            "roles/cloudkms.cryptoKeyDecrypter",
        ):
            yield "projects/iAMMember", f"{role} for a colleague", {**here, "role": role, "member": _COLLEAGUE}, {}
        stranger = {**here, "role": "roles/run.viewer", "member": _STRANGER}
        yield "projects/iAMMember", "a grant to a private mailbox", stranger, {}
        owners = {**here, "role": "roles/run.viewer", "members": ["group:team@example.com"]}
        yield "projects/iAMBinding", "an authoritative binding", owners, {}
        document = '{"bindings": [{"role": "roles/run.viewer", "members": ["group:team@example.com"]}]}'
        yield "projects/iAMPolicy", "an authoritative policy", {**here, "policyData": document}, {}
        permissions = ["iam.serviceAccounts.getAccessToken", "resourcemanager.projects.setIamPolicy"]
        custom = {**here, "roleId": "helper", "title": "Helper", "permissions": permissions}
        yield "projects/iAMCustomRole", "a custom role that can become anybody", custom, {}
        yield "storage/bucket", "an ordinary bucket", {**here, "name": "scratch", "location": "US"}, {}
        zone = {**here, "zone": "us-central1-a", "machineType": "e2-small"}
        image = {"bootDisk": {"initializeParams": {"image": "debian-cloud/debian-12"}}}
        public = {"networkInterfaces": [{"network": "default", "accessConfigs": [{}]}]}
        yield "compute/instance", "a machine on the internet", {**zone, **image, **public}, {}
        yield "compute/network", "an auto-mode network", {**here, "name": "auto", "autoCreateSubnetworks": True}, {}
        yield from _in_the_project(here)
    yield from _on_what_exists(states)
    yield from _above_projects()


def _in_the_project(here: Mapping[str, Any]) -> Iterator[Wanted]:
    """Powers by other ways than a well-known role, and doors beside the guarded ones."""
    strangers = "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/theirs/*"
    for role in ("roles/editor", "roles/run.admin"):
        yield "projects/iAMMember", f"{role} for a whole identity pool", {**here, "role": role, "member": strangers}, {}
    for role in ("roles/iam.roleAdmin", "roles/iam.serviceAccountAdmin", "roles/deploymentmanager.editor"):
        yield "projects/iAMMember", f"{role} for a colleague", {**here, "role": role, "member": _COLLEAGUE}, {}
    every = {**here, "role": "roles/viewer", "member": "domain:example.com"}
    yield "projects/iAMMember", "a look at everything for the whole company", every, {}
    gone = {**here, "name": "x", "filter": 'protoPayload.serviceName="cloudkms.googleapis.com"'}
    yield "logging/projectExclusion", "an exclusion of what happens to keys", gone, {}
    yield "projects/apiKey", "an API key without limits", {**here, "name": "anything"}, {}
    key = {"keyRing": "projects/x/locations/europe-west1/keyRings/r", "name": "plain"}
    yield "kms/cryptoKey", "a key that never rotates", key, {}
    database = {**here, "name": "shadow", "databaseVersion": "POSTGRES_17", "region": "europe-west1"}
    yield "sql/databaseInstance", "a database without settings", database, {}
    yield (
        "bigquery/dataset",
        "a dataset for everyone",
        {
            **here,
            "datasetId": "open",
            "accesses": [{"role": "READER", "specialGroup": "allAuthenticatedUsers"}],
        },
        {},
    )
    cluster = {**here, "name": "c", "location": "europe-west1", "enableLegacyAbac": True}
    yield "container/cluster", "a cluster with legacy access", cluster, {}
    pool = {
        **here,
        "workloadIdentityPoolId": "ci",
        "workloadIdentityPoolProviderId": "open",
        "attributeCondition": "true",
    }
    issuer = {"oidc": {"issuerUri": "https://token.actions.githubusercontent.com"}}
    yield "iam/workloadIdentityPoolProvider", "a trust in every repository", {**pool, **issuer}, {}
    tls = {**here, "name": "old", "profile": "COMPATIBLE", "minTlsVersion": "TLS_1_0"}
    yield "compute/sSLPolicy", "a TLS policy of old", tls, {}


def _above_projects() -> Iterator[Wanted]:
    """Powers over everything."""
    node = {"orgId": "123456789012"}
    for role in ("roles/owner", "roles/resourcemanager.organizationAdmin", "roles/iam.serviceAccountTokenCreator"):
        yield "organizations/iAMMember", f"{role} on the organization", {**node, "role": role, "member": _COLLEAGUE}, {}
    bindings = {**node, "role": "roles/viewer", "members": ["group:team@example.com"]}
    yield "organizations/iAMBinding", "an authoritative binding on the organization", bindings, {}
    folder = {"folder": "folders/1", "role": "roles/editor", "member": _COLLEAGUE}
    yield "folder/iAMMember", "roles/editor on a folder", folder, {}
    off = {"name": "organizations/1/policies/iam.disableServiceAccountKeyCreation", "parent": "organizations/1"}
    yield "orgpolicy/policy", "a guardrail taken back", {**off, "spec": {"reset": True}}, {}


def _on_what_exists(states: Mapping[str, State]) -> Iterator[Wanted]:
    for short, key, grant in (
        ("storage/bucket", "bucket", "storage/bucketIAMMember"),
        ("kms/cryptoKey", "cryptoKeyId", "kms/cryptoKeyIAMMember"),
        ("pubsub/topic", "topic", "pubsub/topicIAMMember"),
        ("secretmanager/secret", "secretId", "secretmanager/secretIamMember"),
        ("artifactregistry/repository", "repository", "artifactregistry/repositoryIamMember"),
        ("serviceaccount/account", "serviceAccountId", "serviceaccount/iAMMember"),
    ):
        found = _first(states, short)
        if found is None:
            continue
        edge = {key: [found["urn"]]}
        target = {key: found["inputs"].get("name", f"the-{key}")}
        for member in ("allUsers", "allAuthenticatedUsers"):
            yield grant, f"{member} on a {short}", {**target, "role": "roles/viewer", "member": member}, edge
        admin = {**target, "role": "roles/owner", "member": _COLLEAGUE}
        yield grant, f"roles/owner for a colleague on a {short}", admin, edge
    account = _first(states, "serviceaccount/account")
    if account is not None:
        edge = {"serviceAccountId": [account["urn"]]}
        yield "serviceaccount/key", "a long-lived key of an account", {"serviceAccountId": "an-account"}, edge
    data_key = _first(states, "kms/cryptoKey")
    if data_key is not None:
        role = {"cryptoKeyId": "a-key", "role": "roles/cloudkms.cryptoKeyDecrypter", "member": _COLLEAGUE}
        yield "kms/cryptoKeyIAMMember", "a person who decrypts", role, {"cryptoKeyId": [data_key["urn"]]}
    network = _first(states, "compute/network")
    if network is not None:
        edge = {"network": [network["urn"]]}
        for ports, ranges in ((["22"], ["0.0.0.0/0"]), (["3389"], ["0.0.0.0/1", "128.0.0.0/1"]), ([], ["::/0"])):
            allow = [{"protocol": "tcp", **({"ports": ports} if ports else {})}]
            inputs = {"network": "private", "direction": "INGRESS", "sourceRanges": ranges, "allows": allow}
            yield "compute/firewall", f"a firewall rule for {ports or 'every port'} from {ranges[0]}", inputs, edge
    database = _first(states, "sql/databaseInstance")
    if database is not None:
        edge = {"instance": [database["urn"]]}
        user = {"instance": "a-database", "name": "root", "password": "correct horse battery staple"}
        yield "sql/user", "a database user with a typed password", user, edge
    service = _first(states, "cloudrunv2/service")
    if service is not None:
        open_ = {"location": "europe-west1", "role": "roles/run.invoker", "member": "allAuthenticatedUsers"}
        yield (
            "cloudrunv2/serviceIamMember",
            "everyone on a service",
            {**open_, "name": "a-service"},
            {"name": [service["urn"]]},
        )
    sink = _first(states, "logging/projectSink")
    if sink is not None:
        hidden = {
            "name": "quiet",
            "filter": 'logName:"cloudaudit.googleapis.com"',
            "project": sink["inputs"]["project"],
        }
        yield "logging/projectExclusion", "an exclusion of audit logs", hidden, {}
