"""Spanner: databases cannot be deleted in passing, are backed up, and are encrypted with a key of our own."""

from __future__ import annotations

from collections.abc import Iterator

from policies.graph import Graph
from policies.model import Resource, gcp
from policies.rule import Finding, Sample, fail, rule, unsure
from policies.rules._facts import at_least_days, boolean
from policies.rules._keys import EXAMPLE_KEY, KEY, encrypted
from policies.rules._links import meant
from policies.rules._public import not_public

DATABASE = gcp("spanner/database")
_DOCS = "https://cloud.google.com/spanner/docs"

boolean(
    {DATABASE: "deletionProtection"},
    absent="pass",
    remedy=True,
    id="spanner-deletion-protected-in-code",
    clause="BAK-5",
    title="The provider refuses to delete Spanner databases",
    severity="high",
    fix="deletion_protection=True",
    references=("checkov:CKV_GCP_119",),
    sources=("https://www.pulumi.com/registry/packages/gcp/api-docs/spanner/database/",),
    traps=(6,),
    why="A changed name or definition replaces the database, and with it the data. The provider's default is true.",
)

boolean(
    {DATABASE: "enableDropProtection"},
    missing="is not set, and the default is off: console, gcloud and other programs may drop the database",
    remedy=True,
    id="spanner-drop-protected",
    clause="BAK-5",
    title="Google Cloud refuses to drop Spanner databases",
    severity="high",
    fix="enable_drop_protection=True",
    references=("checkov:CKV_GCP_120",),
    sources=(f"{_DOCS}/prevent-database-deletion",),
    traps=(6,),
    why="`deletionProtection` guards against this program only; this setting guards against everybody.",
)


@rule(
    id="spanner-own-key",
    clause="ENC-1",
    title="Spanner databases are encrypted with keys of our own",
    severity="medium",
    types=(DATABASE,),
    decides=("encryptionConfig.kmsKeyName",),
    fix='encryption_config={"kms_key_name": key.id}',
    references=("checkov:CKV_GCP_93",),
    sources=(f"{_DOCS}/cmek",),
    graph=True,
    provenance=True,
    good=(
        (
            Sample(
                DATABASE,
                {"name": "main", "encryptionConfig": {"kmsKeyName": EXAMPLE_KEY}},
                depends={"encryptionConfig": ("key",)},
            ),
            Sample(KEY, {"name": "app"}, name="key"),
        ),
        {"name": "main", "encryptionConfig": {"kmsKeyNames": [EXAMPLE_KEY]}},
    ),
    bad=({"name": "main"}, {"name": "main", "encryptionConfig": {"kmsKeyNames": []}}),
)
def spanner_own_key(database: Resource) -> Iterator[Finding]:
    """The key is fixed when the database is made. A database in several regions takes a key for each of them."""
    several = "encryptionConfig.kmsKeyNames"
    path = "encryptionConfig.kmsKeyName"
    if database.has(several) and not database.has(path):
        path = several
    yield from encrypted(database, path, graph=database.graph)


at_least_days(
    {DATABASE: "versionRetentionPeriod"},
    days=7,
    missing="is not set, and the default is one hour",
    id="spanner-point-in-time",
    clause="BAK-2",
    title="Spanner databases can be read as of any moment of the last seven days",
    severity="medium",
    fix='version_retention_period="7d"',
    sources=(f"{_DOCS}/pitr",),
    why="Earlier versions undo a faulty program without a restore. Seven days is the most that Spanner keeps.",
)

at_least_days(
    {gcp("spanner/backupSchedule"): "retentionDuration"},
    days=30,
    id="spanner-backups-kept",
    clause="BAK-2",
    title="Scheduled backups of Spanner are kept for at least 30 days",
    severity="medium",
    fix='retention_duration="2592000s"',
    sources=(f"{_DOCS}/backup",),
    why="Damage is often found weeks later. 30 days is the policy's figure.",
)

boolean(
    {gcp("spanner/instance"): "forceDestroy"},
    want=False,
    absent="pass",
    remedy=True,
    id="spanner-no-force-destroy",
    clause="BAK-5",
    title="Removing a Spanner instance from the code does not delete its backups",
    severity="high",
    fix="force_destroy=False",
    sources=("https://www.pulumi.com/registry/packages/gcp/api-docs/spanner/instance/",),
    traps=(29,),
    why="With force_destroy the backups go first, and then the data. The default is false.",
)

not_public(
    ("spanner/databaseIAM", "spanner/instanceIAM"),
    role="roles/spanner.databaseReader",
    id="spanner-not-public",
    title="Spanner is open to nobody outside",
    why="A public database is read by whoever finds its name.",
)


@rule(
    id="spanner-backups-scheduled",
    clause="BAK-1",
    title="Spanner databases have a backup schedule",
    severity="high",
    types=(DATABASE,),
    decides=("name",),
    absent="fail",
    fix="gcp.spanner.BackupSchedule(database=database.name, …)",
    sources=(f"{_DOCS}/backup/create-manage-backup-schedules",),
    graph=True,
    good=(
        (
            Sample(DATABASE, {"name": "main", "instance": "data"}, name="database"),
            Sample("spanner/backupSchedule", {"database": "main", "instance": "data"}, name="schedule"),
        ),
        (
            Sample(DATABASE, {"name": "main", "instance": "data"}, name="database"),
            Sample("spanner/instance", {"name": "data", "defaultBackupScheduleType": "AUTOMATIC"}, name="instance"),
        ),
    ),
    bad=(
        {"name": "main", "instance": "data"},
        (
            Sample(DATABASE, {"name": "main", "instance": "data"}, name="database"),
            Sample("spanner/instance", {"name": "data", "defaultBackupScheduleType": "NONE"}, name="instance"),
        ),
    ),
)
def backups_scheduled(database: Resource) -> Iterator[Finding]:
    """Backups need a schedule: the instance makes one for every database, or each database has its own."""
    graph = database.graph
    scheduled = graph.once(_scheduled) if graph else set()
    instances = graph.targets(database, "instance", gcp("spanner/instance")) if graph else []
    automatic = any(i.upper("defaultBackupScheduleType") == "AUTOMATIC" for i in instances)
    if automatic or database.urn in scheduled or database.text("name") in scheduled - {None}:
        return
    if None in scheduled:
        yield unsure(database, "name", "a schedule that may be its own is not known yet")
    elif not instances and not database.known("instance"):
        yield unsure(database, "instance")
    else:
        yield fail(database, "", "has no backup schedule, and its instance makes none")


def _scheduled(graph: Graph) -> set[str | None]:
    """The databases that schedules are of."""
    return meant(graph, graph.of(gcp("spanner/backupSchedule")), "database", DATABASE)
