"""What our own stacks rely on is declared beside it: a key, an account, a filter of somebody else's protects them.

One rule a kind of reliance, each under the clause that it upholds. Judged where the stack is built from our components
and declares such things at all; a reference that is not known yet is judged by its edges.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from policies.graph import Graph
from policies.model import UNKNOWN, Resource, gcp
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules._keys import KEY, USES, key_paths
from policies.rules._ours import marked, ours
from policies.rules._sinks import DESTINATIONS, SINKS

Paths = Callable[[Resource], tuple[str, ...]]
_SERVICE: Final = re.compile(r"^[a-z]+\.googleapis\.com/")
_STRANGER: Final = "projects/somebody-else/others/other"


def _fixed(table: Mapping[str, tuple[str, ...]]) -> Paths:
    return lambda resource: table[resource.type]


def _inside(
    table: tuple[str, ...], paths: Paths, targets: tuple[str, ...], what: str
) -> Callable[..., Iterator[Finding]]:
    def check(graph: Graph) -> Iterator[Finding]:
        if not ours(graph):
            yield skip("the stack is not built from our components")
        elif not graph.of(*targets):
            yield skip(f"the stack declares no {what}")
        else:
            for resource in graph.of(*table):
                for path in paths(resource):
                    yield from _reference(resource, path, targets, what)

    return check


def _reference(resource: Resource, path: str, targets: tuple[str, ...], what: str) -> Iterator[Finding]:
    """Each value at the path; a list's elements one by one."""
    graph = resource.graph
    value = resource.raw(path)
    places = [f"{path}[{i}]" for i in range(len(value))] if isinstance(value, list) else [path]
    for place in places if graph else []:
        known = resource.raw(place)
        if isinstance(known, str) and path == "destination":
            known = _SERVICE.sub("", known)
            if graph and graph.find(known, *targets):
                continue
        if known is UNKNOWN and graph and not graph.sources(resource, place, *targets):
            yield unsure(resource, place, f"is not known yet and comes from no {what} of this stack")
        elif isinstance(known, str) and known and graph and not graph.comes_from(resource, place, *targets):
            yield fail(resource, place, f"is {resource.show(place)}, no {what} of this stack")


def _register(
    id: str,
    clause: str,
    what: str,
    title: str,
    why: str,
    fix: str,
    table: Mapping[str, tuple[str, ...]],
    targets: tuple[str, ...],
    sample: tuple[dict[str, Any], dict[str, Any]],
    *,
    paths: Paths | None = None,
    stranger: str = _STRANGER,
) -> None:
    """`sample`: inputs around the reference "{}", and the inputs of the target."""
    first = next(iter(table))
    around, target = sample
    known = {"name": "theirs", **target}

    def using(reference: Any) -> Sample:
        inputs = {k: reference if v == "{}" else [reference] if v == ["{}"] else v for k, v in around.items()}
        for key, value in around.items():
            if isinstance(value, dict):
                inputs[key] = {k: reference if v == "{}" else v for k, v in value.items()}
        return Sample(first, inputs, "user")

    id_of_target = f"projects/example-prod-workload/{what.replace(' ', '')}/theirs"
    made = Sample(targets[0], known, "target", outputs={"id": id_of_target})
    rule(
        id=id,
        clause=clause,
        title=title,
        severity="medium",
        types=(*table, *targets),
        scope="stack",
        fix=fix,
        why=why,
        sources=("https://cloud.google.com/resource-manager/docs/cloud-platform-resource-hierarchy",),
        good=((using(id_of_target), made, marked()), (Sample(first, {}, "user"), made, marked())),
        bad=((using(stranger), made, marked()),),
        not_applicable=((using(stranger), made),),
    )(_inside(tuple(table), paths or _fixed(table), targets, what))


