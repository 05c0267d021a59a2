"""Weakened variants of the production stack, each stopped by the clause it breaks.

One recording, one resource changed, the same judge: a variant costs a second. tests/e2e proves a choice of them
with the real engine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.judging import blocked, changed
from tests.recording import Recording, record_stack

Change = Callable[[dict[str, Any]], object]

RUN = "gcp:cloudrunv2/service:Service"
SQL = "gcp:sql/databaseInstance:DatabaseInstance"
BUCKET = "gcp:storage/bucket:Bucket"
ARMOR = "gcp:compute/securityPolicy:SecurityPolicy"
REGISTRY = "gcp:artifactregistry/repository:Repository"
PROFILE = "gcp:compute/sSLPolicy:SSLPolicy"
ZONE = "gcp:dns/managedZone:ManagedZone"
CONFIG = "gcp:identityplatform/config:Config"
PLAN = "gcp:backupdisasterrecovery/backupPlan:BackupPlan"
VAULT = "gcp:backupdisasterrecovery/backupVault:BackupVault"
ENVIRONMENT = "render:environments:Environment"
POSTGRES = "render:postgres:Postgres"


def put(path: str, value: Any) -> Change:
    """Writes a value, `0` being the first element of a list."""

    def change(inputs: dict[str, Any]) -> None:
        holder: Any = inputs
        *steps, last = path.split(".")
        for step in steps:
            holder = holder[int(step)] if step.isdigit() else holder[step]
        holder[last] = value

    return change


def drop(path: str) -> Change:
    """Takes a value out."""

    def change(inputs: dict[str, Any]) -> None:
        holder: Any = inputs
        *steps, last = path.split(".")
        for step in steps:
            holder = holder[int(step)] if step.isdigit() else holder[step]
        del holder[last]

    return change


def no_limit(inputs: dict[str, Any]) -> None:
    """The firewall without its rate limit."""
    inputs["rules"] = [rule for rule in inputs["rules"] if rule["action"] != "throttle"]


def no_attack_rules(inputs: dict[str, Any]) -> None:
    """The firewall without what it knows of attacks."""
    inputs["rules"] = [rule for rule in inputs["rules"] if rule["action"] != "deny(403)"]


VARIANTS: dict[str, tuple[str, str, str, Change]] = {
    "service open to the whole internet": ("HOS-3", RUN, "orders-api", put("ingress", "INGRESS_TRAFFIC_ALL")),
    "service with an address of its own": ("HOS-3", RUN, "orders-api", put("defaultUriDisabled", False)),
    "service that checks no caller": ("ACC-3", RUN, "orders-api", put("invokerIamDisabled", True)),
    "internal service without the proxy": ("AUT-1", RUN, "report-runner", put("iapEnabled", False)),
    "service as the default account": ("ACC-5", RUN, "orders-api", drop("template.serviceAccount")),
    "image by tag": (
        "CIN-3",
        RUN,
        "orders-api",
        put(
            "template.containers.0.image", "europe-west1-docker.pkg.dev/example-prod-delivery/images/orders-api:latest"
        ),
    ),
    "image of somebody else's registry": (
        "CIN-3",
        RUN,
        "orders-api",
        put("template.containers.0.image", "docker.io/library/nginx@sha256:" + "a" * 64),
    ),
    "images that nobody vouched for": ("CIN-2", RUN, "orders-api", drop("binaryAuthorization")),
    "service that leaves the network aside": (
        "HOS-1",
        RUN,
        "orders-api",
        put("template.vpcAccess.egress", "PRIVATE_RANGES_ONLY"),
    ),
    "secret in plain text": (
        "CHG-2",
        RUN,
        "orders-api",
        put("template.containers.0.envs", [{"name": "PAYMENT_TOKEN", "value": "correct-horse-battery"}]),
    ),
    "firewall without a rate limit": ("HOS-3", ARMOR, "entrance", no_limit),
    "firewall that knows no attack": ("HOS-3", ARMOR, "entrance", no_attack_rules),
    "attack rules that only watch": ("HOS-3", ARMOR, "entrance", put("rules.0.preview", True)),
    "backend beside the firewall": (
        "HOS-3",
        "gcp:compute/backendService:BackendService",
        "entrance-orders-api",
        drop("securityPolicy"),
    ),
    "TLS of the last century": (
        "ENC-4",
        "gcp:compute/sSLPolicy:SSLPolicy",
        "entrance",
        put("minTlsVersion", "TLS_1_0"),
    ),
    "TLS compatible with everything": (
        "ENC-4",
        "gcp:compute/sSLPolicy:SSLPolicy",
        "entrance",
        put("profile", "COMPATIBLE"),
    ),
    "HTTP that serves": (
        "ENC-4",
        "gcp:compute/uRLMap:URLMap",
        "entrance-redirect",
        put("defaultUrlRedirect.httpsRedirect", False),
    ),
    "replica on the internet": ("HOS-2", SQL, "orders-lists", put("settings.ipConfiguration.ipv4Enabled", True)),
    "replica without TLS": (
        "ENC-3",
        SQL,
        "orders-lists",
        put("settings.ipConfiguration.sslMode", "ALLOW_UNENCRYPTED_AND_ENCRYPTED"),
    ),
    "both modes of backups": (
        "BAK-1",
        SQL,
        "inventory",
        put("settings.backupConfiguration", {"enabled": True, "location": "europe-west4"}),
    ),
    "vault that forgets within a week": (
        "BAK-4",
        VAULT,
        "vault",
        put("backupMinimumEnforcedRetentionDuration", "604800s"),
    ),
    "vault beside the data": ("BAK-3", VAULT, "vault", put("location", "europe-west1")),
    "plan that keeps a week": ("BAK-2", PLAN, "vault-inventory", put("backupRules.0.backupRetentionDays", 7)),
    "plan without transaction logs": ("BAK-2", PLAN, "vault-inventory", drop("logRetentionDays")),
    "bucket that may be opened": ("ACC-3", BUCKET, "invoices", put("publicAccessPrevention", "inherited")),
    "bucket that keeps for ever": ("MIN-1", BUCKET, "invoices", drop("lifecycleRules")),
    "bucket of no class": ("MIN-2", BUCKET, "invoices", drop("labels.data-class")),
    "bucket under the key of another class": (
        "MIN-2",
        BUCKET,
        "invoices",
        put("labels.data-class", "internal"),
    ),
    "bucket in another part of the world": ("PRI-1", BUCKET, "invoices", put("location", "US")),
    "tables that stay": (
        "MIN-1",
        "gcp:bigquery/dataset:Dataset",
        "stock-history",
        lambda inputs: [inputs.pop("defaultTableExpirationMs"), inputs.pop("defaultPartitionExpirationMs")],
    ),
    "topic that rests elsewhere": (
        "PRI-1",
        "gcp:pubsub/topic:Topic",
        "order-events",
        put("messageStoragePolicy.allowedPersistenceRegions", ["us-east1"]),
    ),
    "tags that move": ("CIN-3", REGISTRY, "images", put("dockerConfig.immutableTags", False)),
    "registry that nobody scans": (
        "DEP-1",
        REGISTRY,
        "images",
        put("vulnerabilityScanningConfig.enablementConfig", "DISABLED"),
    ),
    "every image admitted": (
        "CIN-2",
        "gcp:binaryauthorization/policy:Policy",
        "images-example-prod-workload",
        put("defaultAdmissionRule.evaluationMode", "ALWAYS_ALLOW"),
    ),
    "zone that is not signed": ("ENC-10", ZONE, "zone-main", put("dnssecConfig.state", "off")),
    "zone signed with SHA-1": (
        "ENC-10",
        ZONE,
        "zone-main",
        put("dnssecConfig.defaultKeySpecs.0.algorithm", "rsasha1"),
    ),
    "anonymous users": ("VER-1", CONFIG, "sign-in", put("signIn.anonymous", {"enabled": True})),
    "passwords let through": ("VER-2", CONFIG, "sign-in", drop("blockingFunctions")),
    "sign-in that nobody logs": ("VER-3", CONFIG, "sign-in", put("monitoring.requestLogging.enabled", False)),
    "environment that is not protected": ("HOS-5", ENVIRONMENT, "render", put("protectedStatus", "unprotected")),
    "environment that others reach": ("HOS-5", ENVIRONMENT, "render", put("networkIsolationEnabled", False)),
    "database on Render for everybody": (
        "HOS-5",
        POSTGRES,
        "site",
        put("ipAllowList", [{"cidrBlock": "0.0.0.0/0", "description": "everyone"}]),
    ),
    "site that deploys an unguarded branch": (
        "REV-2",
        "render:services:WebService",
        "site",
        put("branch", "experiments"),
    ),
    "erasures that can be undone": (
        "PRI-2",
        BUCKET,
        "erasures",
        put("retentionPolicy.isLocked", False),
    ),
}


@pytest.fixture(scope="module")
def production() -> Recording:
    """The production stack, once."""
    return record_stack()


@pytest.mark.parametrize(("clause", "kind", "name", "change"), VARIANTS.values(), ids=VARIANTS.keys())
def test_a_weakened_variant_is_stopped_by_its_clause(
    production: Recording, clause: str, kind: str, name: str, change: Change
) -> None:
    """Every one of them would have been a working deployment."""
    assert clause in blocked(changed(production, kind, name, change))
