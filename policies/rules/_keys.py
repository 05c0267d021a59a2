"""Encrypted with a key of our own: the one test, the properties that hold keys, and what is known about a key used."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.graph import Graph
from policies.model import Resource, View, gcp
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules._facts import Guard, Paths, put

KEY: Final = gcp("kms/cryptoKey")
RING: Final = gcp("kms/keyRing")
_KEY_TYPES: Final = (KEY, gcp("kms/cryptoKeyVersion"), gcp("kms/keyHandle"))
"""What a reference to a key can come from: a key handle is Google's autokey, which makes a key of our own."""

EXAMPLE_RING: Final = "projects/example-prod-keys/locations/europe-west1/keyRings/data"
EXAMPLE_KEY: Final = f"{EXAMPLE_RING}/cryptoKeys/app"

USES: Final[Mapping[str, tuple[str, ...]]] = {
    gcp("sql/databaseInstance"): ("encryptionKeyName",),
    gcp("storage/bucket"): ("encryption.defaultKmsKeyName",),
    gcp("secretmanager/regionalSecret"): ("customerManagedEncryption.kmsKeyName",),
    gcp("secretmanager/secret"): ("replication.auto.customerManagedEncryption.kmsKeyName",),
    gcp("bigquery/dataset"): ("defaultEncryptionConfiguration.kmsKeyName",),
    gcp("bigquery/table"): ("encryptionConfiguration.kmsKeyName",),
    gcp("pubsub/topic"): ("kmsKeyName",),
    gcp("artifactregistry/repository"): ("kmsKeyName",),
    gcp("redis/instance"): ("customerManagedKey",),
    gcp("redis/cluster"): ("kmsKey",),
    gcp("memorystore/instance"): ("kmsKey",),
    gcp("alloydb/cluster"): (
        "encryptionConfig.kmsKeyName",
        "automatedBackupPolicy.encryptionConfig.kmsKeyName",
        "continuousBackupConfig.encryptionConfig.kmsKeyName",
    ),
    gcp("spanner/database"): ("encryptionConfig.kmsKeyName",),
    gcp("filestore/instance"): ("kmsKeyName",),
    gcp("firestore/database"): ("cmekConfig.kmsKeyName",),
    gcp("backupdisasterrecovery/backupVault"): ("encryptionConfig.kmsKeyName",),
    gcp("logging/projectBucketConfig"): ("cmekSettings.kmsKeyName",),
    gcp("logging/organizationBucketConfig"): ("cmekSettings.kmsKeyName",),
    gcp("logging/folderBucketConfig"): ("cmekSettings.kmsKeyName",),
    gcp("compute/disk"): ("diskEncryptionKey.kmsKeySelfLink",),
}
"""The stores whose key is a property, for the rules that follow the key: its place, its grants, its rotation."""

_NAME = re.compile(r"projects/([^/]+)/locations/([^/]+)/keyRings/")


def encrypted(view: View, path: str, *, graph: Graph | None) -> Iterator[Finding]:
    """Nothing when a key of our own is set: known, or not known yet but coming from a key of this stack.

    Missing is a failure: Google's own key encrypts then, and nobody here can rotate it, watch it or take it away.
    """
    if not view.has(path):
        yield fail(view, path, "is not set: the data is encrypted with a key that only Google controls")
    elif not view.known(path) and not (graph and graph.sources(view, path, *_KEY_TYPES)):
        yield unsure(view, path, "is known only after the first `up` and comes from no key of this stack")


def cmek(
    paths: Paths,
    *,
    clause: str = "ENC-1",
    severity: str = "medium",
    guard: Guard | None = None,
    base: Mapping[str, Any] | None = None,
    **record: Any,
) -> None:
    """Registers the rule that a store of these types is encrypted with a key of our own."""

    def check(resource: Resource) -> Iterator[Finding]:
        if guard and (reason := guard(resource)):
            yield skip(reason)
            return
        yield from encrypted(resource, paths[resource.type], graph=resource.graph)

    rule(
        clause=clause,
        severity=severity,
        types=tuple(paths),
        provenance=True,
        graph=True,
        **with_examples(paths, base or {}, record, guarded=guard is not None),
    )(check)


