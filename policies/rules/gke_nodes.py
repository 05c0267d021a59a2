"""Cluster nodes: own identity, hidden metadata, shielded, on Container-Optimized OS, repaired and upgraded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from policies.graph import Graph
from policies.model import Resource, View, gcp
from policies.rule import Finding, Sample, each, fail, rule, skip, unsure
from policies.rules._gke import CLUSTER, POOL, autopilot, holders, node_rule
from policies.rules._identity import ACCOUNT_SAMPLE, DEFAULT_EMAIL, OWN_EMAIL, own_account
from policies.rules._machines import switched_on

_HARDENING: Final = ("https://cloud.google.com/kubernetes-engine/docs/how-to/hardening-your-cluster",)
_DEFAULT_ACCOUNTS: Final = gcp("projects/defaultServiceAccounts")
_ACCOUNT: Final = "serviceAccount"
_OWN: Final[dict[str, Any]] = {"serviceAccount": OWN_EMAIL}
_PROVISIONED: Final = "clusterAutoscaling.autoProvisioningDefaults.serviceAccount"


@rule(
    id="gke-node-account",
    clause="ACC-5",
    title="Cluster nodes do not run as a default service account",
    severity="high",
    types=(POOL, CLUSTER),
    decides=("nodeConfig.serviceAccount",),
    graph=True,
    provenance=True,
    fix='node_config={"service_account": nodes_account.email}',
    references=(
        "checkov:CKV2_GCP_1",
        "trivy:GCP-0050",
        "kics:gke_using_default_service_account",
        "prowler:gke_cluster_no_default_service_account",
    ),
    sources=_HARDENING,
    traps=(22,),
    good=(
        (Sample(POOL, {"nodeConfig": _OWN}, depends={"nodeConfig": ("account",)}), ACCOUNT_SAMPLE),
        Sample(CLUSTER, {"nodeConfig": _OWN}),
        Sample(CLUSTER, {"clusterAutoscaling": {"enabled": True, "autoProvisioningDefaults": _OWN}}),
        Sample(CLUSTER, {"enableAutopilot": True, "clusterAutoscaling": {"autoProvisioningDefaults": _OWN}}),
    ),
    bad=(
        {},
        {"nodeConfig": {}},
        {"nodeConfig": {"serviceAccount": "default"}},
        {"nodeConfig": {"serviceAccount": DEFAULT_EMAIL}},
        Sample(CLUSTER, {}),
        Sample(CLUSTER, {"nodeConfig": {}, "removeDefaultNodePool": True}),
        Sample(CLUSTER, {"nodePools": [{"nodeConfig": {"machineType": "e2-medium"}}]}),
        Sample(CLUSTER, {"clusterAutoscaling": {"enabled": True, "autoProvisioningDefaults": {}}}),
        Sample(CLUSTER, {"enableAutopilot": True}),
    ),
    not_applicable=(Sample(CLUSTER, {"removeDefaultNodePool": True}),),
)
def node_account(resource: Resource) -> Iterator[Finding]:
    """A pod that reaches its node's metadata acts as the node's account; the default one is shared widely."""
    provisioned = resource.type == CLUSTER and (
        resource.flag("enableAutopilot") or resource.flag("clusterAutoscaling.enabled")
    )
    if provisioned:
        yield from own_account(resource, _PROVISIONED, who="each new node")
        if resource.raw("nodeConfig") is None or autopilot(resource):
            return
    places = holders(resource)
    if not places:
        yield skip("its default pool is removed at once")
    yield from each(places, lambda holder: own_account(holder, f"nodeConfig.{_ACCOUNT}", who="each node"))


@rule(
    id="gke-default-accounts-unused",
    clause="ACC-5",
    title="No cluster is built on the project's default service accounts",
    severity="high",
    types=(_DEFAULT_ACCOUNTS,),
    scope="stack",
    fix='node_config={"service_account": nodes_account.email}',
    references=("checkov:CKV2_GCP_1",),
    sources=_HARDENING,
    good=(
        (
            Sample(POOL, {"nodeConfig": _OWN}, depends={"nodeConfig": ("account",)}),
            ACCOUNT_SAMPLE,
            Sample(_DEFAULT_ACCOUNTS, {"action": "DISABLE"}, name="defaults"),
        ),
    ),
    bad=(
        (
            Sample(POOL, {"nodeConfig": {"serviceAccount": "p-default"}}, depends={"nodeConfig": ("defaults",)}),
            Sample(_DEFAULT_ACCOUNTS, {"action": "DISABLE"}, name="defaults", outputs={"id": "p-default"}),
        ),
    ),
)
def default_accounts_unused(graph: Graph) -> Iterator[Finding]:
    """Taking the node's account from the resource that manages the default accounts is the default account again."""
    path = f"nodeConfig.{_ACCOUNT}"
    users: dict[str, list[Resource]] = {}
    lost: list[Resource] = []
    for user in graph.of(CLUSTER, POOL) if graph.of(_DEFAULT_ACCOUNTS) else ():
        for urn in graph.sources(user, path, _DEFAULT_ACCOUNTS) if user.has(path) else ():
            users.setdefault(urn, []).append(user)
        if not user.known(path) and not graph.sources(user, path):
            lost.append(user)
    for defaults in graph.of(_DEFAULT_ACCOUNTS):
        for user in users.get(defaults.urn, ()):
            yield fail(defaults, "", f"gives its account to {user.name}")
        for user in lost:
            yield unsure(defaults, "", f"may give its account to {user.name}, whose account is not known yet")