_register(
    "reliance-own-key",
    "ENC-1",
    "key",
    "What our stacks encrypt is encrypted with keys that they declare",
    "A key that lies elsewhere is rotated, opened and destroyed by whoever holds it there, and no rule sees it.",
    "the id of a key of this stack, such as key.id",
    {store: paths for store, paths in USES.items() if store != gcp("compute/disk")},
    (KEY,),
    ({"name": "main", "encryptionKeyName": "{}"}, {}),
    paths=key_paths,
)
_register(
    "reliance-own-account",
    "ACC-5",
    "service account",
    "The workloads of our stacks run as accounts that they declare",
    "What an account from elsewhere may do is decided elsewhere, and grows without a line here.",
    "service_account=account.email",
    {
        gcp("cloudrunv2/service"): ("template.serviceAccount",),
        gcp("cloudrunv2/job"): ("template.template.serviceAccount",),
        gcp("cloudrunv2/workerPool"): ("template.serviceAccount",),
        gcp("cloudfunctionsv2/function"): ("serviceConfig.serviceAccountEmail",),
    },
    (gcp("serviceaccount/account"),),
    ({"name": "app", "template": {"serviceAccount": "{}"}}, {}),
    stranger="other@somebody-else.iam.gserviceaccount.com",
)
_register(
    "reliance-own-filter",
    "HOS-3",
    "Cloud Armor policy",
    "The load balancers of our stacks filter by policies that they declare",
    "A filter from elsewhere is judged by nobody here, and may let everything through.",
    "security_policy=armor.id",
    {gcp("compute/backendService"): ("securityPolicy",), gcp("compute/regionBackendService"): ("securityPolicy",)},
    (gcp("compute/securityPolicy"), gcp("compute/regionSecurityPolicy")),
    ({"name": "web", "securityPolicy": "{}"}, {}),
)
_register(
    "reliance-own-tls-policy",
    "ENC-4",
    "TLS policy",
    "The load balancers of our stacks speak TLS by policies that they declare",
    "A policy from elsewhere may go back to TLS 1.0 any day.",
    "ssl_policy=policy.id",
    {gcp("compute/targetHttpsProxy"): ("sslPolicy",), gcp("compute/regionTargetHttpsProxy"): ("sslPolicy",)},
    (gcp("compute/sSLPolicy"), gcp("compute/regionSslPolicy")),
    ({"name": "web", "sslPolicy": "{}"}, {}),
)
_register(
    "reliance-own-network",
    "HOS-1",
    "network",
    "The workloads of our stacks lie in networks that they declare",
    "The firewall, the logs and the peers of a network from elsewhere are somebody else's decisions.",
    "private_network=network.id",
    {
        gcp("sql/databaseInstance"): ("settings.ipConfiguration.privateNetwork",),
        gcp("compute/subnetwork"): ("network",),
        gcp("cloudrunv2/service"): ("template.vpcAccess.networkInterfaces[0].network",),
        gcp("cloudrunv2/job"): ("template.template.vpcAccess.networkInterfaces[0].network",),
        gcp("cloudfunctionsv2/function"): ("serviceConfig.directVpcNetworkInterfaces[0].network",),
    },
    (gcp("compute/network"),),
    (
        {"name": "main", "settings": {"ipConfiguration": {}}, "network": "{}"},
        {},
    ),
    paths=lambda r: {
        gcp("sql/databaseInstance"): ("settings.ipConfiguration.privateNetwork", "network"),
        gcp("compute/subnetwork"): ("network",),
        gcp("cloudrunv2/service"): ("template.vpcAccess.networkInterfaces[0].network",),
        gcp("cloudrunv2/job"): ("template.template.vpcAccess.networkInterfaces[0].network",),
        gcp("cloudfunctionsv2/function"): ("serviceConfig.directVpcNetworkInterfaces[0].network",),
    }[r.type],
)
_register(
    "reliance-own-channel",
    "MON-2",
    "notification channel",
    "The alerts of our stacks go to channels that they declare",
    "A channel from elsewhere may be verified or not, read or not: nobody here knows.",
    "notification_channels=[channel.id]",
    {gcp("monitoring/alertPolicy"): ("notificationChannels",)},
    (gcp("monitoring/notificationChannel"),),
    ({"displayName": "down", "notificationChannels": ["{}"]}, {}),
)
_register(
    "reliance-own-attestor",
    "CIN-2",
    "attestor",
    "The images of our stacks are vouched for by attestors that they declare",
    "Whoever holds the key of an attestor decides what runs.",
    "require_attestations_bies=[attestor.name]",
    {gcp("binaryauthorization/policy"): ("defaultAdmissionRule.requireAttestationsBies",)},
    (gcp("binaryauthorization/attestor"),),
    (
        {"defaultAdmissionRule": {"requireAttestationsBies": "{}"}},
        {"name": "theirs"},
    ),
)
_register(
    "reliance-own-log-bucket",
    "LOG-8",
    "bucket",
    "The buckets of our stacks log to buckets that they declare",
    "Access logs in somebody else's bucket are read, and removed, by somebody else.",
    'logging={"log_bucket": log.name}',
    {gcp("storage/bucket"): ("logging.logBucket",)},
    (gcp("storage/bucket"),),
    ({"name": "main", "logging": {"logBucket": "{}"}}, {}),
    stranger="somebody-elses-bucket",
)
_register(
    "reliance-own-log-store",
    "LOG-2",
    "log store",
    "The logs of our stacks go to stores that they declare",
    "Logs in somebody else's store are read there, and gone when somebody else says so.",
    'destination=f"logging.googleapis.com/{archive.id}"',
    dict.fromkeys(SINKS, ("destination",)),
    DESTINATIONS,
    ({"name": "all", "destination": "{}"}, {}),
    stranger="storage.googleapis.com/somebody-elses-bucket",
)
_register(
    "reliance-own-topic",
    "ENC-9",
    "topic",
    "The secrets of our stacks announce their rotation to topics that they declare",
    "A rotation that is announced elsewhere is made by nobody here.",
    'topics=[{"name": topic.id}]',
    {gcp("secretmanager/secret"): ("topics[0].name",)},
    (gcp("pubsub/topic"),),
    ({"secretId": "a", "topics": {"name": "{}"}}, {}),
)
