"""What CI may do where, and why: the grants of the bootstrap program and docs/real-cloud.md are made of it.

Plain data. `covers` names the modules of the SDK whose resources the role is there for; a test holds the list against
what the stacks really make, so that a new kind of resource without a role fails here and not on the day it is deployed.
"""

from __future__ import annotations

from dataclasses import dataclass

WORKLOAD, KEYS, BACKUPS, AUDIT, DELIVERY = "workload", "keys", "backups", "audit", "delivery"
EVERYWHERE = (WORKLOAD, KEYS, BACKUPS, AUDIT, DELIVERY)
ORGANIZATION = "organization"


@dataclass(frozen=True, kw_only=True)
class CiRole:
    """One predefined role: where it is granted, and for what."""

    role: str
    where: tuple[str, ...]
    why: str
    covers: tuple[str, ...] = ()
    """SDK modules, such as `sql`."""


def _role(role: str, where: tuple[str, ...] | str, why: str, *covers: str) -> CiRole:
    places = (where,) if isinstance(where, str) else where
    return CiRole(role=f"roles/{role}", where=places, why=why, covers=covers)


DEPLOY: tuple[CiRole, ...] = (
    _role("serviceusage.serviceUsageAdmin", EVERYWHERE, "enables APIs, makes service agents", "projects"),
    _role("resourcemanager.projectIamAdmin", EVERYWHERE, "grants on projects, and their audit logs", "projects"),
    _role("logging.configWriter", (WORKLOAD, KEYS, BACKUPS, DELIVERY, ORGANIZATION), "sinks", "logging"),
    _role("essentialcontacts.admin", EVERYWHERE, "contacts", "essentialcontacts"),
    _role("iam.roleAdmin", (WORKLOAD, BACKUPS, AUDIT), "custom roles", "projects"),
    _role("iam.serviceAccountAdmin", (WORKLOAD, DELIVERY), "identities, without keys", "serviceaccount"),
    _role("iam.serviceAccountUser", WORKLOAD, "starts services as their own identities", "cloudrunv2"),
    _role("cloudkms.admin", KEYS, "key rings, keys and their grants; it cannot decrypt", "kms"),
    _role("compute.networkAdmin", WORKLOAD, "networks, routes, NAT, addresses", "compute"),
    _role("compute.securityAdmin", WORKLOAD, "firewall, certificates, Cloud Armor", "compute"),
    _role("compute.loadBalancerAdmin", WORKLOAD, "load balancer and its backends", "compute"),
    _role("dns.admin", WORKLOAD, "private zones and DNS logs", "dns"),
    _role("servicenetworking.networksAdmin", WORKLOAD, "peering with Google's services", "servicenetworking"),
    _role("cloudsql.admin", WORKLOAD, "databases and their users", "sql"),
    _role("backupdr.admin", (WORKLOAD, BACKUPS), "backup plans and their vault", "backupdisasterrecovery"),
    _role("bigquery.dataOwner", WORKLOAD, "datasets", "bigquery"),
    _role("secretmanager.admin", WORKLOAD, "secrets, their rotation and grants", "secretmanager"),
    _role("cloudscheduler.admin", WORKLOAD, "schedules", "cloudscheduler"),
    _role("dlp.admin", WORKLOAD, "scans for personal data", "dataloss"),
    _role("run.admin", WORKLOAD, "services and who may call them", "cloudrunv2"),
    _role("cloudfunctions.admin", WORKLOAD, "the function that rejects passwords", "cloudfunctionsv2"),
    _role("identityplatform.admin", WORKLOAD, "sign-in of users", "identityplatform"),
    _role("binaryauthorization.policyEditor", WORKLOAD, "which images may run", "binaryauthorization"),
    _role("iap.admin", WORKLOAD, "access through the proxy", "iap"),
    _role("privilegedaccessmanager.admin", EVERYWHERE, "entitlements of access.yaml", "privilegedaccessmanager"),
    _role("monitoring.metricsScopesAdmin", (WORKLOAD, AUDIT), "the audit project watches the workload", "monitoring"),
    _role("pubsub.admin", (WORKLOAD, AUDIT), "topics of rotations and alerts", "pubsub"),
    _role("storage.admin", (WORKLOAD, BACKUPS, AUDIT), "the locked buckets, the function's code", "storage"),
    _role("logging.admin", AUDIT, "log bucket, views and metrics", "logging"),
    _role("monitoring.admin", AUDIT, "alerts, channels, availability checks", "monitoring"),
    _role("artifactregistry.admin", DELIVERY, "the registry of images", "artifactregistry"),
    _role("binaryauthorization.attestorsAdmin", DELIVERY, "who vouches for images", "binaryauthorization"),
    _role("containeranalysis.notes.editor", DELIVERY, "what is vouched for", "containeranalysis"),
    _role("iam.workloadIdentityPoolAdmin", DELIVERY, "federation of the identity that makes images", "iam"),
    _role("resourcemanager.tagAdmin", EVERYWHERE, "tags that guardrails except", "tags"),
    _role("securitycenter.notificationConfigEditor", ORGANIZATION, "who hears of findings", "securitycenter"),
    _role("orgpolicy.policyAdmin", ORGANIZATION, "guardrails", "orgpolicy"),
    _role("iam.denyAdmin", ORGANIZATION, "deny policies", "iam"),
    _role("iam.principalAccessBoundaryAdmin", ORGANIZATION, "the boundary around workloads", "iam"),
    _role("accesscontextmanager.policyAdmin", ORGANIZATION, "device levels", "accesscontextmanager"),
    _role("accesscontextmanager.gcpAccessAdmin", ORGANIZATION, "their bindings to groups", "accesscontextmanager"),
)
"""The identity that applies what was reviewed; jobs of the protected branch alone become it."""

