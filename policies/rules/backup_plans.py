"""Backup plans of Cloud SQL: what the vault mode needs beside the vault, to be no weaker than the other mode."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from policies.model import UNKNOWN, Resource, UnknownValue
from policies.rule import Finding, Sample, fail, rule, skip
from policies.rules._facts import at_least_days
from policies.rules._links import linked
from policies.rules.backup import PLAN, VAULT

_DOCS: Final = "https://cloud.google.com/sql/docs/postgres/backup-recovery/manage-enhanced-backups"
_SQL: Final = "sqladmin.googleapis.com/Instance"


def _other_kind(plan: Resource) -> str | None:
    kind = plan.text("resourceType") or ""
    return None if kind.lower() == _SQL.lower() else "the plan backs up no databases of Cloud SQL"


at_least_days(
    {PLAN: "logRetentionDays"},
    days=7,
    unit=86400.0,
    base={"resourceType": _SQL},
    missing="is not set: a database can only be restored to the moment of a backup",
    guard=_other_kind,
    id="backup-plan-logs-kept",
    clause="BAK-2",
    title="Backup plans of databases allow recovery to any moment of the last seven days",
    severity="high",
    fix="log_retention_days=7",
    sources=(_DOCS,),
    not_applicable=({"resourceType": "compute.googleapis.com/Instance"},),
    why="Without the transaction logs everything since the last nightly backup is lost.",
)


def _plan(vault: Any, **more: Any) -> dict[str, Any]:
    return {"location": "europe-west1", "project": "app", "backupVault": vault, "resourceType": _SQL, **more}


def _vault(region: str, project: str = "backups") -> Sample:
    return Sample(VAULT, {"location": region, "project": project, "backupVaultId": "vault"}, "vault")


def _where(plan: Resource, part: str, field: str) -> str:
    """A part of the vault's name, or the property of the vault in this stack that decides it."""
    vaults = linked(plan, "backupVault", VAULT) if plan.has("backupVault") else []
    if vaults:
        return vaults[0].text(field) or ""
    if not plan.known("backupVault"):
        raise UnknownValue("backupVault")
    found = re.search(rf"{part}/([^/]+)", plan.text("backupVault") or "")
    return found.group(1) if found else ""


_EDGE: Final = {"backupVault": ("vault",)}


@rule(
    id="backup-plan-elsewhere",
    clause="BAK-3",
    title="Backup plans of databases keep the backups in another region than the database",
    severity="high",
    types=(PLAN,),
    decides=("backupVault",),
    fix="backup_vault=vault.id  # a vault in the backup region",
    sources=(_DOCS,),
    graph=True,
    good=(
        (Sample(PLAN, _plan(UNKNOWN), "plan", _EDGE), _vault("europe-west4")),
        Sample(PLAN, _plan("projects/backups/locations/europe-west4/backupVaults/vault")),
    ),
    bad=(
        (Sample(PLAN, _plan(UNKNOWN), "plan", _EDGE), _vault("europe-west1")),
        Sample(PLAN, _plan("projects/backups/locations/europe-west1/backupVaults/vault")),
    ),
    not_applicable=({"resourceType": "compute.googleapis.com/Instance"},),
)
def elsewhere(plan: Resource) -> Iterator[Finding]:
    """A plan lies in the region of what it backs up. One outage must not take the data and the way back."""
    if reason := _other_kind(plan):
        yield skip(reason)
        return
    home, vault = plan.text("location") or "", _where(plan, "locations", "location")
    if not vault or vault == home:
        yield fail(plan, "backupVault", f"lies in {vault}, beside the data" if vault else "is not set")


@rule(
    id="backup-plan-apart",
    clause="BAK-4",
    title="Backup plans of databases keep the backups in another project than the database",
    severity="high",
    types=(PLAN,),
    decides=("backupVault",),
    fix="backup_vault=vault.id  # a vault in the backups' own project",
    sources=(_DOCS,),
    graph=True,
    good=((Sample(PLAN, _plan(UNKNOWN), "plan", _EDGE), _vault("europe-west4")),),
    bad=(
        (Sample(PLAN, _plan(UNKNOWN), "plan", _EDGE), _vault("europe-west4", "app")),
        Sample(PLAN, _plan("projects/app/locations/europe-west4/backupVaults/vault")),
    ),
    not_applicable=({"resourceType": "compute.googleapis.com/Instance"},),
)
def apart(plan: Resource) -> Iterator[Finding]:
    """Whoever administers the project of the database must not be able to reach its backups."""
    if reason := _other_kind(plan):
        yield skip(reason)
        return
    home, vault = plan.text("project") or "", _where(plan, "projects", "project")
    if not vault or vault == home:
        yield fail(plan, "backupVault", f"lies in {vault}, the project of the data" if vault else "is not set")
