"""AlloyDB: private, TLS only, backed up elsewhere for long enough, protected, under keys of our own."""

from __future__ import annotations

from collections.abc import Iterator

from policies.model import Resource, gcp
from policies.normalise import seconds
from policies.rule import Finding, fail, rule, skip
from policies.rules._facts import at_least_days, boolean, one_of
from policies.rules._keys import cmek

CLUSTER = gcp("alloydb/cluster")
INSTANCE = gcp("alloydb/instance")
_AUTO = "automatedBackupPolicy"
_DOCS = "https://cloud.google.com/alloydb/docs"


def _secondary(cluster: Resource) -> str | None:
    return "a secondary cluster is a copy" if cluster.upper("clusterType", "PRIMARY") == "SECONDARY" else None


cmek(
    {CLUSTER: "encryptionConfig.kmsKeyName", gcp("alloydb/backup"): "encryptionConfig.kmsKeyName"},
    id="alloydb-own-key",
    title="AlloyDB clusters and backups are encrypted with a key of our own",
    fix='encryption_config={"kms_key_name": key.id}',
    sources=(f"{_DOCS}/cmek",),
    why="The key is fixed when the cluster is made: one without it has to be rebuilt.",
)

boolean(
    {CLUSTER: f"{_AUTO}.enabled"},
    missing="is not set: whether there are backups is left to Google and shows no drift",
    guard=_secondary,
    remedy=True,
    id="alloydb-backed-up",
    clause="BAK-1",
    title="AlloyDB clusters are backed up automatically",
    severity="high",
    fix='automated_backup_policy={"enabled": True, …}',
    sources=(f"{_DOCS}/backup/configure",),
    traps=(1,),
    not_applicable=({"clusterType": "SECONDARY"},),
    why="Continuous backup goes with the cluster; automated backups are what stays.",
)


@rule(
    id="alloydb-backups-kept",
    clause="BAK-2",
    title="Automated backups of AlloyDB are kept for at least 30 days",
    severity="high",
    types=(CLUSTER,),
    decides=(f"{_AUTO}.timeBasedRetention.retentionPeriod",),
    fix='"time_based_retention": {"retention_period": "2592000s"}',
    sources=(f"{_DOCS}/backup/configure",),
    params={"min_days": 30},
    good=(
        {_AUTO: {"enabled": True, "timeBasedRetention": {"retentionPeriod": "2592000s"}}},
        {_AUTO: {"enabled": True, "quantityBasedRetention": {"count": 30}}},
    ),
    bad=(
        {_AUTO: {"enabled": True}},
        {_AUTO: {"enabled": True, "timeBasedRetention": {"retentionPeriod": "1209600s"}}},
        {_AUTO: {"enabled": True, "quantityBasedRetention": {"count": 14}}},
    ),
    not_applicable=({"clusterType": "SECONDARY"}, {"clusterId": "a"}),
)
def backups_kept(cluster: Resource, params: dict[str, float]) -> Iterator[Finding]:
    """The default is 14 days: damage noticed after a holiday is final. A count of daily backups counts as days."""
    if reason := _secondary(cluster):
        yield skip(reason)
        return
    if not cluster.has(_AUTO):
        yield skip("there are no automated backups, which is another rule's failure")
        return
    path = f"{_AUTO}.timeBasedRetention.retentionPeriod"
    span = seconds(cluster.text(path))
    kept = span / 86400 if span is not None else cluster.number(f"{_AUTO}.quantityBasedRetention.count")
    if kept is None or kept < float(params["min_days"]):
        yield fail(cluster, path, f"is {cluster.show(path)}: less than {params['min_days']} days")