READ: tuple[CiRole, ...] = (
    _role("browser", EVERYWHERE, "projects and their numbers", "projects"),
    _role("serviceusage.serviceUsageConsumer", EVERYWHERE, "calls APIs on the project's quota", "projects"),
    _role("iam.securityReviewer", EVERYWHERE, "who has which right", "projects", "iap", "iam"),
    _role("logging.viewer", (*EVERYWHERE, ORGANIZATION), "sinks, log buckets, metrics, who changed what", "logging"),
    _role("essentialcontacts.viewer", EVERYWHERE, "contacts", "essentialcontacts"),
    _role("iam.serviceAccountViewer", (WORKLOAD, DELIVERY), "identities", "serviceaccount"),
    _role("cloudkms.viewer", KEYS, "key rings and keys, not what they encrypt", "kms"),
    _role("compute.viewer", WORKLOAD, "networks, firewall, load balancer", "compute"),
    _role("compute.networkViewer", WORKLOAD, "peerings", "servicenetworking"),
    _role("dns.reader", WORKLOAD, "zones", "dns"),
    _role("cloudsql.viewer", WORKLOAD, "databases, not their rows", "sql"),
    _role("backupdr.viewer", (WORKLOAD, BACKUPS), "backup plans and their vault", "backupdisasterrecovery"),
    _role("bigquery.metadataViewer", WORKLOAD, "datasets, not their rows", "bigquery"),
    _role("secretmanager.viewer", WORKLOAD, "secrets, not their values", "secretmanager"),
    _role("cloudscheduler.viewer", WORKLOAD, "schedules", "cloudscheduler"),
    _role("dlp.reader", WORKLOAD, "scans", "dataloss"),
    _role("run.viewer", WORKLOAD, "services", "cloudrunv2"),
    _role("cloudfunctions.viewer", WORKLOAD, "functions", "cloudfunctionsv2"),
    _role("identityplatform.viewer", WORKLOAD, "sign-in", "identityplatform"),
    _role("binaryauthorization.policyViewer", WORKLOAD, "which images may run", "binaryauthorization"),
    _role("privilegedaccessmanager.viewer", EVERYWHERE, "entitlements", "privilegedaccessmanager"),
    _role("pubsub.viewer", (WORKLOAD, AUDIT), "topics", "pubsub"),
    _role("storage.bucketViewer", (WORKLOAD, BACKUPS, AUDIT), "buckets, not their objects", "storage"),
    _role("monitoring.viewer", (WORKLOAD, AUDIT), "alerts, channels, availability checks", "monitoring"),
    _role("artifactregistry.reader", DELIVERY, "the registry", "artifactregistry"),
    _role("binaryauthorization.attestorsViewer", DELIVERY, "attestors", "binaryauthorization"),
    _role("containeranalysis.notes.viewer", DELIVERY, "notes", "containeranalysis"),
    _role("iam.workloadIdentityPoolViewer", DELIVERY, "federation", "iam"),
    _role("resourcemanager.tagViewer", EVERYWHERE, "tags that guardrails except", "tags"),
    _role("securitycenter.notificationConfigViewer", ORGANIZATION, "who hears of findings", "securitycenter"),
    _role("orgpolicy.policyViewer", ORGANIZATION, "guardrails", "orgpolicy"),
    _role("iam.denyReviewer", ORGANIZATION, "deny policies", "iam"),
    _role("iam.principalAccessBoundaryViewer", ORGANIZATION, "boundaries", "iam"),
    _role("accesscontextmanager.policyReader", ORGANIZATION, "device levels", "accesscontextmanager"),
    _role("accesscontextmanager.gcpAccessReader", ORGANIZATION, "their bindings", "accesscontextmanager"),
)
"""The identities that look: at previews of pull requests, and every night. Nothing here changes anything."""
