"""Backup vaults and the independent copy: kept for long enough, by force, in a project apart from the data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policies.graph import Graph
from policies.model import Resource, View, gcp
from policies.normalise import seconds
from policies.rule import Finding, Sample, fail, fail_stack, rule, skip, unsure
from policies.rules._facts import at_least_days, boolean, one_of
from policies.rules._keys import EXAMPLE_KEY, cmek
from policies.rules._links import linked
from policies.rules._sql import INSTANCE

VAULT = gcp("backupdisasterrecovery/backupVault")
PLAN = gcp("backupdisasterrecovery/backupPlan")
BUCKET = gcp("storage/bucket")
_SINKS = tuple(gcp(f"logging/{scope}Sink") for scope in ("project", "folder", "organization", "billingAccount"))
_DOCS = "https://cloud.google.com/backup-disaster-recovery/docs"

at_least_days(
    {VAULT: "backupMinimumEnforcedRetentionDuration"},
    days=30,
    id="backup-vault-retention",
    clause="BAK-4",
    title="Backup vaults keep every backup for at least 30 days, whoever asks",
    severity="high",
    fix='backup_minimum_enforced_retention_duration="2592000s"',
    sources=(f"{_DOCS}/concepts/backup-vault",),
    traps=(28,),
    why="The minimum is enforced against administrators too: an intruder cannot delete the way back.",
)

one_of(
    {VAULT: "accessRestriction"},
    allowed=("WITHIN_ORGANIZATION", "WITHIN_PROJECT", "WITHIN_ORG_BUT_UNRESTRICTED_FOR_BA"),
    others=("UNRESTRICTED",),
    absent="pass",
    id="backup-vault-restricted",
    clause="BAK-4",
    title="Backup vaults take and give back only inside the organization",
    severity="high",
    fix='access_restriction="WITHIN_ORGANIZATION"',
    sources=(f"{_DOCS}/concepts/backup-vault#access-restriction",),
    why="An unrestricted vault restores into anybody's project. The default is the organization; it cannot be changed.",
)

for _path, _snake in (
    ("forceUpdate", "force_update"),
    ("forceDelete", "force_delete"),
    ("ignoreInactiveDatasources", "ignore_inactive_datasources"),
    ("ignoreBackupPlanReferences", "ignore_backup_plan_references"),
):
    boolean(
        {VAULT: _path},
        want=False,
        absent="pass",
        id=f"backup-vault-no-{_snake.replace('_', '-')}",
        clause="BAK-5",
        title=f"Backup vaults do not set {_snake}",
        severity="medium",
        fix=f"{_snake}=False",
        sources=("https://www.pulumi.com/registry/packages/gcp/api-docs/backupdisasterrecovery/backupvault/",),
        traps=(29,),
        why="The setting lets a change pass that the vault would refuse, with backups in it. The default is false.",
    )

cmek(
    {VAULT: "encryptionConfig.kmsKeyName"},
    id="backup-vault-own-key",
    title="Backup vaults are encrypted with a key of our own",
    fix='encryption_config={"kms_key_name": key.id}',
    sources=(f"{_DOCS}/concepts/cmek",),
    why="A backup is a copy of everything: whoever reads it needs no access to the database.",
)


def _rule(days: Any, recurrence: str = "DAILY") -> dict[str, Any]:
    return {"ruleId": "daily", "backupRetentionDays": days, "standardSchedule": {"recurrenceType": recurrence}}


@rule(
    id="backup-plan-kept",
    clause="BAK-2",
    title="Backup plans keep backups for at least 30 days",
    severity="high",
    types=(PLAN,),
    decides=("backupRules",),
    fix='backup_rules=[{"backup_retention_days": 30, …}]',
    sources=(f"{_DOCS}/create-plan",),
    params={"min_days": 30},
    good=({"backupRules": [_rule(30)]}, {"backupRules": [_rule(3, "HOURLY"), _rule("90")]}),
    bad=({"backupRules": [_rule(7)]}, {"backupRules": []}, {}),
)
def plan_kept(plan: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """One rule of the plan has to reach back 30 days; others may keep less, for more frequent backups."""
    rules = sorted(plan.views("backupRules"), key=lambda r: not r.known("backupRetentionDays"))
    if not any((r.number("backupRetentionDays") or 0) >= float(params["min_days"]) for r in rules):
        yield fail(plan, "backupRules", f"keeps no backup for {params['min_days']} days")


@rule(
    id="backup-plan-daily",
    clause="BAK-1",
    title="Backup plans make a backup at least every day",
    severity="high",
    types=(PLAN,),
    decides=("backupRules",),
    fix='"standard_schedule": {"recurrence_type": "DAILY", …}',
    sources=(f"{_DOCS}/create-plan",),
    good=({"backupRules": [_rule(30)]}, {"backupRules": [_rule(30, "hourly")]}),
    bad=({"backupRules": [_rule(30, "WEEKLY")]}, {"backupRules": []}),
)
def plan_daily(plan: Resource) -> Iterator[Finding]:
    """A weekly backup loses up to a week."""

    def recurrence(view: View) -> str:
        return view.upper("standardSchedule.recurrenceType") or ""

    rules = sorted(plan.views("backupRules"), key=lambda r: not r.known("standardSchedule.recurrenceType"))
    if not any(recurrence(r) in ("DAILY", "HOURLY") for r in rules):
        yield fail(plan, "backupRules", "holds no daily or hourly schedule")


def _copy(**props: Any) -> Sample:
    base = {
        "name": "copies",
        "project": "example-prod-backups",
        "retentionPolicy": {"isLocked": True, "retentionPeriod": "3024000"},
        "encryption": {"defaultKmsKeyName": EXAMPLE_KEY},
    }
    return Sample(BUCKET, {**base, **props}, name="copies")


_OURS = (
    Sample("hosting:data:Database", {}, name="database"),
    Sample(INSTANCE, {"name": "main", "project": "example-prod-workload"}, name="main"),
)


@rule(
    id="backup-independent-copy",
    clause="BAK-4",
    title="A locked and encrypted copy of the databases lies in a project of its own",
    severity="high",
    types=(INSTANCE, BUCKET),
    scope="stack",
    fix="a bucket with locked retention and an own key in another project, filled by the export job",
    sources=("https://cloud.google.com/sql/docs/postgres/import-export",),
    traps=(28,),
    params={"min_days": 30},
    good=((*_OURS, _copy()),),
    bad=(
        _OURS,
        (*_OURS, _copy(retentionPolicy={"retentionPeriod": "3024000"})),
        (*_OURS, _copy(retentionPolicy={"isLocked": True, "retentionPeriod": "604800"})),
        (*_OURS, _copy(project="example-prod-workload")),
        (*_OURS, _copy(encryption={})),
        (*_OURS, _copy(), Sample(_SINKS[0], {"destination": "storage.googleapis.com/copies"}, name="sink")),
    ),
    not_applicable=((Sample(INSTANCE, {"name": "main"}),),),
)
def independent_copy(graph: Graph, params: Mapping[str, Any]) -> Iterator[Finding]:
    """Whoever owns the database's project can delete the database and its backups. A copy in another project, locked
    against everyone, is what is left. Buckets of logs and ledgers of erasures do not count. Asked of
    stacks of this project's components."""
    databases = graph.of(INSTANCE)
    if not databases or not any(t.startswith("hosting:") for t in graph.types):
        yield skip("the stack has no databases, or is not made of this project's components")
        return
    projects = {graph.project_of(database) for database in databases} - {None}
    logs = {bucket.urn for bucket in _log_buckets(graph)}
    hidden: Finding | None = None
    homeless = next((d for d in databases if graph.project_of(d) is None and not d.known("project")), None)
    if homeless is not None:
        hidden = unsure(homeless, "project")
    for bucket in graph.of(BUCKET):
        period = seconds(bucket.text("retentionPolicy.retentionPeriod")) or 0
        if (
            bucket.urn not in logs
            and bucket.raw("labels.store") != "erasures"
            and bucket.flag("retentionPolicy.isLocked")
            and period >= float(params["min_days"]) * 86400
            and bucket.has("encryption.defaultKmsKeyName")
            and graph.project_of(bucket) not in projects
        ):
            lost = next((p for p in _DECIDING if not bucket.known(p) and not graph.sources(bucket, p)), None)
            if lost is None and homeless is None:
                return
            hidden = hidden or unsure(bucket, lost or "project")
    yield hidden or fail_stack("no bucket holds a locked, encrypted copy in a project apart from the databases")


_DECIDING = ("encryption.defaultKmsKeyName", "project")


def _log_buckets(graph: Graph) -> Iterator[Resource]:
    for sink in graph.of(*_SINKS):
        yield from linked(sink, "destination", BUCKET)
        destination = sink.raw("destination")
        if isinstance(destination, str):
            yield from graph.find(destination.rsplit("/", 1)[-1], BUCKET)
    for bucket in graph.of(BUCKET):
        if bucket.has("logging.logBucket"):
            yield from linked(bucket, "logging.logBucket", BUCKET)
