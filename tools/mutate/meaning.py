"""What properties mean to the cloud: which values are weaker, which direction is. From the providers' documentation.

Keys are the ends of property paths (indexes left out), the most specific first. Nothing here comes from a rule.
"""

from __future__ import annotations

import re
from typing import Final, Literal, TypeVar

T = TypeVar("T")
Direction = Literal["shorter", "longer", "both"]

ORDERS: Final[dict[str, tuple[str, ...]]] = {
    # Cloud SQL, "SSL/TLS", "Connectors", "Data API", "High availability", "Versions", "Users"
    "sslMode": ("ALLOW_UNENCRYPTED_AND_ENCRYPTED", "ENCRYPTED_ONLY", "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"),
    "connectorEnforcement": ("NOT_REQUIRED", "REQUIRED"),
    "dataApiAccess": ("ALLOW_DATA_API", "DISALLOW_DATA_API"),
    "availabilityType": ("ZONAL", "REGIONAL"),
    "databaseVersion": ("POSTGRES_9_6", "POSTGRES_11", "POSTGRES_17"),
    "passwordValidationPolicy.complexity": ("COMPLEXITY_UNSPECIFIED", "COMPLEXITY_DEFAULT"),
    "sql/user:type": ("BUILT_IN",),
    # Cloud Run, "Restrict ingress", "Direct VPC egress"
    "ingress": ("INGRESS_TRAFFIC_ALL", "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER", "INGRESS_TRAFFIC_INTERNAL_ONLY"),
    "vpcAccess.egress": ("PRIVATE_RANGES_ONLY", "ALL_TRAFFIC"),
    "executionEnvironment": ("EXECUTION_ENVIRONMENT_GEN1", "EXECUTION_ENVIRONMENT_GEN2"),
    # Cloud Storage, "Public access prevention"
    "publicAccessPrevention": ("inherited", "enforced"),
    # Load balancing, "SSL policies", "Backend services"
    "minTlsVersion": ("TLS_1_0", "TLS_1_1", "TLS_1_2", "TLS_1_3"),
    "sSLPolicy:profile": ("COMPATIBLE", "MODERN", "RESTRICTED"),
    "backendService:protocol": ("HTTP", "HTTPS"),
    # Binary Authorization, "Policy"
    "enforcementMode": ("DRYRUN_AUDIT_LOG_ONLY", "ENFORCED_BLOCK_AND_AUDIT_LOG"),
    "evaluationMode": ("ALWAYS_ALLOW", "REQUIRE_ATTESTATION", "ALWAYS_DENY"),
    # Artifact Registry, "Automatic scanning"
    "enablementConfig": ("DISABLED", "INHERITED"),
    # Every resource of the provider that can refuse its own deletion
    "deletionPolicy": ("DELETE", "ABANDON", "PREVENT"),
    # Cloud KMS, "Protection levels"
    "protectionLevel": ("EXTERNAL", "SOFTWARE", "HSM"),
    # Cloud DNS, "DNSSEC"
    "dnssecConfig.state": ("off", "transfer", "on"),
    "algorithm": ("rsasha1", "rsasha256", "ecdsap256sha256"),
    "managedZone:visibility": ("public", "private"),
    # VPC, "Firewall rules logging", "Flow logs", "NAT logging"
    "logConfig.metadata": ("EXCLUDE_ALL_METADATA", "INCLUDE_ALL_METADATA"),
    "aggregationInterval": ("INTERVAL_15_MIN", "INTERVAL_5_SEC"),
    "routerNat:logConfig.filter": ("TRANSLATIONS_ONLY", "ERRORS_ONLY", "ALL"),
    "rules.action": ("allow", "deny(403)"),
    # Sensitive Data Protection, "Discovery"
    "preventionDiscoveryConfig:status": ("PAUSED", "RUNNING"),
    # GitHub, "Repository visibility", "Rulesets", "Actions permissions"
    "repository:visibility": ("public", "private"),
    "repositoryRuleset:enforcement": ("disabled", "evaluate", "active"),
    "allowedActions": ("all", "selected", "local_only"),
    "defaultWorkflowPermissions": ("write", "read"),
    "secretScanning.status": ("disabled", "enabled"),
    "secretScanningPushProtection.status": ("disabled", "enabled"),
}
"""Values of a property from the weakest to the strongest."""

STRONGER: Final[dict[str, bool]] = {
    "iapEnabled": True,
    "client.permissions.disabledUserSignup": True,
    "client.permissions.disabledUserDeletion": True,
    "multiTenant.allowTenants": False,
    "signIn.email.enabled": False,
    "defaultSupportedIdpConfig:enabled": False,
    "enableInboundForwarding": False,
    "allowedActionsConfig.verifiedAllowed": False,
    "allowedActionsConfig.githubOwnedAllowed": False,
    "actionsRepositoryPermissions:enabled": False,
    "deploymentBranchPolicy.protectedBranches": True,
    "deploymentBranchPolicy.customBranchPolicies": True,
    "requiredStatusChecks.doNotEnforceOnCreate": False,
    "defaultUrlRedirect.stripQuery": True,
}
"""Switches whose safe side is not told by the value they have."""

