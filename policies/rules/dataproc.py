"""Dataproc and its metastore: no public addresses or grants, disks under a key of our own, verified boot."""

from __future__ import annotations

from policies.model import Resource, gcp
from policies.rules._facts import boolean
from policies.rules._keys import cmek
from policies.rules._public import not_public

CLUSTER = gcp("dataproc/cluster")
TEMPLATE = gcp("dataproc/workflowTemplate")
_MANAGED = "placement.managedCluster.config"
_NETWORK = "https://cloud.google.com/dataproc/docs/concepts/configuring-clusters/network"


def _virtual(resource: Resource) -> str | None:
    return "a cluster on Kubernetes has no machines of its own" if resource.has("virtualClusterConfig") else None


def _selects(template: Resource) -> str | None:
    if template.type == TEMPLATE and not template.has("placement.managedCluster"):
        return "the template picks an existing cluster"
    return _virtual(template)


not_public(
    ("dataproc/clusterIAM",),
    role="roles/dataproc.viewer",
    id="dataproc-not-public",
    title="Dataproc clusters are open to nobody outside",
    references=("checkov:CKV_GCP_98", "datadog:dataproc_clusters_is_public"),
    why="Whoever may use a cluster runs programs as its service account.",
)

not_public(
    (
        "dataproc/jobIAM",
        "dataproc/autoscalingPolicyIam",
        "dataproc/metastoreServiceIam",
        "dataproc/metastoreFederationIam",
        "dataproc/metastoreDatabaseIam",
        "dataproc/metastoreTableIam",
    ),
    role="roles/dataproc.viewer",
    id="dataproc-surroundings-not-public",
    title="Jobs, policies and metastores of Dataproc are open to nobody outside",
    why="A metastore tells where all data lies; a job shows its parameters and its output.",
)

boolean(
    {
        CLUSTER: "clusterConfig.gceClusterConfig.internalIpOnly",
        TEMPLATE: f"{_MANAGED}.gceClusterConfig.internalIpOnly",
    },
    missing="is not set: the machines get public addresses",
    guard=_selects,
    id="dataproc-no-public-address",
    clause="HOS-2",
    title="Dataproc machines have no public addresses",
    severity="high",
    fix='cluster_config={"gce_cluster_config": {"internal_ip_only": True}}',
    references=("checkov:CKV_GCP_103", "datadog:dataproc_cluster_has_public_ip"),
    sources=(_NETWORK,),
    not_applicable=({"virtualClusterConfig": {"kubernetesClusterConfig": {}}},),
    why="The web interfaces of Hadoop and Spark run programs without asking who calls. The default is false.",
)

cmek(
    {CLUSTER: "clusterConfig.encryptionConfig.kmsKeyName"},
    guard=_virtual,
    id="dataproc-own-key",
    title="Disks of Dataproc clusters are encrypted with a key of our own",
    fix='cluster_config={"encryption_config": {"kms_key_name": key.id}}',
    references=("checkov:CKV_GCP_91", "prowler:dataproc_encrypted_with_cmks_disabled", "cis-gcp:8.1"),
    sources=("https://cloud.google.com/dataproc/docs/concepts/configuring-clusters/customer-managed-encryption",),
    not_applicable=({"virtualClusterConfig": {"kubernetesClusterConfig": {}}},),
    why="Working data of every job spills to the disks of the cluster.",
)

cmek(
    {
        gcp("dataproc/metastoreService"): "encryptionConfig.kmsKey",
        gcp("dataproc/batch"): "environmentConfig.executionConfig.kmsKey",
        gcp("dataproc/sessionTemplate"): "environmentConfig.executionConfig.kmsKey",
        TEMPLATE: f"{_MANAGED}.encryptionConfig.gcePdKmsKeyName",
    },
    guard=_selects,
    id="dataproc-serverless-own-key",
    title="Metastores, batches and templates of Dataproc use a key of our own",
    sources=("https://cloud.google.com/dataproc-metastore/docs/cmek",),
    why="Work that runs without a cluster of its own spills to disk all the same.",
)

boolean(
    {CLUSTER: "clusterConfig.gceClusterConfig.shieldedInstanceConfig.enableSecureBoot"},
    missing="is not set, and the default is off",
    guard=_virtual,
    id="dataproc-secure-boot",
    clause="HOS-4",
    title="Dataproc machines start with secure boot",
    severity="low",
    fix='"shielded_instance_config": {"enable_secure_boot": True}',
    sources=("https://cloud.google.com/compute/shielded-vm/docs/shielded-vm",),
    not_applicable=({"virtualClusterConfig": {"kubernetesClusterConfig": {}}},),
    why="Secure boot refuses a changed boot loader or kernel.",
)