def _metadata_mode(holder: View) -> Iterator[Finding]:
    mode, old = (f"nodeConfig.workloadMetadataConfig.{name}" for name in ("mode", "nodeMetadata"))
    if (holder.upper(mode) or holder.upper(old)) not in ("GKE_METADATA", "GKE_METADATA_SERVER"):
        yield fail(holder, mode, f"is {holder.show(mode)}: pods read the node's own credentials")


node_rule(
    _metadata_mode,
    id="gke-metadata-server",
    clause="HOS-4",
    title="Pods see the GKE metadata server, not the node's metadata",
    severity="high",
    why="A pod that reaches the node's metadata takes the node's token and, on old nodes, its kubelet credentials.",
    decides=("nodeConfig.workloadMetadataConfig.mode",),
    fix='node_config={"workload_metadata_config": {"mode": "GKE_METADATA"}}',
    references=("checkov:CKV_GCP_69", "trivy:GCP-0057"),
    sources=("https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity",),
    good=(
        {"workloadMetadataConfig": {"mode": "GKE_METADATA"}},
        {"workloadMetadataConfig": {"nodeMetadata": "GKE_METADATA_SERVER"}},
    ),
    bad=({"workloadMetadataConfig": {"mode": "GCE_METADATA"}}, {"workloadMetadataConfig": {"mode": "UNSPECIFIED"}}, {}),
    more_bad=({}, Sample(CLUSTER, {"name": "app"})),
)

_LEGACY: Final = 'nodeConfig.metadata["disable-legacy-endpoints"]'


def _legacy_endpoints(holder: View) -> Iterator[Finding]:
    if switched_on(holder, _LEGACY) is False:
        yield fail(
            holder, _LEGACY, f"is {holder.show(_LEGACY)}: metadata answers without the header that proves intent"
        )


node_rule(
    _legacy_endpoints,
    id="gke-no-legacy-metadata",
    clause="HOS-4",
    title="Nodes do not serve the legacy metadata endpoints",
    severity="high",
    why="The old endpoints answer any request, also a forged one from inside a pod. Off by default since GKE 1.12.",
    decides=(_LEGACY,),
    absent="pass",
    fix='node_config={"metadata": {"disable-legacy-endpoints": "true"}}',
    references=("trivy:GCP-0048",),
    sources=_HARDENING,
    good=({"metadata": {"disable-legacy-endpoints": "true"}}, {"metadata": {"disable-legacy-endpoints": True}}, {}),
    bad=({"metadata": {"disable-legacy-endpoints": "false"}}, {"metadata": {"disable-legacy-endpoints": False}}),
)

_SHIELDED: Final = "nodeConfig.shieldedInstanceConfig"


def _switch(name: str, default: bool, holder: View) -> Iterator[Finding]:
    path = f"{_SHIELDED}.{name}"
    if not holder.flag(path, default):
        yield fail(holder, path, f"is {holder.show(path)}")


node_rule(
    lambda holder: _switch("enableSecureBoot", False, holder),
    id="gke-secure-boot",
    clause="HOS-4",
    title="Cluster nodes boot signed software only",
    severity="medium",
    why="Secure Boot refuses unsigned boot loaders and kernel modules. Off by default.",
    decides=(f"{_SHIELDED}.enableSecureBoot",),
    fix='node_config={"shielded_instance_config": {"enable_secure_boot": True}}',
    references=("checkov:CKV_GCP_68",),
    sources=("https://cloud.google.com/kubernetes-engine/docs/how-to/shielded-gke-nodes",),
    good=({"shieldedInstanceConfig": {"enableSecureBoot": True}},),
    bad=({"shieldedInstanceConfig": {"enableSecureBoot": False}}, {"shieldedInstanceConfig": {}}, {}),
)

