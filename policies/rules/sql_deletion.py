"""Deleting, replacing or overwriting a Cloud SQL database: refused on every level, and never without a backup left."""

from __future__ import annotations

from collections.abc import Iterator

from policies.model import Resource
from policies.rule import Finding, Sample, fail, rule
from policies.rules._facts import at_least_days, boolean, one_of
from policies.rules._sql import INSTANCE, follower

_BASE = {"databaseVersion": "POSTGRES_17"}
_REPLICA = {"databaseVersion": "POSTGRES_17", "masterInstanceName": "primary"}

boolean(
    {INSTANCE: "settings.retainBackupsOnDelete"},
    base=_BASE,
    missing="is not set: the backups vanish together with the database",
    guard=follower,
    remedy=True,
    id="sql-backups-outlive-database",
    clause="BAK-5",
    title="Backups outlive the database they were made of",
    severity="high",
    fix='settings={"retain_backups_on_delete": True}',
    sources=("https://cloud.google.com/sql/docs/postgres/backup-recovery/backups#retained-backups",),
    traps=(7,),
    not_applicable=(_REPLICA,),
    why="By default, deleting the instance deletes all of its backups: one call takes data and rescue away.",
)

boolean(
    {INSTANCE: "settings.finalBackupConfig.enabled"},
    base=_BASE,
    missing="is not set: deletion leaves nothing behind",
    guard=follower,
    remedy=True,
    id="sql-final-backup",
    clause="BAK-5",
    title="Deleting a database makes a final backup",
    severity="medium",
    fix='settings={"final_backup_config": {"enabled": True, "retention_days": 30}}',
    sources=("https://cloud.google.com/sql/docs/postgres/backup-recovery/backups#final-backup",),
    traps=(7,),
    not_applicable=(_REPLICA,),
    why="The final backup holds what was written after the last nightly one.",
)

at_least_days(
    {INSTANCE: "settings.finalBackupConfig.retentionDays"},
    days=30,
    unit=86400.0,
    base={"databaseVersion": "POSTGRES_17", "settings": {"finalBackupConfig": {"enabled": True}}},
    guard=lambda i: (
        follower(i) or (None if i.flag("settings.finalBackupConfig.enabled") else "no final backup is made")
    ),
    id="sql-final-backup-kept",
    clause="BAK-5",
    title="The final backup of a deleted database is kept for at least 30 days",
    severity="medium",
    fix='settings={"final_backup_config": {"enabled": True, "retention_days": 30}}',
    sources=("https://cloud.google.com/sql/docs/postgres/backup-recovery/backups#final-backup",),
    traps=(7,),
    not_applicable=(_BASE, _REPLICA),
    why="A deletion by mistake or by an intruder may be noticed weeks later. 30 days is the policy's figure.",
)

boolean(
    {INSTANCE: "deletionProtection"},
    absent="pass",
    base=_BASE,
    guard=follower,
    remedy=True,
    id="sql-deletion-protected-in-code",
    clause="BAK-5",
    title="The provider refuses to delete databases",
    severity="high",
    fix="deletion_protection=True",
    sources=("https://www.pulumi.com/registry/packages/gcp/api-docs/sql/databaseinstance/",),
    traps=(6,),
    not_applicable=(_REPLICA,),
    why="The provider's default is true: whoever writes false plans to delete the database, or forgot that they did.",
)

boolean(
    {INSTANCE: "settings.deletionProtectionEnabled"},
    base=_BASE,
    missing="is not set, and the default is false: console, gcloud and other programs may delete the database",
    guard=follower,
    remedy=True,
    id="sql-deletion-protected-in-cloud",
    clause="BAK-5",
    title="Google Cloud refuses to delete databases",
    severity="high",
    fix='settings={"deletion_protection_enabled": True}',
    sources=("https://cloud.google.com/sql/docs/postgres/deletion-protection",),
    traps=(6,),
    not_applicable=(_REPLICA,),
    why="`deletionProtection` guards against this program only. The setting of the same purpose in the API guards "
    "against everybody.",
)

one_of(
    {INSTANCE: "deletionPolicy"},
    allowed=("PREVENT",),
    others=("DELETE", "ABANDON"),
    base=_BASE,
    missing="is not set: a destroy of the stack deletes the database",
    guard=follower,
    remedy=True,
    id="sql-deletion-prevented",
    clause="BAK-5",
    title="Databases have the deletion policy PREVENT",
    severity="medium",
    fix='deletion_policy="PREVENT"',
    sources=("https://www.pulumi.com/registry/packages/gcp/api-docs/sql/databaseinstance/",),
    traps=(6,),
    not_applicable=(_REPLICA,),
    why="PREVENT makes the provider refuse the deletion even after `deletionProtection` was set to false in passing.",
)


@rule(
    id="sql-no-restore-in-code",
    clause="CHG-6",
    title="No code restores or clones over a database",
    severity="high",
    types=(INSTANCE,),
    decides=("restoreBackupContext",),
    absent="pass",
    fix="remove it; restore by the drill or by hand, into a new instance",
    sources=("https://www.pulumi.com/registry/packages/gcp/api-docs/sql/databaseinstance/",),
    traps=(8,),
    good=({**_BASE, "deletionProtection": True},),
    bad=(
        {**_BASE, "restoreBackupContext": {"backupRunId": 1}},
        {**_BASE, "backupdrBackup": "projects/p/locations/l/backupVaults/v/dataSources/d/backups/b"},
        {**_BASE, "clone": {"sourceInstanceName": "main"}},
        {**_BASE, "pointInTimeRestoreContext": {"datasource": "d"}},
    ),
)
def no_restore(instance: Resource) -> Iterator[Finding]:
    """Declaring a restore fires it: the next `up` overwrites the live database, and so does every change."""
    for path in ("restoreBackupContext", "backupdrBackup", "pointInTimeRestoreContext", "clone"):
        if instance.has(path):
            if not instance.known(path):
                instance.get(path)
            yield fail(instance, path, "restores or clones as soon as it is declared")


@rule(
    id="sql-disk-grows-alone",
    clause="CHG-5",
    title="A disk that grows by itself has no size in the code",
    severity="high",
    types=(INSTANCE,),
    decides=("settings.diskSize",),
    absent="pass",
    fix='leave out "disk_size", or opts=ResourceOptions(ignore_changes=["settings.diskSize"])',
    sources=("https://cloud.google.com/sql/docs/postgres/instance-settings#automatic-storage-increase-2ndgen",),
    traps=(9,),
    good=(
        {**_BASE, "settings": {"tier": "db-custom-1-3840"}},
        {**_BASE, "settings": {"diskAutoresize": False, "diskSize": 20}},
        Sample(INSTANCE, {"settings": {"diskSize": 20}}, options={"ignore_changes": ["settings.diskSize"]}),
    ),
    bad=({**_BASE, "settings": {"diskSize": 20}}, {**_BASE, "settings": {"diskSize": 20, "diskAutoresize": "true"}}),
)
def disk_grows_alone(instance: Resource) -> Iterator[Finding]:
    """A disk cannot shrink: once it has grown past the size in the code, the next `up` replaces the database.

    Automatic growth is the provider's default.
    """
    if not instance.has("settings.diskSize"):
        return
    ignored = any(p in ("settings", "settings.diskSize", "settings[0].diskSize") for p in instance.ignore_changes)
    if instance.flag("settings.diskAutoresize", True) and not ignored:
        instance.get("settings.diskSize")
        yield fail(instance, "settings.diskSize", "is set, and the disk grows by itself")
