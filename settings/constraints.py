"""Organization policy constraints that a company may add, try or except, with what value each takes.

The names and kinds are Google's (documentation, "Organization policy constraints"); those that are on for every project
come first. The rules have a catalogue of their own, and a test holds the two to the same kinds.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final

BASELINE: Final = (
    "compute.disableNestedVirtualization",
    "compute.disableSerialPortAccess",
    "compute.disableVpcExternalIpv6",
    "compute.requireOsLogin",
    "compute.requireShieldedVm",
    "compute.skipDefaultNetworkCreation",
    "iam.automaticIamGrantsForDefaultServiceAccounts",
    "iam.disableServiceAccountKeyCreation",
    "iam.disableServiceAccountKeyUpload",
    "sql.restrictAuthorizedNetworks",
    "sql.restrictPublicIp",
    "storage.publicAccessPrevention",
    "storage.uniformBucketLevelAccess",
)
"""On or off, and on everywhere."""

BASELINE_LISTS: Final = ("compute.vmExternalIpAccess", "gcp.resourceLocations")
"""Of values, and set everywhere: no address, and the regions of the stack."""

BOOLEAN: Final = (
    *BASELINE,
    "cloudbuild.disableCreateDefaultServiceAccount",
    "compute.disableAllIpv6",
    "compute.disableGlobalLoadBalancing",
    "compute.disableGuestAttributesAccess",
    "compute.disableInternetNetworkEndpointGroup",
    "compute.disableSshInBrowser",
    "compute.disableVpcInternalIpv6",
    "compute.requireOsConfig",
    "compute.restrictXpnProjectLienRemoval",
    "compute.setNewProjectDefaultToZonalDNSOnly",
    "datastream.disablePublicConnectivity",
    "essentialcontacts.disableProjectSecurityContacts",
    "gcp.detailedAuditLoggingMode",
    "iam.disableAuditLoggingExemption",
    "iam.disableCrossProjectServiceAccountUsage",
    "iam.disableServiceAccountCreation",
    "iam.disableWorkloadIdentityClusterCreation",
    "iam.restrictCrossProjectServiceAccountLienRemoval",
    "pubsub.enforceInTransitRegions",
    "sql.disableDefaultEncryptionCreation",
    "storage.secureHttpTransport",
)
"""On or off; on is the safe side."""

LISTS: Final = (
    *BASELINE_LISTS,
    "cloudbuild.allowedIntegrations",
    "cloudbuild.allowedWorkerPools",
    "cloudfunctions.allowedIngressSettings",
    "compute.restrictLoadBalancerCreationForTypes",
    "compute.restrictNonConfidentialComputing",
    "compute.restrictProtocolForwardingCreationForTypes",
    "compute.restrictVpcPeering",
    "compute.restrictVpnPeerIPs",
    "compute.trustedImageProjects",
    "compute.vmCanIpForward",
    "essentialcontacts.allowedContactDomains",
    "gcp.restrictCmekCryptoKeyProjects",
    "gcp.restrictNonCmekServices",
    "gcp.restrictServiceUsage",
    "gcp.restrictTLSVersion",
    "iam.allowedPolicyMemberDomains",
    "iam.workloadIdentityPoolProviders",
    "run.allowedIngress",
    "run.allowedVPCEgress",
)
"""Of values that are allowed; none means that nothing is."""


def kind_of(name: str) -> str | None:
    """`boolean` or `list`; None for what is not in the catalogue."""
    return "boolean" if name in BOOLEAN else "list" if name in LISTS else None


def nearest(name: str) -> str:
    """The constraint that was probably meant, else the first."""
    known = {other.lower(): other for other in (*BOOLEAN, *LISTS)}
    found = get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    return known[found[0]] if found else BOOLEAN[0]
