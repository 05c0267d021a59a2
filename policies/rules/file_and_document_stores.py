"""Filestore and Firestore: protected from deletion, recoverable, under keys of our own, shared with few."""

from __future__ import annotations

from collections.abc import Iterator

from policies.graph import Graph
from policies.model import Resource, View, gcp
from policies.normalise import world
from policies.rule import Finding, Sample, each, fail, rule, skip, unsure
from policies.rules._facts import at_least_days, boolean, one_of
from policies.rules._keys import cmek
from policies.rules._links import meant

FILES = gcp("filestore/instance")
DOCUMENTS = gcp("firestore/database")
SCHEDULE = gcp("firestore/backupSchedule")
_SMALL_TIERS = ("STANDARD", "PREMIUM", "BASIC_HDD", "BASIC_SSD")
_EXPORTS = "fileShares.nfsExportOptions"

cmek(
    {FILES: "kmsKeyName"},
    base={"tier": "ENTERPRISE"},
    guard=lambda i: "the basic tiers take no key" if i.upper("tier") in _SMALL_TIERS else None,
    id="filestore-own-key",
    title="File shares are encrypted with a key of our own",
    sources=("https://cloud.google.com/filestore/docs/cmek",),
    not_applicable=({"tier": "BASIC_HDD"},),
    why="The key is fixed when the share is made: one without it has to be copied into a new one.",
)

boolean(
    {FILES: "deletionProtectionEnabled"},
    missing="is not set, and the default is off",
    remedy=True,
    id="filestore-deletion-protected",
    clause="BAK-5",
    title="File shares are protected from deletion",
    severity="medium",
    fix="deletion_protection_enabled=True",
    sources=("https://cloud.google.com/filestore/docs/deletion-protection",),
    traps=(6,),
    why="Google Cloud itself refuses to delete a protected share, whoever asks.",
)


def _share(*options: dict[str, object]) -> dict[str, object]:
    return {"tier": "ENTERPRISE", "fileShares": {"name": "data", "capacityGb": 1024, "nfsExportOptions": list(options)}}


@rule(
    id="filestore-exports-narrow",
    clause="HOS-2",
    title="File shares are exported to listed addresses, and nobody is root on them",
    severity="medium",
    types=(FILES,),
    decides=(_EXPORTS,),
    fix='"nfs_export_options": [{"ip_ranges": ["10.0.0.0/24"], "squash_mode": "ROOT_SQUASH", …}]',
    sources=("https://cloud.google.com/filestore/docs/access-control",),
    good=(_share({"ipRanges": ["10.0.0.0/24"], "squashMode": "ROOT_SQUASH"}),),
    bad=(
        _share(),
        {"tier": "ENTERPRISE"},
        _share({"ipRanges": ["0.0.0.0/0"], "squashMode": "ROOT_SQUASH"}),
        _share({"ipRanges": ["10.0.0.0/24"], "squashMode": "NO_ROOT_SQUASH"}),
        _share({"squashMode": "ROOT_SQUASH"}),
    ),
)
def exports_narrow(instance: Resource) -> Iterator[Finding]:
    """Without options every machine in the network mounts the share as root: NFS asks for no password."""
    options = instance.views(_EXPORTS)
    if not options:
        yield fail(instance, _EXPORTS, "is not set: the whole network has root access")

    def check(option: View) -> Iterator[Finding]:
        ranges = option.items("ipRanges")
        if not ranges or world(ranges):
            yield fail(option, "ipRanges", f"is {option.show('ipRanges')}")
        if option.upper("squashMode", "NO_ROOT_SQUASH") != "ROOT_SQUASH" and option.upper("accessMode") != "READ_ONLY":
            yield fail(option, "squashMode", f"is {option.show('squashMode')}: clients are root")

    yield from each(options, check)


