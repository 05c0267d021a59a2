"""Clusters: upgraded, shielded, and running attested images only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.model import Resource
from policies.rule import Finding, Sample, fail, rule, skip
from policies.rules._facts import boolean, one_of
from policies.rules._gke import CLUSTER, POOL, autopilot
from policies.rules._keys import cmek

RETIRED: tuple[tuple[str, str], ...] = (
    ("pulumi:@native", "generated policies for the google-native provider, which Pulumi has retired"),
    ("checkov:CKV_GCP_24", "pod security policies were removed from Kubernetes 1.25 and from GKE"),
    ("kics:pod_security_policy_disabled", "pod security policies were removed from Kubernetes 1.25 and from GKE"),
    ("terrascan:AC_GCP_0022", "pod security policies were removed from Kubernetes 1.25 and from GKE"),
)

_AUTOPILOT: Final = Sample(CLUSTER, {"enableAutopilot": True})


boolean(
    {CLUSTER: "enableShieldedNodes"},
    absent="pass",
    guard=autopilot,
    id="gke-shielded-nodes",
    clause="HOS-4",
    title="Cluster nodes prove who they are (shielded nodes)",
    severity="medium",
    why="Without it, stolen bootstrap credentials let a stranger pose as a node. On by default.",
    fix="enable_shielded_nodes=True",
    references=("checkov:CKV_GCP_71", "trivy:GCP-0055", "kics:shielded_gke_nodes_disabled"),
    sources=("https://cloud.google.com/kubernetes-engine/docs/how-to/shielded-gke-nodes",),
    not_applicable=(_AUTOPILOT,),
)


@rule(
    id="gke-shielded-nodes-explicit",
    clause="HOS-4",
    title="Clusters write out that their nodes are shielded",
    severity="low",
    level="advisory",
    types=(CLUSTER,),
    decides=("enableShieldedNodes",),
    fix="enable_shielded_nodes=True",
    references=("kics:shielded_gke_nodes_disabled",),
    sources=("https://cloud.google.com/kubernetes-engine/docs/how-to/shielded-gke-nodes",),
    good=({"enableShieldedNodes": True},),
    bad=({"name": "app"},),
    not_applicable=(_AUTOPILOT,),
)
def shielded_explicit(cluster: Resource) -> Iterator[Finding]:
    """The default was different before provider version 4; written out, the setting survives the next change."""
    if reason := autopilot(cluster):
        yield skip(reason)
    elif cluster.get("enableShieldedNodes") is None:
        yield fail(cluster, "enableShieldedNodes", "is left to the provider's default")


@rule(
    id="gke-release-channel",
    clause="DEP-4",
    title="Clusters follow a release channel",
    severity="medium",
    types=(CLUSTER,),
    decides=("releaseChannel.channel",),
    fix='release_channel={"channel": "REGULAR"}',
    references=("checkov:CKV_GCP_70", "kics:ensure_gke_version_management_is_automated_using_release_channels"),
    sources=("https://cloud.google.com/kubernetes-engine/docs/concepts/release-channels",),
    good=({"releaseChannel": {"channel": "REGULAR"}}, {"releaseChannel": {"channel": "STABLE"}}),
    bad=({}, {"releaseChannel": {"channel": "UNSPECIFIED"}}),
    not_applicable=(_AUTOPILOT,),
)
def release_channel(cluster: Resource) -> Iterator[Finding]:
    """A cluster outside the channels is upgraded when somebody thinks of it. Autopilot always follows one."""
    path = "releaseChannel.channel"
    if reason := autopilot(cluster):
        yield skip(reason)
    elif cluster.upper(path) in (None, "UNSPECIFIED"):
        yield fail(cluster, path, f"is {cluster.show(path)}: upgrades wait for a person")


one_of(
    {CLUSTER: "releaseChannel.channel"},
    allowed=("REGULAR", "STABLE"),
    others=("RAPID", "EXTENDED"),
    absent="not_applicable",
    missing="has no channel, which another rule judges",
    id="gke-release-channel-stable",
    clause="DEP-4",
    title="Clusters follow the regular or stable channel",
    severity="low",
    why="RAPID versions are outside the service level agreement; EXTENDED ones stay on old minors for two years.",
    fix='release_channel={"channel": "REGULAR"}',
    references=("kics:ensure_gke_version_management_is_automated_using_release_channels",),
    sources=("https://cloud.google.com/kubernetes-engine/docs/concepts/release-channels",),
)


def _version(title: str, oldest: str, **record: Any) -> None:
    @rule(
        types=(CLUSTER, POOL),
        clause="HOS-6",
        title=title,
        decides=("minMasterVersion",),
        absent="pass",
        params={"oldest": oldest},
        fix='release_channel={"channel": "REGULAR"} and no version, or min_master_version="latest"',
        sources=("https://cloud.google.com/kubernetes-engine/docs/release-schedule",),
        good=({"minMasterVersion": "latest"}, {"minMasterVersion": oldest}, {"minMasterVersion": "1.99.1-gke.1"}, {}),
        bad=(
            {"minMasterVersion": "1.24"},
            {"minMasterVersion": "1.9.7-gke.3"},
            {"nodeVersion": "1.24"},
            Sample(POOL, {"version": "1.14.10-gke.36"}),
        ),
        **record,
    )
    def check(resource: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
        limit = _minor(str(params["oldest"])) or (0, 0)
        for path in ("minMasterVersion", "nodeVersion") if resource.type == CLUSTER else ("version",):
            version = _minor(resource.text(path) or "")
            if version and version < limit:
                yield fail(resource, path, f"is {resource.show(path)}, older than {params['oldest']}")


def _minor(version: str) -> tuple[int, int] | None:
    match = re.match(r"v?(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else None


_version(
    "Clusters do not pin a version that is long out of support",
    "1.25",
    id="gke-version",
    severity="medium",
    why="Versions out of support get no fixes for known holes. The oldest accepted version is a parameter.",
    references=("kics:outdated_gke_version",),
)
_version(
    "Clusters do not pin a version that is out of support",
    "1.33",
    id="gke-version-supported",
    severity="low",
    why="A minor version is supported for 14 months; 1.33 is the oldest of the schedule for autumn 2026. A parameter.",
)

one_of(
    {CLUSTER: "binaryAuthorization.evaluationMode"},
    allowed=(
        "PROJECT_SINGLETON_POLICY_ENFORCE",
        "POLICY_BINDINGS",
        "POLICY_BINDINGS_AND_PROJECT_SINGLETON_POLICY_ENFORCE",
    ),
    others=("DISABLED", "EVALUATION_MODE_UNSPECIFIED"),
    guard=lambda cluster: "uses the older switch, which is on" if _old_switch(cluster) else None,
    id="gke-binary-authorization",
    clause="CIN-2",
    title="Clusters run attested images only (Binary Authorization)",
    severity="medium",
    why="Otherwise whoever may start a pod may run any image from anywhere. Off by default, also in Autopilot.",
    fix='binary_authorization={"evaluation_mode": "PROJECT_SINGLETON_POLICY_ENFORCE"}',
    references=("checkov:CKV_GCP_66",),
    sources=("https://cloud.google.com/binary-authorization/docs/overview",),
    traps=(41,),
    bad=({"enableBinaryAuthorization": False},),
    not_applicable=({"enableBinaryAuthorization": True}, {"binaryAuthorization": {"enabled": True}}),
)


def _old_switch(cluster: Resource) -> bool:
    if cluster.has("binaryAuthorization.evaluationMode"):
        return False
    return cluster.flag("binaryAuthorization.enabled") or cluster.flag("enableBinaryAuthorization")


boolean(
    {CLUSTER: "enableKubernetesAlpha"},
    want=False,
    absent="pass",
    id="gke-no-alpha",
    clause="HOS-6",
    title="No cluster is an alpha cluster",
    severity="medium",
    why="Alpha clusters get no upgrades and no support, and are deleted after 30 days.",
    fix="enable_kubernetes_alpha=False",
    references=("checkov:CKV2_GCP_19", "kics:google_kubernetes_engine_cluster_has_alpha_features_enabled"),
    sources=("https://cloud.google.com/kubernetes-engine/docs/concepts/alpha-clusters",),
)


@rule(
    id="gke-pools-apart",
    clause="HOS-6",
    title="Node pools are resources of their own",
    severity="low",
    level="advisory",
    types=(CLUSTER,),
    decides=("nodePools",),
    absent="pass",
    fix="gcp.container.NodePool(cluster=cluster.id, ...) with remove_default_node_pool=True on the cluster",
    references=("checkov:CKV_GCP_123",),
    sources=("https://www.pulumi.com/registry/packages/gcp/api-docs/container/cluster/",),
    good=({"removeDefaultNodePool": True, "nodePools": []}, {"nodeConfig": {}}),
    bad=({"nodePools": [{"nodeConfig": {}}]},),
    not_applicable=({"removeDefaultNodePool": True, "nodePools": [{}]},),
)
def pools_apart(cluster: Resource) -> Iterator[Finding]:
    """A pool written inside the cluster can only be changed by replacing the cluster."""
    if cluster.items("nodePools"):
        if cluster.flag("removeDefaultNodePool"):
            yield skip("the pools inside are removed at once")
        else:
            yield fail(cluster, "nodePools", "ties the pools to the cluster's life")


@rule(
    id="gke-labels",
    clause="MIN-2",
    title="Clusters are labelled",
    severity="low",
    level="advisory",
    types=(CLUSTER,),
    decides=("resourceLabels",),
    fix='resource_labels={"team": "platform"}',
    references=(
        "checkov:CKV_GCP_21",
        "trivy:GCP-0051",
        "kics:cluster_labels_disabled",
        "terrascan:AC_GCP_0019",
    ),
    sources=("https://cloud.google.com/kubernetes-engine/docs/how-to/creating-managing-labels",),
    good=({"resourceLabels": {"team": "platform"}},),
    bad=({}, {"resourceLabels": {}}),
)
def labels(cluster: Resource) -> Iterator[Finding]:
    """Labels tell at night whose cluster this is."""
    if not any(block.data for block in cluster.views("resourceLabels")):
        yield fail(cluster, "resourceLabels", "is empty")


cmek(
    {CLUSTER: "databaseEncryption.keyName"},
    id="gke-secrets-encrypted",
    title="Kubernetes secrets are encrypted with a key of our own",
    severity="medium",
    why="Secrets lie in etcd readable for Google's disk encryption only; a key of ours makes a stolen copy useless.",
    fix='database_encryption={"state": "ENCRYPTED", "key_name": key.id}',
    sources=("https://cloud.google.com/kubernetes-engine/docs/how-to/encrypting-secrets",),
)