node_rule(
    lambda holder: _switch("enableIntegrityMonitoring", True, holder),
    id="gke-integrity-monitoring",
    clause="HOS-4",
    title="Cluster nodes compare each boot with a known good one",
    severity="medium",
    why="A changed boot chain is a rootkit until proven otherwise. On by default.",
    decides=(f"{_SHIELDED}.enableIntegrityMonitoring",),
    absent="pass",
    fix='node_config={"shielded_instance_config": {"enable_integrity_monitoring": True}}',
    references=("checkov:CKV_GCP_72", "kics:shielded_gke_node_do_not_have_integrity_monitoring_enabled"),
    sources=("https://cloud.google.com/kubernetes-engine/docs/how-to/shielded-gke-nodes",),
    good=({"shieldedInstanceConfig": {"enableIntegrityMonitoring": True}}, {}),
    bad=({"shieldedInstanceConfig": {"enableIntegrityMonitoring": False}},),
)


def _image(holder: View) -> Iterator[Finding]:
    path = "nodeConfig.imageType"
    if not (holder.upper(path) or "COS_CONTAINERD").startswith("COS"):
        yield fail(holder, path, f"is {holder.show(path)}")


node_rule(
    _image,
    id="gke-node-image",
    clause="HOS-4",
    title="Cluster nodes run Container-Optimized OS",
    severity="low",
    why="A minimal, read-only, self-updating system made for containers leaves little to attack. The default.",
    decides=("nodeConfig.imageType",),
    absent="pass",
    fix='node_config={"image_type": "COS_CONTAINERD"}',
    references=("checkov:CKV_GCP_22", "trivy:GCP-0054", "kics:cos_node_image_not_used", "terrascan:AC_GCP_0016"),
    sources=("https://cloud.google.com/kubernetes-engine/docs/concepts/node-images",),
    good=({"imageType": "COS_CONTAINERD"}, {"imageType": "cos"}, {}),
    bad=({"imageType": "UBUNTU_CONTAINERD"}, {"imageType": "ubuntu"}),
)


def _managed(name: str, holder: View) -> Iterator[Finding]:
    path = f"management.{name}"
    if not holder.flag(path):
        yield fail(holder, path, f"is {holder.show(path)}")


def _management(name: str, **record: Any) -> None:
    path = f"management.{name}"

    def check(resource: Resource) -> Iterator[Finding]:
        pools = [resource] if resource.type == POOL else resource.views("nodePools")
        if not pools or autopilot(resource):
            yield skip("is settled by Autopilot" if autopilot(resource) else "has no pools of its own")
            return
        yield from each(pools, lambda pool: _managed(name, pool))

    rule(
        types=(POOL, CLUSTER),
        decides=(path,),
        sources=("https://cloud.google.com/kubernetes-engine/docs/concepts/node-auto-upgrades",),
        good=(
            {"management": {name: True}},
            {"management": {name: "true"}},
            Sample(CLUSTER, {"nodePools": [{"management": {name: True}}]}),
        ),
        bad=(
            {},
            {"management": {name: False}},
            {"management": {}},
            Sample(CLUSTER, {"nodePools": [{"management": {name: "false"}}]}),
        ),
        not_applicable=(Sample(CLUSTER, {}), Sample(CLUSTER, {"enableAutopilot": True, "nodePools": [{}]})),
        **record,
    )(check)


_management(
    "autoRepair",
    id="gke-auto-repair",
    clause="HOS-4",
    title="Broken cluster nodes are repaired by themselves",
    severity="low",
    why="A node that fails its health checks is replaced before somebody notices. Left out, it is unmanaged.",
    fix='management={"auto_repair": True, "auto_upgrade": True}',
    references=(
        "checkov:CKV_GCP_9",
        "trivy:GCP-0063",
        "kics:google_container_node_pool_auto_repair_disabled",
        "terrascan:AC_GCP_0015",
    ),
)
_management(
    "autoUpgrade",
    id="gke-auto-upgrade",
    clause="DEP-4",
    title="Cluster nodes are upgraded by themselves",
    severity="medium",
    why="Nodes that wait for a person to upgrade them keep known holes. Left out, it is unmanaged.",
    fix='management={"auto_repair": True, "auto_upgrade": True}',
    references=("checkov:CKV_GCP_10", "trivy:GCP-0058", "kics:node_auto_upgrade_disabled", "terrascan:AC_GCP_0017"),
)
