"""The fifty-three traps, in the field's order: the stack that falls in, the stack that does not, and who says so."""

from __future__ import annotations

from typing import Any, Final

from tests.policies.traps import parts as p
from tests.policies.traps.parts import but
from tests.policies.traps.stacks import Part, Ref, Trap, opt, part

_IP: Final = "settings.ipConfiguration"
_BACKUP: Final = "settings.backupConfiguration"
_GRANTED: Final = opt(p.DATABASE, depends_on=["agent-uses-ledger"])
_HOME: Final = (p.KEY, p.GRANT, _GRANTED)
_STRANGERS: Final = "principalSet://iam.googleapis.com/" + p.POOL_NAME + "/*"


def _database(path: str, value: Any = None) -> tuple[Part, ...]:
    return (p.KEY, p.GRANT, but(_GRANTED, path, value))


def _grant(role: str, member: Any, name: str = "grant") -> Part:
    return part("projects/iAMMember", name, project="example-shop-data", role=role, member=member)


_FINE: Final = _grant("roles/logging.viewer", "group:support@shop.example")
_ALLOW_ALL_V4: Final = [{"name": "a", "value": "0.0.0.0/1"}, {"name": "b", "value": "128.0.0.0/1"}]


def _policy(constraint: str, spec: dict[str, Any] | None = None, **others: Any) -> Part:
    inputs = {"spec": spec, **others} if spec is not None else others
    name = f"organizations/778899001122/policies/{constraint}"
    return part("orgpolicy/policy", "guardrail", name=name, parent="organizations/778899001122", **inputs)


_ENFORCE: Final = {"rules": [{"enforce": "TRUE"}]}
_DEFAULT_RULE: Final = {
    "evaluationMode": "REQUIRE_ATTESTATION",
    "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
    "requireAttestationsBies": ["projects/example-shop-data/attestors/pipeline"],
}
_BINAUTHZ: Final = part(
    "binaryauthorization/policy",
    "images",
    project="example-shop-data",
    globalPolicyEvaluationMode="ENABLE",
    defaultAdmissionRule=_DEFAULT_RULE,
)
_TLS: Final = part("compute/sSLPolicy", "modern", name="modern", profile="RESTRICTED", minTlsVersion="TLS_1_2")
_BOUNDARY: Final = part(
    "iam/principalAccessBoundaryPolicy",
    "inside",
    organization="778899001122",
    location="global",
    principalAccessBoundaryPolicyId="inside",
    details={
        "enforcementVersion": "3",
        "rules": [
            {"effect": "ALLOW", "resources": ["//cloudresourcemanager.googleapis.com/organizations/778899001122"]}
        ],
    },
)
_ADMIN: Final = part(
    "kms/cryptoKeyIAMMember",
    "keeps",
    cryptoKeyId=Ref("ledger"),
    role="roles/cloudkms.admin",
    member="group:keys@shop.example",
)
_SECRET_REF: Final = [{"name": "DB_PASSWORD", "valueSource": {"secretKeyRef": {"secret": "db", "version": "3"}}}]
_SECRET_PLAIN: Final = [{"name": "DB_PASSWORD", "value": "Tr0ub4dor&3-horse"}]
_RESTORE: Final = {"backupRunId": 1732200000000, "instanceId": "ledger-db-7c1e"}

_COMPONENT: Final = opt(part("hosting:data:Stores", "stores"), custom=False)
_REENCRYPTION: Final = part(
    "cloudscheduler/job",
    "again",
    name="again",
    region=p.REGION,
    schedule="15 2 * * *",
    httpTarget={
        "httpMethod": "POST",
        "uri": "https://sqladmin.googleapis.com/v1/projects/example-shop-data/instances/ledger-db-7c1e:reEncrypt",
    },
)

