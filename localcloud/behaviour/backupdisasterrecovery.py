"""Backup plans: attaching one changes what it is attached to, and vaults let nobody take away what they hold."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import replace

from localcloud.behaviour import Request, on
from localcloud.behaviour.common import resolve
from localcloud.errors import not_found, refused

INSTANCE = "gcp:sql/databaseInstance:DatabaseInstance"
ASSOCIATION = "gcp:backupdisasterrecovery/backupPlanAssociation:BackupPlanAssociation"
PLAN = "gcp:backupdisasterrecovery/backupPlan:BackupPlan"
VAULT = "gcp:backupdisasterrecovery/backupVault:BackupVault"


@on("created", VAULT)
def a_vault_has_an_account(request: Request) -> None:
    """With it the vault makes backups elsewhere; it needs grants there."""
    digits = int(hashlib.sha256(request.id.encode()).hexdigest()[:10], 16)
    request.properties["serviceAccount"] = f"vault-{digits}-1@gcp-sa-backupdr-pr.iam.gserviceaccount.com"


@on("create", PLAN)
def a_plan_keeps_what_its_vault_enforces(request: Request) -> None:
    """Backups shorter than the vault enforces are refused."""
    vault = resolve(request.store, VAULT, str(request.get("backupVault")), request.project)
    if vault is None:
        return
    enforced = int(str(vault.properties.get("backupMinimumEnforcedRetentionDuration", "0s")).rstrip("s"))
    for rule in request.get("backupRules") or []:
        if int(rule.get("backupRetentionDays") or 0) * 86400 < enforced:
            raise refused(
                f"backupRetentionDays of rule {rule.get('ruleId')} is below the minimum enforced retention of the vault"
            )


@on("create", ASSOCIATION)
def an_association_joins_two_that_exist(request: Request) -> None:
    """In one region: a plan backs up what lies beside it."""
    plan = resolve(request.store, PLAN, str(request.get("backupPlan")), request.project)
    named = str(request.get("resource"))
    if "/instances/" in named and "sqladmin" in str(request.get("resourceType")):
        instance = request.store.get(INSTANCE, named.rsplit("/", 1)[-1])
        if instance is None:
            raise not_found(f"The resource '{named}' of the backup plan association {request.name}")
        if plan is not None and instance.properties.get("region") != plan.properties.get("location"):
            raise refused("The backup plan and the Cloud SQL instance must be in the same region")


@on("delete", VAULT)
def a_vault_in_use_stays(request: Request) -> None:
    """A vault is not deleted while plans refer to it, unless that is said."""
    if any(str(p.properties.get("backupVault")) == request.id for p in request.store.find(PLAN)):
        raise refused(f"The backup vault {request.id} is referred to by backup plans: delete those first")


@on("created", ASSOCIATION)
def a_plan_takes_over_the_backups_of_a_database(request: Request) -> None:
    """Attaching a plan to a Cloud SQL instance turns its own backups off, out of band."""
    named = str(request.get("resource"))
    instance = request.store.get(INSTANCE, named.rsplit("/", 1)[-1]) if "/instances/" in named else None
    if instance is not None:
        properties = copy.deepcopy(instance.properties)
        properties.setdefault("settings", {}).setdefault("backupConfiguration", {})["enabled"] = False
        request.store.put(replace(instance, properties=properties))