@rule(
    id="alloydb-backups-elsewhere",
    clause="BAK-3",
    title="Automated backups of AlloyDB lie in another region than the cluster",
    severity="high",
    types=(CLUSTER,),
    decides=(f"{_AUTO}.location",),
    fix='automated_backup_policy={"location": "europe-west4", …}',
    sources=(f"{_DOCS}/backup/configure",),
    good=({"location": "europe-west1", _AUTO: {"enabled": True, "location": "europe-west4"}},),
    bad=(
        {"location": "europe-west1", _AUTO: {"enabled": True}},
        {"location": "europe-west1", _AUTO: {"enabled": True, "location": "europe-west1"}},
    ),
    not_applicable=({"clusterType": "SECONDARY"}, {"clusterId": "a"}),
)
def backups_elsewhere(cluster: Resource) -> Iterator[Finding]:
    """What takes a region away takes the backups in it away too. Unset, backups lie beside the cluster."""
    if reason := _secondary(cluster):
        yield skip(reason)
        return
    if not cluster.has(_AUTO):
        yield skip("there are no automated backups, which is another rule's failure")
        return
    place = (cluster.text(f"{_AUTO}.location") or "").lower()
    if place in ("", (cluster.text("location") or "").lower()):
        yield fail(cluster, f"{_AUTO}.location", f"is {cluster.show(f'{_AUTO}.location')}")


boolean(
    {CLUSTER: "continuousBackupConfig.enabled"},
    absent="pass",
    guard=_secondary,
    remedy=True,
    id="alloydb-point-in-time",
    clause="BAK-2",
    title="AlloyDB clusters can be restored to any moment",
    severity="high",
    fix='continuous_backup_config={"enabled": True, "recovery_window_days": 14}',
    sources=(f"{_DOCS}/backup/configure#continuous",),
    not_applicable=({"clusterType": "SECONDARY"},),
    why="Without it everything since the last nightly backup is lost. The provider's default is true.",
)

at_least_days(
    {CLUSTER: "continuousBackupConfig.recoveryWindowDays"},
    days=7,
    unit=86400.0,
    missing="is not set: how far back one can go is left to Google and shows no drift",
    guard=_secondary,
    id="alloydb-recovery-window",
    clause="BAK-2",
    title="AlloyDB clusters can be restored to any moment of the last seven days",
    severity="medium",
    fix='continuous_backup_config={"recovery_window_days": 14}',
    sources=(f"{_DOCS}/backup/configure#continuous",),
    traps=(1,),
    not_applicable=({"clusterType": "SECONDARY"},),
    why="Corruption is often found days later.",
)

boolean(
    {CLUSTER: "deletionProtection"},
    absent="pass",
    remedy=True,
    id="alloydb-deletion-protected",
    clause="BAK-5",
    title="The provider refuses to delete AlloyDB clusters",
    severity="high",
    fix="deletion_protection=True",
    sources=("https://www.pulumi.com/registry/packages/gcp/api-docs/alloydb/cluster/",),
    traps=(6,),
    why="The provider's default is true: whoever writes false plans to delete the cluster, or forgot that they did.",
)

boolean(
    {INSTANCE: "networkConfig.enablePublicIp"},
    want=False,
    absent="pass",
    id="alloydb-no-public-address",
    clause="HOS-2",
    title="AlloyDB instances have no public address",
    severity="high",
    fix='network_config={"enable_public_ip": False}',
    sources=(f"{_DOCS}/connect-public-ip",),
    traps=(2,),
    why="A database that has no address on the internet cannot be reached from it. The default is none.",
)

one_of(
    {INSTANCE: "clientConnectionConfig.sslConfig.sslMode"},
    allowed=("ENCRYPTED_ONLY",),
    others=("ALLOW_UNENCRYPTED_AND_ENCRYPTED",),
    missing="is not set: whether plain text is accepted is left to Google and shows no drift",
    id="alloydb-tls-only",
    clause="ENC-3",
    title="AlloyDB instances accept TLS only",
    severity="high",
    fix='client_connection_config={"ssl_config": {"ssl_mode": "ENCRYPTED_ONLY"}}',
    sources=(f"{_DOCS}/configure-connectivity",),
    traps=(1, 4),
    why="Plain text is read and changed on its way.",
)