def with_examples(paths: Paths, base: Mapping[str, Any], record: Mapping[str, Any], *, guarded: bool) -> dict[str, Any]:
    """The record with deciding property, fix and examples of a key set and missing."""
    others = () if guarded else tuple(Sample(t, {}) for t in list(paths)[1:])
    first, path = next(iter(paths.items()))
    last = path.rsplit(".", 1)[-1]
    snake = re.sub(r"(?<!^)([A-Z])", r"_\1", last).lower()
    key = Sample(KEY, {"name": "app", "rotationPeriod": "7776000s"}, name="key", outputs={"id": EXAMPLE_KEY})
    edges = {re.split(r"[.\[]", path)[0]: ("key",)}
    return {
        "decides": (path,),
        "reads": {token: (its,) for token, its in paths.items()},
        "fix": f"{snake}=key.id",
        **record,
        "good": (
            (Sample(first, put(base, path, EXAMPLE_KEY), depends=edges), key),
            *(Sample(t, put({}, p, EXAMPLE_KEY)) for t, p in paths.items() if t != first),
            *record.get("good", ()),
        ),
        "bad": (base, put(base, path, ""), *others, *record.get("bad", ())),
    }


def keys_of(resource: Resource) -> list[tuple[str, Resource]]:
    """The keys of this stack that a store uses, with the property that holds each."""
    graph = resource.graph
    if graph is None:
        return []
    return [
        (path, key) for path in key_paths(resource) for key in graph.targets(resource, path, KEY) if resource.has(path)
    ]


def key_paths(resource: Resource) -> tuple[str, ...]:
    """The properties of a store that hold a key, list elements included."""
    if resource.type == gcp("secretmanager/secret"):
        replicas = resource.raw("replication.userManaged.replicas")
        count = len(replicas) if isinstance(replicas, list) else 0
        own = (f"replication.userManaged.replicas[{i}].customerManagedEncryption.kmsKeyName" for i in range(count))
        return (*USES[resource.type], *own)
    return USES.get(resource.type, ())


def place_of_key(resource: Resource, path: str) -> tuple[str | None, str | None]:
    """Project and location of the key that a property names, each None where the stack does not tell."""
    value = resource.raw(path)
    if isinstance(value, str) and (match := _NAME.search(value)):
        return match[1], match[2].lower()
    graph = resource.graph
    keys = graph.targets(resource, path, KEY) if graph else []
    for key in keys:
        text = key.raw("keyRing")
        if isinstance(text, str) and (match := _NAME.search(f"{text}/")):
            return match[1], match[2].lower()
        for ring in graph.targets(key, "keyRing", RING) if graph else []:
            location = ring.output("location")
            project = graph.project_of(ring) if graph else None
            return project, location.lower() if isinstance(location, str) else None
    return None, None


def unseen(store: Resource) -> Iterator[Finding]:
    """What to say where no key of this stack was found: undecidable for a key not known yet, skipped without a key."""
    paths = [path for path in key_paths(store) if store.has(path)]
    for path in paths:
        if not store.known(path) and not (store.graph and store.graph.sources(store, path, KEY)):
            yield unsure(store, path, "is not known yet and comes from no key of this stack")
    if not paths:
        yield skip("no key of our own is set")


def example_key(**props: Any) -> Sample:
    """A key for examples."""
    base = {"name": "app", "keyRing": EXAMPLE_RING, "rotationPeriod": "7776000s"}
    return Sample(KEY, {**base, **props}, name="key", outputs={"id": EXAMPLE_KEY})


def example_database(*edges: str, **props: Any) -> Sample:
    """A database under the example's key, for examples."""
    base = {"region": "europe-west1", "project": "example-prod-workload", "encryptionKeyName": EXAMPLE_KEY}
    depends = {"encryptionKeyName": ("key", *edges)}
    return Sample(gcp("sql/databaseInstance"), {**base, **props}, depends=depends, name="database")
