"""Cloud SQL instances: TLS only, highly available, in a supported version, under a key of our own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from policies.model import Resource
from policies.rule import Finding, fail, rule, skip
from policies.rules._facts import boolean, one_of
from policies.rules._keys import cmek
from policies.rules._sql import INSTANCE, follower, inherits

_IP = "settings.ipConfiguration"


def _with(**ip: Any) -> dict[str, Any]:
    return {"databaseVersion": "POSTGRES_17", "settings": {"tier": "db-custom-1-3840", "ipConfiguration": ip}}


@rule(
    id="sql-tls-only",
    clause="ENC-3",
    title="Databases accept connections with TLS only",
    severity="high",
    types=(INSTANCE,),
    decides=(f"{_IP}.sslMode",),
    fix='settings={"ip_configuration": {"ssl_mode": "ENCRYPTED_ONLY"}}',
    references=(
        "checkov:CKV_GCP_6",
        "trivy:GCP-0015",
        "kics:sql_db_instance_with_ssl_disabled",
        "prowler:cloudsql_instance_ssl_connections",
        "cis-gcp:6.4",
        "terrascan:AC_GCP_0003",
    ),
    sources=("https://cloud.google.com/sql/docs/postgres/configure-ssl-instance",),
    traps=(1, 4),
    good=(
        _with(sslMode="ENCRYPTED_ONLY"),
        _with(sslMode="trusted_client_certificate_required"),
        _with(requireSsl=True),
    ),
    bad=(
        _with(sslMode="ALLOW_UNENCRYPTED_AND_ENCRYPTED"),
        _with(sslMode="SSL_MODE_UNSPECIFIED"),
        _with(requireSsl=False),
        _with(),
        {"databaseVersion": "MYSQL_8_0", "settings": {"tier": "db-f1-micro"}},
        {"databaseVersion": "MYSQL_8_0"},
    ),
    not_applicable=({"databaseVersion": "POSTGRES_17", "masterInstanceName": "primary"},),
)
def tls_only(instance: Resource) -> Iterator[Finding]:
    """Unset, the mode is what Google chose when the instance was made, and plain text is accepted.

    Some tools ask for client certificates; ENCRYPTED_ONLY already refuses plain text, which is the fact here. The older
    `requireSsl`, which providers before 6 had, counts where no mode is set.
    """
    path = f"{_IP}.sslMode"
    if not instance.has("settings") and (reason := inherits(instance)):
        yield skip(reason)
        return
    mode = instance.upper(path)
    if mode is None:
        if not instance.flag(f"{_IP}.requireSsl"):
            yield fail(instance, path, "is not set: plain text connections are accepted")
    elif mode not in ("ENCRYPTED_ONLY", "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"):
        yield fail(instance, path, f"is {instance.show(path)}")


one_of(
    {INSTANCE: "settings.availabilityType"},
    allowed=("REGIONAL",),
    others=("ZONAL",),
    missing="is not set, and the provider's default is a single zone",
    base={"databaseVersion": "POSTGRES_17"},
    guard=follower,
    id="sql-highly-available",
    clause="MON-5",
    title="Databases survive the loss of a zone",
    severity="medium",
    fix='settings={"availability_type": "REGIONAL"}',
    references=("prowler:cloudsql_instance_high_availability_enabled",),
    sources=("https://cloud.google.com/sql/docs/postgres/high-availability",),
    not_applicable=({"databaseVersion": "POSTGRES_17", "instanceType": "READ_POOL_INSTANCE"},),
    why="With a standby in another zone, the failure of one zone costs a minute and no data.",
)

cmek(
    {INSTANCE: "encryptionKeyName"},
    base={"databaseVersion": "POSTGRES_17"},
    severity="high",
    id="sql-own-key",
    title="Databases are encrypted with a key of our own",
    fix="encryption_key_name=key.id",
    references=("prowler:cloudsql_instance_cmek_encryption_enabled",),
    sources=("https://cloud.google.com/sql/docs/postgres/cmek",),
    why="Cloud SQL takes the key when the instance is made and never again: a database without one has to be rebuilt.",
)


@rule(
    id="sql-version-current",
    clause="HOS-6",
    title="Databases run a current major version",
    severity="medium",
    types=(INSTANCE,),
    decides=("databaseVersion",),
    fix='database_version="POSTGRES_17"',
    references=("checkov:CKV_GCP_79",),
    sources=("https://cloud.google.com/sql/docs/db-versions",),
    params={"min_postgres": 17, "min_mysql": 8.0, "min_sqlserver": 2022},
    good=(
        {"databaseVersion": "POSTGRES_17"},
        {"databaseVersion": "mysql_8_0"},
        {"databaseVersion": "MYSQL_8_4"},
        {"databaseVersion": "SQLSERVER_2022_WEB"},
    ),
    bad=(
        {"databaseVersion": "POSTGRES_12"},
        {"databaseVersion": "POSTGRES_9_6"},
        {"databaseVersion": "MYSQL_5_7"},
        {"databaseVersion": "SQLSERVER_2019_STANDARD"},
    ),
    not_applicable=({"clone": {"sourceInstanceName": "main"}},),
)
def version_current(instance: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """Old versions stop getting fixes. The limits are the newest major version that Google and the tools recommend."""
    version = instance.upper("databaseVersion")
    if version is None:
        if instance.has("clone") or instance.has("masterInstanceName"):
            yield skip("a clone or replica takes the version of its source")
        else:
            yield fail(instance, "databaseVersion", "is not set")
        return
    match = re.fullmatch(r"(POSTGRES|MYSQL|SQLSERVER)_(\d+)(?:_(\d+))?.*", version)
    if match is None:
        yield fail(instance, "databaseVersion", f"is {instance.show('databaseVersion')}, which is no known version")
        return
    kind, major, minor = match.groups()
    number = float(f"{major}.{minor or 0}") if kind == "MYSQL" else float(major)
    if number < float(params[f"min_{kind.lower()}"]):
        yield fail(instance, "databaseVersion", f"is {instance.show('databaseVersion')}, an old version")


one_of(
    {INSTANCE: "settings.activationPolicy"},
    allowed=("ALWAYS",),
    others=("NEVER",),
    absent="pass",
    base={"databaseVersion": "POSTGRES_17"},
    id="sql-running",
    clause="MON-5",
    title="No code switches a database off",
    severity="medium",
    fix='settings={"activation_policy": "ALWAYS"}',
    sources=("https://cloud.google.com/sql/docs/postgres/start-stop-restart-instance",),
    why="A database that is switched off serves nobody and makes no backups. The provider's default is ALWAYS.",
)

boolean(
    {INSTANCE: "settings.enableGoogleMlIntegration"},
    want=False,
    absent="pass",
    base={"databaseVersion": "POSTGRES_17"},
    id="sql-no-ml-integration",
    clause="MIN-1",
    title="Databases send no rows to models",
    severity="low",
    fix='settings={"enable_google_ml_integration": False}',
    sources=("https://cloud.google.com/sql/docs/postgres/integrate-cloud-sql-with-vertex-ai",),
    why="With the integration on, a query can send what it reads to a model. The default is off.",
)

boolean(
    {INSTANCE: "settings.insightsConfig.queryInsightsEnabled"},
    base={"databaseVersion": "POSTGRES_17"},
    missing="is not set, and the default is off",
    guard=inherits,
    id="sql-query-insights",
    clause="MON-6",
    title="Databases report which queries they run",
    severity="low",
    fix='settings={"insights_config": {"query_insights_enabled": True}}',
    sources=("https://cloud.google.com/sql/docs/postgres/using-query-insights",),
    why="A query that reads a whole table is seen by its load, long before anybody reads a log.",
)