TRAPS: Final[tuple[Trap, ...]] = tuple(
    Trap(number=number, what=what, clause=clause, rule=rule, bad=bad, good=good)
    for number, what, clause, rule, bad, good in (
        (1, "backups left to the cloud", "BAK-1", "sql-backed-up", _database(_BACKUP), _HOME),
        (1, "TLS mode left to the cloud", "ENC-3", "sql-tls-only", _database(f"{_IP}.sslMode"), _HOME),
        (
            1,
            "connector enforcement left to the cloud",
            "ENC-3",
            "sql-connector-stated",
            _database("settings.connectorEnforcement"),
            _HOME,
        ),
        (1, "Data API left to the cloud", "HOS-2", "sql-no-data-api", _database("settings.dataApiAccess"), _HOME),
        (
            1,
            "public access prevention left out",
            "ACC-3",
            "storage-public-access-prevented",
            (p.KEY, but(p.BUCKET, "publicAccessPrevention")),
            (p.KEY, p.BUCKET),
        ),
        (
            1,
            "uniform access left out",
            "ACC-10",
            "storage-uniform-access",
            (p.KEY, but(p.BUCKET, "uniformBucketLevelAccess")),
            (p.KEY, p.BUCKET),
        ),
        (
            1,
            "soft delete left out",
            "BAK-8",
            "storage-soft-delete",
            (p.KEY, but(p.BUCKET, "softDeletePolicy")),
            (p.KEY, p.BUCKET),
        ),
        (2, "public address by default", "HOS-2", "sql-public-address-refused", _database(f"{_IP}.ipv4Enabled"), _HOME),
        (
            3,
            "two halves of the internet",
            "HOS-2",
            "sql-not-open-to-world",
            _database(f"{_IP}.authorizedNetworks", _ALLOW_ALL_V4),
            _HOME,
        ),
        (
            3,
            "four quarters in any order",
            "HOS-2",
            "sql-not-open-to-world",
            _database(f"{_IP}.authorizedNetworks", [{"value": f"{n}.0.0.0/2"} for n in (192, 0, 128, 64)]),
            _HOME,
        ),
        (
            4,
            "unencrypted connections allowed",
            "ENC-3",
            "sql-tls-only",
            _database(f"{_IP}.sslMode", "ALLOW_UNENCRYPTED_AND_ENCRYPTED"),
            _HOME,
        ),
        (5, "Data API open", "HOS-2", "sql-no-data-api", _database("settings.dataApiAccess", "ALLOW_DATA_API"), _HOME),
        (
            6,
            "only the engine is guarded",
            "BAK-5",
            "sql-deletion-protected-in-cloud",
            _database("settings.deletionProtectionEnabled"),
            _HOME,
        ),
        (
            6,
            "the provider would delete",
            "BAK-5",
            "sql-deletion-protected-in-code",
            _database("deletionProtection", value=False),
            _HOME,
        ),
        (6, "no deletion policy", "BAK-5", "sql-deletion-prevented", _database("deletionPolicy"), _HOME),
        (6, "no protect", "CHG-5", "pulumi-stateful-protected", (p.KEY, p.GRANT, opt(_GRANTED, protect=False)), _HOME),
        (
            7,
            "backups die with the instance",
            "BAK-5",
            "sql-backups-outlive-database",
            _database("settings.retainBackupsOnDelete"),
            _HOME,
        ),
        (7, "no final backup", "BAK-5", "sql-final-backup", _database("settings.finalBackupConfig"), _HOME),
        (
            8,
            "a restore written into the code",
            "CHG-6",
            "sql-no-restore-in-code",
            _database("restoreBackupContext", _RESTORE),
            _HOME,
        ),
        (
            8,
            "a backup vault restored from",
            "CHG-6",
            "sql-no-restore-in-code",
            _database("backupdrBackup", "projects/x/locations/y/backupVaults/z/dataSources/d/backups/b"),
            _HOME,
        ),
        (
            9,
            "a size that fights automatic growth",
            "CHG-5",
            "sql-disk-grows-alone",
            _database("settings.diskSize", 100),
            (p.KEY, p.GRANT, opt(but(_GRANTED, "settings.diskSize", 100), ignoreChanges=["settings.diskSize"])),
        ),
        (
            10,
            "a key that one removed line destroys",
            "ENC-5",
            "kms-key-protected",
            (opt(p.KEY, protect=False),),
            (p.KEY,),
        ),
        (10, "a key without PREVENT", "ENC-5", "kms-deletion-prevented", (but(p.KEY, "deletionPolicy"),), (p.KEY,)),
        (11, "a key that never rotates", "ENC-2", "kms-key-rotates", (but(p.KEY, "rotationPeriod"),), (p.KEY,)),
        (
            11,
            "a database on such a key",
            "ENC-2",
            "kms-database-key-rotates",
            (but(p.KEY, "rotationPeriod"), p.GRANT, _GRANTED),
            _HOME,
        ),
        (
            12,
            "rotation without re-encryption",
            "ENC-8",
            "kms-data-reencrypted",
            (*_HOME, _COMPONENT),
            (*_HOME, _COMPONENT, _REENCRYPTION),
        ),
        (
            13,
            "a key destroyed within a day",
            "ENC-5",
            "kms-destroy-delay",
            (but(p.KEY, "destroyScheduledDuration", "86400s"),),
            (p.KEY,),
        ),
        (
            14,
            "a key without a version",
            "ENC-1",
            "kms-first-version-made",
            (but(p.KEY, "skipInitialVersionCreation", value=True),),
            (p.KEY,),
        ),
        (15, "nobody granted the key to the agent", "ENC-6", "kms-agent-granted-first", (p.KEY, p.DATABASE), _HOME),
        (
            15,
            "a key on another continent",
            "ENC-7",
            "kms-key-beside-data",
            (
                p.KEY,
                p.GRANT,
                but(
                    _GRANTED,
                    "encryptionKeyName",
                    "projects/example-shop-keys/locations/us-east1/keyRings/r/cryptoKeys/k",
                ),
            ),
            _HOME,
        ),
        (
            16,
            "who manages keys decrypts",
            "ENC-6",
            "kms-duties-separated",
            (
                p.KEY,
                p.GRANT,
                _ADMIN,
                but(
                    but(_ADMIN, "role", "roles/cloudkms.cryptoKeyDecrypter"), "member", "group:keys@shop.example"
                ).renamed("reads"),
            ),
            (p.KEY, p.GRANT, _ADMIN),
        ),
        (
            17,
            "an authoritative policy",
            "ACC-11",
            "iam-no-authoritative-policy",
            (
                part(
                    "projects/iAMPolicy",
                    "all",
                    project="example-shop-data",
                    policyData='{"bindings":[{"role":"roles/logging.viewer","members":["group:support@shop.example"]}]}',
                ),
            ),
            (_FINE,),
        ),
        (
            17,
            "an authoritative binding",
            "ACC-11",
            "iam-no-authoritative-binding",
            (
                part(
                    "organizations/iAMBinding",
                    "all",
                    orgId="778899001122",
                    role="roles/logging.viewer",
                    members=["group:support@shop.example"],
                ),
            ),
            (_FINE,),
        ),
        (
            18,
            "a binding and a member of one role",
            "ACC-11",
            "iam-one-owner-of-a-role",
            (
                part(
                    "storage/bucketIAMBinding",
                    "readers",
                    bucket="b",
                    role="roles/storage.objectViewer",
                    members=["group:a@shop.example"],
                ),
                part(
                    "storage/bucketIAMMember",
                    "reader",
                    bucket="b",
                    role="roles/storage.objectViewer",
                    member="group:b@shop.example",
                ),
            ),
            (
                part(
                    "storage/bucketIAMMember",
                    "reader",
                    bucket="b",
                    role="roles/storage.objectViewer",
                    member="group:b@shop.example",
                ),
            ),
        ),
        *(
            (
                19,
                f"editor for {who.split(':')[0]}",
                "ACC-2",
                "iam-no-basic-role-project",
                (_grant("roles/editor", who),),
                (_FINE,),
            )
            for who in (
                "principalSet://iam.googleapis.com/" + p.POOL_NAME + "/attribute.repository_id/77001122",
                "domain:shop.example",
                f"serviceAccount:{p.ACCOUNT_MAIL}",
                "group:a@shop.example",
                "user:ann@shop.example",
                "principal://iam.googleapis.com/" + p.POOL_NAME + "/subject/x",
            )
        ),
        (
            20,
            "tokens of every account",
            "ACC-6",
            "iam-account-user-not-on-project",
            (_grant("roles/iam.serviceAccountTokenCreator", "group:a@shop.example"),),
            (_FINE,),
        ),
        (
            20,
            "acting as every account",
            "ACC-6",
            "iam-account-user-not-on-project",
            (_grant("roles/iam.serviceAccountUser", f"serviceAccount:{p.ACCOUNT_MAIL}"),),
            (_FINE,),
        ),
        (
            21,
            "a key file of an account",
            "ACC-4",
            "iam-no-account-keys",
            (p.ACCOUNT, part("serviceaccount/key", "till-key", serviceAccountId=Ref("till", "name"))),
            (p.ACCOUNT,),
        ),
        (
            22,
            "a service as the default account",
            "ACC-5",
            "run-own-account",
            (p.ACCOUNT, but(p.SERVICE, "template.serviceAccount")),
            (p.ACCOUNT, p.SERVICE),
        ),
        (
            22,
            "a job as the default account",
            "ACC-5",
            "run-own-account",
            (
                part(
                    "cloudrunv2/job",
                    "sweep",
                    location=p.REGION,
                    template={"template": {"containers": [{"image": p.IMAGE}]}},
                ),
            ),
            (
                p.ACCOUNT,
                part(
                    "cloudrunv2/job",
                    "sweep",
                    location=p.REGION,
                    template={"template": {"serviceAccount": Ref("till", "email"), "containers": [{"image": p.IMAGE}]}},
                ),
            ),
        ),
        (
            23,
            "everyone, as a member",
            "ACC-3",
            "storage-not-public",
            (
                part(
                    "storage/bucketIAMMember", "open", bucket="b", role="roles/storage.objectViewer", member="allUsers"
                ),
            ),
            (
                part(
                    "storage/bucketIAMMember",
                    "open",
                    bucket="b",
                    role="roles/storage.objectViewer",
                    member="group:a@shop.example",
                ),
            ),
        ),
        (
            23,
            "everyone, in a binding",
            "ACC-3",
            "run-not-public",
            (
                part(
                    "cloudrunv2/serviceIamBinding",
                    "open",
                    name="s",
                    location=p.REGION,
                    role="roles/run.invoker",
                    members=["group:a@shop.example", "allAuthenticatedUsers"],
                ),
            ),
            (
                part(
                    "cloudrunv2/serviceIamBinding",
                    "open",
                    name="s",
                    location=p.REGION,
                    role="roles/run.invoker",
                    members=["group:a@shop.example"],
                ),
            ),
        ),
        (
            23,
            "everyone, in a policy document",
            "ACC-3",
            "pubsub-topic-not-public",
            (
                part(
                    "pubsub/topicIAMPolicy",
                    "open",
                    topic="t",
                    policyData=('{"bindings":[{"members":["allUsers"],"role":"roles/pubsub.publisher"}]}'),
                ),
            ),
            (
                part(
                    "pubsub/topicIAMPolicy",
                    "open",
                    topic="t",
                    policyData=('{"bindings":[{"members":["group:a@shop.example"],"role":"roles/pubsub.publisher"}]}'),
                ),
            ),
        ),
        (
            23,
            "everyone, in an access control list",
            "ACC-3",
            "storage-not-public",
            (
                part(
                    "storage/bucketACL", "open", bucket="b", roleEntities=["OWNER:project-owners-1", "READER:allUsers"]
                ),
            ),
            (part("storage/bucketACL", "open", bucket="b", roleEntities=["OWNER:project-owners-1"]),),
        ),
        (
            23,
            "everyone, by a canned list",
            "ACC-3",
            "storage-not-public",
            (part("storage/bucketACL", "open", bucket="b", predefinedAcl="publicRead"),),
            (part("storage/bucketACL", "open", bucket="b", predefinedAcl="projectPrivate"),),
        ),
        (
            23,
            "everyone, in a dataset",
            "ACC-3",
            "bigquery-dataset-not-public",
            (
                part(
                    "bigquery/dataset",
                    "d",
                    datasetId="d",
                    accesses=[{"role": "READER", "specialGroup": "allAuthenticatedUsers"}],
                ),
            ),
            (
                part(
                    "bigquery/dataset",
                    "d",
                    datasetId="d",
                    accesses=[{"role": "READER", "groupByEmail": "a@shop.example"}],
                ),
            ),
        ),
        (
            24,
            "a service that asks nobody who calls",
            "ACC-3",
            "run-invoker-checked",
            (p.ACCOUNT, but(p.SERVICE, "invokerIamDisabled", value=True)),
            (p.ACCOUNT, p.SERVICE),
        ),
        (
            25,
            "ingress left out",
            "HOS-3",
            "run-ingress",
            (p.ACCOUNT, but(p.SERVICE, "ingress")),
            (p.ACCOUNT, p.SERVICE),
        ),
        (
            25,
            "the default address on",
            "HOS-3",
            "run-default-url-off",
            (p.ACCOUNT, but(p.SERVICE, "defaultUriDisabled")),
            (p.ACCOUNT, p.SERVICE),
        ),
        (
            26,
            "a password as a variable",
            "CHG-2",
            "run-no-plain-secrets",
            (p.ACCOUNT, but(p.SERVICE, "template.containers[0].envs", _SECRET_PLAIN)),
            (p.ACCOUNT, but(p.SERVICE, "template.containers[0].envs", _SECRET_REF)),
        ),
        (
            27,
            "public access merely inherited",
            "ACC-3",
            "storage-public-access-prevented",
            (p.KEY, but(p.BUCKET, "publicAccessPrevention", "inherited")),
            (p.KEY, p.BUCKET),
        ),
        (
            27,
            "uniform access off",
            "ACC-10",
            "storage-uniform-access",
            (p.KEY, but(p.BUCKET, "uniformBucketLevelAccess", value=False)),
            (p.KEY, p.BUCKET),
        ),
        (
            28,
            "retention that anybody can remove",
            "BAK-4",
            "storage-retention-locked",
            (p.KEY, but(p.BUCKET, "retentionPolicy.isLocked")),
            (p.KEY, p.BUCKET),
        ),
        (
            29,
            "a bucket emptied on removal",
            "BAK-5",
            "storage-no-force-destroy",
            (p.KEY, but(p.BUCKET, "forceDestroy", value=True)),
            (p.KEY, p.BUCKET),
        ),
        (
            30,
            "soft delete of zero seconds",
            "BAK-8",
            "storage-soft-delete",
            (p.KEY, but(p.BUCKET, "softDeletePolicy", {"retentionDurationSeconds": 0})),
            (p.KEY, p.BUCKET),
        ),
        (
            31,
            "logs for zero days, which means thirty",
            "LOG-3",
            "log-bucket-kept",
            (p.KEY, but(p.LOG_BUCKET, "retentionDays", 0)),
            (p.KEY, p.LOG_BUCKET),
        ),
        (
            31,
            "a log bucket unlocked",
            "LOG-3",
            "log-bucket-locked",
            (p.KEY, but(p.LOG_BUCKET, "locked")),
            (p.KEY, p.LOG_BUCKET),
        ),
        (
            32,
            "a filter without audit logs",
            "LOG-2",
            "log-sink-everything",
            (p.KEY, p.LOG_BUCKET, but(p.SINK, "filter", "severity>=ERROR"), p.WRITE),
            (p.KEY, p.LOG_BUCKET, p.SINK, p.WRITE),
        ),
        (
            32,
            "an exclusion of audit logs",
            "LOG-2",
            "log-exclusions-keep-audit",
            (
                p.KEY,
                p.LOG_BUCKET,
                but(
                    p.SINK,
                    "exclusions",
                    [{"name": "noise", "filter": 'log_id("cloudaudit.googleapis.com/data_access")'}],
                ),
                p.WRITE,
            ),
            (p.KEY, p.LOG_BUCKET, p.SINK, p.WRITE),
        ),
        (
            32,
            "a sink switched off",
            "LOG-2",
            "log-sink-enabled",
            (p.KEY, p.LOG_BUCKET, but(p.SINK, "disabled", value=True), p.WRITE),
            (p.KEY, p.LOG_BUCKET, p.SINK, p.WRITE),
        ),
        (
            33,
            "a writer without a grant",
            "LOG-2",
            "log-sink-writer-granted",
            (p.KEY, p.LOG_BUCKET, p.SINK),
            (p.KEY, p.LOG_BUCKET, p.SINK, p.WRITE),
        ),
        (
            34,
            "the organization's own logs only",
            "LOG-2",
            "log-sink-children",
            (p.KEY, p.LOG_BUCKET, but(p.SINK, "includeChildren"), p.WRITE),
            (p.KEY, p.LOG_BUCKET, p.SINK, p.WRITE),
        ),
        (
            34,
            "a sink that starves others",
            "LOG-2",
            "log-sink-no-intercept",
            (p.KEY, p.LOG_BUCKET, but(p.SINK, "interceptChildren", value=True), p.WRITE),
            (p.KEY, p.LOG_BUCKET, p.SINK, p.WRITE),
        ),
        (
            35,
            "one person's reads unlogged",
            "LOG-1",
            "audit-log-no-exemption",
            (but(p.AUDIT, "auditLogConfigs[1].exemptedMembers", ["user:ann@shop.example"]),),
            (p.AUDIT,),
        ),
        (
            36,
            "an alert for nobody",
            "MON-2",
            "alert-has-channel",
            (but(p.ALERT, "notificationChannels", []),),
            (p.CHANNEL, p.PAGER, p.ALERT),
        ),
        (
            36,
            "an alert switched off",
            "MON-2",
            "alert-enabled",
            (p.CHANNEL, p.PAGER, but(p.ALERT, "enabled", value=False)),
            (p.CHANNEL, p.PAGER, p.ALERT),
        ),
        (
            36,
            "a channel switched off",
            "MON-2",
            "alert-channel-enabled",
            (but(p.CHANNEL, "enabled", value=False), p.PAGER, p.ALERT),
            (p.CHANNEL, p.PAGER, p.ALERT),
        ),
        (
            37,
            "federation without a condition",
            "CIN-1",
            "federation-condition",
            (p.POOL, but(p.FEDERATION, "attributeCondition")),
            (p.POOL, p.FEDERATION),
        ),
        (
            37,
            "a condition that is always true",
            "CIN-1",
            "federation-condition",
            (p.POOL, but(p.FEDERATION, "attributeCondition", "true")),
            (p.POOL, p.FEDERATION),
        ),
        (
            37,
            "an owner by name",
            "CIN-1",
            "federation-github-ids",
            (p.POOL, but(p.FEDERATION, "attributeCondition", "assertion.repository_owner == 'shop'")),
            (p.POOL, p.FEDERATION),
        ),
        (
            37,
            "any branch",
            "CIN-1",
            "federation-github-ids",
            (
                p.POOL,
                but(
                    p.FEDERATION,
                    "attributeCondition",
                    "assertion.repository_owner_id=='31337001' && assertion.repository_id=='77001122'",
                ),
            ),
            (p.POOL, p.FEDERATION),
        ),
        (
            38,
            "everybody of a pool",
            "CIN-1",
            "federation-no-whole-pool",
            (p.POOL, p.FEDERATION, but(p.FEDERATED, "member", _STRANGERS)),
            (p.POOL, p.FEDERATION, p.FEDERATED),
        ),
        (
            39,
            "just-in-time access without approval",
            "ACC-8",
            "entitlement-approved",
            (but(p.ENTITLEMENT, "approvalWorkflow"),),
            (p.ENTITLEMENT,),
        ),
        (
            40,
            "a frozen boundary",
            "ACC-9",
            "boundary-version-explicit",
            (but(_BOUNDARY, "details.enforcementVersion"),),
            (_BOUNDARY,),
        ),
        (
            41,
            "images only watched",
            "CIN-2",
            "binauthz-enforced",
            (but(_BINAUTHZ, "defaultAdmissionRule.enforcementMode", "DRYRUN_AUDIT_LOG_ONLY"),),
            (_BINAUTHZ,),
        ),
        (
            41,
            "any image",
            "CIN-2",
            "binauthz-attested",
            (but(_BINAUTHZ, "defaultAdmissionRule.evaluationMode", "ALWAYS_ALLOW"),),
            (_BINAUTHZ,),
        ),
        (
            42,
            "a constraint nobody knows",
            "ACC-9",
            "orgpolicy-constraint-exists",
            (_policy("iam.disableServiceAccountKeyCreations", _ENFORCE),),
            (_policy("iam.disableServiceAccountKeyCreation", _ENFORCE),),
        ),
        (
            42,
            "a constraint only rehearsed",
            "ACC-9",
            "orgpolicy-in-force",
            (_policy("iam.disableServiceAccountKeyCreation", dryRunSpec=_ENFORCE),),
            (_policy("iam.disableServiceAccountKeyCreation", _ENFORCE),),
        ),
        (
            42,
            "a constraint reset",
            "ACC-9",
            "orgpolicy-no-reset",
            (_policy("iam.disableServiceAccountKeyCreation", {"reset": True}),),
            (_policy("iam.disableServiceAccountKeyCreation", _ENFORCE),),
        ),
        (
            43,
            "every device admitted",
            "DEV-1",
            "device-encrypted",
            (but(p.DEVICES, "basic.conditions[0].devicePolicy.allowedEncryptionStatuses", []),),
            (p.DEVICES,),
        ),
        (
            44,
            "passwords still permitted",
            "VER-2",
            "identity-password-accounts-blocked",
            (but(p.SIGN_IN, "blockingFunctions"), p.NO_PASSWORDS),
            (p.SIGN_IN, p.NO_PASSWORDS),
        ),
        (45, "an old TLS profile", "ENC-4", "tls-modern-profile", (but(_TLS, "profile", "COMPATIBLE"),), (_TLS,)),
        (45, "an old TLS version", "ENC-4", "tls-minimum-version", (but(_TLS, "minTlsVersion"),), (_TLS,)),
        (
            46,
            "an API that takes others with it",
            "CHG-5",
            "service-keeps-dependents",
            (
                part(
                    "projects/service",
                    "sql",
                    project="x",
                    service="sqladmin.googleapis.com",
                    disableDependentServices=True,
                ),
            ),
            (part("projects/service", "sql", project="x", service="sqladmin.googleapis.com"),),
        ),
        (
            47,
            "a project with a default network",
            "HOS-1",
            "project-no-default-network",
            (part("organizations/project", "shop", projectId="shop", orgId="1"),),
            (part("organizations/project", "shop", projectId="shop", orgId="1", autoCreateNetwork=False),),
        ),
        (
            48,
            "a database on Render open to the world",
            "HOS-5",
            "render-datastore-not-public",
            (p.RENDER_ENVIRONMENT, but(p.RENDER_DATABASE, "ipAllowList")),
            (p.RENDER_ENVIRONMENT, p.RENDER_DATABASE),
        ),
        (
            48,
            "the world in two halves on Render",
            "HOS-5",
            "render-datastore-not-public",
            (
                p.RENDER_ENVIRONMENT,
                but(
                    p.RENDER_DATABASE,
                    "ipAllowList",
                    [{"cidrBlock": "0.0.0.0/1", "description": "a"}, {"cidrBlock": "128.0.0.0/1", "description": "b"}],
                ),
            ),
            (p.RENDER_ENVIRONMENT, p.RENDER_DATABASE),
        ),
        (
            49,
            "a token of Render in plain text",
            "CHG-2",
            "render-env-var-secret",
            (
                p.RENDER_ENVIRONMENT,
                but(p.RENDER_SERVICE, "envVars", [{"key": "STRIPE_API_KEY", "value": "sk_live_51Habc"}]),
            ),
            (p.RENDER_ENVIRONMENT, p.RENDER_SERVICE),
        ),
        (
            50,
            "previews that inherit secrets",
            "HOS-5",
            "render-previews-off",
            (p.RENDER_ENVIRONMENT, but(p.RENDER_SERVICE, "serviceDetails.previews.generation", "automatic")),
            (p.RENDER_ENVIRONMENT, p.RENDER_SERVICE),
        ),
        (
            50,
            "an environment without isolation",
            "HOS-5",
            "render-environment-isolated",
            (but(p.RENDER_ENVIRONMENT, "networkIsolationEnabled"),),
            (p.RENDER_ENVIRONMENT,),
        ),
        (
            50,
            "an environment without protection",
            "HOS-5",
            "render-environment-protected",
            (but(p.RENDER_ENVIRONMENT, "protectedStatus"),),
            (p.RENDER_ENVIRONMENT,),
        ),
        *(
            (
                51,
                f"declared and thereby fired: {token.rsplit(':', 1)[1]}",
                "CHG-6",
                "pulumi-no-actions",
                (part(token, "now"),),
                (p.RENDER_ENVIRONMENT,),
            )
            for token in (
                "render:postgres:SuspendPostgres",
                "render:postgres:FailoverPostgres",
                "render:postgres:RecoverPostgres",
                "render:services:RestartService",
                "render:services:RollbackDeploy",
                "render:disks:RestoreSnapshot",
                "render:postgres:RestartPostgres",
                "render:services:SuspendService",
            )
        ),
        (
            52,
            "a security field that nobody watches",
            "CHG-5",
            "pulumi-ignores-no-security-field",
            (p.KEY, p.GRANT, opt(_GRANTED, ignoreChanges=["settings"])),
            _HOME,
        ),
        (
            52,
            "no protect on a store",
            "CHG-5",
            "pulumi-stateful-protected",
            (p.KEY, opt(p.BUCKET, protect=False)),
            (p.KEY, p.BUCKET),
        ),
        (
            52,
            "the default provider in production",
            "CHG-7",
            "pulumi-provider-explicit",
            (opt(p.KEY, provider="urn:pulumi:prod::secure-hosting::pulumi:providers:gcp::default_10_2_0::5f"),),
            (p.KEY,),
        ),
    )
)
"""Trap 53 is about every value: see `HIDDEN`."""