cmek(
    {DOCUMENTS: "cmekConfig.kmsKeyName"},
    id="firestore-own-key",
    title="Firestore databases are encrypted with a key of our own",
    fix='cmek_config={"kms_key_name": key.id}',
    sources=("https://cloud.google.com/firestore/docs/cmek",),
    why="The key is fixed when the database is made: one without it has to be exported and made again.",
)

one_of(
    {DOCUMENTS: "deleteProtectionState"},
    allowed=("DELETE_PROTECTION_ENABLED",),
    others=("DELETE_PROTECTION_DISABLED",),
    missing="is not set, and the default is off",
    remedy=True,
    id="firestore-deletion-protected",
    clause="BAK-5",
    title="Firestore databases are protected from deletion",
    severity="high",
    fix='delete_protection_state="DELETE_PROTECTION_ENABLED"',
    sources=("https://cloud.google.com/firestore/docs/manage-databases#delete_protection",),
    traps=(6,),
    why="Google Cloud itself refuses to delete a protected database, whoever asks.",
)

one_of(
    {DOCUMENTS: "pointInTimeRecoveryEnablement"},
    allowed=("POINT_IN_TIME_RECOVERY_ENABLED",),
    others=("POINT_IN_TIME_RECOVERY_DISABLED",),
    missing="is not set, and the default is one hour",
    remedy=True,
    id="firestore-point-in-time",
    clause="BAK-2",
    title="Firestore databases can be restored to any moment of the last seven days",
    severity="medium",
    fix='point_in_time_recovery_enablement="POINT_IN_TIME_RECOVERY_ENABLED"',
    sources=("https://cloud.google.com/firestore/docs/pitr",),
    why="Earlier versions undo a faulty program without a restore.",
)

at_least_days(
    {SCHEDULE: "retention"},
    days=30,
    id="firestore-backups-kept",
    clause="BAK-2",
    title="Backups of Firestore are kept for at least 30 days",
    severity="medium",
    fix='retention="2592000s"',
    sources=("https://cloud.google.com/firestore/docs/backups",),
    why="Damage is often found weeks later. 30 days is the policy's figure.",
)


@rule(
    id="firestore-backed-up-daily",
    clause="BAK-1",
    title="Firestore databases are backed up every day",
    severity="high",
    types=(DOCUMENTS,),
    decides=("name",),
    fix="gcp.firestore.BackupSchedule(database=database.name, daily_recurrence={}, retention=…)",
    sources=("https://cloud.google.com/firestore/docs/backups",),
    graph=True,
    good=(
        (
            Sample(DOCUMENTS, {"name": "main", "type": "FIRESTORE_NATIVE"}, name="database"),
            Sample(SCHEDULE, {"database": "main", "retention": "2592000s", "dailyRecurrence": {}}, name="daily"),
        ),
    ),
    bad=(
        {"name": "main", "type": "FIRESTORE_NATIVE"},
        (
            Sample(DOCUMENTS, {"name": "main", "type": "FIRESTORE_NATIVE"}, name="database"),
            Sample(SCHEDULE, {"database": "main", "weeklyRecurrence": {"day": "SUNDAY"}}, name="weekly"),
        ),
    ),
    not_applicable=({"name": "main", "type": "DATASTORE_MODE", "appEngineIntegrationMode": "ENABLED"},),
)
def backed_up_daily(database: Resource) -> Iterator[Finding]:
    """Firestore makes no backups of its own accord. A weekly schedule loses up to a week."""
    if database.upper("appEngineIntegrationMode") == "ENABLED":
        yield skip("App Engine governs the database")
        return
    daily = database.graph.once(_daily) if database.graph else set()
    if database.urn in daily or database.text("name") in daily - {None}:
        return
    if None in daily:
        yield unsure(database, "name", "a schedule that may be its own is not known yet")
    else:
        yield fail(database, "", "has no daily backup schedule")


def _daily(graph: Graph) -> set[str | None]:
    """The databases that daily schedules are of."""
    schedules = (s for s in graph.of(SCHEDULE) if s.raw("weeklyRecurrence") is None)
    return meant(graph, schedules, "database", DOCUMENTS, default="(default)")
