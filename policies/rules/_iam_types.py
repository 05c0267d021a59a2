"""The types that grant access: every IAM type of the provider, by level. A test compares the table with the SDK."""

from __future__ import annotations

from typing import Final

from policies.iam import POLICY_DOCUMENT, level_of
from policies.model import gcp

_FAMILIES: Final = {
    "accesscontextmanager": "accessPolicyIam",
    "apigateway": "apiConfigIam apiIam gatewayIam",
    "apigee": "environmentIam",
    "artifactregistry": "repositoryIam",
    "beyondcorp": "securityGatewayApplicationIam securityGatewayIam",
    "biglake": "hiveCatalogIam hiveDatabaseIam hiveTableIam icebergCatalogIam icebergNamespaceIam icebergTableIam",
    "bigquery": "connectionIam datapolicyv2DataPolicyIam datasetIam iam routineIam",
    "bigqueryanalyticshub": "dataExchangeIam listingIam",
    "bigquerydatapolicy": "dataPolicyIam",
    "bigtable": "instanceIam tableIam",
    "billing": "accountIam",
    "binaryauthorization": "attestorIam",
    "certificateauthority": "caPoolIam certificateTemplateIam",
    "cloudbuildv2": "connectionIAM",
    "clouddeploy": "customTargetTypeIam deliveryPipelineIam targetIam",
    "cloudfunctions": "functionIam",
    "cloudfunctionsv2": "functionIam",
    "cloudrun": "iam",
    "cloudrunv2": "jobIam serviceIam workerPoolIam",
    "cloudtasks": "queueIam",
    "colab": "runtimeTemplateIam",
    "compute": (
        "backendBucketIam backendServiceIam diskIam firewallPolicyIam imageIam instanceIAM "
        "instanceTemplateIam instantSnapshotIam machineImageIam networkFirewallPolicyIam "
        "regionBackendBucketIam regionBackendServiceIam regionDiskIam regionInstantSnapshotIam "
        "regionNetworkFirewallPolicyIam snapshotIam storagePoolIam subnetworkIAM"
    ),
    "containeranalysis": "noteIam",
    "datacatalog": "entryGroupIam policyTagIam tagTemplateIam taxonomyIam",
    "dataform": "repositoryIam",
    "dataplex": (
        "aspectTypeIam assetIam dataProductIam datascanIam entryGroupIam entryTypeIam glossaryIam lakeIam "
        "taskIam zoneIam"
    ),
    "dataproc": (
        "autoscalingPolicyIam clusterIAM jobIAM metastoreDatabaseIam metastoreFederationIam "
        "metastoreServiceIam metastoreTableIam"
    ),
    "discoveryengine": "searchEngineIam",
    "dns": "dnsManagedZoneIam",
    "endpoints": "consumersIam serviceIam",
    "eventarc": "pipelineIam",
    "folder": "iAM",
    "gemini": "dataAnalyticsDataAgentIam repositoryGroupIam",
    "gkebackup": "backupPlanIam restorePlanIam",
    "gkehub": "featureIam membershipIam scopeIam",
    "healthcare": "consentStoreIam datasetIam dicomStoreIam fhirStoreIam hl7StoreIam",
    "iam": "workforcePoolIam workloadIdentityPoolIam",
    "iap": (
        "agentRegistryAgentIam agentRegistryEndpointIam agentRegistryIam agentRegistryMcpServerIam "
        "appEngineServiceIam appEngineVersionIam locationWebIam tunnelDestGroupIam tunnelIam "
        "tunnelInstanceIAM webBackendServiceIam webCloudRunServiceIam webForwardingRuleServiceIam webIam "
        "webRegionBackendServiceIam webRegionForwardingRuleServiceIam webTypeAppEngingIam webTypeComputeIam"
    ),
    "kms": "cryptoKeyIAM ekmConnectionIam keyRingIAM",
    "logging": "logViewIam",
    "networkconnectivity": "hubIam",
    "networksecurity": "addressGroupIam",
    "notebooks": "instanceIam runtimeIam",
    "organizations": "iAM",
    "projects": "iAM",
    "pubsub": "schemaIam subscriptionIAM topicIAM",
    "runtimeconfig": "configIam",
    "secretmanager": "regionalSecretIam secretIam",
    "securesourcemanager": "instanceIam repositoryIam",
    "securitycenter": "instanceIam sourceIam v2OrganizationSourceIam",
    "serviceaccount": "iAM",
    "servicedirectory": "namespaceIam serviceIam",
    "sourcerepo": "repositoryIam",
    "spanner": "databaseIAM instanceIAM",
    "storage": "bucketIAM managedFolderIam",
    "tags": "tagKeyIam tagValueIam",
    "vertex": (
        "aiEndpointIam aiFeatureGroupIam aiFeatureOnlineStoreFeatureviewIam aiFeatureOnlineStoreIam "
        "aiFeatureStoreEntityTypeIam aiFeatureStoreIam aiReasoningEngineIam"
    ),
    "workbench": "instanceIam",
    "workstations": "workstationConfigIam workstationIam",
}
"""Module → beginnings of its types, which end in Member, Binding and Policy."""

FAMILIES: Final = tuple(f"{module}/{subject}" for module, subjects in _FAMILIES.items() for subject in subjects.split())


def tokens(*shapes: str, levels: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The type tokens of these shapes (all three by default), of these levels (all by default)."""
    made = [gcp(family + shape) for family in FAMILIES for shape in shapes or ("Member", "Binding", "Policy")]
    if not shapes or "Policy" in shapes:
        made.append(POLICY_DOCUMENT)
    return tuple(token for token in made if not levels or level_of(token) in levels)
