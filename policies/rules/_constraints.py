"""Organization policy constraints that exist, and the kind of value each takes.

Source: Google Cloud documentation, "Organization policy constraints". A policy on a name that is one letter off holds
nothing, and its name is the only thing that says so.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final, Literal

Kind = Literal["boolean", "list", "managed", "custom"]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


BOOLEAN: Final = _names(
    "ainotebooks.disableFileDownloads ainotebooks.disableRootAccess ainotebooks.disableTerminal "
    "ainotebooks.requireAutoUpgradeSchedule ainotebooks.restrictPublicIp appengine.disableCodeDownload "
    "bigquery.disableBQOmniAWS bigquery.disableBQOmniAzure cloudbuild.disableCreateDefaultServiceAccount "
    "cloudbuild.useBuildServiceAccount cloudbuild.useComputeServiceAccount "
    "clouddeploy.disableServiceLabelGeneration cloudfunctions.requireVPCConnector "
    "cloudkms.disableBeforeDestroy commerceorggovernance.disablePublicMarketplace compute.disableAllIpv6 "
    "compute.disableGlobalCloudArmorPolicy compute.disableGlobalLoadBalancing "
    "compute.disableGlobalSelfManagedSslCertificate compute.disableGlobalSerialPortAccess "
    "compute.disableGuestAttributesAccess compute.disableHybridCloudIpv6 "
    "compute.disableInstanceDataAccessApis compute.disableInternetNetworkEndpointGroup "
    "compute.disableNestedVirtualization compute.disableNonFIPSMachineTypes "
    "compute.disableSerialPortAccess compute.disableSerialPortLogging compute.disableSshInBrowser "
    "compute.disableVpcExternalIpv6 compute.disableVpcInternalIpv6 "
    "compute.enableComplianceMemoryProtection compute.requireOsConfig compute.requireOsLogin "
    "compute.requireShieldedVm compute.restrictXpnProjectLienRemoval "
    "compute.setNewProjectDefaultToZonalDNSOnly compute.skipDefaultNetworkCreation "
    "container.restrictNoncompliantDiagnosticDataAccess datastream.disablePublicConnectivity "
    "essentialcontacts.disableProjectSecurityContacts firestore.requireP4SAforImportExport "
    "gcp.detailedAuditLoggingMode gcp.disableCloudLogging iam.automaticIamGrantsForDefaultServiceAccounts "
    "iam.disableAuditLoggingExemption iam.disableCrossProjectServiceAccountUsage "
    "iam.disableServiceAccountCreation iam.disableServiceAccountKeyCreation "
    "iam.disableServiceAccountKeyUpload iam.disableWorkloadIdentityClusterCreation "
    "iam.restrictCrossProjectServiceAccountLienRemoval iap.requireGlobalIapWebDisabled "
    "iap.requireRegionalIapWebDisabled pubsub.enforceInTransitRegions "
    "spanner.assuredWorkloadsAdvancedServiceControls "
    "spanner.disableMultiRegionInstanceIfNoLocationSelected sql.disableDefaultEncryptionCreation "
    "sql.restrictAuthorizedNetworks sql.restrictNoncompliantDiagnosticDataAccess "
    "sql.restrictNoncompliantResourceCreation sql.restrictPublicIp storage.publicAccessPrevention "
    "storage.secureHttpTransport storage.uniformBucketLevelAccess"
)
"""Enforced or not."""
LIST: Final = _names(
    "ainotebooks.accessMode ainotebooks.environmentOptions ainotebooks.restrictVpcNetworks "
    "appengine.runtimeDeploymentExemption cloudbuild.allowedIntegrations cloudbuild.allowedWorkerPools "
    "cloudfunctions.allowedIngressSettings cloudfunctions.allowedVpcConnectorEgressSettings "
    "cloudfunctions.restrictAllowedGenerations cloudkms.allowedProtectionLevels "
    "cloudkms.minimumDestroyScheduledDuration cloudscheduler.allowedTargetTypes "
    "commerceorggovernance.marketplaceServices compute.allowedVlanAttachmentEncryption "
    "compute.disablePrivateServiceConnectCreationForConsumers compute.requireSslPolicy "
    "compute.requireVpcFlowLogs compute.restrictCloudNATUsage compute.restrictCrossProjectServices "
    "compute.restrictDedicatedInterconnectUsage compute.restrictLoadBalancerCreationForTypes "
    "compute.restrictNonConfidentialComputing compute.restrictPartnerInterconnectUsage "
    "compute.restrictPrivateServiceConnectConsumer compute.restrictPrivateServiceConnectProducer "
    "compute.restrictProtocolForwardingCreationForTypes compute.restrictSharedVpcBackendServices "
    "compute.restrictSharedVpcHostProjects compute.restrictSharedVpcSubnetworks "
    "compute.restrictVpcPeering compute.restrictVpnPeerIPs compute.sharedReservationsOwnerProjects "
    "compute.storageResourceUseRestrictions compute.trustedImageProjects compute.vmCanIpForward "
    "compute.vmExternalIpAccess dataform.restrictGitRemotes essentialcontacts.allowedContactDomains "
    "gcp.resourceLocations gcp.restrictCmekCryptoKeyProjects gcp.restrictNonCmekServices "
    "gcp.restrictServiceUsage gcp.restrictTLSCipherSuites gcp.restrictTLSVersion "
    "iam.allowServiceAccountCredentialLifetimeExtension iam.allowedPolicyMemberDomains "
    "iam.serviceAccountKeyExpiryHours iam.serviceAccountKeyExposureResponse "
    "iam.workloadIdentityPoolAwsAccounts iam.workloadIdentityPoolProviders meshconfig.allowedVpcscModes "
    "resourcemanager.accessBoundaries resourcemanager.allowEnabledServicesForExport "
    "resourcemanager.allowedExportDestinations resourcemanager.allowedImportSources "
    "run.allowedBinaryAuthorizationPolicies run.allowedIngress run.allowedVPCEgress serviceuser.services "
    "storage.restrictAuthTypes storage.retentionPolicySeconds storage.softDeletePolicySeconds "
    "vertexai.allowedGenAIModels vertexai.allowedModels vertexai.allowedPartnerModelFeatures"
)
"""Values allowed or denied, all or none."""
MANAGED: Final = _names(
    "compute.managed.allowedVlanAttachmentEncryption compute.managed.blockPreviewFeatures "
    "compute.managed.blockProjectSshKeys compute.managed.disableGuestAttributesAccess "
    "compute.managed.disableNestedVirtualization compute.managed.disableSerialPortAccess "
    "compute.managed.disableSerialPortLogging compute.managed.requireOsConfig "
    "compute.managed.requireOsLogin compute.managed.restrictDiskCreation "
    "compute.managed.restrictProtocolForwardingCreationForTypes compute.managed.vmCanIpForward "
    "compute.managed.vmExternalIpAccess container.managed.disableABAC "
    "container.managed.disableInsecureKubeletReadOnlyPort "
    "container.managed.disableLegacyClientCertificateIssuance container.managed.disableRBACSystemBindings "
    "container.managed.disallowDefaultComputeServiceAccount container.managed.enableBinaryAuthorization "
    "container.managed.enableCloudLogging container.managed.enableControlPlaneDNSOnlyAccess "
    "container.managed.enableGoogleGroupsRBAC container.managed.enableNetworkPolicy "
    "container.managed.enablePrivateNodes container.managed.enableSecretsEncryption "
    "container.managed.enableSecurityBulletinNotifications container.managed.enableShieldedNodes "
    "container.managed.enableWorkloadIdentityFederation essentialcontacts.managed.allowedContactDomains "
    "gcp.managed.allowedMCPServices iam.managed.allowedPolicyMembers "
    "iam.managed.disableServiceAccountApiKeyCreation iam.managed.disableServiceAccountCreation "
    "iam.managed.disableServiceAccountKeyCreation iam.managed.disableServiceAccountKeyUpload "
    "iam.managed.preventPrivilegedBasicRolesForDefaultServiceAccounts "
    "iam.managed.workloadIdentityPoolProviders pubsub.managed.disableSubscriptionMessageTransforms "
    "pubsub.managed.disableTopicMessageTransforms run.managed.requireInvokerIam"
)
"""Newer ones: enforced or not, some with parameters."""

OPENING: Final = frozenset({"gcp.disableCloudLogging", "cloudbuild.useComputeServiceAccount"})
"""Boolean constraints whose safe side is off."""


def kind_of(name: str) -> Kind | None:
    """What values the constraint takes, or None where no such constraint exists."""
    if name.startswith("custom."):
        return "custom"
    return "boolean" if name in BOOLEAN else "list" if name in LIST else "managed" if name in MANAGED else None


def nearest(name: str) -> str | None:
    """The constraint that was probably meant."""
    known = {other.lower(): other for other in (*BOOLEAN, *LIST, *MANAGED)}
    found = get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    return known[found[0]] if found else None
