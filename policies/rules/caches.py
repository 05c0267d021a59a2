"""Redis, Valkey and Memcached: clients prove who they are, traffic is encrypted, and so is what lies on disk."""

from __future__ import annotations

from policies.model import gcp
from policies.rules._facts import boolean, one_of
from policies.rules._keys import cmek

REDIS = gcp("redis/instance")
CLUSTER = gcp("redis/cluster")
VALKEY = gcp("memorystore/instance")
_REDIS_DOCS = "https://cloud.google.com/memorystore/docs/redis"

boolean(
    {REDIS: "authEnabled"},
    missing="is not set, and the default is off: whoever reaches the port reads everything",
    id="redis-auth",
    clause="AUT-2",
    title="Redis asks for its AUTH string",
    severity="high",
    fix="auth_enabled=True",
    references=("checkov:CKV_GCP_95",),
    sources=(f"{_REDIS_DOCS}/about-redis-auth",),
    why="A cache holds sessions and copies of records. The network alone keeps nobody out who is already inside it.",
)

one_of(
    {REDIS: "transitEncryptionMode"},
    allowed=("SERVER_AUTHENTICATION",),
    others=("DISABLED",),
    missing="is not set, and the default is plain text",
    id="redis-tls",
    clause="ENC-3",
    title="Redis accepts TLS only",
    severity="high",
    fix='transit_encryption_mode="SERVER_AUTHENTICATION"',
    references=("checkov:CKV_GCP_97",),
    sources=(f"{_REDIS_DOCS}/about-in-transit-encryption",),
    why="The AUTH string and all values cross the network readable otherwise. It cannot be switched on later.",
)

cmek(
    {REDIS: "customerManagedKey"},
    id="redis-own-key",
    title="Redis is encrypted with a key of our own",
    fix="customer_managed_key=key.id",
    sources=(f"{_REDIS_DOCS}/about-cmek",),
    why="Snapshots and copies on disk outlive the session that wrote them.",
)

one_of(
    {REDIS: "connectMode"},
    allowed=("PRIVATE_SERVICE_ACCESS",),
    others=("DIRECT_PEERING",),
    missing="is not set, and the default is a peering of its own, outside the network's controls",
    id="redis-private-service-access",
    clause="HOS-1",
    title="Redis is reached over private services access",
    severity="low",
    fix='connect_mode="PRIVATE_SERVICE_ACCESS"',
    sources=(f"{_REDIS_DOCS}/networking",),
    why="Over the shared private connection its addresses are planned and visible; a direct peering picks its own.",
)

one_of(
    {CLUSTER: "transitEncryptionMode", VALKEY: "transitEncryptionMode"},
    allowed=("TRANSIT_ENCRYPTION_MODE_SERVER_AUTHENTICATION", "SERVER_AUTHENTICATION"),
    others=("TRANSIT_ENCRYPTION_MODE_DISABLED", "TRANSIT_ENCRYPTION_DISABLED"),
    missing="is not set, and the default is plain text",
    id="redis-cluster-tls",
    clause="ENC-3",
    title="Redis clusters and Valkey accept TLS only",
    severity="high",
    fix='transit_encryption_mode="TRANSIT_ENCRYPTION_MODE_SERVER_AUTHENTICATION"',
    sources=("https://cloud.google.com/memorystore/docs/cluster/about-in-transit-encryption",),
    why="All keys and values cross the network readable otherwise. It cannot be switched on later.",
)

one_of(
    {CLUSTER: "authorizationMode", VALKEY: "authorizationMode"},
    allowed=("AUTH_MODE_IAM_AUTH", "IAM_AUTH"),
    others=("AUTH_MODE_DISABLED", "AUTH_DISABLED"),
    missing="is not set, and the default lets everybody in who reaches the port",
    id="redis-cluster-iam",
    clause="AUT-2",
    title="Redis clusters and Valkey authenticate by IAM",
    severity="high",
    fix='authorization_mode="AUTH_MODE_IAM_AUTH"',
    sources=("https://cloud.google.com/memorystore/docs/cluster/about-iam-auth",),
    why="With IAM each workload has an identity of its own, and there is no shared password.",
)

cmek(
    {CLUSTER: "kmsKey", VALKEY: "kmsKey"},
    id="redis-cluster-own-key",
    title="Redis clusters and Valkey are encrypted with a key of our own",
    sources=("https://cloud.google.com/memorystore/docs/cluster/about-cmek",),
    why="Snapshots and backups lie on disk and outlive the session that wrote them.",
)

boolean(
    {CLUSTER: "deletionProtectionEnabled", VALKEY: "deletionProtectionEnabled"},
    absent="pass",
    remedy=True,
    id="redis-cluster-deletion-protected",
    clause="BAK-5",
    title="Redis clusters and Valkey are protected from deletion",
    severity="medium",
    fix="deletion_protection_enabled=True",
    sources=("https://www.pulumi.com/registry/packages/gcp/api-docs/redis/cluster/",),
    traps=(6,),
    why="A cluster that keeps data on disk is a database. The provider's default is true.",
)