HIDDEN: Final[tuple[tuple[Part, str, str], ...]] = (
    (p.DATABASE, f"{_IP}.sslMode", "sql-tls-only"),
    (p.DATABASE, f"{_IP}.ipv4Enabled", "sql-public-address-refused"),
    (p.DATABASE, f"{_BACKUP}.enabled", "sql-backed-up"),
    (p.DATABASE, "settings", "sql-tls-only"),
    (p.KEY, "rotationPeriod", "kms-key-rotates"),
    (p.BUCKET, "publicAccessPrevention", "storage-public-access-prevented"),
    (p.BUCKET, "retentionPolicy", "storage-retention-locked"),
    (p.SERVICE, "ingress", "run-ingress"),
    (p.SERVICE, "template.serviceAccount", "run-own-account"),
    (p.FEDERATION, "attributeCondition", "federation-condition"),
    (p.ENTITLEMENT, "approvalWorkflow", "entitlement-approved"),
    (_TLS, "minTlsVersion", "tls-minimum-version"),
    (_FINE, "role", "iam-no-basic-role-project"),
    (_FINE, "member", "iam-not-public"),
    (p.RENDER_DATABASE, "ipAllowList", "render-datastore-not-public"),
)
"""Trap 53: values that may be anything, and the rule that must not take them for good."""
