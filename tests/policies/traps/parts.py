"""The resources that the stacks of the traps are made of: secure ones, to be weakened one property at a time."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from tests.policies.examples import with_value
from tests.policies.traps.stacks import PROJECT, Part, Ref, part

REGION: Final = "europe-west4"
AGENT: Final = "service-445566778899@gcp-sa-cloud-sql.iam.gserviceaccount.com"
KEY_ID: Final = f"projects/example-shop-keys/locations/{REGION}/keyRings/shop/cryptoKeys/ledger"
IMAGE: Final = f"{REGION}-docker.pkg.dev/example-shop-data/images/web@sha256:{'ab' * 32}"

RING = part("kms/keyRing", "shop", project="example-shop-keys", name="shop", location=REGION)
KEY = part(
    "kms/cryptoKey",
    "ledger",
    {"id": KEY_ID},
    name="ledger",
    keyRing=f"projects/example-shop-keys/locations/{REGION}/keyRings/shop",
    purpose="ENCRYPT_DECRYPT",
    rotationPeriod="5184000s",
    destroyScheduledDuration="3888000s",
    deletionPolicy="PREVENT",
)
GRANT = part(
    "kms/cryptoKeyIAMMember",
    "agent-uses-ledger",
    cryptoKeyId=Ref("ledger"),
    role="roles/cloudkms.cryptoKeyEncrypterDecrypter",
    member=f"serviceAccount:{AGENT}",
)
DATABASE = part(
    "sql/databaseInstance",
    "ledger-db",
    name="ledger-db-7c1e",
    region=REGION,
    databaseVersion="POSTGRES_17",
    deletionProtection=True,
    deletionPolicy="PREVENT",
    encryptionKeyName=Ref("ledger"),
    finalBackupDescription="the last one",
    settings={
        "tier": "db-custom-2-8192",
        "availabilityType": "REGIONAL",
        "deletionProtectionEnabled": True,
        "retainBackupsOnDelete": True,
        "connectorEnforcement": "REQUIRED",
        "dataApiAccess": "DISALLOW_DATA_API",
        "finalBackupConfig": {"enabled": True, "retentionDays": 60},
        "ipConfiguration": {
            "ipv4Enabled": False,
            "privateNetwork": "projects/example-shop-data/global/networks/inner",
            "sslMode": "ENCRYPTED_ONLY",
        },
        "backupConfiguration": {
            "enabled": True,
            "location": "europe-north1",
            "pointInTimeRecoveryEnabled": True,
            "transactionLogRetentionDays": 7,
            "backupRetentionSettings": {"retainedBackups": 45, "retentionUnit": "COUNT"},
        },
    },
)
BUCKET = part(
    "storage/bucket",
    "papers",
    name="example-shop-papers",
    location=REGION,
    forceDestroy=False,
    publicAccessPrevention="enforced",
    uniformBucketLevelAccess=True,
    versioning={"enabled": True},
    softDeletePolicy={"retentionDurationSeconds": 1209600},
    retentionPolicy={"retentionPeriod": "5184000", "isLocked": True},
    encryption={"defaultKmsKeyName": Ref("ledger")},
    deletionPolicy="PREVENT",
)
ACCOUNT_MAIL: Final = "till@example-shop-data.iam.gserviceaccount.com"
ACCOUNT = part(
    "serviceaccount/account",
    "till",
    {
        "id": f"{PROJECT}/serviceAccounts/{ACCOUNT_MAIL}",
        "name": f"{PROJECT}/serviceAccounts/{ACCOUNT_MAIL}",
        "email": ACCOUNT_MAIL,
        "member": f"serviceAccount:{ACCOUNT_MAIL}",
    },
    accountId="till",
)
SERVICE = part(
    "cloudrunv2/service",
    "till-web",
    name="till-web",
    location=REGION,
    ingress="INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
    defaultUriDisabled=True,
    invokerIamDisabled=False,
    deletionProtection=True,
    binaryAuthorization={"useDefault": True},
    template={"serviceAccount": Ref("till", "email"), "containers": [{"image": IMAGE}]},
)
CHANNEL = part(
    "monitoring/notificationChannel",
    "duty",
    {"id": f"{PROJECT}/notificationChannels/41", "name": f"{PROJECT}/notificationChannels/41"},
    type="email",
    displayName="Duty",
    enabled=True,
    forceDelete=False,
    labels={"email_address": "duty@shop.example"},
)
PAGER = part(
    "monitoring/notificationChannel",
    "pager",
    {"id": f"{PROJECT}/notificationChannels/42", "name": f"{PROJECT}/notificationChannels/42"},
    type="pagerduty",
    displayName="Pager",
    enabled=True,
    forceDelete=False,
    userLabels={"verified": "2026-11-01"},
)
ALERT = part(
    "monitoring/alertPolicy",
    "disk-full",
    displayName="Disk full",
    combiner="OR",
    enabled=True,
    notificationChannels=[Ref("duty"), Ref("pager")],
    conditions=[
        {
            "displayName": "nearly full",
            "conditionThreshold": {
                "filter": 'metric.type="cloudsql.googleapis.com/database/disk/utilization"',
                "comparison": "COMPARISON_GT",
                "thresholdValue": 0.9,
                "duration": "300s",
            },
        }
    ],
)
LOG_BUCKET = part(
    "logging/projectBucketConfig",
    "archive",
    {"id": "projects/example-shop-logs/locations/europe-west4/buckets/archive"},
    project="example-shop-logs",
    location=REGION,
    bucketId="archive",
    retentionDays=500,
    locked=True,
    deletionPolicy="PREVENT",
    cmekSettings={"kmsKeyName": Ref("ledger")},
)
WRITER: Final = "serviceAccount:o778899-112233@gcp-sa-logging.iam.gserviceaccount.com"
SINK = part(
    "logging/organizationSink",
    "everything",
    {"writerIdentity": WRITER},
    name="everything",
    orgId="778899001122",
    includeChildren=True,
    interceptChildren=False,
    disabled=False,
    destination="logging.googleapis.com/projects/example-shop-logs/locations/europe-west4/buckets/archive",
)
WRITE = part(
    "projects/iAMMember",
    "everything-writes",
    project="example-shop-logs",
    role="roles/logging.bucketWriter",
    member=Ref("everything", "writerIdentity"),
)
AUDIT = part(
    "projects/iAMAuditConfig",
    "all-services",
    project="example-shop-data",
    service="allServices",
    auditLogConfigs=[{"logType": t} for t in ("ADMIN_READ", "DATA_READ", "DATA_WRITE")],
)
POOL_NAME: Final = "projects/445566778899/locations/global/workloadIdentityPools/forge"
POOL = part("iam/workloadIdentityPool", "forge", {"name": POOL_NAME}, workloadIdentityPoolId="forge")
FEDERATION = part(
    "iam/workloadIdentityPoolProvider",
    "forge-main",
    workloadIdentityPoolId="forge",
    workloadIdentityPoolProviderId="main",
    attributeMapping={
        "google.subject": "assertion.sub",
        "attribute.repository_id": "assertion.repository_id",
        "attribute.repository_owner_id": "assertion.repository_owner_id",
        "attribute.ref": "assertion.ref",
    },
    attributeCondition=(
        "assertion.repository_owner_id == '31337001' && assertion.repository_id == '77001122'"
        " && assertion.ref == 'refs/heads/main'"
    ),
    oidc={"issuerUri": "https://token.actions.githubusercontent.com"},
)
FEDERATED = part(
    "serviceaccount/iAMMember",
    "forge-deploys",
    serviceAccountId=f"{PROJECT}/serviceAccounts/{ACCOUNT_MAIL}",
    role="roles/iam.workloadIdentityUser",
    member=f"principalSet://iam.googleapis.com/{POOL_NAME}/attribute.repository_id/77001122",
)
ENTITLEMENT = part(
    "gcp:privilegedaccessmanager/entitlement:entitlement",
    "look-at-logs",
    entitlementId="look-at-logs",
    location="global",
    parent="projects/example-shop-data",
    maxRequestDuration="7200s",
    eligibleUsers=[{"principals": ["group:support@shop.example"]}],
    privilegedAccess={
        "gcpIamAccess": {
            "resource": "//cloudresourcemanager.googleapis.com/projects/example-shop-data",
            "resourceType": "cloudresourcemanager.googleapis.com/Project",
            "roleBindings": [{"role": "roles/logging.viewer"}],
        }
    },
    requesterJustificationConfig={"unstructured": {}},
    approvalWorkflow={
        "manualApprovals": {
            "requireApproverJustification": True,
            "steps": {"approvalsNeeded": 1, "approvers": {"principals": ["group:leads@shop.example"]}},
        }
    },
)
DEVICES = part(
    "accesscontextmanager/accessLevel",
    "company-devices",
    parent="accessPolicies/998877",
    name="accessPolicies/998877/accessLevels/company_devices",
    title="company devices",
    basic={
        "conditions": [
            {
                "devicePolicy": {
                    "requireScreenLock": True,
                    "requireCorpOwned": True,
                    "allowedEncryptionStatuses": ["ENCRYPTED"],
                    "allowedDeviceManagementLevels": ["COMPLETE"],
                    "osConstraints": [{"osType": "DESKTOP_MAC", "minimumVersion": "15.0.0"}],
                }
            }
        ]
    },
)
NO_PASSWORDS = part(
    "cloudfunctionsv2/function",
    "no-passwords",
    {"url": "https://europe-west4-example-shop-data.cloudfunctions.net/no-passwords"},
    name="no-passwords",
    location=REGION,
    buildConfig={"runtime": "python312", "entryPoint": "reject"},
    serviceConfig={"ingressSettings": "ALLOW_ALL"},
)
SIGN_IN = part(
    "identityplatform/config",
    "customers",
    project="example-shop-data",
    signIn={
        "allowDuplicateEmails": False,
        "anonymous": {"enabled": False},
        "email": {"enabled": True, "passwordRequired": False},
        "phoneNumber": {"enabled": False},
    },
    monitoring={"requestLogging": {"enabled": True}},
    authorizedDomains=["shop.example"],
    blockingFunctions={
        "triggers": [
            {"eventType": "beforeSignIn", "functionUri": Ref("no-passwords", "url")},
            {"eventType": "beforeCreate", "functionUri": Ref("no-passwords", "url")},
        ]
    },
)
RENDER_DATABASE = part(
    "render:postgres:Postgres",
    "orders",
    name="orders",
    plan="pro_4gb",
    region="frankfurt",
    ownerId="tea-cn2k3l4m5n6o",
    version="17",
    environmentId=Ref("live"),
    ipAllowList=[],
)
RENDER_ENVIRONMENT = part(
    "render:environments:Environment",
    "live",
    {"id": "evm-1"},
    name="live",
    projectId="prj-1",
    protectedStatus="protected",
    networkIsolationEnabled=True,
)
RENDER_SERVICE = part(
    "render:services:WebService",
    "storefront",
    name="storefront",
    ownerId="tea-cn2k3l4m5n6o",
    environmentId=Ref("live"),
    serviceDetails={"previews": {"generation": "off"}, "pullRequestPreviewsEnabled": "no"},
    envVars=[{"key": "PORT", "value": "8080"}],
)
PROVIDER = part(
    "pulumi:providers:gcp",
    "cloud",
    project="example-shop-data",
    userProjectOverride=True,
    billingProject="example-shop-data",
)


def but(made: Part, path: str, value: Any = None) -> Part:
    """The same resource with one value replaced, or (None) left out."""
    return dataclasses.replace(made, props=with_value(made.props, path, value))
