"""Clusters: private nodes, a closed control plane, and policies between pods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.model import UNKNOWN, Resource
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules._facts import boolean
from policies.rules._firewalls import is_world
from policies.rules._gke import CLUSTER, autopilot

_AUTOPILOT: Final = Sample(CLUSTER, {"enableAutopilot": True})
_POLICY_DOCS: Final = ("https://cloud.google.com/kubernetes-engine/docs/how-to/network-policy",)
_ACCESS_DOCS: Final = ("https://cloud.google.com/kubernetes-engine/docs/concepts/network-isolation",)
_MAN: Final = "masterAuthorizedNetworksConfig"
_PRIVATE: Final = "privateClusterConfig"


def _dataplane_v2(cluster: Resource) -> bool:
    return cluster.upper("datapathProvider") == "ADVANCED_DATAPATH"


@rule(
    id="gke-network-policy",
    clause="HOS-4",
    title="Clusters enforce network policies between pods",
    severity="medium",
    types=(CLUSTER,),
    decides=("networkPolicy.enabled",),
    fix='datapath_provider="ADVANCED_DATAPATH"',
    references=(
        "checkov:CKV_GCP_12",
        "trivy:GCP-0056",
        "kics:network_policy_disabled",
        "kics:cluster_without_network_policy_support_enabled",
        "terrascan:AC_GCP_0293",
    ),
    sources=_POLICY_DOCS,
    good=(
        {"networkPolicy": {"enabled": True}},
        {"datapathProvider": "ADVANCED_DATAPATH"},
        {"datapathProvider": "advanced_datapath", "networkPolicy": {"enabled": False}},
    ),
    bad=(
        {},
        {"networkPolicy": {"enabled": False}},
        {"networkPolicy": {"enabled": False}, "datapathProvider": "LEGACY_DATAPATH"},
    ),
    not_applicable=(_AUTOPILOT,),
)
def network_policy(cluster: Resource) -> Iterator[Finding]:
    """Without enforcement every pod reaches every other. Dataplane V2 and Autopilot always enforce."""
    if reason := autopilot(cluster):
        yield skip(reason)
    elif not _dataplane_v2(cluster) and not cluster.flag("networkPolicy.enabled"):
        path = "networkPolicy.enabled"
        yield fail(cluster, path, f"is {cluster.show(path)}, without Dataplane V2: every pod reaches every other")


@rule(
    id="gke-network-policy-addon",
    clause="HOS-4",
    title="Clusters with network policies run the add-on that enforces them",
    severity="low",
    types=(CLUSTER,),
    decides=("addonsConfig.networkPolicyConfig.disabled",),
    fix='addons_config={"network_policy_config": {"disabled": False}}',
    references=("kics:network_policy_disabled",),
    sources=_POLICY_DOCS,
    good=({"networkPolicy": {"enabled": True}, "addonsConfig": {"networkPolicyConfig": {"disabled": False}}},),
    bad=(
        {"networkPolicy": {"enabled": True}},
        {"networkPolicy": {"enabled": True}, "addonsConfig": {"networkPolicyConfig": {"disabled": True}}},
    ),
    not_applicable=(
        _AUTOPILOT,
        {"datapathProvider": "ADVANCED_DATAPATH", "networkPolicy": {"enabled": True}},
        {"networkPolicy": {"enabled": False}},
    ),
)
def network_policy_addon(cluster: Resource) -> Iterator[Finding]:
    """The policy on the nodes needs the add-on on the control plane, which is off unless it is written out."""
    path = "addonsConfig.networkPolicyConfig.disabled"
    reason = autopilot(cluster) or ("uses Dataplane V2" if _dataplane_v2(cluster) else None)
    if reason is None and not cluster.flag("networkPolicy.enabled"):
        reason = "has no network policy, which another rule judges"
    if reason:
        yield skip(reason)
    elif cluster.flag(path, default=True):
        yield fail(cluster, path, f"is {cluster.show(path)}: policies are accepted and not enforced")


@rule(
    id="gke-control-plane-closed",
    clause="HOS-2",
    title="The control plane does not answer the whole internet",
    severity="high",
    types=(CLUSTER,),
    decides=(f"{_MAN}.cidrBlocks",),
    absent="pass",
    fix='master_authorized_networks_config={"cidr_blocks": [{"cidr_block": "10.10.0.0/24"}]}',
    references=(
        "checkov:CKV_GCP_18",
        "trivy:GCP-0053",
        "datadog:gke_control_plane_is_public",
        "terrascan:AC_GCP_0023",
        "terrascan:AC_GCP_0292",
    ),
    sources=_ACCESS_DOCS,
    good=(
        {_MAN: {"cidrBlocks": [{"cidrBlock": "10.10.128.0/24"}]}},
        {_MAN: {"cidrBlocks": []}},
        {},
    ),
    bad=(
        {_MAN: {"cidrBlocks": [{"cidrBlock": "10.0.0.0/8"}, {"cidrBlock": "0.0.0.0/0"}]}},
        {_MAN: {"cidrBlocks": [{"cidrBlock": "0.0.0.0/1"}, {"cidrBlock": "128.0.0.0/1"}]}},
    ),
)
def control_plane_closed(cluster: Resource) -> Iterator[Finding]:
    """A list that admits everyone is no list. That there is a list at all is another rule's subject."""
    views = cluster.views(f"{_MAN}.cidrBlocks")
    blocks = [view.raw("cidrBlock") for view in views]
    if is_world([block for block in blocks if isinstance(block, str)]):
        yield fail(cluster, f"{_MAN}.cidrBlocks", "admits everyone")
    elif any(block is UNKNOWN for block in blocks):
        yield unsure(cluster, f"{_MAN}.cidrBlocks")