DIRECTIONS: Final[dict[str, Direction]] = {
    "rotationPeriod": "longer",
    "destroyScheduledDuration": "shorter",
    "versionDestroyTtl": "shorter",
    "retentionPeriod": "shorter",
    "retentionDurationSeconds": "shorter",
    "messageRetentionDuration": "shorter",
    "retentionDays": "shorter",
    "transactionLogRetentionDays": "shorter",
    "retainedBackups": "shorter",
    "condition.age": "both",
    "condition.daysSinceNoncurrentTime": "both",
    "condition.olderThan": "longer",
    "mostRecentVersions.keepCount": "shorter",
    "passwordValidationPolicy.minLength": "shorter",
    "passwordValidationPolicy.reuseInterval": "shorter",
    "randomPassword:length": "shorter",
    "requiredApprovingReviewCount": "shorter",
    "sampleRate": "shorter",
    "flowSampling": "shorter",
    "minInstanceCount": "shorter",
    "rateLimitThreshold.count": "longer",
    "uptimeCheckConfig:period": "longer",
    "uptimeCheckConfig:timeout": "longer",
    "alertStrategy.autoClose": "longer",
    "conditionAbsent.duration": "longer",
    "conditionThreshold.duration": "longer",
    "conditionThreshold.thresholdValue": "longer",
    "notificationRateLimit.period": "longer",
    "maxRequestDuration": "longer",
    "dnsKeySpecs.keyLength": "shorter",
}
"""In which direction a duration or a number gets weaker."""

REFERENCES: Final = re.compile(
    r"(?:^|[.:])(?:\w*[kK]msKey(?:Name)?|encryptionKeyName|defaultKmsKeyName|keyRing|cryptoKeyId|network|privateNetwork"
    r"|subnetwork|securityPolicy|sslPolicy|sslCertificates|serviceAccount(?:Email|Id)?|topics?\.name|topic|bucket"
    r"|logBucket|destination|notificationChannels|service|group|target|urlMap|defaultService|requireAttestationsBies"
    r"|attestationAuthorityNote\.noteReference|instance|secret|repository|repositoryId|inspectTemplates|workloadIdentityPoolId"
    r"|environment|image)$"
)
"""Properties that point at another resource; pointing elsewhere matters where somebody else owns what is there."""

CONTROLS: Final = re.compile(
    r"orgpolicy/policy|\w+/iamAuditConfig|projects/iAMAuditConfig|logging/(projectSink|projectBucketConfig|metric)"
    r"|monitoring/(alertPolicy|notificationChannel|uptimeCheckConfig)|essentialcontacts/contact|compute/firewall"
    r"|compute/(sSLPolicy|securityPolicy)|dns/policy|binaryauthorization/policy|dataloss/preventionDiscoveryConfig"
    r"|iam/(denyPolicy|principalAccessBoundaryPolicy|\w+PolicyBinding)|accesscontextmanager/(accessLevel|gcpUserAccessBinding)"
    r"|identityplatform/\w+|iap/settings|securitycenter/\w+|billing/budget|backupdisasterrecovery/\w+|kms/cryptoKeyIAMMember"
    r"|compute/(securityPolicy|firewallPolicy\w*|networkFirewallPolicy\w*|targetHttpsProxy)|webhooks|dns/managedZone"
    r"|monitoring/(slo|service|customService|genericService)|orgpolicy/customConstraint|storage/bucketIAMMember"
    r"|index/(repositoryRuleset|repositoryEnvironment\w*|repositoryVulnerabilityAlerts|actionsRepositoryPermissions"
    r"|repositoryDependabotSecurityUpdates|workflowRepositoryPermissions)|cloudscheduler/job"
)
"""Types that exist to control something: without the resource the control is gone."""
LOCATIONS: Final = re.compile(r"(?:^|[.:])(?:location|region|locations|allowedPersistenceRegions)$")
STRICTER_WHEN_SHORT: Final = re.compile(
    r"(?:^|[.:])(?:allowedValues|allowedPersistenceRegions|ipAllowList|eligibleUsers|osConstraints|exceptionPrincipals|principals|roleBindings|members|allows"
    r"|srcIpRanges|permissions|includes|eventFilter|cleanupPolicies)$"
)
"""Lists that say what is allowed: with an element less they allow less."""
FILTERS: Final = re.compile(r"(?:^|[.:])(?:filter|query)$|securityPolicy:.*expression$")
CONDITIONS: Final = re.compile(r"(?:^|[.:])(?:attributeCondition|expression)$")
"""Narrowing hides what a filter should find; widening admits whom a condition should keep out."""
MEMBERS: Final = re.compile(r"(?:^|[.:])members?$")
ROLES: Final = re.compile(r"(?:^|[.:])role$")
RANGES: Final = re.compile(r"(?:^|[.:])(?:\w+Ranges|ipCidrRange|value|cidrBlock|destRange)$")


def end_of(type_token: str, path: str) -> str:
    """`gcp:sql/user:User` and `a.b[0].c` as `gcp:sql/user:a.b.c`, for looking up what a property means."""
    return type_token.rsplit(":", 1)[0] + ":" + re.sub(r"\[\d+\]", "", path)


def lookup(table: dict[str, T], end: str) -> T | None:
    """The entry whose key ends the path, at a boundary between properties; the longest one wins."""
    fitting = [key for key in table if end == key or end.endswith((f".{key}", f":{key}", f"/{key}"))]
    return table[max(fitting, key=len)] if fitting else None
