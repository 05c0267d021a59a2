"""Where keys lie: in the location of the data they encrypt, and in another project than the data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from policies.model import Resource, gcp
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules._keys import (
    EXAMPLE_KEY,
    EXAMPLE_RING,
    KEY,
    RING,
    USES,
    example_database,
    example_key,
    key_paths,
    place_of_key,
    unseen,
)


@rule(
    id="kms-key-beside-data",
    clause="ENC-7",
    title="A key lies in the location of the data it encrypts",
    severity="high",
    types=tuple(USES),
    decides=("encryptionKeyName",),
    absent="not_applicable",
    fix="make the key in a key ring of the data's region",
    sources=("https://cloud.google.com/kms/docs/locations",),
    traps=(15,),
    graph=True,
    provenance=True,
    good=(
        (example_database(), example_key()),
        (
            Sample("storage/bucket", {"location": "EU", "encryption": {"defaultKmsKeyName": "k"}}),
            Sample(KEY, {"name": "k"}, name="key", outputs={"id": "k"}, depends={"keyRing": ("ring",)}),
            Sample(RING, {"location": "europe"}, name="ring"),
        ),
        Sample(
            "firestore/database",
            {"locationId": "eur3", "cmekConfig": {"kmsKeyName": EXAMPLE_RING.replace("-west1", "")}},
        ),
    ),
    bad=(
        (example_database(region="europe-west3"), example_key()),
        Sample(
            "storage/bucket",
            {"location": "EUROPE-WEST3", "encryption": {"defaultKmsKeyName": EXAMPLE_KEY}},
        ),
        Sample(
            "secretmanager/secret",
            {"replication": {"auto": {"customerManagedEncryption": {"kmsKeyName": EXAMPLE_KEY}}}},
        ),
    ),
    not_applicable=(
        {"region": "europe-west1"},
        Sample("pubsub/topic", {"kmsKeyName": EXAMPLE_KEY}),
    ),
)
def key_beside_data(store: Resource) -> Iterator[Finding]:
    """Google refuses most keys from elsewhere, but only halfway through a deployment; where it does not, the data
    depends on a second region."""
    judged = False
    for path in key_paths(store):
        where = _location(store, path)
        if not store.has(path) or where is None:
            continue
        _, key_location = place_of_key(store, path)
        if key_location is None:
            continue
        judged = True
        if key_location != where and not (key_location == "global" and store.type == gcp("compute/disk")):
            yield fail(store, path, f"is a key in {key_location}, and the data lies in {where}")
    if not judged:
        found = list(unseen(store))
        yield from found or [skip("the place of the key or of the data is not visible in this stack")]


_LOCATION: Final[Mapping[str, str]] = {
    gcp("sql/databaseInstance"): "region",
    gcp("redis/instance"): "region",
    gcp("redis/cluster"): "region",
    gcp("firestore/database"): "locationId",
    gcp("compute/disk"): "zone",
}
_NO_LOCATION: Final = (gcp("pubsub/topic"), gcp("bigquery/table"), gcp("spanner/database"))
_SAME: Final = {"eu": "europe", "eur3": "europe", "eur5": "europe", "nam5": "us", "nam7": "us"}


def _location(store: Resource, path: str) -> str | None:
    if store.type in _NO_LOCATION:
        return None
    if store.type == gcp("secretmanager/secret"):
        if path.startswith("replication.auto"):
            return "global"
        text = store.text(path.partition(".customerManagedEncryption")[0] + ".location")
    elif store.type == gcp("bigquery/dataset"):
        text = store.text("location", "US")
    else:
        text = store.text(_LOCATION.get(store.type, "location"))
    if text is None:
        return None
    word = text.lower()
    return _SAME.get(word, re.sub(r"^([a-z]+-[a-z]+\d+)-[a-z]$", r"\1", word))


@rule(
    id="kms-key-apart-from-data",
    clause="ENC-7",
    title="A key lies in another project than the data it encrypts",
    severity="medium",
    types=tuple(USES),
    decides=("encryptionKeyName",),
    absent="not_applicable",
    fix="make the key in a project of its own, where the administrators of the data have no rights",
    sources=("https://cloud.google.com/kms/docs/separation-of-duties",),
    graph=True,
    provenance=True,
    good=((example_database(), example_key()),),
    bad=(
        (example_database(project="example-prod-keys"), example_key()),
        (
            Sample("storage/bucket", {"encryption": {"defaultKmsKeyName": "k"}}),
            Sample(KEY, {"name": "k"}, name="key", outputs={"id": "k"}, depends={"keyRing": ("ring",)}),
            Sample(RING, {"location": "europe"}, name="ring"),
        ),
    ),
    not_applicable=({"region": "europe-west1"},),
)
def key_apart_from_data(store: Resource) -> Iterator[Finding]:
    """Where key and data share a project, its owner has both, and taking the key away protects nothing."""
    judged = False
    for path in key_paths(store):
        if not store.has(path):
            continue
        key_project = _project_of_key(store, path)
        if key_project is None:
            continue
        judged = True
        own = _project(store)
        if own == key_project:
            yield fail(store, path, f"is a key in the project of the data ({own[1] or 'the default one'})")
        elif own[0] != key_project[0]:
            yield unsure(store, "project", "cannot be compared with the project of the key")
    if not judged:
        found = list(unseen(store))
        yield from found or [skip("the project of the key is not visible in this stack")]


def _project_of_key(store: Resource, path: str) -> tuple[str, str] | None:
    project, _ = place_of_key(store, path)
    if project is not None:
        return "name", project
    graph = store.graph
    for key in graph.targets(store, path, KEY) if graph else []:
        for ring in graph.targets(key, "keyRing", RING) if graph else []:
            return _project(ring)
    return None


def _project(resource: Resource) -> tuple[str, str]:
    """The project by name; else where it comes from; else the provider that chooses it."""
    graph = resource.graph
    name = graph.project_of(resource) if graph else resource.output("project")
    if isinstance(name, str):
        return "name", name
    if resource.has("project"):
        return "source", " ".join(sorted(resource.property_dependencies.get("project", ()))) or resource.urn
    return "provider", (resource.provider or "").rsplit("::", 1)[0]
