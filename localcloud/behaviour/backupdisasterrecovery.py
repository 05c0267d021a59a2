"""Backup plans: attaching one changes what it is attached to."""

from __future__ import annotations

import copy
from dataclasses import replace

from localcloud.behaviour import Request, on

INSTANCE = "gcp:sql/databaseInstance:DatabaseInstance"


@on("created", "gcp:backupdisasterrecovery/backupPlanAssociation:BackupPlanAssociation")
def a_plan_takes_over_the_backups_of_a_database(request: Request) -> None:
    """Attaching a plan to a Cloud SQL instance turns its own backups off, out of band."""
    named = str(request.get("resource"))
    instance = request.store.get(INSTANCE, named.rsplit("/", 1)[-1]) if "/instances/" in named else None
    if instance is not None:
        properties = copy.deepcopy(instance.properties)
        properties.setdefault("settings", {}).setdefault("backupConfiguration", {})["enabled"] = False
        request.store.put(replace(instance, properties=properties))
