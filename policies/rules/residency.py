"""Residency: data of both clouds stays where the company promised (PRI-1).

The promise is the parameter `allowed_locations` of the pack's configuration. Where it names none, the stack's own
location policies (constraint gcp.resourceLocations) are the promise; without either the rules do not apply.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policies.model import UNKNOWN, Resource, gcp
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules._locations import DEFAULTS, inside, places, promised
from policies.rules._stores import STORES

_BUCKET = gcp("storage/bucket")
_SECRET = gcp("secretmanager/secret")
_TOPIC = gcp("pubsub/topic")
_POLICY_TYPE = gcp("orgpolicy/policy")
_WEB = "render:services:WebService"
_POLICY = Sample(
    _POLICY_TYPE,
    {
        "name": "projects/example/policies/gcp.resourceLocations",
        "spec": {"rules": [{"values": {"allowedValues": ["in:eu-locations"]}}]},
    },
    "policy",
)
_TEXT = "the configuration names no locations, and no location policy is in the stack"
_DOCS = ("https://cloud.google.com/resource-manager/docs/organization-policy/defining-locations",)
_PARAMS: Mapping[str, tuple[str, ...]] = {"allowed_locations": ()}


def _with_policy(*parts: Sample) -> tuple[Sample, ...]:
    return (*parts, _POLICY)


def _allowed(resource: Resource, params: Mapping[str, Any]) -> list[str]:
    return [str(v) for v in params["allowed_locations"]] or promised(resource.graph)


@rule(
    id="residency-promised-locations",
    clause="PRI-1",
    title="Resources lie in the locations we promised",
    severity="high",
    types=(_BUCKET, "gcp:*", "render:*"),
    decides=("location",),
    fix='location="europe-west1"',
    sources=_DOCS,
    graph=True,
    params=_PARAMS,
    good=(
        _with_policy(Sample(_BUCKET, {"location": "EU"})),
        _with_policy(Sample(_BUCKET, {"location": "EUROPE-WEST1"})),
        _with_policy(Sample(gcp("sql/databaseInstance"), {"region": "europe-west4"})),
        _with_policy(Sample(gcp("compute/instance"), {"zone": "europe-north1-a"})),
        _with_policy(Sample(gcp("spanner/instance"), {"config": "regional-europe-west1"})),
        _with_policy(Sample(_WEB, {"serviceDetails": {"region": "frankfurt"}})),
        _with_policy(Sample(gcp("iam/workloadIdentityPool"), {"location": "global"})),
    ),
    bad=(
        _with_policy(Sample(_BUCKET, {"location": "US"})),
        _with_policy(Sample(_BUCKET, {"location": "EUR5"})),
        _with_policy(
            Sample(
                gcp("sql/databaseInstance"),
                {"region": "europe-west1", "settings": {"backupConfiguration": {"location": "us"}}},
            )
        ),
        _with_policy(Sample(gcp("bigquery/dataset"), {"datasetId": "sales"})),
        _with_policy(Sample(_WEB, {"serviceDetails": {"plan": "pro"}})),
        _with_policy(Sample("render:postgres:Postgres", {"region": "oregon"})),
        _with_policy(Sample(gcp("kms/keyRing"), {"location": "global"})),
        _with_policy(
            Sample(
                _SECRET,
                {
                    "replication": {
                        "userManaged": {"replicas": [{"location": "europe-west1"}, {"location": "us-east1"}]}
                    }
                },
            )
        ),
        _with_policy(Sample(gcp("bigtable/instance"), {"clusters": [{"zone": "us-central1-b"}]})),
    ),
    not_applicable=({"location": "US"}, _with_policy(Sample(gcp("compute/globalAddress"), {"name": "web"}))),
)
def promised_locations(resource: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """A location decides whose courts and whose engineers reach the data, and cannot be changed later without moving
    it. What names no place gets the provider's default, which is the United States on both clouds. `global` is a place
    for settings, not for data."""
    allowed = _allowed(resource, params)
    if not allowed:
        yield skip(_TEXT)
        return
    named = False
    for path, value in places(resource):
        named = True
        if value.lower() == "global" and resource.type not in STORES:
            continue
        if not inside(value, allowed):
            absent = not resource.has(path) and path == DEFAULTS.get(resource.type, ("",))[0]
            what = f"is not set: the default is {value}" if absent else f"is {value!r}"
            yield fail(resource, path, f"{what}, outside of {', '.join(allowed[:4])}")
    if not named:
        yield skip("the resource has no location of its own")


@rule(
    id="residency-secret-replicas",
    clause="PRI-1",
    title="Secrets are replicated to named locations only",
    severity="medium",
    types=(_SECRET,),
    decides=("replication.userManaged.replicas",),
    fix='replication={"user_managed": {"replicas": [{"location": "europe-west1"}]}}',
    sources=("https://cloud.google.com/secret-manager/docs/choosing-replication",),
    graph=True,
    params=_PARAMS,
    good=(
        _with_policy(Sample(_SECRET, {"replication": {"userManaged": {"replicas": [{"location": "europe-west1"}]}}})),
    ),
    bad=(
        _with_policy(Sample(_SECRET, {"replication": {"auto": {}}})),
        _with_policy(Sample(_SECRET, {"replication": {"auto": {"customerManagedEncryption": {"kmsKeyName": "k"}}}})),
    ),
    not_applicable=({"replication": {"auto": {}}},),
)
def secret_replicas(secret: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """Automatic replication means anywhere in the world."""
    if not _allowed(secret, params):
        yield skip(_TEXT)
    elif not secret.items("replication.userManaged.replicas"):
        yield fail(secret, "replication", "is automatic: Google chooses where the secret lies")


@rule(
    id="residency-topic-storage",
    clause="PRI-1",
    title="Messages are stored in named regions only",
    severity="medium",
    types=(_TOPIC,),
    decides=("messageStoragePolicy.allowedPersistenceRegions",),
    absent="pass",
    fix='message_storage_policy={"allowed_persistence_regions": ["europe-west1"]}',
    sources=("https://cloud.google.com/pubsub/docs/resource-location-restriction",),
    graph=True,
    params=_PARAMS,
    good=(
        _with_policy(Sample(_TOPIC, {"messageStoragePolicy": {"allowedPersistenceRegions": ["europe-west1"]}})),
        _with_policy(Sample(_TOPIC, {"name": "events"})),
    ),
    bad=(_with_policy(Sample(_TOPIC, {"messageStoragePolicy": {"allowedPersistenceRegions": ["us-east1"]}})),),
    not_applicable=({"name": "events"},),
)
def topic_storage(topic: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """Without a policy a message is stored near whoever publishes it. A location policy of the organization limits
    that by itself, so a topic without a list passes beside one."""
    allowed = _allowed(topic, params)
    path = "messageStoragePolicy.allowedPersistenceRegions"
    if not allowed:
        yield skip(_TEXT)
    elif not topic.items(path) and not promised(topic.graph):
        yield fail(topic, path, "is not set: messages lie wherever they are published")
    for region in topic.items(path) if allowed else []:
        if region is UNKNOWN:
            yield unsure(topic, path)
        elif not inside(str(region), allowed):
            yield fail(topic, path, f"has {region!r}, outside of {', '.join(allowed[:4])}")