@rule(
    id="gke-authorized-networks",
    clause="HOS-2",
    title="The control plane answers named networks only",
    severity="medium",
    types=(CLUSTER,),
    decides=(_MAN,),
    fix='master_authorized_networks_config={"cidr_blocks": [{"cidr_block": "10.10.0.0/24"}]}',
    references=("checkov:CKV_GCP_20", "trivy:GCP-0061"),
    sources=_ACCESS_DOCS,
    good=({_MAN: {"cidrBlocks": [{"cidrBlock": "10.10.128.0/24"}]}}, {_MAN: {}}),
    bad=({}, {"privateClusterConfig": {"enablePrivateEndpoint": True}}),
)
def authorized_networks(cluster: Resource) -> Iterator[Finding]:
    """Left out, the endpoint answers whoever finds it. An empty block admits no outside network."""
    if cluster.get(_MAN) is None:
        yield fail(cluster, _MAN, "is not set: the control plane answers everyone who reaches it")


boolean(
    {CLUSTER: f"{_PRIVATE}.enablePrivateNodes"},
    id="gke-private-nodes",
    clause="HOS-2",
    title="Cluster nodes have no public addresses",
    severity="high",
    why="Nodes with public addresses can be reached around the load balancer. Left out, it is unmanaged.",
    fix='private_cluster_config={"enable_private_nodes": True}',
    references=(
        "checkov:CKV_GCP_25",
        "checkov:CKV_GCP_64",
        "trivy:GCP-0059",
        "kics:private_cluster_disabled",
        "terrascan:AC_GCP_0294",
    ),
    sources=_ACCESS_DOCS,
)


@rule(
    id="gke-private-endpoint",
    clause="HOS-2",
    title="The control plane has no public endpoint",
    severity="medium",
    types=(CLUSTER,),
    decides=(f"{_PRIVATE}.enablePrivateEndpoint",),
    fix='private_cluster_config={"enable_private_endpoint": True, "enable_private_nodes": True}',
    references=("kics:private_cluster_disabled",),
    sources=_ACCESS_DOCS,
    good=(
        {_PRIVATE: {"enablePrivateEndpoint": True}},
        {"controlPlaneEndpointsConfig": {"ipEndpointsConfig": {"enabled": False}}},
    ),
    bad=({}, {_PRIVATE: {"enablePrivateEndpoint": False}}, {_PRIVATE: {"enablePrivateNodes": True}}),
)
def private_endpoint(cluster: Resource) -> Iterator[Finding]:
    """People reach it over a connect gateway, the DNS endpoint with IAM, or from inside the network."""
    path, addresses = f"{_PRIVATE}.enablePrivateEndpoint", "controlPlaneEndpointsConfig.ipEndpointsConfig.enabled"
    if not cluster.flag(path) and cluster.flag(addresses, default=True):
        yield fail(cluster, path, f"is {cluster.show(path)}: the control plane has a public address")


@rule(
    id="gke-vpc-native",
    clause="HOS-1",
    title="Clusters are VPC-native (alias addresses)",
    severity="low",
    types=(CLUSTER,),
    decides=("ipAllocationPolicy",),
    fix='ip_allocation_policy={"cluster_secondary_range_name": "pods", "services_secondary_range_name": "services"}',
    references=(
        "checkov:CKV_GCP_23",
        "trivy:GCP-0049",
        "kics:ip_aliasing_disabled",
        "terrascan:AC_GCP_0025",
    ),
    sources=("https://cloud.google.com/kubernetes-engine/docs/concepts/alias-ips",),
    traps=(1,),
    good=({"ipAllocationPolicy": {}}, {"ipAllocationPolicy": {"stackType": "IPV4"}, "networkingMode": "VPC_NATIVE"}),
    bad=({}, {"networkingMode": "VPC_NATIVE"}, {"ipAllocationPolicy": {}, "networkingMode": "ROUTES"}),
    not_applicable=(_AUTOPILOT,),
)
def vpc_native(cluster: Resource) -> Iterator[Finding]:
    """Pods with alias addresses fall under firewalls, flow logs and private access; routed ones escape them.

    The block must be written out: left out, the ranges are whatever the cloud picks.
    """
    if reason := autopilot(cluster):
        yield skip(reason)
    elif cluster.upper("networkingMode") == "ROUTES":
        yield fail(cluster, "networkingMode", "is ROUTES")
    elif cluster.get("ipAllocationPolicy") is None:
        yield fail(cluster, "ipAllocationPolicy", "is not set")


boolean(
    {CLUSTER: "enableIntranodeVisibility"},
    guard=autopilot,
    id="gke-intranode-visibility",
    clause="LOG-5",
    title="Traffic between pods of one node is seen by flow logs and firewalls",
    severity="low",
    why="Otherwise packets between two pods on the same node never touch the network, nor its logs.",
    fix="enable_intranode_visibility=True",
    references=("checkov:CKV_GCP_61",),
    sources=("https://cloud.google.com/kubernetes-engine/docs/how-to/intranode-visibility",),
    not_applicable=(_AUTOPILOT,),
)
