"""Keys in use: the key of a database rotates, and the service agent may use a key before anything needs it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from policies.graph import Graph
from policies.iam import Grant, parts
from policies.model import Resource, UnknownValue, gcp
from policies.rule import Finding, Sample, fail, rule, skip
from policies.rules._keys import EXAMPLE_KEY, KEY, RING, USES, example_database, example_key, keys_of, unseen
from policies.rules._links import linked, pointers
from policies.rules._sql import INSTANCE

_KEY_IAM: Final = tuple(gcp(f"kms/cryptoKeyIAM{shape}") for shape in ("Member", "Binding", "Policy"))
_RING_IAM: Final = tuple(gcp(f"kms/keyRingIAM{shape}") for shape in ("Member", "Binding", "Policy"))
_USE_ROLES: Final = ("roles/cloudkms.cryptokeyencrypterdecrypter",)
_IDENTITY: Final = gcp("projects/serviceIdentity")
_AGENTS: Final[Mapping[str, tuple[str, str]]] = {
    "sql": ("sqladmin.googleapis.com", "gcp-sa-cloud-sql"),
    "storage": ("storage.googleapis.com", "gs-project-accounts"),
    "secretmanager": ("secretmanager.googleapis.com", "gcp-sa-secretmanager"),
    "bigquery": ("bigquery.googleapis.com", "bigquery-encryption"),
    "pubsub": ("pubsub.googleapis.com", "gcp-sa-pubsub"),
    "artifactregistry": ("artifactregistry.googleapis.com", "gcp-sa-artifactregistry"),
    "redis": ("redis.googleapis.com", "cloud-redis"),
    "memorystore": ("memorystore.googleapis.com", "gcp-sa-memorystore"),
    "alloydb": ("alloydb.googleapis.com", "gcp-sa-alloydb"),
    "spanner": ("spanner.googleapis.com", "gcp-sa-spanner"),
    "filestore": ("file.googleapis.com", "cloud-filer"),
    "firestore": ("firestore.googleapis.com", "gcp-sa-firestore"),
    "backupdisasterrecovery": ("backupdr.googleapis.com", "gcp-sa-backupdr"),
    "logging": ("logging.googleapis.com", "gcp-sa-logging"),
    "compute": ("compute.googleapis.com", "compute-system"),
}
"""The API of each module and what its service agent's address holds (Google's list of service agents)."""


@rule(
    id="kms-database-key-rotates",
    clause="ENC-2",
    title="The key of a database rotates",
    severity="high",
    types=(INSTANCE,),
    decides=("encryptionKeyName",),
    absent="not_applicable",
    fix='rotation_period="7776000s" on the key',
    sources=("https://cloud.google.com/kms/docs/key-rotation",),
    traps=(11,),
    graph=True,
    provenance=True,
    params={"max_days": 90},
    good=((example_database(), example_key()),),
    bad=(
        (example_database(), Sample(KEY, {"name": "app"}, name="key", outputs={"id": EXAMPLE_KEY})),
        (example_database(), example_key(rotationPeriod="31536000s")),
    ),
    not_applicable=({"region": "europe-west1"}, {"encryptionKeyName": EXAMPLE_KEY}),
)
def database_key_rotates(store: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """An encrypted database is as fresh as its key. Follows the reference to the key, by name or by edge."""

    def slow(key: Resource) -> str | None:
        seconds = key.number("rotationPeriod")
        rotates = seconds is not None and seconds <= float(params["max_days"]) * 86400
        return None if rotates else f", which does not rotate within {params['max_days']} days"

    yield from _about_keys(store, slow)


def _about_keys(store: Resource, wrong: Callable[[Resource], str | None]) -> Iterator[Finding]:
    """What is wrong with the keys that the store uses, said on the store."""
    keys = keys_of(store)
    for path, key in keys:
        if said := wrong(key):
            yield fail(store, path, f"is the key {key.name}{said}")
    if not keys:
        found = list(unseen(store))
        yield from found or [skip("the key is managed in another stack, where it is judged")]


@rule(
    id="kms-data-key-symmetric",
    clause="ENC-1",
    title="Data is encrypted with AES-256: its key is a symmetric one",
    severity="high",
    types=tuple(USES),
    decides=("encryptionKeyName",),
    absent="not_applicable",
    fix='purpose="ENCRYPT_DECRYPT", version_template={"algorithm": "GOOGLE_SYMMETRIC_ENCRYPTION"} on the key',
    sources=("https://cloud.google.com/kms/docs/algorithms",),
    graph=True,
    provenance=True,
    good=(
        (example_database(), example_key()),
        (example_database(), example_key(versionTemplate={"algorithm": "GOOGLE_SYMMETRIC_ENCRYPTION"})),
    ),
    bad=(
        (example_database(), example_key(purpose="ASYMMETRIC_DECRYPT")),
        (example_database(), example_key(versionTemplate={"algorithm": "AES_128_GCM"})),
    ),
    not_applicable=({"region": "europe-west1"}, {"encryptionKeyName": EXAMPLE_KEY}),
)
def data_key_symmetric(store: Resource) -> Iterator[Finding]:
    """The policy promises AES-256. A key for another purpose does not rotate, and no store takes it in the end."""

    def asymmetric(key: Resource) -> str | None:
        algorithm = key.upper("versionTemplate.algorithm", "GOOGLE_SYMMETRIC_ENCRYPTION")
        if key.upper("purpose", "ENCRYPT_DECRYPT") != "ENCRYPT_DECRYPT":
            return f", whose purpose is {key.show('purpose')}"
        symmetric = algorithm in ("GOOGLE_SYMMETRIC_ENCRYPTION", "EXTERNAL_SYMMETRIC_ENCRYPTION")
        return None if symmetric else f" with {key.show('versionTemplate.algorithm')}"

    yield from _about_keys(store, asymmetric)


@rule(
    id="kms-agent-granted-first",
    clause="ENC-6",
    title="The service agent may use the key before the resource is made",
    severity="high",
    types=tuple(USES),
    decides=("encryptionKeyName",),
    absent="not_applicable",
    fix="opts=ResourceOptions(depends_on=[gcp.kms.CryptoKeyIAMMember(…, member=agent.member)])",
    sources=("https://cloud.google.com/iam/docs/service-agents",),
    traps=(15,),
    graph=True,
    good=(
        (
            example_database("grant"),
            example_key(),
            Sample(
                _KEY_IAM[0],
                {
                    "cryptoKeyId": EXAMPLE_KEY,
                    "role": "roles/cloudkms.cryptoKeyEncrypterDecrypter",
                    "member": "serviceAccount:service-1@gcp-sa-cloud-sql.iam.gserviceaccount.com",
                },
                name="grant",
            ),
        ),
        (
            dataclasses.replace(example_database(), options={"id": "example-prod-database"}),
            example_key(),
            Sample(
                _KEY_IAM[0],
                {
                    "cryptoKeyId": EXAMPLE_KEY,
                    "role": "roles/cloudkms.cryptoKeyEncrypterDecrypter",
                    "member": "serviceAccount:service-1@gcp-sa-cloud-sql.iam.gserviceaccount.com",
                },
                name="grant",
            ),
        ),
    ),
    bad=(
        (example_database(), example_key()),
        (
            example_database(),
            example_key(),
            Sample(
                _KEY_IAM[0],
                {
                    "cryptoKeyId": EXAMPLE_KEY,
                    "role": "roles/cloudkms.cryptoKeyEncrypterDecrypter",
                    "member": "serviceAccount:service-1@gcp-sa-cloud-sql.iam.gserviceaccount.com",
                },
                name="grant",
            ),
        ),
        (
            example_database("grant"),
            example_key(),
            Sample(
                _KEY_IAM[0],
                {
                    "cryptoKeyId": EXAMPLE_KEY,
                    "role": "roles/cloudkms.viewer",
                    "member": "serviceAccount:service-1@gcp-sa-cloud-sql.iam.gserviceaccount.com",
                },
                name="grant",
            ),
        ),
        (
            example_database("grant"),
            example_key(),
            Sample(
                _KEY_IAM[0],
                {
                    "cryptoKeyId": EXAMPLE_KEY,
                    "role": "roles/cloudkms.cryptoKeyEncrypterDecrypter",
                    "member": "serviceAccount:service-1@gcp-sa-pubsub.iam.gserviceaccount.com",
                },
                name="grant",
            ),
        ),
    ),
    not_applicable=({"region": "europe-west1"}, {"encryptionKeyName": EXAMPLE_KEY}),
)
def agent_granted_first(store: Resource) -> Iterator[Finding]:
    """Without the grant the cloud refuses to make the resource, or makes it and cannot read it later. Without the edge
    the two race, and a first deployment fails now and then: what is there already has won that race."""
    keys = keys_of(store)
    graph = store.graph
    for path, key in keys:
        granted = [g.resource.urn for g in _uses_of(key) if _may_be_agent(g, store)] if graph else []
        if not granted:
            yield fail(store, path, f"is the key {key.name}, which no grant lets the service agent use")
        elif graph and store.id is None and not (set(granted) & _before(graph, store)):
            yield fail(store, path, f"the grant on {key.name} is not made before: nothing here depends on it")
    if not keys:
        found = list(unseen(store))
        yield from found or [skip("the key is managed in another stack, with its grants")]


def _uses_of(key: Resource) -> Iterator[Grant]:
    granting = pointers(key, "cryptoKeyId", *_KEY_IAM)
    for ring in linked(key, "keyRing", RING):
        granting += pointers(ring, "keyRingId", *_RING_IAM)
    for resource in granting:
        try:
            for grant in parts(resource):
                if grant.role.lower() in _USE_ROLES or (not grant.role and grant.unknown):
                    yield grant
        except UnknownValue:
            continue


def _may_be_agent(grant: Grant, store: Resource) -> bool:
    api, marker = _AGENTS.get(store.type.split(":")[1].split("/")[0], ("", ""))
    services = [identity.raw("service") for identity in linked(grant.resource, "member", _IDENTITY)]
    if any(service == api or not isinstance(service, str) for service in services):
        return True
    return marker in grant.member if grant.member else not services


def _before(graph: Graph, resource: Resource) -> set[str]:
    """The URNs of all that is made before the resource."""
    seen: set[str] = set()
    waiting = [resource]
    while waiting:
        current = waiting.pop()
        edges = set(current.dependencies).union(*current.property_dependencies.values())
        for urn in edges - seen:
            seen.add(urn)
            if urn in graph.by_urn:
                waiting.append(graph.by_urn[urn])
    return seen
